// Interlock's Cedar engine behind the protocol of bench/cedar/engines.mjs.
//
//   cedar_load DATA BUDGET_MS    answers and times as one JSON object
//   cedar_load DATA --once N     N decisions on ready requests and nothing else, for callgrind
//
// Each decision is timed by itself, and in the order of the data, so that neither a loop over one request nor a mean hides
// what a decision costs. The floor is the same timing around the look-up of the three entities that a request names.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <sstream>
#include <vector>

#include "cedar/cedar.hpp"

using namespace interlock;

namespace {

using Clock = std::chrono::steady_clock;

template <typename T>
T need(Result<T> result) {
  if (result) return std::move(*result);
  std::fprintf(stderr, "cedar_load: %s\n", result.error().text().c_str());
  std::exit(2);
}

cedar::EntityUid uid_at(const json::object& request, std::string_view name) {
  const json::object& uid = *json::object_at(request, name);
  return {std::string(*json::string_at(uid, "type")), std::string(*json::string_at(uid, "id"))};
}

cedar::Request request_from(const json::value& v, cedar::ValueArena& arena) {
  const json::object& request = v.as_object();
  return {uid_at(request, "principal"), uid_at(request, "action"), uid_at(request, "resource"), need(arena.cedar_json(request.at("context")))};
}

struct Data {
  cedar::PolicySet policies;
  cedar::Entities entities;
  std::vector<std::string> texts;
  std::vector<cedar::ValueArena> arenas;
  std::vector<cedar::Request> ready;

  explicit Data(const char* path) {
    std::stringstream text;
    text << std::ifstream(path).rdbuf();
    json::value all = need(json::parse(text.str(), {.size_bytes = std::size_t{64} << 20, .depth = 64}));
    policies = need(cedar::PolicySet::parse({{"bench.cedar", std::string(all.at("policies").as_string())}}));
    entities = need(cedar::Entities::from_json(all.at("entities")));
    for (const json::value& request : all.at("requests").as_array()) {
      texts.push_back(json::write(request));
      arenas.emplace_back();
      ready.push_back(request_from(request, arenas.back()));
    }
  }
};

std::string answer_text(const cedar::Response& response) {
  auto joined = [](std::vector<std::string> ids) {
    std::sort(ids.begin(), ids.end());
    std::string out;
    for (const std::string& id : ids) out += (out.empty() ? "" : ",") + id;
    return out;
  };
  std::vector<std::string> reasons;
  for (const cedar::Policy* policy : response.determining) reasons.push_back(policy->id());
  std::vector<std::string> errors;
  for (const cedar::PolicyError& error : response.errors) errors.push_back(error.policy->id());
  return std::string(response.decision == cedar::Decision::kAllow ? "allow " : "deny ") + joined(reasons) + " !" + joined(errors);
}

template <typename Work>
json::object measure(std::size_t count, Clock::duration budget, Work work) {
  for (std::size_t i = 0; i < count; ++i) work(i);
  std::vector<std::int64_t> samples;
  const auto began = Clock::now();
  while (samples.empty() || Clock::now() - began < budget) {
    for (std::size_t i = 0; i < count; ++i) {
      const auto start = Clock::now();
      work(i);
      samples.push_back((Clock::now() - start).count());
    }
  }
  std::sort(samples.begin(), samples.end());
  return {{"p50", samples[samples.size() / 2]}, {"p99", samples[samples.size() * 99 / 100]}};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return std::fprintf(stderr, "usage: cedar_load DATA BUDGET_MS | DATA --once N\n"), 2;
  Data data(argv[1]);
  const std::size_t count = data.ready.size();
  cedar::Response response;
  if (argc == 4 && std::strcmp(argv[2], "--once") == 0) {
    for (std::size_t i = 0; i < static_cast<std::size_t>(std::atoi(argv[3])); ++i) authorize(data.policies, data.ready[i % count], data.entities, response);
    return 0;
  }
  const Clock::duration budget = std::chrono::milliseconds(std::atoi(argv[2]));
  json::array answers;
  for (const cedar::Request& request : data.ready) answers.emplace_back(answer_text(authorize(data.policies, request, data.entities)));
  volatile bool sink = false;
  json::object floor = measure(count, budget, [&](std::size_t i) {
    const cedar::Request& request = data.ready[i];
    sink = data.entities.contains(request.principal) & data.entities.contains(request.action) & data.entities.contains(request.resource);
  });
  json::object ready = measure(count, budget, [&](std::size_t i) { authorize(data.policies, data.ready[i], data.entities, response); });
  cedar::ValueArena arena;
  json::object from_json = measure(count, budget, [&](std::size_t i) {
    json::value parsed = need(json::parse(data.texts[i]));
    arena.clear();
    authorize(data.policies, request_from(parsed, arena), data.entities, response);
  });
  std::cout << json::write(json::object{{"answers", std::move(answers)}, {"floor", std::move(floor)}, {"ready", std::move(ready)}, {"json", std::move(from_json)}}) << '\n';
  return 0;
}
