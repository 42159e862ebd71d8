#include "credential/postgres_password.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/hash.hpp"

namespace interlock::credential {
namespace {

constexpr int kIterations = 4096;  // the least that RFC 7677 §4 lets clients take; the password is 256 random bits in any case

}  // namespace

Result<std::string> scram_verifier(std::string_view password, std::string_view salt) {
  Digest salted{};
  if (PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), reinterpret_cast<const unsigned char*>(salt.data()),
                        static_cast<int>(salt.size()), kIterations, EVP_sha256(), static_cast<int>(salted.size()), salted.data()) != 1)
    return fail(ErrorCode::kInternal, "a password could not be derived", "");
  auto client_key = hmac_sha256(as_bytes(salted), "Client Key");
  const auto stored_key = sha256(as_bytes(client_key));
  const auto server_key = hmac_sha256(as_bytes(salted), "Server Key");
  OPENSSL_cleanse(salted.data(), salted.size());
  OPENSSL_cleanse(client_key.data(), client_key.size());
  return "SCRAM-SHA-256$" + std::to_string(kIterations) + ":" + base64_encode(salt) + "$" + base64_encode(as_bytes(stored_key)) + ":" +
         base64_encode(as_bytes(server_key));
}

}  // namespace interlock::credential
