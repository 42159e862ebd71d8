// `interlock serve`: Streamable HTTP before any number of servers, until it is told to stop.
#include <algorithm>
#include <cstdio>

#include "cli/daemon.hpp"
#include "cli/own_process.hpp"
#include "cli/verbs.hpp"
#include "net/http_server.hpp"
#include "surface/mcp/http_front.hpp"

namespace interlock::cli {
namespace {

constexpr const char* kHelp =
    "usage: interlock serve [--config FILE] [--state FOLDER] [--listen ADDRESS:PORT]\n"
    "  Serves MCP over HTTP before the servers of interlock.yaml: each at /mcp/NAME, all together at /mcp.\n"
    "  Prints {\"listening\": URL} when it is ready, and logs to standard error. /healthz and /readyz answer probes.\n"
    "  SIGTERM ends it once running calls are done, SIGHUP reads the configuration again.\n";

// A response stream must take one whole message, and then some.
constexpr std::size_t kQueuedBytes = std::size_t{32} << 20;

net::HttpServerOptions server_options(const LimitConfig& limits) {
  net::HttpServerOptions out;
  out.header_bytes = static_cast<std::size_t>(limits.header_bytes);
  out.body_bytes = static_cast<std::size_t>(limits.message_bytes);
  out.connections = static_cast<std::size_t>(limits.connections);
  out.header_timeout_ms = limits.header_timeout_ms;
  out.queued_bytes = std::max(kQueuedBytes, 2 * static_cast<std::size_t>(limits.message_bytes));
  return out;
}

void respond(net::HttpExchange& exchange, int status, const json::value& body, net::Headers headers = {}) {
  headers.add("Content-Type", "application/json");
  exchange.respond(status, std::move(headers), json::write(body) + "\n");
}

void refuse(net::HttpExchange& exchange, int status, const Error& error, net::Headers headers = {}) {
  respond(exchange, status,
          json::object{{"error", json::object{{"code", error_code_name(error.code)}, {"message", error.message}, {"hint", error.hint}}}},
          std::move(headers));
}

// What stands beside /mcp. Probes learn whether the gate works, and nothing else.
void answer_probe(const Daemon& daemon, const net::HttpRequest& request, net::HttpExchange& exchange) {
  const bool health = request.path == "/healthz";
  if (!health && request.path != "/readyz") {
    return refuse(exchange, 404,
                  {ErrorCode::kNotFound, "there is nothing at this path", "MCP is at /mcp and /mcp/NAME, probes at /healthz and /readyz"});
  }
  if (request.method != "GET" && request.method != "HEAD") {
    return refuse(exchange, 405, {ErrorCode::kUnsupported, "this method is not known here", "use GET"}, {{"Allow", "GET, HEAD"}});
  }
  if (const auto ready = daemon.ready(); !health && !ready) {
    return refuse(exchange, 503, {ready.error().code, "the gate takes no acts at present", "its log says why"});
  }
  respond(exchange, 200, json::object{{"status", "ok"}});
}

}  // namespace

int run_serve(const Places& places, const Words& words) {
  const auto arguments = parse_arguments(words, {}, {"--listen"});
  if (arguments.has("--help")) {
    std::printf("%s", kHelp);
    return kDone;
  }
  if (!arguments.wrong.empty()) return complain_of_usage(arguments.wrong, kHelp);
  if (!arguments.rest.empty()) return complain_of_usage("serve takes no " + arguments.rest[0], kHelp);
  if (!config_file_of(places)) {
    return complain({ErrorCode::kNotFound, "there is no interlock.yaml here", "`interlock init` writes one; --config names one elsewhere"});
  }
  guard_own_process();
  raise_descriptor_limit();
  const auto read_config = [places, listen = arguments.value("--listen")]() -> Result<Config> {
    auto config = load_places(places);
    if (!config || listen.empty()) return config;
    // Read as the file's own key, so that the same rules hold.
    auto given = parse_config("version: 1\nlisten: " + json::write(json::value(listen)) +
                                  "\nauth: { anonymous: " + (config->auth.anonymous ? "true" : "false") + " }\n",
                              "--listen");
    if (!given) return fail(std::move(given.error()));
    config->listen_host = given->listen_host;
    config->listen_port = given->listen_port;
    return config;
  };
  auto config = read_config();
  if (!config) return complain(config.error());

  Log log(config->log);
  for (const auto& warning : config->warnings) log.warn(warning);
  net::Loop loop;
  auto daemon = Daemon::open(loop, log, {.role = "serve", .config = *config, .read_config = read_config});
  if (!daemon) return complain(daemon.error());

  mcp::HttpFrontOptions front_options;
  front_options.allowed_origins = config->allowed_origins;
  front_options.allowed_hosts = config->allowed_hosts;
  front_options.loopback = config->listens_on_loopback();
  mcp::HttpFront front(
      (*daemon)->surface(), std::move(front_options),
      [&](const identity::Presentation& shown, const std::function<void(identity::Answer)>& done) {
        net::HttpRequest request;
        if (shown.authorization) request.headers.add("Authorization", std::string(*shown.authorization));
        auto subject = (*daemon)->authenticate(request);
        if (subject) done(std::move(*subject));
        else
          done(std::unexpected(identity::Refusal{
              .error = std::move(subject.error()), .oauth_error = {}, .scopes = {}, .dpop_nonce = {}, .inherited_from = {}}));
      });
  net::HttpServer server(loop, server_options(config->limits),
                         [&](net::HttpRequest request, const std::shared_ptr<net::HttpExchange>& exchange) {
                           if (!front.handle(request, exchange)) answer_probe(**daemon, request, *exchange);
                         });
  const auto port = server.listen_tcp(config->listen_host, config->listen_port);
  if (!port) return complain(port.error());
  Config bound = *config;
  bound.listen_port = *port;
  const std::string address = "http://" + bound.listen_text();
  (*daemon)->set_listening(address);

  live_by_signals(
      loop, log,
      [&] {
        log.info("stopping");
        server.drain();
        (*daemon)->stop("the gate is stopping", [&] { loop.stop(); });
      },
      [&] { (void)(*daemon)->reload("SIGHUP"); });
  std::printf("%s\n", json::write(json::object{{"listening", address}}).c_str());
  std::fflush(stdout);
  log.info("listening", {{"address", address}, {"preset", preset_name(config->preset)}, {"state", config->state_dir.string()}});
  loop.run();
  log.info("stopped");
  return kDone;
}

}  // namespace interlock::cli
