#include "identity/authorization.hpp"

#include <algorithm>
#include <array>

#include "jose/token.hpp"

namespace interlock::identity {
namespace {

constexpr std::size_t kHeaderBytes = jose::kTokenBytes + 16;

bool is_word(std::string_view text, std::string_view lower_word) {
  return std::equal(text.begin(), text.end(), lower_word.begin(), lower_word.end(),
                    [](char a, char b) { return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b; });
}

// RFC 6750 §2.1 b64token: 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="
constexpr std::array<bool, 256> kTokenCharacters = [] {
  std::array<bool, 256> out{};
  for (const char c : std::string_view("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+/"))
    out[static_cast<unsigned char>(c)] = true;
  return out;
}();
bool is_token(std::string_view text) {
  const auto end = text.find_last_not_of('=');
  if (end == std::string_view::npos) return false;
  text = text.substr(0, end + 1);
  return std::all_of(text.begin(), text.end(), [](char c) { return kTokenCharacters[static_cast<unsigned char>(c)]; });
}

}  // namespace

Result<Credentials> read_authorization(std::string_view header) {
  static constexpr const char* kHint = "send \"Authorization: Bearer <token>\", or \"Authorization: DPoP <token>\" with a DPoP proof";
  if (header.size() > kHeaderBytes) return fail(ErrorCode::kDenied, "the Authorization header is too long", kHint);
  const auto space = header.find(' ');
  const auto scheme = header.substr(0, space);
  Credentials out;
  if (is_word(scheme, "dpop")) out.scheme = Scheme::kDpop;
  else if (!is_word(scheme, "bearer"))
    return fail(ErrorCode::kDenied, "the Authorization header is of neither scheme Bearer nor DPoP", kHint);
  const auto start = header.find_first_not_of(' ', std::min(space, header.size()));
  if (start == std::string_view::npos) return fail(ErrorCode::kDenied, "the Authorization header holds no token", kHint);
  out.token = header.substr(start);
  if (!is_token(out.token)) return fail(ErrorCode::kDenied, "the token of the Authorization header is malformed", kHint);
  return out;
}

}  // namespace interlock::identity
