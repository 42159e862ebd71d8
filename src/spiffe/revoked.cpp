#include "spiffe/revoked.hpp"

#include "base/hash.hpp"
#include "base/json.hpp"

namespace interlock::spiffe {
namespace {

// A list names what has ended for a while longer: clocks of those who verify may be behind.
constexpr std::int64_t kKeptMs = 300'000;

std::unexpected<Error> damaged() {
  return fail(ErrorCode::kInvalid, "the authority's list of revoked certificates is damaged", "restore the state folder from a copy");
}

}  // namespace

std::string revoked_text(const RevokedRecord& record) {
  json::array serials;
  for (const auto& [serial, one] : record.serials)
    serials.push_back(json::object{{"serial", to_hex(serial)}, {"revoked_ms", one.revoked_ms}, {"not_after_ms", one.not_after_ms}});
  return json::write(json::object{{"number", record.number}, {"serials", std::move(serials)}});
}

Result<RevokedRecord> read_revoked(std::string_view text, UnixMs now_ms) {
  auto document = json::parse(text);
  if (!document) return fail(std::move(document.error()));
  const auto* o = document->if_object();
  const auto* serials = o == nullptr ? nullptr : json::array_at(*o, "serials");
  if (serials == nullptr) return damaged();
  RevokedRecord record;
  record.number = static_cast<std::uint64_t>(json::int_at(*o, "number").value_or(0));
  for (const auto& entry : *serials) {
    const auto* one = entry.if_object();
    const auto serial = one == nullptr ? std::nullopt : from_hex(json::string_at(*one, "serial").value_or(""));
    if (!serial || serial->empty()) return damaged();  // one that is lost would be valid again
    const auto not_after_ms = json::int_at(*one, "not_after_ms").value_or(0);
    if (not_after_ms + kKeptMs > now_ms)
      record.serials[*serial] = {.revoked_ms = json::int_at(*one, "revoked_ms").value_or(0), .not_after_ms = not_after_ms};
  }
  return record;
}

}  // namespace interlock::spiffe
