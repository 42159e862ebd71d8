#include "approval/passphrase.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>

#include <array>
#include <charconv>

#include "base/hash.hpp"
#include "base/ids.hpp"

namespace interlock::approval {
namespace {

constexpr std::string_view kScheme = "scrypt:";
constexpr int kLog2Cost = 15;  // 32 MiB with r = 8: about 50 ms
constexpr int kMinLog2Cost = 14;
constexpr int kMaxLog2Cost = 18;  // 256 MiB: the gate's loop waits for it
constexpr std::uint64_t kBlocks = 8;
constexpr std::size_t kSaltBytes = 16;
constexpr std::size_t kHashBytes = 32;

Result<std::string> derive(std::string_view passphrase, std::string_view salt, int log2_cost) {
  std::string out(kHashBytes, '\0');
  const std::uint64_t cost = std::uint64_t{1} << log2_cost;
  const std::uint64_t memory = 128 * kBlocks * cost + (std::uint64_t{4} << 20);
  if (EVP_PBE_scrypt(passphrase.data(), passphrase.size(), reinterpret_cast<const unsigned char*>(salt.data()), salt.size(), cost, kBlocks,
                     1, memory, reinterpret_cast<unsigned char*>(out.data()), out.size()) != 1) {
    return fail(ErrorCode::kInternal, "scrypt failed");
  }
  return out;
}

}  // namespace

Result<std::string> hash_passphrase(std::string_view passphrase) {
  if (passphrase.empty()) return fail(ErrorCode::kInvalid, "the passphrase is empty");
  if (passphrase.size() > kPassphraseBytes) return fail(ErrorCode::kTooLarge, "the passphrase is too long");
  const std::string salt = random_bytes(kSaltBytes);
  auto hash = derive(passphrase, salt, kLog2Cost);
  if (!hash) return hash;
  return std::string(kScheme) + std::to_string(kLog2Cost) + ":" + base64_encode(salt) + ":" + base64_encode(*hash);
}

Result<PassphraseVerifier> PassphraseVerifier::parse(std::string_view text) {
  static constexpr const char* kHint = "make one with `interlock approvals passphrase`";
  const auto bad = [](const char* what) { return fail(ErrorCode::kInvalid, what, kHint); };
  if (!text.starts_with(kScheme)) return bad("the approver's passphrase is given by its scrypt hash only, and this is none");
  text.remove_prefix(kScheme.size());
  const auto first = text.find(':');
  const auto second = first == std::string_view::npos ? first : text.find(':', first + 1);
  if (second == std::string_view::npos) return bad("the hash of the approver's passphrase is malformed");
  PassphraseVerifier verifier;
  const auto cost = text.substr(0, first);
  const auto [end, error] = std::from_chars(cost.data(), cost.data() + cost.size(), verifier.log2_cost_);
  if (error != std::errc() || end != cost.data() + cost.size() || verifier.log2_cost_ < kMinLog2Cost ||
      verifier.log2_cost_ > kMaxLog2Cost) {
    return bad("the cost of the approver's passphrase hash is out of bounds");
  }
  const auto salt = base64_decode(text.substr(first + 1, second - first - 1));
  const auto hash = base64_decode(text.substr(second + 1));
  if (!salt || salt->size() < kSaltBytes || !hash || hash->size() != kHashBytes)
    return bad("the hash of the approver's passphrase is malformed");
  verifier.salt_ = *salt;
  verifier.hash_ = *hash;
  return verifier;
}

Status PassphraseVerifier::verify(std::string_view passphrase, UnixMs now_ms) {
  if (now_ms >= window_start_ms_ + kWindowMs || now_ms < window_start_ms_) failures_ = 0;
  if (failures_ >= kTries) {
    return fail(ErrorCode::kDenied, "too many wrong passphrases",
                "wait " + std::to_string((window_start_ms_ + kWindowMs - now_ms + 999) / 1000) + " s");
  }
  if (passphrase.empty())
    return fail(ErrorCode::kDenied, std::string(kNeedsPassphrase), "run `interlock approve ID` on a terminal and type it");
  if (passphrase.size() > kPassphraseBytes) return fail(ErrorCode::kTooLarge, "the passphrase is too long");
  auto derived = derive(passphrase, salt_, log2_cost_);
  if (!derived) return fail(std::move(derived.error()));
  const bool right = equal_constant_time(*derived, hash_);
  OPENSSL_cleanse(derived->data(), derived->size());
  if (right) {
    failures_ = 0;
    return {};
  }
  if (failures_++ == 0) window_start_ms_ = now_ms;
  return fail(ErrorCode::kDenied, "the passphrase is wrong", "try again");
}

}  // namespace interlock::approval
