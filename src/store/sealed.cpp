#include "store/sealed.hpp"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/hash.hpp"

namespace interlock::store {
namespace {

constexpr std::size_t kMasterKeyBytes = 32;

// A sealed value: one byte of version, the nonce, the ciphertext, the tag. Nonces are random: 2^32 writes under one master key keep
// the chance of a repeated one below 2^-32 (NIST SP 800-38D §8.3), which small and slow state never comes near.
constexpr char kVersion = 1;
constexpr std::size_t kNonceBytes = 12;
constexpr std::size_t kTagBytes = 16;
constexpr std::size_t kHeadBytes = 1 + kNonceBytes;

class FileDescriptor {
 public:
  explicit FileDescriptor(int number) : number_(number) {}
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int number() const { return number_; }
  bool is_open() const { return number_ >= 0; }

 private:
  int number_;
};

// From OpenSSL's generators, which are seeded anew in a forked child: two processes must never draw the same key or nonce.
std::string random_secret(std::size_t count) {
  std::string bytes(count, '\0');
  if (RAND_priv_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) != 1) bytes.clear();
  return bytes;
}

std::unexpected<Error> no_system(std::string_view doing, const std::filesystem::path& path, int error_number) {
  return fail(system_error("cannot " + std::string(doing) + " the master key " + path.string(), error_number));
}

// A page of its own, which is kept out of swap and core dumps as far as the kernel allows, and wiped at the end.
class LockedPage {
 public:
  LockedPage() : bytes_(::mmap(nullptr, kMasterKeyBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {
    if (bytes_ == MAP_FAILED) return;
    ::mlock(bytes_, kMasterKeyBytes);
    ::madvise(bytes_, static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)), MADV_DONTDUMP);
  }
  LockedPage(const LockedPage&) = delete;
  LockedPage& operator=(const LockedPage&) = delete;
  ~LockedPage() {
    if (bytes_ == MAP_FAILED) return;
    explicit_bzero(bytes_, kMasterKeyBytes);
    ::munmap(bytes_, kMasterKeyBytes);
  }
  char* bytes() const { return bytes_ == MAP_FAILED ? nullptr : static_cast<char*>(bytes_); }

