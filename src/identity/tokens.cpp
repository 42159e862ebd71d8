#include "identity/tokens.hpp"

#include "base/ids.hpp"

namespace interlock::identity {
namespace {

constexpr std::string_view kHashPrefix = "sha256:";
constexpr std::string_view kAnonymous = "anonymous";

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// RFC 6750 §2.1 b64token: 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="
bool is_token(std::string_view text) {
  const auto end = text.find_last_not_of('=');
  if (end == std::string_view::npos) return false;
  for (char c : text.substr(0, end + 1)) {
    const bool fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
                      c == '~' || c == '+' || c == '/';
    if (!fits) return false;
  }
  return true;
}

// The credentials of "Bearer <token>", the scheme without regard to case (RFC 9110 §11.1).
Result<std::string_view> bearer_token(std::string_view header) {
  static constexpr std::string_view kScheme = "bearer";
  static constexpr const char* kHint = "send \"Authorization: Bearer <token>\"";
  if (header.size() > kTokenBytes + kScheme.size() + 1) return fail(ErrorCode::kDenied, "the Authorization header is too long", kHint);
  const auto space = header.find(' ');
  const auto scheme = header.substr(0, space);
  bool bearer = scheme.size() == kScheme.size();
  for (std::size_t i = 0; bearer && i < kScheme.size(); ++i) bearer = lower(scheme[i]) == kScheme[i];
  if (!bearer) return fail(ErrorCode::kDenied, "the Authorization header is not of scheme Bearer", kHint);
  if (space == std::string_view::npos) return fail(ErrorCode::kDenied, "the Authorization header holds no token", kHint);
  const auto start = header.find_first_not_of(' ', space);
  if (start == std::string_view::npos) return fail(ErrorCode::kDenied, "the Authorization header holds no token", kHint);
  const auto token = header.substr(start);
  if (!is_token(token)) return fail(ErrorCode::kDenied, "the bearer token is malformed", kHint);
  return token;
}

}  // namespace

Result<Digest> parse_token_digest(std::string_view text) {
  static constexpr const char* kHint = "write sha256:<64 hexadecimal digits>, the hash of the token (printf %s TOKEN | sha256sum)";
  if (!text.starts_with(kHashPrefix)) return fail(ErrorCode::kInvalid, "a token is given by its hash only, and this is none", kHint);
  const auto bytes = from_hex(text.substr(kHashPrefix.size()));
  if (!bytes || bytes->size() != sizeof(Digest)) return fail(ErrorCode::kInvalid, "the hash of a token is malformed", kHint);
  Digest digest;
  for (std::size_t i = 0; i < digest.size(); ++i) digest[i] = static_cast<std::uint8_t>((*bytes)[i]);
  if (digest == sha256(std::string_view())) return fail(ErrorCode::kInvalid, "the hash of a token is that of an empty one", kHint);
  return digest;
}

std::string token_digest_text(std::string_view token) { return std::string(kHashPrefix) + to_hex(sha256(token)); }

std::string TokenBook::blind(const Digest& digest) const { return std::string(as_bytes(hmac_sha256(key_, as_bytes(digest)))); }

Result<TokenBook> TokenBook::create(std::vector<TokenRule> rules, bool anonymous) {
  if (rules.size() > kTokens) return fail(ErrorCode::kTooLarge, "more than " + std::to_string(kTokens) + " tokens are configured");
  TokenBook book;
  book.anonymous_ = anonymous;
  book.key_ = random_bytes(32);
  for (auto& rule : rules) {
    if (rule.subject.empty()) return fail(ErrorCode::kInvalid, "a token names no subject", "give it `subject:`");
    if (rule.subject == kAnonymous || rule.subject.starts_with("local/")) {
      return fail(ErrorCode::kInvalid, "a token may not stand for subject \"" + rule.subject + "\"",
                  "\"anonymous\" and \"local/...\" are other kinds of identity: choose another name");
    }
    Entry entry;
    entry.sha256 = rule.sha256;
    entry.expires_ms = rule.expires_ms;
    entry.subject.id = rule.subject;
    entry.subject.owner = rule.owner.empty() ? rule.subject : std::move(rule.owner);
    entry.subject.assurance = model::Assurance::kBearer;
    entry.subject.attributes = std::move(rule.attributes);
    const auto [it, added] = book.rules_.emplace(book.blind(rule.sha256), std::move(entry));
    if (!added) {
      return fail(ErrorCode::kConflict, "subjects \"" + it->second.subject.id + "\" and \"" + rule.subject + "\" have the same token",
                  "give each subject its own");
    }
  }
  return book;
}

Result<model::Subject> TokenBook::authenticate(std::optional<std::string_view> authorization, UnixMs now_ms) const {
  if (!authorization) {
    if (!anonymous_) {
      return fail(ErrorCode::kDenied, "the request names no identity",
                  "send \"Authorization: Bearer <token>\" with a token of interlock.yaml");
    }
    model::Subject subject;
    subject.id = kAnonymous;
    subject.owner = kAnonymous;
    return subject;
  }
  const auto token = bearer_token(*authorization);
  if (!token) return fail(token.error());
  const Digest digest = sha256(*token);
  const auto it = key_.empty() ? rules_.end() : rules_.find(blind(digest));
  if (it == rules_.end() || !equal_constant_time(as_bytes(it->second.sha256), as_bytes(digest))) {
    return fail(ErrorCode::kDenied, "the bearer token is not known here", "check it against the token hashes of interlock.yaml");
  }
  if (it->second.expires_ms && now_ms >= *it->second.expires_ms) {
    return fail(ErrorCode::kExpired, "the bearer token of \"" + it->second.subject.id + "\" expired at " + rfc3339(*it->second.expires_ms),
                "configure a new one");
  }
  return it->second.subject;
}

}  // namespace interlock::identity
