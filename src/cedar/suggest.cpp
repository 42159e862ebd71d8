// Levenshtein distance over short names.
#include "cedar/suggest.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

namespace interlock::cedar {
namespace {

constexpr std::size_t kMaxNameBytes = 64;  // longer names are not compared
constexpr std::size_t kMaxCandidates = 2000;

std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      std::size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, changed});
    }
  }
  return row.back();
}

}  // namespace

std::string nearest(std::string_view written, std::span<const std::string> candidates) {
  if (written.size() > kMaxNameBytes) return {};
  // Two letters that changed places are two edits.
  std::size_t best = std::min(std::max<std::size_t>(written.size() / 3, 2) + 1, written.size());
  std::string found;
  for (const std::string& candidate : candidates.first(std::min(candidates.size(), kMaxCandidates))) {
    if (candidate.size() > kMaxNameBytes) continue;
    std::size_t edits = distance(written, candidate);
    if (edits < best) {
      best = edits;
      found = candidate;
    }
  }
  return found;
}

std::string did_you_mean(std::string_view written, std::span<const std::string> candidates) {
  std::string found = nearest(written, candidates);
  return found.empty() ? std::string() : "did you mean `" + found + "`?";
}

}  // namespace interlock::cedar
