// SCRAM-SHA-256 verifiers (RFC 5802, RFC 7677) in PostgreSQL's form: what the server stores of a password. A role is made with it, so
// that its password never stands in a statement, where the server's log would show it. Any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace interlock::credential {

// `password` is ASCII, as ours are: SASLprep leaves it as it is. `salt`: random, 16 bytes.
Result<std::string> scram_verifier(std::string_view password, std::string_view salt);

}  // namespace interlock::credential
