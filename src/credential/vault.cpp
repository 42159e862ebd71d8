#include "credential/vault.hpp"

#include <algorithm>
#include <functional>
#include <map>

#include "base/ids.hpp"

namespace interlock::credential {
namespace {

constexpr std::string_view kBucket = "secrets";
constexpr std::string_view kMetaPrefix = "meta/";    // meta/NAME: what is known of it
constexpr std::string_view kValuePrefix = "value/";  // value/NAME/SLOT: one version's value
constexpr std::size_t kSecrets = 10'000;
constexpr std::size_t kNoteBytes = 1'000;
constexpr int kAttempts = 16;                    // at a compare-and-set that others win
constexpr std::int64_t kLookMs = 5'000;          // between two looks at all secrets
constexpr std::int64_t kUseWrittenMs = 600'000;  // a use is written down when the last that was is so old

// As it stands in the store.
struct Record {
  SecretMeta meta;
  SecretRule own_rule;
  std::map<std::uint64_t, std::string> slots;  // by version; none: the value is gone
  UnixMs alarmed_ms = 0;
  store::Revision revision = store::kAbsent;
};

Status check_name(std::string_view name) {
  constexpr std::string_view kPunctuation = "._/-";
  const auto fits = [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || kPunctuation.contains(c);
  };
  if (!name.empty() && name.size() <= kSecretNameBytes && name.front() != '.' && name.front() != '/' && !name.ends_with('/') &&
      std::ranges::all_of(name, fits))
    return {};
  return fail(ErrorCode::kInvalid, "this cannot be the name of a secret",
              "use letters, digits and . _ / -, at most 200, not beginning with . or / and not ending with /");
}

std::string meta_key(std::string_view name) { return std::string(kMetaPrefix) + std::string(name); }
std::string value_key(std::string_view name, std::string_view slot) {
  return std::string(kValuePrefix) + std::string(name) + "/" + std::string(slot);
}

std::unexpected<Error> no_such(std::string_view name) {
  return fail(ErrorCode::kNotFound, "there is no secret " + std::string(name), "`interlock secret list` shows their names");
}

std::string text_of(const Record& record) {
  json::array versions;
  for (const auto& version : record.meta.versions) {
    json::object one{{"number", version.number},
                     {"made_ms", version.made_ms},
                     {"by", version.made_by},
                     {"ends_ms", version.ends_ms},
                     {"bytes", version.bytes}};
    if (const auto slot = record.slots.find(version.number); slot != record.slots.end()) one["slot"] = slot->second;
    versions.emplace_back(std::move(one));
  }
  return json::write(json::object{{"note", record.meta.note},
                                  {"max_age_ms", record.own_rule.max_age_ms},
                                  {"overlap_ms", record.own_rule.overlap_ms},
                                  {"used_ms", record.meta.used_ms},
                                  {"alarmed_ms", record.alarmed_ms},
                                  {"versions", std::move(versions)}});
}

Result<Record> record_from(std::string_view name, const store::Entry& entry) {
  const auto broken = [&] { return fail(ErrorCode::kInvalid, "the record of the secret " + std::string(name) + " cannot be read"); };
  const auto parsed = json::parse(entry.value);
  const auto* object = parsed ? parsed->if_object() : nullptr;
  const auto* versions = object == nullptr ? nullptr : json::array_at(*object, "versions");
  if (versions == nullptr || versions->empty()) return broken();
  Record out;
  out.revision = entry.revision;
  out.meta.name = name;
  out.meta.note = json::string_at(*object, "note").value_or("");
  out.own_rule = {json::int_at(*object, "max_age_ms").value_or(0), json::int_at(*object, "overlap_ms").value_or(0)};
  out.meta.used_ms = json::int_at(*object, "used_ms").value_or(0);
  out.alarmed_ms = json::int_at(*object, "alarmed_ms").value_or(0);
  for (const auto& item : *versions) {
    const auto* one = item.if_object();
    if (one == nullptr) return broken();
    SecretMeta::Version version;
    version.number = static_cast<std::uint64_t>(json::int_at(*one, "number").value_or(0));
    version.made_ms = json::int_at(*one, "made_ms").value_or(0);
    version.made_by = json::string_at(*one, "by").value_or("");
    version.ends_ms = json::int_at(*one, "ends_ms").value_or(0);
    version.bytes = static_cast<std::size_t>(json::int_at(*one, "bytes").value_or(0));
    if (const auto slot = json::string_at(*one, "slot")) out.slots.emplace(version.number, *slot);
    out.meta.versions.push_back(std::move(version));
  }
  return out;
}

bool is_valid(const SecretMeta::Version& version, UnixMs now) { return version.ends_ms == 0 || version.ends_ms > now; }

}  // namespace

json::object to_json(const SecretMeta& meta) {
  json::array versions;
  for (const auto& version : meta.versions) {
    json::object one{{"version", version.number}, {"made", rfc3339(version.made_ms)}, {"by", version.made_by}, {"bytes", version.bytes}};
    if (version.ends_ms != 0) one["ends"] = rfc3339(version.ends_ms);
    versions.emplace_back(std::move(one));
  }
  json::object out{{"name", meta.name}, {"note", meta.note}, {"versions", std::move(versions)}};
  if (meta.rule.max_age_ms != 0) out["max_age_ms"] = meta.rule.max_age_ms;
  if (meta.rule.overlap_ms != 0) out["overlap_ms"] = meta.rule.overlap_ms;
  if (meta.used_ms != 0) out["used"] = rfc3339(meta.used_ms);
  if (meta.overdue_since_ms != 0) out["overdue_since"] = rfc3339(meta.overdue_since_ms);
  return out;
}

struct Vault::State {
  store::SealedStore& sealed;
  const Clock& clock;
  std::vector<SecretRuleByName> rules;
  std::map<std::string, UnixMs, std::less<>> uses;  // not written down yet
  UnixMs looked_ms = 0;

