// JSON-RPC 2.0 messages as MCP uses them: ids are strings or integers, never null; batches are the caller's business.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.hpp"
#include "base/result.hpp"

namespace interlock::net {

inline constexpr int kParseError = -32700;
inline constexpr int kInvalidRequest = -32600;
inline constexpr int kMethodNotFound = -32601;
inline constexpr int kInvalidParams = -32602;
inline constexpr int kInternalError = -32603;

enum class RpcKind : std::uint8_t { kRequest, kNotification, kResult, kError };

struct RpcMessage {
  RpcKind kind = RpcKind::kNotification;
  json::value id;       // request, result, error (null where the peer could not know it)
  std::string method;   // request, notification
  json::object params;  // request, notification; empty where absent
  bool has_params = false;
  json::value result;  // result
  json::object error;  // error: {"code","message","data"?}
};

// Takes one parsed document apart. Refuses: not an object, jsonrpc other than "2.0", an id that is neither string nor integer
// (null is taken in an error response only), method not a string, params not an object (MCP has no positional params), both
// result and error, a result without id, an error without integer code or string message. Unknown members are ignored.
// The message consumes `document`'s members: nothing is copied.
Result<RpcMessage> read_rpc(json::value document);

// The id of a document that read_rpc refused, as far as there is a usable one: for the error answer.
json::value salvage_id(const json::value& document);

std::string write_request(const json::value& id, std::string_view method, const json::object& params);
std::string write_notification(std::string_view method, const json::object& params);  // empty params are left out
std::string write_result(const json::value& id, const json::value& result);
std::string write_error(const json::value& id, int code, std::string_view message, const json::value* data = nullptr);
std::string write_error(const json::value& id, const json::object& error);

}  // namespace interlock::net
