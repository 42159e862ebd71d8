// The admin surface's part for the vault: what is known of secrets, changing them, and re-keying. No answer ever holds a value.
//
//   GET  /v1/secrets               {"secrets":[...]}
//   GET  /v1/secrets?name=NAME     one
//   POST /v1/secrets               {"operation":"set"|"rotate"|"rule"|"remove","name","value"?: base64,"note"?,"max_age"?,"overlap"?,
//                                  "imported"?:"true"}; the secret as it is then. set and rotate take a value, set and rule a rule
//   POST /v1/secrets/rekey         {"new_key_file"?,"keep_data_key"?:"true"}; what was done, and what is left to do
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.hpp"
#include "base/result.hpp"
#include "surface/api/admin_answer.hpp"

namespace interlock::api {

// The longest value of the vault, in base64 and with what stands beside it.
inline constexpr std::size_t kAdminSecretBytes = 512 * 1024;

struct SecretOrder {
  enum class Operation : std::uint8_t { kSet, kRotate, kRule, kRemove };
  Operation operation = Operation::kSet;
  std::string name;
  std::string value;  // whoever takes the order wipes it
  std::string note;
  std::int64_t max_age_ms = 0;
  std::int64_t overlap_ms = 0;
  bool imported = false;  // it came with others, from a file
};

struct RekeyOrder {
  std::string new_key_file;    // empty: a key is made, where the master key's place is one that can be written
  bool keep_data_key = false;  // values stay sealed as they are
};

struct SecretOperations {
  std::function<Result<json::array>()> list;
  std::function<Result<json::object>(std::string_view name)> find;
  std::function<Result<json::object>(const AdminCaller& caller, SecretOrder order)> change;
  std::function<Result<json::object>(const AdminCaller& caller, const RekeyOrder& order)> rekey;
};

// `path` without "/v1/". nullopt: not one of these routes.
std::optional<AdminAnswer> answer_secret_request(const net::HttpRequest& request, std::string_view path, const AdminCaller& caller,
                                                 const SecretOperations& operations);

}  // namespace interlock::api
