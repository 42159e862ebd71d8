// Which credentials an act is performed with, and how a lease enters the record. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "credential/lease_book.hpp"
#include "model/action.hpp"
#include "model/receipt.hpp"
#include "model/verdict.hpp"

namespace interlock::gate {

// Those that the permits name stand in place of those that need no naming; each once.
std::vector<std::string> wanted_credentials(const model::ActionRequest& request, const model::Verdict& verdict);
// The first that the verdict names and the request has no use for; empty: there is none.
std::string_view unusable_credential(const model::ActionRequest& request, const model::Verdict& verdict);

// `role` is the surface of what no act did.
model::Receipt lease_receipt(const credential::LeaseEvent& event, UnixMs now_ms, std::string_view role);

}  // namespace interlock::gate
