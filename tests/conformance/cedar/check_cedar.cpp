// Runs upstream's corpus against src/cedar: check_cedar DIR.
//
// DIR has the shape of ../shared/cedar-conformance (its README tells the format), with archives or with what is in them. A case
// counts only if every request of it agrees in decision, reasons and errors. The first difference of each kind is printed;
// the last line is "N passed, N failed". No case at all is a failure.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "cedar/cedar.hpp"

namespace fs = std::filesystem;
using namespace interlock;
using namespace interlock::cedar;

namespace {

constexpr std::size_t kShownCases = 12;  // failing cases named per kind

std::string read_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

struct Tally {
  std::size_t passed = 0;
  std::size_t failed = 0;
  std::map<std::string, std::vector<std::string>> differences;  // by kind

  void fail(const std::string& kind, const std::string& where, const std::string& detail) {
    auto& list = differences[kind];
    if (list.empty()) std::printf("first difference in %s: %s\n  %s\n", kind.c_str(), where.c_str(), detail.c_str());
    list.push_back(where);
  }
};

std::set<std::string> strings(const json::array* list) {
  std::set<std::string> out;
  if (list != nullptr) {
    for (const json::value& each : *list) out.emplace(json::view(each.as_string()));
  }
  return out;
}

std::string joined(const std::set<std::string>& items) {
  std::string out;
  for (const std::string& item : items) out += (out.empty() ? "" : " ") + item;
  return "{" + out + "}";
}

std::optional<EntityUid> uid_of(const json::object& request, std::string_view member) {
  const json::object* object = json::object_at(request, member);
  if (object == nullptr) return std::nullopt;
  if (const json::object* inner = json::object_at(*object, "__entity")) object = inner;
  auto type = json::string_at(*object, "type");
  auto id = json::string_at(*object, "id");
  if (!type || !id) return std::nullopt;
  return EntityUid(std::string(*type), std::string(*id));
}

class Case {
 public:
  Case(const fs::path& root, const fs::path& file, Tally& tally) : root_(root), file_(file), tally_(tally) {}

  void run() { (check() ? tally_.passed : tally_.failed) += 1; }

 private:
  bool differs(const std::string& kind, const std::string& detail) {
    tally_.fail(kind, file_.string(), detail);
    return false;
  }

  bool check() {
    auto parsed = json::parse(read_text(file_), {.size_bytes = std::size_t{256} << 20, .depth = 256});
    if (!parsed) return differs("case file", parsed.error().text());
    const json::object& test = parsed->as_object();
    auto policies_name = json::string_at(test, "policies");
    auto entities_name = json::string_at(test, "entities");
    const json::array* requests = json::array_at(test, "requests");
    if (!policies_name || !entities_name || requests == nullptr) return differs("case file", "members are missing");
    auto policies = PolicySet::parse({{std::string(*policies_name), read_text(root_ / *policies_name)}});
    if (!policies) return differs("policy parsing", policies.error().text());
    auto entities = Entities::from_json(read_text(root_ / *entities_name));
    if (!entities) return differs("entity parsing", entities.error().text());
    bool good = true;
    for (std::size_t i = 0; i < requests->size(); ++i) good = check_request((*requests)[i].as_object(), i, *policies, *entities) && good;
    return good;
  }

