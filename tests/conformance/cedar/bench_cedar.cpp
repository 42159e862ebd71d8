// What a decision costs on policies such as a gateway has: per-tool permits, forbids on arguments, effects and labels.
//
//   bench_cedar              p50 and p99 in nanoseconds for sets of 10 to 10,000 policies
//   bench_cedar --once N     N decisions on 50 policies and nothing else, for callgrind
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "cedar/cedar.hpp"

using namespace interlock;
using namespace interlock::cedar;

namespace {

std::string gateway_policies(int count) {
  std::string text = R"(
    forbid (principal, action in Action::"delete", resource) unless { context.approved };
    forbid (principal, action, resource) when { context has args.path && context.args.path like "*/.ssh/*" };
    forbid (principal, action in Action::"send", resource) when { context.flow.labels.contains("secret") };
    forbid (principal, action, resource) when { context.task.calls > 1000 };
    forbid (principal, action in [Action::"admin", Action::"execute"], resource) when { context.band >= 3 && !context.approved };
  )";
  for (int i = 5; i < count; ++i) {
    text += "permit (principal is Agent, action == Action::\"server" + std::to_string(i % 7) + "/tool" + std::to_string(i) +
            "\", resource in Server::\"server" + std::to_string(i % 7) +
            "\") when { context.args.path like \"/work/*\" && context.band <= 1 };\n";
  }
  return text;
}

struct Bench {
  PolicySet policies;
  Entities base;
  json::value arguments = *json::parse(R"({"path": "/work/src/main.cpp", "content": "int main() {}", "mode": 420})");
  ValueArena arena;
  Response response;

  explicit Bench(int count) {
    auto parsed = PolicySet::parse({{"gateway.cedar", gateway_policies(count)}});
    if (!parsed) std::printf("%s\n", parsed.error().text().c_str()), std::exit(1);
    policies = *parsed;
    EntitiesBuilder builder;
    builder.add({"Human", "ada"}, arena.record({{"team", arena.string("tools")}}));
    builder.add({"Agent", "claude"}, arena.record({{"owner", arena.entity("Human", "ada")}}), {{"Human", "ada"}});
    for (int i = 5; i < count; ++i)
      builder.add({"Action", "server" + std::to_string(i % 7) + "/tool" + std::to_string(i)}, {}, {{"Action", "write"}});
    for (int i = 0; i < 7; ++i) builder.add({"Server", "server" + std::to_string(i)});
    base = *builder.build();
  }

  Value context() {
    arena.clear();
    return arena.record({{"args", Value::json(arguments)},
                         {"approved", Value::boolean(false)},
                         {"band", Value::integer(1)},
                         {"task", arena.record({{"calls", Value::integer(12)}})},
                         {"flow", arena.record({{"labels", arena.set({Value::borrowed("user"), Value::borrowed("trusted")})}})},
                         {"now", Value::datetime_ms(1'700'000'000'000)}});
  }

  Request request() { return {{"Agent", "claude"}, {"Action", "server5/tool5"}, {"File", "/work/src/main.cpp"}, {}}; }
};

std::uint64_t now_ns() {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count());
}

template <typename Work>
void measure(const char* what, int policies, Work work) {
  constexpr int kRounds = 2000;
  constexpr int kBatch = 20;
  std::vector<double> samples;
  for (int i = 0; i < kRounds; ++i) {
    std::uint64_t start = now_ns();
    for (int j = 0; j < kBatch; ++j) work();
    samples.push_back(static_cast<double>(now_ns() - start) / kBatch);
  }
  std::sort(samples.begin(), samples.end());
  std::printf("%-34s %6d policies  p50 %8.0f ns  p99 %8.0f ns\n", what, policies, samples[samples.size() / 2],
              samples[samples.size() * 99 / 100]);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::strcmp(argv[1], "--once") == 0) {
    Bench bench(50);
    Request request = bench.request();
    request.context = bench.context();
    for (int i = std::atoi(argv[2]); i > 0; --i) authorize(bench.policies, request, bench.base, bench.response);
    return 0;
  }
  for (int count : {10, 50, 100, 1000, 10'000}) {
    Bench bench(count);
    Request request = bench.request();
    request.context = bench.context();
    EntitiesBuilder builder(bench.base);
    builder.add(request.resource, {}, {{"Server", "server5"}});
    Entities layered = *builder.build();
    authorize(bench.policies, request, layered, bench.response);
    if (bench.response.decision != Decision::kAllow || !bench.response.errors.empty()) std::printf("unexpected decision\n"), std::exit(1);
    measure("decision, all ready", count, [&] { authorize(bench.policies, request, layered, bench.response); });
    measure("with context built", count, [&] {
      request.context = bench.context();
      authorize(bench.policies, request, layered, bench.response);
    });
    measure("with context, layer and uids built", count, [&] {
      Request fresh = bench.request();
      fresh.context = bench.context();
      EntitiesBuilder layer(bench.base);
      layer.add(fresh.resource, {}, {{"Server", "server5"}});
      Entities entities = *layer.build();
      authorize(bench.policies, fresh, entities, bench.response);
    });
  }
  return 0;
}
