#include "jose/token.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "base/hash.hpp"
#include "base/text.hpp"

namespace interlock::jose {
namespace {

constexpr double kYear9999Seconds = 253'402'300'799.0;
constexpr std::array<std::string_view, 3> kTextClaims = {"iss", "sub", "jti"};

// RFC 7515 §4.1.9: media types are without regard to case, and "application/" may be left out.
std::string media_type(std::string_view text) {
  auto type = ascii_lower(text);
  constexpr std::string_view kPrefix = "application/";
  if (type.starts_with(kPrefix) && type.find('/', kPrefix.size()) == std::string::npos) type.erase(0, kPrefix.size());
  return type;
}

Result<json::object> read_part(std::string_view encoded, std::string_view what) {
  const auto text = base64url_decode(encoded);
  if (!text) return fail(ErrorCode::kInvalid, "the token's " + std::string(what) + " is not base64url without padding (RFC 7515 §2)");
  auto value = json::parse(*text, {.size_bytes = kTokenBytes, .depth = kTokenDepth});
  if (!value) return fail(value.error().code, "the token's " + std::string(what) + " is " + value.error().message, value.error().hint);
  auto* object = value->if_object();
  if (object == nullptr) return fail(ErrorCode::kInvalid, "the token's " + std::string(what) + " is no JSON object (RFC 7519 §7.2)");
  return std::move(*object);
}

Result<Algorithm> read_algorithm(const json::object& header) {
  const auto name = json::string_at(header, "alg");
  if (!name) return fail(ErrorCode::kInvalid, "the token's header has no text member 'alg' (RFC 7515 §4.1.1)");
  if (ascii_lower(*name) == "none")
    return fail(ErrorCode::kInvalid, "the token's alg is none: an unsigned token proves nothing (RFC 8725 §3.2)");
  if (name->starts_with("HS")) {
    return fail(ErrorCode::kInvalid, "the token's alg is symmetric: whoever can check such a token can make one (RFC 8725 §3.1)",
                "let the issuer sign with ES256, RS256 or EdDSA");
  }
  const auto algorithm = algorithm_from_name(*name);
  if (!algorithm) {
    return fail(ErrorCode::kInvalid, "the token's alg is none of those known here (names are case-sensitive)",
                "ES256, ES384, ES512, RS256, RS384, RS512, PS256, PS384, PS512, EdDSA");
  }
  return *algorithm;
}

// A text member of the header, "" where it is absent.
Result<std::string_view> header_text(const json::object& header, std::string_view name) {
  const auto* member = json::find(header, name);
  if (member == nullptr) return std::string_view();
  if (!member->is_string()) return fail(ErrorCode::kInvalid, "the token's header member '" + std::string(name) + "' is no text");
  const auto text = json::view(member->get_string());
  if (text.size() > kKeyIdBytes) {
    return fail(ErrorCode::kTooLarge, "the token's header member '" + std::string(name) + "' is over the bound of 256 bytes");
  }
  return text;
}

bool is_list_of_texts(const json::value& value) {
  const auto* list = value.if_array();
  return list != nullptr && std::all_of(list->begin(), list->end(), [](const json::value& item) { return item.is_string(); });
}

// What RFC 7519 §4.1 says of the form of registered claims, whether they are asked for or not.
Status check_forms(const json::object& claims) {
  for (const auto name : kTextClaims) {
    const auto* claim = json::find(claims, name);
    if (claim != nullptr && !claim->is_string())
      return fail(ErrorCode::kDenied, "the token's claim '" + std::string(name) + "' is no text");
  }
  const auto* audience = json::find(claims, "aud");
  if (audience != nullptr && !audience->is_string() && !is_list_of_texts(*audience)) {
    return fail(ErrorCode::kDenied, "the token's aud is neither a text nor a list of texts (RFC 7519 §4.1.3)");
  }
  return {};
}

// Whether `aud` names one of `wanted`; the comparison is exact.
bool is_for(const json::object& claims, const std::vector<std::string>& wanted) {
  const auto is_wanted = [&](const json::value& value) {
    return std::find(wanted.begin(), wanted.end(), json::view(value.get_string())) != wanted.end();
  };
  const auto* audience = json::find(claims, "aud");
  if (audience == nullptr) return false;
  if (audience->is_string()) return is_wanted(*audience);
  const auto& list = audience->get_array();
  return std::any_of(list.begin(), list.end(), is_wanted);
}

Status check_times(const json::object& claims, const Expectations& expected) {
  const auto expires = time_claim(claims, "exp");
  if (!expires) return fail(expires.error());
  const auto begins = time_claim(claims, "nbf");
  if (!begins) return fail(begins.error());
  const auto issued = time_claim(claims, "iat");
  if (!issued) return fail(issued.error());
  if (!*expires && (expected.requires_expiry || expected.longest_life_ms > 0)) {
    return fail(ErrorCode::kDenied, "the token has no exp: one that never ends is not taken");
  }
  if (*expires && *issued && **expires <= **issued) return fail(ErrorCode::kDenied, "the token's exp is not after its iat");
  if (expected.longest_life_ms > 0 && **expires - issued->value_or(expected.now_ms) > expected.longest_life_ms) {
    return fail(ErrorCode::kDenied,
                "the token lives longer than the " + std::to_string(expected.longest_life_ms / 1000) + " s that are allowed",
                "let the issuer make tokens that end sooner, or allow a longer life");
  }
  if (*expires && expected.now_ms >= **expires + expected.leeway_ms) {
    return fail(ErrorCode::kExpired, "the token expired at " + rfc3339(**expires), "get a new one; if it is new, compare the clocks");
  }
  if (*begins && **begins > expected.now_ms + expected.leeway_ms) {
    return fail(ErrorCode::kExpired, "the token is not valid before " + rfc3339(**begins), "compare the clocks");
  }
  if (*issued && **issued > expected.now_ms + expected.leeway_ms) {
    return fail(ErrorCode::kExpired, "the token's iat is in the future: " + rfc3339(**issued), "compare the clocks");
  }
  return {};
}

}  // namespace

std::string_view Token::signing_input() const { return std::string_view(text).substr(0, text.find('.', text.find('.') + 1)); }

Result<Token> parse_token(std::string_view text) {
  if (text.size() > kTokenBytes) return fail(ErrorCode::kTooLarge, "the token is over the bound of 16 KiB");
  const auto first = text.find('.');
  const auto second = first == std::string_view::npos ? first : text.find('.', first + 1);
  if (second == std::string_view::npos || text.find('.', second + 1) != std::string_view::npos) {
    if (std::count(text.begin(), text.end(), '.') == 4) {
      return fail(ErrorCode::kInvalid, "the token is encrypted (JWE); only signed ones are taken");
    }
    return fail(ErrorCode::kInvalid, "the token has not the three parts of a compact JWS (RFC 7515 §7.1)");
  }

  auto header = read_part(text.substr(0, first), "header");
  if (!header) return fail(header.error());
  if (header->contains("crit")) {
    return fail(ErrorCode::kInvalid, "the token's header has crit: no extension is understood here (RFC 7515 §4.1.11)");
  }
  if (header->contains("b64")) return fail(ErrorCode::kInvalid, "the token's header has b64: payloads are base64url here (RFC 7797)");
  const auto algorithm = read_algorithm(*header);
  if (!algorithm) return fail(algorithm.error());
  const auto kid = header_text(*header, "kid");
  if (!kid) return fail(kid.error());
  const auto typ = header_text(*header, "typ");
  if (!typ) return fail(typ.error());

  auto claims = read_part(text.substr(first + 1, second - first - 1), "claims part");
  if (!claims) return fail(claims.error());
  auto signature = base64url_decode(text.substr(second + 1));
  if (!signature) return fail(ErrorCode::kInvalid, "the token's signature is not base64url without padding (RFC 7515 §2)");
  if (signature->empty()) return fail(ErrorCode::kInvalid, "the token has no signature");

  Token token;
  token.text = text;
  token.algorithm = *algorithm;
  token.kid = *kid;
  token.typ = media_type(*typ);
  token.header = std::move(*header);
  token.claims = std::move(*claims);
  token.signature = std::move(*signature);
  return token;
}

Status verify_token(const Token& token, const PublicKey& key, const Expectations& expected) {
  const auto name = std::string(algorithm_name(token.algorithm));
  if (!expected.algorithms.empty() &&
      std::find(expected.algorithms.begin(), expected.algorithms.end(), token.algorithm) == expected.algorithms.end()) {
    return fail(ErrorCode::kDenied, "the token's alg " + name + " is not one that is allowed for this issuer");
  }
  if (!key.fits(token.algorithm))
    return fail(ErrorCode::kDenied, "the token's alg " + name + " does not fit the issuer's key (RFC 8725 §3.1)");
  if (!key.verify(token.algorithm, token.signing_input(), token.signature)) {
    return fail(ErrorCode::kDenied, "the token's signature does not verify with the issuer's key");
  }
  return check_claims(token, expected);
}

Status check_claims(const Token& token, const Expectations& expected) {
  const auto& claims = token.claims;
  if (!expected.types.empty() &&
      std::none_of(expected.types.begin(), expected.types.end(), [&](const auto& type) { return media_type(type) == token.typ; })) {
    return fail(ErrorCode::kDenied, "the token's typ is not one that is taken here: it was made for another use (RFC 8725 §3.11)");
  }
  if (auto formed = check_forms(claims); !formed) return formed;
  if (!expected.issuer.empty() && json::string_at(claims, "iss") != expected.issuer) {
    return fail(ErrorCode::kDenied, "the token's iss is not the issuer whose key it is checked with (compared byte by byte)");
  }
  if (!expected.audiences.empty() && !is_for(claims, expected.audiences)) {
    return fail(ErrorCode::kDenied, "the token's aud does not name this gate (compared byte by byte)",
                "ask the issuer for a token whose audience is this resource");
  }
  if (expected.requires_subject && json::string_at(claims, "sub").value_or("").empty()) {
    return fail(ErrorCode::kDenied, "the token has no sub, so it says nothing of who asks");
  }
  return check_times(claims, expected);
}

Result<std::optional<UnixMs>> time_claim(const json::object& claims, std::string_view name) {
  const auto* claim = json::find(claims, name);
  if (claim == nullptr) return std::nullopt;
  double seconds = -1;
  if (claim->is_int64()) {
    seconds = static_cast<double>(claim->get_int64());
  } else if (claim->is_uint64()) {
    seconds = static_cast<double>(claim->get_uint64());
  } else if (claim->is_double()) {
    seconds = claim->get_double();
  } else {
    return fail(ErrorCode::kDenied, "the token's " + std::string(name) + " is no number (RFC 7519 §2, NumericDate)");
  }
  if (!(seconds >= 0 && seconds <= kYear9999Seconds)) {
    return fail(ErrorCode::kDenied, "the token's " + std::string(name) + " is not a time between 1970 and 9999");
  }
  return static_cast<UnixMs>(std::floor(seconds * 1000));
}

std::vector<std::string> audiences_of(const json::object& claims) {
  std::vector<std::string> audiences;
  const auto* audience = json::find(claims, "aud");
  if (audience == nullptr) return audiences;
  if (audience->is_string()) {
    audiences.emplace_back(json::view(audience->get_string()));
  } else if (is_list_of_texts(*audience)) {
    for (const auto& item : audience->get_array()) audiences.emplace_back(json::view(item.get_string()));
  }
  return audiences;
}

Result<std::string> make_token(const PrivateKey& key, Algorithm algorithm, std::string_view kid, std::string_view typ,
                               const json::object& claims, json::object header) {
  header["alg"] = algorithm_name(algorithm);
  if (!kid.empty()) header["kid"] = kid;
  if (!typ.empty()) header["typ"] = typ;
  auto token = base64url_encode(json::write(header));
  token += '.';
  token += base64url_encode(json::write(claims));
  const auto signature = key.sign(algorithm, token);
  if (!signature) return fail(signature.error());
  token += '.';
  token += base64url_encode(*signature);
  if (token.size() > kTokenBytes) return fail(ErrorCode::kTooLarge, "the token that was to be made is over the bound of 16 KiB");
  return token;
}

}  // namespace interlock::jose
