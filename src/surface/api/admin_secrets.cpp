#include "surface/api/admin_secrets.hpp"

#include "base/hash.hpp"
#include "base/time.hpp"
#include "surface/api/form.hpp"

namespace interlock::api {
namespace {

constexpr std::size_t kPathBytes = 4 * 1024;
constexpr std::size_t kDurationBytes = 32;

Result<std::int64_t> duration_of(const json::object& body, std::string_view key) {
  const auto* value = json::find(body, key);
  if (value == nullptr) return 0;
  const auto text = json::string_at(body, key);
  const auto parsed = text && text->size() <= kDurationBytes ? parse_duration_ms(*text) : std::nullopt;
  if (!parsed || *parsed < 0)
    return fail(ErrorCode::kInvalid, "\"" + std::string(key) + "\" is no time", "write a number and a unit: 90d, 12h, 30m");
  return *parsed;
}

Result<std::string> text_of(const json::object& body, std::string_view key, std::size_t limit) {
  const auto* value = json::find(body, key);
  if (value == nullptr) return std::string();
  const auto text = json::string_at(body, key);
  if (!text || text->size() > limit)
    return fail(ErrorCode::kInvalid, "\"" + std::string(key) + "\" is no text of at most " + std::to_string(limit) + " bytes");
  return std::string(*text);
}

Result<SecretOrder> secret_order(const net::HttpRequest& request) {
  const auto body = read_body(request, kAdminSecretBytes);
  if (!body) return fail(body.error());
  for (const auto& member : *body) {
    const std::string_view key(member.key().data(), member.key().size());
    if (key != "operation" && key != "name" && key != "value" && key != "note" && key != "max_age" && key != "overlap" && key != "imported")
      return fail(ErrorCode::kInvalid, "\"" + std::string(key) + "\" is not known here");
  }
  SecretOrder order;
  const auto operation = json::string_at(*body, "operation").value_or("");
  if (operation == "set") order.operation = SecretOrder::Operation::kSet;
  else if (operation == "rotate") order.operation = SecretOrder::Operation::kRotate;
  else if (operation == "rule") order.operation = SecretOrder::Operation::kRule;
  else if (operation == "remove") order.operation = SecretOrder::Operation::kRemove;
  else return fail(ErrorCode::kInvalid, "\"operation\" is neither \"set\" nor \"rotate\" nor \"rule\" nor \"remove\"");
  auto name = text_of(*body, "name", kAdminNameBytes);
  auto note = text_of(*body, "note", kAdminReasonBytes);
  auto encoded = text_of(*body, "value", kAdminSecretBytes);
  const auto max_age = duration_of(*body, "max_age");
  const auto overlap = duration_of(*body, "overlap");
  for (const auto* part : {&name, &note, &encoded}) {
    if (!*part) return fail(part->error());
  }
  if (!max_age) return fail(max_age.error());
  if (!overlap) return fail(overlap.error());
  if (name->empty()) return fail(ErrorCode::kInvalid, "no secret is named", "send \"name\"");
  const bool takes_value = order.operation == SecretOrder::Operation::kSet || order.operation == SecretOrder::Operation::kRotate;
  if (takes_value == encoded->empty())
    return fail(ErrorCode::kInvalid, takes_value ? "no value is given" : "this takes no value",
                "\"set\" and \"rotate\" take one, in base64");
  auto value = base64_decode(*encoded);
  if (!value) return fail(ErrorCode::kInvalid, "\"value\" is no base64");
  order.name = std::move(*name);
  order.note = std::move(*note);
  order.value = std::move(*value);
  order.max_age_ms = *max_age;
  order.overlap_ms = *overlap;
  order.imported = json::string_at(*body, "imported") == "true";
  return order;
}

AdminAnswer answer_rekey(const net::HttpRequest& request, const AdminCaller& caller, const SecretOperations& operations) {
  if (request.method != "POST") return wrong_method("POST");
  if (!operations.rekey) return missing("re-keying");
  const auto members = Members::read(request, {"new_key_file", "keep_data_key"});
  if (!members) return error_answer(members.error());
  auto file = members->text("new_key_file", kPathBytes);
  const auto keep = members->text("keep_data_key", kDurationBytes);
  if (!file) return error_answer(file.error());
  if (!keep) return error_answer(keep.error());
  return result_answer(operations.rekey(caller, {.new_key_file = std::move(*file), .keep_data_key = *keep == "true"}));
}

}  // namespace

std::optional<AdminAnswer> answer_secret_request(const net::HttpRequest& request, std::string_view path, const AdminCaller& caller,
                                                 const SecretOperations& operations) {
  if (path == "secrets/rekey") return answer_rekey(request, caller, operations);
  if (path != "secrets") return std::nullopt;
  if (request.method == "POST") {
    if (!operations.change) return missing("the vault");
    auto order = secret_order(request);
    return order ? result_answer(operations.change(caller, std::move(*order))) : error_answer(order.error());
  }
  if (request.method != "GET") return wrong_method("GET, POST");
  const auto query = Form::parse(request.query);
  if (!query) return error_answer(query.error());
  if (const auto name = query->get("name")) return operations.find ? result_answer(operations.find(*name)) : missing("the vault");
  return operations.list ? list_answer("secrets", operations.list()) : missing("the vault");
}

}  // namespace interlock::api
