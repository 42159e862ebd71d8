#include "base/environment.hpp"

#include <cstdlib>

namespace interlock {
namespace {

constexpr std::size_t kExpandedBytes = 64 * 1024;  // of one text

bool is_name_byte(char c, bool first) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || (!first && c >= '0' && c <= '9');
}

// What stands at the head of a text that begins with "${".
struct Reference {
  std::string_view name;
  std::optional<std::string_view> otherwise;
  std::size_t length;
};
Result<Reference> read_reference(std::string_view text) {
  const auto end = text.find('}');
  if (end == std::string_view::npos) return fail(ErrorCode::kInvalid, "a ${ has no }", "write ${NAME}, or $${ for a plain ${");
  const auto inside = text.substr(2, end - 2);
  const auto name = inside.substr(0, inside.find(":-"));
  bool good = !name.empty();
  for (std::size_t i = 0; i < name.size(); ++i) good = good && is_name_byte(name[i], i == 0);
  if (!good)
    return fail(ErrorCode::kInvalid, "${...} names no environment variable", "write ${NAME} or ${NAME:-default}, or $${ for a plain ${");
  Reference out{name, std::nullopt, end + 1};
  if (name.size() < inside.size()) out.otherwise = inside.substr(name.size() + 2);
  return out;
}

}  // namespace

Environment process_environment() {
  return [](std::string_view name) -> std::optional<std::string> {
    const char* value = std::getenv(std::string(name).c_str());
    if (value == nullptr) return std::nullopt;
    return value;
  };
}

Result<std::string> expand_environment(std::string_view text, const Environment& environment) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto rest = text.substr(at);
    if (rest.starts_with("$$")) {
      out += '$';
      at += 2;
      continue;
    }
    if (!rest.starts_with("${")) {
      out += text[at++];
      continue;
    }
    const auto reference = read_reference(rest);
    if (!reference) return fail(reference.error());
    const auto value = environment(reference->name);
    if (reference->otherwise) {
      out += value && !value->empty() ? std::string_view(*value) : *reference->otherwise;
    } else if (value) {
      out += *value;
    } else {
      const std::string name(reference->name);
      return fail(ErrorCode::kNotFound, "the environment variable " + name + " is not set", "set it, or write ${" + name + ":-default}");
    }
    if (out.size() > kExpandedBytes)
      return fail(ErrorCode::kTooLarge, "the text is longer than " + std::to_string(kExpandedBytes) + " bytes once it is expanded");
    at += reference->length;
  }
  return out;
}

std::string escape_for_expansion(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto rest = text.substr(at);
    if (rest.starts_with("${")) {
      if (const auto reference = read_reference(rest)) {
        out += rest.substr(0, reference->length);
        at += reference->length;
        continue;
      }
    }
    if (rest.starts_with("${") || rest.starts_with("$$")) out += '$';
    out += text[at++];
  }
  return out;
}

}  // namespace interlock
