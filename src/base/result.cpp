#include "base/result.hpp"

#include <system_error>

namespace interlock {

std::string_view error_code_name(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalid: return "invalid";
    case ErrorCode::kTooLarge: return "too_large";
    case ErrorCode::kNotFound: return "not_found";
    case ErrorCode::kConflict: return "conflict";
    case ErrorCode::kDenied: return "denied";
    case ErrorCode::kExpired: return "expired";
    case ErrorCode::kUnavailable: return "unavailable";
    case ErrorCode::kTimeout: return "timeout";
    case ErrorCode::kUnsupported: return "unsupported";
    case ErrorCode::kIo: return "io";
    case ErrorCode::kInternal: return "internal";
  }
  return "internal";
}

std::string Error::text() const { return hint.empty() ? message : message + " (" + hint + ")"; }

Error system_error(std::string_view what, int error_number) {
  return Error{ErrorCode::kIo, std::string(what) + ": " + std::generic_category().message(error_number), {}};
}

}  // namespace interlock
