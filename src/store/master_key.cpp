#include "store/master_key.hpp"

#include <fcntl.h>
#include <linux/keyctl.h>
#include <openssl/rand.h>
#include <sodium.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/hash.hpp"
#include "base/json.hpp"

namespace interlock::store {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kFileBytes = 4 * 1024;  // of a passphrase, a salt file, a credential
constexpr std::string_view kAlgorithm = "argon2id13";
// What a salt file may ask for: somebody who can write it must not make the gate take all memory.
constexpr std::size_t kArgonBytesMost = std::size_t{1} << 31;
constexpr unsigned long long kArgonPassesMost = 64;

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

// From OpenSSL's generators, which are seeded anew in a forked child: two processes must never draw the same key.
std::string random_secret(std::size_t count) {
  std::string bytes(count, '\0');
  if (RAND_priv_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) != 1) bytes.clear();
  return bytes;
}

std::unexpected<Error> no_system(std::string_view doing, std::string_view what, int error_number) {
  return fail(system_error("cannot " + std::string(doing) + " " + std::string(what), error_number));
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

Status check_file(int file, const std::string& what) {
  struct stat found{};
  if (::fstat(file, &found) != 0) return no_system("look at", what, errno);
  if (!S_ISREG(found.st_mode)) return fail(ErrorCode::kInvalid, what + " is no regular file");
  if (found.st_uid != ::geteuid())
    return fail(ErrorCode::kDenied, what + " belongs to another user", "chown it to the user of this process");
  if ((found.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return fail(ErrorCode::kDenied, "others can reach " + what,
                "chmod 600 it; if others may have read it, what it seals must be made anew");
  }
  return {};
}

Result<std::string> read_all(int file, const std::string& what) {
  std::string out(kFileBytes + 1, '\0');
  std::size_t have = 0;
  while (have < out.size()) {
    const auto count = ::read(file, out.data() + have, out.size() - have);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return no_system("read", what, errno);
    if (count == 0) break;
    have += static_cast<std::size_t>(count);
  }
  if (have > kFileBytes) {
    wipe(out);
    return fail(ErrorCode::kTooLarge, what + " has more than 4096 bytes");
  }
  out.resize(have);
  return out;
}

Status write_new(const fs::path& path, std::string_view bytes, const std::string& what) {
  const FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR));
  if (!file.is_open()) return no_system("make", what, errno);
  while (!bytes.empty()) {
    const auto count = ::write(file.number(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return no_system("write", what, errno);
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  if (::fsync(file.number()) != 0) return no_system("sync", what, errno);
  return {};
}

Status sync_folder(const fs::path& path, const std::string& what) {
  const auto folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  const FileDescriptor file(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!file.is_open() || ::fsync(file.number()) != 0) return no_system("sync the folder of", what, errno);
  return {};
}

// The file is whole on disk under a passing name before it takes its own: a process that is killed in between leaves no half file. With
// `only_new` it does so where nobody was faster, and of two that begin at once both go on with the same one.
Status place_file(const fs::path& path, std::string_view bytes, bool only_new, const std::string& what) {
  auto passing = path;
  passing += ".new-" + to_hex(random_secret(8));
  auto status = write_new(passing, bytes, what);
  if (status && ::renameat2(AT_FDCWD, passing.c_str(), AT_FDCWD, path.c_str(), only_new ? RENAME_NOREPLACE : 0) != 0 &&
      !(only_new && errno == EEXIST)) {
    status = no_system("name", what, errno);
  }
  ::unlink(passing.c_str());
  if (!status) return status;
  return sync_folder(path, what);
}

std::string in_file(const fs::path& path) { return "the master key " + path.string(); }

// Linux has no wrapper for these in libc.
long keyctl(int operation, unsigned long a = 0, unsigned long b = 0, unsigned long c = 0, unsigned long d = 0) {
  return ::syscall(SYS_keyctl, operation, a, b, c, d);
}

Result<long> find_in_keyring(const std::string& description) {
  bool forbidden = false;
  for (const long ring : {static_cast<long>(KEY_SPEC_SESSION_KEYRING), static_cast<long>(KEY_SPEC_USER_KEYRING)}) {
    const long key = keyctl(KEYCTL_SEARCH, static_cast<unsigned long>(ring), reinterpret_cast<unsigned long>("user"),
                            reinterpret_cast<unsigned long>(description.c_str()), 0);
    if (key >= 0) return key;
    if (errno == ENOSYS || errno == EPERM) forbidden = true;
  }
  if (forbidden)
    return fail(ErrorCode::kUnsupported, "this kernel, or this container, gives no keyring",
                "write secrets: { master_key: file }, or let the container use keyctl(2)");
  return fail(ErrorCode::kNotFound, "no keyring of this process holds a key " + description,
              "put it there: head -c 32 /dev/urandom | keyctl padd user " + description + " @u");
}

struct Argon {
  std::string salt;
  unsigned long long passes = crypto_pwhash_OPSLIMIT_MODERATE;
  std::size_t bytes = crypto_pwhash_MEMLIMIT_MODERATE;
};

Result<Argon> argon_from(const std::string& text, const std::string& what) {
  const auto parsed = json::parse(text);
  const auto* object = parsed ? parsed->if_object() : nullptr;
  const auto salt = object == nullptr ? std::nullopt : base64_decode(json::string_at(*object, "salt").value_or(""));
  const auto passes = object == nullptr ? std::nullopt : json::int_at(*object, "passes");
  const auto bytes = object == nullptr ? std::nullopt : json::int_at(*object, "memory_bytes");
  const bool good = salt && salt->size() == crypto_pwhash_SALTBYTES && json::string_at(*object, "algorithm") == kAlgorithm && passes &&
                    bytes && *passes >= 1 && static_cast<unsigned long long>(*passes) <= kArgonPassesMost &&
                    *bytes >= static_cast<std::int64_t>(crypto_pwhash_MEMLIMIT_INTERACTIVE) &&
                    static_cast<std::size_t>(*bytes) <= kArgonBytesMost;
  if (!good) return fail(ErrorCode::kInvalid, what + " cannot be used", "restore it from a copy: without it the passphrase opens nothing");
  return Argon{*salt, static_cast<unsigned long long>(*passes), static_cast<std::size_t>(*bytes)};
}

Result<Argon> open_argon(const fs::path& path) {
  const auto what = "the salt file " + path.string();
  for (int attempt = 0; attempt < 2; ++attempt) {
    const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (file.is_open()) {
      const auto text = read_all(file.number(), what);
      if (!text) return fail(text.error());
      return argon_from(*text, what);
    }
    if (errno != ENOENT) return no_system("open", what, errno);
    const Argon made;
    const auto salt = random_secret(crypto_pwhash_SALTBYTES);
    if (salt.empty()) return fail(ErrorCode::kInternal, "OpenSSL has no random bytes for a salt");
    const auto text =
        json::write(
            json::object{{"algorithm", kAlgorithm}, {"passes", made.passes}, {"memory_bytes", made.bytes}, {"salt", base64_encode(salt)}}) +
        "\n";
    if (auto placed = place_file(path, text, true, what); !placed) return fail(std::move(placed.error()));
  }
  return fail(ErrorCode::kIo, "cannot open " + what);
}

}  // namespace

void wipe(std::string& secret) {
  explicit_bzero(secret.data(), secret.size());
  secret.clear();
}

struct MasterKey::Locked {
  LockedPage page;
};

MasterKey::MasterKey() : locked_(std::make_unique<Locked>()) {
  if (locked_->page.bytes() == nullptr) std::abort();  // as any allocation that fails
}
MasterKey::MasterKey(MasterKey&&) noexcept = default;
MasterKey& MasterKey::operator=(MasterKey&&) noexcept = default;
MasterKey::~MasterKey() = default;

Result<MasterKey> MasterKey::of(std::string_view bytes, std::string_view place) {
  MasterKey key;
  if (bytes.size() == kMasterKeyBytes) {
    std::memcpy(key.locked_->page.bytes(), bytes.data(), kMasterKeyBytes);
    return key;
  }
  auto text = bytes;
  if (text.ends_with('\n')) text.remove_suffix(1);
  std::size_t size = 0;
  if (text.size() == 2 * kMasterKeyBytes &&
      sodium_hex2bin(reinterpret_cast<unsigned char*>(key.locked_->page.bytes()), kMasterKeyBytes, text.data(), text.size(), nullptr, &size,
                     nullptr) == 0 &&
      size == kMasterKeyBytes)
    return key;
  return fail(ErrorCode::kInvalid, std::string(place) + " is no key: it has neither 32 bytes nor 64 hexadecimal digits",
              "head -c 32 /dev/urandom makes one");
}

Result<MasterKey> MasterKey::generate() {
  auto bytes = random_secret(kMasterKeyBytes);
  if (bytes.empty()) return fail(ErrorCode::kInternal, "OpenSSL has no random bytes for a master key");
  auto key = of(bytes, "");
  wipe(bytes);
  return key;
}

Result<MasterKey> MasterKey::open_file(const fs::path& path) {
  constexpr int kAttempts = 2;  // the second finds what the first made, or what another process did
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    auto key = read_file(path);
    if (key || key.error().code != ErrorCode::kNotFound) return key;
    const auto made = generate();
    if (!made) return fail(made.error());
    if (auto placed = place_file(path, made->bytes(), true, in_file(path)); !placed) return fail(std::move(placed.error()));
  }
  return fail(ErrorCode::kIo, in_file(path) + " is gone as soon as it is made");
}

Result<MasterKey> MasterKey::read_file(const fs::path& path) {
  const auto what = in_file(path);
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.is_open() && errno == ENOENT) return fail(ErrorCode::kNotFound, what + " is not there");
  if (!file.is_open()) return no_system("open", what, errno);
  if (auto status = check_file(file.number(), what); !status) return fail(std::move(status.error()));
  auto bytes = read_all(file.number(), what);
  if (!bytes) return fail(std::move(bytes.error()));
  auto key = of(*bytes, what);
  wipe(*bytes);
  if (!key) key.error().hint = "restore it from a copy: nothing that it sealed opens without it";
  return key;
}

