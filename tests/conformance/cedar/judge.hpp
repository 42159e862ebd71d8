// What the suites of check_cedar share: reading files, counting, telling differences.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "cedar/cedar.hpp"
#include "cedar/schema.hpp"

namespace check_cedar {

namespace fs = std::filesystem;

std::string read_text(const fs::path& path);
// Nothing when the file is no JSON.
std::optional<interlock::json::value> read_json(const fs::path& path);

// One suite: each case of it counts once.
class Suite {
 public:
  explicit Suite(std::string name) : name_(std::move(name)) {}

  // Records a difference; the first of each kind is printed. Always false.
  bool differs(const std::string& kind, const fs::path& file, const std::string& detail);
  void count(bool good) { (good ? passed_ : failed_) += 1; }
  void print() const;

  std::size_t passed() const { return passed_; }
  std::size_t failed() const { return failed_; }

 private:
  std::string name_;
  std::size_t passed_ = 0;
  std::size_t failed_ = 0;
  std::map<std::string, std::vector<std::string>> differences_;
};

// One case file with what it names; `root` is what the paths in it are relative to.
struct Case {
  fs::path root;
  fs::path file;
  interlock::json::value json;

  fs::path path(std::string_view member) const;    // empty when the member is absent
  fs::path beside(std::string_view suffix) const;  // STEM + suffix, in the case's own folder
};

std::optional<Case> load_case(const fs::path& root, const fs::path& file, Suite& suite);

interlock::Result<interlock::cedar::Schema> read_schema(const Case& test);
interlock::Result<interlock::cedar::PolicySet> read_policies(const Case& test);
interlock::Result<interlock::cedar::Request> read_request(interlock::cedar::ValueArena& arena, const interlock::cedar::Schema& schema,
                                                          const interlock::json::object& request);

// Decisions, reasons and errors of all requests, with entities and contexts read by the schema, and `shouldValidate`.
bool check_authorization(const Case& test, Suite& suite);
bool check_should_validate(const Case& test, const interlock::cedar::PolicySet& policies, const interlock::cedar::Schema& schema,
                           Suite& suite);
// The .validation.json at `expected`: policies, entities, requests.
bool check_validation(const Case& test, const fs::path& expected, Suite& suite);
// The .parsing.json: which entities can be read with the schema.
bool check_entity_parsing(const Case& test, Suite& suite);

// The schema as JSON against the file at `expected`, back to text, and that both mean the same.
bool check_schema_json(const Case& test, const fs::path& expected, Suite& suite);

// Policies to JSON, to text and back: the same answers and the same validation.
bool check_policy_json(const Case& test, Suite& suite);

}  // namespace check_cedar
