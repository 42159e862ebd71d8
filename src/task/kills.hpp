// The kill switch's memory: which agents may do nothing until somebody lifts it. In the store, so that every gate of the state
// folder and every later start obeys.
//
// holds() is asked for every act and touches no store. Loop thread only. A store that cannot be read holds everybody.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "model/action.hpp"
#include "store/store.hpp"

namespace interlock::task {

inline constexpr std::string_view kEverybody = "*";
inline constexpr std::size_t kKills = 100'000;

struct Kill {
  std::string agent;  // subject id, or kEverybody
  std::string by;
  std::string reason;
  UnixMs at_ms = 0;
};
json::object to_json(const Kill& kill);

class KillList {
 public:
  static Result<std::unique_ptr<KillList>> open(store::Store& store);
  ~KillList();

  // On disk when this returns. One that stands already stays as it is, and that is no error.
  Status add(const Kill& kill);
  // kNotFound: there was none. Lifting kEverybody leaves those of single agents standing.
  Status lift(std::string_view agent);
  // The kill that `subject` falls under: its own, one of anybody in its delegation chain, everybody's. Null: none. Until the next change.
  const Kill* holds(const model::Subject& subject) const;
  // Takes over what other processes changed; the agents that are newly under kill.
  std::vector<Kill> refresh();
  std::vector<Kill> list() const;  // oldest first

 private:
  KillList() = default;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace interlock::task
