// What the admin surface can be asked about secrets and leases, answered from the organs of a state folder: by a running gate, and, of
// secrets and the list of leases, by a verb where none runs. Each change is for people alone and leaves a receipt. No answer, error or
// receipt holds a value. Loop thread only.
#pragma once

#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "cli/config.hpp"
#include "cli/organs.hpp"
#include "credential/vault.hpp"
#include "model/receipt.hpp"
#include "surface/api/admin.hpp"

namespace interlock::cli {

// `what`: "set", "imported", "rotated", "rule", "removed", "overdue".
model::Receipt secret_receipt(const credential::SecretMeta& meta, std::string_view what, std::string_view by, UnixMs now_ms);

std::vector<credential::SecretRuleByName> secret_rules(const Config& config);

// `organs`, with what is sealed open, and `config` outlive what is made of them.
api::SecretOperations secret_operations(Organs& organs, const Config& config);
api::LeaseOperations lease_operations(Organs& organs);

}  // namespace interlock::cli
