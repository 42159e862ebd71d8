#include "ledger/receipt_text.hpp"

#include "base/hash.hpp"
#include "tlog/tiles.hpp"

namespace interlock::ledger {

Result<std::string> receipt_text(const model::Receipt& receipt) {
  auto text = json::write_canonical(model::to_json(receipt));
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
    text = json::write_canonical(model::to_json(shorter));
  }
  return text;
}

}  // namespace interlock::ledger
