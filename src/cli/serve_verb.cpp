// `interlock serve`: Streamable HTTP before any number of servers, until it is told to stop.
#include <algorithm>
#include <cstdio>

#include "base/ids.hpp"
#include "cli/daemon.hpp"
#include "cli/own_process.hpp"
#include "cli/verbs.hpp"
#include "net/http_server.hpp"
#include "surface/api/oauth_front.hpp"
#include "surface/api/task_front.hpp"
#include "surface/mcp/http_front.hpp"

namespace interlock::cli {
namespace {

constexpr const char* kHelp =
    "usage: interlock serve [--config FILE] [--state FOLDER] [--listen ADDRESS:PORT]\n"
    "  Serves MCP over HTTP before the servers of interlock.yaml: each at /mcp/NAME, all together at /mcp.\n"
    "  Prints {\"listening\": URL} (and \"egress\", the proxy's) when it is ready, and logs to standard error. /healthz and /readyz answer "
    "probes.\n"
    "  SIGTERM ends it once running calls are done, SIGHUP reads the configuration again.\n";

// A response stream must take one whole message, and then some.
constexpr std::size_t kQueuedBytes = std::size_t{32} << 20;
// A SPIRE agent that starts beside the gate may need a while.
constexpr std::int64_t kSvidWaitMs = 60'000;

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
                  {ErrorCode::kNotFound, "there is nothing at this path",
                   "MCP is at /mcp and /mcp/NAME, tasks at /v1/tasks, probes at /healthz and /readyz"});
  }
  if (request.method != "GET" && request.method != "HEAD") {
    return refuse(exchange, 405, {ErrorCode::kUnsupported, "this method is not known here", "use GET"}, {{"Allow", "GET, HEAD"}});
  }
  if (const auto ready = daemon.ready(); !health && !ready) {
    return refuse(exchange, 503, {ready.error().code, "the gate takes no acts at present", "its log says why"});
  }
  respond(exchange, 200, json::object{{"status", "ok"}});
}

// Tokens that are made leave a receipt, and so do those that are not.
Status record_exchange(Daemon& daemon, const identity::ExchangeOrder& order, const Error* refusal) {
  json::array scopes;
  for (const auto& scope : order.scopes) scopes.emplace_back(scope);
  model::Receipt receipt;
  receipt.kind = model::ReceiptKind::kAttempt;
  receipt.at_ms = daemon.organs().clock.now_ms();
  receipt.act = new_id("act", receipt.at_ms);
  receipt.subject = order.actor.id;
  receipt.surface = "oauth";
  receipt.action = "interlock/exchange_token";
  receipt.verdict = refusal == nullptr ? "allow" : "deny";
  receipt.layer = model::layer_name(model::Layer::kIdentity);
  receipt.detail = json::object{{"for", order.subject.id}, {"audience", order.audience}, {"scopes", std::move(scopes)}};
  if (refusal != nullptr) receipt.detail["reason"] = refusal->message;
  return daemon.organs().gate->record(std::move(receipt));
}

std::unique_ptr<api::OAuthFront> make_exchange_front(Daemon& daemon) {
  auto& identity = daemon.identity();
  auto* keys = identity.token_keys();
  if (keys == nullptr) return nullptr;
  const auto resource = identity.resource(daemon.config());
  api::OAuthFrontOptions options;
  options.issuer = identity.public_url();
  options.resources = {identity.public_url(), mcp::resource_of(resource, "")};
  for (const auto& server : daemon.config().servers) options.resources.push_back(mcp::resource_of(resource, server.name));
  options.lifetime_ms = daemon.config().identity.token_exchange.lifetime_ms;
  options.dpop_window_ms = daemon.config().identity.dpop.window_ms;
  api::OAuthFrontParts parts;
  parts.authenticate = [&identity](identity::Presentation shown, std::function<void(identity::Answer)> done) {
    identity.authenticate(std::move(shown), std::move(done));
  };
  parts.verify_token = [&identity](std::string token, std::vector<std::string> resources, std::function<void(identity::Answer)> done) {
    identity.authenticator().verify_token(std::move(token), std::move(resources), std::move(done));
  };
  parts.sign = [keys](json::object claims, std::int64_t life_ms) { return keys->sign(std::move(claims), life_ms); };
  parts.keys = [keys] { return keys->keys(); };
  parts.record = [&daemon](const identity::ExchangeOrder& order, const Error* refusal) { return record_exchange(daemon, order, refusal); };
  parts.clock = &daemon.organs().clock;
  return std::make_unique<api::OAuthFront>(std::move(options), std::move(parts));
}

