#include "oauth/clients.hpp"

#include <charconv>

#include "oauth/form.hpp"

namespace interlock::oauth {
namespace {

constexpr std::string_view kPortKey = "callback_port";

// What a human reads in the browser. Nothing of the query, nothing that another site could use.
std::string page(std::string_view title, std::string_view text) {
  std::string out =
      "<!doctype html><meta charset=\"utf-8\"><title>Interlock</title><style>body{font:16px system-ui;margin:15vh "
      "auto;max-width:34em}</style><h1>";
  out.append(title).append("</h1><p>").append(text).append("</p>");
  return out;
}

net::Headers page_headers() {
  return {{"Content-Type", "text/html; charset=utf-8"},
          {"Cache-Control", "no-store"},
          {"Referrer-Policy", "no-referrer"},
          {"X-Content-Type-Options", "nosniff"},
          {"Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"}};
}

}  // namespace

Clients::Clients(ClientParts parts) : parts_(std::move(parts)) {}
Clients::~Clients() = default;

Status Clients::listen(std::uint16_t port) {
  const auto kept = parts_.vault->get(kPortKey);
  if (!kept) return fail(kept.error());
  std::uint16_t last = 0;
  if (port == 0 && *kept) std::from_chars((*kept)->data(), (*kept)->data() + (*kept)->size(), last);
  net::HttpServerOptions options;
  options.header_bytes = 2 * kQueryBytes;
  options.body_bytes = 0;
  options.connections = 32;
  listener_ = std::make_unique<net::HttpServer>(
      *parts_.loop, options,
      [this](const net::HttpRequest& request, std::shared_ptr<net::HttpExchange> exchange) { serve(request, std::move(exchange)); });
  // Registrations name the port: the same one keeps them good.
  auto bound = listener_->listen_tcp("127.0.0.1", port != 0 ? port : last);
  if (!bound && port == 0 && last != 0) bound = listener_->listen_tcp("127.0.0.1", 0);
  if (!bound) return fail(std::move(bound.error()));
  parts_.redirect_uri = "http://127.0.0.1:" + std::to_string(*bound) + std::string(kCallbackPath);
  return parts_.vault->put(kPortKey, std::to_string(*bound));
}

Result<std::shared_ptr<Client>> Clients::add(const std::string& server, const std::string& server_url, ClientOptions options) {
  if (options.grant == Grant::kAuthorizationCode && parts_.redirect_uri.empty())
    return fail(ErrorCode::kInternal, "a client whose human logs in was added before there is a place to come back to");
  auto client = Client::create(parts_, server, server_url, std::move(options));
  if (!client) {
    client.error().message = "server \"" + server + "\": " + client.error().message;
    return fail(std::move(client.error()));
  }
  clients_[server] = *client;
  return *client;
}

std::shared_ptr<Client> Clients::find(std::string_view server) const {
  const auto found = clients_.find(server);
  return found == clients_.end() ? nullptr : found->second;
}

std::vector<ClientStatus> Clients::status() const {
  std::vector<ClientStatus> out;
  for (const auto& [server, client] : clients_) out.push_back(client->status());
  return out;
}

void Clients::callback(std::string_view query, std::function<void(Result<std::string>)> done) {
  const auto form = read_form(query);
  if (!form) return done(fail(form.error()));
  const auto state = form_get(*form, "state");
  for (const auto& [server, client] : clients_) {
    if (state.empty() || !client->has_login(state)) continue;
    return client->finish_login(query, [server, done = std::move(done)](Status status) {
      if (!status) return done(fail(std::move(status.error())));
      done(server);
    });
  }
  done(fail(ErrorCode::kNotFound, "no login is open with this state",
            "it was used, it is too old, or it is not this gate's: begin it again"));
}

void Clients::serve(const net::HttpRequest& request, std::shared_ptr<net::HttpExchange> exchange) {
  if (request.path != kCallbackPath)
    return exchange->respond(404, page_headers(), page("Nothing here", "This address takes logins back, and nothing else."));
  if (request.method != "GET") {
    auto headers = page_headers();
    headers.set("Allow", "GET");
    return exchange->respond(405, std::move(headers), page("Not like this", "A browser comes here with GET."));
  }
  callback(request.query, [exchange](const Result<std::string>& server) {
    if (server)
      return exchange->respond(200, page_headers(), page("Logged in", "The gate has its authorization. You can close this window."));
    exchange->respond(400, page_headers(),
                      page("Not logged in", "The gate refused this login. Its log, or <code>interlock server list</code>, says why."));
  });
}

}  // namespace interlock::oauth
