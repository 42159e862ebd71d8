#include "spiffe/authority.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "base/hash.hpp"
#include "base/ids.hpp"
#include "jose/token.hpp"
#include "spiffe/certificate.hpp"
#include "spiffe/generation.hpp"

namespace interlock::spiffe {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kDay = 86'400'000;
constexpr auto kGate = "https://gate.example";

std::string run(const std::string& command) {
  std::string out;
  FILE* const pipe = ::popen((command + " 2>&1").c_str(), "r");
  std::array<char, 4096> buffer{};
  while (const auto count = std::fread(buffer.data(), 1, buffer.size(), pipe)) out.append(buffer.data(), count);
  ::pclose(pipe);
  return out;
}

class AuthorityTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("interlock-authority-" + to_hex(random_bytes(8)));
    fs::create_directory(folder_);
    store_ = std::move(*store::open_sqlite_store(folder_ / "store.db"));
    vault_ = std::make_unique<store::SealedStore>(*store_, std::move(*store::MasterKey::open_file(folder_ / "master.key")));
  }
  void TearDown() override {
    vault_.reset();
    store_.reset();
    fs::remove_all(folder_);
  }

  std::unique_ptr<Authority> open() { return open({.trust_domain = "example.org"}); }
  std::unique_ptr<Authority> open(AuthorityOptions options) {
    auto authority = Authority::open(std::move(options), *vault_, clock_);
    EXPECT_TRUE(authority) << authority.error().text();
    return authority ? std::move(*authority) : nullptr;
  }
  static SpiffeId id(std::string_view text = "spiffe://example.org/web") { return *SpiffeId::parse(text); }
  static std::vector<std::string> ders(const X509Svid& svid) { return *certificates_from_pem(svid.chain_pem, kChainCertificates); }
  Result<VerifiedSvid> verify(const X509Svid& svid, const Bundle& bundle) const {
    return verify_x509_svid(ders(svid), BundleSet({bundle}), clock_.now_ms());
  }
  Result<VerifiedSvid> verify(const std::string& token, const Bundle& bundle) const {
    return verify_jwt_svid(token, kGate, BundleSet({bundle}), clock_.now_ms());
  }
  fs::path write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
    return folder_ / name;
  }

  fs::path folder_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<store::SealedStore> vault_;
  ManualClock clock_{1'800'000'000'000};
};

