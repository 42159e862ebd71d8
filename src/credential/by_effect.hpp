// Settings that depend on what an act does: `scopes: [a, b]` for every effect, or `scopes: { read: [a], write: [b] }`. Immutable once
// read; any thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "credential/broker_settings.hpp"
#include "model/action.hpp"

namespace interlock::credential {

class ByEffect {
 public:
  // An object is by effect, anything else holds for every effect. `settings` is told of a name that is no effect. Missing: empty.
  static ByEffect read(BrokerSettings& settings, std::string_view key);

  bool empty() const { return !always_ && entries_.empty(); }
  std::vector<const json::value*> all() const;
  // What an act needs: an entry for each of its effects, weakest first. Every entry where there is no act (the lease is for a whole
  // server). kDenied: the act has an effect for which nothing is written.
  Result<std::vector<const json::value*>> for_act(const model::Classification* act) const;

 private:
  std::string key_;
  std::optional<json::value> always_;
  std::map<model::Effect, json::value> entries_;
};

}  // namespace interlock::credential
