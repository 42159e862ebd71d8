// Bundles from files that change and from endpoints that rotate, lie or fail, over real TLS on loopback.
#include "spiffe/bundle_source.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/hash.hpp"
#include "base/ids.hpp"
#include "certificates.hpp"
#include "net/http_server.hpp"
#include "spiffe/authority.hpp"

namespace interlock::spiffe {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr std::int64_t kDay = 86'400'000;
constexpr std::int64_t kPatienceNs = 20'000'000'000;
constexpr auto kEndpoint = "spiffe://example.org/bundles";

class BundleSourceTest : public ::testing::Test {
 protected:
  struct Answer {
    int status = 200;
    net::Headers headers = {};
    std::string body = {};
  };

  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("interlock-source-" + to_hex(random_bytes(8)));
    fs::create_directory(folder_);
    vault_ = std::make_unique<store::SealedStore>(*store_, std::move(*store::MasterKey::open_file(folder_ / "master.key")));
    clock_.advance_ms(SystemClock().now_ms() - clock_.now_ms());
    authority_ = std::move(*Authority::open({.trust_domain = "example.org"}, *vault_, clock_));
    answer_.body = bundle_text(authority_->bundle());
  }
  void TearDown() override {
    source_.reset();
    server_.reset();
    fs::remove_all(folder_);
  }

  static Bundle with_sequence(Bundle bundle, std::uint64_t sequence) {
    bundle.sequence = sequence;
    return bundle;
  }
  static net::TlsCertificate shown(const X509Svid& svid) { return {svid.chain_pem, svid.key_pem}; }

  void serve(const X509Svid& svid) {
    tls_ = *net::TlsServer::create(shown(svid), false);
    server_ = std::make_unique<net::HttpServer>(
        loop_, net::HttpServerOptions{}, [this](const net::HttpRequest& request, const std::shared_ptr<net::HttpExchange>& exchange) {
          ++asked_[request.path];
          const auto& answer = request.path == "/elsewhere" ? elsewhere_ : answer_;
          exchange->start(answer.status, answer.headers);
          exchange->write(answer.body);
          exchange->end();
        });
    const auto port = server_->listen_tls("127.0.0.1", 0, tls_);
    ASSERT_TRUE(port) << port.error().text();
    port_ = *port;
  }
  void serve() { serve(*authority_->issue_server(*SpiffeId::parse(kEndpoint), {"127.0.0.1"})); }
  std::string url(const std::string& path = "/bundle") const { return "https://127.0.0.1:" + std::to_string(port_) + path; }

  fs::path write(const std::string& name, const std::string& text) const {
    const auto path = folder_ / name;
    std::ofstream(path.string() + ".new") << text;
    fs::rename(path.string() + ".new", path);
    return path;
  }
  std::string root_file() const { return write("root.pem", certificate_to_pem(authority_->bundle().x509_authorities.at(0))).string(); }
  BundlePlace web() const { return {.trust_domain = "example.org", .url = url(), .ca_file = root_file()}; }
  BundlePlace spiffe() const {
    return {.trust_domain = "example.org",
            .url = url(),
            .endpoint_id = kEndpoint,
            .first = write("first.json", bundle_text(authority_->bundle()))};
  }

  Status open(const BundlePlace& place) {
    source_.reset();
    seen_.clear();
    auto source = BundleSource::open(loop_, place, [this](Bundle bundle) { seen_.push_back(std::move(bundle)); },
                                     {.look_ms = 10, .soonest_refresh_ms = 1, .latest_refresh_ms = 20, .first_pause_ms = 5});
    if (!source) return fail(std::move(source.error()));
    source_ = std::move(*source);
    return {};
  }
  template <typename Condition>
  bool comes(Condition condition) {
    const auto end = steady_ns() + kPatienceNs;
    while (!condition()) {
      if (steady_ns() > end) return false;
      if (loop_.poll() == 0) ::usleep(500);
    }
    return true;
  }
  bool well() { return source_->trouble().empty(); }
  bool troubled_by(std::string_view what) {
    return comes([&] { return source_->trouble().find(what) != std::string::npos; });
  }

  fs::path folder_;
  net::Loop loop_;
  ManualClock clock_;
  std::unique_ptr<store::Store> store_ = store::open_memory_store();
  std::unique_ptr<store::SealedStore> vault_;
  std::unique_ptr<Authority> authority_;
  Answer answer_;
  Answer elsewhere_;
  std::map<std::string, int> asked_;
  std::shared_ptr<net::TlsServer> tls_;
  std::unique_ptr<net::HttpServer> server_;
  std::uint16_t port_ = 0;
  std::unique_ptr<BundleSource> source_;
  std::vector<Bundle> seen_;
};

