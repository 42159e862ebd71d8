#include "oauth/metadata.hpp"

#include <utility>

namespace interlock::oauth {
namespace {

constexpr std::size_t kDocumentDepth = 32;

std::string quoted(std::string_view text) { return "\"" + std::string(text.substr(0, 200)) + "\""; }

Result<std::string> endpoint_at(const json::object& document, std::string_view name) {
  const auto* member = json::find(document, name);
  if (member == nullptr) return std::string();
  if (!member->is_string()) return fail(ErrorCode::kInvalid, "its member " + std::string(name) + " is no text");
  std::string url(json::view(member->get_string()));
  if (auto allowed = check_endpoint(url); !allowed)
    return fail(ErrorCode::kDenied, "its " + std::string(name) + " is refused: " + allowed.error().message, allowed.error().hint);
  return url;
}

class Discovery final : public Fetch {
 public:
  Discovery(net::Loop& loop, net::HttpClient& client, std::string issuer, std::function<void(Result<ServerMetadata>)> done)
      : loop_(loop), client_(client), issuer_(std::move(issuer)), done_(std::move(done)), urls_(metadata_urls(issuer_)) {
    if (urls_.empty()) {
      auto wrong = check_issuer(issuer_);
      error_ = wrong ? Error{ErrorCode::kInvalid, quoted(issuer_) + " is no issuer", {}} : std::move(wrong.error());
    }
    if (urls_.empty()) {
      loop_.post([this, alive = std::weak_ptr(alive_)] {
        if (alive.lock()) finish(fail(std::move(error_)));
      });
      return;
    }
    look();
  }

 private:
  void look() {
    auto url = net::parse_url(urls_[next_++]);
    if (!url) return finish(fail(std::move(url.error())));
    net::HttpClientRequest request{.method = "GET", .url = std::move(*url), .headers = {{"Accept", "application/json"}}, .body = {}};
    running_ = fetch(loop_, client_, std::move(request), [this](Result<Fetched> fetched) { take(std::move(fetched)); });
  }

  void take(Result<Fetched> fetched) {
    if (fetched && fetched->status == 200) {
      auto metadata = read_metadata(issuer_, fetched->body);
      // A server that answers every path with a page has no document there.
      if (metadata || metadata.error().code != ErrorCode::kInvalid) return finish(std::move(metadata));
      error_ = std::move(metadata.error());
    } else if (!fetched) {
      error_ = std::move(fetched.error());
    } else if (error_.message.empty()) {
      error_ = {ErrorCode::kUnavailable, "issuer " + quoted(issuer_) + " publishes no metadata: HTTP " + std::to_string(fetched->status),
                "RFC 8414 wants " + urls_.front()};
    }
    if (next_ == urls_.size()) return finish(fail(std::move(error_)));
    look();
  }

  void finish(Result<ServerMetadata> result) {
    const auto done = std::move(done_);  // may drop us
    done(std::move(result));
  }

  net::Loop& loop_;
  net::HttpClient& client_;
  std::string issuer_;
  std::function<void(Result<ServerMetadata>)> done_;
  std::vector<std::string> urls_;
  std::size_t next_ = 0;
  Error error_;
  std::unique_ptr<Fetch> running_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace

Result<std::vector<std::string>> text_list(const json::object& document, std::string_view name) {
  std::vector<std::string> out;
  const auto* member = json::find(document, name);
  if (member == nullptr) return out;
  const auto bad = [&](const char* why) { return fail(ErrorCode::kInvalid, "its member " + std::string(name) + " " + why); };
  if (!member->is_array()) return bad("is no list");
  if (member->get_array().size() > kListEntries) return bad("has too many entries");
  for (const auto& entry : member->get_array()) {
    if (!entry.is_string()) return bad("holds something else than texts");
    if (entry.get_string().size() > kListEntryBytes) return bad("holds a text over the bound");
    out.emplace_back(json::view(entry.get_string()));
  }
  return out;
}

Status check_issuer(std::string_view issuer) {
  if (issuer.size() > kIssuerBytes)
    return fail(ErrorCode::kDenied, "an issuer of " + std::to_string(issuer.size()) + " bytes is over the bound");
  if (issuer.find('?') != std::string_view::npos)
    return fail(ErrorCode::kDenied, "issuer " + quoted(issuer) + " has a query", "an issuer has neither query nor fragment (RFC 8414 §2)");
  return check_endpoint(issuer);
}

std::vector<std::string> metadata_urls(std::string_view issuer) {
  if (!check_issuer(issuer)) return {};
  const auto authority = issuer.find("://") + 3;
  const auto slash = issuer.find('/', authority);
  const std::string origin(issuer.substr(0, slash));
  std::string path(slash == std::string_view::npos ? std::string_view() : issuer.substr(slash));
  while (path.ends_with('/')) path.pop_back();
  std::vector<std::string> out{origin + "/.well-known/oauth-authorization-server" + path,
                               origin + "/.well-known/openid-configuration" + path};
  if (!path.empty()) out.push_back(origin + path + "/.well-known/openid-configuration");
  return out;
}

Result<ServerMetadata> read_metadata(std::string_view issuer, std::string_view text) {
  const auto refuse = [&](Error error) {
    error.message = "the metadata of issuer " + quoted(issuer) + " is refused: " + error.message;
    return fail(std::move(error));
  };
  auto parsed = json::parse(text, {.size_bytes = kDocumentBytes, .depth = kDocumentDepth});
  if (!parsed) return refuse(std::move(parsed.error()));
  if (!parsed->is_object()) return refuse({ErrorCode::kInvalid, "it is no JSON object", {}});
  ServerMetadata out;
  out.document = std::move(parsed->get_object());
  const auto said = json::string_at(out.document, "issuer");
  if (!said) return refuse({ErrorCode::kInvalid, "it names no issuer", {}});
  if (*said != issuer) {
    return refuse({ErrorCode::kDenied, "it is another issuer's, " + quoted(*said),
                   "the two must be the same to the letter (RFC 8414 §3.3): see whether one has a slash at its end"});
  }
  out.issuer = std::string(*said);
  for (const auto& [name, member] : {std::pair{"authorization_endpoint", &out.authorization_endpoint},
                                     {"token_endpoint", &out.token_endpoint},
                                     {"registration_endpoint", &out.registration_endpoint},
                                     {"revocation_endpoint", &out.revocation_endpoint},
                                     {"jwks_uri", &out.jwks_uri}}) {
    auto url = endpoint_at(out.document, name);
    if (!url) return refuse(std::move(url.error()));
    *member = std::move(*url);
  }
  for (const auto& [name, member] : {std::pair{"code_challenge_methods_supported", &out.code_challenge_methods},
                                     {"grant_types_supported", &out.grant_types},
                                     {"token_endpoint_auth_methods_supported", &out.token_auth_methods},
                                     {"scopes_supported", &out.scopes},
                                     {"dpop_signing_alg_values_supported", &out.dpop_algorithms}}) {
    auto list = text_list(out.document, name);
    if (!list) return refuse(std::move(list.error()));
    *member = std::move(*list);
  }
  out.iss_parameter_supported = json::bool_at(out.document, "authorization_response_iss_parameter_supported");
  out.client_id_metadata_document_supported = json::bool_at(out.document, "client_id_metadata_document_supported");
  return out;
}

std::unique_ptr<Fetch> discover(net::Loop& loop, net::HttpClient& client, std::string issuer,
                                std::function<void(Result<ServerMetadata>)> done) {
  return std::make_unique<Discovery>(loop, client, std::move(issuer), std::move(done));
}

}  // namespace interlock::oauth