Result<MasterKey> MasterKey::from_keyring(const std::string& description) {
  const auto found = find_in_keyring(description);
  if (!found) return fail(found.error());
  std::string bytes(kFileBytes, '\0');
  const long size = keyctl(KEYCTL_READ, static_cast<unsigned long>(*found), reinterpret_cast<unsigned long>(bytes.data()), bytes.size());
  const auto what = "the key " + description + " of the keyring";
  if (size < 0) return no_system("read", what, errno);
  auto key = of(std::string_view(bytes).substr(0, static_cast<std::size_t>(size)), what);
  wipe(bytes);
  return key;
}

Result<MasterKey> MasterKey::from_systemd(const std::string& name) {
  auto bytes = read_systemd_credential(name);
  if (!bytes) return fail(std::move(bytes.error()));
  auto key = of(*bytes, "the systemd credential " + name);
  wipe(*bytes);
  return key;
}

Result<MasterKey> MasterKey::from_passphrase(std::string_view passphrase, const fs::path& salt_file) {
  if (passphrase.size() < kPassphraseBytes)
    return fail(ErrorCode::kInvalid, "the passphrase has less than " + std::to_string(kPassphraseBytes) + " characters",
                "take a longer one");
  if (sodium_init() < 0) return fail(ErrorCode::kInternal, "libsodium cannot begin");
  const auto argon = open_argon(salt_file);
  if (!argon) return fail(argon.error());
  MasterKey key;
  if (crypto_pwhash(reinterpret_cast<unsigned char*>(key.locked_->page.bytes()), kMasterKeyBytes, passphrase.data(), passphrase.size(),
                    reinterpret_cast<const unsigned char*>(argon->salt.data()), argon->passes, argon->bytes,
                    crypto_pwhash_ALG_ARGON2ID13) != 0)
    return fail(ErrorCode::kUnavailable, "there is not enough memory for the passphrase's hash",
                "it takes " + std::to_string(argon->bytes >> 20) + " MiB");
  return key;
}

