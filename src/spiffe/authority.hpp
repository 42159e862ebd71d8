// An embedded SPIFFE authority for those who have no SPIRE: signs short-lived X.509 and JWT-SVIDs of one trust domain.
//
// Keys rotate: the next one is published in the bundle at half of a key's life, signs in the last quarter, and the old one stays in the
// bundle until nothing that it signed can be valid. They are kept sealed; gates that share a store share them, and rotate by
// compare-and-set. Loop thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "jose/key.hpp"
#include "spiffe/bundle.hpp"
#include "spiffe/svid.hpp"
#include "store/sealed.hpp"

namespace interlock::spiffe {

struct AuthorityOptions {
  std::string trust_domain;
  std::int64_t authority_life_ms = 7 * 86'400'000LL;
  std::int64_t svid_life_ms = 3'600'000;  // of X.509-SVIDs
  std::int64_t token_life_ms = 300'000;   // of JWT-SVIDs
};

// What an X.509-SVID or token is to be like, beyond the options. Never longer-lived than those say.
struct IssueOptions {
  UnixMs not_after_ms = 0;  // 0: as the options have it
  std::string serial = {};  // of new_serial(), drawn and written down before; empty: any
};

inline constexpr std::size_t kRevokedSerials = 10'000;  // that are not past their end

class Authority {
 public:
  // Loads its keys from `vault`, bucket "authority", or makes them there. A vault that does not open its seals is an error, never a
  // reason for new keys.
  static Result<std::unique_ptr<Authority>> open(AuthorityOptions options, store::SealedStore& vault, const Clock& clock);
  ~Authority();

  const std::string& trust_domain() const;
  const AuthorityOptions& options() const;
  const Clock& clock() const;                                                         // by which it signs
  Result<X509Svid> issue_x509(const SpiffeId& id, const IssueOptions& options = {});  // kInvalid for an ID of another trust domain
  // A certificate for a server of ours, with DNS names and addresses beside the SPIFFE ID.
  Result<X509Svid> issue_server(const SpiffeId& id, const std::vector<std::string>& names);
  Result<std::string> issue_jwt(const SpiffeId& id, const std::vector<std::string>& audiences, const IssueOptions& options = {});
  // Any other JWT signed by the present key: for token exchange. `claims` are complete but for iat, exp, jti. kInvalid for a `typ` that a
  // JWT-SVID could have: none of these tokens may pass for one.
  Result<std::string> sign_claims(json::object claims, std::string_view typ, std::int64_t life_ms);
  // Puts an X.509-SVID on the revocation lists until its end is past; on disk when this returns. Again: no harm. kTooLarge: the list is
  // full of what is not past its end.
  Status revoke(std::string_view serial, UnixMs not_after_ms);
  // The lists in PEM, one of each key that may have signed what is valid (RFC 5280 §5).
  Result<std::string> revocation_lists();
  Bundle bundle() const;
  // Rotates what is due. True: the bundle has changed. Call it every minute or so.
  Result<bool> tick();

 private:
  Authority() = default;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace interlock::spiffe
