// One question, one kind of request after the other: encode, ask, read the counterexample back, and try it.
#include "analyze/analyze.hpp"

#include <algorithm>
#include <array>
#include <unordered_map>

#include "analyze/encoder.hpp"
#include "analyze/model.hpp"
#include "analyze/solver.hpp"
#include "cedar/program.hpp"

namespace interlock::analyze {
namespace {

constexpr std::array<std::pair<std::string_view, Question>, 6> kQuestions{{{"never-errors", Question::kNeverErrors},
                                                                           {"denies", Question::kAlwaysDenies},
                                                                           {"allows", Question::kAlwaysAllows},
                                                                           {"implies", Question::kImplies},
                                                                           {"equivalent", Question::kEquivalent},
                                                                           {"disjoint", Question::kDisjoint}}};
constexpr std::size_t kMaxKinds = 20'000;  // of requests

struct EncodedSet {
  Term allows;
  Term fails;  // some policy's evaluation
};

EncodedSet encode(World& world, const cedar::PolicySet& set, bool failed_forbid_denies) {
  Term permitted = kFalse;
  Term forbidden = kFalse;
  EncodedSet out{kFalse, kFalse};
  const cedar::CompiledPolicies* compiled = cedar::PolicySetAccess::compiled(set);
  if (compiled == nullptr) return out;
  for (std::size_t i = 0; i < compiled->policies.size(); ++i) {
    if (compiled->policies[i].is_template()) continue;
    const EncodedPolicy policy = Encoder(world, *compiled->syntax[i]).encode();
    const bool forbids = compiled->policies[i].effect() == cedar::Effect::kForbid;
    Term& side = forbids ? forbidden : permitted;
    side = world.script().named(disjunction(side, policy.satisfied), "Bool");
    if (forbids && failed_forbid_denies) side = world.script().named(disjunction(side, policy.fails), "Bool");
    out.fails = world.script().named(disjunction(out.fails, policy.fails), "Bool");
  }
  out.allows = world.script().named(conjunction(permitted, negation(forbidden)), "Bool");
  return out;
}

// What would refute the claim.
Term refutation(Question question, const EncodedSet& first, const EncodedSet& second) {
  switch (question) {
    case Question::kNeverErrors: return first.fails;
    case Question::kAlwaysDenies: return first.allows;
    case Question::kAlwaysAllows: return negation(first.allows);
    case Question::kImplies: return conjunction(first.allows, negation(second.allows));
    case Question::kEquivalent: return negation(equality(first.allows, second.allows));
    case Question::kDisjoint: return conjunction(first.allows, second.allows);
  }
  return kTrue;
}

class Analyst {
 public:
  Analyst(Question question, const cedar::PolicySet& first, const cedar::PolicySet* second, const cedar::Schema& schema,
          const Options& options)
      : question_(question), first_(first), second_(second), schema_(schema), options_(options) {}

  Result<Analysis> run() {
    const cedar::SchemaData* data = cedar::SchemaAccess::data(schema_);
    std::vector<RequestKind> kinds;
    if (data != nullptr) {
      for (const auto& [name, action] : data->actions) {
        for (const std::string& principal : action.principals) {
          for (const std::string& resource : action.resources) kinds.push_back({&action, principal, resource});
        }
      }
    }
    if (kinds.empty())
      return fail(ErrorCode::kInvalid, "the schema declares no action with `appliesTo`, so there is no request to ask about");
    if (kinds.size() > kMaxKinds)
      return fail(ErrorCode::kTooLarge,
                  "the schema declares " + std::to_string(kinds.size()) + " kinds of requests, more than " + std::to_string(kMaxKinds));
    Analysis out;
    out.answer = Answer::kProved;
    for (const RequestKind& kind : kinds) {
      auto answer = ask(*data, kind, out);
      if (!answer) return fail(std::move(answer.error()));
      ++out.kinds_checked;
      if (answer->answer == Answer::kProved) continue;
      const bool refuted = out.answer == Answer::kRefuted || answer->answer == Answer::kRefuted;
      out.answer = refuted ? Answer::kRefuted : std::max(out.answer, answer->answer);
      out.kinds.push_back(std::move(*answer));
    }
    if (out.answer == Answer::kProved && options_.given != nullptr) {
      auto holds = given_may_hold(*data, kinds);
      if (!holds) return fail(std::move(holds.error()));
      out.given_never_holds = !*holds;
    }
    return out;
  }

