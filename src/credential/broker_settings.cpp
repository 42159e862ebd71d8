#include "credential/broker_settings.hpp"

namespace interlock::credential {

const json::value* BrokerSettings::take(std::string_view key) {
  asked_.emplace(key);
  return json::find(settings_, key);
}

void BrokerSettings::complain(std::string_view key, std::string_view what, std::string_view hint) {
  if (wrong_) return;
  wrong_ = Error{ErrorCode::kInvalid, "credential " + credential_ + ": `" + std::string(key) + "` " + std::string(what), std::string(hint)};
}

std::string BrokerSettings::needed_text(std::string_view key, std::string_view hint) {
  if (!has(key)) complain(key, "is missing", hint);
  auto found = text(key);
  if (found.empty()) complain(key, "is empty", hint);
  return found;
}

std::string BrokerSettings::text(std::string_view key, std::string_view otherwise) {
  const auto* const found = take(key);
  if (found == nullptr) return std::string(otherwise);
  const auto* const written = found->if_string();
  if (written == nullptr) {
    complain(key, "is no text", "write a text");
    return {};
  }
  if (written->size() > kSettingBytes || json::view(*written).find('\0') != std::string_view::npos) {
    complain(key, "is too long or holds a NUL byte", "at most " + std::to_string(kSettingBytes) + " bytes");
    return {};
  }
  return std::string(json::view(*written));
}

std::int64_t BrokerSettings::number(std::string_view key, std::int64_t otherwise, std::int64_t least, std::int64_t most) {
  const auto* const found = take(key);
  if (found == nullptr) return otherwise;
  const auto written = json::int_at(settings_, key);
  if (!written || *written < least || *written > most) {
    complain(key, "is no whole number in its range", "write " + std::to_string(least) + " to " + std::to_string(most));
    return otherwise;
  }
  return *written;
}

bool BrokerSettings::flag(std::string_view key, bool otherwise) {
  const auto* const found = take(key);
  if (found == nullptr) return otherwise;
  if (!found->is_bool()) complain(key, "is neither true nor false", "write true or false");
  return json::bool_at(settings_, key, otherwise);
}

std::vector<std::string> BrokerSettings::texts(std::string_view key) {
  std::vector<std::string> out;
  const auto* const found = take(key);
  if (found == nullptr) return out;
  if (found->is_string()) {
    out.push_back(text(key));
    return out;
  }
  const auto* const entries = found->if_array();
  if (entries == nullptr || entries->size() > kSettingEntries) {
    complain(key, "is no list of texts", "write [ one, two ]");
    return out;
  }
  for (const auto& entry : *entries) {
    const auto* const written = entry.if_string();
    if (written == nullptr || written->empty() || written->size() > kSettingBytes ||
        json::view(*written).find('\0') != std::string_view::npos) {
      complain(key, "has an entry that is no text, empty or too long", "write [ one, two ]");
      return {};
    }
    out.emplace_back(json::view(*written));
  }
  return out;
}

const json::array* BrokerSettings::list(std::string_view key) {
  const auto* const found = take(key);
  if (found == nullptr) return nullptr;
  const auto* const entries = found->if_array();
  if (entries == nullptr || entries->empty() || entries->size() > kSettingEntries) {
    complain(key, "is no list, or an empty one", "write at least one entry");
    return nullptr;
  }
  return entries;
}

const json::value* BrokerSettings::value(std::string_view key) { return take(key); }

Status BrokerSettings::finish() const {
  if (wrong_) return fail(*wrong_);
  for (const auto& member : settings_) {
    const std::string_view key(member.key().data(), member.key().size());
    if (asked_.contains(key)) continue;
    std::string known;
    for (const auto& name : asked_) known += (known.empty() ? "" : ", ") + name;
    return fail(ErrorCode::kInvalid, "credential " + credential_ + ": `" + std::string(key) + "` is no key of this broker",
                "its keys are: " + known);
  }
  return {};
}

}  // namespace interlock::credential
