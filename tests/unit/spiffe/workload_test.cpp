// Our Workload API client against our server on a real socket, and calls that no sound client would make.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <set>

#include "base/hash.hpp"
#include "base/ids.hpp"
#include "certificates.hpp"
#include "jose/token.hpp"
#include "net/grpc.hpp"
#include "spiffe/workload_client.hpp"
#include "spiffe/workload_messages.hpp"
#include "spiffe/workload_server.hpp"

namespace interlock::spiffe {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr std::int64_t kDay = 86'400'000;
constexpr auto kWeb = "spiffe://example.org/web";
constexpr auto kApi = "spiffe://example.org/api";
constexpr auto kGate = "https://gate.example";
constexpr std::int64_t kPatienceNs = 10'000'000'000;

// ---- what a process does that hands its socket on ---------------------------------------------------------------------------

bool send_descriptor(int channel, int fd) {
  alignas(cmsghdr) char space[CMSG_SPACE(sizeof fd)] = {};
  char byte = 'x';
  iovec part{&byte, 1};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = space;
  message.msg_controllen = sizeof space;
  cmsghdr* const control = CMSG_FIRSTHDR(&message);
  control->cmsg_level = SOL_SOCKET;
  control->cmsg_type = SCM_RIGHTS;
  control->cmsg_len = CMSG_LEN(sizeof fd);
  std::memcpy(CMSG_DATA(control), &fd, sizeof fd);
  return ::sendmsg(channel, &message, 0) == 1;
}

int receive_descriptor(int channel) {
  int fd = -1;
  alignas(cmsghdr) char space[CMSG_SPACE(sizeof fd)] = {};
  char byte = 0;
  iovec part{&byte, 1};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = space;
  message.msg_controllen = sizeof space;
  if (::recvmsg(channel, &message, 0) != 1 || CMSG_FIRSTHDR(&message) == nullptr) return -1;
  std::memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
  return fd;
}

// HTTP/2 by hand (RFC 9113 §4.1), since no client of ours can be given a socket.
constexpr char kDataFrame = 0;
constexpr char kHeadersFrame = 1;
constexpr std::size_t kFrameHead = 9;

std::string frame(char type, char flags, char stream, std::string_view payload) {
  const std::string head{0, static_cast<char>(payload.size() >> 8), static_cast<char>(payload.size()), type, flags, 0, 0, 0, stream};
  return head + std::string(payload);
}

std::string raw_call(std::string_view path) {
  std::string fields;
  const auto add = [&](std::string_view name, std::string_view value) {
    fields += '\0';  // a literal, never indexed (RFC 7541 §6.2.2)
    for (const auto text : {name, value}) (fields += static_cast<char>(text.size())) += text;
  };
  add(":method", "POST");
  add(":scheme", "http");
  add(":path", path);
  add(":authority", "localhost");
  add("te", "trailers");
  add("content-type", "application/grpc");
  add("workload.spiffe.io", "true");
  return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, "") + frame(kHeadersFrame, 4, 1, fields) +
         frame(kDataFrame, 1, 1, std::string_view("\0\0\0\0\0", 5));
}

std::set<char> frame_types(std::string_view bytes) {
  std::set<char> types;
  while (bytes.size() >= kFrameHead) {
    types.insert(bytes[3]);
    const auto size = (static_cast<std::size_t>(static_cast<unsigned char>(bytes[1])) << 8) | static_cast<unsigned char>(bytes[2]);
    bytes.remove_prefix(std::min(bytes.size(), kFrameHead + size));
  }
  return types;
}

class WorkloadTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("interlock-workload-" + to_hex(random_bytes(8)));
    fs::create_directory(folder_);
    vault_ = std::make_unique<store::SealedStore>(*store_, std::move(*store::MasterKey::open_file(folder_ / "master.key")));
    clock_.advance_ms(SystemClock().now_ms() - clock_.now_ms());
  }
  void TearDown() override {
    client_.reset();
    raw_.reset();
    server_.reset();
    fs::remove_all(folder_);
  }

  void begin(AuthorityOptions options = {.trust_domain = "example.org"}) {
    authority_ = std::move(*Authority::open(std::move(options), *vault_, clock_));
    begin_server();
  }
  void begin_server() {
    server_ = std::make_unique<WorkloadServer>(
        loop_, *authority_, [this](const WorkloadPeer& peer) { return attest(peer); }, [this] { return bundles_; });
    const auto listening = server_->listen(socket(), false);
    ASSERT_TRUE(listening) << listening.error().text();
  }
  void begin_client() {
    auto client = WorkloadClient::open(loop_, "unix://" + socket(), [this](const WorkloadUpdate& update) {
      ++updates_;
      EXPECT_TRUE(update.bundles);
    });
    ASSERT_TRUE(client) << client.error().text();
    client_ = std::move(*client);
  }
  Result<std::vector<SpiffeId>> attest(const WorkloadPeer& peer) {
    peers_.insert({peer.pid, peer.uid});
    if (attest_error_) return fail(*attest_error_);
    std::vector<SpiffeId> ids;
    for (const auto* id : ids_) ids.push_back(*SpiffeId::parse(id));
    return ids;
  }
  std::string socket() const { return (folder_ / "workload.sock").string(); }

  // Runs the loop until it is so; false when patience is over.
  template <typename Condition>
  bool comes(Condition condition) {
    const auto end = steady_ns() + kPatienceNs;
    while (!condition()) {
      if (steady_ns() > end) return false;
      if (loop_.poll() == 0) ::usleep(200);
    }
    return true;
  }
  bool is_whole() { return client_->trouble().empty(); }

  struct Ended {
    std::vector<std::string> messages;
    net::GrpcStatus status;
  };
  // One call as any client could make it, to its end.
  Ended ask(std::string_view path, std::string message, net::Headers metadata = {{"workload.spiffe.io", "true"}}) {
    if (!raw_) raw_ = std::move(*net::GrpcClient::create(loop_, "unix://" + socket()));
    Ended ended;
    bool over = false;
    const auto call = raw_->start(std::string(path), std::move(metadata), std::move(message),
                                  {.on_message = [&](std::string_view got) { ended.messages.emplace_back(got); },
                                   .on_end =
                                       [&](net::GrpcStatus status) {
                                         ended.status = std::move(status);
                                         over = true;
                                       }});
    EXPECT_TRUE(comes([&] { return over; })) << path;
    if (!over) call->cancel();
    return ended;
  }
  // The first message of a stream.
  std::string first_of(std::string_view path) {
    if (!raw_) raw_ = std::move(*net::GrpcClient::create(loop_, "unix://" + socket()));
    std::string first;
    const auto call = raw_->start(std::string(path), {{"workload.spiffe.io", "true"}}, {},
                                  {.on_message = [&](std::string_view got) { first = got; }, .on_end = [](const net::GrpcStatus&) {}});
    EXPECT_TRUE(comes([&] { return !first.empty(); })) << path;
    call->cancel();
    return first;
  }

  fs::path folder_;
  net::Loop loop_;
  ManualClock clock_;
  std::unique_ptr<store::Store> store_ = store::open_memory_store();
  std::unique_ptr<store::SealedStore> vault_;
  std::unique_ptr<Authority> authority_;
  std::shared_ptr<const BundleSet> bundles_;
  std::vector<const char*> ids_ = {kWeb};
  std::optional<Error> attest_error_;
  std::set<std::pair<int, int>> peers_;
  std::unique_ptr<WorkloadServer> server_;
  std::unique_ptr<WorkloadClient> client_;
  std::unique_ptr<net::GrpcClient> raw_;
  int updates_ = 0;
};

TEST_F(WorkloadTest, AClientGetsItsSvidsAndTheBundlesThatBelieveThem) {
  begin();
  const auto other_root = testing::make_authority("other");
  bundles_ = std::make_shared<BundleSet>(std::vector{testing::bundle_of("other.org", {&other_root})});
  ids_ = {kWeb, kApi};
  begin_client();
  ASSERT_TRUE(comes([&] { return is_whole(); })) << client_->trouble();
  const auto& now = client_->current();
  ASSERT_EQ(now.svids.size(), 2U);
  EXPECT_EQ(now.svids[0].id.text(), kWeb);
  EXPECT_EQ(now.svids[1].id.text(), kApi);
  for (const auto& svid : now.svids) {
    const auto chain = certificates_from_pem(svid.chain_pem, kChainCertificates);
    const auto verified = verify_x509_svid(*chain, *now.bundles, clock_.now_ms());
    ASSERT_TRUE(verified) << verified.error().text();
    EXPECT_EQ(verified->id, svid.id);
    EXPECT_EQ(svid.expires_ms, verified->expires_ms);
    EXPECT_TRUE(jose::PrivateKey::from_pem(svid.key_pem));
  }
  ASSERT_NE(now.bundles->find("other.org"), nullptr);
  EXPECT_EQ(now.bundles->find("other.org")->x509_authorities, std::vector<std::string>{other_root.der()});
  EXPECT_EQ(now.bundles->find("example.org")->jwt_authorities.keys().size(), 1U);
  EXPECT_EQ(peers_, (std::set<std::pair<int, int>>{{::getpid(), static_cast<int>(::getuid())}}));
}

