// An approver's passphrase, checked by the gate against a salted scrypt hash of the configuration (RFC 7914).
//
// With it, a program that has the user's file access and can reach the admin socket still lacks what only the human knows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/time.hpp"

namespace interlock::approval {

inline constexpr std::size_t kPassphraseBytes = 1024;
// The message of the refusal that means "ask the human and come again".
inline constexpr std::string_view kNeedsPassphrase = "a yes needs the approver's passphrase";

// "scrypt:<log2 N>:<salt base64>:<hash base64>". Takes about 50 ms.
Result<std::string> hash_passphrase(std::string_view passphrase);

// Loop thread only. Wrong answers cost time: after kTries of them within kWindowMs all are refused until the window is over.
class PassphraseVerifier {
 public:
  static constexpr int kTries = 5;
  static constexpr std::int64_t kWindowMs = 60'000;

  static Result<PassphraseVerifier> parse(std::string_view text);
  Status verify(std::string_view passphrase, UnixMs now_ms);

 private:
  int log2_cost_ = 0;
  std::string salt_;
  std::string hash_;
  int failures_ = 0;
  UnixMs window_start_ms_ = 0;
};

}  // namespace interlock::approval