 private:
  Term assumption(World& world) const {
    if (options_.given == nullptr) return kTrue;
    const EncodedSet given = encode(world, *options_.given, true);
    return conjunction(given.allows, negation(given.fails));
  }

  // A claim about no request is true and worthless.
  Result<bool> given_may_hold(const cedar::SchemaData& data, const std::vector<RequestKind>& kinds) const {
    for (const RequestKind& kind : kinds) {
      World world(data, kind, options_.entities);
      const Term assumed = assumption(world);
      if (assumed == kFalse) continue;
      world.require_conformance();
      world.script().require(assumed);
      auto reply = solve(options_.solver, world.script().text(), {}, options_.time_limit_ms);
      if (!reply) return fail(std::move(reply.error()));
      if (reply->kind != Reply::Kind::kUnsat) return true;
    }
    return false;
  }

  Result<KindAnswer> ask(const cedar::SchemaData& data, const RequestKind& kind, Analysis& analysis) {
    KindAnswer out{.principal_type = kind.principal_type,
                   .action = kind.action->uid.text(),
                   .resource_type = kind.resource_type,
                   .why = {},
                   .counterexample = {}};
    World world(data, kind, options_.entities);
    const Term assumed = assumption(world);
    Term refuted = kFalse;
    if (assumed != kFalse) {
      const EncodedSet first = encode(world, first_, options_.failed_forbid_denies);
      const EncodedSet second = second_ == nullptr ? EncodedSet{kFalse, kFalse} : encode(world, *second_, options_.failed_forbid_denies);
      refuted = conjunction(assumed, refutation(question_, first, second));
    }
    if (!world.why_not().empty()) {
      out.why = world.why_not();
      return out;
    }
    if (refuted == kFalse) {
      out.answer = Answer::kProved;
      return out;
    }
    world.require_conformance();
    world.script().require(refuted);
    Model model(world);
    ++analysis.kinds_solved;
    const std::string& script = world.script().text();
    if (proved_.contains(script)) {
      out.answer = Answer::kProved;
      return out;
    }
    auto reply = solve(options_.solver, script, model.wanted(), options_.time_limit_ms);
    if (!reply) return fail(std::move(reply.error()));
    if (reply->kind == Reply::Kind::kUnsat) {
      proved_.emplace(script, true);
      out.answer = Answer::kProved;
      return out;
    }
    out.why = reply->why;
    if (reply->kind == Reply::Kind::kSat) {
      // Asked again for one that people can read; where there is none, the first will do.
      Script readable = world.script();
      readable.require(world.readable());
      auto better = solve(options_.solver, readable.text(), model.wanted(), options_.time_limit_ms);
      if (better && better->kind == Reply::Kind::kSat) reply = std::move(better);
    }
    if (reply->kind == Reply::Kind::kSat) confirm(kind, model, reply->values, out);
    return out;
  }

