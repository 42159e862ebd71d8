// One trust domain for the identity benchmark: its authority, an agent's SVIDs and DPoP key, and authenticators that believe them.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "identity/authenticator.hpp"
#include "jose/key.hpp"
#include "net/http_client.hpp"
#include "net/loop.hpp"
#include "net/tls.hpp"
#include "spiffe/bundle.hpp"

namespace interlock::bench {

inline constexpr std::string_view kAgent = "spiffe://bench.example/agent";
inline constexpr std::string_view kResource = "https://gate.example/mcp/files";

// What cannot be set up ends the process: there is nothing to measure then.
[[noreturn]] void give_up(std::string_view what);
template <typename T>
T must(Result<T> result) {
  if (!result) give_up(result.error().text());
  return std::move(*result);
}

class World {
 public:
  World();

  std::string token(jose::Algorithm algorithm) const;  // a JWT-SVID of the agent
  std::string bound_token() const;                     // one that is bound to the agent's DPoP key
  std::string proof(std::string_view token) const;     // a fresh one for a POST to the resource
  // An X.509-SVID with its key. A stranger's is of another authority that claims the same trust domain.
  net::TlsCertificate certificate(std::string_view id, bool of_a_stranger = false) const;
  const std::string& authority_der() const { return authority_der_; }

  // `remembered`: how many verified credentials it keeps.
  std::unique_ptr<identity::Authenticator> authenticator(std::size_t remembered);

 private:
  struct Signer {
    jose::PrivateKey key;
    std::string certificate_der;
  };
  static Signer make_authority();

  SystemClock clock_;
  net::Loop loop_;
  net::HttpClient client_{loop_};
  Signer authority_ = make_authority();
  Signer stranger_ = make_authority();
  std::string authority_der_ = authority_.certificate_der;
  jose::PrivateKey es256_ = must(jose::PrivateKey::generate(jose::Algorithm::kEs256));
  jose::PrivateKey rs256_ = must(jose::PrivateKey::generate(jose::Algorithm::kRs256));
  jose::PrivateKey dpop_ = must(jose::PrivateKey::generate(jose::Algorithm::kEs256));
  std::shared_ptr<const spiffe::BundleSet> bundles_;
  json::object claims() const;
};

}  // namespace interlock::bench
