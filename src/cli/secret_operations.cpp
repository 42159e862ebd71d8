#include "cli/secret_operations.hpp"

#include "base/ids.hpp"

namespace interlock::cli {

model::Receipt secret_receipt(const credential::SecretMeta& meta, std::string_view what, std::string_view by, UnixMs now_ms) {
  model::Receipt receipt;
  receipt.kind = model::ReceiptKind::kSecret;
  receipt.at_ms = now_ms;
  receipt.act = new_id("secret", now_ms);
  receipt.verdict = what;
  receipt.layer = model::layer_name(model::Layer::kCredential);
  receipt.detail = json::object{{"secret", meta.name}};
  if (!meta.versions.empty()) receipt.detail["version"] = meta.versions.front().number;
  if (!by.empty()) receipt.detail["by"] = by;
  if (meta.overdue_since_ms != 0) receipt.detail["overdue_since"] = rfc3339(meta.overdue_since_ms);
  return receipt;
}

}  // namespace interlock::cli
