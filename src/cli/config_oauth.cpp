// Reads `servers.NAME.oauth`: how the gate comes by tokens for a server, and what each grant needs.
#include "cli/config_identity.hpp"
#include "cli/config_reading.hpp"

namespace interlock::cli {
namespace {

constexpr std::size_t kScopes = 100;

void check_grant(ConfigReader& in, const yaml::Node& node, const std::string& what, const OAuthConfig& out) {
  const bool has_credential = !out.client_secret.empty() || !out.private_key.empty();
  const bool has_assertion = !out.assertion.empty() || out.spiffe_assertion;
  const auto complain = [&](const char* needs, const char* hint) { in.reader.complain(node, "`" + what + "` " + needs, hint); };
  if (!out.client_secret.empty() && !out.private_key.empty())
    return complain("has both `client_secret` and `private_key`", "keep one of them");
  if (has_credential && out.client_id.empty() && out.client_metadata_url.empty())
    return complain("has a credential of no client", "write client_id");
  if (!out.client_id.empty() && !out.client_metadata_url.empty())
    return complain("has both `client_id` and `client_metadata_url`", "the address of the metadata is the client's ID: keep one of them");
  if (out.algorithm && out.private_key.empty()) return complain("has an `algorithm` and no `private_key`", "leave it out");
  switch (out.grant) {
    case OAuthGrant::kAuthorizationCode:
      if (has_assertion) complain("asks a human at the authorization server: `assertion` means nothing there", "leave it out");
      return;
    case OAuthGrant::kClientCredentials:
      if (!has_credential && !has_assertion)
        complain("asks for itself, and has nothing to show", "write client_secret, private_key or assertion");
      return;
    case OAuthGrant::kJwtBearer:
    case OAuthGrant::kTokenExchange:
      if (!has_assertion) complain("exchanges an assertion, and has none", "write assertion: FILE or assertion: spiffe");
      return;
  }
}

}  // namespace

std::optional<OAuthConfig> read_oauth(ConfigReader& in, yaml::Map& server) {
  const auto* node = server.find("oauth");
  if (node == nullptr) return std::nullopt;
  OAuthConfig out;
  yaml::Map map(in.reader, *node, server.what_of("oauth"));
  out.grant = map.choice<OAuthGrant>("grant", out.grant,
                                     {{"authorization_code", OAuthGrant::kAuthorizationCode},
                                      {"client_credentials", OAuthGrant::kClientCredentials},
                                      {"jwt_bearer", OAuthGrant::kJwtBearer},
                                      {"token_exchange", OAuthGrant::kTokenExchange}});
  out.client_id = map.text("client_id");
  out.client_secret = map.text("client_secret");
  out.client_metadata_url = in.endpoint(map, "client_metadata_url", false);
  out.private_key = in.secret_file(map, "private_key");
  if (const auto* algorithm = map.find("algorithm")) out.algorithm = in.algorithm(*algorithm, map.what_of("algorithm"));
  out.issuer = in.endpoint(map, "issuer", false);
  out.scopes = map.texts("scopes", kScopes);
  out.dpop = map.flag("dpop", false);
  if (const auto* assertion = map.find("assertion")) {
    out.spiffe_assertion = in.reader.text(*assertion, map.what_of("assertion")) == "spiffe";
    if (!out.spiffe_assertion) out.assertion = in.secret_file(map, "assertion");
  }
  map.close();
  if (!in.reader.failed()) check_grant(in, *node, server.what_of("oauth"), out);
  return out;
}

}  // namespace interlock::cli
