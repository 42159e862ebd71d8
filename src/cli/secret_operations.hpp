// What the admin surface can be asked about secrets and leases, answered from the organs of a state folder: by a running gate, and, of
// secrets and the list of leases, by a verb where none runs. Each change leaves a receipt. No answer, error or receipt holds a value.
#pragma once

#include <string_view>

#include "cli/organs.hpp"
#include "credential/vault.hpp"
#include "model/receipt.hpp"

namespace interlock::cli {

// `what`: "set", "rotated", "removed", "overdue", ...
model::Receipt secret_receipt(const credential::SecretMeta& meta, std::string_view what, std::string_view by, UnixMs now_ms);

}  // namespace interlock::cli
