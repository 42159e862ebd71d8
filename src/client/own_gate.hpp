// A gate that is started for one run, where none runs: interlock-gate, listening on loopback, ended with the run.
#pragma once

#include <string>

#include "base/result.hpp"

namespace interlock::client {

class OwnGate {
 public:
  // Returns once it listens. `config`: its file. What it logs goes to `log` (a file that is appended to).
  static Result<OwnGate> start(const std::string& config, const std::string& state, const std::string& log);
  OwnGate(OwnGate&& other) noexcept;
  ~OwnGate();  // SIGTERM, and SIGKILL where that does not end it

 private:
  explicit OwnGate(int pid) : pid_(pid) {}
  int pid_ = -1;
};

}  // namespace interlock::client
