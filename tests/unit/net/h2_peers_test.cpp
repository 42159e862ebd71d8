// HTTP/2 with those who speak it in the world: curl, h2load and Node's client towards StreamServer, Node's and nginx's servers behind
// StreamClient, with a relay between them as a proxy has. Certificates are checked on both sides.
#include <gmock/gmock.h>

#include "h2_parts.hpp"
#include "stream_parts.hpp"
#include "tls_parts.hpp"

namespace interlock::net::testing {
namespace {

using ::testing::HasSubstr;

bool has(const char* program) { return std::system((std::string("command -v ") + program + " >/dev/null 2>&1").c_str()) == 0; }

std::shared_ptr<TlsServer> tls_of_both() {
  return *TlsServer::create(Certificates::get().certificate("server"), {.asks_for_certificate = false, .http2 = true, .choose = {}});
}

// Passes "/PORT/rest" on to "/rest" of https://localhost:PORT.
class Relay {
 public:
  Relay() {
    server_ = std::make_unique<RunningStreamServer>(
        [this](const std::shared_ptr<ServerStream>& stream) {
          auto to = local(static_cast<std::uint16_t>(std::atoi(stream->head().target.c_str() + 1)));
          to.scheme = "https";
          to.host = "localhost";
          to.tls = tls_;
          relay(stream, *client_, to);
        },
        StreamLimits{}, tls_of_both());
    server_->thread().on([&] {
      tls_ = *TlsClient::create({.ca_file = Certificates::get().path("ca.pem"), .judge = {}});
      client_ = std::make_unique<StreamClient>(server_->loop());
    });
  }
  ~Relay() {
    server_->thread().on([&] { client_.reset(); });
  }
  std::string port() const { return std::to_string(server_->port()); }
  std::vector<std::string> refused() { return server_->refused(); }