  bool check_request(const json::object& wanted, std::size_t number, const PolicySet& policies, const Entities& entities) {
    std::string where = "request " + std::to_string(number) + ": ";
    auto principal = uid_of(wanted, "principal");
    auto action = uid_of(wanted, "action");
    auto resource = uid_of(wanted, "resource");
    if (!principal || !action || !resource) return differs("case file", where + "a uid is missing");
    ValueArena arena;
    const json::value* context_json = json::find(wanted, "context");
    auto context = context_json == nullptr ? Result<Value>(arena.record({})) : arena.cedar_json(*context_json);
    if (!context) return differs("context parsing", where + context.error().text());
    Response response = authorize(policies, {*principal, *action, *resource, *context}, entities);
    std::set<std::string> reasons;
    std::set<std::string> errors;
    std::string messages;
    for (const Policy* policy : response.determining) reasons.insert(policy->id());
    for (const PolicyError& error : response.errors) {
      errors.insert(error.policy->id());
      messages += " | " + error.message;
    }
    bool allow = response.decision == Decision::kAllow;
    bool good = true;
    if (allow != (json::string_at(wanted, "decision") == "allow")) good = differs("decision", where + (allow ? "allow" : "deny") + messages);
    auto wanted_reasons = strings(json::array_at(wanted, "reason"));
    if (reasons != wanted_reasons) good = differs("reason", where + joined(reasons) + ", expected " + joined(wanted_reasons) + messages);
    auto wanted_errors = strings(json::array_at(wanted, "errors"));
    if (errors != wanted_errors) good = differs("errors", where + joined(errors) + ", expected " + joined(wanted_errors) + messages);
    return good;
  }

  const fs::path& root_;
  const fs::path& file_;
  Tally& tally_;
};

// Unpacks DIR's archives into `target`.
bool unpack(const fs::path& archive, const fs::path& target) {
  pid_t child = fork();
  if (child == 0) {
    execlp("tar", "tar", "-xzf", archive.c_str(), "-C", target.c_str(), static_cast<char*>(nullptr));
    _exit(127);
  }
  int status = 0;
  return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool is_case_file(const fs::path& path) {
  std::string name = path.filename().string();
  if (!name.ends_with(".json")) return false;
  for (std::string_view other : {".entities.json", ".validation.json", ".cedarschema.json", ".parsing.json", "schema.json"}) {
    if (name.ends_with(other)) return false;
  }
  return name != "entities.json";
}

void run_folder(const fs::path& root, const fs::path& folder, std::string_view title) {
  (void)root;
  (void)folder;
  (void)title;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: check_cedar DIR\n");
    return 2;
  }
  fs::path directory = argv[1];
  std::string temporary = (fs::temp_directory_path() / "check_cedar.XXXXXX").string();
  if (mkdtemp(temporary.data()) == nullptr) {
    std::fprintf(stderr, "no temporary directory\n");
    return 2;
  }
  std::vector<std::pair<fs::path, fs::path>> folders;  // root, folder with cases
  std::error_code ignored;
  bool packed = false;
  for (const auto& entry : fs::directory_iterator(directory, ignored)) {
    if (!entry.path().string().ends_with(".tar.gz")) continue;
    packed = true;
    if (!unpack(entry.path(), temporary)) std::printf("can't unpack %s\n", entry.path().c_str());
  }
  for (const fs::path& root : {directory, fs::path(temporary)}) {
    if (fs::is_directory(root / "corpus-tests")) folders.push_back({root, root / "corpus-tests"});
  }
  if (fs::is_directory(directory / "handwritten" / "tests")) folders.push_back({directory / "handwritten", directory / "handwritten" / "tests"});
  (void)packed;
  Tally all;
  for (const auto& [root, folder] : folders) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      if (entry.is_regular_file() && is_case_file(entry.path())) files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    std::size_t passed = all.passed;
    std::size_t failed = all.failed;
    for (const fs::path& file : files) Case(root, file, all).run();
    std::printf("%s: %zu passed, %zu failed\n", folder.filename() == "tests" ? "handwritten" : "corpus", all.passed - passed, all.failed - failed);
  }
  for (const auto& [kind, list] : all.differences) {
    std::printf("%s: %zu differences\n", kind.c_str(), list.size());
    for (std::size_t i = 0; i < std::min(list.size(), kShownCases); ++i) std::printf("  %s\n", list[i].c_str());
  }
  fs::remove_all(temporary, ignored);
  if (all.passed + all.failed == 0) std::printf("no cases found in %s\n", directory.c_str());
  std::printf("%zu passed, %zu failed\n", all.passed, all.failed);
  run_folder({}, {}, {});
  return all.failed == 0 && all.passed > 0 ? 0 : 1;
}