  SecretRule rule_of(const Record& record) const {
    if (record.own_rule != SecretRule()) return record.own_rule;
    for (const auto& rule : rules) {
      const std::string_view match = rule.match;
      const bool fits = match.ends_with('*') ? record.meta.name.starts_with(match.substr(0, match.size() - 1)) : match == record.meta.name;
      if (fits) return rule.rule;
    }
    return {};
  }

  // With what the rules and the clock make of it.
  SecretMeta shown(const Record& record) const {
    auto out = record.meta;
    out.rule = rule_of(record);
    if (const auto use = uses.find(out.name); use != uses.end()) out.used_ms = std::max(out.used_ms, use->second);
    const auto due = out.versions.front().made_ms + out.rule.max_age_ms;
    if (out.rule.max_age_ms != 0 && due <= clock.now_ms()) out.overdue_since_ms = due;
    return out;
  }

  Result<Record> read(std::string_view name) const {
    if (auto good = check_name(name); !good) return fail(std::move(good.error()));
    const auto entry = sealed.get(kBucket, meta_key(name));
    if (!entry) return fail(entry.error());
    if (!*entry) return no_such(name);
    return record_from(name, **entry);
  }

  Status write(const Record& record) const {
    const auto written = sealed.compare_and_set(kBucket, meta_key(record.meta.name), text_of(record), record.revision);
    if (!written) return fail(written.error());
    return {};
  }

  // Reads, changes and writes, again where another gate was faster. `change` says false where there is nothing to write.
  Result<Record> update(std::string_view name, const std::function<Result<bool>(Record&)>& change) const {
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      auto record = read(name);
      if (!record) return record;
      const auto changed = change(*record);
      if (!changed) return fail(changed.error());
      if (!*changed) return record;
      const auto written = write(*record);
      if (written) return record;
      if (written.error().code != ErrorCode::kConflict) return fail(written.error());
    }
    return fail(ErrorCode::kUnavailable, "the secret " + std::string(name) + " is being changed by others", "try again");
  }

  Status put_value(std::string_view name, std::string_view slot, const Secret& value) const {
    const auto written = sealed.put(kBucket, value_key(name, slot), value.view());
    if (!written) return fail(written.error());
    return {};
  }

