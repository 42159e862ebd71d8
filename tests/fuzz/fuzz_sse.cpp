// Server-Sent Events: a stream gives the same events however it is split, and an event that is written is read back.
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "net/sse.hpp"

namespace {

using namespace interlock::net;
constexpr std::size_t kEventBytes = 4096;

bool same(const SseEvent& a, const SseEvent& b) {
  return a.event == b.event && a.data == b.data && a.id == b.id && a.retry_ms == b.retry_ms;
}

// `splits` gives the sizes of the pieces in turn; empty: all at once.
std::vector<SseEvent> read(std::string_view stream, std::string_view splits, bool& failed) {
  SseParser parser(kEventBytes);
  std::vector<SseEvent> out;
  std::size_t turn = 0;
  while (!stream.empty()) {
    const auto piece = splits.empty() ? stream.size() : std::size_t{1} + static_cast<std::uint8_t>(splits[turn++ % splits.size()]) % 32;
    const auto fed = parser.feed(stream.substr(0, piece), [&](SseEvent event) { out.push_back(std::move(event)); });
    if (!fed) {
      failed = true;
      break;
    }
    stream.remove_prefix(std::min(piece, stream.size()));
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto splits = bytes.substr(0, std::min<std::size_t>(4, bytes.size()));
  const auto stream = bytes.substr(splits.size());
  bool failed_whole = false, failed_split = false;
  const auto whole = read(stream, {}, failed_whole);
  const auto split = read(stream, splits, failed_split);
  if (failed_whole != failed_split || whole.size() != split.size()) std::abort();
  for (std::size_t i = 0; i < whole.size(); ++i) {
    if (!same(whole[i], split[i])) std::abort();
  }
  // CR and LF both end a line, so data is read back with LF for each.
  if (stream.size() < kEventBytes / 2 && stream.find('\r') == std::string_view::npos) {
    bool failed = false;
    const auto written = sse_event(stream, "message");
    const auto again = read(written, splits, failed);
    if (failed || again.size() != 1 || again[0].data != stream || again[0].event != "message") std::abort();
  }
  return 0;
}
