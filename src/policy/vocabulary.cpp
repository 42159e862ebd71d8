#include "policy/vocabulary.hpp"

#include <algorithm>
#include <cctype>
#include <string>
#include <vector>

#include "base/text.hpp"

namespace interlock::policy {
namespace {

constexpr std::size_t kLongestWord = 40;  // longer ones are no misspelling of ours
constexpr std::size_t kMostEdits = 2;

// Insertions, deletions, replacements and swaps of neighbours (optimal string alignment).
std::size_t edits(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> cost(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) cost[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) cost[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
    }
  }
  return cost[a.size()][b.size()];
}

}  // namespace

std::string_view nearest(std::string_view word, std::span<const std::string_view> words) {
  if (word.size() > kLongestWord) return {};
  const std::string given = ascii_lower(word);
  std::string_view best;
  std::size_t best_edits = kMostEdits + 1;
  for (const std::string_view one : words) {
    const std::size_t count = edits(given, ascii_lower(one));
    // Of a short word two edits make any other.
    if (count < best_edits && count * 2 < std::max<std::size_t>(one.size(), 3)) {
      best = one;
      best_edits = count;
    }
  }
  return best;
}

}  // namespace interlock::policy
