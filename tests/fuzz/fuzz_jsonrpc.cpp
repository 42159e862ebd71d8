// JSON-RPC messages: what is taken is one of the four kinds with what that kind must have, and is read back as it was written.
#include <cstdint>
#include <cstdlib>

#include "net/jsonrpc.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace interlock;
  auto document = json::parse({reinterpret_cast<const char*>(data), size});
  if (!document) return 0;
  const auto id = net::salvage_id(*document);
  if (!id.is_null() && !id.is_string() && !id.is_int64() && !id.is_uint64()) std::abort();
  const auto message = net::read_rpc(std::move(*document));
  if (!message) return 0;
  std::string written;
  switch (message->kind) {
    case net::RpcKind::kRequest: written = net::write_request(message->id, message->method, message->params); break;
    case net::RpcKind::kNotification: written = net::write_notification(message->method, message->params); break;
    case net::RpcKind::kResult: written = net::write_result(message->id, message->result); break;
    case net::RpcKind::kError: written = net::write_error(message->id, message->error); break;
  }
  auto parsed = json::parse(written, {.size_bytes = std::size_t{64} << 20, .depth = 66});
  if (!parsed) std::abort();
  const auto again = net::read_rpc(std::move(*parsed));
  if (!again || again->kind != message->kind || again->method != message->method) std::abort();
  if (json::write(again->id) != json::write(message->id)) std::abort();
  if (json::write(json::value(again->params)) != json::write(json::value(message->params))) std::abort();
  if (json::write(again->result) != json::write(message->result)) std::abort();
  return 0;
}
