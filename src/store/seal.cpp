#include "store/seal.hpp"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <memory>

#include "store/master_key.hpp"

namespace interlock::store {
namespace {

constexpr std::size_t kNonceBytes = 12;
constexpr std::size_t kTagBytes = 16;

using Cipher = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

unsigned char* raw(char* bytes) { return reinterpret_cast<unsigned char*>(bytes); }
const unsigned char* raw(std::string_view bytes) { return reinterpret_cast<const unsigned char*>(bytes.data()); }
int length(std::size_t size) { return static_cast<int>(size); }  // values are bounded by kValueBytes

}  // namespace

Result<std::string> seal(std::string_view key, std::string_view place, std::string_view head, std::string_view value) {
  std::string out(head);
  out.resize(head.size() + kNonceBytes + value.size() + kTagBytes);
  char* const nonce = out.data() + head.size();
  char* const body = nonce + kNonceBytes;
  // OpenSSL's generator is seeded anew in a forked child: two processes never draw the same nonce.
  if (RAND_bytes(raw(nonce), length(kNonceBytes)) != 1) return fail(ErrorCode::kInternal, "OpenSSL has no random bytes for a seal");
  const Cipher cipher(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  int written = 0;
  const bool sealed = cipher && EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, raw(key), raw(nonce)) == 1 &&
                      EVP_EncryptUpdate(cipher.get(), nullptr, &written, raw(place), length(place.size())) == 1 &&
                      EVP_EncryptUpdate(cipher.get(), nullptr, &written, raw(head), length(head.size())) == 1 &&
                      EVP_EncryptUpdate(cipher.get(), raw(body), &written, raw(value), length(value.size())) == 1 &&
                      EVP_EncryptFinal_ex(cipher.get(), raw(body + value.size()), &written) == 1 &&
                      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, length(kTagBytes), body + value.size()) == 1;
  if (!sealed) return fail(ErrorCode::kInternal, "OpenSSL did not seal a value");
  return out;
}

std::optional<std::string> unseal(std::string_view key, std::string_view place, std::size_t head_bytes, std::string_view sealed) {
  if (sealed.size() < head_bytes + kSealBytes) return std::nullopt;
  const auto head = sealed.substr(0, head_bytes);
  const auto nonce = sealed.substr(head_bytes, kNonceBytes);
  std::string value(sealed.size() - head_bytes - kSealBytes, '\0');
  const auto body = sealed.substr(head_bytes + kNonceBytes, value.size());
  std::string tag(sealed.substr(sealed.size() - kTagBytes));
  const Cipher cipher(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  int written = 0;
  const bool opened = cipher && EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, raw(key), raw(nonce)) == 1 &&
                      EVP_DecryptUpdate(cipher.get(), nullptr, &written, raw(place), length(place.size())) == 1 &&
                      EVP_DecryptUpdate(cipher.get(), nullptr, &written, raw(head), length(head.size())) == 1 &&
                      EVP_DecryptUpdate(cipher.get(), raw(value.data()), &written, raw(body), length(body.size())) == 1 &&
                      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, length(kTagBytes), tag.data()) == 1 &&
                      EVP_DecryptFinal_ex(cipher.get(), raw(value.data() + value.size()), &written) == 1;
  if (opened) return value;
  wipe(value);
  return std::nullopt;
}

}  // namespace interlock::store
