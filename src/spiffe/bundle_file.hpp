// Bundles in files: read within bounds, told apart by what they are, and a cache that a kill leaves whole. Loop thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

#include "base/result.hpp"
#include "spiffe/bundle.hpp"

namespace interlock::spiffe {

// What changes whenever a file is written or replaced.
struct FileIdentity {
  dev_t device = 0;
  ino_t inode = 0;
  off_t size = 0;
  std::int64_t modified_ns = 0;
  std::int64_t changed_ns = 0;
  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};
std::optional<FileIdentity> identity_of(const std::filesystem::path& path);

// Whoever can write a bundle decides whom the gate believes, so a file that everybody can write is kDenied.
// A JWK set or PEM, told by its first character.
Result<Bundle> read_bundle_file(std::string_view trust_domain, const std::filesystem::path& path);

// Only of our own user, and writable by nobody else.
Result<Bundle> read_cached_bundle(std::string_view trust_domain, const std::filesystem::path& path);
Status write_cached_bundle(const Bundle& bundle, const std::filesystem::path& path);

}  // namespace interlock::spiffe
