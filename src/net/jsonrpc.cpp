#include "net/jsonrpc.hpp"

namespace interlock::net {
namespace {

bool is_id(const json::value& v) { return v.is_string() || v.is_int64() || v.is_uint64(); }

std::string begin(const json::value& id) {
  std::string out = R"({"jsonrpc":"2.0","id":)";
  json::write_to(out, id);
  return out;
}

void write_params(std::string& out, const json::object& params) {
  out += R"(,"params":)";
  // json::write_to takes a value; an object is written member by member to save a copy.
  out += '{';
  bool first = true;
  for (const auto& pair : params) {
    if (!first) out += ',';
    first = false;
    json::write_string_to(out, {pair.key().data(), pair.key().size()});
    out += ':';
    json::write_to(out, pair.value());
  }
  out += '}';
}

}  // namespace

Result<RpcMessage> read_rpc(json::value document) {
  const auto refuse = [](std::string why) { return fail(ErrorCode::kInvalid, std::move(why)); };
  auto* o = document.if_object();
  if (o == nullptr) return refuse("a message is a JSON object");
  if (json::string_at(*o, "jsonrpc") != "2.0") return refuse("jsonrpc must be \"2.0\"");
  RpcMessage message;
  auto* id = o->if_contains("id");
  auto* method = o->if_contains("method");
  auto* result = o->if_contains("result");
  auto* error = o->if_contains("error");
  if (method != nullptr) {
    if (result != nullptr || error != nullptr) return refuse("a message has a method or a result, not both");
    if (!method->is_string()) return refuse("method must be a string");
    if (id != nullptr && !is_id(*id)) return refuse("id must be a string or an integer");
    message.kind = id == nullptr ? RpcKind::kNotification : RpcKind::kRequest;
    if (id != nullptr) message.id = std::move(*id);
    message.method.assign(method->get_string().data(), method->get_string().size());
    if (auto* params = o->if_contains("params")) {
      if (!params->is_object()) return refuse("params must be an object");
      message.params = std::move(params->get_object());
      message.has_params = true;
    }
    return message;
  }
  if (result != nullptr && error != nullptr) return refuse("a response has a result or an error, not both");
  if (result != nullptr) {
    if (id == nullptr || !is_id(*id)) return refuse("a result needs the id of its request");
    message.kind = RpcKind::kResult;
    message.id = std::move(*id);
    message.result = std::move(*result);
    return message;
  }
  if (error != nullptr) {
    if (id != nullptr && !id->is_null() && !is_id(*id)) return refuse("id must be a string or an integer");
    auto* object = error->if_object();
    if (object == nullptr) return refuse("error must be an object");
    const auto* code = json::find(*object, "code");
    if (code == nullptr || !(code->is_int64() || code->is_uint64())) return refuse("error.code must be an integer");
    if (!json::string_at(*object, "message")) return refuse("error.message must be a string");
    message.kind = RpcKind::kError;
    if (id != nullptr) message.id = std::move(*id);
    message.error = std::move(*object);
    return message;
  }
  return refuse("a message needs a method, a result or an error");
}

json::value salvage_id(const json::value& document) {
  const auto* id = json::find(document, "id");
  return id != nullptr && is_id(*id) ? *id : json::value();
}

std::string write_request(const json::value& id, std::string_view method, const json::object& params) {
  auto out = begin(id);
  out += R"(,"method":)";
  json::write_string_to(out, method);
  write_params(out, params);
  out += '}';
  return out;
}

std::string write_notification(std::string_view method, const json::object& params) {
  std::string out = R"({"jsonrpc":"2.0","method":)";
  json::write_string_to(out, method);
  if (!params.empty()) write_params(out, params);
  out += '}';
  return out;
}

std::string write_result(const json::value& id, const json::value& result) {
  auto out = begin(id);
  out += R"(,"result":)";
  json::write_to(out, result);
  out += '}';
  return out;
}

std::string write_error(const json::value& id, int code, std::string_view message, const json::value* data) {
  auto out = begin(id);
  out += R"(,"error":{"code":)" + std::to_string(code) + R"(,"message":)";
  json::write_string_to(out, message);
  if (data != nullptr) {
    out += R"(,"data":)";
    json::write_to(out, *data);
  }
  out += "}}";
  return out;
}

std::string write_error(const json::value& id, const json::object& error) {
  auto out = begin(id);
  out += R"(,"error":)";
  json::write_to(out, json::value(error));
  out += '}';
  return out;
}

}  // namespace interlock::net
