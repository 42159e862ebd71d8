// Other people's schemas and policies: upstream's corpus, where it is at hand. What is proved, no request of a case contradicts;
// what is refuted, reproduces.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "analyze/analyze.hpp"

namespace interlock::analyze {
namespace {

namespace fs = std::filesystem;

constexpr const char* kShared = "/work/shared/cedar-conformance/corpus-tests.tar.gz";
constexpr std::size_t kCases = 60;  // ANALYZE_CASES asks for more

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

cedar::EntityUid uid_of(const json::value& value) {
  const json::object* object = value.if_object();
  if (const json::object* inner = json::object_at(*object, "__entity")) object = inner;
  return {std::string(*json::string_at(*object, "type")), std::string(*json::string_at(*object, "id"))};
}

// Every entity that data refers to is in the store: what a proof presupposes.
bool all_exist(const json::value& value, const cedar::Entities& entities) {
  if (const auto* array = value.if_array()) {
    return std::all_of(array->begin(), array->end(), [&](const json::value& item) { return all_exist(item, entities); });
  }
  const auto* object = value.if_object();
  if (object == nullptr) return true;
  const bool is_uid = object->size() == 2 && json::string_at(*object, "type") && json::string_at(*object, "id");
  if (is_uid) return entities.contains(uid_of(value)) || json::string_at(*object, "type")->ends_with("Action");
  return std::all_of(object->begin(), object->end(), [&](const auto& member) { return all_exist(member.value(), entities); });
}

TEST(AnalyzeCorpus, NoRequestOfTheCorpusContradictsAProof) {
  if (!fs::exists(kShared)) GTEST_SKIP() << "the corpus is not here";
  const fs::path folder = fs::path(INTERLOCK_BINARY_DIR) / "analyze-corpus";
  if (!fs::exists(folder / "corpus-tests")) {
    fs::create_directories(folder);
    const std::string command = "tar -C '" + folder.string() + "' -xzf '" + kShared + "'";
    ASSERT_EQ(std::system(command.c_str()), 0);
  }
  std::vector<fs::path> cases;
  for (const auto& entry : fs::directory_iterator(folder / "corpus-tests")) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(".json") && !name.ends_with(".entities.json")) cases.push_back(entry.path());
  }
  std::sort(cases.begin(), cases.end());
  const char* more = std::getenv("ANALYZE_CASES");
  const std::size_t wanted = more != nullptr ? std::strtoul(more, nullptr, 10) : kCases;
  const std::size_t step = std::max<std::size_t>(cases.size() / std::max<std::size_t>(wanted, 1), 1);

  std::size_t answers[4] = {};
  std::size_t compared = 0;
  for (std::size_t i = 0; i < cases.size(); i += step) {
    const auto document = json::parse(read(cases[i]));
    ASSERT_TRUE(document);
    const json::object& one = document->as_object();
    auto beside = [&](const char* key) { return read(folder / std::string(*json::string_at(one, key))); };
    const auto schema = cedar::Schema::parse({"schema", beside("schema")});
    const auto set = cedar::PolicySet::parse({{"policies", beside("policies")}});
    const std::string entities_text = beside("entities");
    if (!schema || !set) continue;
    const auto entities = schema->read_entities(entities_text);
    const auto entities_json = json::parse(entities_text);
    for (const Question question : {Question::kNeverErrors, Question::kAlwaysDenies, Question::kAlwaysAllows}) {
      const auto analysis = analyze(question, *set, nullptr, *schema, {.time_limit_ms = 2'000});
      if (!analysis) {
        EXPECT_EQ(analysis.error().code, ErrorCode::kInvalid) << analysis.error().text();  // no action applies to anything
        continue;
      }
      ++answers[static_cast<std::size_t>(analysis->answer)];
      for (const KindAnswer& kind : analysis->kinds) {
        EXPECT_NE(kind.answer, Answer::kUnconfirmed)
            << cases[i] << ' ' << question_name(question) << ' ' << kind.action << ": " << kind.why << '\n'
            << (kind.counterexample ? json::write(kind.counterexample->context) + json::write(kind.counterexample->entities) : "");
      }
      if (!entities || !entities_json || !all_exist(*entities_json, *entities)) continue;
      for (const json::value& value : one.at("requests").as_array()) {
        const json::object& asked = value.as_object();
        cedar::ValueArena arena;
        const cedar::EntityUid action = uid_of(asked.at("action"));
        const auto context = schema->read_context(arena, action, asked.at("context"));
        if (!context) continue;
        const cedar::Request request{uid_of(asked.at("principal")), action, uid_of(asked.at("resource")), *context};
        if (!schema->check_request(request) || !all_exist(asked.at("context"), *entities)) continue;
        if (!entities->contains(request.principal) || !entities->contains(request.resource)) continue;
        const bool open = std::any_of(analysis->kinds.begin(), analysis->kinds.end(), [&](const KindAnswer& kind) {
          return kind.principal_type == request.principal.type() && kind.resource_type == request.resource.type() &&
                 kind.action == action.text();
        });
        if (open) continue;
        ++compared;
        const auto response = cedar::authorize(*set, request, *entities);
        const bool dangling = std::any_of(response.errors.begin(), response.errors.end(), [](const cedar::PolicyError& error) {
          return error.message.find("does not exist") != std::string::npos;
        });
        if (dangling) continue;
        const bool allows = response.decision == cedar::Decision::kAllow;
        const bool contradicts = question == Question::kNeverErrors    ? !response.errors.empty()
                                 : question == Question::kAlwaysDenies ? allows
                                                                       : !allows;
        EXPECT_FALSE(contradicts) << cases[i] << ' ' << question_name(question) << ' ' << request.principal.text() << ' ' << action.text()
                                  << ' ' << request.resource.text();
      }
    }
  }
  std::printf("proved %zu, refuted %zu, unconfirmed %zu, unknown %zu; %zu requests held against proofs\n", answers[0], answers[1],
              answers[2], answers[3], compared);
  EXPECT_GT(answers[0], 10u);
}

}  // namespace
}  // namespace interlock::analyze
