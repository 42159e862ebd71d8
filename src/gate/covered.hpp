// What a human's yes to a line of commands covers: each of its commands once more, when the kernel reports that exactly it is about to
// start.
//
// So a hook and the boundary ask the same human once. A command is covered by its action, resource, arguments and folder, in the same task,
// for a short time, one time. One with a word that was not known when the line was approved is never covered. Loop thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "base/time.hpp"
#include "model/action.hpp"

namespace interlock::gate {

inline constexpr std::int64_t kCoveredMs = 120'000;
inline constexpr std::size_t kCoveredParts = 10'000;  // the oldest are forgotten first

class Covered {
 public:
  void add(const std::string& task, const std::string& approval, const model::ActionRequest& request, const model::Classification& what,
           UnixMs now_ms);
  // The approval that all of `what` is covered by, which is used up; nullopt: something of it is not.
  std::optional<std::string> take(const std::string& task, const model::ActionRequest& request, const model::Classification& what,
                                  UnixMs now_ms);

 private:
  struct Part {
    std::string task;
    std::string approval;
    std::string what;
    UnixMs until_ms = 0;
  };
  std::deque<Part> parts_;
};

}  // namespace interlock::gate
