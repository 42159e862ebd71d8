#include "ledger/receipt_text.hpp"

#include <algorithm>
#include <vector>

#include "base/hash.hpp"
#include "tlog/tiles.hpp"

namespace interlock::ledger {
namespace {

constexpr std::size_t kUsualBytes = 1024;

void write_value(std::string& out, const json::value& value) {
  if (const auto* text = value.if_string()) json::write_string_to(out, json::view(*text));
  else out += json::write_canonical(value);
}

void write_object(std::string& out, const json::object& object) {
  std::vector<const boost::json::key_value_pair*> members;
  members.reserve(object.size());
  for (const auto& member : object) {
    for (const char c : member.key()) {
      if (static_cast<unsigned char>(c) < 0x80) continue;
      out += json::write_canonical(object);  // RFC 8785 sorts by UTF-16, which bytes do not tell
      return;
    }
    members.push_back(&member);
  }
  std::ranges::sort(members, {}, [](const auto* member) { return std::string_view(member->key().data(), member->key().size()); });
  char separator = '{';
  for (const auto* member : members) {
    out += separator;
    separator = ',';
    json::write_string_to(out, {member->key().data(), member->key().size()});
    out += ':';
    write_value(out, member->value());
  }
  out += '}';
}

// model::to_json() in canonical form, without the tree in between: this runs twice in every act.
std::string canonical_text(const model::Receipt& receipt) {
  std::string out;
  out.reserve(kUsualBytes);
  out += "{\"act\":";
  json::write_string_to(out, receipt.act);
  const auto put = [&](std::string_view member, std::string_view text) {
    if (text.empty()) return;
    out += member;
    json::write_string_to(out, text);
  };
  put(",\"action\":", receipt.action);
  out += ",\"at\":\"";
  out += rfc3339(receipt.at_ms);
  out += "\",\"band\":";
  out += std::to_string(static_cast<int>(receipt.band));
  if (!receipt.detail.empty()) {
    out += ",\"detail\":";
    write_object(out, receipt.detail);
  }
  put(",\"kind\":", model::receipt_kind_name(receipt.kind));
  put(",\"layer\":", receipt.layer);
  put(",\"resource\":", receipt.resource);
  put(",\"server\":", receipt.server);
  put(",\"subject\":", receipt.subject);
  put(",\"surface\":", receipt.surface);
  put(",\"task\":", receipt.task);
  out += ",\"v\":1";
  put(",\"verdict\":", receipt.verdict);
  out += '}';
  return out;
}

}  // namespace

Result<std::string> receipt_text(const model::Receipt& receipt) {
  auto text = canonical_text(receipt);
  if (text.size() <= tlog::kEntryBytes) return text;
  auto shorter = receipt;
  while (text.size() > tlog::kEntryBytes) {
    json::value* largest = nullptr;
    std::string largest_text;
    for (auto& member : shorter.detail) {
      auto member_text = json::write_canonical(member.value());
      if (member_text.size() > largest_text.size()) {
        largest = &member.value();
        largest_text = std::move(member_text);
      }
    }
    json::value stand_in = json::object{{"left_out_bytes", largest_text.size()}, {"sha256", to_hex(sha256(largest_text))}};
    if (largest == nullptr || json::write(stand_in).size() >= largest_text.size()) {
      return fail(ErrorCode::kTooLarge, "a receipt of " + std::to_string(text.size()) + " bytes does not fit into the ledger",
                  "names and URIs of more than 64 KiB cannot be recorded");
    }
    *largest = std::move(stand_in);
    text = canonical_text(shorter);
  }
  return text;
}

}  // namespace interlock::ledger
