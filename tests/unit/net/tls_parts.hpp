// What the TLS tests share: an authority and what it signs, `openssl s_server` and `s_client` as foreign peers, a server of ours, and peers
// that end or stop where no library would.
#pragma once

#include <fcntl.h>
#include <openssl/ssl.h>
#include <sys/wait.h>

#include <fstream>
#include <iterator>
#include <vector>

#include "net/http_client.hpp"
#include "parts.hpp"

namespace interlock::net::testing {

// Made once a process. NAME.pem and NAME.key each; chains are leaf first. Servers are for localhost and 127.0.0.1 unless they are strange.
class Certificates {
 public:
  static const Certificates& get() {
    static const Certificates made;
    return made;
  }
  std::string path(const std::string& name) const { return folder_.path() + "/" + name; }
  std::string text(const std::string& name) const {
    std::ifstream file(path(name));
    return {std::istreambuf_iterator<char>(file), {}};
  }
  TlsCertificate certificate(const std::string& name) const { return {text(name + ".pem"), text(name + ".key")}; }
  const std::string& folder() const { return folder_.path(); }
  bool ok() const { return ok_; }

 private:
  TemporaryFolder folder_;
  bool ok_ = false;
  Certificates() {
    static constexpr const char* kScript = R"(set -e
ec='-newkey ec -pkeyopt ec_paramgen_curve:P-256'
names='subjectAltName=DNS:localhost,IP:127.0.0.1'
authority() { openssl req -x509 $ec -nodes -days 2 -subj "/CN=$1" -keyout "$1.key" -out "$1.pem"; }
issue() { # NAME AUTHORITY KEY EXTENSIONS [DAYS]
  openssl req $3 -nodes -subj "/CN=$1" -keyout "$1.key" -out "$1.csr"
  printf "$4\n" >"$1.ext"
  openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -CAcreateserial -days "${5:-2}" -extfile "$1.ext" -out "$1.pem"
}
authority ca
authority other-ca
issue server ca "$ec" "$names"
issue next-server ca "$ec" "$names"
issue rsa-server ca '-newkey rsa:2048' "$names"
issue strange-server ca "$ec" 'subjectAltName=DNS:example.com,IP:192.0.2.1'
issue foreign-server other-ca "$ec" "$names"
issue expired-server ca "$ec" "$names" -1
authority self-server
issue middle ca "$ec" 'basicConstraints=critical,CA:true'
issue client middle "$ec" 'subjectAltName=URI:spiffe://example.org/agent'
cat middle.pem >>client.pem
issue next-client ca "$ec" 'subjectAltName=URI:spiffe://example.org/next'
issue rsa-client ca '-newkey rsa:2048' 'subjectAltName=URI:spiffe://example.org/rsa'
issue ed-client ca '-newkey ed25519' 'subjectAltName=URI:spiffe://example.org/ed'
issue foreign-client other-ca "$ec" 'subjectAltName=URI:spiffe://elsewhere.org/agent'
openssl req -newkey rsa:1024 -x509 -nodes -days 2 -subj /CN=weak -keyout weak.key -out weak.pem
openssl pkey -aes256 -passout pass:secret -in server.key -out encrypted.key
for i in 1 2 3 4 5 6 7 8 9 10 11; do cat server.pem; done >long.pem
)";
    std::ofstream(path("make")) << kScript;
    ok_ = std::system(("cd " + folder_.path() + " && sh ./make >make.log 2>&1").c_str()) == 0;
  }
};

// The output of a shell command in the folder of the certificates, standard error with it.
inline std::string run_command(const std::string& command) {
  FILE* pipe = ::popen(
      ("cd " + Certificates::get().folder() + " && { timeout " + std::to_string(kPatience_s) + " " + command + "; } 2>&1").c_str(), "r");
  std::string out;
  char block[4096];
  while (const auto got = std::fread(block, 1, sizeof block, pipe)) out.append(block, got);
  ::pclose(pipe);
  return out;
}

// One request by `openssl s_client`, and all that it prints.
inline std::string ask_by_openssl(std::uint16_t port, const std::string& more) {
  return run_command(
      "sh -c \"printf 'GET /x HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' | openssl s_client -connect 127.0.0.1:" +
      std::to_string(port) + " -ign_eof -CAfile ca.pem -verify_return_error " + more + "\"");
}

