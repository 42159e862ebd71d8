// Reading a broker's settings: each key is asked for by name, and finish() refuses what nobody asked for. The first thing that is wrong
// is what finish() tells, with the key and what to write instead. One reader a broker; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"

namespace interlock::credential {

inline constexpr std::size_t kSettingBytes = 16 * 1024;  // of one text
inline constexpr std::size_t kSettingEntries = 1000;     // of one list

class BrokerSettings {
 public:
  // `settings` outlives the reader.
  BrokerSettings(std::string credential, const json::object& settings) : credential_(std::move(credential)), settings_(settings) {}

  bool has(std::string_view key) const { return settings_.contains(key); }
  // `hint`: what to write where it is missing. Empty where something is wrong.
  std::string needed_text(std::string_view key, std::string_view hint);
  std::string text(std::string_view key, std::string_view otherwise = {});
  std::int64_t number(std::string_view key, std::int64_t otherwise, std::int64_t least, std::int64_t most);
  bool flag(std::string_view key, bool otherwise);
  std::vector<std::string> texts(std::string_view key);  // a list of texts, or one text; empty where the key is missing
  const json::array* list(std::string_view key);         // nullptr where it is missing
  const json::value* value(std::string_view key);        // as it is written; nullptr where it is missing
  // Something about a key is wrong.
  void complain(std::string_view key, std::string_view what, std::string_view hint);
  Status finish() const;

 private:
  const json::value* take(std::string_view key);
  std::string credential_;
  const json::object& settings_;
  std::set<std::string, std::less<>> asked_;
  std::optional<Error> wrong_;
};

}  // namespace interlock::credential