 private:
  void* bytes_;
};

Status check_file(int file, const std::filesystem::path& path) {
  struct stat found{};
  if (::fstat(file, &found) != 0) return no_system("look at", path, errno);
  if (!S_ISREG(found.st_mode)) return fail(ErrorCode::kInvalid, "the master key " + path.string() + " is no regular file");
  if (found.st_uid != ::geteuid()) {
    return fail(ErrorCode::kDenied, "the master key " + path.string() + " belongs to another user", "chown it to the user of this process");
  }
  if ((found.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return fail(ErrorCode::kDenied, "others can reach the master key " + path.string(),
                "chmod 600 it; if others may have read it, what it seals must be made anew");
  }
  if (found.st_size != static_cast<off_t>(kMasterKeyBytes)) {
    return fail(ErrorCode::kInvalid, "the master key " + path.string() + " has not 32 bytes",
                "restore it from a copy: nothing that it sealed opens without it");
  }
  return {};
}

Status read_key(int file, const std::filesystem::path& path, char* into) {
  std::size_t have = 0;
  while (have < kMasterKeyBytes) {
    const auto count = ::read(file, into + have, kMasterKeyBytes - have);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return no_system("read", path, errno);
    if (count == 0) return fail(ErrorCode::kInvalid, "the master key " + path.string() + " was cut while it was read");
    have += static_cast<std::size_t>(count);
  }
  return {};
}

Status write_new(const std::filesystem::path& path, std::string_view bytes) {
  const FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR));
  if (!file.is_open()) return no_system("make", path, errno);
  while (!bytes.empty()) {
    const auto count = ::write(file.number(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return no_system("write", path, errno);
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  if (::fsync(file.number()) != 0) return no_system("sync", path, errno);
  return {};
}

Status sync_folder(const std::filesystem::path& path) {
  const auto folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  const FileDescriptor file(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!file.is_open() || ::fsync(file.number()) != 0) return no_system("sync the folder of", path, errno);
  return {};
}

// The key is whole on disk under a passing name before it takes its own, which it does only where nobody was faster: a process that
// is killed in between leaves no half key, and of two that begin at once both go on with the same one.
Status make_file(const std::filesystem::path& path) {
  auto secret = random_secret(kMasterKeyBytes);
  if (secret.empty()) return fail(ErrorCode::kInternal, "OpenSSL has no random bytes for a master key");
  auto passing = path;
  passing += ".new-" + to_hex(random_secret(8));
  auto status = write_new(passing, secret);
  wipe(secret);
  if (status && ::renameat2(AT_FDCWD, passing.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) != 0 && errno != EEXIST) {
    status = no_system("name", path, errno);
  }
  ::unlink(passing.c_str());
  if (!status) return status;
  return sync_folder(path);
}

using Cipher = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

unsigned char* raw(char* bytes) { return reinterpret_cast<unsigned char*>(bytes); }
const unsigned char* raw(std::string_view bytes) { return reinterpret_cast<const unsigned char*>(bytes.data()); }
int length(std::size_t size) { return static_cast<int>(size); }  // values are bounded by kValueBytes

// What is authenticated beside the value: where it stands.
std::string place(std::string_view bucket, std::string_view key) {
  std::string text(bucket);
  text.push_back('\0');
  text += key;
  return text;
}

Result<std::string> seal(std::string_view master, std::string_view bucket, std::string_view key, std::string_view value) {
  if (value.size() > kValueBytes - kHeadBytes - kTagBytes) return fail(ErrorCode::kTooLarge, "a value of the sealed store is too long");
  if (bucket.contains('\0')) return fail(ErrorCode::kInvalid, "the sealed store takes no bucket with a NUL");
  const auto nonce = random_secret(kNonceBytes);
  if (nonce.empty()) return fail(ErrorCode::kInternal, "OpenSSL has no random bytes for a seal");
  std::string out = kVersion + nonce;
  out.resize(kHeadBytes + value.size() + kTagBytes);
  const auto aad = place(bucket, key);
  const Cipher cipher(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  int written = 0;
  char* const body = out.data() + kHeadBytes;
  const bool sealed =
      cipher && EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, raw(master), raw(std::string_view(out).substr(1))) == 1 &&
      EVP_EncryptUpdate(cipher.get(), nullptr, &written, raw(std::string_view(aad)), length(aad.size())) == 1 &&
      EVP_EncryptUpdate(cipher.get(), raw(body), &written, raw(value), length(value.size())) == 1 &&
      EVP_EncryptFinal_ex(cipher.get(), raw(body + value.size()), &written) == 1 &&
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, length(kTagBytes), body + value.size()) == 1;
  if (!sealed) return fail(ErrorCode::kInternal, "OpenSSL did not seal a value");
  return out;
}

std::unexpected<Error> does_not_open(std::string_view bucket, std::string_view key, std::string_view why) {
  return fail(ErrorCode::kDenied, "the seal of " + std::string(bucket) + "/" + std::string(key) + " does not open: " + std::string(why),
              "restore the master key and the store that belong together");
}

Result<std::string> unseal(std::string_view master, std::string_view bucket, std::string_view key, std::string_view sealed) {
  if (sealed.size() < kHeadBytes + kTagBytes) return does_not_open(bucket, key, "the value is cut");
  if (sealed.front() != kVersion) return does_not_open(bucket, key, "it is of another version");
  std::string value(sealed.size() - kHeadBytes - kTagBytes, '\0');
  const auto body = sealed.substr(kHeadBytes, value.size());
  std::string tag(sealed.substr(kHeadBytes + value.size()));
  const auto aad = place(bucket, key);
  const Cipher cipher(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  int written = 0;
  const bool opened = cipher && EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, raw(master), raw(sealed.substr(1))) == 1 &&
                      EVP_DecryptUpdate(cipher.get(), nullptr, &written, raw(std::string_view(aad)), length(aad.size())) == 1 &&
                      EVP_DecryptUpdate(cipher.get(), raw(value.data()), &written, raw(body), length(value.size())) == 1 &&
                      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, length(kTagBytes), tag.data()) == 1 &&
                      EVP_DecryptFinal_ex(cipher.get(), raw(value.data() + value.size()), &written) == 1;
  if (opened) return value;
  wipe(value);
  return does_not_open(bucket, key, "it was made with another master key, for another place, or was changed");
}

}  // namespace