  void confirm(const RequestKind& kind, Model& model, const std::vector<std::string>& values, KindAnswer& out) {
    out.answer = Answer::kUnconfirmed;
    if (!model.read(values)) {
      out.why = "the solver's model was not understood";
      return;
    }
    Counterexample example{.principal = {kind.principal_type, model.principal_id()},
                           .action = kind.action->uid,
                           .resource = {kind.resource_type, model.resource_id()},
                           .context = model.context(),
                           .entities = {},
                           .what = {}};
    json::array entities;
    json::array all = model.entities();
    for (json::value& entity : all) {
      const json::object& uid = entity.as_object().at("uid").as_object();
      const cedar::EntityUid name(std::string(uid.at("type").as_string()), std::string(uid.at("id").as_string()));
      const bool exists = options_.entities == EntityScope::kAll || name == example.principal || name == example.resource;
      if (exists) entities.push_back(std::move(entity));
    }
    example.entities = std::move(entities);
    cedar::ValueArena arena;
    const auto context = schema_.read_context(arena, example.action, example.context);
    const auto store = schema_.read_entities(example.entities);
    if (!context || !store) {
      out.why = "the solver's data does not conform to the schema: " + (context ? store.error() : context.error()).message;
      out.counterexample = std::move(example);
      return;
    }
    const cedar::Request request{
        .principal = example.principal, .action = example.action, .resource = example.resource, .context = *context};
    bool assumed = true;
    if (options_.given != nullptr) {
      const auto response = cedar::authorize(*options_.given, request, *store);
      assumed = response.decision == cedar::Decision::kAllow && response.errors.empty();
    }
    const Outcome first = judge(first_, "the policies", request, *store, example.what);
    const Outcome second = second_ == nullptr ? Outcome{} : judge(*second_, "the second policies", request, *store, example.what);
    const bool reproduced = assumed && refutes(first, second);
    out.answer = reproduced ? Answer::kRefuted : Answer::kUnconfirmed;
    if (!reproduced) out.why = "the solver's counterexample does not reproduce in the evaluator";
    out.counterexample = std::move(example);
  }

  struct Outcome {
    bool allows = false;
    bool fails = false;
  };

  Outcome judge(const cedar::PolicySet& set, const std::string& name, const cedar::Request& request, const cedar::Entities& entities,
                std::vector<std::string>& what) const {
    const cedar::Response response = cedar::authorize(set, request, entities);
    Outcome out{response.decision == cedar::Decision::kAllow, !response.errors.empty()};
    std::string by;
    for (const cedar::Policy* policy : response.determining) by += (by.empty() ? ": " : ", ") + policy->id();
    for (const cedar::PolicyError& error : response.errors) {
      what.push_back(error.policy->id() + " fails: " + error.message);
      if (options_.failed_forbid_denies && error.policy->effect() == cedar::Effect::kForbid && out.allows) {
        out.allows = false;
        by = ": " + error.policy->id() + ", which fails";
      }
    }
    what.push_back(name + (out.allows ? " allow" : " deny") + by);
    return out;
  }

  bool refutes(const Outcome& first, const Outcome& second) const {
    switch (question_) {
      case Question::kNeverErrors: return first.fails;
      case Question::kAlwaysDenies: return first.allows;
      case Question::kAlwaysAllows: return !first.allows;
      case Question::kImplies: return first.allows && !second.allows;
      case Question::kEquivalent: return first.allows != second.allows;
      case Question::kDisjoint: return first.allows && second.allows;
    }
    return false;
  }

  const Question question_;
  const cedar::PolicySet& first_;
  const cedar::PolicySet* second_;
  const cedar::Schema& schema_;
  const Options& options_;
  std::unordered_map<std::string, bool> proved_;  // scripts: actions of the same groups often give the same one
};

}  // namespace

bool needs_two_sets(Question question) { return question >= Question::kImplies; }

std::string_view question_name(Question question) {
  for (const auto& [name, each] : kQuestions) {
    if (each == question) return name;
  }
  return {};
}

std::optional<Question> question_from_name(std::string_view name) {
  for (const auto& [each, question] : kQuestions) {
    if (each == name) return question;
  }
  return std::nullopt;
}

std::string_view answer_name(Answer answer) {
  static constexpr std::string_view kNames[] = {"proved", "refuted", "unconfirmed", "unknown"};
  return kNames[static_cast<std::size_t>(answer)];
}

Result<Analysis> analyze(Question question, const cedar::PolicySet& first, const cedar::PolicySet* second, const cedar::Schema& schema,
                         const Options& options) {
  if (needs_two_sets(question) != (second != nullptr))
    return fail(ErrorCode::kInvalid, std::string(question_name(question)) +
                                         (second == nullptr ? " compares two sets of policies" : " asks about one set of policies"));
  return Analyst(question, first, second, schema, options).run();
}

Result<std::string> solver_version(const std::string& solver) {
  constexpr std::int64_t kVersionLimitMs = 10'000;
  auto output = output_of({solver, "--version"}, {}, kVersionLimitMs);
  if (!output) return output;
  return output->substr(0, output->find('\n'));
}

}  // namespace interlock::analyze
