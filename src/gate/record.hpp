// What of an act enters its receipts: arguments redacted or hashed, never a secret. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "gate/gate.hpp"

namespace interlock::gate {

// `text` with what looks like a credential (known token shapes, private keys, passwords in URLs) put out of sight.
std::string without_credentials(std::string_view text);

// `args` as a receipt may hold them: without credentials. kRedact hides the values at the `sensitive` JSON pointers and under names that
// mean secrets (password, token, ...), and puts length and salted hash in place of long strings; kHash keeps one salted hash of all; kFull
// keeps everything but what is hidden under kRedact.
json::value recorded_arguments(const json::value& args, const std::vector<std::string>& sensitive, ArgumentRecord mode,
                               std::string_view salt);

// `args` with the values at `pointers` in place of which it says that policy has blanked them (@redact).
void blank(json::value& args, const std::vector<std::string>& pointers);

// One line for a human: "write_file path=/work/a.txt (1.2 KiB of content)". Bounded; control characters are replaced.
std::string summary_of(const model::ActionRequest& request, const json::value& recorded);

}  // namespace interlock::gate
