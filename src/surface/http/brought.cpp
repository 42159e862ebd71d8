#include "surface/http/brought.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace interlock::http {
namespace {

// Those of the hop, those that change what a request does behind the decision's back, and credentials.
constexpr std::array<std::string_view, 5> kNeverPass{"proxy-authorization", "proxy-authenticate", "expect", "forwarded", "http2-settings"};
constexpr std::array<std::string_view, 6> kOverrides{"x-http-method-override", "x-http-method", "x-method-override",
                                                     "x-original-url",         "x-rewrite-url", "x-original-method"};
constexpr std::array<std::string_view, 30> kCredentialHeaders{
    "authorization", "cookie", "x-api-key", "api-key", "x-auth-token", "x-access-token", "x-goog-api-key", "x-goog-iam-authorization-token",
    "x-amz-security-token", "x-amz-date", "x-amz-content-sha256", "private-token", "job-token", "deploy-token", "x-gitlab-token",
    "x-vault-token", "x-csrf-token", "x-xsrf-token", "dpop", "x-slack-signature", "x-github-token", "x-client-cert",
    // Client certificates as proxies pass them on (RFC 9440 and older).
    "client-cert", "client-cert-chain", "x-forwarded-client-cert", "x-ssl-client-cert", "ssl-client-cert", "x-ssl-cert", "x-arr-clientcert",
    "x-amzn-mtls-clientcert"};
// Subprotocols of WebSockets in which browsers carry keys: OpenAI's and Kubernetes'.
constexpr std::array<std::string_view, 2> kKeyProtocols{"openai-insecure-api-key.", "base64url.bearer.authorization.k8s.io."};
constexpr std::array<std::string_view, 27> kCredentialParameters{
    "api_key",       "apikey",        "api-key",       "access_token", "auth_token", "authtoken",   "token",         "auth",
    "authorization", "client_secret", "clientsecret",  "password",     "passwd",     "secret",      "private_token", "job_token",
    "jwt",           "id_token",      "refresh_token", "sessionid",    "session_id", "oauth_token", "bearer_token",  "subscription-key",
    "hapikey",       "x-api-key",     "key_secret"};
// The parts of signed URLs: Amazon S3 and CloudFront, Google Cloud Storage, Azure's shared access signatures.
constexpr std::array<std::string_view, 17> kSignatureParameters{
    "x-amz-signature",      "x-amz-credential", "x-amz-security-token", "x-amz-algorithm",  "x-amz-date",  "x-amz-expires",
    "x-amz-signedheaders",  "x-goog-signature", "x-goog-credential",    "x-goog-algorithm", "x-goog-date", "x-goog-expires",
    "x-goog-signedheaders", "awsaccesskeyid",   "googleaccessid",       "key-pair-id",      "signature"};
// Azure's names are short and common: they go where its signature is among them.
constexpr std::array<std::string_view, 13> kSharedAccess{"sig", "se", "sp",  "sv",    "sr",    "st", "spr",
                                                         "sip", "ss", "srt", "skoid", "sktid", "skt"};

bool among(std::string_view name, const auto& list) {
  return std::ranges::any_of(list, [&](std::string_view one) { return net::equal_ignoring_case(name, one); });
}

// Words that mean a key, whatever stands around them: "Ocp-Apim-Subscription-Key", "X-Tenant-Api-Key".
bool names_a_key(std::string_view lower_name) {
  constexpr std::array<std::string_view, 8> kParts{"api-key",      "apikey",        "api_key",        "auth-token",
                                                   "access-token", "session-token", "security-token", "subscription-key"};
  return std::ranges::any_of(kParts, [&](std::string_view part) { return lower_name.contains(part); });
}

// The list of subprotocols without those that are keys; as it was where there are none.
std::string without_keys(std::string_view protocols) {
  std::string out;
  bool found = false;
  for (auto rest = protocols; !rest.empty();) {
    const auto end = std::min(rest.find(','), rest.size());
    auto one = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    while (one.starts_with(' ') || one.starts_with('\t')) one.remove_prefix(1);
    const auto plain = ascii_lower(one);
    if (std::ranges::any_of(kKeyProtocols, [&](std::string_view start) { return plain.starts_with(start); })) found = true;
    else out.append(out.empty() ? "" : ", ").append(one);
  }
  return found ? out : std::string(protocols);
}

// The name of a parameter as its reader sees it: escapes undone where they hide plain characters.
std::string parameter_name(std::string_view pair) {
  const auto name = pair.substr(0, pair.find('='));
  std::string out;
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] == '%' && i + 2 < name.size() && digit(name[i + 1]) >= 0 && digit(name[i + 2]) >= 0) {
      out += static_cast<char>(digit(name[i + 1]) * 16 + digit(name[i + 2]));
      i += 2;
    } else {
      out += name[i];
    }
  }
  return ascii_lower(out);
}

}  // namespace

std::string without_credentials_in(std::string_view query, const std::vector<std::string>& further, const std::vector<std::string>& keep,
                                   std::vector<std::string>* taken) {
  std::vector<std::string_view> pairs;
  for (auto rest = query;;) {
    const auto end = rest.find('&');
    pairs.push_back(rest.substr(0, end));
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  const bool shared_access = std::ranges::any_of(pairs, [](std::string_view pair) { return parameter_name(pair) == "sig"; });
  std::string out;
  bool first = true;
  for (const auto pair : pairs) {
    const auto name = parameter_name(pair);
    const bool credential = among(name, kCredentialParameters) || among(name, kSignatureParameters) || among(name, further) ||
                            (shared_access && among(name, kSharedAccess));
    if (credential && !among(name, keep)) {
      if (taken != nullptr) taken->push_back('?' + name);
      continue;
    }
    if (!first) out += '&';
    first = false;
    out += pair;
  }
  return out;
}

std::vector<std::string> take_off(net::Headers& headers, Target& target, const catalogue::HttpRoute& route,
                                  const std::vector<std::string>& keep) {
  std::vector<std::string> taken;
  net::Headers left;
  for (const auto& [name, value] : headers.all()) {
    auto known = ascii_lower(name);
    if (among(name, kNeverPass) || known.starts_with("proxy-")) continue;
    const bool credential =
        among(name, kOverrides) || among(name, kCredentialHeaders) || names_a_key(known) || among(name, route.credential_headers);
    if (credential && !among(name, keep)) {
      if (std::ranges::find(taken, known) == taken.end()) taken.push_back(std::move(known));
      continue;
    }
    if (known == "sec-websocket-protocol" && !among(name, keep)) {
      auto plain = without_keys(value);
      if (plain != value && std::ranges::find(taken, known) == taken.end()) taken.push_back(known);
      if (!plain.empty()) left.add(name, std::move(plain));
      continue;
    }
    left.add(name, value);
  }
  headers = std::move(left);
  if (target.has_query) {
    target.query = without_credentials_in(target.query, route.credential_query, keep, &taken);
    target.has_query = !target.query.empty();
  }
  return taken;
}

}  // namespace interlock::http