std::string_view MasterKey::bytes() const {
  return locked_ ? std::string_view(locked_->page.bytes(), kMasterKeyBytes) : std::string_view();
}

MasterKey MasterKey::copy() const {
  MasterKey out;
  std::memcpy(out.locked_->page.bytes(), bytes().data(), kMasterKeyBytes);
  return out;
}

std::string MasterKey::id() const {
  static constexpr std::string_view kPurpose = "interlock: id of a master key";
  std::string hash(crypto_generichash_BYTES, '\0');
  crypto_generichash(reinterpret_cast<unsigned char*>(hash.data()), hash.size(), reinterpret_cast<const unsigned char*>(kPurpose.data()),
                     kPurpose.size(), reinterpret_cast<const unsigned char*>(bytes().data()), kMasterKeyBytes);
  return to_hex(hash).substr(0, 16);
}

Status MasterKey::replace_file(const fs::path& path) const { return place_file(path, bytes(), false, in_file(path)); }

Status MasterKey::replace_in_keyring(const std::string& description) const {
  const auto found = find_in_keyring(description);
  if (!found) return fail(found.error());
  if (keyctl(KEYCTL_UPDATE, static_cast<unsigned long>(*found), reinterpret_cast<unsigned long>(bytes().data()), kMasterKeyBytes) != 0)
    return no_system("update", "the key " + description + " of the keyring", errno);
  return {};
}

Result<std::string> read_passphrase_file(const fs::path& path) {
  const auto what = "the passphrase file " + path.string();
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.is_open()) return no_system("open", what, errno);
  if (auto status = check_file(file.number(), what); !status) return fail(std::move(status.error()));
  auto text = read_all(file.number(), what);
  if (text && text->ends_with('\n')) text->pop_back();
  return text;
}

Result<std::string> read_systemd_credential(const std::string& name) {
  const char* const folder = std::getenv("CREDENTIALS_DIRECTORY");
  if (folder == nullptr)
    return fail(ErrorCode::kNotFound, "systemd gives this process no credentials",
                "write LoadCredentialEncrypted=" + name + " in its unit");
  const auto path = fs::path(folder) / name;
  const auto what = "the systemd credential " + name;
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.is_open() && errno == ENOENT)
    return fail(ErrorCode::kNotFound, what + " is not there", "write LoadCredentialEncrypted=" + name + " in the unit");
  if (!file.is_open()) return no_system("open", what, errno);
  auto text = read_all(file.number(), what);
  if (text && text->ends_with('\n') && text->size() != kMasterKeyBytes) text->pop_back();
  return text;
}

}  // namespace interlock::store
