// application/x-www-form-urlencoded (WHATWG URL §5), as a query or as a body, strictly: what two readers could take differently is refused.
//
// Bounded in size and number; a name that comes twice, a bad percent-encoding, NUL and bytes that are not UTF-8 are errors. Any thread.
// No error holds a value.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace interlock::api {

inline constexpr std::size_t kFormBytes = 64 * 1024;
inline constexpr std::size_t kFormFields = 64;

class Form {
 public:
  static Result<Form> parse(std::string_view text);
  // nullopt where it is absent; an empty value is one.
  std::optional<std::string_view> get(std::string_view name) const;
  const std::map<std::string, std::string, std::less<>>& all() const { return fields_; }

 private:
  std::map<std::string, std::string, std::less<>> fields_;
};

}  // namespace interlock::api
