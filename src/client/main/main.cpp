// interlock: the program that people and hooks call. It runs `run` and `hook` itself and hands every other verb on to interlock-gate, which
// stands beside it.
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "client/client.hpp"

namespace {

using namespace interlock::client;

constexpr int kUsage = 2;
constexpr int kNotFound = 127;

// Takes --config and --state out of the words before a lone "--", as interlock-gate does.
bool take_places(std::vector<std::string>& words, Places& places) {
  std::vector<std::string> kept;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "--") {
      kept.insert(kept.end(), words.begin() + static_cast<std::ptrdiff_t>(i), words.end());
      break;
    }
    const auto equals = words[i].find('=');
    const auto name = words[i].substr(0, equals);
    if (name != "--config" && name != "--state") {
      kept.push_back(words[i]);
      continue;
    }
    auto& target = name == "--config" ? places.config : places.state;
    if (equals != std::string::npos) target = words[i].substr(equals + 1);
    else if (i + 1 < words.size()) target = words[++i];
    if (target.empty()) {
      std::fprintf(stderr, "interlock: %s needs a value\n", name.c_str());
      return false;
    }
  }
  words = std::move(kept);
  return true;
}

int hand_on(char** argv) {
  const auto program = gate_program();
  ::execv(program.c_str(), argv);
  std::fprintf(stderr, "interlock: cannot start %s: %s\n  it belongs beside interlock; install both\n", program.c_str(),
               std::strerror(errno));
  return kNotFound;
}

}  // namespace

int main(int argc, char** argv) {
  // The verb stands first, or behind --config and --state.
  int at = 1;
  while (at < argc && (std::strcmp(argv[at], "--config") == 0 || std::strcmp(argv[at], "--state") == 0)) at += 2;
  while (at < argc && (std::strncmp(argv[at], "--config=", 9) == 0 || std::strncmp(argv[at], "--state=", 8) == 0)) ++at;
  const std::string verb = at < argc ? argv[at] : "";
  if (verb != "run" && verb != "hook") return hand_on(argv);
  std::vector<std::string> words(argv + 1, argv + argc);
  words.erase(words.begin() + (at - 1));
  Places places;
  // A hook that is called wrongly blocks, too: its exit code for that is the same.
  if (!take_places(words, places)) return kUsage;
  return verb == "run" ? run_run(places, words) : run_hook(places, words);
}
