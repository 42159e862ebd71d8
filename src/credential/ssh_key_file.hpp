// OpenSSH's private key file (PROTOCOL.key): the block between its lines, taken apart and put together. Any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace interlock::credential {

inline constexpr std::string_view kOpensshBegin = "-----BEGIN OPENSSH PRIVATE KEY-----";
inline constexpr std::string_view kOpensshEnd = "-----END OPENSSH PRIVATE KEY-----";

struct OpensshKey {
  std::string type;
  std::string fields;  // of the private key, after its type, up to the comment: SSH's encoding. The caller's to wipe
};
// One unencrypted key. kUnsupported: it is encrypted. kInvalid.
Result<OpensshKey> read_openssh_key(std::string_view text);

// `fields` as above. The caller's to wipe.
std::string write_openssh_key(std::string_view type, std::string_view public_blob, std::string_view fields, std::string_view comment);

}  // namespace interlock::credential