TEST_F(WorkloadTest, AClientGetsTokensForItsAudience) {
  begin();
  begin_client();
  ASSERT_TRUE(comes([&] { return is_whole(); }));
  std::optional<Result<std::string>> got;
  client_->fetch_jwt_svid({kGate}, [&](Result<std::string> token) { got = std::move(token); });
  ASSERT_TRUE(comes([&] { return got.has_value(); }));
  ASSERT_TRUE(*got) << got->error().text();
  const auto verified = verify_jwt_svid(**got, kGate, *client_->current().bundles, clock_.now_ms());
  ASSERT_TRUE(verified) << verified.error().text();
  EXPECT_EQ(verified->id.text(), kWeb);
  got.reset();
  client_->fetch_jwt_svid({}, [&](Result<std::string> token) { got = std::move(token); });
  ASSERT_TRUE(comes([&] { return got.has_value(); }));
  EXPECT_EQ(got->error().code, ErrorCode::kInvalid);
}

TEST_F(WorkloadTest, ARotationOfTheAuthorityReachesTheClient) {
  begin();
  begin_client();
  ASSERT_TRUE(comes([&] { return is_whole(); }));
  const auto first = client_->current().svids.at(0).chain_pem;
  clock_.advance_ms(4 * kDay);
  ASSERT_TRUE(*authority_->tick());
  server_->bundles_changed();
  server_->bundles_changed();
  ASSERT_TRUE(comes([&] {
    const auto* const own = client_->current().bundles->find("example.org");
    return own != nullptr && own->x509_authorities.size() == 2 && own->jwt_authorities.keys().size() == 2;
  }));
  EXPECT_NE(client_->current().svids.at(0).chain_pem, first);
}

