#include "credential/static_broker.hpp"

#include "credential/broker_settings.hpp"

namespace interlock::credential {
namespace {

class StaticBroker final : public Broker {
 public:
  StaticBroker(const BrokerParts& parts, std::string secret, std::string field, std::string username)
      : loop_(*parts.loop), vault_(*parts.vault), secret_(std::move(secret)), field_(std::move(field)), username_(std::move(username)) {}

  std::string_view kind() const override { return "static"; }
  std::string_view revocation_means() const override {
    return "the gate hands it out no more; the secret itself is valid until it is rotated";
  }
  bool can_revoke() const override { return true; }

  Result<Plan> plan(const MintOrder& order) const override {
    return Plan{.handle = {{"secret", secret_}}, .grant = "secret " + secret_, .expires_ms = order.expires_ms};
  }

  void mint(const MintOrder& order, const Plan& plan, std::function<void(Result<Minted>)> done) override {
    (void)order;
    auto value = vault_.get(secret_);
    if (!value) {
      auto error = std::move(value.error());
      if (error.code == ErrorCode::kNotFound) {
        // Nothing was made, so there is nothing to undo.
        error = {ErrorCode::kDenied, "the vault has no secret \"" + secret_ + "\"", "interlock secret set " + secret_};
      }
      loop_.post([done = std::move(done), error = std::move(error)] { done(fail(error)); });
      return;
    }
    auto minted = std::make_shared<Minted>();
    minted->fields.emplace(field_, std::move(*value));
    if (!username_.empty()) minted->fields.emplace("username", Secret(username_));
    minted->handle = plan.handle;
    minted->expires_ms = plan.expires_ms;
    loop_.post([done = std::move(done), minted] { done(std::move(*minted)); });
  }

  void revoke(const Revocation&, std::function<void(Status)> done) override {
    loop_.post([done = std::move(done)] { done({}); });
  }

 private:
  net::Loop& loop_;
  Vault& vault_;
  std::string secret_;
  std::string field_;
  std::string username_;
};

}  // namespace

Result<std::shared_ptr<Broker>> make_static_broker(const BrokerParts& parts, std::string credential, const json::object& settings) {
  BrokerSettings reader(std::move(credential), settings);
  auto secret = reader.needed_text("secret", "the name of a secret of the vault, as in `interlock secret set NAME`");
  auto field = reader.text("field", "token");
  auto username = reader.text("username");
  if (field == "username" && !username.empty()) reader.complain("field", "is `username`, which is given", "leave one of them out");
  if (auto read = reader.finish(); !read) return fail(std::move(read.error()));
  return std::make_shared<StaticBroker>(parts, std::move(secret), std::move(field), std::move(username));
}

}  // namespace interlock::credential
