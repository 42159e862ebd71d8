// What one connection to a server was lent, and where it goes: headers, parameters and signatures of requests, or the environment,
// descriptors and files of a process. What comes back from the server has it taken out. Loop thread only.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "credential/echo.hpp"
#include "credential/lease_book.hpp"
#include "credential/placement.hpp"
#include "model/action.hpp"
#include "net/http_client.hpp"
#include "net/process.hpp"

namespace interlock::mcp {

using Leases = std::vector<std::shared_ptr<const credential::Lease>>;

class ServerCredentials {
 public:
  explicit ServerCredentials(const std::vector<credential::Placement>& placements) : placements_(placements) {}

  static std::vector<model::CredentialUse> uses(const std::vector<credential::Placement>& placements);

  // The connection's own, for what belongs to no act: handshakes, lists, a process.
  void keep(Leases leases);
  bool is_alive() const;  // its own are; also where there are none
  // Puts what `leases` hold into a request; of the connection's own where there are none. kExpired: they have ended.
  Status lend(net::HttpClientRequest& request, const Leases& leases, UnixMs now_ms);
  // What a process is started with. The texts are secrets: whoever starts it wipes them.
  Result<std::vector<net::LentText>> for_process();

  bool hide(json::value& document) const { return echoes_.hide(document); }
  bool hide(std::string& text) const { return echoes_.hide(text); }

 private:
  static constexpr std::size_t kRemembered = 256;  // of what was lent: older ones are forgotten
  void remember(const Leases& leases);
  const credential::Lease* find(const Leases& leases, std::string_view credential) const;

  const std::vector<credential::Placement>& placements_;
  Leases own_;
  // A secret that lives on upstream (static) may be told long after its lease.
  struct Lent {
    std::string lease;
    std::shared_ptr<const credential::Lease> alive;
    std::vector<credential::Secret> lasting;
  };
  std::vector<Lent> lent_;
  credential::Echoes echoes_;
};

}  // namespace interlock::mcp