// ---- files ------------------------------------------------------------------------------------------------------------------

TEST_F(BundleSourceTest, AFileIsReadAtOnceAndAgainWhenItChanges) {
  const auto first = authority_->bundle();
  const auto path = write("bundle.json", bundle_text(first));
  ASSERT_TRUE(open({.trust_domain = "example.org", .file = path}));
  ASSERT_EQ(seen_.size(), 1U);
  EXPECT_EQ(seen_[0].x509_authorities, first.x509_authorities);
  EXPECT_TRUE(well());
  clock_.advance_ms(4 * kDay);
  ASSERT_TRUE(*authority_->tick());
  write("bundle.json", bundle_text(authority_->bundle()));
  ASSERT_TRUE(comes([&] { return seen_.size() == 2; }));
  EXPECT_EQ(seen_[1].x509_authorities.size(), 2U);
}

TEST_F(BundleSourceTest, AFileMayBePem) {
  ASSERT_TRUE(open({.trust_domain = "example.org", .file = root_file()}));
  EXPECT_EQ(seen_.at(0).x509_authorities, authority_->bundle().x509_authorities);
}

TEST_F(BundleSourceTest, AFileThatBreaksOrVanishesLeavesTheOldBundleInForceAndIsSaid) {
  const auto path = write("bundle.json", bundle_text(authority_->bundle()));
  ASSERT_TRUE(open({.trust_domain = "example.org", .file = path}));
  write("bundle.json", "{");
  ASSERT_TRUE(troubled_by("strict JSON")) << source_->trouble();
  fs::remove(path);
  ASSERT_TRUE(troubled_by("No such file")) << source_->trouble();
  write("bundle.json", bundle_text(authority_->bundle()));
  ASSERT_TRUE(comes([&] { return well(); }));
  write("bundle.json", bundle_text(with_sequence(authority_->bundle(), 0)));
  ASSERT_TRUE(troubled_by("sequence 0, and 1 is in force")) << source_->trouble();
  EXPECT_EQ(seen_.size(), 1U);
}

TEST_F(BundleSourceTest, AFileThatCannotBeBelievedAtFirstIsAnError) {
  EXPECT_FALSE(open({.trust_domain = "example.org", .file = folder_ / "none"}));
  EXPECT_FALSE(open({.trust_domain = "example.org", .file = write("bad", "{")}));
  EXPECT_FALSE(open({.trust_domain = "example.org", .file = folder_}));
  EXPECT_FALSE(open({.trust_domain = "example.org", .file = write("huge", std::string(kBundleBytes + 1, ' '))}));
  const auto writable = write("writable.json", bundle_text(authority_->bundle()));
  fs::permissions(writable, fs::perms::others_write, fs::perm_options::add);
  EXPECT_EQ(open({.trust_domain = "example.org", .file = writable}).error().code, ErrorCode::kDenied);
}

TEST_F(BundleSourceTest, APlaceThatContradictsItselfIsRefused) {
  const auto file = root_file();
  const BundlePlace cases[] = {
      {.trust_domain = "Example.org", .file = file},
      {.trust_domain = "example.org"},
      {.trust_domain = "example.org", .file = file, .url = "https://x.example"},
      {.trust_domain = "example.org", .url = "http://x.example"},
      {.trust_domain = "example.org", .url = "https://user@x.example"},
      {.trust_domain = "example.org", .url = "ftp://x.example"},
      {.trust_domain = "example.org", .url = "https://x.example", .endpoint_id = kEndpoint},
      {.trust_domain = "example.org", .url = "https://x.example", .first = file},
      {.trust_domain = "example.org", .url = "https://x.example", .endpoint_id = "web", .first = file},
      {.trust_domain = "example.org", .url = "https://x.example", .endpoint_id = kEndpoint, .first = folder_ / "none"},
      {.trust_domain = "example.org", .file = file, .endpoint_id = kEndpoint, .first = file},
  };
  for (const auto& place : cases) EXPECT_FALSE(open(place)) << place.url << place.endpoint_id;
}

// ---- https_web --------------------------------------------------------------------------------------------------------------

TEST_F(BundleSourceTest, AnEndpointIsAskedAgainAsItHints) {
  serve();
  ASSERT_TRUE(open(web()));
  EXPECT_FALSE(well());
  ASSERT_TRUE(comes([&] { return seen_.size() == 1; })) << source_->trouble();
  EXPECT_TRUE(well());
  answer_.body = bundle_text(with_sequence(authority_->bundle(), 2));
  ASSERT_TRUE(comes([&] { return seen_.size() == 2; }));
  EXPECT_EQ(seen_[1].sequence, 2U);
  const auto before = asked_["/bundle"];
  ASSERT_TRUE(comes([&] { return asked_["/bundle"] > before + 1; }));
  EXPECT_EQ(seen_.size(), 2U) << "what is unchanged is not told again";
}

