// WWW-Authenticate and what browsers bring back: no bytes break a bound, and what is read is read the same when it is written again.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "oauth/challenge.hpp"
#include "oauth/form.hpp"

namespace {

using namespace interlock::oauth;

std::string write(const Challenge& challenge) {
  std::string out = challenge.scheme;
  for (const auto& [name, value] : challenge.parameters) {
    out += out == challenge.scheme ? " " : ", ";
    out += name + "=\"";
    for (const char c : value) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    out += '"';
  }
  return out;
}

void check_challenges(std::string_view bytes) {
  const auto challenges = parse_challenges(bytes);
  if (challenges.size() > kChallenges) std::abort();
  for (const auto& challenge : challenges) {
    if (challenge.scheme.empty() || challenge.parameters.size() > kChallengeParameters) std::abort();
    const auto again = parse_challenges(write(challenge));
    if (write(challenge).size() <= kChallengeBytes &&
        (again.size() != 1 || again[0].scheme != challenge.scheme || again[0].parameters != challenge.parameters))
      std::abort();
  }
}

void check_form(std::string_view bytes) {
  const auto form = read_form(bytes);
  if (!form) return;
  if (form->size() > kQueryParameters) std::abort();
  const auto text = write_form(*form);
  if (text.size() > kQueryBytes) return;
  const auto again = read_form(text);
  if (!again) std::abort();
  for (const auto& [name, value] : *form)
    if (form_get(*again, name) != value) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check_challenges(bytes);
  check_form(bytes);
  if (const auto scopes = parse_scopes(bytes); scopes && parse_scopes(join_scopes(*scopes)) != scopes) std::abort();
  return 0;
}
