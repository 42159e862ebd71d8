#include "bench/mcp_echo.hpp"

#include "base/json.hpp"

namespace interlock::bench {
namespace {

constexpr std::string_view kLegacyVersion = "2025-11-25";
constexpr std::string_view kTools =
    R"("tools":[{"name":"echo","description":"Returns its text.","inputSchema":{"type":"object","properties":{"text":{"type":"string"}},)"
    R"("required":["text"]},"annotations":{"readOnlyHint":true,"destructiveHint":false,"openWorldHint":false}}])";
constexpr std::string_view kModernResult = R"("resultType":"complete",)";
constexpr std::string_view kCacheHints = R"("ttlMs":60000,"cacheScope":"private",)";

bool is_modern(const json::object& params) {
  const auto* meta = json::object_at(params, "_meta");
  return meta != nullptr && json::string_at(*meta, "io.modelcontextprotocol/protocolVersion").has_value();
}

std::string result_of(std::string_view method, const json::object& params) {
  const bool modern = is_modern(params);
  std::string out = "{";
  if (modern) out += kModernResult;
  if (method == "tools/call") {
    const auto* arguments = json::object_at(params, "arguments");
    out += R"("content":[{"type":"text","text":)";
    json::write_string_to(out, arguments == nullptr ? "" : json::string_at(*arguments, "text").value_or(""));
    out += "}]";
  } else if (method == "tools/list") {
    if (modern) out += kCacheHints;
    out += kTools;
  } else if (method == "initialize") {
    const auto asked = json::string_at(params, "protocolVersion").value_or(kLegacyVersion);
    out += R"("protocolVersion":)";
    json::write_string_to(out, asked.starts_with("2024") || asked.starts_with("2025") ? asked : kLegacyVersion);
    out += R"(,"capabilities":{"tools":{}},"serverInfo":{"name":"echo","version":"1"})";
  } else if (method == "server/discover") {
    out += kCacheHints;
    out += R"("supportedVersions":["2026-07-28","2025-11-25"],"capabilities":{"tools":{}})";
  } else if (method != "ping") {
    return {};
  }
  return out + "}";
}

}  // namespace

std::optional<std::string> answer_of(std::string_view message) {
  const auto document = json::parse(message);
  const auto* request = document ? document->if_object() : nullptr;
  if (request == nullptr) return R"({"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"not a JSON-RPC message"}})";
  const auto* id = json::find(*request, "id");
  const auto method = json::string_at(*request, "method");
  if (id == nullptr || !method) return std::nullopt;
  const auto* params = json::object_at(*request, "params");
  const auto result = result_of(*method, params == nullptr ? json::object{} : *params);
  std::string out = R"({"jsonrpc":"2.0","id":)";
  json::write_to(out, *id);
  out += result.empty() ? R"(,"error":{"code":-32601,"message":"no such method"})" : R"(,"result":)" + result;
  return out + "}";
}

}  // namespace interlock::bench
