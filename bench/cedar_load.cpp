// Interlock's Cedar engine behind the protocol of bench/cedar/engines.mjs.
//
//   cedar_load DATA BUDGET_MS    answers and times as one JSON object
//   cedar_load DATA --once N     N decisions on ready requests and nothing else, for callgrind; --slices: as a gate asks
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
#include <map>
#include <memory>
#include <new>
#include <sstream>
#include <vector>

#include "cedar/cedar.hpp"
#include "cedar/slice.hpp"

using namespace interlock;

namespace {

std::size_t allocations = 0;  // of this process so far

}  // namespace

// Out of line: inlined, the pair looks mismatched to the compiler.
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  std::abort();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

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
  return {uid_at(request, "principal"), uid_at(request, "action"), uid_at(request, "resource"),
          need(arena.cedar_json(request.at("context")))};
}

struct Data {
  cedar::PolicySet policies;
  cedar::Entities entities;
  std::vector<std::string> texts;
  std::vector<cedar::ValueArena> arenas;
  std::vector<cedar::Request> ready;
  json::value all;

  explicit Data(const char* path) {
    std::stringstream text;
    text << std::ifstream(path).rdbuf();
    all = need(json::parse(text.str(), {.size_bytes = std::size_t{64} << 20, .depth = 64}));
    policies = need(cedar::PolicySet::parse({{"bench.cedar", std::string(all.at("policies").as_string())}}));
    entities = need(cedar::Entities::from_json(all.at("entities")));
    for (const json::value& request : all.at("requests").as_array()) {
      texts.push_back(json::write(request));
      arenas.emplace_back();
      ready.push_back(request_from(request, arenas.back()));
    }
  }
};

// Requests as a gate makes them: each brings its three entities along, and no store stands behind.
class Slices {
 public:
  Slices(const Data& data, const json::array& entities) {
    for (const json::value& entity : entities) by_name_[name_of(entity.at("uid").as_object())] = &entity.as_object();
    for (const cedar::Request& request : data.ready) {
      slices_.push_back({entity(request.principal), entity(request.action), entity(request.resource), request.context});
    }
  }
  const std::vector<cedar::RequestSlice>& all() const { return slices_; }

 private:
  static std::string name_of(const json::object& uid) {
    return std::string(*json::string_at(uid, "type")) + "::" + std::string(*json::string_at(uid, "id"));
  }

  cedar::SliceEntity entity(const cedar::EntityUid& uid) {
    const json::object* known = find(uid.type() + "::" + uid.id());
    std::vector<cedar::NameView>& ancestors = *kept_.emplace_back(std::make_unique<std::vector<cedar::NameView>>());
    if (known != nullptr) gather(*known, ancestors);
    return {{uid.type(), uid.id()}, known == nullptr ? cedar::Value{} : need(arena_.cedar_json(known->at("attrs"))), ancestors};
  }

  void gather(const json::object& entity, std::vector<cedar::NameView>& ancestors) {
    for (const json::value& v : entity.at("parents").as_array()) {
      const json::object& parent = v.as_object();
      ancestors.push_back({*json::string_at(parent, "type"), *json::string_at(parent, "id")});
      if (const json::object* above = find(name_of(parent)); above != nullptr) gather(*above, ancestors);
    }
  }

  const json::object* find(const std::string& name) const {
    auto at = by_name_.find(name);
    return at == by_name_.end() ? nullptr : at->second;
  }

  std::map<std::string, const json::object*> by_name_;
  std::vector<std::unique_ptr<std::vector<cedar::NameView>>> kept_;
  cedar::ValueArena arena_;
  std::vector<cedar::RequestSlice> slices_;
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
  // The gate's way only fits where policies read no entity but the request's own.
  const json::value* self_contained = json::find(data.all, "sliced");
  std::unique_ptr<Slices> slices;
  if (self_contained != nullptr && self_contained->as_bool()) slices = std::make_unique<Slices>(data, data.all.at("entities").as_array());
  if (argc >= 4 && std::strcmp(argv[2], "--once") == 0) {
    const bool sliced = argc == 5 && slices != nullptr;
    for (std::size_t i = 0; i < static_cast<std::size_t>(std::atoi(argv[3])); ++i) {
      if (sliced) authorize(data.policies, slices->all()[i % count], response);
      else authorize(data.policies, data.ready[i % count], data.entities, response);
    }
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
  const std::size_t before = allocations;
  for (const cedar::Request& request : data.ready) authorize(data.policies, request, data.entities, response);
  if (slices != nullptr) {
    for (const cedar::RequestSlice& slice : slices->all()) authorize(data.policies, slice, response);
  }
  const std::size_t allocated = allocations - before;
  json::object alone =
      measure(count, budget, [&](std::size_t i) { sink = decide(data.policies, data.ready[i], data.entities) == cedar::Decision::kAllow; });
  json::object out{{"floor", std::move(floor)}, {"ready", std::move(ready)}, {"alone", std::move(alone)}, {"allocations", allocated}};
  if (slices != nullptr) {
    json::array sliced_answers;
    for (const cedar::RequestSlice& slice : slices->all()) {
      authorize(data.policies, slice, response);
      sliced_answers.emplace_back(answer_text(response));
    }
    if (sliced_answers != answers) return std::fprintf(stderr, "cedar_load: a slice is decided otherwise than its request\n"), 1;
    out["sliced"] = measure(count, budget, [&](std::size_t i) { authorize(data.policies, slices->all()[i], response); });
  }
  cedar::ValueArena arena;
  out["json"] = measure(count, budget, [&](std::size_t i) {
    json::value parsed = need(json::parse(data.texts[i]));
    arena.clear();
    authorize(data.policies, request_from(parsed, arena), data.entities, response);
  });
  out["answers"] = std::move(answers);
  std::cout << json::write(out) << '\n';
  return 0;
}
