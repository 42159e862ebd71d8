#include "credential/ssh_broker.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <utility>

#include "base/hash.hpp"
#include "credential/broker_settings.hpp"
#include "credential/ssh_certificate.hpp"
#include "credential/ssh_krl.hpp"
#include "net/resolver.hpp"

namespace interlock::credential {
namespace {

constexpr std::int64_t kBackdateS = 60;  // for an sshd whose clock is behind
constexpr std::size_t kPrincipals = 64;
constexpr std::size_t kAddresses = 64;

struct Settings {
  std::string ca_secret;
  std::vector<std::string> principals;
  std::string force_command;
  std::vector<std::string> source_addresses;
  std::vector<std::string> extensions;
  std::filesystem::path krl;
};

bool is_one_line(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

Result<Settings> read(const std::string& credential, const json::object& written) {
  BrokerSettings in(credential, written);
  Settings out;
  out.ca_secret = in.needed_text("ca_secret", "write the name of the authority's private key in the vault: interlock secret set ssh/ca");
  out.principals = in.texts("principals");
  if (out.principals.empty() || out.principals.size() > kPrincipals)
    in.complain("principals", "names nobody, or too many", "write the users or principals that it may log in as: [ deploy ]");
  if (!std::ranges::all_of(out.principals, is_one_line)) in.complain("principals", "has one with control characters", "write plain names");
  out.force_command = in.text("force_command");
  const auto any_command = in.flag("any_command", false);
  if (out.force_command.empty() != any_command)
    in.complain("force_command", any_command ? "and any_command exclude each other" : "is missing",
                "write the one command that it may run, or any_command: true");
  if (!is_one_line(out.force_command)) in.complain("force_command", "has control characters", "write one line");
  out.source_addresses = in.texts("source_addresses");
  if (out.source_addresses.size() > kAddresses) in.complain("source_addresses", "are too many", "write ranges: 10.0.0.0/8");
  for (const auto& address : out.source_addresses)
    if (!net::parse_address_range(address))
      in.complain("source_addresses", "has one that is no address or range", "write 10.0.0.0/8 or fd00::1");
  out.extensions = in.texts("extensions");
  for (const auto& extension : out.extensions)
    if (!is_ssh_extension(extension))
      in.complain("extensions", "has one that is not known here",
                  "permit-pty, permit-port-forwarding, permit-agent-forwarding, permit-X11-forwarding, permit-user-rc");
  out.krl = in.text("krl");
  if (!out.krl.empty() && (!out.krl.is_absolute() || !out.krl.has_filename()))
    in.complain("krl", "is no absolute path of a file", "write the path that sshd_config names as RevokedKeys");
  if (auto checked = in.finish(); !checked) return fail(std::move(checked.error()));
  std::ranges::sort(out.principals);
  std::ranges::sort(out.extensions);
  return out;
}

std::string joined(const std::vector<std::string>& texts) {
  std::string out;
  for (const auto& text : texts) out += (out.empty() ? "" : ",") + text;
  return out;
}

std::string grant_of(const Settings& settings) {
  auto out = "as " + joined(settings.principals) + " " + (settings.force_command.empty() ? "any command" : "run " + settings.force_command);
  if (!settings.source_addresses.empty()) out += " from " + joined(settings.source_addresses);
  if (!settings.extensions.empty()) out += " with " + joined(settings.extensions);
  return out;
}

// Known before the mint, the same at every try, met by no other lease; never 0, which ssh-keygen takes for "none".
std::uint64_t serial_of(std::string_view lease) {
  const auto digest = sha256({"ssh serial ", lease});
  std::uint64_t serial = 0;
  for (std::size_t i = 0; i < sizeof serial; ++i) serial = (serial << 8) | digest[i];
  return (serial >> 1) | 1;
}

std::optional<std::uint64_t> decimal(std::string_view digits) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return error == std::errc{} && end == digits.data() + digits.size() ? std::optional(value) : std::nullopt;
}

}  // namespace

class SshBroker final : public Broker {
 public:
  SshBroker(const BrokerParts& parts, Settings settings)
      : loop_(*parts.loop), vault_(*parts.vault), clock_(*parts.clock), settings_(std::move(settings)) {
    if (!settings_.krl.empty()) krl_ = std::make_unique<SshKrlFile>(loop_, *parts.sealed, clock_, settings_.krl);
  }

