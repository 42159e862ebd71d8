// https against `openssl s_server`: an authority of our own is trusted when it is named, and nothing else is.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

#include "net/http_client.hpp"
#include "parts.hpp"

namespace interlock::net::testing {
namespace {

// An authority, and a server's certificate for localhost and 127.0.0.1 that it has signed.
bool make_certificates(const std::string& folder) {
  const std::string command =
      "cd " + folder +
      " && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test-ca -keyout ca.key -out ca.pem"
      " && openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=server -keyout server.key -out server.csr"
      " && printf 'subjectAltName=DNS:localhost,IP:127.0.0.1' > names"
      " && openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.pem";
  return std::system(("(" + command + ") >/dev/null 2>&1").c_str()) == 0;
}

// `openssl s_server -HTTP` serves the files of its folder; each holds a whole response.
class OpensslServer {
 public:
  OpensslServer(const std::string& folder, std::vector<std::string> more) {
    // The port is chosen by the kernel and given up at once: s_server cannot say which one it got without its own parsing.
    RunningServer probe([](HttpRequest, std::shared_ptr<HttpExchange>) {});
    port_ = probe.port();
    probe.thread().on([&] { probe.end_server(); });
    std::vector<std::string> words{"openssl", "s_server",   "-HTTP", "-accept",    "127.0.0.1:" + std::to_string(port_),
                                   "-cert",   "server.pem", "-key",  "server.key", "-quiet"};
    words.insert(words.end(), more.begin(), more.end());
    pid_ = ::fork();
    if (pid_ == 0) {
      const int null = ::open("/dev/null", O_RDWR);
      for (int fd : {0, 1, 2}) ::dup2(null, fd);
      if (::chdir(folder.c_str()) != 0) ::_exit(1);
      std::vector<char*> argv;
      for (auto& word : words) argv.push_back(word.data());
      argv.push_back(nullptr);
      ::execvp(argv[0], argv.data());
      ::_exit(1);
    }
    for (int turn = 0; turn < kPatience_s * 200 && !RawClient(port_).connected(); ++turn) ::usleep(5'000);
  }
  ~OpensslServer() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  std::uint16_t port() const { return port_; }

 private:
  pid_t pid_ = -1;
  std::uint16_t port_ = 0;
};

struct Fetched {
  int status = 0;
  std::string body;
  Status end;
};

Fetched fetch(const std::string& url, HttpClientOptions options, int times = 1) {
  Loop loop;
  HttpClient client(loop, std::move(options));
  Fetched out;
  for (int i = 0; i < times; ++i) {
    out = {};
    client.start({.method = "GET", .url = *parse_url(url), .headers = {}, .body = {}, .head_timeout_ms = kPatience_s * 1000},
                 {.on_head = [&](int status, Headers) { out.status = status; },
                  .on_data = [&](std::string_view chunk) { out.body += chunk; },
                  .on_end =
                      [&](Status status) {
                        out.end = std::move(status);
                        loop.stop();
                      }});
    loop.run();
  }
  return out;
}

class Https : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TemporaryFolder;
    ASSERT_TRUE(make_certificates(folder_->path()));
    const std::string body(200'000, 's');
    FILE* file = std::fopen((folder_->path() + "/page").c_str(), "w");
    std::fprintf(file, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", body.size(), body.c_str());
    std::fclose(file);
  }
  static void TearDownTestSuite() {
    delete folder_;
    folder_ = nullptr;
  }
  static std::string url(const OpensslServer& server, std::string_view host) {
    return "https://" + std::string(host) + ":" + std::to_string(server.port()) + "/page";
  }
  static HttpClientOptions trusting() {
    HttpClientOptions options;
    options.ca_file = folder_->path() + "/ca.pem";
    return options;
  }
  static TemporaryFolder* folder_;
};
TemporaryFolder* Https::folder_ = nullptr;

TEST_F(Https, ReadsFromAServerWhoseAuthorityIsTrusted) {
  for (const char* version : {"-tls1_3", "-tls1_2"}) {
    OpensslServer server(folder_->path(), {version});
    for (const char* host : {"localhost", "127.0.0.1"}) {
      const auto got = fetch(url(server, host), trusting(), 3);
      EXPECT_TRUE(got.end) << version << " " << host << " " << (got.end ? "" : got.end.error().text());
      EXPECT_EQ(got.status, 200);
      EXPECT_EQ(got.body.size(), 200'000U);
    }
  }
}

TEST_F(Https, TrustsNobodyElse) {
  OpensslServer server(folder_->path(), {});
  const auto got = fetch(url(server, "localhost"), {});
  ASSERT_FALSE(got.end);
  EXPECT_EQ(got.end.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(got.end.error().message.find("certificate"), std::string::npos) << got.end.error().message;
  EXPECT_EQ(got.status, 0);
}

TEST_F(Https, TakesNoCertificateForAnotherName) {
  OpensslServer server(folder_->path(), {});
  // Resolves to 127.0.0.1 as well, and is not in the certificate.
  const auto got = fetch(url(server, "ip6-localhost.localhost"), trusting());
  ASSERT_FALSE(got.end);
  EXPECT_EQ(got.status, 0);
}

TEST_F(Https, TakesNoCertificateForAnotherAddress) {
  const auto command = "cd " + folder_->path() +
                       " && printf 'subjectAltName=DNS:example.com,IP:192.0.2.1' > others && openssl x509 -req -in server.csr -CA ca.pem "
                       "-CAkey ca.key -CAcreateserial -days 2 -extfile others -out other.pem >/dev/null 2>&1";
  ASSERT_EQ(std::system(command.c_str()), 0);
  OpensslServer server(folder_->path(), {"-cert", "other.pem"});
  for (const char* host : {"localhost", "127.0.0.1"}) {
    const auto got = fetch(url(server, host), trusting());
    ASSERT_FALSE(got.end) << host;
    EXPECT_NE(got.end.error().message.find("mismatch"), std::string::npos) << got.end.error().message;
  }
}

TEST_F(Https, SpeaksNothingOlderThanTls12) {
  OpensslServer server(folder_->path(), {"-tls1_1", "-cipher", "ALL:@SECLEVEL=0"});
  EXPECT_FALSE(fetch(url(server, "localhost"), trusting()).end);
}

TEST_F(Https, SaysWhyItCannotTalkToAPlainServer) {
  RunningServer plain([](HttpRequest, std::shared_ptr<HttpExchange> exchange) { exchange->respond(200, {}, "plain"); });
  const auto got = fetch("https://127.0.0.1:" + std::to_string(plain.port()) + "/", trusting());
  ASSERT_FALSE(got.end);
  EXPECT_NE(got.end.error().message.find("TLS"), std::string::npos) << got.end.error().message;
}

TEST_F(Https, NamesAnUnreadableFileOfAuthorities) {
  OpensslServer server(folder_->path(), {});
  HttpClientOptions options;
  options.ca_file = folder_->path() + "/missing.pem";
  const auto got = fetch(url(server, "localhost"), options);
  ASSERT_FALSE(got.end);
  EXPECT_NE(got.end.error().message.find("missing.pem"), std::string::npos);
}

}  // namespace
}  // namespace interlock::net::testing
