#include "credential/placement.hpp"

#include <functional>
#include <optional>

#include "base/hash.hpp"
#include "store/sealed.hpp"

namespace interlock::credential {
namespace {

constexpr std::size_t kTemplateBytes = 4 * 1024;
constexpr std::string_view kBasic = "basic";

bool is_field_name(std::string_view name) {
  if (name.empty()) return false;
  for (const char c : name) {
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.')) return false;
  }
  return true;
}

// What stands between two braces: a field, or two of them with a colon, and how they are written.
struct Reference {
  std::string_view first;
  std::string_view second;  // empty: there is one field
  bool basic = false;
};

Result<Reference> reference_of(std::string_view inside) {
  Reference out;
  const auto bar = inside.find('|');
  if (bar != std::string_view::npos) {
    if (inside.substr(bar + 1) != kBasic)
      return fail(ErrorCode::kInvalid, "a template knows no encoding `" + std::string(inside.substr(bar + 1)) + "`",
                  "write {user:password|basic}, or a field alone");
    out.basic = true;
    inside = inside.substr(0, bar);
  }
  const auto colon = inside.find(':');
  out.first = inside.substr(0, colon);
  if (colon != std::string_view::npos) out.second = inside.substr(colon + 1);
  const bool good = is_field_name(out.first) && (out.second.empty() ? colon == std::string_view::npos : is_field_name(out.second));
  if (!good || (!out.second.empty() && !out.basic))
    return fail(ErrorCode::kInvalid, "a template has {" + std::string(inside) + "}, which names no field",
                "write {token}, or {username:password|basic}");
  return out;
}

// Walks the template: plain text and references, in their order.
Status each_part(std::string_view text, const std::function<void(std::string_view)>& plain,
                 const std::function<Status(const Reference&)>& field) {
  if (text.size() > kTemplateBytes) return fail(ErrorCode::kTooLarge, "a template is longer than 4096 bytes");
  while (!text.empty()) {
    const auto brace = text.find_first_of("{}");
    plain(text.substr(0, brace));
    if (brace == std::string_view::npos) return {};
    text.remove_prefix(brace);
    if (text.size() > 1 && text[1] == text[0]) {  // "{{" and "}}"
      plain(text.substr(0, 1));
      text.remove_prefix(2);
      continue;
    }
    const auto end = text.find('}');
    if (text.front() == '}' || end == std::string_view::npos)
      return fail(ErrorCode::kInvalid, "a template has a brace that is not closed or was never opened",
                  "write {FIELD}; {{ and }} are plain braces");
    const auto reference = reference_of(text.substr(1, end - 1));
    if (!reference) return fail(reference.error());
    if (auto status = field(*reference); !status) return status;
    text.remove_prefix(end + 1);
  }
  return {};
}

Status append_field(std::string& out, std::string_view name, const Lease& lease) {
  const auto value = lease.field(name);
  if (!value.empty()) {
    out += value;
    return {};
  }
  if (!lease.alive()) return fail(ErrorCode::kExpired, "the lease of " + lease.record().credential + " has ended");
  std::string known;
  for (const auto field : lease.field_names()) known += (known.empty() ? "" : ", ") + std::string(field);
  return fail(ErrorCode::kInvalid, "the credential " + lease.record().credential + " has no field `" + std::string(name) + "`",
              "its fields are: " + known);
}

}  // namespace

Status check_template(std::string_view text) {
  return each_part(text, [](std::string_view) {}, [](const Reference&) { return Status(); });
}

Result<std::string> fill_template(std::string_view text, const Lease& lease) {
  std::string out;
  auto filled = each_part(
      text, [&](std::string_view part) { out += part; },
      [&](const Reference& reference) -> Status {
        if (!reference.basic) return append_field(out, reference.first, lease);
        std::string pair;
        auto appended = append_field(pair, reference.first, lease);
        if (appended && !reference.second.empty()) {
          pair += ':';
          appended = append_field(pair, reference.second, lease);
        }
        if (appended) {
          auto encoded = base64_encode(pair);
          out += encoded;
          store::wipe(encoded);
        }
        store::wipe(pair);
        return appended;
      });
  if (filled) return out;
  store::wipe(out);
  return fail(std::move(filled.error()));
}

}  // namespace interlock::credential