TEST_F(AuthorityTest, WhatItIssuesIsBelievedByItsBundle) {
  const auto authority = open();
  const auto svid = authority->issue_x509(id());
  ASSERT_TRUE(svid) << svid.error().text();
  const auto verified = verify(*svid, authority->bundle());
  ASSERT_TRUE(verified) << verified.error().text();
  EXPECT_EQ(verified->id, id());
  EXPECT_EQ(verified->expires_ms, clock_.now_ms() + 3'600'000);
  EXPECT_EQ(svid->expires_ms, verified->expires_ms);
  const auto token = authority->issue_jwt(id(), {kGate, "another"});
  ASSERT_TRUE(token) << token.error().text();
  const auto believed = verify(*token, authority->bundle());
  ASSERT_TRUE(believed) << believed.error().text();
  EXPECT_EQ(believed->expires_ms, clock_.now_ms() + 300'000);
  EXPECT_NE(*token, *authority->issue_jwt(id(), {kGate, "another"})) << "each has a jti of its own";
}

TEST_F(AuthorityTest, TheBundleReadsBackFromItsDocument) {
  const auto authority = open();
  const auto svid = authority->issue_x509(id());
  const auto bundle = parse_bundle("example.org", bundle_text(authority->bundle()));
  ASSERT_TRUE(bundle) << bundle.error().text();
  EXPECT_TRUE(verify(*svid, *bundle));
  EXPECT_TRUE(verify(*authority->issue_jwt(id(), {kGate}), *bundle));
  EXPECT_EQ(bundle->sequence, 1U);
}

TEST_F(AuthorityTest, ItSignsForItsOwnTrustDomainAndForWorkloadsAlone) {
  const auto authority = open();
  for (const auto* text : {"spiffe://other.org/web", "spiffe://sub.example.org/web", "spiffe://example.org"}) {
    EXPECT_EQ(authority->issue_x509(id(text)).error().code, ErrorCode::kInvalid) << text;
    EXPECT_EQ(authority->issue_server(id(text), {}).error().code, ErrorCode::kInvalid) << text;
    EXPECT_EQ(authority->issue_jwt(id(text), {kGate}).error().code, ErrorCode::kInvalid) << text;
  }
  EXPECT_FALSE(authority->issue_x509(SpiffeId()));
  EXPECT_FALSE(authority->issue_jwt(id(), {}));
  EXPECT_FALSE(authority->issue_jwt(id(), {""}));
  EXPECT_FALSE(authority->issue_jwt(id(), std::vector<std::string>(17, kGate)));
}

TEST_F(AuthorityTest, AServersNamesStandBesideItsIdAndNoNameCanWriteMore) {
  const auto authority = open();
  const auto svid = authority->issue_server(id(), {"gate.example", "*.gate.example", "127.0.0.1", "::1", "localhost"});
  ASSERT_TRUE(svid) << svid.error().text();
  EXPECT_TRUE(verify(*svid, authority->bundle()));
  const auto text = run("openssl x509 -noout -text -in " + write("server.pem", svid->chain_pem).string());
  EXPECT_NE(
      text.find("URI:spiffe://example.org/web, DNS:gate.example, DNS:*.gate.example, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, "
                "DNS:localhost"),
      std::string::npos)
      << text;
  for (const auto* name :
       {"", ".", "a..b", "a,URI:spiffe://example.org/admin", "a b", "@section", "*", "*.*.a", "a.*.b", "ä.example", "a\nb", "-a/b"}) {
    EXPECT_EQ(authority->issue_server(id(), {name}).error().code, ErrorCode::kInvalid) << name;
  }
}

TEST_F(AuthorityTest, OpensslVerifiesTheChainAndReadsTheFormsOfTheStandard) {
  // The command has its own idea of the time, so the authority works in the present.
  clock_.advance_ms(SystemClock().now_ms() - clock_.now_ms());
  const auto authority = open();
  const auto svid = authority->issue_x509(id());
  ASSERT_TRUE(svid);
  const auto root_pem = certificate_to_pem(authority->bundle().x509_authorities.at(0));
  const auto root = write("root.pem", root_pem).string();
  const auto leaf = write("leaf.pem", svid->chain_pem).string();
  for (const auto* purpose : {"sslclient", "sslserver"}) {
    const auto verdict =
        run("openssl verify -x509_strict -check_ss_sig -auth_level 2 -purpose " + std::string(purpose) + " -CAfile " + root + " " + leaf);
    EXPECT_NE(verdict.find("leaf.pem: OK"), std::string::npos) << verdict;
  }
  const auto leaf_text = run("openssl x509 -noout -text -in " + leaf);
  for (const auto* part : {"CA:FALSE", "X509v3 Key Usage: critical\n                Digital Signature\n",
                           "TLS Web Server Authentication, TLS Web Client Authentication", "URI:spiffe://example.org/web\n",
                           "ecdsa-with-SHA256", "ASN1 OID: prime256v1", "X509v3 Authority Key Identifier"}) {
    EXPECT_NE(leaf_text.find(part), std::string::npos) << part << " is not in " << leaf_text;
  }
  const auto root_text = run("openssl x509 -noout -text -in " + root);
  for (const auto* part : {"X509v3 Basic Constraints: critical\n                CA:TRUE, pathlen:0",
                           "X509v3 Key Usage: critical\n                Certificate Sign, CRL Sign\n", "URI:spiffe://example.org\n",
                           "X509v3 Name Constraints: critical\n                Permitted:\n                  URI:example.org"}) {
    EXPECT_NE(root_text.find(part), std::string::npos) << part << " is not in " << root_text;
  }
  // The key is the certificate's, in PKCS#8.
  const auto key = write("key.pem", svid->key_pem).string();
  EXPECT_EQ(run("openssl pkey -pubout -in " + key), run("openssl x509 -noout -pubkey -in " + leaf));
  EXPECT_TRUE(svid->key_pem.starts_with("-----BEGIN PRIVATE KEY-----"));
}

TEST_F(AuthorityTest, ATrustDomainThatNoConstraintCanNameWorksWithoutOne) {
  for (const auto* domain : {"10.0.0.1", "a..b", "plain", "under_score.example", "trailing."}) {
    const auto authority = open({.trust_domain = domain});
    const auto svid = authority->issue_x509(*SpiffeId::parse("spiffe://" + std::string(domain) + "/web"));
    ASSERT_TRUE(svid) << domain << ": " << svid.error().text();
    const auto verified = verify(*svid, authority->bundle());
    EXPECT_TRUE(verified) << domain << ": " << verified.error().text();
  }
}

TEST_F(AuthorityTest, KeysOutliveARestartAndAreSealedAtRest) {
  const auto before = open();
  const auto svid = before->issue_x509(id());
  const auto after = open();
  EXPECT_EQ(bundle_text(after->bundle()), bundle_text(before->bundle()));
  EXPECT_TRUE(verify(*svid, after->bundle()));
  const auto raw = store_->get("authority", "example.org");
  ASSERT_TRUE(raw && *raw);
  EXPECT_EQ((*raw)->value.find("PRIVATE KEY"), std::string::npos);
  EXPECT_EQ((*raw)->value.find("certificate"), std::string::npos);
}

TEST_F(AuthorityTest, AVaultThatDoesNotOpenIsAnErrorAndNeverAReasonForNewKeys) {
  const auto sequence = open()->bundle().sequence;
  store::SealedStore other(*store_, std::move(*store::MasterKey::open_file(folder_ / "other.key")));
  EXPECT_EQ(Authority::open({.trust_domain = "example.org"}, other, clock_).error().code, ErrorCode::kDenied);
  EXPECT_EQ(open()->bundle().sequence, sequence);
  for (const auto* text :
       {"", "junk", "{}\n", "{\"version\":2,\"sequence\":1,\"generations\":[]}\n", "{\"version\":1,\"sequence\":1,\"generations\":[{}]}\n",
        "{\"version\":1,\"sequence\":-1,\"generations\":[]}\n"}) {
    ASSERT_TRUE(vault_->put("authority", "example.org", text));
    EXPECT_EQ(Authority::open({.trust_domain = "example.org"}, *vault_, clock_).error().code, ErrorCode::kInvalid) << text;
  }
}

TEST_F(AuthorityTest, ARecordWhoseKeysAreNotItsCertificatesIsRefused) {
  AuthorityRecord record;
  ASSERT_TRUE(rotate(record, "example.org", 7 * kDay, clock_.now_ms()));
  const auto sound = record_text(record);
  ASSERT_TRUE(sound && read_record(*sound));
  record.generations[0].x509_key = *jose::PrivateKey::generate(jose::Algorithm::kEs256);
  EXPECT_FALSE(read_record(*record_text(record)));
  for (std::size_t size = 0; size < sound->size(); size += 11) EXPECT_FALSE(read_record(sound->substr(0, size))) << size;
}

TEST_F(AuthorityTest, TheNextKeyIsPublishedBeforeItSignsAndTheLastStaysUntilNothingOfItIsValid) {
  const auto authority = open();
  const auto first = authority->bundle();
  const auto start = clock_.now_ms();
  const auto at = [&](std::int64_t days_tenths) { clock_.advance_ms(start + days_tenths * kDay / 10 - clock_.now_ms()); };
  const auto kid_of = [&] { return jose::parse_token(*authority->issue_jwt(id(), {kGate}))->kid; };
  const auto first_kid = kid_of();

  at(34);
  EXPECT_FALSE(*authority->tick()) << "before half of the life";
  at(36);
  EXPECT_TRUE(*authority->tick()) << "at half of the life";
  EXPECT_FALSE(*authority->tick());
  const auto both = authority->bundle();
  EXPECT_EQ(both.x509_authorities.size(), 2U);
  EXPECT_EQ(both.jwt_authorities.keys().size(), 2U);
  EXPECT_EQ(both.sequence, *first.sequence + 1);
  EXPECT_EQ(kid_of(), first_kid) << "published, and not signing yet";
  at(52);
  EXPECT_EQ(kid_of(), first_kid);
  const auto last_of_first = authority->issue_x509(id());
  at(53);
  EXPECT_NE(kid_of(), first_kid) << "in the last quarter its successor signs";
  const auto of_second = authority->issue_x509(id());
  EXPECT_TRUE(verify(*of_second, both)) << "by those who hold the bundle of half of the life";
  EXPECT_FALSE(verify(*of_second, first));
  clock_.advance_ms(-kDay / 10);
  EXPECT_TRUE(verify(*last_of_first, authority->bundle()));
  at(71);
  EXPECT_TRUE(*authority->tick()) << "the first has ended";
  EXPECT_EQ(authority->bundle().x509_authorities.size(), 1U);
  EXPECT_EQ(authority->bundle().sequence, *both.sequence + 1);
}

TEST_F(AuthorityTest, AcrossAYearNoIssuedSvidIsEverRefusedByABundleSeenMinutesBefore) {
  const auto authority = open();
  auto bundle_before = authority->bundle();
  for (int step = 0; step < 4 * 365; ++step) {
    clock_.advance_ms(kDay / 4);
    ASSERT_TRUE(authority->tick());
    const auto svid = authority->issue_x509(id());
    const auto token = authority->issue_jwt(id(), {kGate});
    ASSERT_TRUE(verify(*svid, bundle_before)) << "step " << step;
    ASSERT_TRUE(verify(*token, bundle_before)) << "step " << step;
    const auto issued_at = clock_.now_ms();
    clock_.advance_ms(3'540'000);  // near its end
    ASSERT_TRUE(authority->tick());
    ASSERT_TRUE(verify(*svid, authority->bundle())) << "step " << step;
    clock_.advance_ms(issued_at - clock_.now_ms());
    bundle_before = authority->bundle();
    ASSERT_LE(bundle_before.x509_authorities.size(), 2U);
  }
}

TEST_F(AuthorityTest, AfterALongPauseItBeginsAnew) {
  const auto authority = open();
  const auto first = authority->bundle();
  clock_.advance_ms(30 * kDay);
  EXPECT_EQ(authority->issue_x509(id()).error().code, ErrorCode::kExpired);
  EXPECT_TRUE(*authority->tick());
  const auto svid = authority->issue_x509(id());
  ASSERT_TRUE(svid);
  EXPECT_TRUE(verify(*svid, authority->bundle()));
  EXPECT_FALSE(verify(*svid, first));
}

TEST_F(AuthorityTest, NothingIssuedOutlivesTheKeyThatSignedIt) {
  const auto authority = open();
  clock_.advance_ms(7 * kDay - 600'000);  // ten minutes before the end, and nobody has rotated
  const auto svid = authority->issue_x509(id());
  ASSERT_TRUE(svid);
  EXPECT_EQ(svid->expires_ms, clock_.now_ms() + 600'000);
  clock_.advance_ms(500'000);
  EXPECT_EQ(verify(*authority->issue_jwt(id(), {kGate}), authority->bundle())->expires_ms, clock_.now_ms() + 100'000);
}

TEST_F(AuthorityTest, GatesThatShareAStoreShareItsKeysAndRotateOnce) {
  const auto one = open();
  const auto second_store = std::move(*store::open_sqlite_store(folder_ / "store.db"));
  store::SealedStore second_vault(*second_store, std::move(*store::MasterKey::open_file(folder_ / "master.key")));
  const auto two = std::move(*Authority::open({.trust_domain = "example.org"}, second_vault, clock_));
  EXPECT_EQ(bundle_text(one->bundle()), bundle_text(two->bundle()));
  clock_.advance_ms(4 * kDay);
  EXPECT_TRUE(*one->tick());
  EXPECT_TRUE(*two->tick()) << "it sees what the other wrote";
  EXPECT_FALSE(*one->tick());
  EXPECT_FALSE(*two->tick());
  EXPECT_EQ(bundle_text(one->bundle()), bundle_text(two->bundle()));
  EXPECT_EQ(one->bundle().x509_authorities.size(), 2U);
  EXPECT_TRUE(verify(*one->issue_x509(id()), two->bundle()));
}

TEST_F(AuthorityTest, KeysThatVanishFromTheStoreAreAnError) {
  const auto authority = open();
  ASSERT_TRUE(vault_->remove("authority", "example.org"));
  EXPECT_EQ(authority->tick().error().code, ErrorCode::kConflict);
}

TEST_F(AuthorityTest, OtherTokensCarryTheirOwnTypAndNeverPassForASvid) {
  const auto authority = open();
  const json::object claims{{"sub", "spiffe://example.org/web"}, {"aud", json::array{kGate}}, {"scope", "tools"}};
  const auto token = authority->sign_claims(claims, "at+jwt", 60'000);
  ASSERT_TRUE(token) << token.error().text();
  const auto parsed = jose::parse_token(*token);
  EXPECT_EQ(parsed->typ, "at+jwt");
  EXPECT_EQ(json::string_at(parsed->claims, "scope"), "tools");
  EXPECT_TRUE(json::string_at(parsed->claims, "jti"));
  EXPECT_FALSE(verify(*token, authority->bundle()));
  for (const auto* typ : {"", "JWT", "JOSE", "jwt", "application/Jose"}) EXPECT_FALSE(authority->sign_claims(claims, typ, 60'000)) << typ;
  EXPECT_FALSE(authority->sign_claims(claims, "at+jwt", 0));
  EXPECT_FALSE(authority->sign_claims(claims, "at+jwt", 7 * kDay));
}

TEST_F(AuthorityTest, LivesThatDoNotFitAreRefused) {
  EXPECT_FALSE(Authority::open({.trust_domain = "example.org", .svid_life_ms = 2 * kDay}, *vault_, clock_));
  EXPECT_FALSE(Authority::open({.trust_domain = "example.org", .token_life_ms = 0}, *vault_, clock_));
  EXPECT_FALSE(Authority::open({.trust_domain = "Example.org"}, *vault_, clock_));
}

}  // namespace
}  // namespace interlock::spiffe
