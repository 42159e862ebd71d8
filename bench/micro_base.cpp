// What reading and writing one tools/call costs: the house's strict JSON beside Boost.JSON's own parser, which checks less.
#include <benchmark/benchmark.h>

#include <boost/json/parse.hpp>

#include "base/hash.hpp"
#include "base/json.hpp"

namespace {

std::string call_of(std::size_t bytes) {
  return R"({"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"write_file","arguments":{"path":"/work/notes.txt","content":")" +
         std::string(bytes, 'x') + R"("},"_meta":{"progressToken":3}}})";
}

void parse_strict(benchmark::State& state) {
  const auto text = call_of(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(interlock::json::parse(text));
  state.SetBytesProcessed(static_cast<std::int64_t>(text.size()) * state.iterations());
}
BENCHMARK(parse_strict)->Arg(32)->Arg(16 * 1024);

void parse_boost(benchmark::State& state) {
  const auto text = call_of(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(boost::json::parse(text));
  state.SetBytesProcessed(static_cast<std::int64_t>(text.size()) * state.iterations());
}
BENCHMARK(parse_boost)->Arg(32)->Arg(16 * 1024);

void write_compact(benchmark::State& state) {
  const auto value = interlock::json::parse(call_of(static_cast<std::size_t>(state.range(0))));
  for (auto _ : state) benchmark::DoNotOptimize(interlock::json::write(*value));
}
BENCHMARK(write_compact)->Arg(32)->Arg(16 * 1024);

void write_canonical_and_hash(benchmark::State& state) {
  const auto value = interlock::json::parse(call_of(static_cast<std::size_t>(state.range(0))));
  for (auto _ : state) benchmark::DoNotOptimize(interlock::sha256(interlock::json::write_canonical(*value)));
}
BENCHMARK(write_canonical_and_hash)->Arg(32)->Arg(16 * 1024);

}  // namespace
