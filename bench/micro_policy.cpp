// What a decision costs under the preset `balanced`: nanoseconds and heap allocations, beside the bare Cedar question in it.
#include <benchmark/benchmark.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "cedar/slice.hpp"
#include "policy/policy_engine.hpp"

static std::atomic<std::size_t> allocations{0};

// Not inlined: g++ 12 takes a malloc that it sees through `new` for a mismatch.
[[gnu::noinline]] void* operator new(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace {

using namespace interlock;
using model::Band;
using model::Effect;

struct Asked {
  model::Subject subject{.id = "agent-with-a-long-name",
                         .owner = "ana@example.com",
                         .assurance = model::Assurance::kKernel,
                         .client = "claude-code 2.1",
                         .attributes = {{"uid", 1000}},
                         .chain = {},
                         .scopes = {},
                         .credential = "token",
                         .workload = {}};
  model::Task task{.id = "task_0123456789",
                   .purpose = "",
                   .band_ceiling = Band::kCritical,
                   .started_ms = 1,
                   .expires_ms = 2,
                   .calls = 1,
                   .calls_last_minute = 1};
  model::ActionRequest request{.surface = "mcp",
                               .server = "files",
                               .operation = "tools/call",
                               .target = "read_text_file",
                               .args = json::object{{"path", "/work/project/src/deep/inside/a.txt"}},
                               .trace_parent = {}};
  model::Classification classification{.action = "filesystem/read_text_file",
                                       .effects = {Effect::kRead},
                                       .band = Band::kRoutine,
                                       .resource = {"File", "/work/project/src/deep/inside/a.txt"},
                                       .containers = {{"Folder", "/work/project/src/deep/inside"},
                                                      {"Folder", "/work/project/src/deep"},
                                                      {"Folder", "/work/project/src"},
                                                      {"Folder", "/work/project"},
                                                      {"Folder", "/work"},
                                                      {"Folder", "/"}},
                                       .known = true,
                                       .result_trusted = false,
                                       .sensitive_args = {},
                                       .further_resources = {},
                                       .private_realm = {},
                                       .parts = {}};
  policy::Input input() const {
    return {.subject = subject, .task = &task, .request = request, .classification = classification, .approved = false, .now_ms = 3};
  }
};

std::shared_ptr<const policy::PolicyEngine> balanced(int own_policies = 0) {
  auto sources = *policy::preset_sources("balanced");
  std::string own;
  for (int i = 0; i < own_policies; ++i) {
    own += "permit (principal, action == Action::\"server" + std::to_string(i) +
           "/tool\", resource) when { context.args has path && context.args.path like \"/work/*\" };\n";
  }
  sources.push_back({"own.cedar", own});
  return *policy::PolicyEngine::load(sources, {.observe = false, .workspace = {"/work/project"}});
}

void measure(benchmark::State& state, const policy::PolicyEngine& engine, const Asked& asked) {
  benchmark::DoNotOptimize(engine.decide(asked.input()));  // warms what a thread keeps
  const std::size_t before = allocations;
  for (auto _ : state) benchmark::DoNotOptimize(engine.decide(asked.input()));
  state.counters["allocations"] = benchmark::Counter(static_cast<double>(allocations - before), benchmark::Counter::kAvgIterations);
}

void decide_read(benchmark::State& state) { measure(state, *balanced(), Asked{}); }
BENCHMARK(decide_read);

void decide_write(benchmark::State& state) {
  Asked asked;
  asked.classification.effects = {Effect::kWrite};
  measure(state, *balanced(), asked);
}
BENCHMARK(decide_write);

void decide_step_up(benchmark::State& state) {
  Asked asked;
  asked.classification.effects = {Effect::kDelete};
  asked.classification.band = Band::kSensitive;
  measure(state, *balanced(), asked);
}
BENCHMARK(decide_step_up);

void decide_read_beside_own_policies(benchmark::State& state) { measure(state, *balanced(static_cast<int>(state.range(0))), Asked{}); }
BENCHMARK(decide_read_beside_own_policies)->Arg(100)->Arg(10'000);

void may_ever(benchmark::State& state) {
  const auto engine = balanced();
  const Asked asked;
  for (auto _ : state) benchmark::DoNotOptimize(engine->may_ever(asked.input()));
}
BENCHMARK(may_ever);

// The floor: the same policies and names asked of Cedar alone, everything prepared.
void bare_cedar(benchmark::State& state) {
  const auto sources = *policy::preset_sources("balanced");
  const auto set = *cedar::PolicySet::parse({{sources[0].name, sources[0].text}});
  cedar::ValueArena arena;
  const cedar::NameView groups[] = {{"Action", "read"}, {"Action", "mcp"}};
  const cedar::NameView folders[] = {{"Folder", "/work/project"}, {"Folder", "/work"}, {"Folder", "/"}, {"Workspace", "default"}};
  const cedar::RequestSlice slice{
      .principal = {{"Agent", "a"}, {}, {}},
      .action = {{"Action", "filesystem/read_text_file"}, {}, groups},
      .resource = {{"File", "/work/project/a"}, {}, folders},
      .context = arena.record(
          {{"known", cedar::Value::boolean(true)}, {"band", cedar::Value::integer(1)}, {"approved", cedar::Value::boolean(false)}})};
  cedar::Response response;
  for (auto _ : state) {
    cedar::authorize(set, slice, response);
    benchmark::DoNotOptimize(response.decision);
  }
}
BENCHMARK(bare_cedar);

}  // namespace
