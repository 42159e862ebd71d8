// Random policies: what is proved, ten thousand random requests must not contradict; what is refuted, reproduces (analyze() says
// unconfirmed otherwise). The generator writes conditions that type-check as well as ones that do not.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "analyze/analyze.hpp"

namespace interlock::analyze {
namespace {

constexpr int kRounds = 120;
constexpr int kRequests = 10'000;

const char* kSchema = R"(
entity Team in [Team];
entity User in [Team] { level: Long, nick?: String, boss: User } tags String;
entity Doc in [Folder] { owner: User, labels: Set<String>, teams: Set<Team>, open: Bool };
entity Folder in [Folder];
action "any";
action "view" in ["any"] appliesTo { principal: User, resource: Doc, context: { on: Bool, n: Long, word: String, words: Set<String>, opt?: Long, r: { a: Long, b?: Bool }, from: ipaddr, price: decimal, span: duration } };
action "list" in ["any"] appliesTo { principal: User, resource: Folder, context: { on: Bool, n: Long } };
)";

class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}

  std::size_t below(std::size_t bound) { return random_() % bound; }
  template <std::size_t n>
  std::string one(const char* const (&of)[n]) {
    return of[below(n)];
  }

  std::string policies(std::size_t count) {
    std::string out;
    for (std::size_t i = 0; i < count; ++i) {
      static const char* const kPrincipals[] = {"principal",
                                                "principal",
                                                "principal in Team::\"a\"",
                                                "principal == User::\"u0\"",
                                                "principal is User",
                                                "principal is User in Team::\"b\""};
      static const char* const kActions[] = {"action", "action", "action == Action::\"view\"", "action in Action::\"any\"",
                                             "action in [Action::\"list\"]"};
      static const char* const kResources[] = {"resource", "resource", "resource is Doc", "resource in Folder::\"f\"",
                                               "resource == Doc::\"d0\""};
      out += below(3) == 0 ? "forbid (" : "permit (";
      out += one(kPrincipals) + ", " + one(kActions) + ", " + one(kResources) + ")";
      const std::size_t conditions = below(3);
      for (std::size_t c = 0; c < conditions; ++c) out += (below(3) == 0 ? " unless { " : " when { ") + boolean(3) + " }";
      out += ";\n";
    }
    return out;
  }

 private:
  std::string boolean(int depth) {
    if (depth > 0 && below(2) == 0) {
      switch (below(4)) {
        case 0: return "(" + boolean(depth - 1) + " && " + boolean(depth - 1) + ")";
        case 1: return "(" + boolean(depth - 1) + " || " + boolean(depth - 1) + ")";
        case 2: return "!(" + boolean(depth - 1) + ")";
        default: return "(if " + boolean(depth - 1) + " then " + boolean(depth - 1) + " else " + boolean(depth - 1) + ")";
      }
    }
    switch (below(24)) {
      case 0: return number(2) + (below(2) == 0 ? " < " : " <= ") + number(2);
      case 1: return number(1) + " == " + number(1);
      case 2: return text() + " == " + text();
      case 3: return text() + " like " + pattern();
      case 4: return user() + " in " + team();
      case 5: return user() + " == " + user();
      case 6: return "resource in Folder::\"f\"";
      case 7: return set() + ".contains(" + text() + ")";
      case 8: return set() + ".containsAll(" + set() + ")";
      case 9: return set() + ".containsAny(" + set() + ")";
      case 10: return set() + " == " + set();
      case 11: return set() + ".isEmpty()";
      case 12: return user() + " has nick";
      case 13: return "context has opt";
      case 14: return "context has r.b && context.r.b";
      case 15: return user() + ".hasTag(\"t\")";
      case 16: return "resource.open";
      case 17: return "context.from.isInRange(ip(\"10.0.0.0/8\"))";
      case 18: return "context.from.isLoopback()";
      case 19: return "context.price.lessThan(decimal(\"1.5\"))";
      case 20: return "context.span.toHours() > 3";
      case 21: return user() + " in resource.teams";
      case 22: return team() + " in " + team();
      default: return "context.on";
    }
  }

  std::string number(int depth) {
    if (depth > 0 && below(3) == 0)
      return "(" + number(depth - 1) + (below(3) == 0 ? " * " : below(2) == 0 ? " + " : " - ") + number(depth - 1) + ")";
    static const char* const kNumbers[] = {"1",
                                           "0",
                                           "-3",
                                           "7",
                                           "9223372036854775807",
                                           "context.n",
                                           "context.n",
                                           "principal.level",
                                           "context.opt",
                                           "context.r.a",
                                           "principal.boss.level",
                                           "-context.n"};
    return one(kNumbers);
  }
  std::string text() {
    static const char* const kTexts[] = {
        "\"a\"", "\"ab\"", "\"\"", "context.word", "context.word", "principal.nick", "principal.getTag(\"t\")"};
    return one(kTexts);
  }
  std::string pattern() {
    static const char* const kPatterns[] = {"\"a*\"", "\"*b\"", "\"*\"", "\"a*b*\"", "\"a\"", "\"\\*\""};
    return one(kPatterns);
  }
  std::string user() {
    static const char* const kUsers[] = {"principal", "principal", "resource.owner", "principal.boss", "User::\"u0\"", "User::\"u1\""};
    return one(kUsers);
  }
  std::string team() {
    static const char* const kTeams[] = {"Team::\"a\"", "Team::\"b\"", "Team::\"c\""};
    return one(kTeams);
  }
  std::string set() {
    static const char* const kSets[] = {"context.words", "resource.labels", "[\"a\"]", "[\"a\", \"b\", \"a\"]", "[context.word]", "[]"};
    return one(kSets);
  }

  std::mt19937 random_;
};

