// The master key: 32 bytes that seal the keys which seal what is kept (sealed.hpp), and where they come from.
//
// A file of mode 0600, made where there is none; the kernel's keyring; a credential of systemd; a passphrase through Argon2id. The key is
// in a locked page that no dump holds, and wiped at the end. Errors name the place and never what is in it. Any thread.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace interlock::store {

inline constexpr std::size_t kMasterKeyBytes = 32;
inline constexpr std::size_t kPassphraseBytes = 12;  // at least

// Overwrites the bytes in a way that no compiler leaves out, and empties the text.
void wipe(std::string& secret);

class MasterKey {
 public:
  // Reads the file, or makes it (O_EXCL, 0600, synced with its folder) where there is none. kDenied for a file that others can read or
  // that another user owns, kInvalid for one of another length.
  static Result<MasterKey> open_file(const std::filesystem::path& path);
  // A file that is there, by the same rules, with 32 bytes or 64 hexadecimal digits. kNotFound.
  static Result<MasterKey> read_file(const std::filesystem::path& path);
  // A key of type "user" with 32 bytes or 64 hexadecimal digits, in the keyring of the session or of the user. kNotFound, kUnsupported.
  static Result<MasterKey> from_keyring(const std::string& description);
  // $CREDENTIALS_DIRECTORY/NAME, likewise. kNotFound.
  static Result<MasterKey> from_systemd(const std::string& name);
  // Argon2id (RFC 9106) with the salt and parameters of `salt_file`, which is made where there is none. kInvalid: too short.
  static Result<MasterKey> from_passphrase(std::string_view passphrase, const std::filesystem::path& salt_file);
  static Result<MasterKey> generate();
  // 32 bytes, or 64 hexadecimal digits; `place` names them in the error.
  static Result<MasterKey> of(std::string_view bytes, std::string_view place);

  MasterKey(MasterKey&&) noexcept;
  MasterKey& operator=(MasterKey&&) noexcept;
  ~MasterKey();
  std::string_view bytes() const;
  MasterKey copy() const;
  // Tells keys apart and nothing else of them: 16 hexadecimal digits, may be shown.
  std::string id() const;

  // In the place of what is there, all at once: after a crash it is the old one or the new.
  Status replace_file(const std::filesystem::path& path) const;
  Status replace_in_keyring(const std::string& description) const;

 private:
  MasterKey();
  struct Locked;
  std::unique_ptr<Locked> locked_;
};

// The passphrase in a file that only its owner can read, or in a credential of systemd, without the line's end. The caller wipes it.
Result<std::string> read_passphrase_file(const std::filesystem::path& path);
Result<std::string> read_systemd_credential(const std::string& name);

}  // namespace interlock::store
