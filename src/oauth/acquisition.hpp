// One way from "the server wants a token" to a token: who authorizes (RFC 9728, RFC 8414), which client the gate is there, which scopes,
// which grant. Each step's answer is checked before the next step is taken; nothing is skipped because it was right an hour ago.
//
// A plain chain of steps on the loop, one at a time; dropping it cancels. Handlers may drop it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "oauth/challenge.hpp"
#include "oauth/client.hpp"
#include "oauth/fetch.hpp"
#include "oauth/login.hpp"
#include "oauth/metadata.hpp"
#include "oauth/resource.hpp"
#include "oauth/token_request.hpp"
#include "oauth/token_set.hpp"

namespace interlock::oauth {

// What the acquisition starts from.
struct Wanted {
  std::optional<Challenge> challenge;
  std::vector<std::string> scopes;  // asked for before: they are asked for again with what is new (step-up)
  std::optional<TokenSet> held;
  bool may_refresh = true;  // false: a refreshed token would be refused for the same reason
};

class Acquisition {
 public:
  struct Handlers {
    std::function<void(const Login& login)> on_login;  // a human must open its URL
    std::function<void(Result<TokenSet>)> on_done;     // once, last
  };
  // `options` and what `parts` points to outlive it.
  Acquisition(const ClientParts& parts, std::string server, std::string server_url, const ClientOptions& options, Wanted wanted,
              Handlers handlers);
  ~Acquisition();
  Acquisition(const Acquisition&) = delete;
  Acquisition& operator=(const Acquisition&) = delete;

  void start();
  const std::optional<Login>& login() const { return login_; }
  // kNotFound: the state is not that of the login, which stays open. Anything else that is wrong ends the acquisition.
  Status finish_login(std::string_view query);

 private:
  void find_resource();
  void find_issuer(std::optional<ResourceMetadata> resource);
  Result<std::string> choose_issuer() const;
  void take_metadata(Result<ServerMetadata> metadata);
  Status check_endpoints() const;
  void choose_scopes();
  void choose_client();
  void register_client();
  void take_registration(Result<Fetched> fetched);
  void ask();
  void refresh();
  void log_in();
  void ask_with_assertion(std::string assertion);
  void exchange_at_identity_provider();
  void send(Form form, std::function<void(Result<TokenResponse>)> take);
  void take_token(Result<TokenResponse> response);
  void succeed(TokenResponse response);
  void fail_with(Error error);
  std::string registration_key() const;

  const ClientParts& parts_;
  std::string server_;
  std::string server_url_;
  const ClientOptions& options_;
  Wanted wanted_;
  Handlers handlers_;

  ResourceMetadata resource_;
  bool has_resource_ = false;  // the server publishes metadata
  ServerMetadata issuer_;
  ClientIdentity client_;
  bool is_registered_ = false;  // dynamically: a refusal makes the registration void
  std::vector<std::string> scopes_;
  std::optional<jose::PrivateKey> dpop_key_;
  std::optional<Login> login_;
  bool refreshing_ = false;
  std::unique_ptr<Fetch> running_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace interlock::oauth
