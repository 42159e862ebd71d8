// One record of the ledger. Receipts come in pairs for an act, `attempt` and `result`, joined by `act`; other kinds stand alone.
//
// `body` is what is hashed and logged: an object of JSON-safe values without secrets. Durability follows the band (DESIGN §5).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/json.hpp"
#include "base/time.hpp"
#include "model/action.hpp"

namespace interlock::model {

enum class ReceiptKind : std::uint8_t { kAttempt, kResult, kApproval, kPin, kTask, kConfig, kStart, kKill, kLease, kSecret };
std::string_view receipt_kind_name(ReceiptKind kind);  // "attempt", "result", ...

// The fields that the index can be asked for. The rest of a receipt lives in `detail`.
struct Receipt {
  ReceiptKind kind = ReceiptKind::kAttempt;
  std::string act;  // id of the act, task, approval or pin this speaks of
  UnixMs at_ms = 0;
  std::string subject;  // empty where there is none
  std::string task;
  std::string surface;
  std::string server;
  std::string action;    // "filesystem/write_file"
  std::string resource;  // Type::"id"
  std::string verdict;   // attempt: verdict_name; result: "ok" "error" "cancelled" "lost"; else what happened
  std::string layer;
  Band band = Band::kObserve;
  json::object detail;  // args (redacted), digest, policies, reason, revision, result_hash, duration_ms, ...
};

// The canonical object of a receipt: member names and order are docs/formats.md's.
json::object to_json(const Receipt& receipt);

}  // namespace interlock::model
