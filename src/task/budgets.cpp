#include "task/budgets.hpp"

#include <algorithm>

#include "base/json.hpp"
#include "task/scope.hpp"

namespace interlock::task {
namespace {

constexpr std::string_view kBucket = "task-budgets";
constexpr std::int64_t kShare = 8;
constexpr std::int64_t kMostCalls = 256;  // of a block: what a gate that dies may lose
constexpr int kTries = 32;

std::string text_of(const Budgets::Used& used) { return json::write(json::object{{"calls", used.calls}, {"spend", used.spend_micros}}); }

Result<Budgets::Used> read(const store::Entry& entry) {
  const auto document = json::parse(entry.value);
  const auto* o = document ? document->if_object() : nullptr;
  const auto calls = o == nullptr ? std::nullopt : json::int_at(*o, "calls");
  const auto spend = o == nullptr ? std::nullopt : json::int_at(*o, "spend");
  if (!calls || !spend) return fail(ErrorCode::kInvalid, "what is used of a task's budget is damaged in the store");
  return Budgets::Used{*calls, *spend};
}

}  // namespace

Result<Budgets::Used> Budgets::used(const std::string& task) const {
  auto entry = store_.get(kBucket, task);
  if (!entry) return fail(std::move(entry.error()));
  return *entry ? read(**entry) : Used{};
}

Status Budgets::open(const std::string& task) {
  auto written = store_.compare_and_set(kBucket, task, text_of({}), store::kAbsent);
  if (!written) return fail(std::move(written.error()));
  return {};
}

template <typename Change>
Status Budgets::change(const std::string& task, const Change& change) {
  for (int i = 0; i < kTries; ++i) {
    auto entry = store_.get(kBucket, task);
    if (!entry) return fail(std::move(entry.error()));
    if (!*entry) return fail(ErrorCode::kDenied, "task " + task + " has ended, and its budget with it", "begin a new task");
    auto used = read(**entry);
    if (!used) return fail(std::move(used.error()));
    if (auto changed = change(*used); !changed) return changed;
    auto written = store_.compare_and_set(kBucket, task, text_of(*used), (*entry)->revision);
    if (written) return {};
    if (written.error().code != ErrorCode::kConflict) return fail(std::move(written.error()));
  }
  return fail(ErrorCode::kUnavailable, "the budget of task " + task + " is changed by other gates all the time", "try again");
}

Result<std::int64_t> Budgets::claim_calls(const std::string& task, std::int64_t budget) {
  std::int64_t block = 0;
  auto changed = change(task, [&](Used& used) -> Status {
    const auto left = budget - used.calls;
    if (left <= 0) {
      return fail(ErrorCode::kDenied, "task " + task + " has used up its budget of " + std::to_string(budget) + " calls",
                  "ask for more, or begin a new task");
    }
    block = std::clamp<std::int64_t>(left / kShare, 1, kMostCalls);
    used.calls += block;
    return {};
  });
  if (!changed) return fail(std::move(changed.error()));
  return block;
}

Status Budgets::take_spend(const std::string& task, std::int64_t budget, std::int64_t micros) {
  return change(task, [&](Used& used) -> Status {
    if (micros > 0 && micros > budget - used.spend_micros) {
      return fail(ErrorCode::kDenied,
                  "the act spends " + money_text(micros) + ", and task " + task + " has " +
                      money_text(std::max<std::int64_t>(budget - used.spend_micros, 0)) + " of " + money_text(budget) + " left",
                  "ask for more, or begin a new task");
    }
    used.spend_micros += micros;
    return {};
  });
}

void Budgets::forget(const std::string& task, store::Store& quick) { (void)quick.remove(kBucket, task); }

}  // namespace interlock::task