TEST_F(WorkloadTest, SvidsArePushedAnewBeforeTheyEnd) {
  begin({.trust_domain = "example.org", .svid_life_ms = 3'000});
  begin_client();
  ASSERT_TRUE(comes([&] { return is_whole(); }));
  const auto first = client_->current().svids.at(0).chain_pem;
  ASSERT_TRUE(comes([&] { return client_->current().svids.at(0).chain_pem != first; }));
}

TEST_F(WorkloadTest, ABundleThatIsTakenAwayIsTakenAwayFromTheClient) {
  begin();
  const auto other_root = testing::make_authority("other");
  bundles_ = std::make_shared<BundleSet>(std::vector{testing::bundle_of("other.org", {&other_root})});
  begin_client();
  ASSERT_TRUE(comes([&] { return is_whole(); }));
  ASSERT_NE(client_->current().bundles->find("other.org"), nullptr);
  bundles_ = nullptr;
  server_->bundles_changed();
  ASSERT_TRUE(comes([&] { return client_->current().bundles->find("other.org") == nullptr; }));
  EXPECT_NE(client_->current().bundles->find("example.org"), nullptr);
}

TEST_F(WorkloadTest, AProcessThatIsNotKnownGetsPermissionDeniedEverywhere) {
  begin();
  const auto token = *authority_->issue_jwt(*SpiffeId::parse(kWeb), {kGate});
  for (const auto& error : {std::optional<Error>(Error{ErrorCode::kNotFound, "nobody", ""}),
                            std::optional<Error>(Error{ErrorCode::kInternal, "broken", ""}), std::optional<Error>()}) {
    attest_error_ = error;
    if (!error) ids_.clear();
    EXPECT_EQ(ask(workload_path::kFetchX509Svid, "").status.code, net::GrpcCode::kPermissionDenied);
    EXPECT_EQ(ask(workload_path::kFetchX509Bundles, "").status.code, net::GrpcCode::kPermissionDenied);
    EXPECT_EQ(ask(workload_path::kFetchJwtBundles, "").status.code, net::GrpcCode::kPermissionDenied);
    EXPECT_EQ(ask(workload_path::kFetchJwtSvid, jwt_svid_question({kGate})).status.code, net::GrpcCode::kPermissionDenied);
    EXPECT_EQ(ask(workload_path::kValidateJwtSvid, "\x0a\x01g\x12\x01t").status.code, net::GrpcCode::kPermissionDenied);
  }
}

TEST_F(WorkloadTest, AProcessThatLosesItsIdentityLosesItsStream) {
  begin();
  begin_client();
  ASSERT_TRUE(comes([&] { return is_whole(); }));
  ids_.clear();
  server_->bundles_changed();
  ASSERT_TRUE(comes([&] { return client_->current().svids.empty() && client_->current().bundles->all().empty(); }));
  EXPECT_THAT(client_->trouble(), HasSubstr("no identity is registered"));
  ids_ = {kApi};
  ASSERT_TRUE(comes([&] { return is_whole(); }));
  EXPECT_EQ(client_->current().svids.at(0).id.text(), kApi);
}

TEST_F(WorkloadTest, ASocketThatIsHandedOnByAProcessThatEndsIsNobodys) {
  begin();
  // A child connects, and ends; its socket lives on here, and its number may be given to another process.
  int channel[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket().copy(address.sun_path, sizeof address.sun_path - 1);
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) ::_exit(1);
    ::_exit(send_descriptor(channel[1], fd) ? 0 : 2);
  }
  const int handed = receive_descriptor(channel[0]);
  ASSERT_GE(handed, 0);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  const auto call = raw_call(workload_path::kFetchX509Svid);
  ASSERT_EQ(::send(handed, call.data(), call.size(), MSG_NOSIGNAL), static_cast<ssize_t>(call.size()));
  std::string answer;
  ASSERT_TRUE(comes([&] {
    char block[4096];
    const auto got = ::recv(handed, block, sizeof block, MSG_DONTWAIT);
    if (got > 0) answer.append(block, static_cast<std::size_t>(got));
    return frame_types(answer).contains(kHeadersFrame);
  }));
  EXPECT_FALSE(frame_types(answer).contains(kDataFrame)) << "a refusal has no message";
  EXPECT_TRUE(peers_.empty()) << "and nobody else is looked at under its number";
  ::close(handed);
  ::close(channel[0]);
  ::close(channel[1]);
}

TEST_F(WorkloadTest, WhatWasReceivedStaysInForceWhileTheServerIsAway) {
  begin();
  begin_client();
  ASSERT_TRUE(comes([&] { return is_whole(); }));
  const auto held = client_->current().svids.at(0).chain_pem;
  server_.reset();
  ASSERT_TRUE(comes([&] { return !is_whole(); }));
  EXPECT_THAT(client_->trouble(), HasSubstr("the agent is not there"));
  EXPECT_EQ(client_->current().svids.at(0).chain_pem, held);
  EXPECT_NE(client_->current().bundles->find("example.org"), nullptr);
  begin_server();
  ASSERT_TRUE(comes([&] { return is_whole(); }));
  EXPECT_NE(client_->current().svids.at(0).chain_pem, held);
}

TEST_F(WorkloadTest, AClientWaitsForAServerThatIsNotThereYet) {
  begin_client();
  ASSERT_TRUE(comes([&] { return client_->trouble().find("the agent is not there") != std::string::npos; })) << client_->trouble();
  EXPECT_TRUE(client_->current().svids.empty());
  begin();
  ASSERT_TRUE(comes([&] { return is_whole(); }));
}

TEST_F(WorkloadTest, CallsWithoutTheExactSecurityHeaderAreRefused) {
  begin();
  const net::Headers cases[] = {
      {},
      {{"workload.spiffe.io", ""}},
      {{"workload.spiffe.io", "false"}},
      {{"workload.spiffe.io", "True"}},
      {{"workload.spiffe.io", "true, true"}},
      {{"workload.spiffe.io", "true"}, {"workload.spiffe.io", "true"}},
      {{"x-workload.spiffe.io", "true"}},
  };
  for (const auto& metadata : cases) {
    for (const auto path : {workload_path::kFetchX509Svid, workload_path::kFetchX509Bundles, workload_path::kFetchJwtBundles,
                            workload_path::kFetchJwtSvid, workload_path::kValidateJwtSvid}) {
      const auto ended = ask(path, jwt_svid_question({kGate}), metadata);
      EXPECT_EQ(ended.status.code, net::GrpcCode::kInvalidArgument) << path;
      EXPECT_THAT(ended.status.message, HasSubstr("security header"));
      EXPECT_TRUE(ended.messages.empty());
    }
  }
  EXPECT_TRUE(peers_.empty()) << "and nobody is looked at";
}

TEST_F(WorkloadTest, MethodsThatAreNotThereAreUnimplemented) {
  begin();
  for (const auto* path : {"/SpiffeWorkloadAPI/FetchWITSVID", "/spiffe.SpiffeWorkloadAPI/FetchX509SVID", "/SpiffeWorkloadAPI/", "/",
                           "/SpiffeWorkloadAPI/fetchx509svid"}) {
    EXPECT_EQ(ask(path, "").status.code, net::GrpcCode::kUnimplemented) << path;
  }
}

TEST_F(WorkloadTest, QuestionsForTokensMeetTheirRules) {
  begin();
  ids_ = {kWeb, kApi};
  const auto all = ask(workload_path::kFetchJwtSvid, jwt_svid_question({kGate}));
  ASSERT_TRUE(all.status.ok());
  EXPECT_EQ(all.messages.size(), 1U);
  EXPECT_EQ(ask(workload_path::kFetchJwtSvid, "").status.code, net::GrpcCode::kInvalidArgument) << "without an audience";
  EXPECT_EQ(ask(workload_path::kFetchJwtSvid, "\xff\xff").status.code, net::GrpcCode::kInvalidArgument) << "not a message";
  const auto with_id = [](std::string_view id) {
    auto question = jwt_svid_question({kGate});
    question += '\x12';
    question += static_cast<char>(id.size());
    question += id;
    return question;
  };
  const auto one = ask(workload_path::kFetchJwtSvid, with_id(kApi));
  ASSERT_TRUE(one.status.ok()) << one.status.message;
  const auto token = jose::parse_token(*read_jwt_svid(one.messages.at(0)));
  EXPECT_EQ(json::string_at(token->claims, "sub"), kApi);
  EXPECT_EQ(ask(workload_path::kFetchJwtSvid, with_id("spiffe://example.org/admin")).status.code, net::GrpcCode::kPermissionDenied);
  EXPECT_EQ(ask(workload_path::kFetchJwtSvid, with_id("spiffe://example.org/we")).status.code, net::GrpcCode::kPermissionDenied);
}

std::string validate_question(std::string_view audience, std::string_view token) {
  const auto field = [](char tag, std::string_view text) {
    std::string out(1, tag);
    auto size = text.size();
    for (; size >= 0x80; size >>= 7) out += static_cast<char>(size | 0x80);
    out += static_cast<char>(size);
    return out += text;
  };
  return field('\x0a', audience) + field('\x12', token);
}

TEST_F(WorkloadTest, TokensAreValidatedForThoseWhoAsk) {
  begin();
  const auto token = *authority_->issue_jwt(*SpiffeId::parse(kApi), {kGate});
  const auto sound = ask(workload_path::kValidateJwtSvid, validate_question(kGate, token));
  ASSERT_TRUE(sound.status.ok()) << sound.status.message;
  EXPECT_THAT(sound.messages.at(0), HasSubstr(kApi));
  for (const auto* claim : {"sub", "aud", "exp", "iat", "jti"}) EXPECT_THAT(sound.messages.at(0), HasSubstr(claim));
  for (const auto& question : {validate_question("other", token), validate_question(kGate, token + "x"), validate_question(kGate, "x"),
                               validate_question("", token), validate_question(kGate, ""), std::string("\xff"),
                               validate_question(kGate, *authority_->sign_claims({{"sub", kApi}, {"aud", kGate}}, "at+jwt", 60'000))}) {
    const auto ended = ask(workload_path::kValidateJwtSvid, question);
    EXPECT_EQ(ended.status.code, net::GrpcCode::kInvalidArgument);
    EXPECT_EQ(ended.status.message.find(token), std::string::npos);
  }
}

TEST_F(WorkloadTest, BundlesOfX509AreThereForThoseWhoOnlyVerify) {
  begin();
  const auto message = first_of(workload_path::kFetchX509Bundles);
  EXPECT_THAT(message, HasSubstr("spiffe://example.org"));
  EXPECT_THAT(message, HasSubstr(authority_->bundle().x509_authorities.at(0)));
}

TEST_F(WorkloadTest, TheSocketIsItsOwnersAloneUnlessEveryUserMayAsk) {
  begin();
  struct stat found{};
  ASSERT_EQ(::stat(socket().c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777U, 0600U);
  const auto open_to_all = (folder_ / "all.sock").string();
  ASSERT_TRUE(server_->listen(open_to_all, true));
  ASSERT_EQ(::stat(open_to_all.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777U, 0666U);
  server_.reset();
  EXPECT_FALSE(fs::exists(socket()));
}

TEST_F(WorkloadTest, ClientsMayLeaveAtAnyTimeAndTheServerServesOn) {
  begin();
  for (int round = 0; round < 20; ++round) {
    begin_client();
    for (int turn = 0; turn < round; ++turn) loop_.poll();
    client_->fetch_jwt_svid({kGate}, [](const Result<std::string>&) {});
    client_.reset();
  }
  server_->bundles_changed();
  begin_client();
  EXPECT_TRUE(comes([&] { return is_whole(); }));
}

TEST_F(WorkloadTest, AnEndpointThatNamesNoSocketIsRefused) {
  for (const auto* endpoint :
       {"", "/run/agent.sock", "unix://run/agent.sock", "http://localhost", "tcp://localhost:1", "tcp://127.0.0.1"}) {
    EXPECT_FALSE(WorkloadClient::open(loop_, endpoint, {})) << endpoint;
  }
}

// ---- a server that does not keep to the standard ----------------------------------------------------------------------------

TEST_F(WorkloadTest, AMessageThatBreaksARuleIsDiscardedAndSaid) {
  begin();
  const auto id = *SpiffeId::parse(kWeb);
  const auto svid = *authority_->issue_x509(id);
  const auto sound = *x509_svids_message({svid}, authority_->bundle(), BundleSet());
  ASSERT_TRUE(read_x509_svids(sound));
  const auto other = *authority_->issue_x509(id);
  auto wrong_key = svid;
  wrong_key.key_pem = other.key_pem;
  auto wrong_id = svid;
  wrong_id.id = *SpiffeId::parse(kApi);
  Bundle no_authorities;
  no_authorities.trust_domain = "example.org";
  EXPECT_THAT(read_x509_svids(*x509_svids_message({wrong_key}, authority_->bundle(), BundleSet())).error().message,
              HasSubstr("not its certificate's"));
  EXPECT_THAT(read_x509_svids(*x509_svids_message({wrong_id}, authority_->bundle(), BundleSet())).error().message,
              HasSubstr("not of the SPIFFE ID"));
  EXPECT_THAT(read_x509_svids(*x509_svids_message({svid}, no_authorities, BundleSet())).error().message, HasSubstr("mandatory"));
  EXPECT_FALSE(read_x509_svids(""));
  EXPECT_FALSE(read_jwt_bundles(""));
  EXPECT_FALSE(read_jwt_svid(""));
  for (std::size_t size = 1; size < sound.size(); size += 5) EXPECT_FALSE(read_x509_svids(sound.substr(0, size))) << size;
}

TEST_F(WorkloadTest, ABrokenMessageLeavesWhatIsInForce) {
  std::shared_ptr<net::GrpcReply> svids;
  std::shared_ptr<net::GrpcReply> keys;
  authority_ = std::move(*Authority::open({.trust_domain = "example.org"}, *vault_, clock_));
  const auto sound = *x509_svids_message({*authority_->issue_x509(*SpiffeId::parse(kWeb))}, authority_->bundle(), BundleSet());
  net::GrpcServer server(loop_, {}, [&](const net::GrpcCall& call, const std::shared_ptr<net::GrpcReply>& reply) {
    (call.path == workload_path::kFetchX509Svid ? svids : keys) = reply;
  });
  ASSERT_TRUE(server.listen_unix(socket(), 0600));
  begin_client();
  ASSERT_TRUE(comes([&] { return svids && keys; }));
  keys->send(jwt_bundles_message(authority_->bundle(), BundleSet()));
  svids->send(sound);
  ASSERT_TRUE(comes([&] { return is_whole(); })) << client_->trouble();
  svids->send("junk");
  keys->send("junk");
  ASSERT_TRUE(comes([&] { return client_->trouble().find("; ") != std::string::npos; }));
  EXPECT_EQ(client_->current().svids.size(), 1U);
  EXPECT_EQ(client_->current().bundles->find("example.org")->jwt_authorities.keys().size(), 1U);
  svids->send(sound);
  ASSERT_TRUE(comes([&] { return client_->trouble().find("FetchX509SVID") == std::string::npos; }));
}

}  // namespace
}  // namespace interlock::spiffe
