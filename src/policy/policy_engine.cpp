// The decision: each resource without and with an approval, the strictest answer, and what shadowed policies would have changed.
#include "policy/policy_engine.hpp"

#include <algorithm>

#include "policy/compiled.hpp"
#include "policy/explain.hpp"
#include "policy/parts.hpp"
#include "policy/request_view.hpp"
#include "policy/shadow.hpp"
#include "policy/vocabulary.hpp"

namespace interlock::policy {
namespace {

using model::VerdictKind;

Scratch& scratch_of_thread() {
  thread_local Scratch scratch;
  return scratch;
}

int strictness(VerdictKind kind) {
  switch (kind) {
    case VerdictKind::kAllow:
    case VerdictKind::kModify: return 0;
    case VerdictKind::kStepUp: return 1;
    default: return 2;
  }
}

// Decides one request; lives for one call.
class Decision {
 public:
  Decision(const CompiledEngine& engine, const Input& input, Scratch& scratch)
      : engine_(engine),
        input_(input),
        scratch_(scratch),
        view_(input, engine.workspace, engine.workspace_value, scratch),
        shadow_(engine) {}

  model::Verdict decide() {
    const auto& classification = input_.classification;
    decide_resource(classification.resource, classification.containers);
    for (const auto& further : classification.further_resources) {
      // A denial is final. Shadowed policies want to see every resource.
      if (verdict_.kind == VerdictKind::kDeny && decided_ && !engine_.has_shadow()) break;
      decide_resource(further.resource, further.containers);
    }
    verdict_.layer = model::Layer::kPolicy;
    verdict_.policy_revision = engine_.revision;
    if (engine_.has_shadow()) verdict_.shadow = shadow_.would_change(input_.approved);
    if (engine_.observe) {
      verdict_.observed = true;
      verdict_.would = verdict_.kind;
      verdict_.kind = VerdictKind::kAllow;
    }
    return std::move(verdict_);
  }

 private:
  void decide_resource(const model::EntityName& resource, std::span<const model::EntityName> containers) {
    if (const auto* forged = view_.forged_name(resource, containers)) {
      shadow_.add({Answer::kForbidden, Answer::kForbidden});
      if (takes(VerdictKind::kDeny)) explain_forged_name(verdict_, *forged);
      return;
    }
    view_.set_resource(resource, containers);
    const bool critical = input_.classification.band >= model::Band::kCritical && !input_.approved;
    const Finding finding{input_, engine_.enforced, resource, critical};
    const Answer without = answer(input_.approved, scratch_.without);
    Answer with = without;
    const bool ask_again = without != Answer::kAllowed && !input_.approved;
    if (ask_again) with = answer(true, scratch_.with);
    if (engine_.has_shadow()) {
      shadow_.add({without, with});
      shadow_.judge(view_, input_.approved);
    }
    if (without == Answer::kAllowed) {
      if (takes(VerdictKind::kAllow)) explain_allow(verdict_, finding, scratch_.without);
    } else if (with == Answer::kAllowed) {
      if (takes(VerdictKind::kStepUp)) explain_step_up(verdict_, finding, scratch_.without, scratch_.with);
    } else if (takes(VerdictKind::kDeny)) {
      explain_deny(verdict_, finding, ask_again ? scratch_.with : scratch_.without);
    }
    note_errors(verdict_, engine_.enforced, scratch_.without);
    if (ask_again) note_errors(verdict_, engine_.enforced, scratch_.with);
  }

  // Plain Cedar skips a policy that fails; here a forbid that fails denies.
  Answer answer(bool approved, cedar::Response& response) {
    view_.set_approved(approved);
    cedar::authorize(engine_.enforced.set, view_.slice(), response);
    const bool failed = std::any_of(response.errors.begin(), response.errors.end(),
                                    [](const cedar::PolicyError& error) { return error.policy->effect() == cedar::Effect::kForbid; });
    const bool critical = input_.classification.band >= model::Band::kCritical && !approved;
    if (failed || critical) return Answer::kForbidden;
    if (response.decision == cedar::Decision::kAllow) return Answer::kAllowed;
    return response.determining.empty() ? Answer::kNotPermitted : Answer::kForbidden;
  }

  // Whether an answer of this kind speaks for the request so far: a stricter one pushes out what was said, an equal one adds to
  // it, except that the first denial is enough.
  bool takes(VerdictKind kind) {
    const bool first = !decided_;
    decided_ = true;
    if (first) return true;
    if (strictness(kind) < strictness(verdict_.kind)) return false;
    if (strictness(kind) == strictness(verdict_.kind)) return kind != VerdictKind::kDeny;
    verdict_.policies.clear();
    verdict_.credentials.clear();
    verdict_.reason.clear();
    verdict_.next.clear();
    return true;
  }

  const CompiledEngine& engine_;
  const Input& input_;
  Scratch& scratch_;
  RequestView view_;
  ShadowWatch shadow_;
  model::Verdict verdict_;
  bool decided_ = false;
};

}  // namespace

Result<std::shared_ptr<const PolicyEngine>> PolicyEngine::load(std::span<const PolicySource> sources, EngineOptions options) {
  auto compiled = compile(sources, std::move(options));
  if (!compiled) return fail(std::move(compiled.error()));
  return std::shared_ptr<const PolicyEngine>(new PolicyEngine(std::move(*compiled)));
}

model::Verdict PolicyEngine::decide(const Input& input) const {
  const auto decide_one = [this](const Input& one) { return Decision(*compiled_, one, scratch_of_thread()).decide(); };
  return input.classification.parts.empty() ? decide_one(input) : decide_parts(input, decide_one);
}

bool PolicyEngine::may_ever(const Input& input, bool resource_known) const {
  if (compiled_->observe) return true;  // it denies nothing
  Scratch& scratch = scratch_of_thread();
  // resources/read has no argument but the URI that names its resource.
  const bool arguments_known = resource_known && input.request.operation == "resources/read";
  RequestView view(input, compiled_->workspace, compiled_->workspace_value, scratch,
                   arguments_known ? Knowledge::kExceptSurroundings : Knowledge::kExceptArguments);
  view.set_approved(std::nullopt);
  if (resource_known) {
    view.set_resource(input.classification.resource, input.classification.containers);
    return cedar::may_allow(compiled_->enforced.set, view.slice(), nullptr);
  }
  const cedar::UnnamedResource unnamed{view.certain_ancestors(), kClosedTypes};
  return cedar::may_allow(compiled_->enforced.set, view.slice(), &unnamed);
}

const std::string& PolicyEngine::revision() const { return compiled_->revision; }
std::vector<std::string> PolicyEngine::policy_ids() const { return compiled_->ids; }
bool PolicyEngine::observes() const { return compiled_->observe; }
const std::vector<std::string>& PolicyEngine::workspace() const { return compiled_->workspace; }

}  // namespace interlock::policy
