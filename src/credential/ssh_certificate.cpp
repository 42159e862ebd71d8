#include "credential/ssh_certificate.hpp"

#include <algorithm>
#include <array>

#include "base/hash.hpp"
#include "base/ids.hpp"
#include "credential/ssh_wire.hpp"

namespace interlock::credential {
namespace {

constexpr std::string_view kType = "ssh-ed25519-cert-v01@openssh.com";
constexpr std::uint32_t kUserCertificate = 1;
constexpr std::size_t kNonceBytes = 32;

// In the order of their bytes, as the format asks for.
constexpr std::array<std::string_view, 5> kExtensions{"permit-X11-forwarding", "permit-agent-forwarding", "permit-port-forwarding",
                                                      "permit-pty", "permit-user-rc"};

std::string texts_of(const std::vector<std::string>& texts) {
  SshWriter out;
  for (const auto& text : texts) out.text(text);
  return out.take();
}

// Critical options: sshd refuses a certificate with one that it does not know.
std::string options_of(const SshCertificate& certificate) {
  SshWriter out;
  const auto add = [&](std::string_view name, std::string_view value) {
    SshWriter wrapped;
    wrapped.text(value);
    out.text(name).text(wrapped.written());
  };
  if (!certificate.force_command.empty()) add("force-command", certificate.force_command);
  std::string addresses;
  for (const auto& address : certificate.source_addresses) addresses += (addresses.empty() ? "" : ",") + address;
  if (!addresses.empty()) add("source-address", addresses);
  return out.take();
}

std::string extensions_of(const SshCertificate& certificate) {
  SshWriter out;
  for (const auto name : kExtensions)
    if (std::ranges::find(certificate.extensions, name) != certificate.extensions.end()) out.text(name).text("");
  return out.take();
}

}  // namespace

bool is_ssh_extension(std::string_view name) { return std::ranges::find(kExtensions, name) != kExtensions.end(); }

Result<std::string> sign_certificate(const SshCertificate& certificate, const SshKey& subject, const SshKey& authority) {
  const auto key = subject.public_bytes();
  if (key.empty() || certificate.principals.empty() || certificate.valid_after_s < 0 ||
      certificate.valid_before_s <= certificate.valid_after_s)
    return fail(ErrorCode::kInvalid, "the SSH certificate has no key, no principal or no time in which it is valid",
                "name principals, and a lifetime of at least a second");
  SshWriter body;
  body.text(kType).text(random_bytes(kNonceBytes)).text(key).uint64(certificate.serial).uint32(kUserCertificate).text(certificate.key_id);
  body.text(texts_of(certificate.principals));
  body.uint64(static_cast<std::uint64_t>(certificate.valid_after_s)).uint64(static_cast<std::uint64_t>(certificate.valid_before_s));
  body.text(options_of(certificate)).text(extensions_of(certificate)).text("").text(authority.public_blob());
  const auto signature = authority.sign(body.written());
  if (!signature) return fail(signature.error());
  body.text(*signature);
  return std::string(kType) + " " + base64_encode(body.written()) + " " + certificate.key_id + "\n";
}

}  // namespace interlock::credential
