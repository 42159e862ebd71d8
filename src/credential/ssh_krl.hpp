// Revoked SSH certificates: OpenSSH's binary list (PROTOCOL.krl), and the file of it that sshd reads as RevokedKeys.
//
// What is revoked stands in the store, so that every gate of a state folder writes the same list; certificates that are past their end
// are left out of the next one. The file is replaced whole, durable before a revocation is done. Loop thread only.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "net/loop.hpp"
#include "store/sealed.hpp"

namespace interlock::credential {

inline constexpr std::size_t kSshRevoked = 200'000;  // in one list

// Serials count for every authority: ours are drawn from 2^63, so that those of others do not meet them, and an authority that was
// replaced keeps its revocations.
std::string krl_bytes(std::span<const std::uint64_t> serials, std::uint64_t version, std::int64_t made_s, std::string_view comment);

class SshKrlFile {
 public:
  SshKrlFile(net::Loop& loop, store::SealedStore& sealed, const Clock& clock, std::filesystem::path path);
  ~SshKrlFile();

  // `done`, never inside the call, once the list that names it is in its place.
  void revoke(std::uint64_t serial, std::int64_t valid_before_s, std::function<void(Status)> done);
  // Writes the list as it stands. kConflict: another gate is writing.
  Status write();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace interlock::credential
