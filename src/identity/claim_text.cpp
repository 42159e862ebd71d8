#include "identity/claim_text.hpp"

#include "identity/issuers.hpp"

namespace interlock::identity {
namespace {

bool has_control_character(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return true;
  }
  return false;
}

}  // namespace

const json::value* claim_at(const json::object& claims, std::string_view path) {
  for (auto end = path.size(); end != std::string_view::npos && end > 0;) {
    if (const auto* found = json::find(claims, path.substr(0, end))) {
      if (end == path.size()) return found;
      if (const auto* inner = found->if_object()) return claim_at(*inner, path.substr(end + 1));
      return nullptr;
    }
    end = path.rfind('.', end - 1);
  }
  return nullptr;
}

Result<std::string> claim_text(std::string_view name, const json::value& value) {
  std::string text;
  if (const auto* s = value.if_string()) text = json::view(*s);
  else if (value.is_bool() || value.is_int64() || value.is_uint64() || value.is_double()) text = json::write(value);
  else return fail(ErrorCode::kDenied, "claim \"" + std::string(name) + "\" of the token is no text, number or boolean");
  if (text.empty()) return fail(ErrorCode::kDenied, "claim \"" + std::string(name) + "\" of the token is empty");
  if (text.size() > kClaimBytes) {
    return fail(ErrorCode::kDenied,
                "claim \"" + std::string(name) + "\" of the token is longer than " + std::to_string(kClaimBytes) + " bytes");
  }
  if (has_control_character(text)) {
    return fail(ErrorCode::kDenied, "claim \"" + std::string(name) + "\" of the token holds a control character");
  }
  return text;
}

Result<ClaimTemplate> ClaimTemplate::read(std::string_view text) {
  static constexpr const char* kHint = "write texts and claims as in \"ci/{repository}\"";
  ClaimTemplate out;
  bool names_a_claim = false;
  for (std::size_t at = 0;;) {
    const auto open = text.find('{', at);
    const auto literal = text.substr(at, open == std::string_view::npos ? open : open - at);
    if (literal.find('}') != std::string_view::npos) {
      return fail(ErrorCode::kInvalid, "the template \"" + std::string(text) + "\" has a '}' without its '{'", kHint);
    }
    if (has_control_character(literal)) return fail(ErrorCode::kInvalid, "a template holds a control character", kHint);
    if (open == std::string_view::npos) {
      out.pieces_.push_back({std::string(literal), {}});
      break;
    }
    const auto close = text.find('}', open);
    if (close == std::string_view::npos || close == open + 1) {
      return fail(ErrorCode::kInvalid, "the template \"" + std::string(text) + "\" names no claim within its braces", kHint);
    }
    if (close + 1 < text.size() && text[close + 1] == '{') {
      return fail(ErrorCode::kInvalid, "the template \"" + std::string(text) + "\" has two claims with nothing between them",
                  "put a character between them that neither can hold");
    }
    out.pieces_.push_back({std::string(literal), std::string(text.substr(open + 1, close - open - 1))});
    names_a_claim = true;
    at = close + 1;
  }
  // An id that all tokens share names nobody.
  if (!names_a_claim) return fail(ErrorCode::kInvalid, "the template \"" + std::string(text) + "\" names no claim", kHint);
  return out;
}

Result<std::string> ClaimTemplate::fill(const json::object& claims) const {
  std::string out;
  for (std::size_t i = 0; i < pieces_.size(); ++i) {
    out += pieces_[i].literal;
    const auto& name = pieces_[i].claim;
    if (name.empty()) break;
    const auto* value = claim_at(claims, name);
    if (value == nullptr) return fail(ErrorCode::kDenied, "the token has no claim \"" + name + "\", which names its subject");
    auto text = claim_text(name, *value);
    if (!text) return fail(std::move(text.error()));
    // "{a}/{b}" must not read "x/y" and "z" as it reads "x" and "y/z".
    const auto& next = pieces_[i + 1].literal;
    if (!next.empty() && text->find(next.front()) != std::string::npos) {
      return fail(ErrorCode::kDenied,
                  "claim \"" + name + "\" of the token holds a '" + next.front() + "', which ends it in the template of subjects",
                  "choose another character after {" + name + "} in `subject:`");
    }
    out += *text;
  }
  return out;
}

}  // namespace interlock::identity
