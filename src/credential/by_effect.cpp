#include "credential/by_effect.hpp"

#include <set>

namespace interlock::credential {

ByEffect ByEffect::read(BrokerSettings& settings, std::string_view key) {
  ByEffect out;
  out.key_ = key;
  const auto* written = settings.value(key);
  if (written == nullptr) return out;
  if (!written->is_object()) {
    out.always_ = *written;
    return out;
  }
  for (const auto& member : written->get_object()) {
    const std::string_view name(member.key().data(), member.key().size());
    const auto effect = model::effect_from_name(name);
    if (!effect)
      settings.complain(key, "has " + std::string(name) + ", which is no effect", "write read, write, delete, execute, send, admin");
    if (effect) out.entries_.emplace(*effect, member.value());
  }
  if (out.entries_.empty()) settings.complain(key, "is empty", "write an entry for each effect that acts may have");
  return out;
}

std::vector<const json::value*> ByEffect::all() const {
  std::vector<const json::value*> out;
  if (always_) out.push_back(&*always_);
  for (const auto& [effect, entry] : entries_) out.push_back(&entry);
  return out;
}

Result<std::vector<const json::value*>> ByEffect::for_act(const model::Classification* act) const {
  if (act == nullptr || always_ || entries_.empty()) return all();
  std::vector<const json::value*> out;
  for (const auto effect : std::set<model::Effect>(act->effects.begin(), act->effects.end())) {
    const auto entry = entries_.find(effect);
    if (entry == entries_.end()) {
      const std::string name(model::effect_name(effect));
      return fail(ErrorCode::kDenied, "its `" + key_ + "` have no entry for acts that " + name,
                  "write " + key_ + "." + name + " if they may");
    }
    out.push_back(&entry->second);
  }
  return out;
}

}  // namespace interlock::credential