// One random world, and requests in it.
class Data {
 public:
  Data(const cedar::Schema& schema, std::mt19937& random) : random_(random) {
    json::array entities;
    auto uid = [](const char* type, const std::string& id) { return json::object{{"type", type}, {"id", id}}; };
    // a above b above c, each link there or not.
    const bool ab = flip();
    const bool bc = flip();
    entities.push_back(json::object{
        {"uid", uid("Team", "b")}, {"attrs", json::object{}}, {"parents", ab ? json::array{uid("Team", "a")} : json::array{}}});
    entities.push_back(json::object{
        {"uid", uid("Team", "c")}, {"attrs", json::object{}}, {"parents", bc ? json::array{uid("Team", "b")} : json::array{}}});
    entities.push_back(json::object{{"uid", uid("Team", "a")}, {"attrs", json::object{}}, {"parents", json::array{}}});
    for (int i = 0; i < 3; ++i) {
      json::object attributes{{"level", number()}, {"boss", uid("User", "u" + std::to_string(pick(3)))}};
      if (flip()) attributes["nick"] = word();
      json::array parents;
      for (const char* team : {"a", "b", "c"}) {
        if (pick(3) == 0) parents.push_back(uid("Team", team));
      }
      json::object entity{{"uid", uid("User", "u" + std::to_string(i))}, {"attrs", attributes}, {"parents", parents}};
      if (flip()) entity["tags"] = json::object{{"t", word()}};
      entities.push_back(entity);
      json::array teams;
      for (const char* team : {"a", "b", "c"}) {
        if (pick(3) == 0) teams.push_back(uid("Team", team));
      }
      entities.push_back(json::object{
          {"uid", uid("Doc", "d" + std::to_string(i))},
          {"attrs",
           json::object{{"owner", uid("User", "u" + std::to_string(pick(3)))}, {"labels", words()}, {"teams", teams}, {"open", flip()}}},
          {"parents", flip() ? json::array{uid("Folder", "f")} : json::array{}}});
    }
    entities.push_back(json::object{{"uid", uid("Folder", "f")}, {"attrs", json::object{}}, {"parents", json::array{}}});
    auto read = schema.read_entities(json::value(entities));
    EXPECT_TRUE(read) << read.error().text();
    if (read) entities_ = *read;
  }

  cedar::Request request(const cedar::Schema& schema, cedar::ValueArena& arena) {
    const bool views = flip();
    json::object context{{"on", flip()}, {"n", number()}};
    if (views) {
      context["word"] = word();
      context["words"] = words();
      if (flip()) context["opt"] = number();
      json::object r{{"a", number()}};
      if (flip()) r["b"] = flip();
      context["r"] = r;
      static const char* const kAddresses[] = {"10.1.2.3", "127.0.0.1", "::1", "10.0.0.0/7", "192.168.0.1", "10.0.0.0/9"};
      context["from"] = kAddresses[pick(6)];
      static const char* const kPrices[] = {"1.4999", "1.5", "-3.0", "922337203685477.5807"};
      context["price"] = kPrices[pick(4)];
      static const char* const kSpans[] = {"4h", "3h59m", "-5h", "1ms"};
      context["span"] = kSpans[pick(4)];
    }
    const cedar::EntityUid action("Action", views ? "view" : "list");
    const auto value = schema.read_context(arena, action, context);
    EXPECT_TRUE(value) << value.error().text();
    return {.principal = {"User", "u" + std::to_string(pick(4))},
            .action = action,
            .resource = views ? cedar::EntityUid("Doc", "d" + std::to_string(pick(3))) : cedar::EntityUid("Folder", flip() ? "f" : "g"),
            .context = value ? *value : cedar::Value()};
  }

  const cedar::Entities& entities() const { return entities_; }

