// What an agent's request is made of when it is signed for AWS: a canonical form is its own canonical form, no line of it can be forged by
// a header or target, and a signed request holds no signature but ours.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "credential/sigv4.hpp"

namespace {

using namespace interlock;
using namespace interlock::credential;

void check_forms(std::string_view bytes) {
  const auto query = canonical_query(bytes);
  if (canonical_query(query) != query || query.find_first_of("\r\n +") != std::string::npos) std::abort();
  const auto path = canonical_path(bytes, "s3");
  if (!bytes.empty() && canonical_path(path, "s3") != path) std::abort();
  for (const auto* service : {"s3", "sts"}) {
    const auto made = canonical_path(bytes, service);
    if (made.empty() || made.find_first_of("\r\n ?") != std::string::npos) std::abort();
  }
}

void check_request(std::string_view bytes) {
  net::Headers headers{{"Host", "example.amazonaws.com"}, {"Authorization", "theirs"}};
  const auto cut = bytes.size() / 3;
  headers.add("X-Amz-Meta-" + std::string(bytes.substr(0, cut)), std::string(bytes.substr(cut, cut)));
  const auto target = "/" + std::string(bytes.substr(2 * cut));
  std::string names;
  const auto canonical = canonical_request("GET", target, {{"Host", "h"}, {"X-Amz-A", std::string(bytes)}}, kUnsignedPayload, "s3", names);
  std::size_t lines = 1;
  for (const char c : canonical) lines += c == '\n' ? 1U : 0U;
  constexpr std::size_t kLines = 8;  // method, path, query, two headers, an empty line, their names, payload
  if (lines != kLines) std::abort();
  const SigV4Signer signer{.access_key_id = "a", .secret_access_key = "s", .session_token = "t", .region = "r", .service = "s3"};
  if (!sign(signer, "GET", target, headers, kUnsignedPayload, 0)) std::abort();
  if (headers.count("Authorization") != 1 || *headers.get("Authorization") == "theirs") std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check_forms(bytes);
  check_request(bytes);
  return 0;
}