// `openssl s_server -HTTP` serves the files of its folder; each holds a whole response.
class OpensslServer {
 public:
  explicit OpensslServer(std::vector<std::string> more) {
    // The port is chosen by the kernel and given up at once: s_server cannot say which one it got without its own parsing.
    RunningServer probe([](HttpRequest, std::shared_ptr<HttpExchange>) {});
    port_ = probe.port();
    probe.thread().on([&] { probe.end_server(); });
    std::vector<std::string> words{"openssl", "s_server",   "-HTTP", "-accept",    "127.0.0.1:" + std::to_string(port_),
                                   "-cert",   "server.pem", "-key",  "server.key", "-quiet"};
    words.insert(words.end(), more.begin(), more.end());
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    const auto& folder = Certificates::get().folder();
    pid_ = ::fork();
    if (pid_ == 0) {
      const int null = ::open("/dev/null", O_RDWR);
      for (int fd : {0, 1, 2}) ::dup2(null, fd);
      if (::chdir(folder.c_str()) != 0) ::_exit(1);
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

// Ours, on a loop of its own thread.
class RunningTlsServer {
 public:
  explicit RunningTlsServer(HttpHandler handler, HttpServerOptions options = {}, const std::string& certificate = "server",
                            bool asks_for_certificate = true) {
    thread_.on([&] {
      auto made = TlsServer::create(Certificates::get().certificate(certificate), asks_for_certificate);
      if (!made) return;
      tls_ = *made;
      server_ = std::make_unique<HttpServer>(thread_.loop(), options, std::move(handler));
      auto bound = server_->listen_tls("127.0.0.1", 0, tls_);
      port_ = bound ? *bound : std::uint16_t{0};
    });
  }
  ~RunningTlsServer() {
    thread_.on([&] { server_.reset(); });
  }
  std::uint16_t port() const { return port_; }
  std::string url(std::string_view path = "/") const { return "https://127.0.0.1:" + std::to_string(port_) + std::string(path); }
  TlsServer& tls() { return *tls_; }  // on its loop
  LoopThread& thread() { return thread_; }
  std::size_t connections() {
    return thread_.on([&] { return server_->open_connections(); });
  }
  // Waits until it has that many; false when it takes too long.
  bool comes_to(std::size_t wanted) {
    for (int turn = 0; turn < kPatience_s * 1000; ++turn) {
      if (connections() == wanted) return true;
      ::usleep(1000);
    }
    return false;
  }

 private:
  LoopThread thread_;
  std::shared_ptr<TlsServer> tls_;
  std::unique_ptr<HttpServer> server_;
  std::uint16_t port_ = 0;
};

// One end of TLS on a blocking socket, by OpenSSL without anything of ours. Does not own the socket.
class TlsEnd {
 public:
  // Client: trusts everybody.
  explicit TlsEnd(int fd) : context_(SSL_CTX_new(TLS_client_method())) { open(fd, false); }
  // Server, with a certificate of the folder.
  TlsEnd(int fd, const std::string& name) : context_(SSL_CTX_new(TLS_server_method())) {
    SSL_CTX_use_certificate_chain_file(context_, Certificates::get().path(name + ".pem").c_str());
    SSL_CTX_use_PrivateKey_file(context_, Certificates::get().path(name + ".key").c_str(), SSL_FILETYPE_PEM);
    open(fd, true);
  }
  ~TlsEnd() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
  }
  TlsEnd(const TlsEnd&) = delete;
  TlsEnd& operator=(const TlsEnd&) = delete;

  bool shake_hands() { return SSL_do_handshake(ssl_) == 1; }
  void offer(std::string_view alpn) {
    SSL_set_alpn_protos(ssl_, reinterpret_cast<const unsigned char*>(alpn.data()), static_cast<unsigned>(alpn.size()));
  }
  bool send(std::string_view bytes) { return bytes.empty() || SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())) > 0; }
  void say_goodbye() { SSL_shutdown(ssl_); }
  // All until the end or `enough` bytes; ended_well() tells which kind of end it was.
  std::string read_all(std::size_t enough = SIZE_MAX) {
    std::string out;
    char block[16 * 1024];
    int got = 0;
    while (out.size() < enough && (got = SSL_read(ssl_, block, sizeof block)) > 0) out.append(block, static_cast<std::size_t>(got));
    ended_well_ = got <= 0 && SSL_get_error(ssl_, got) == SSL_ERROR_ZERO_RETURN;
    return out;
  }
  bool ended_well() const { return ended_well_; }
  SSL* ssl() { return ssl_; }

 private:
  SSL_CTX* context_;
  SSL* ssl_ = nullptr;
  bool ended_well_ = false;
  void open(int fd, bool server) {
    ssl_ = SSL_new(context_);
    SSL_set_fd(ssl_, fd);
    if (server) SSL_set_accept_state(ssl_);
    else SSL_set_connect_state(ssl_);
  }
};

struct Fetched {
  int status = 0;
  std::string body;
  Status end;
  std::string why() const { return end ? "" : end.error().text(); }
};

inline Fetched fetch(const std::string& url, HttpClientOptions options, int times = 1, std::string body = {}) {
  Loop loop;
  HttpClient client(loop, std::move(options));
  Fetched out;
  for (int i = 0; i < times; ++i) {
    out = {};
    client.start({.method = body.empty() ? "GET" : "POST",
                  .url = *parse_url(url),
                  .headers = {},
                  .body = body,
                  .head_timeout_ms = kPatience_s * 1000},
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

inline HttpClientOptions trusting() {
  HttpClientOptions options;
  options.ca_file = Certificates::get().path("ca.pem");
  return options;
}

// A client that trusts the authority, and shows a certificate where `name` is given.
inline HttpClientOptions showing(const std::string& name) {
  HttpClientOptions options;
  options.tls = *TlsClient::create({.ca_file = Certificates::get().path("ca.pem"), .judge = {}});
  if (!name.empty()) {
    EXPECT_TRUE(options.tls->set_certificate(Certificates::get().certificate(name)));
  }
  return options;
}

}  // namespace interlock::net::testing
