// Reads `servers.NAME.oauth`: how the gate comes by tokens for a server, and what each grant needs.
#include "cli/config_identity.hpp"
#include "cli/config_reading.hpp"

namespace interlock::cli {
namespace {

constexpr std::size_t kScopes = 100;

AssertionConfig read_assertion(ConfigReader& in, yaml::Map& map, std::string_view key) {
  AssertionConfig out;
  const auto* node = map.find(key);
  if (node == nullptr) return out;
  out.spiffe = in.reader.text(*node, map.what_of(key)) == "spiffe";
  if (!out.spiffe) out.file = in.secret_file(map, key);
  return out;
}

IdentityProviderConfig read_provider(ConfigReader& in, const yaml::Node& node, std::string what) {
  IdentityProviderConfig out;
  yaml::Map map(in.reader, node, std::move(what));
  out.token_endpoint = in.endpoint(map, "token_endpoint");
  out.client_id = map.text("client_id");
  out.client_secret = map.text("client_secret");
  out.subject_token = read_assertion(in, map, "subject_token");
  out.subject_token_type = map.text("subject_token_type");
  map.close();
  if (!in.reader.failed() && (out.token_endpoint.empty() || out.client_id.empty() || !out.subject_token.is_given()))
    in.reader.complain(node, "an identity provider needs `token_endpoint`, `client_id` and `subject_token`", "write all three");
  return out;
}

void check_grant(ConfigReader& in, const yaml::Node& node, const std::string& what, const OAuthConfig& out) {
  using oauth::Grant;
  const auto complain = [&](const char* needs, const char* hint) { in.reader.complain(node, "`" + what + "` " + needs, hint); };
  const bool has_credential = !out.client_secret.empty() || !out.private_key.empty();
  if (!out.client_secret.empty() && !out.private_key.empty())
    return complain("has both `client_secret` and `private_key`", "keep one of them");
  if (has_credential && out.client_id.empty() && out.client_metadata_url.empty())
    return complain("has a credential of no client", "write client_id");
  if (!out.client_id.empty() && !out.client_metadata_url.empty())
    return complain("has both `client_id` and `client_metadata_url`", "the address of the metadata is the client's ID: keep one of them");
  if (out.private_key.empty() && (out.algorithm || !out.key_id.empty()))
    return complain("has an `algorithm` or a `key_id`, and no `private_key`", "leave it out");
  if (out.assertion.is_given() != (out.grant == Grant::kJwtBearer))
    return out.assertion.is_given() ? complain("has an `assertion`, which is for grant: jwt_bearer", "leave it out")
                                    : complain("exchanges an assertion, and has none", "write assertion: FILE or assertion: spiffe");
  if (out.idp.has_value() != (out.grant == Grant::kTokenExchange))
    return out.idp ? complain("has an `idp`, which is for grant: token_exchange", "leave it out")
                   : complain("exchanges the token of an identity provider, and names none",
                              "write idp: { token_endpoint: ..., client_id: ..., subject_token: FILE }");
  if (out.grant == Grant::kClientCredentials && !has_credential)
    return complain("asks for itself, and has nothing to show", "write client_secret or private_key");
  const bool can_leak = !out.client_id.empty() || out.assertion.is_given() || out.idp;
  if (can_leak && out.issuer.empty())
    complain("has no `issuer`, and what belongs to one must go to no other", "write issuer: https://... , the authorization server");
}

}  // namespace

std::optional<OAuthConfig> read_oauth(ConfigReader& in, yaml::Map& server) {
  const auto* node = server.find("oauth");
  if (node == nullptr) return std::nullopt;
  OAuthConfig out;
  yaml::Map map(in.reader, *node, server.what_of("oauth"));
  out.grant = map.choice<oauth::Grant>("grant", out.grant,
                                       {{"authorization_code", oauth::Grant::kAuthorizationCode},
                                        {"client_credentials", oauth::Grant::kClientCredentials},
                                        {"jwt_bearer", oauth::Grant::kJwtBearer},
                                        {"token_exchange", oauth::Grant::kTokenExchange}});
  out.client_id = map.text("client_id");
  out.client_secret = map.text("client_secret");
  out.client_metadata_url = in.endpoint(map, "client_metadata_url", false);
  out.private_key = in.secret_file(map, "private_key");
  out.key_id = map.text("key_id");
  if (const auto* algorithm = map.find("algorithm")) out.algorithm = in.algorithm(*algorithm, map.what_of("algorithm"));
  out.issuer = in.endpoint(map, "issuer", false);
  out.scopes = map.texts("scopes", kScopes);
  out.dpop = map.flag("dpop", false);
  out.assume_endpoints = map.flag("assume_endpoints", false);
  out.login_wait_ms = map.duration_ms("login_wait", out.login_wait_ms, 0, 600'000);
  out.assertion = read_assertion(in, map, "assertion");
  if (const auto* idp = map.find("idp")) out.idp = read_provider(in, *idp, map.what_of("idp"));
  map.close();
  if (!in.reader.failed()) check_grant(in, *node, server.what_of("oauth"), out);
  return out;
}

}  // namespace interlock::cli