TEST_F(BundleSourceTest, AnEmptiedBundleIsTakenAndTrustsNobody) {
  serve();
  ASSERT_TRUE(open(web()));
  ASSERT_TRUE(comes([&] { return seen_.size() == 1; }));
  answer_.body = R"({"keys":[],"spiffe_sequence":9,"spiffe_refresh_hint":1})";
  ASSERT_TRUE(comes([&] { return seen_.size() == 2; }));
  EXPECT_TRUE(seen_[1].x509_authorities.empty());
}

TEST_F(BundleSourceTest, AnswersThatAreNoNewerBundleLeaveTheOldOneInForce) {
  serve();
  answer_.body = bundle_text(with_sequence(authority_->bundle(), 5));
  ASSERT_TRUE(open(web()));
  ASSERT_TRUE(comes([&] { return seen_.size() == 1; }));
  const struct {
    Answer answer;
    std::string trouble;
  } cases[] = {
      {{.body = "<html>"}, "strict JSON"},
      {{.status = 500, .body = answer_.body}, "status 500"},
      {{.status = 204}, "status 204"},
      {{.body = bundle_text(with_sequence(authority_->bundle(), 4))}, "sequence 4, and 5 is in force"},
      {{.body = std::string(kBundleBytes + 1, ' ')}, "4 MiB"},
      {{.status = 302, .headers = {{"Location", "http://127.0.0.1/elsewhere"}}}, "no bundle endpoint"},
      {{.status = 302, .headers = {{"Location", "https://user@127.0.0.1/elsewhere"}}}, "no bundle endpoint"},
      {{.status = 302, .headers = {{"Location", "//evil.example/"}}}, "no bundle endpoint"},
      {{.status = 302}, "no bundle endpoint"},
      {{.status = 307, .headers = {{"Location", "/bundle"}}}, "too often"},
  };
  const auto sound = answer_;
  for (const auto& c : cases) {
    answer_ = c.answer;
    EXPECT_TRUE(troubled_by(c.trouble)) << c.trouble << " is not in " << source_->trouble();
    answer_ = sound;
    ASSERT_TRUE(comes([&] { return well(); }));
  }
  EXPECT_EQ(seen_.size(), 1U);
}

TEST_F(BundleSourceTest, ARedirectIsFollowedForThisOnce) {
  serve();
  elsewhere_.body = answer_.body;
  answer_ = {.status = 301, .headers = {{"Location", "/elsewhere"}}};
  ASSERT_TRUE(open(web()));
  ASSERT_TRUE(comes([&] { return seen_.size() == 1; })) << source_->trouble();
  ASSERT_TRUE(comes([&] { return asked_["/bundle"] >= 2; })) << "the next time it begins at its own address";
  answer_.headers = {{"Location", url("/elsewhere")}};
  const auto before = asked_["/elsewhere"];
  ASSERT_TRUE(comes([&] { return asked_["/elsewhere"] > before + 1; }));
  EXPECT_TRUE(well());
}

TEST_F(BundleSourceTest, AnEndpointWhoseCertificateTheWebDoesNotVouchForIsRefused) {
  serve();
  auto place = web();
  place.ca_file.clear();
  ASSERT_TRUE(open(place));
  EXPECT_TRUE(troubled_by("cannot be reached")) << source_->trouble();
  EXPECT_TRUE(seen_.empty());
  serve(*authority_->issue_server(*SpiffeId::parse(kEndpoint), {"other.example"}));
  ASSERT_TRUE(open(web()));
  EXPECT_TRUE(troubled_by("cannot be reached")) << source_->trouble();
  EXPECT_TRUE(seen_.empty());
}

TEST_F(BundleSourceTest, TheLastGoodBundleOutlivesARestartInItsCache) {
  serve();
  auto place = web();
  place.cache = folder_ / "cache.json";
  ASSERT_TRUE(open(place));
  ASSERT_TRUE(comes([&] { return fs::exists(place.cache) && well(); })) << source_->trouble();
  server_.reset();
  ASSERT_TRUE(open(place));
  ASSERT_EQ(seen_.size(), 1U) << "before the endpoint has answered";
  EXPECT_EQ(seen_[0].x509_authorities, authority_->bundle().x509_authorities);
  ASSERT_TRUE(troubled_by("cannot be reached")) << source_->trouble();
  // A cache that somebody else could have written decides nothing.
  fs::permissions(place.cache, fs::perms::group_write, fs::perm_options::add);
  ASSERT_TRUE(open(place));
  EXPECT_TRUE(seen_.empty());
  EXPECT_THAT(source_->trouble(), HasSubstr("others can write"));
}

