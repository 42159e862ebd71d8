// Names of the enumerations and the JSON form of receipts.
#include "model/action.hpp"
#include "model/receipt.hpp"
#include "model/verdict.hpp"

namespace interlock::model {

std::string_view effect_name(Effect effect) {
  switch (effect) {
    case Effect::kRead: return "read";
    case Effect::kWrite: return "write";
    case Effect::kDelete: return "delete";
    case Effect::kExecute: return "execute";
    case Effect::kSend: return "send";
    case Effect::kAdmin: return "admin";
  }
  return "admin";
}

std::optional<Effect> effect_from_name(std::string_view name) {
  for (auto effect : {Effect::kRead, Effect::kWrite, Effect::kDelete, Effect::kExecute, Effect::kSend, Effect::kAdmin}) {
    if (effect_name(effect) == name) return effect;
  }
  return std::nullopt;
}

std::string_view assurance_name(Assurance assurance) {
  switch (assurance) {
    case Assurance::kNone: return "none";
    case Assurance::kBearer: return "bearer";
    case Assurance::kDpop: return "dpop";
    case Assurance::kMtls: return "mtls";
    case Assurance::kKernel: return "kernel";
  }
  return "none";
}

std::string_view verdict_name(VerdictKind kind) {
  switch (kind) {
    case VerdictKind::kAllow: return "allow";
    case VerdictKind::kDeny: return "deny";
    case VerdictKind::kModify: return "modify";
    case VerdictKind::kStepUp: return "step_up";
    case VerdictKind::kDefer: return "defer";
  }
  return "deny";
}

std::string_view layer_name(Layer layer) {
  switch (layer) {
    case Layer::kIdentity: return "identity";
    case Layer::kTask: return "task";
    case Layer::kCatalogue: return "catalogue";
    case Layer::kPins: return "pins";
    case Layer::kSchema: return "schema";
    case Layer::kPolicy: return "policy";
    case Layer::kApproval: return "approval";
    case Layer::kLedger: return "ledger";
    case Layer::kCredential: return "credential";
    case Layer::kGate: return "gate";
    case Layer::kServer: return "server";
  }
  return "gate";
}

std::string_view receipt_kind_name(ReceiptKind kind) {
  switch (kind) {
    case ReceiptKind::kAttempt: return "attempt";
    case ReceiptKind::kResult: return "result";
    case ReceiptKind::kApproval: return "approval";
    case ReceiptKind::kPin: return "pin";
    case ReceiptKind::kTask: return "task";
    case ReceiptKind::kConfig: return "config";
    case ReceiptKind::kStart: return "start";
    case ReceiptKind::kKill: return "kill";
    case ReceiptKind::kLease: return "lease";
    case ReceiptKind::kSecret: return "secret";
  }
  return "attempt";
}

std::string text_of(const EntityName& name) {
  std::string out = name.type + "::\"";
  for (char c : name.id) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      case '\0': out += "\\0"; break;
      default: out += c;
    }
  }
  out += '"';
  return out;
}

json::object to_json(const Receipt& receipt) {
  json::object o;
  o["v"] = 1;
  o["kind"] = receipt_kind_name(receipt.kind);
  o["act"] = receipt.act;
  o["at"] = rfc3339(receipt.at_ms);
  const auto put = [&](std::string_view key, const std::string& text) {
    if (!text.empty()) o[key] = text;
  };
  put("subject", receipt.subject);
  put("task", receipt.task);
  put("surface", receipt.surface);
  put("server", receipt.server);
  put("action", receipt.action);
  put("resource", receipt.resource);
  put("verdict", receipt.verdict);
  put("layer", receipt.layer);
  o["band"] = static_cast<int>(receipt.band);
  if (!receipt.detail.empty()) o["detail"] = receipt.detail;
  return o;
}

}  // namespace interlock::model
