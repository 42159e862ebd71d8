// The Workload API's messages, between their bytes (workload.proto) and what this room works with. Pure functions; any thread.
//
// What comes from the other side is untrusted: bounded by the caller, read strictly; a message in which something mandatory is missing
// is refused whole (SPIFFE_Workload_API §4.5). Texts that hold keys are secrets, and whoever holds them wipes them.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "spiffe/bundle.hpp"
#include "spiffe/svid.hpp"

namespace interlock::spiffe {

namespace workload_path {
inline constexpr std::string_view kFetchX509Svid = "/SpiffeWorkloadAPI/FetchX509SVID";
inline constexpr std::string_view kFetchX509Bundles = "/SpiffeWorkloadAPI/FetchX509Bundles";
inline constexpr std::string_view kFetchJwtSvid = "/SpiffeWorkloadAPI/FetchJWTSVID";
inline constexpr std::string_view kFetchJwtBundles = "/SpiffeWorkloadAPI/FetchJWTBundles";
inline constexpr std::string_view kValidateJwtSvid = "/SpiffeWorkloadAPI/ValidateJWTSVID";
}  // namespace workload_path

// "workload.spiffe.io: true", which every call must carry (SPIFFE_Workload_Endpoint §3).
inline constexpr std::string_view kSecurityHeader = "workload.spiffe.io";

inline constexpr std::size_t kWorkloadSvids = 100;
inline constexpr std::size_t kWorkloadBundles = 1'000;

// ---- as the server writes and reads them ------------------------------------------------------------------------------------

Result<std::string> x509_svids_message(const std::vector<X509Svid>& svids, const Bundle& own, const BundleSet& bundles);
std::string x509_bundles_message(const Bundle& own, const BundleSet& bundles);
std::string jwt_bundles_message(const Bundle& own, const BundleSet& bundles);
std::string jwt_svids_message(const std::vector<std::pair<std::string, std::string>>& ids_and_tokens);
std::string validated_message(std::string_view id, const json::object& claims);

struct JwtSvidQuestion {
  std::vector<std::string> audiences;
  std::string id;  // empty: all
};
Result<JwtSvidQuestion> read_jwt_svid_question(std::string_view message);

struct ValidateQuestion {
  std::string audience;
  std::string token;
};
Result<ValidateQuestion> read_validate_question(std::string_view message);

// ---- as the client does -----------------------------------------------------------------------------------------------------

std::string jwt_svid_question(const std::vector<std::string>& audiences);

struct X509Answer {
  std::vector<X509Svid> svids;
  std::vector<Bundle> bundles;  // X.509 authorities alone: own and federated
};
Result<X509Answer> read_x509_svids(std::string_view message);
Result<std::vector<Bundle>> read_jwt_bundles(std::string_view message);
Result<std::string> read_jwt_svid(std::string_view message);  // the first
}  // namespace interlock::spiffe
