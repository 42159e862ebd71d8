// The policies that the index finds for one request. Private to the library.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "cedar/evaluator.hpp"

namespace interlock::cedar {

// A list of policies by position, which stays off the heap while it is short.
class Candidates {
 public:
  // What is filed under the subject as principal, action or resource.
  void look_up(const ScopeIndex& index, Variable variable, const Subject& subject);

  // As they were found; a policy that is filed under several names can be there more than once.
  std::span<const std::uint32_t> found() const {
    return overflow_.empty() ? std::span(inline_.data(), size_) : std::span<const std::uint32_t>(overflow_);
  }
  // In the order of the set, each once.
  std::span<const std::uint32_t> sorted();

 private:
  static constexpr std::size_t kInline = 128;
  void add(std::span<const std::uint32_t> policies) {
    if (overflow_.empty() && policies.size() <= kInline - size_) {
      std::copy(policies.begin(), policies.end(), inline_.begin() + static_cast<std::ptrdiff_t>(size_));
      size_ += policies.size();
      return;
    }
    if (overflow_.empty()) overflow_.assign(inline_.begin(), inline_.begin() + static_cast<std::ptrdiff_t>(size_));
    overflow_.insert(overflow_.end(), policies.begin(), policies.end());
  }

  std::array<std::uint32_t, kInline> inline_;  // never read before it is written
  std::size_t size_ = 0;
  std::vector<std::uint32_t> overflow_;
};

}  // namespace interlock::cedar
