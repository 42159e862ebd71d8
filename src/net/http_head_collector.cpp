#include "net/http_head_collector.hpp"

#include <algorithm>

namespace interlock::net {

HeadCollector::Found HeadCollector::feed(std::string_view bytes, std::size_t limit_bytes, std::size_t& used) {
  const auto before = pending_.size();
  head_ = bytes;
  if (before > 0) {
    pending_.append(bytes);
    head_ = pending_;
  }
  const auto found = scanner_.scan(head_.substr(0, std::min(head_.size(), limit_bytes)));
  used = bytes.size();
  if (found == HeadScanner::Found::kBad) return Found::kBad;
  if (found == HeadScanner::Found::kEnd) {
    head_ = head_.substr(0, scanner_.size());
    used = scanner_.size() - before;
    return Found::kEnd;
  }
  if (head_.size() >= limit_bytes) return Found::kTooLong;
  if (before == 0) pending_.assign(bytes);
  return Found::kMore;
}

void HeadCollector::restart() {
  scanner_ = {};
  if (!pending_.empty()) std::string().swap(pending_);
}

}  // namespace interlock::net
