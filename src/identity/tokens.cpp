#include "identity/tokens.hpp"

#include "base/ids.hpp"
#include "identity/authorization.hpp"

namespace interlock::identity {
namespace {

constexpr std::string_view kHashPrefix = "sha256:";
constexpr std::string_view kAnonymous = "anonymous";

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
    if (rule.subject == kAnonymous || rule.subject.starts_with("local/") || rule.subject.starts_with("spiffe://")) {
      return fail(ErrorCode::kInvalid, "a token may not stand for subject \"" + rule.subject + "\"",
                  "\"anonymous\", \"local/...\" and \"spiffe://...\" are other kinds of identity: choose another name");
    }
    Entry entry;
    entry.sha256 = rule.sha256;
    entry.expires_ms = rule.expires_ms;
    entry.subject.id = rule.subject;
    entry.subject.owner = rule.owner.empty() ? rule.subject : std::move(rule.owner);
    entry.subject.assurance = model::Assurance::kBearer;
    entry.subject.credential = "token";
    entry.subject.expires_ms = rule.expires_ms.value_or(0);
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
  const auto shown = read_authorization(*authorization);
  if (!shown) return fail(shown.error());
  if (shown->scheme != Scheme::kBearer) {
    return fail(ErrorCode::kDenied, "a token of the configuration is shown with the Bearer scheme",
                "send \"Authorization: Bearer <token>\"");
  }
  auto found = find(shown->token, now_ms);
  if (!found) return fail(std::move(found.error()));
  if (!*found) return fail(ErrorCode::kDenied, "the bearer token is not known here", "check it against the token hashes of interlock.yaml");
  return **std::move(found);
}

Result<std::optional<model::Subject>> TokenBook::find(std::string_view token, UnixMs now_ms) const {
  if (rules_.empty()) return std::nullopt;
  const Digest digest = sha256(token);
  const auto it = rules_.find(blind(digest));
  if (it == rules_.end() || !equal_constant_time(as_bytes(it->second.sha256), as_bytes(digest))) return std::nullopt;
  if (it->second.expires_ms && now_ms >= *it->second.expires_ms) {
    return fail(ErrorCode::kExpired, "the bearer token of \"" + it->second.subject.id + "\" expired at " + rfc3339(*it->second.expires_ms),
                "configure a new one");
  }
  return it->second.subject;
}

}  // namespace interlock::identity