// ---- https_spiffe -----------------------------------------------------------------------------------------------------------

TEST_F(BundleSourceTest, AnEndpointIsBelievedByTheBundleItServedBefore) {
  // No name of its certificate is that of its address: the SPIFFE ID alone counts.
  serve(*authority_->issue_x509(*SpiffeId::parse(kEndpoint)));
  ASSERT_TRUE(open(spiffe()));
  ASSERT_EQ(seen_.size(), 1U) << "the bundle to begin with is in force at once";
  ASSERT_TRUE(comes([&] { return well() && asked_["/bundle"] > 0; })) << source_->trouble();
  // The endpoint's authority changes to one that only the bundle served before has told of.
  store::SealedStore other_vault(*store_, std::move(*store::MasterKey::open_file(folder_ / "other.key")));
  const auto other_store = store::open_memory_store();
  store::SealedStore vault(*other_store, std::move(*store::MasterKey::open_file(folder_ / "master.key")));
  const auto next = std::move(*Authority::open({.trust_domain = "example.org"}, vault, clock_));
  auto both = authority_->bundle();
  both.sequence = 10;
  both.x509_authorities.push_back(next->bundle().x509_authorities.at(0));
  answer_.body = bundle_text(both);
  ASSERT_TRUE(comes([&] { return seen_.back().sequence == 10; })) << source_->trouble();
  ASSERT_TRUE(tls_->replace(shown(*next->issue_x509(*SpiffeId::parse(kEndpoint)))));
  const auto before = asked_["/bundle"];
  ASSERT_TRUE(comes([&] { return asked_["/bundle"] > before + 1; })) << source_->trouble();
  EXPECT_TRUE(well()) << source_->trouble();
}

TEST_F(BundleSourceTest, AnEndpointOfAnotherIdOrAuthorityIsRefused) {
  serve(*authority_->issue_x509(*SpiffeId::parse("spiffe://example.org/other")));
  ASSERT_TRUE(open(spiffe()));
  EXPECT_TRUE(troubled_by("is spiffe://example.org/other, not " + std::string(kEndpoint))) << source_->trouble();
  EXPECT_EQ(asked_["/bundle"], 0);

  const auto other_store = store::open_memory_store();
  store::SealedStore vault(*other_store, std::move(*store::MasterKey::open_file(folder_ / "master.key")));
  const auto stranger = std::move(*Authority::open({.trust_domain = "example.org"}, vault, clock_));
  serve(*stranger->issue_x509(*SpiffeId::parse(kEndpoint)));
  ASSERT_TRUE(open(spiffe()));
  EXPECT_TRUE(troubled_by("does not lead to an authority of example.org") || troubled_by("breaks RFC 5280")) << source_->trouble();
  EXPECT_EQ(asked_["/bundle"], 0);
}

TEST_F(BundleSourceTest, AnEndpointOfAnotherTrustDomainIsBelievedByThatDomainsBundle) {
  const auto other_store = store::open_memory_store();
  store::SealedStore vault(*other_store, std::move(*store::MasterKey::open_file(folder_ / "master.key")));
  const auto host = std::move(*Authority::open({.trust_domain = "host.example"}, vault, clock_));
  serve(*host->issue_x509(*SpiffeId::parse("spiffe://host.example/bundles")));
  ASSERT_TRUE(open({.trust_domain = "example.org",
                    .url = url(),
                    .endpoint_id = "spiffe://host.example/bundles",
                    .first = write("host.json", bundle_text(host->bundle()))}));
  EXPECT_TRUE(seen_.empty()) << "the host's authorities are none of the domain's";
  ASSERT_TRUE(comes([&] { return seen_.size() == 1; })) << source_->trouble();
  EXPECT_EQ(seen_[0].trust_domain, "example.org");
  EXPECT_EQ(seen_[0].x509_authorities, authority_->bundle().x509_authorities);
}

TEST_F(BundleSourceTest, ASourceMayEndAtAnyTime) {
  serve();
  for (int round = 0; round < 30; ++round) {
    ASSERT_TRUE(open(web()));
    for (int turn = 0; turn < round; ++turn) loop_.poll();
    source_.reset();
  }
  ASSERT_TRUE(open(web()));
  EXPECT_TRUE(comes([&] { return well(); }));
}

}  // namespace
}  // namespace interlock::spiffe
