// The cases of ../shared/shell-commands with a verdict, each decided by our catalogue and dcg.cedar beside this file: an act of parts, each
// part an act of its own, one denial denies the line. Usage: shell_verdicts CASES.jsonl.gz POLICY.cedar. Last line: "N passed, N failed";
// what is wrong beyond 2% of the cases counts as failed, all that is wrong is named.
#include <zlib.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "catalogue/catalogue.hpp"
#include "policy/policy_engine.hpp"

namespace {

using namespace interlock;

constexpr double kWrongAllowed = 0.02;

std::string inflated(const char* name) {
  std::string out;
  gzFile file = gzopen(name, "rb");
  if (file == nullptr) return out;
  char block[16384];
  for (int read = 0; (read = gzread(file, block, sizeof block)) > 0;) out.append(block, static_cast<std::size_t>(read));
  gzclose(file);
  return out;
}

bool is_allowed(const catalogue::Catalogue& catalogue, const policy::PolicyEngine& engine, const std::string& command) {
  model::ActionRequest request;
  request.surface = "hook";
  request.operation = "shell";
  request.args = json::object{
      {"command", command}, {"cwd", "/home/user/project"}, {"environment", json::object{{"HOME", "/home/user"}, {"TMPDIR", "/tmp"}}}};
  const model::Subject subject{
      .id = "agent", .owner = {}, .client = {}, .attributes = {}, .chain = {}, .scopes = {}, .credential = {}, .workload = {}};
  const model::Task task;
  const auto decide = [&](const model::ActionRequest& act, const model::Classification& what) {
    return engine.decide({subject, &task, act, what, true, 0}).kind == model::VerdictKind::kAllow;
  };
  const model::Classification whole = catalogue.classify(request);
  if (whole.parts.empty()) return decide(request, whole);
  for (const model::ActPart& part : whole.parts) {
    model::ActionRequest one = request;
    one.args = part.args;
    if (!decide(one, part.what)) return false;
  }
  return true;
}

}  // namespace

int main(int count, char** words) {
  if (count != 3) {
    std::fprintf(stderr, "usage: shell_verdicts CASES.jsonl.gz POLICY.cedar\n");
    return 2;
  }
  const std::string cases = inflated(words[1]);
  if (cases.empty()) {
    std::printf("SKIPPED: %s is not here: no command line was decided\n0 passed, 0 failed\n", words[1]);
    return 0;
  }
  std::ifstream in(words[2]);
  const std::vector<policy::PolicySource> sources = {{words[2], std::string(std::istreambuf_iterator<char>(in), {})}};
  const auto engine = policy::PolicyEngine::load(sources);
  const auto loaded = catalogue::Catalogue::load({}, {});
  if (!engine || !loaded) {
    std::fprintf(stderr, "%s\n", (engine ? loaded.error() : engine.error()).text().c_str());
    return 1;
  }
  int right = 0;
  std::vector<std::string> wrong;
  for (std::size_t at = 0; at < cases.size();) {
    const std::size_t end = std::min(cases.find('\n', at), cases.size());
    const auto one = json::parse(std::string_view(cases).substr(at, end - at));
    at = end + 1;
    const json::object* object = one ? one->if_object() : nullptr;
    if (object == nullptr) continue;
    const auto expected = json::string_at(*object, "expected");
    const auto command = json::string_at(*object, "command");
    if (!expected || !command) continue;
    const bool allowed = is_allowed(**loaded, **engine, std::string(*command));
    if (allowed == (*expected == "allow")) ++right;
    else
      wrong.push_back(std::string(*expected) + " expected: " + std::string(json::string_at(*object, "description").value_or("")) + ": " +
                      std::string(*command).substr(0, 200));
  }
  for (const std::string& name : wrong) std::printf("wrong: %s\n", name.c_str());
  const int total = right + static_cast<int>(wrong.size());
  const int tolerated = static_cast<int>(kWrongAllowed * total);
  const int failed = static_cast<int>(wrong.size()) > tolerated ? static_cast<int>(wrong.size()) : 0;
  std::printf("%d of %d cases right (%.1f%%)\n%d passed, %d failed\n", right, total, total == 0 ? 0.0 : 100.0 * right / total, right,
              failed);
  return failed == 0 && total > 0 ? 0 : 1;
}
