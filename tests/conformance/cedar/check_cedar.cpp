// Runs upstream's corpus against src/cedar: check_cedar DIR.
//
// DIR has the shape of ../shared/cedar-conformance (its README tells the format), with archives or with what is in them. A
// case counts in a suite only if all of it agrees. The first difference of each kind is printed, then the counts of each
// suite; the last line is "N passed, N failed" over all of them. No case at all is a failure.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "judge.hpp"

using namespace check_cedar;

namespace {

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
  for (std::string_view other : {".entities.json", ".validation.json", ".cedarschema.json", ".parsing.json"}) {
    if (name.ends_with(other)) return false;
  }
  return name != "entities.json" && name != "schema.json";
}

std::vector<fs::path> case_files(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code ignored;
  for (const auto& entry : fs::recursive_directory_iterator(folder, ignored)) {
    if (entry.is_regular_file() && is_case_file(entry.path())) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

struct Suites {
  Suite corpus{"corpus"};
  Suite validation{"corpus validation"};
  Suite schemas{"schemas as JSON"};
  Suite policies{"policies as JSON"};
  Suite handwritten{"handwritten"};
  Suite validation_cases{"validation cases"};
  Suite entity_parsing{"entity parsing"};

  std::vector<Suite*> all() { return {&corpus, &validation, &schemas, &policies, &handwritten, &validation_cases, &entity_parsing}; }
};

// `roots` are the folder itself and where its archives were unpacked; a case's parts may lie in either.
fs::path find_part(const std::vector<fs::path>& roots, const fs::path& name) {
  for (const fs::path& root : roots) {
    if (fs::exists(root / name)) return root / name;
  }
  return {};
}

void run_corpus(const std::vector<fs::path>& roots, const fs::path& root, Suites& suites) {
  for (const fs::path& file : case_files(root / "corpus-tests")) {
    auto test = load_case(root, file, suites.corpus);
    if (!test) continue;
    suites.corpus.count(check_authorization(*test, suites.corpus));
    suites.policies.count(check_policy_json(*test, suites.policies));
    std::string stem = file.stem().string();
    fs::path validation = find_part(roots, fs::path("corpus-tests-validation") / (stem + ".validation.json"));
    if (!validation.empty()) suites.validation.count(check_validation(*test, validation, suites.validation));
    fs::path schema = find_part(roots, fs::path("corpus-tests-json-schemas") / (stem + ".cedarschema.json"));
    if (!schema.empty()) suites.schemas.count(check_schema_json(*test, schema, suites.schemas));
  }
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
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(directory, ignored)) {
    if (entry.path().string().ends_with(".tar.gz") && !unpack(entry.path(), temporary))
      std::printf("can't unpack %s\n", entry.path().c_str());
  }
  std::vector<fs::path> roots{directory, fs::path(temporary)};
  Suites suites;
  for (const fs::path& root : roots) run_corpus(roots, root, suites);
  for (const fs::path& file : case_files(directory / "handwritten" / "tests")) {
    if (auto test = load_case(directory / "handwritten", file, suites.handwritten))
      suites.handwritten.count(check_authorization(*test, suites.handwritten));
  }
  for (const fs::path& file : case_files(directory / "validation-cases")) {
    auto test = load_case(directory / "validation-cases", file, suites.validation_cases);
    if (test) suites.validation_cases.count(check_validation(*test, test->beside(".validation.json"), suites.validation_cases));
  }
  for (const fs::path& file : case_files(directory / "entity-parsing-cases")) {
    if (auto test = load_case(directory / "entity-parsing-cases", file, suites.entity_parsing))
      suites.entity_parsing.count(check_entity_parsing(*test, suites.entity_parsing));
  }
  fs::remove_all(temporary, ignored);
  std::size_t passed = 0;
  std::size_t failed = 0;
  for (Suite* suite : suites.all()) {
    suite->print();
    passed += suite->passed();
    failed += suite->failed();
  }
  if (passed + failed == 0) std::printf("no cases found in %s\n", directory.c_str());
  std::printf("%zu passed, %zu failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}
