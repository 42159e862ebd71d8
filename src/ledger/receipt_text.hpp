// The text of a receipt as the log holds it: canonical JSON (RFC 8785) that fits into an entry bundle.
#pragma once

#include <string>

#include "base/result.hpp"
#include "model/receipt.hpp"

namespace interlock::ledger {

// Details that make it too long are replaced, largest first, by {"left_out_bytes":N,"sha256":HEX} of their canonical JSON.
// kTooLarge where even that does not help.
Result<std::string> receipt_text(const model::Receipt& receipt);

}  // namespace interlock::ledger
