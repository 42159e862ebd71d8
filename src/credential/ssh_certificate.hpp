// OpenSSH user certificates (PROTOCOL.certkeys, ssh-ed25519-cert-v01@openssh.com): who may log in, from where, to run what, until when.
// Pure functions but for the nonce; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "credential/ssh_key.hpp"

namespace interlock::credential {

struct SshCertificate {
  std::uint64_t serial = 0;
  std::string key_id;                         // shown in sshd's log
  std::vector<std::string> principals;        // never empty: a certificate without any would be for everybody
  std::int64_t valid_after_s = 0;             // Unix time
  std::int64_t valid_before_s = 0;            // the first second at which it is not valid any more
  std::string force_command;                  // empty: any
  std::vector<std::string> source_addresses;  // "10.0.0.0/8"; empty: any
  std::vector<std::string> extensions;        // of kSshExtensions
};

// What sshd lets a session do beyond running a command; nothing is given that is not asked for.
bool is_ssh_extension(std::string_view name);

// One line, as in a -cert.pub file, with its newline. `subject` is Ed25519. kInvalid: no principal, no time.
Result<std::string> sign_certificate(const SshCertificate& certificate, const SshKey& subject, const SshKey& authority);

}  // namespace interlock::credential
