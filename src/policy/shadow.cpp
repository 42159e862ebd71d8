#include "policy/shadow.hpp"

#include <algorithm>

namespace interlock::policy {
namespace {

bool holds(const std::vector<const cedar::Policy*>& list, const cedar::Policy& policy) {
  return std::find(list.begin(), list.end(), &policy) != list.end();
}

// The answer as it would be with one more policy that is satisfied.
Answer with_policy(Answer answer, cedar::Effect effect) {
  if (effect == cedar::Effect::kForbid) return Answer::kForbidden;
  return answer == Answer::kNotPermitted ? Answer::kAllowed : answer;
}

// 0 allow, 1 step-up, 2 deny: the strictest resource counts.
int kind_of(const Answers& answers, bool approved) {
  if (answers.without == Answer::kAllowed) return 0;
  return !approved && answers.with == Answer::kAllowed ? 1 : 2;
}

}  // namespace

ShadowWatch::Hits ShadowWatch::hits(const RequestView& view) const {
  Hits out;
  cedar::Response response;
  cedar::authorize(engine_.shadow_permits.set, view.slice(), response);
  out = response.determining;
  cedar::authorize(engine_.shadow_forbids.set, view.slice(), response);
  out.insert(out.end(), response.determining.begin(), response.determining.end());
  for (const cedar::PolicyError& error : response.errors) out.push_back(error.policy);  // enforced, it would deny
  return out;
}

void ShadowWatch::judge(RequestView& view, bool approved) {
  Resource& resource = resources_.back();
  view.set_approved(approved);
  resource.without = hits(view);
  if (approved) return;
  view.set_approved(true);
  resource.with = hits(view);
}

// What decide() allowed at once counts as allowed with an approval, too.
bool ShadowWatch::changes(const cedar::Policy& policy, bool approved) const {
  int kind = 0;
  int shadowed_kind = 0;
  for (const Resource& resource : resources_) {
    kind = std::max(kind, kind_of(resource.answers, approved));
    Answers answers = resource.answers;
    if (holds(resource.without, policy)) answers.without = with_policy(answers.without, policy.effect());
    if (holds(resource.with, policy)) answers.with = with_policy(answers.with, policy.effect());
    shadowed_kind = std::max(shadowed_kind, kind_of(answers, approved));
  }
  return kind != shadowed_kind;
}

std::vector<std::string> ShadowWatch::would_change(bool approved) const {
  std::vector<std::string> out;
  for (const PolicyLayer* layer : {&engine_.shadow_permits, &engine_.shadow_forbids}) {
    for (const cedar::Policy& policy : layer->set.policies()) {
      if (changes(policy, approved)) out.push_back(layer->of(policy).id);
    }
  }
  return out;
}

}  // namespace interlock::policy
