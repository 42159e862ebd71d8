#include "credential/ssh_krl.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <optional>

#include "base/hash.hpp"
#include "credential/ssh_wire.hpp"

namespace interlock::credential {
namespace {

constexpr std::uint64_t kMagic = 0x5353484B524C0A00;  // "SSHKRL\n\0"
constexpr std::uint32_t kFormat = 1;
constexpr std::uint8_t kSectionCertificates = 1;
constexpr std::uint8_t kSerialList = 0x20;

constexpr std::string_view kBucket = "ssh-krl";
constexpr std::size_t kDigits = 16;          // of a number in a key, so that keys sort by the end of the certificate
constexpr std::int64_t kForgetAfterS = 300;  // an sshd whose clock is slow still takes a certificate that is past its end here
constexpr mode_t kFileMode = 0644;           // sshd's children read it; it holds no secret
constexpr std::int64_t kTurnMs = 5;          // another gate's writing takes about as long
constexpr int kTurns = 400;

std::string hex_number(std::uint64_t value) {
  std::string out(kDigits, '0');
  for (std::size_t i = kDigits; i > 0; --i, value >>= 4) out[i - 1] = "0123456789abcdef"[value & 15];
  return out;
}

std::optional<std::uint64_t> number_of(std::string_view digits) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  return error == std::errc{} && end == digits.data() + digits.size() ? std::optional(value) : std::nullopt;
}

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int number() const { return number_; }

 private:
  int number_;
};

bool write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

// Whoever reads `path` sees the old file or the new one, whatever happens.
Status replace_file(const std::filesystem::path& path, std::string_view bytes) {
  const auto fresh = path.string() + ".new";
  {
    const Descriptor file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, kFileMode));
    if (file.number() < 0) return fail(system_error(fresh, errno));
    if (::fchmod(file.number(), kFileMode) != 0 || !write_all(file.number(), bytes) || ::fsync(file.number()) != 0)
      return fail(system_error(fresh, errno));
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) return fail(system_error(path.string(), errno));
  const Descriptor folder(::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.number() < 0 || ::fsync(folder.number()) != 0) return fail(system_error(path.parent_path().string(), errno));
  return {};
}

}  // namespace

std::string krl_bytes(std::span<const std::uint64_t> serials, std::uint64_t version, std::int64_t made_s, std::string_view comment) {
  SshWriter out;
  out.uint64(kMagic).uint32(kFormat).uint64(version).uint64(static_cast<std::uint64_t>(made_s)).uint64(0).text("").text(comment);
  if (serials.empty()) return out.take();
  SshWriter list;
  for (const auto serial : serials) list.uint64(serial);
  SshWriter section;
  section.text("").text("").byte(kSerialList).text(list.written());  // no authority: every one
  out.byte(kSectionCertificates).text(section.written());
  return out.take();
}

struct SshKrlFile::State : std::enable_shared_from_this<State> {
  net::Loop& loop;
  store::SealedStore& sealed;
  const Clock& clock;
  std::filesystem::path path;
  std::string prefix;  // of this list's keys
  std::vector<std::function<void(Status)>> waiting;
  bool is_due = false;

  State(net::Loop& on, store::SealedStore& with, const Clock& now, std::filesystem::path where)
      : loop(on), sealed(with), clock(now), path(std::move(where)), prefix(to_hex(sha256(path.string())).substr(0, kDigits) + "/") {}

  // Those that sshd must still refuse; what is past its end is forgotten.
  Result<std::vector<std::uint64_t>> serials() {
    const auto keys = sealed.keys(kBucket, prefix, kSshRevoked);
    if (!keys) return fail(keys.error());
    if (keys->size() >= kSshRevoked)
      return fail(ErrorCode::kTooLarge, "the list of revoked SSH certificates is full", "shorten the credential's lifetime");
    const auto forget_before = clock.now_ms() / 1000 - kForgetAfterS;
    std::vector<std::uint64_t> out;
    for (const auto& key : *keys) {
      const auto rest = std::string_view(key).substr(prefix.size());
      const auto end = number_of(rest.substr(0, kDigits));
      const auto serial = rest.size() == 2 * kDigits + 1 ? number_of(rest.substr(kDigits + 1)) : std::nullopt;
      if (!end || !serial)
        return fail(ErrorCode::kInternal, "the record of revoked SSH certificates is damaged", "restore the store from a copy");
      if (static_cast<std::int64_t>(*end) >= forget_before) {
        out.push_back(*serial);
      } else if (auto removed = sealed.remove(kBucket, key); !removed) {
        return fail(std::move(removed.error()));
      }
    }
    std::ranges::sort(out);
    const auto twice = std::ranges::unique(out);
    out.erase(twice.begin(), twice.end());
    return out;
  }

  Status write() {
    const auto lock_path = path.string() + ".lock";
    const Descriptor lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (lock.number() < 0) return fail(system_error(lock_path, errno));
    // Read under the lock: a list that was read earlier must not replace one that names more.
    if (::flock(lock.number(), LOCK_EX | LOCK_NB) != 0)
      return fail(ErrorCode::kConflict, "another gate is writing " + path.string(), "it is tried again");
    const auto revoked = serials();
    if (!revoked) return fail(revoked.error());
    const auto now_ms = clock.now_ms();
    return replace_file(path, krl_bytes(*revoked, static_cast<std::uint64_t>(now_ms), now_ms / 1000, "interlock"));
  }

  // One list for all that came in the meantime.
  void flush(int turns) {
    auto written = write();
    if (!written && written.error().code == ErrorCode::kConflict && turns > 0) {
      loop.after_ms(kTurnMs, [weak = weak_from_this(), turns] {
        if (const auto self = weak.lock()) self->flush(turns - 1);
      });
      return;
    }
    if (!written)
      written = fail(ErrorCode::kUnavailable, "the list of revoked SSH certificates cannot be written: " + written.error().message,
                     "see that the folder is there, and writable by the gate");
    is_due = false;
    for (auto& done : std::exchange(waiting, {})) done(written);
  }
};

SshKrlFile::SshKrlFile(net::Loop& loop, store::SealedStore& sealed, const Clock& clock, std::filesystem::path path)
    : state_(std::make_shared<State>(loop, sealed, clock, std::move(path))) {}
SshKrlFile::~SshKrlFile() = default;

void SshKrlFile::revoke(std::uint64_t serial, std::int64_t valid_before_s, std::function<void(Status)> done) {
  const auto key =
      state_->prefix + hex_number(static_cast<std::uint64_t>(std::max<std::int64_t>(valid_before_s, 0))) + "-" + hex_number(serial);
  auto noted = state_->sealed.put(kBucket, key, "revoked");
  if (!noted) {
    state_->loop.post([done = std::move(done), error = std::move(noted.error())] { done(fail(error)); });
    return;
  }
  state_->waiting.push_back(std::move(done));
  if (std::exchange(state_->is_due, true)) return;
  state_->loop.post([weak = state_->weak_from_this()] {
    if (const auto self = weak.lock()) self->flush(kTurns);
  });
}

Status SshKrlFile::write() { return state_->write(); }

}  // namespace interlock::credential