std::unique_ptr<api::TaskFront> make_task_front(Daemon& daemon) {
  auto& identity = daemon.identity();
  api::TaskFrontOptions options;
  options.public_url = identity.public_url();
  options.allowed_hosts = daemon.config().allowed_hosts;
  options.loopback = daemon.config().listens_on_loopback();
  return std::make_unique<api::TaskFront>(
      *daemon.organs().gate, daemon.organs().clock, std::move(options),
      [&identity](identity::Presentation shown, std::function<void(identity::Answer)> done) {
        identity.authenticate(std::move(shown), std::move(done));
      },
      [&daemon, &identity](const identity::Refusal& refusal, net::Headers& headers) {
        mcp::add_challenges(identity.resource(daemon.config()), "", refusal, headers);
      });
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
  auto daemon = Daemon::open(loop, log, {.role = "serve", .config = *config, .read_config = read_config, .serves = true});
  if (!daemon) return complain(daemon.error());

  auto& identity = (*daemon)->identity();
  mcp::HttpFrontOptions front_options;
  front_options.allowed_origins = config->allowed_origins;
  front_options.allowed_hosts = config->allowed_hosts;
  front_options.loopback = config->listens_on_loopback();
  mcp::HttpFront front((*daemon)->surface(), std::move(front_options),
                       [&](identity::Presentation shown, std::function<void(identity::Answer)> done) {
                         identity.authenticate(std::move(shown), std::move(done));
                       });
  std::unique_ptr<api::OAuthFront> exchange_front;  // null: tokens are not exchanged here
  std::unique_ptr<api::TaskFront> task_front;
  net::HttpServer server(loop, server_options(config->limits),
                         [&](net::HttpRequest request, const std::shared_ptr<net::HttpExchange>& exchange) {
                           if (front.handle(request, exchange)) return;
                           if (exchange_front && exchange_front->handle(request, exchange)) return;
                           if (task_front && task_front->handle(request, exchange)) return;
                           answer_probe(**daemon, request, *exchange);
                         });
  const auto listen = [&]() -> Status {
    const auto tls = identity.tls();
    const auto port = tls ? server.listen_tls(config->listen_host, config->listen_port, tls)
                          : server.listen_tcp(config->listen_host, config->listen_port);
    if (!port) return fail(port.error());
    Config bound = *config;
    bound.listen_port = *port;
    const std::string address = (tls ? "https://" : "http://") + bound.listen_text();
    if (auto begun = (*daemon)->begin(config->public_url.empty() ? address : config->public_url, bound.listen_text()); !begun) return begun;
    front.set_resource(identity.resource((*daemon)->config()));
    exchange_front = make_exchange_front(**daemon);
    task_front = make_task_front(**daemon);
    (*daemon)->set_listening(address);
    json::object told{{"listening", address}};
    if (const auto* egress = (*daemon)->egress(); egress != nullptr && !egress->listening().empty()) told["egress"] = egress->listening();
    std::printf("%s\n", json::write(told).c_str());
    std::fflush(stdout);
    log.info("listening", {{"address", address}, {"preset", preset_name(config->preset)}, {"state", config->state_dir.string()}});
    return {};
  };
  (*daemon)->on_change([&] { front.set_resource(identity.resource((*daemon)->config())); });

  int code = kDone;
  const auto give_up = [&](const Error& error) {
    code = complain(error);
    (*daemon)->stop("the gate cannot listen", [&] { loop.stop(); });
  };
  if (config->tls.is_on() && !identity.tls()) {
    log.info("waiting for the SVID to serve with");
    const auto patience = loop.after_ms(kSvidWaitMs, [&] {
      give_up({ErrorCode::kTimeout, "no SVID to serve with has come: " + identity.spiffe()->trouble(),
               "is the gate registered with SPIRE, and workload_api its socket?"});
    });
    identity.on_tls([&, patience] {
      loop.cancel(patience);
      if (auto listening = listen(); !listening) give_up(listening.error());
    });
  } else if (auto listening = listen(); !listening) {
    return complain(listening.error());
  }

  live_by_signals(
      loop, log,
      [&] {
        log.info("stopping");
        server.drain();
        (*daemon)->stop("the gate is stopping", [&] { loop.stop(); });
      },
      [&] { (void)(*daemon)->reload("SIGHUP"); });
  loop.run();
  log.info("stopped");
  return code;
}

}  // namespace interlock::cli
