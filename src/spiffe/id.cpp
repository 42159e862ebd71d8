#include "spiffe/id.hpp"

#include <algorithm>

namespace interlock::spiffe {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_domain_character(char c) { return is_lower(c) || is_digit(c) || c == '.' || c == '-' || c == '_'; }
bool is_path_character(char c) { return is_domain_character(c) || is_upper(c); }

std::unexpected<Error> broken(std::string_view rule) {
  return fail(ErrorCode::kInvalid, "this is no SPIFFE ID: " + std::string(rule),
              "a SPIFFE ID reads spiffe://trust-domain/path: a lower case domain, and path segments of letters, digits, '.', '-', '_'");
}

// What a character that may not stand in the authority tells of what was meant.
std::string_view domain_rule(char c) {
  switch (c) {
    case '@': return "the trust domain must not have user info";
    case ':': return "the trust domain must not have a port";
    case '?': return "it must not have a query";
    case '#': return "it must not have a fragment";
    case '%': return "the trust domain must not have percent-encoded characters";
    default: break;
  }
  if (is_upper(c)) return "the trust domain must be in lower case";
  return "the trust domain may have only lower case letters, digits, '.', '-' and '_'";
}

std::string_view path_rule(char c) {
  switch (c) {
    case '?': return "it must not have a query";
    case '#': return "it must not have a fragment";
    case '%': return "the path must not have percent-encoded characters";
    default: return "a path segment may have only letters, digits, '.', '-' and '_'";
  }
}

// The rule that `path` ("/a/b") breaks; empty: none.
std::string_view broken_path_rule(std::string_view path) {
  while (!path.empty()) {
    path.remove_prefix(1);
    const auto segment = path.substr(0, path.find('/'));
    path.remove_prefix(segment.size());
    if (segment.empty()) return path.empty() ? "the path must not end with '/'" : "the path must not have empty segments";
    if (segment == "." || segment == "..") return "the path must not have '.' or '..' as a segment";
    const auto bad = std::find_if_not(segment.begin(), segment.end(), is_path_character);
    if (bad != segment.end()) return path_rule(*bad);
  }
  return {};
}

// The rule that a trust domain name breaks; empty: none.
std::string_view broken_domain_rule(std::string_view name) {
  if (name.empty()) return "the trust domain is empty";
  const auto bad = std::find_if_not(name.begin(), name.end(), is_domain_character);
  if (bad != name.end()) return domain_rule(*bad);
  if (name.size() > kTrustDomainBytes) return "the trust domain has more than 255 bytes";
  return {};
}

}  // namespace

Result<SpiffeId> SpiffeId::parse(std::string_view text) {
  if (text.size() > kIdBytes) return broken("it has more than 2048 bytes");
  if (!text.starts_with(kScheme)) return broken("the scheme must be spiffe://");
  const auto rest = text.substr(kScheme.size());
  const auto domain = rest.substr(0, rest.find('/'));
  if (const auto rule = broken_domain_rule(domain); !rule.empty()) return broken(rule);
  if (const auto rule = broken_path_rule(rest.substr(domain.size())); !rule.empty()) return broken(rule);
  SpiffeId id;
  id.text_ = text;
  id.domain_ = domain.size();
  return id;
}

Status check_trust_domain(std::string_view name) {
  const auto rule = broken_domain_rule(name);
  if (rule.empty()) return {};
  return fail(ErrorCode::kInvalid, "this is no trust domain name: " + std::string(rule), "a trust domain reads like example.org");
}

}  // namespace interlock::spiffe
