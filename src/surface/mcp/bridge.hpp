// Between the eras: what a result, error or capability of one revision looks like in another. Pure functions, any thread.
//
// Source: 2026-07-28 changelog and basic/*. What has no counterpart is left out, never invented; docs/mcp.md lists it.
#pragma once

#include <string_view>

#include "base/json.hpp"
#include "surface/mcp/protocol.hpp"
#include "surface/mcp/server_link.hpp"

namespace interlock::mcp {

// The capabilities of a server of one era as a client of another may see them.
json::object capabilities_for(const json::object& server, Revision server_revision, Revision client_revision);

// A result on its way to the client. Adds what 2026-07-28 requires (resultType, caching hints, serverInfo); takes off what
// legacy revisions do not know (resultType, hints, structured content and output schemas that are no objects).
void fit_result(std::string_view method, json::value& result, Revision server_revision, Revision client_revision,
                const json::object& server_info);

// Error codes that changed: a missing resource was -32002 and became -32602.
void fit_error(std::string_view method, json::object& error, Revision server_revision, Revision client_revision);

// A server's question (sampling, elicitation, roots) to a client of another era; false where the client cannot be asked it.
bool can_ask(std::string_view method, const json::object& params, const json::object& client_capabilities);
// The capability that a client must declare to be asked it; empty for what is no such question.
json::object capability_for(std::string_view method, const json::object& params);
void fit_ask(std::string_view method, json::object& params, Revision server_revision, Revision client_revision);

bool is_cacheable(std::string_view method);

}  // namespace interlock::mcp
