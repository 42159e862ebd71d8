#include "net/http.hpp"

namespace interlock::net {
namespace {

// ASCII alone: a locale must not change what a header is called.
constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

}  // namespace

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

void Headers::set(std::string_view name, std::string value) {
  const auto is_it = [name](const auto& entry) { return equal_ignoring_case(entry.first, name); };
  const auto first = std::find_if(list_.begin(), list_.end(), is_it);
  if (first == list_.end()) {
    list_.emplace_back(std::string(name), std::move(value));
    return;
  }
  first->second = std::move(value);
  list_.erase(std::remove_if(first + 1, list_.end(), is_it), list_.end());
}

void Headers::remove(std::string_view name) {
  std::erase_if(list_, [name](const auto& entry) { return equal_ignoring_case(entry.first, name); });
}

std::optional<std::string_view> Headers::get(std::string_view name) const {
  for (const auto& [key, value] : list_) {
    if (equal_ignoring_case(key, name)) return value;
  }
  return std::nullopt;
}

std::size_t Headers::count(std::string_view name) const {
  return static_cast<std::size_t>(
      std::count_if(list_.begin(), list_.end(), [name](const auto& entry) { return equal_ignoring_case(entry.first, name); }));
}

}  // namespace interlock::net
