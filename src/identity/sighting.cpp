#include "identity/sighting.hpp"

#include <algorithm>

#include "identity/registry.hpp"

namespace interlock::identity {
namespace {

void put_latest_first(std::vector<SeenWorkload>& workloads) {
  std::stable_sort(workloads.begin(), workloads.end(), [](const auto& a, const auto& b) { return a.last_ms > b.last_ms; });
  if (workloads.size() > kRememberedWorkloads) workloads.resize(kRememberedWorkloads);
}

}  // namespace

bool Sighting::note(const model::Subject& subject, UnixMs now_ms) {
  bool news = first_ms == 0 || (subject.inherited && !inherited);
  if (first_ms == 0) first_ms = now_ms;
  last_ms = std::max(last_ms, now_ms);
  inherited = inherited || subject.inherited;
  if (owner != subject.owner) owner = subject.owner;
  if (const auto name = model::assurance_name(subject.assurance); assurance != name) assurance = name;
  if (subject.workload.empty()) return news;
  const auto found =
      std::find_if(workloads.begin(), workloads.end(), [&](const SeenWorkload& one) { return one.fingerprint == subject.workload; });
  if (found == workloads.end()) {
    workloads.insert(workloads.begin(), {.fingerprint = subject.workload, .first_ms = now_ms, .last_ms = now_ms});
    if (workloads.size() > kRememberedWorkloads) workloads.pop_back();
    return true;
  }
  found->last_ms = now_ms;
  std::rotate(workloads.begin(), found, found + 1);
  return news;
}

void Sighting::merge(const Sighting& other) {
  if (first_ms == 0 || (other.first_ms != 0 && other.first_ms < first_ms)) first_ms = other.first_ms;
  inherited = inherited || other.inherited;
  if (other.last_ms > last_ms) {
    last_ms = other.last_ms;
    owner = other.owner;
    assurance = other.assurance;
  }
  for (const auto& theirs : other.workloads) {
    const auto found =
        std::find_if(workloads.begin(), workloads.end(), [&](const SeenWorkload& one) { return one.fingerprint == theirs.fingerprint; });
    if (found == workloads.end()) {
      workloads.push_back(theirs);
      continue;
    }
    found->first_ms = std::min(found->first_ms, theirs.first_ms);
    found->last_ms = std::max(found->last_ms, theirs.last_ms);
  }
  put_latest_first(workloads);
}

bool Sighting::is_shared() const {
  for (std::size_t i = 0; i < workloads.size(); ++i) {
    for (std::size_t j = i + 1; j < workloads.size(); ++j) {
      const auto& a = workloads[i];
      const auto& b = workloads[j];
      if (a.first_ms < b.last_ms && b.first_ms < a.last_ms) return true;
    }
  }
  return false;
}

std::string to_text(const Sighting& sighting) {
  json::array workloads;
  for (const auto& one : sighting.workloads) {
    workloads.push_back(json::object{{"fingerprint", one.fingerprint}, {"first", one.first_ms}, {"last", one.last_ms}});
  }
  return json::write(json::object{{"id", sighting.id},
                                  {"owner", sighting.owner},
                                  {"assurance", sighting.assurance},
                                  {"inherited", sighting.inherited},
                                  {"first", sighting.first_ms},
                                  {"last", sighting.last_ms},
                                  {"workloads", std::move(workloads)}});
}

Result<Sighting> read_sighting(std::string_view text) {
  auto document = json::parse(text, {.size_bytes = 64 * 1024, .depth = 8});
  if (!document) return fail(std::move(document.error()));
  const auto* object = document->if_object();
  const auto id = object == nullptr ? std::nullopt : json::string_at(*object, "id");
  if (!id) return fail(ErrorCode::kInvalid, "a record of the agent registry names no agent");
  Sighting out;
  out.id = *id;
  out.owner = json::string_at(*object, "owner").value_or("");
  out.assurance = json::string_at(*object, "assurance").value_or("");
  out.inherited = json::bool_at(*object, "inherited");
  out.first_ms = json::int_at(*object, "first").value_or(0);
  out.last_ms = json::int_at(*object, "last").value_or(0);
  if (const auto* workloads = json::array_at(*object, "workloads")) {
    for (const auto& item : *workloads) {
      const auto* one = item.if_object();
      const auto fingerprint = one == nullptr ? std::nullopt : json::string_at(*one, "fingerprint");
      if (!fingerprint) continue;
      out.workloads.push_back({.fingerprint = std::string(*fingerprint),
                               .first_ms = json::int_at(*one, "first").value_or(0),
                               .last_ms = json::int_at(*one, "last").value_or(0)});
    }
  }
  put_latest_first(out.workloads);
  return out;
}

}  // namespace interlock::identity