void wipe(std::string& secret) {
  explicit_bzero(secret.data(), secret.size());
  secret.clear();
}

struct MasterKey::Locked {
  LockedPage page;
};

Result<MasterKey> MasterKey::open_file(const std::filesystem::path& path) {
  constexpr int kAttempts = 2;  // the second finds what the first made, or what another process did
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (file.is_open()) {
      if (auto status = check_file(file.number(), path); !status) return fail(std::move(status.error()));
      MasterKey key;
      key.locked_ = std::make_unique<Locked>();
      if (key.locked_->page.bytes() == nullptr) return no_system("find memory for", path, errno);
      if (auto status = read_key(file.number(), path, key.locked_->page.bytes()); !status) return fail(std::move(status.error()));
      return key;
    }
    if (errno != ENOENT || attempt + 1 == kAttempts) return no_system("open", path, errno);
    if (auto status = make_file(path); !status) return fail(std::move(status.error()));
  }
  return fail(ErrorCode::kInternal, "the master key was not opened");
}

MasterKey::MasterKey(MasterKey&&) noexcept = default;
MasterKey& MasterKey::operator=(MasterKey&&) noexcept = default;
MasterKey::~MasterKey() = default;

std::string_view MasterKey::bytes() const {
  return locked_ ? std::string_view(locked_->page.bytes(), kMasterKeyBytes) : std::string_view();
}

SealedStore::SealedStore(Store& store, MasterKey key) : store_(store), key_(std::move(key)) {}
SealedStore::~SealedStore() = default;

Result<std::optional<Entry>> SealedStore::get(std::string_view bucket, std::string_view key) {
  auto entry = store_.get(bucket, key);
  if (!entry || !*entry) return entry;
  auto value = unseal(key_.bytes(), bucket, key, (*entry)->value);
  if (!value) return fail(std::move(value.error()));
  (*entry)->value = std::move(*value);
  return entry;
}

Result<Revision> SealedStore::put(std::string_view bucket, std::string_view key, std::string_view value) {
  auto sealed = seal(key_.bytes(), bucket, key, value);
  if (!sealed) return fail(std::move(sealed.error()));
  return store_.put(bucket, key, *sealed);
}

Result<Revision> SealedStore::compare_and_set(std::string_view bucket, std::string_view key, std::string_view value, Revision expected) {
  auto sealed = seal(key_.bytes(), bucket, key, value);
  if (!sealed) return fail(std::move(sealed.error()));
  return store_.compare_and_set(bucket, key, *sealed, expected);
}

Status SealedStore::remove(std::string_view bucket, std::string_view key) { return store_.remove(bucket, key); }

Result<std::vector<std::string>> SealedStore::keys(std::string_view bucket, std::string_view prefix, std::size_t limit) {
  auto entries = store_.scan(bucket, prefix, limit);
  if (!entries) return fail(std::move(entries.error()));
  std::vector<std::string> keys;
  keys.reserve(entries->size());
  for (auto& entry : *entries) keys.push_back(std::move(entry.key));
  return keys;
}

}  // namespace interlock::store
