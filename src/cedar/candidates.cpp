#include "cedar/candidates.hpp"

#include <algorithm>

namespace interlock::cedar {
namespace {

// Lists are short, and mostly sorted already.
constexpr std::size_t kInsertionSort = 24;

void sort_short(std::span<std::uint32_t> list) {
  if (list.size() > kInsertionSort) return std::sort(list.begin(), list.end());
  for (std::size_t i = 1; i < list.size(); ++i) {
    for (std::size_t j = i; j > 0 && list[j] < list[j - 1]; --j) std::swap(list[j], list[j - 1]);
  }
}

}  // namespace

void Candidates::look_up(const ScopeIndex& index, Variable variable, const Subject& subject) {
  using Use = ScopeIndex::Use;
  if (index.has(variable, Use::kEqual)) add(index.find(variable, Use::kEqual, subject.uid));
  if (index.has(variable, Use::kIs)) add(index.find(variable, Use::kIs, subject.uid));
  if (!index.has(variable, Use::kIn)) return;
  add(index.find(variable, Use::kIn, subject.uid));
  if (subject.data == nullptr) return;
  for (const UidData& ancestor : subject.data->ancestors) add(index.find(variable, Use::kIn, ancestor));
}

std::span<const std::uint32_t> Candidates::sorted() {
  std::span<std::uint32_t> all = overflow_.empty() ? std::span(inline_.data(), size_) : std::span(overflow_);
  sort_short(all);
  return all.first(static_cast<std::size_t>(std::unique(all.begin(), all.end()) - all.begin()));
}

}  // namespace interlock::cedar
