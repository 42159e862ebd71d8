// Server-Sent Events: the standard's own examples, every split of the stream, bounds, and what is written is read back.
#include "net/sse.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace interlock::net {
namespace {

// "event|data|id|retry" of each event.
std::vector<std::string> read(std::string_view stream, std::size_t piece, std::size_t bound = 1 << 20) {
  SseParser parser(bound);
  std::vector<std::string> out;
  for (std::size_t at = 0; at < stream.size(); at += piece) {
    const auto fed = parser.feed(stream.substr(at, piece), [&](const SseEvent& event) {
      out.push_back(event.event + "|" + event.data + "|" + event.id.value_or("-") + "|" +
                    (event.retry_ms ? std::to_string(*event.retry_ms) : "-"));
    });
    if (!fed) {
      out.push_back(std::string(error_code_name(fed.error().code)));
      break;
    }
  }
  return out;
}

TEST(SseParser, ReadsStreamsHoweverTheyAreSplit) {
  const struct {
    const char* name;
    std::string stream;
    std::vector<std::string> events;
  } rows[] = {
      {"the standard's stocks", "data: YHOO\ndata: +2\ndata: 10\n\n", {"|YHOO\n+2\n10|-|-"}},
      {"the standard's comment, id and spaces",
       ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
       {"|first event|1|-", "|second event||-", "| third event|-|-"}},
      {"the standard's empty data", "data\n\ndata\ndata\n\ndata:", {"||-|-", "|\n|-|-"}},
      {"a space after the colon or none", "data:test\n\ndata: test\n\n", {"|test|-|-", "|test|-|-"}},
      {"CR alone", "data: a\rdata: b\r\r", {"|a\nb|-|-"}},
      {"CR LF", "event: e\r\ndata: a\r\n\r\n", {"e|a|-|-"}},
      {"all line ends mixed", "data: a\r\ndata: b\rdata: c\n\r\n", {"|a\nb\nc|-|-"}},
      {"a byte order mark",
       "\xef\xbb\xbf"
       "data: a\n\n",
       {"|a|-|-"}},
      {"a byte order mark later is text",
       "data: a\n\n\xef\xbb\xbf"
       "data: b\n\n",
       {"|a|-|-"}},
      {"retry", "retry: 250\ndata: a\n\nretry: x\ndata: b\n\nretry: -1\ndata: c\n\n", {"|a|-|250", "|b|-|-", "|c|-|-"}},
      {"an id alone", "id: 7\n\n", {"||7|-"}},
      {"an id with NUL is ignored", std::string("id: a\0b\ndata: x\n\n", 17), {"|x|-|-"}},
      {"unknown fields", "colour: red\ndata: a\n\n", {"|a|-|-"}},
      {"an event cut short is not handed out", "data: a\n\ndata: b\n", {"|a|-|-"}},
      {"an event name without data", "event: e\n\ndata: a\n\n", {"|a|-|-"}},
  };
  for (const auto& row : rows) {
    for (std::size_t piece = 1; piece <= row.stream.size(); ++piece)
      EXPECT_EQ(read(row.stream, piece), row.events) << row.name << " in pieces of " << piece;
  }
}

TEST(SseParser, RefusesLinesAndEventsOverItsBound) {
  EXPECT_EQ(read("data: " + std::string(100, 'a') + "\n\n", 7, 50).back(), "too_large");
  std::string many;
  for (int i = 0; i < 100; ++i) many += "data: a\n";
  EXPECT_EQ(read(many + "\n", 7, 50).back(), "too_large");
  EXPECT_EQ(read("data: " + std::string(20, 'a') + "\n\n", 7, 50).size(), 1U);
}

TEST(SseEvent, IsReadBackAsItWasWritten) {
  for (const std::string data : {"", "a", "{\"a\":1}", "a\nb", "a\n\nb\n", "\n", " leading", ": colon", "data: x"}) {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{1000}}) {
      EXPECT_EQ(read(sse_event(data, "message", "id-1"), piece), (std::vector<std::string>{"message|" + data + "|id-1|-"})) << data;
    }
  }
  EXPECT_EQ(read(sse_event("a\r\nb\rc", "e"), 1), (std::vector<std::string>{"e|a\nb\nc|-|-"}));
  EXPECT_TRUE(read(sse_comment("waiting"), 1).empty());
}

}  // namespace
}  // namespace interlock::net