  Result<Secret> value_of(const Record& record, std::uint64_t number) const {
    const auto slot = record.slots.find(number);
    auto entry = slot == record.slots.end() ? Result<std::optional<store::Entry>>(std::nullopt)
                                            : sealed.get(kBucket, value_key(record.meta.name, slot->second));
    if (!entry) return fail(std::move(entry.error()));
    // Between the look at the record and this one it was rotated or removed.
    if (!*entry) return fail(ErrorCode::kConflict, "the secret " + record.meta.name + " has just changed", "try again");
    return Secret::take(std::move((*entry)->value));
  }

  // Takes out of the record the values that are valid no longer; their slots, to be removed once the record is written.
  std::vector<std::string> end_overlaps(Record& record) const {
    std::vector<std::string> gone;
    for (auto& version : record.meta.versions) {
      const auto slot = record.slots.find(version.number);
      if (slot == record.slots.end() || is_valid(version, clock.now_ms())) continue;
      gone.push_back(slot->second);
      record.slots.erase(slot);
    }
    return gone;
  }

  void remove_values(std::string_view name, const std::vector<std::string>& slots) const {
    // One that stays behind is sealed, named by nobody, and does no harm.
    for (const auto& slot : slots) (void)sealed.remove(kBucket, value_key(name, slot));
  }
};

Vault::Vault(store::SealedStore& sealed, const Clock& clock) : state_(new State{sealed, clock, {}, {}, 0}) {}
Vault::~Vault() = default;

void Vault::set_rules(std::vector<SecretRuleByName> rules) { state_->rules = std::move(rules); }

Status Vault::set(std::string_view name, Secret value, std::string_view note, SecretRule rule, std::string_view by) {
  if (auto good = check_name(name); !good) return good;
  if (value.empty()) return fail(ErrorCode::kInvalid, "the value of a secret is empty", "was the file, or standard input, empty?");
  if (value.view().size() > kSecretBytes) return fail(ErrorCode::kTooLarge, "a secret has at most 262144 bytes");
  if (note.size() > kNoteBytes) return fail(ErrorCode::kTooLarge, "the note of a secret has at most 1000 bytes");
  const auto now = state_->clock.now_ms();
  Record record;
  record.meta.name = name;
  record.meta.note = note;
  record.own_rule = rule;
  record.meta.versions = {{.number = 1, .made_ms = now, .made_by = std::string(by), .ends_ms = 0, .bytes = value.view().size()}};
  const auto slot = new_id("v", now);
  record.slots.emplace(1, slot);
  if (auto put = state_->put_value(name, slot, value); !put) return put;
  auto written = state_->write(record);
  if (written) return {};
  state_->remove_values(name, {slot});
  if (written.error().code != ErrorCode::kConflict) return written;
  return fail(ErrorCode::kConflict, "there is a secret " + std::string(name) + " already",
              "`interlock secret rotate` gives it a new value");
}

Result<SecretMeta> Vault::rotate(std::string_view name, Secret value, std::string_view by) {
  if (value.empty()) return fail(ErrorCode::kInvalid, "the value of a secret is empty", "was the file, or standard input, empty?");
  if (value.view().size() > kSecretBytes) return fail(ErrorCode::kTooLarge, "a secret has at most 262144 bytes");
  const auto now = state_->clock.now_ms();
  const auto slot = new_id("v", now);
  std::vector<std::string> gone;
  if (auto found = state_->read(name); !found) return fail(std::move(found.error()));
  if (auto put = state_->put_value(name, slot, value); !put) return fail(std::move(put.error()));
  const auto record = state_->update(name, [&](Record& changed) -> Result<bool> {
    auto& versions = changed.meta.versions;
    versions.front().ends_ms = now + state_->rule_of(changed).overlap_ms;
    versions.insert(
        versions.begin(),
        {.number = versions.front().number + 1, .made_ms = now, .made_by = std::string(by), .ends_ms = 0, .bytes = value.view().size()});
    changed.slots.emplace(versions.front().number, slot);
    changed.alarmed_ms = 0;
    gone = state_->end_overlaps(changed);
    while (versions.size() > kSecretVersions) {
      if (const auto last = changed.slots.find(versions.back().number); last != changed.slots.end()) {
        gone.push_back(last->second);
        changed.slots.erase(last);
      }
      versions.pop_back();
    }
    return true;
  });
  state_->remove_values(name, record ? gone : std::vector{slot});
  if (!record) return fail(record.error());
  return state_->shown(*record);
}

