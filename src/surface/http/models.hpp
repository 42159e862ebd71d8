// What of a call to a model API enters the record: who is asked, how much is told, which tools it is given; prompts and tool definitions as
// hashes, redacted texts or in full, as configured. Pure function; any thread.
#pragma once

#include "base/json.hpp"
#include "catalogue/catalogue.hpp"
#include "surface/http/proxy.hpp"

namespace interlock::http {

inline constexpr std::size_t kRecordedPromptBytes = 64 * 1024;
inline constexpr std::size_t kRecordedTools = 256;

// {"model","messages","tools":[names],"prompt_sha256","tools_sha256","prompt"?,"tool_definitions"?}. Empty for ModelRecord::kOff.
json::object recorded_model_call(catalogue::ModelWire wire, const json::object& body, ModelRecord how);

}  // namespace interlock::http
