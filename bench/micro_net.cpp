// What HTTP framing costs: one request and one response read from memory, beside Beast's own message parsers, which check less
// and allocate their fields otherwise; and the heads that are written.
#include <benchmark/benchmark.h>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "net/http_flow.hpp"
#include "net/http_request_reader.hpp"
#include "net/http_response_reader.hpp"
#include "net/http_writer.hpp"
#include "net/sse.hpp"

namespace {

using namespace interlock::net;
namespace beast_http = boost::beast::http;

std::string request_of(std::size_t body_bytes) {
  return "POST /mcp/files HTTP/1.1\r\nHost: 127.0.0.1:7420\r\nContent-Type: application/json\r\nAccept: application/json, "
         "text/event-stream\r\nMCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\n"
         "Mcp-Name: read_file\r\nUser-Agent: claude-code/3.1\r\nContent-Length: " +
         std::to_string(body_bytes) + "\r\n\r\n" + std::string(body_bytes, 'x');
}
std::string response_of(std::size_t body_bytes) {
  return "HTTP/1.1 200 OK\r\nDate: Tue, 24 Nov 2026 20:00:00 GMT\r\nContent-Type: application/json\r\nContent-Length: " +
         std::to_string(body_bytes) + "\r\n\r\n" + std::string(body_bytes, 'x');
}

void read_request(benchmark::State& state) {
  const auto bytes = request_of(static_cast<std::size_t>(state.range(0)));
  RequestReader reader(32 * 1024, std::size_t{16} << 20);
  for (auto _ : state) {
    reader.feed(bytes);
    benchmark::DoNotOptimize(reader.take());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes.size()) * state.iterations());
}
BENCHMARK(read_request)->Arg(300)->Arg(64 * 1024);

void read_request_beast(benchmark::State& state) {
  const auto bytes = request_of(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    beast_http::request_parser<beast_http::string_body> parser;
    parser.eager(true);
    boost::beast::error_code ec;
    parser.put(boost::asio::buffer(bytes), ec);
    benchmark::DoNotOptimize(parser.release());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes.size()) * state.iterations());
}
BENCHMARK(read_request_beast)->Arg(300)->Arg(64 * 1024);

struct Discard final : ResponseSink {
  bool on_response_head(int, Headers headers) override {
    benchmark::DoNotOptimize(headers);
    return true;
  }
  bool on_response_data(std::string_view chunk) override {
    benchmark::DoNotOptimize(chunk.data());
    return true;
  }
};

void read_response(benchmark::State& state) {
  const auto bytes = response_of(static_cast<std::size_t>(state.range(0)));
  Discard sink;
  for (auto _ : state) {
    ResponseReader reader(64 * 1024, false, sink);
    benchmark::DoNotOptimize(reader.feed(bytes));
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes.size()) * state.iterations());
}
BENCHMARK(read_response)->Arg(300)->Arg(64 * 1024);

// As a proxy reads both: the head taken apart for who comes next, the body where it lies.
void flow_request(benchmark::State& state) {
  const auto bytes = request_of(static_cast<std::size_t>(state.range(0)));
  RequestFlow flow(64 * 1024);
  for (auto _ : state) {
    std::string_view rest = bytes;
    std::string_view data;
    while (!rest.empty()) rest.remove_prefix(flow.feed(rest, data));
    benchmark::DoNotOptimize(flow.parts());
    flow.next();
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes.size()) * state.iterations());
}
BENCHMARK(flow_request)->Arg(300)->Arg(64 * 1024);

void flow_response(benchmark::State& state) {
  const auto bytes = response_of(static_cast<std::size_t>(state.range(0)));
  ResponseFlow flow(64 * 1024);
  for (auto _ : state) {
    flow.expect(false, {});
    std::string_view rest = bytes;
    std::string_view data;
    while (!rest.empty()) rest.remove_prefix(flow.feed(rest, data));
    benchmark::DoNotOptimize(flow.parts());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes.size()) * state.iterations());
}
BENCHMARK(flow_response)->Arg(300)->Arg(64 * 1024);

void write_head(benchmark::State& state) {
  const Headers headers{{"Content-Type", "application/json"}, {"Mcp-Session-Id", "0123456789abcdef0123456789abcdef"}};
  for (auto _ : state) {
    std::string out;
    out.reserve(256);
    write_response_head(out, {.status = 200, .headers = headers, .framing = Framing::kLength, .length = 300});
    benchmark::DoNotOptimize(out);
  }
}
BENCHMARK(write_head);

void read_events(benchmark::State& state) {
  const auto event = sse_event(std::string(static_cast<std::size_t>(state.range(0)), 'x'), "message");
  SseParser parser;
  for (auto _ : state) benchmark::DoNotOptimize(parser.feed(event, [](const SseEvent& got) { benchmark::DoNotOptimize(got.data.data()); }));
  state.SetBytesProcessed(static_cast<std::int64_t>(event.size()) * state.iterations());
}
BENCHMARK(read_events)->Arg(300)->Arg(64 * 1024);

}  // namespace
