#include "shell/commands.hpp"

#include "shell/walk.hpp"

namespace interlock::shell {

Commands commands_of(const Script& script, const Surroundings& around, Limits limits) {
  Walk walk(around, limits);
  walk.script(script);
  return walk.take();
}

}  // namespace interlock::shell