  // A list stands in its place from the start: sshd lets nobody in while the file that it is told of is missing.
  Status open() { return krl_ == nullptr ? Status{} : krl_->write(); }

  std::string_view kind() const override { return "ssh"; }
  std::string_view revocation_means() const override {
    return krl_ == nullptr ? "expiry: no list of revoked certificates is kept for sshd (krl)"
                           : "its serial is in the list that sshd reads (RevokedKeys): no login any more";
  }
  bool can_revoke() const override { return krl_ != nullptr; }

  Result<Plan> plan(const MintOrder& order) const override {
    const auto valid_before_s = order.expires_ms / 1000;
    if (valid_before_s * 1000 <= order.now_ms)
      return fail(ErrorCode::kInvalid, "less than a second is left for an SSH certificate", "give the task or the credential more time");
    return Plan{
        .handle = {{"serial", std::to_string(serial_of(order.lease))}, {"key_id", key_id_of(order)}, {"valid_before_s", valid_before_s}},
        .grant = grant_of(settings_),
        .expires_ms = valid_before_s * 1000};
  }

  void mint(const MintOrder& order, const Plan& plan, std::function<void(Result<Minted>)> done) override {
    auto minted = std::make_shared<Result<Minted>>(make(order, plan));
    loop_.post([done = std::move(done), minted] { done(std::move(*minted)); });
  }

  void revoke(const Revocation& what, std::function<void(Status)> done) override {
    const auto serial = decimal(json::string_at(what.handle, "serial").value_or(""));
    const auto valid_before_s = json::int_at(what.handle, "valid_before_s");
    if (!serial || !valid_before_s) {
      loop_.post([done = std::move(done)] {
        done(fail(ErrorCode::kInvalid, "the lease's record names no certificate", "it ends by its expiry"));
      });
    } else if (krl_ == nullptr) {
      loop_.post([done = std::move(done)] { done({}); });
    } else {
      krl_->revoke(*serial, *valid_before_s, std::move(done));
    }
  }

 private:
  static std::string key_id_of(const MintOrder& order) { return "interlock:" + order.lease; }

  Result<Minted> make(const MintOrder& order, const Plan& plan) const {
    const auto secret = vault_.get(settings_.ca_secret);
    if (!secret) return fail(secret.error());
    const auto authority = SshKey::read(secret->view());
    if (!authority)
      return fail(authority.error().code, "the secret " + settings_.ca_secret + " is no SSH authority: " + authority.error().message,
                  authority.error().hint);
    const auto subject = SshKey::generate();
    if (!subject) return fail(subject.error());
    const SshCertificate certificate{.serial = serial_of(order.lease),
                                     .key_id = key_id_of(order),
                                     .principals = settings_.principals,
                                     .valid_after_s = clock_.now_ms() / 1000 - kBackdateS,
                                     .valid_before_s = plan.expires_ms / 1000,
                                     .force_command = settings_.force_command,
                                     .source_addresses = settings_.source_addresses,
                                     .extensions = settings_.extensions};
    auto signed_text = sign_certificate(certificate, *subject, *authority);
    if (!signed_text) return fail(std::move(signed_text.error()));
    auto private_text = subject->private_text(certificate.key_id);
    if (!private_text) return fail(std::move(private_text.error()));
    Minted out;
    out.handle = plan.handle;
    out.expires_ms = plan.expires_ms;
    out.fields.emplace("private_key", std::move(*private_text));
    out.fields.emplace("certificate", Secret::take(std::move(*signed_text)));
    out.fields.emplace("public_key", Secret("ssh-ed25519 " + base64_encode(subject->public_blob()) + " " + certificate.key_id + "\n"));
    return out;
  }

  net::Loop& loop_;
  Vault& vault_;
  const Clock& clock_;
  Settings settings_;
  std::unique_ptr<SshKrlFile> krl_;
};

Result<std::shared_ptr<Broker>> make_ssh_broker(const BrokerParts& parts, std::string credential, const json::object& settings) {
  auto read_settings = read(credential, settings);
  if (!read_settings) return fail(std::move(read_settings.error()));
  auto broker = std::make_shared<SshBroker>(parts, std::move(*read_settings));
  if (auto opened = broker->open(); !opened && opened.error().code != ErrorCode::kConflict)
    return fail(ErrorCode::kInvalid, "credential " + credential + ": the list of `krl` cannot be written: " + opened.error().message,
                "make its folder, writable by the gate");
  return broker;
}

}  // namespace interlock::credential
