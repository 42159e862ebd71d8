// SSH key pairs: private keys as OpenSSH (PROTOCOL.key, unencrypted) or OpenSSL (PEM) write them, signatures (RFC 4253 §6.6, RFC 5656,
// RFC 8332, RFC 8709), and fresh Ed25519 pairs. Immutable, shared by copying; any thread.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "credential/secret.hpp"

namespace interlock::credential {

inline constexpr std::size_t kSshKeyBytes = 64 * 1024;
inline constexpr int kSshRsaBitsLeast = 2048;
inline constexpr int kSshRsaBitsMost = 8192;

class SshKey {
 public:
  // Ed25519, ECDSA on NIST's three curves, RSA. kInvalid, kUnsupported (encrypted, another kind), each with what to do. No error holds a
  // part of the key.
  static Result<SshKey> read(std::string_view text);
  static Result<SshKey> generate();  // Ed25519

  std::string_view type() const;                                // "ssh-ed25519"
  std::string public_blob() const;                              // as on the wire
  std::string public_bytes() const;                             // Ed25519: its 32 bytes, as in certificates
  Result<std::string> sign(std::string_view bytes) const;       // as on the wire, with its algorithm
  Result<Secret> private_text(std::string_view comment) const;  // Ed25519 alone: an OpenSSH private key file

 private:
  struct Material;
  explicit SshKey(std::shared_ptr<const Material> material) : material_(std::move(material)) {}
  std::shared_ptr<const Material> material_;
};

}  // namespace interlock::credential
