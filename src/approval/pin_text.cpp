// What a pin says: the hash of a definition, how two definitions differ, and the record's JSON.
#include <algorithm>

#include "approval/display.hpp"
#include "approval/pins.hpp"
#include "base/hash.hpp"

namespace interlock::approval {
namespace {

constexpr std::size_t kDifferences = 100;
constexpr std::size_t kTextBytes = 2000;
constexpr std::size_t kWalkDepth = 64;
constexpr std::size_t kSummaryPaths = 5;
constexpr std::size_t kSummaryPathBytes = 80;

// At most `limit` bytes, never half a character.
std::string cut(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return std::string(text);
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xC0) == 0x80) --limit;
  return std::string(text.substr(0, limit)) + "…";
}

std::string text_of(const json::value& value) {
  if (const auto* text = value.if_string(); text != nullptr && !text->empty()) return cut(json::view(*text), kTextBytes);
  return cut(json::write(value), kTextBytes);  // an empty string as "", for an empty text means absent
}

struct Change {
  Difference difference;
  std::string known_path;  // as far as both definitions have it
};

void walk(const json::value& before, const json::value& after, const std::string& path, std::size_t depth, std::vector<Change>& out) {
  if (out.size() >= kDifferences || before == after) return;
  const auto* old_object = before.if_object();
  const auto* new_object = after.if_object();
  if (old_object != nullptr && new_object != nullptr && depth < kWalkDepth) {
    const auto below = [&](std::string_view key) { return (path.empty() ? "" : path + ".") + std::string(key); };
    for (const auto& pair : *old_object) {
      if (out.size() >= kDifferences) return;
      const std::string_view key(pair.key().data(), pair.key().size());
      if (const auto* other = json::find(*new_object, key)) walk(pair.value(), *other, below(key), depth + 1, out);
      else out.push_back({{below(key), text_of(pair.value()), {}}, below(key)});
    }
    for (const auto& pair : *new_object) {
      if (out.size() >= kDifferences) return;
      const std::string_view key(pair.key().data(), pair.key().size());
      if (json::find(*old_object, key) == nullptr) out.push_back({{below(key), {}, text_of(pair.value())}, path});
    }
    return;
  }
  const auto* old_array = before.if_array();
  const auto* new_array = after.if_array();
  if (old_array != nullptr && new_array != nullptr && old_array->size() == new_array->size() && depth < kWalkDepth) {
    for (std::size_t i = 0; i < old_array->size(); ++i)
      walk((*old_array)[i], (*new_array)[i], path + "[" + std::to_string(i) + "]", depth + 1, out);
    return;
  }
  out.push_back({{path.empty() ? "(all)" : path, text_of(before), text_of(after)}, path});
}

std::vector<Change> changes(std::string_view before_json, std::string_view after_json) {
  std::vector<Change> out;
  const auto before = json::parse(before_json);
  const auto after = json::parse(after_json);
  // A text that was cut is no JSON any more; the hashes say that the two differ.
  if (!before || !after) out.push_back({{"(text)", cut(before_json, kTextBytes), cut(after_json, kTextBytes)}, {}});
  else walk(*before, *after, {}, 0, out);
  return out;
}

}  // namespace

std::string_view pin_status_name(PinStatus status) {
  switch (status) {
    case PinStatus::kTrusted: return "trusted";
    case PinStatus::kNew: return "new";
    case PinStatus::kChanged: return "changed";
  }
  return "changed";
}

PinStatus Pin::status() const {
  if (pinned_hash.empty()) return PinStatus::kNew;
  return seen_hash.empty() ? PinStatus::kTrusted : PinStatus::kChanged;
}

json::object to_json(const Pin& pin) {
  json::object o;
  o["server"] = pin.server;
  o["tool"] = pin.tool;
  const auto status = pin.status();
  o["status"] = status == PinStatus::kTrusted ? "trusted" : "quarantined";
  if (status != PinStatus::kTrusted) o["cause"] = pin_status_name(status);
  o["pinned_hash"] = pin.pinned_hash;
  if (!pin.pinned_hash.empty()) {
    o["pinned_at"] = rfc3339(pin.pinned_ms);
    o["pinned_by"] = pin.pinned_by;
    o["pinned"] = pin.pinned_text;
  }
  if (!pin.seen_hash.empty()) {
    o["seen_hash"] = pin.seen_hash;
    o["seen_at"] = rfc3339(pin.seen_ms);
    o["seen"] = pin.seen_text;
    json::array list;
    if (!pin.pinned_text.empty()) {
      for (const auto& difference : differences(pin.pinned_text, pin.seen_text)) {
        list.push_back(json::object{{"path", difference.path}, {"before", difference.before}, {"after", difference.after}});
      }
    }
    o["differences"] = std::move(list);
  }
  return o;
}

std::vector<Difference> differences(std::string_view before_json, std::string_view after_json) {
  std::vector<Difference> out;
  for (auto& change : changes(before_json, after_json)) out.push_back(std::move(change.difference));
  return out;
}

std::string change_summary(std::string_view before_json, std::string_view after_json) {
  std::vector<std::string> places;
  for (const auto& change : changes(before_json, after_json)) {
    const bool added = change.known_path != change.difference.path;
    std::string place = printable(change.known_path, kSummaryPathBytes);
    if (added) place = place.empty() ? "a new member" : place + " (a new member)";
    if (change.difference.path == "(text)" || change.difference.path == "(all)") place = "the whole text";
    if (std::find(places.begin(), places.end(), place) == places.end()) places.push_back(std::move(place));
  }
  std::string out;
  for (std::size_t i = 0; i < places.size() && i < kSummaryPaths; ++i) out += (out.empty() ? "" : ", ") + places[i];
  if (places.size() > kSummaryPaths) out += " and " + std::to_string(places.size() - kSummaryPaths) + " more";
  return out;
}

std::string pinned_form(const json::value& definition) {
  const auto* object = definition.if_object();
  if (object == nullptr || !object->contains("_meta")) return json::write_canonical(definition);
  json::object copy = *object;
  copy.erase("_meta");
  return json::write_canonical(copy);
}

std::string PinBook::definition_hash(const json::value& definition) { return to_hex(sha256(pinned_form(definition))); }

}  // namespace interlock::approval