 private:
  std::shared_ptr<TlsClient> tls_;
  std::unique_ptr<StreamClient> client_;
  std::unique_ptr<RunningStreamServer> server_;
};

void write_file(const std::string& name, const std::string& text) { std::ofstream(Certificates::get().path(name)) << text; }

TEST(H2Peers, CurlAsksAndUploads) {
  if (!has("curl")) GTEST_SKIP() << "SKIPPED: curl is not here";
  RunningStreamServer server(
      [](const std::shared_ptr<ServerStream>& stream) {
        auto size = std::make_shared<std::size_t>(0);
        stream->receive({.on_data = [size](std::string_view chunk) { *size += chunk.size(); },
                         .on_end = [size, stream](const Headers&) { stream->respond(200, {}, "took " + std::to_string(*size)); },
                         .on_lost = {}});
      },
      {}, tls_of_both());
  write_file("large", std::string(5'000'000, 'x'));
  const auto url = "https://localhost:" + std::to_string(server.port()) + "/";
  const std::string curl = "curl -sS --http2 --cacert ca.pem -w ' by %{http_version}' ";
  EXPECT_EQ(run_command(curl + url), "took 0 by 2");
  EXPECT_EQ(run_command(curl + "--data-binary @large " + url), "took 5000000 by 2");
  EXPECT_EQ(run_command(curl + "-T - " + url + " <large"), "took 5000000 by 2");
}

TEST(H2Peers, H2loadIsServedAtOnceOnManyStreams) {
  if (!has("h2load")) GTEST_SKIP() << "SKIPPED: h2load is not here; install nghttp2-client";
  RunningStreamServer server([](const std::shared_ptr<ServerStream>& stream) { stream->respond(200, {}, std::string(1000, 'x')); });
  const auto said = run_command("h2load -n 5000 -c 4 -m 100 http://127.0.0.1:" + std::to_string(server.port()) + "/");
  EXPECT_THAT(said, HasSubstr("5000 done, 5000 succeeded, 0 failed, 0 errored, 0 timeout"));
}

// Node's server and Node's client, with the relay between them: 200 requests at once, half with bodies and trailers, and one of 20 MB both
// ways, in one process.
constexpr const char* kNode = R"(
const http2 = require("node:http2"), fs = require("node:fs");
const server = http2.createSecureServer({ key: fs.readFileSync("server.key"), cert: fs.readFileSync("server.pem"),
                                          maxSessionMemory: 200, settings: { maxConcurrentStreams: 20 } });
server.on("stream", (stream, headers) => {
  stream.respond({ ":status": 200, "x-path": headers[":path"], "x-authority": headers[":authority"] }, { waitForTrailers: true });
  let trailers = {};
  stream.on("trailers", (fields) => (trailers = { "x-sum": fields["x-sum"] ?? "none" }));
  stream.on("wantTrailers", () => stream.sendTrailers(trailers));
  stream.pipe(stream);
});
server.listen(0, "127.0.0.1", async () => {
  const client = http2.connect("https://localhost:" + process.argv[1], { ca: fs.readFileSync("ca.pem"), maxSessionMemory: 200 });
  const ask = (name, body) => new Promise((resolve, reject) => {
    const request = client.request({ ":path": `/${server.address().port}/${name}`, ":method": body ? "POST" : "GET" },
                                   { endStream: !body, waitForTrailers: true });
    let got = 0, head, trailers = {};
    request.on("response", (fields) => (head = fields));
    request.on("trailers", (fields) => (trailers = fields));
    request.on("wantTrailers", () => request.sendTrailers({ "x-sum": name }));
    request.on("data", (chunk) => (got += chunk.length));
    request.on("error", reject);
    request.on("end", () => resolve(`${head[":status"]} ${head["x-path"].endsWith("/" + name)} ${got} ${body ? trailers["x-sum"] === name : true}`));
    if (body) request.end(body);
  });
  const all = await Promise.all([ask("large", Buffer.alloc(20_000_000, "x")),
    ...Array.from({ length: 200 }, (_, i) => ask("n" + i, i % 2 ? Buffer.alloc(1000 + i, "y") : undefined))]);
  const wrong = all.slice(1).filter((text, i) => text !== `200 true ${i % 2 ? 1000 + i : 0} true`);
  console.log(all[0], all.length, "wrong", wrong.length, wrong[0] ?? "");
  client.close();
  server.close();
  setTimeout(() => process.exit(0), 100).unref();
});
)";

TEST(H2Peers, NodeTalksToNodeThroughARelay) {
  if (!has("node")) GTEST_SKIP() << "SKIPPED: node is not here";
  Relay relay;
  write_file("peer.cjs", kNode);
  EXPECT_EQ(run_command("node -e 'require(\"./peer.cjs\")' " + relay.port()), "200 true 20000000 true 201 wrong 0 \n");
  EXPECT_THAT(relay.refused(), ::testing::IsEmpty());
}

TEST(H2Peers, NginxAnswersThroughARelay) {
  if (!has("nginx") || !has("curl")) GTEST_SKIP() << "SKIPPED: nginx or curl is not here";
  Relay relay;
  // A port that was free a moment ago: nginx takes no 0.
  const auto port = [] {
    RunningStreamServer once([](const std::shared_ptr<ServerStream>&) {});
    return std::to_string(once.port());
  }();
  write_file("large", std::string(5'000'000, 'x'));
  write_file("nginx.conf",
             "user root; daemon off; pid nginx.pid; error_log stderr crit; events {}\n"
             "http { access_log off; client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u;\n"
             "scgi_temp_path s; server { listen 127.0.0.1:" +
                 port +
                 " ssl http2; ssl_certificate server.pem;\n"
                 "ssl_certificate_key server.key; location / { root .; rewrite ^/[0-9]+(/.*)$ $1 break; }\n"
                 "location ~ /version$ { return 200 $server_protocol; } } }\n");
  const std::string url = "https://localhost:" + relay.port() + "/" + port;
  const std::string curl = "curl -sS --http2 --cacert ca.pem ";
  const auto said = run_command("sh -c 'nginx -p . -c nginx.conf & for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.1; nc -z 127.0.0.1 " + port +
                                " && break; done 2>/dev/null; " + curl + url + "/version; " + curl + url +
                                "/large | wc -c; kill %1 2>/dev/null || kill $(cat nginx.pid); wait'");
  EXPECT_EQ(said, "HTTP/2.05000000\n");
}

}  // namespace
}  // namespace interlock::net::testing