 private:
  bool flip() { return random_() % 2 == 0; }
  std::size_t pick(std::size_t bound) { return random_() % bound; }
  std::int64_t number() {
    static constexpr std::int64_t kNumbers[] = {0, 1, 7, -3, 2, INT64_MAX, INT64_MIN, 4'000'000'000};
    return kNumbers[pick(8)];
  }
  std::string word() {
    static const char* const kWords[] = {"a", "ab", "b", "", "*", "abb"};
    return kWords[pick(6)];
  }
  json::array words() {
    json::array out;
    for (std::size_t i = pick(3); i > 0; --i) out.push_back(json::value(word()));
    return out;
  }

  std::mt19937& random_;
  cedar::Entities entities_;
};

struct Judged {
  bool allows;
  bool fails;
};

Judged judge(const cedar::PolicySet& set, const cedar::Request& request, const cedar::Entities& entities, bool failed_forbid_denies) {
  const auto response = cedar::authorize(set, request, entities);
  Judged out{response.decision == cedar::Decision::kAllow, !response.errors.empty()};
  for (const auto& error : response.errors) {
    if (failed_forbid_denies && error.policy->effect() == cedar::Effect::kForbid) out.allows = false;
  }
  return out;
}

bool contradicts(Question question, const Judged& first, const Judged& second) {
  switch (question) {
    case Question::kNeverErrors: return first.fails;
    case Question::kAlwaysDenies: return first.allows;
    case Question::kAlwaysAllows: return !first.allows;
    case Question::kImplies: return first.allows && !second.allows;
    case Question::kEquivalent: return first.allows != second.allows;
    case Question::kDisjoint: return first.allows && second.allows;
  }
  return true;
}

TEST(AnalyzeSoundness, NoRequestContradictsAProofAndEveryRefutationReproduces) {
  const auto schema = cedar::Schema::parse({"test.cedarschema", kSchema});
  ASSERT_TRUE(schema) << schema.error().text();
  std::size_t counts[4] = {};
  const char* more = std::getenv("ANALYZE_ROUNDS");  // for a longer run by hand
  const int rounds = more != nullptr ? std::atoi(more) : kRounds;
  for (int round = 0; round < rounds; ++round) {
    Generator generator(static_cast<unsigned>(1000 + round));
    const std::string text = generator.policies(1 + generator.below(3));
    const std::string other = generator.below(3) == 0 ? text + generator.policies(1) : generator.policies(1 + generator.below(2));
    const auto first = cedar::PolicySet::parse({{"first.cedar", text}});
    const auto second = cedar::PolicySet::parse({{"second.cedar", other}});
    ASSERT_TRUE(first && second) << text << other;
    const auto question = static_cast<Question>(round % 6);
    const bool gate = generator.below(2) == 0;
    const auto analysis = analyze(question, *first, needs_two_sets(question) ? &*second : nullptr, *schema,
                                  {.failed_forbid_denies = gate, .time_limit_ms = 3'000});
    ASSERT_TRUE(analysis) << analysis.error().text();
    ++counts[static_cast<std::size_t>(analysis->answer)];
    for (const KindAnswer& kind : analysis->kinds) {
      std::string what = kind.why;
      if (kind.counterexample)
        what += "\n" + kind.counterexample->principal.text() + " " + kind.counterexample->resource.text() + "\n" +
                json::write(kind.counterexample->context) + "\n" + json::write(kind.counterexample->entities);
      EXPECT_NE(kind.answer, Answer::kUnconfirmed) << question_name(question) << " of\n" << text << "and\n" << other << what;
    }
    if (analysis->answer != Answer::kProved) continue;
    std::mt19937 random(static_cast<unsigned>(round));
    for (int world = 0; world < kRequests / 100; ++world) {
      Data data(*schema, random);
      for (int i = 0; i < 100; ++i) {
        cedar::ValueArena arena;
        const cedar::Request request = data.request(*schema, arena);
        // u3 and the folder g have no data: a world in which something is missing is none of those that the proof is about.
        if (!data.entities().contains(request.principal) || !data.entities().contains(request.resource)) continue;
        ASSERT_FALSE(contradicts(question, judge(*first, request, data.entities(), gate), judge(*second, request, data.entities(), gate)))
            << question_name(question) << " was proved of\n"
            << text << "and\n"
            << other << "but not of " << request.principal.text() << ' ' << request.action.text() << ' ' << request.resource.text() << ' '
            << cedar::to_text(request.context);
      }
    }
  }
  std::printf("proved %zu, refuted %zu, unconfirmed %zu, unknown %zu\n", counts[0], counts[1], counts[2], counts[3]);
  EXPECT_GE(counts[0], 10u);
  EXPECT_GE(counts[1], 30u);
}

}  // namespace
}  // namespace interlock::analyze
