#include "credential/svid_broker.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/hash.hpp"
#include "credential/broker_settings.hpp"
#include "spiffe/issue.hpp"

namespace interlock::credential {
namespace {

constexpr std::string_view kListFile = "spiffe.crl";
// Verifiers want lists that are fresh, also of keys that were made since.
constexpr std::int64_t kRepublishMs = 3'600'000;

// Whole or not at all under its name.
Status publish(const std::filesystem::path& path, std::string_view text) {
  auto passing = path;
  passing += ".new";
  const int file = ::open(passing.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (file < 0) return fail(system_error("cannot write " + passing.string(), errno));
  bool good = true;
  while (good && !text.empty()) {
    const auto count = ::write(file, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    good = count > 0;
    if (good) text.remove_prefix(static_cast<std::size_t>(count));
  }
  good = good && ::fsync(file) == 0;
  const int error = errno;
  ::close(file);
  if (!good) return fail(system_error("cannot write " + passing.string(), error));
  if (::rename(passing.c_str(), path.c_str()) != 0) return fail(system_error("cannot name " + path.string(), errno));
  return {};
}

class SvidBroker final : public Broker, public std::enable_shared_from_this<SvidBroker> {
 public:
  SvidBroker(const BrokerParts& parts, bool is_token, std::string path, std::vector<std::string> audiences)
      : loop_(*parts.loop),
        authority_(*parts.authority),
        file_(parts.state / kListFile),
        is_token_(is_token),
        path_(std::move(path)),
        audiences_(std::move(audiences)) {}

  std::string_view kind() const override { return "svid"; }
  std::string_view revocation_means() const override {
    return is_token_ ? "expiry: a JWT-SVID cannot be revoked" : "its serial number is on the authority's revocation list";
  }
  bool can_revoke() const override { return !is_token_; }

  Result<Plan> plan(const MintOrder& order) const override {
    auto id = id_of(order);
    if (!id) return fail(std::move(id.error()));
    Plan plan;
    plan.handle["id"] = id->text();
    plan.grant = (is_token_ ? "JWT-SVID " : "X.509-SVID ") + id->text();
    for (const auto& audience : audiences_) plan.grant += " for " + audience;
    const auto& lives = authority_.options();
    plan.expires_ms = std::min(order.expires_ms, order.now_ms + (is_token_ ? lives.token_life_ms : lives.svid_life_ms));
    if (is_token_) return plan;
    const auto serial = spiffe::new_serial();
    if (serial.empty()) return fail(ErrorCode::kInternal, "OpenSSL has no random bytes for a serial number");
    plan.handle["serial"] = to_hex(serial);
    plan.handle["not_after_ms"] = plan.expires_ms;
    return plan;
  }

  void mint(const MintOrder& order, const Plan& plan, std::function<void(Result<Minted>)> done) override {
    auto minted = std::make_shared<Result<Minted>>(make(order, plan));
    loop_.post([done = std::move(done), minted] { done(std::move(*minted)); });
  }

  void revoke(const Revocation& what, std::function<void(Status)> done) override {
    Status status;
    if (!is_token_) {
      const auto serial = from_hex(json::string_at(what.handle, "serial").value_or("")).value_or("");
      status = authority_.revoke(serial, json::int_at(what.handle, "not_after_ms").value_or(0));
      if (status) status = publish_lists();
    }
    loop_.post([done = std::move(done), status] { done(status); });
  }

  Status publish_lists() {
    auto lists = authority_.revocation_lists();
    if (!lists) return fail(std::move(lists.error()));
    return publish(file_, *lists);
  }

  void republish_later() {
    loop_.after_ms(kRepublishMs, [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (!self) return;
      (void)self->publish_lists();  // the one before is valid for days
      self->republish_later();
    });
  }

 private:
  Result<spiffe::SpiffeId> id_of(const MintOrder& order) const {
    return spiffe::SpiffeId::parse("spiffe://" + authority_.trust_domain() + "/task/" + order.task + path_);
  }

  Result<Minted> make(const MintOrder& order, const Plan& plan) {
    const auto id = id_of(order);
    if (!id) return fail(id.error());
    Minted minted;
    minted.handle = plan.handle;
    minted.expires_ms = plan.expires_ms;
    if (is_token_) {
      auto token = authority_.issue_jwt(*id, audiences_, {.not_after_ms = plan.expires_ms});
      if (!token) return fail(ErrorCode::kDenied, std::move(token.error().message), std::move(token.error().hint));
      minted.fields.emplace("token", Secret::take(std::move(*token)));
      return minted;
    }
    const auto serial = from_hex(json::string_at(plan.handle, "serial").value_or("")).value_or("");
    auto svid = authority_.issue_x509(*id, {.not_after_ms = plan.expires_ms, .serial = serial});
    if (!svid) return fail(ErrorCode::kDenied, std::move(svid.error().message), std::move(svid.error().hint));
    minted.expires_ms = std::min(minted.expires_ms, svid->expires_ms);
    minted.fields.emplace("certificate", Secret::take(std::move(svid->chain_pem)));
    minted.fields.emplace("key", Secret::take(std::move(svid->key_pem)));
    return minted;
  }

  net::Loop& loop_;
  spiffe::Authority& authority_;
  std::filesystem::path file_;
  bool is_token_;
  std::string path_;  // begins with a slash, or empty
  std::vector<std::string> audiences_;
};

}  // namespace

Result<std::shared_ptr<Broker>> make_svid_broker(const BrokerParts& parts, std::string credential, const json::object& settings) {
  BrokerSettings reader(credential, settings);
  const auto kind = reader.text("kind", "x509");
  auto path = reader.text("path");
  auto audiences = reader.texts("audience");
  if (kind != "x509" && kind != "jwt") reader.complain("kind", "is neither x509 nor jwt", "write one of them");
  const bool is_token = kind == "jwt";
  if (is_token == audiences.empty())
    reader.complain("audience", is_token ? "is missing" : "is of no use for X.509", is_token ? "name who takes the token" : "leave it out");
  if (!path.empty() && !path.starts_with('/')) path.insert(0, "/");
  if (parts.authority != nullptr && !path.empty() &&
      !spiffe::SpiffeId::parse("spiffe://" + parts.authority->trust_domain() + "/task/t" + path))
    reader.complain("path", "is no SPIFFE path", "letters, digits and ._- between slashes");
  if (auto read = reader.finish(); !read) return fail(std::move(read.error()));
  if (parts.authority == nullptr) {
    return fail(ErrorCode::kInvalid, "credential \"" + credential + "\" is an SVID, and this gate is no authority",
                "turn the authority on (`identity.spiffe.authority`), see docs/identity.md");
  }
  auto broker = std::make_shared<SvidBroker>(parts, is_token, std::move(path), std::move(audiences));
  if (!is_token) {
    if (auto published = broker->publish_lists(); !published) return fail(std::move(published.error()));
    broker->republish_later();
  }
  return broker;
}

}  // namespace interlock::credential