Status Vault::set_rule(std::string_view name, SecretRule rule) {
  const auto record = state_->update(name, [&](Record& changed) -> Result<bool> {
    changed.own_rule = rule;
    changed.alarmed_ms = 0;
    return true;
  });
  if (!record) return fail(record.error());
  return {};
}

Status Vault::remove(std::string_view name) {
  const auto record = state_->read(name);
  if (!record) return fail(record.error());
  if (auto removed = state_->sealed.remove(kBucket, meta_key(name)); !removed) return removed;
  std::vector<std::string> slots;
  for (const auto& [number, slot] : record->slots) slots.push_back(slot);
  state_->remove_values(name, slots);
  state_->uses.erase(std::string(name));
  return {};
}

Result<Secret> Vault::get(std::string_view name) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const auto record = state_->read(name);
    if (!record) return fail(record.error());
    auto value = state_->value_of(*record, record->meta.versions.front().number);
    if (value) state_->uses.insert_or_assign(std::string(name), state_->clock.now_ms());
    if (value || value.error().code != ErrorCode::kConflict) return value;
  }
  return fail(ErrorCode::kUnavailable, "the secret " + std::string(name) + " is being changed by others", "try again");
}

Result<std::vector<Secret>> Vault::valid(std::string_view name) {
  const auto record = state_->read(name);
  if (!record) return fail(record.error());
  std::vector<Secret> out;
  for (const auto& version : record->meta.versions) {
    if (!is_valid(version, state_->clock.now_ms()) || !record->slots.contains(version.number)) continue;
    auto value = state_->value_of(*record, version.number);
    if (value) out.push_back(std::move(*value));
    else if (value.error().code != ErrorCode::kConflict) return fail(std::move(value.error()));
  }
  return out;
}

Result<SecretMeta> Vault::meta(std::string_view name) {
  const auto record = state_->read(name);
  if (!record) return fail(record.error());
  return state_->shown(*record);
}

Result<std::vector<SecretMeta>> Vault::list() {
  const auto keys = state_->sealed.keys(kBucket, kMetaPrefix, kSecrets);
  if (!keys) return fail(keys.error());
  std::vector<SecretMeta> out;
  for (const auto& key : *keys) {
    auto meta = this->meta(std::string_view(key).substr(kMetaPrefix.size()));
    if (meta) out.push_back(std::move(*meta));
    else if (meta.error().code != ErrorCode::kNotFound) return fail(std::move(meta.error()));
  }
  return out;
}

Result<std::vector<SecretMeta>> Vault::tick() {
  const auto now = state_->clock.now_ms();
  if (now < state_->looked_ms + kLookMs && now >= state_->looked_ms) return std::vector<SecretMeta>();
  state_->looked_ms = now;
  const auto all = list();
  if (!all) return fail(all.error());
  std::vector<SecretMeta> overdue;
  for (const auto& meta : *all) {
    std::vector<std::string> gone;
    bool alarm = false;
    const auto record = state_->update(meta.name, [&](Record& changed) -> Result<bool> {
      gone = state_->end_overlaps(changed);
      alarm = changed.alarmed_ms == 0 && state_->shown(changed).overdue_since_ms != 0;
      if (alarm) changed.alarmed_ms = now;
      const auto use = state_->uses.find(meta.name);
      const bool used = use != state_->uses.end() && use->second >= changed.meta.used_ms + kUseWrittenMs;
      if (used) changed.meta.used_ms = use->second;
      return alarm || used || !gone.empty();
    });
    if (!record) {
      if (record.error().code == ErrorCode::kNotFound) continue;
      return fail(record.error());
    }
    state_->remove_values(meta.name, gone);
    if (alarm) overdue.push_back(state_->shown(*record));
  }
  return overdue;
}

}  // namespace interlock::credential
