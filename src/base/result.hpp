// Failure as a value: what went wrong, for people, and what they can do next.
//
// Every function of the data plane that can fail returns Result<T>. `code` is for machines, `message` is one sentence that
// names the thing at fault, `hint` says what to do next (may be empty). Neither may ever hold a secret.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace interlock {

enum class ErrorCode : std::uint8_t {
  kInvalid,      // the input is malformed
  kTooLarge,     // a bound on size, depth or count was passed
  kNotFound,     // the named thing does not exist
  kConflict,     // it exists already, or changed in between
  kDenied,       // a rule says no
  kExpired,      // it was valid once
  kUnavailable,  // a part that is needed does not answer; trying again may help
  kTimeout,      // a deadline passed
  kUnsupported,  // understood, and not done here
  kIo,           // the operating system said no
  kInternal,     // a defect of ours
};

std::string_view error_code_name(ErrorCode code);

struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
  std::string hint;

  // "message (hint)", as shown to people.
  std::string text() const;
};

template <typename T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

inline std::unexpected<Error> fail(ErrorCode code, std::string message, std::string hint = {}) {
  return std::unexpected<Error>(Error{code, std::move(message), std::move(hint)});
}
inline std::unexpected<Error> fail(Error error) { return std::unexpected<Error>(std::move(error)); }

// An Error from errno: "WHAT: strerror".
Error system_error(std::string_view what, int error_number);

}  // namespace interlock
