// Messages of the SPIFFE Workload API from the other side: what is taken keeps to the bounds and is whole.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "spiffe/workload_messages.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace interlock::spiffe;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto answer = read_x509_svids(bytes)) {
    if (answer->svids.empty() || answer->svids.size() > kWorkloadSvids) std::abort();
    for (const auto& svid : answer->svids) {
      if (svid.id.empty() || svid.chain_pem.empty() || svid.key_pem.empty()) std::abort();
    }
  }
  if (const auto bundles = read_jwt_bundles(bytes)) {
    for (const auto& bundle : *bundles) {
      if (!check_trust_domain(bundle.trust_domain)) std::abort();
    }
  }
  if (const auto token = read_jwt_svid(bytes); token && token->empty()) std::abort();
  if (const auto asked = read_jwt_svid_question(bytes); asked && asked->audiences.empty()) std::abort();
  if (const auto asked = read_validate_question(bytes); asked && (asked->audience.empty() || asked->token.empty())) std::abort();
  return 0;
}
