// Where a lease's fields go when an act is performed: a header, a query parameter, a signature, a child's environment, descriptor or file.
// Pure functions; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "credential/lease_book.hpp"

namespace interlock::credential {

// `text` is a template: "{field}" is replaced by the lease's field, "{{" is a brace. `basic(a:b)`-like encodings: "{user:password|basic}"
// is base64 of "user:password" made of two fields.
struct Placement {
  enum class Where : std::uint8_t { kHeader, kQuery, kSigV4, kEnvironment, kDescriptor, kFile };
  std::string credential;
  Where where = Where::kHeader;
  std::string name;  // of the header, parameter or variable; kFile: of the file; kDescriptor: the variable that gets "/dev/fd/N"
  std::string text;
  bool only_by_policy = false;  // used where a policy names it (@credential), else not
  std::string service;          // kSigV4
  std::string region;
  friend bool operator==(const Placement&, const Placement&) = default;
};
// kInvalid: a brace that is not closed, or a field that the lease has not.
Status check_template(std::string_view text);
Result<std::string> fill_template(std::string_view text, const Lease& lease);

}  // namespace interlock::credential
