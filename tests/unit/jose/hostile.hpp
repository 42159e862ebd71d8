// What the hostile suites share: an issuer's keys, tokens written by hand, and the judge of a table of cases.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/hash.hpp"
#include "base/time.hpp"
#include "jose/key_set.hpp"

namespace interlock::jose::hostile {

inline constexpr UnixMs kNow = 1'800'000'000'000;
inline constexpr std::int64_t kSeconds = kNow / 1000;
inline const std::string kIssuer = "https://issuer.example";
inline const std::string kAudience = "https://gate.example/mcp";
inline const std::string kUrl = "https://gate.example/mcp";
inline const std::string kAccessToken = "an-access-token";

struct Case {
  std::string what;
  std::string text;
  std::string reason;  // empty: the family's control, which is taken
};

// The issuer whose tokens are believed, another one with a kid of the same name, and the client.
struct World {
  PrivateKey ec = *PrivateKey::generate(Algorithm::kEs256);
  PrivateKey rsa = *PrivateKey::generate(Algorithm::kRs256);
  PrivateKey ed = *PrivateKey::generate(Algorithm::kEdDsa);
  PrivateKey ps = *PrivateKey::generate(Algorithm::kPs256);
  PrivateKey stranger = *PrivateKey::generate(Algorithm::kEs256);
  PrivateKey stranger_rsa = *PrivateKey::generate(Algorithm::kRs256);
  KeySet keys{{{ec.public_key(), "ec-1", std::nullopt, "sig"},
               {rsa.public_key(), "rsa-1", std::nullopt, "sig"},
               {ps.public_key(), "ps-1", Algorithm::kPs256, ""},
               {ed.public_key(), "ed-1", Algorithm::kEdDsa, ""}}};
};
inline const World& world() {
  static const World made;
  return made;
}

inline std::string b64(std::string_view bytes) { return base64url_encode(bytes); }

inline std::string header_of(std::string_view alg, std::string_view kid = "ec-1", std::string_view more = "") {
  return "{\"alg\":\"" + std::string(alg) + "\",\"typ\":\"JWT\",\"kid\":\"" + std::string(kid) + "\"" + std::string(more) + "}";
}

inline std::string signed_by(const PrivateKey& key, Algorithm algorithm, std::string_view header, std::string_view claims) {
  const auto input = b64(header) + "." + b64(claims);
  return input + "." + b64(*key.sign(algorithm, input));
}
inline std::string signed_ec(std::string_view header, std::string_view claims) {
  return signed_by(world().ec, Algorithm::kEs256, header, claims);
}
inline std::string hmac_signed(std::string_view header, std::string_view claims, std::string_view secret) {
  const auto input = b64(header) + "." + b64(claims);
  return input + "." + b64(as_bytes(hmac_sha256(secret, input)));
}
inline std::string with_signature(std::string_view header, std::string_view claims, std::string_view signature) {
  return b64(header) + "." + b64(claims) + "." + b64(signature);
}

// The claims of a good token with one of them written otherwise; "" takes it away.
inline std::string claims_with(std::string_view name = "", std::string_view written = "", std::string_view more = "") {
  const std::vector<std::pair<std::string, std::string>> good = {{"iss", '"' + kIssuer + '"'},
                                                                 {"sub", "\"agent-7\""},
                                                                 {"aud", '"' + kAudience + '"'},
                                                                 {"iat", std::to_string(kSeconds - 10)},
                                                                 {"exp", std::to_string(kSeconds + 300)}};
  std::string text;
  bool is_known = false;
  const auto add = [&](std::string_view key, std::string_view value) {
    if (value.empty()) return;
    text += (text.empty() ? "" : ",") + ("\"" + std::string(key)) + "\":" + std::string(value);
  };
  for (const auto& [key, value] : good) {
    is_known = is_known || key == name;
    add(key, key == name ? written : std::string_view(value));
  }
  if (!is_known) add(name, written);
  return "{" + text + std::string(more) + "}";
}
inline std::string good_claims() { return claims_with(); }
inline std::string good_header() { return header_of("ES256"); }
inline std::string good_token() { return signed_ec(good_header(), good_claims()); }

inline std::size_t expect_each(const std::vector<Case>& cases, const std::function<Status(std::string_view)>& judged) {
  std::size_t refused = 0;
  std::size_t controls = 0;
  for (const auto& c : cases) {
    const auto status = judged(c.text);
    if (c.reason.empty()) {
      ++controls;
      EXPECT_TRUE(status) << c.what << " is the control, and was refused: " << status.error().text();
      continue;
    }
    ++refused;
    EXPECT_FALSE(status) << c.what << " was taken";
    if (status) continue;
    EXPECT_NE(status.error().message.find(c.reason), std::string::npos)
        << c.what << "\nwanted: " << c.reason << "\ngot: " << status.error().message;
    // No error may hold what could be used.
    const auto signature = c.text.substr(std::min(c.text.size(), c.text.rfind('.') + 1));
    if (signature.size() > 20) {
      EXPECT_EQ(status.error().text().find(signature), std::string::npos) << c.what;
    }
  }
  EXPECT_GE(controls, 1U) << "a family without a control proves nothing";
  return refused;
}

}  // namespace interlock::jose::hostile
