// Which gates of a state folder live: each holds a lock on a file of its own, which the kernel lets go when its process is gone,
// however that happens. So what a dead gate left undone is told from what a slow one is about to do.
//
// Loop thread only. The lock goes with the process, not with its children (O_CLOEXEC).
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/time.hpp"

namespace interlock::task {

class Presence {
 public:
  virtual ~Presence() = default;
  virtual const std::string& own() const = 0;              // this gate's id, new with each start
  virtual bool is_alive(std::string_view gate) const = 0;  // a gate that cannot be asked counts as alive
};

// Locks <folder>/<id>.gate; makes the folder, for its owner only, and removes the files of gates that died long ago.
Result<std::unique_ptr<Presence>> open_presence(const std::filesystem::path& folder, const Clock& clock);

}  // namespace interlock::task
