// Files and folders that stand on the host while a run lasts, so that something can be mounted over a name that is not there, and nobody
// inside can take that name.
//
// One is known by what it is, without any list of them: its time of modification is kPlaceholderSecond and it holds what a placeholder
// holds. Each run that relies on one has a shared lock on it; who ends last removes it. So it is gone after a run, after kill -9 of the
// launcher (the inside removes it) or of the inside (the launcher does); after kill -9 of both at once it stays, as a file that says
// nothing, till the next run with that path ends, or remove_placeholders() is called. One that somebody wrote to is theirs, and stays.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "sandbox/descriptor.hpp"

namespace interlock::sandbox {

// 1980-01-01T00:07:42Z and a fraction that no clock and no archive gives; a file system may not keep the fraction, or nothing before 1980.
inline constexpr std::int64_t kPlaceholderSecond = 315'533'262;
inline constexpr std::int64_t kPlaceholderNanosecond = 462'462'400;
constexpr bool is_placeholder_time(std::int64_t second, std::int64_t nanosecond) {
  return second == kPlaceholderSecond && (nanosecond == kPlaceholderNanosecond || nanosecond == 0);
}

struct Placeholder {
  Descriptor folder;  // that it stands in
  std::string name;
  Descriptor self;  // with the lock
};
using ReportPlaceholder = std::function<Status(const Placeholder& placeholder)>;

// Makes `name` in `folder`: a folder, or a file with `text`. kConflict: something else stands there.
Result<Placeholder> make_placeholder(int folder, const std::string& name, bool is_folder, std::string_view text);
// The same for one that another run made, or left behind; kNotFound where what stands there is no placeholder.
Result<Placeholder> adopt_placeholder(int folder, const std::string& name);
// Removes it where no other run relies on it and nobody changed it.
void remove_placeholder(const Placeholder& placeholder);
// The same, by a process whose mounts lie over it.
void unmount_and_remove_placeholder(const Placeholder& placeholder);

// Those of `paths` (of the host), and the folders above them, that are left over from runs that were killed with their launcher. How many.
int remove_placeholders(const std::vector<std::string>& paths);

}  // namespace interlock::sandbox
