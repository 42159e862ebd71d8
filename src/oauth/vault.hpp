// Where tokens and client credentials are kept: texts by key, sealed at rest by whoever implements it. Loop thread only.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace interlock::oauth {

class Vault {
 public:
  virtual ~Vault() = default;
  virtual Result<std::optional<std::string>> get(std::string_view key) = 0;
  virtual Status put(std::string_view key, std::string_view secret) = 0;
  virtual Status remove(std::string_view key) = 0;
};

// Keeps them as long as the process lives.
class MemoryVault final : public Vault {
 public:
  Result<std::optional<std::string>> get(std::string_view key) override {
    const auto found = entries_.find(key);
    return found == entries_.end() ? std::nullopt : std::optional(found->second);
  }
  Status put(std::string_view key, std::string_view secret) override {
    entries_.insert_or_assign(std::string(key), std::string(secret));
    return {};
  }
  Status remove(std::string_view key) override {
    if (const auto found = entries_.find(key); found != entries_.end()) entries_.erase(found);
    return {};
  }

 private:
  std::map<std::string, std::string, std::less<>> entries_;
};

}  // namespace interlock::oauth
