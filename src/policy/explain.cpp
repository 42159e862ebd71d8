#include "policy/explain.hpp"

#include <algorithm>

#include "policy/vocabulary.hpp"

namespace interlock::policy {
namespace {

constexpr std::size_t kMaxShownName = 240;  // bytes of a resource's name in a sentence
constexpr std::size_t kMaxReasons = 3;

void add_once(std::vector<std::string>& list, const std::string& text) {
  if (std::find(list.begin(), list.end(), text) == list.end()) list.push_back(text);
}

std::string shown(const model::EntityName& name) {
  std::string text = model::text_of(name);
  if (text.size() <= kMaxShownName) return text;
  std::size_t end = kMaxShownName;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;  // not within a character
  return text.substr(0, end) + "...";
}

// `filesystem/write_file (write, band 1) on File::"/etc/motd"`
std::string act_of(const Finding& finding) {
  const auto& classification = finding.input.classification;
  std::string out = classification.action + " (";
  for (const model::Effect effect : classification.effects) out.append(model::effect_name(effect)).append(", ");
  out += "band " + std::to_string(static_cast<int>(classification.band)) + ") on " + shown(finding.resource);
  if (!classification.known) out += ", which no catalogue entry describes, so it counts as all of that";
  return out;
}

// Sentences, each once, the first few of them.
class Reasons {
 public:
  void add(const std::string& text) {
    if (std::find(texts_.begin(), texts_.end(), text) == texts_.end()) texts_.push_back(text);
  }
  bool empty() const { return texts_.empty(); }
  std::string text() const {
    std::string out;
    for (std::size_t i = 0; i < std::min(texts_.size(), kMaxReasons); ++i) {
      if (!out.empty()) out += out.ends_with('.') ? " " : "; ";
      out += texts_[i];
    }
    return out;
  }

 private:
  std::vector<std::string> texts_;
};

bool forbids(const cedar::Policy& policy) { return policy.effect() == cedar::Effect::kForbid; }

// With several resources it matters which one is meant.
std::string of_resource(const Finding& finding) {
  return finding.input.classification.further_resources.empty() ? std::string{} : " (" + shown(finding.resource) + ")";
}

void write_reason(model::Verdict& verdict, const Finding& finding, const Reasons& reasons) {
  const std::string text = reasons.text() + of_resource(finding);
  if (verdict.reason.find(text) != std::string::npos) return;
  if (!verdict.reason.empty()) verdict.reason += verdict.reason.ends_with('.') ? " " : "; ";
  verdict.reason += text;
}

// What stands in the way: satisfied forbids, forbids that fail, the rule for band 3.
void name_obstacles(model::Verdict& verdict, const Finding& finding, const cedar::Response& response, bool critical, Reasons& reasons,
                    std::string& next) {
  for (const cedar::Policy* policy : response.determining) {
    if (!forbids(*policy)) continue;
    const PolicyFacts& facts = finding.layer.of(*policy);
    add_once(verdict.policies, facts.id);
    reasons.add(facts.reason.empty() ? "policy " + facts.id + " forbids " + act_of(finding) : facts.reason);
    if (next.empty()) next = facts.next;
  }
  for (const cedar::PolicyError& error : response.errors) {
    if (!forbids(*error.policy)) continue;
    const PolicyFacts& facts = finding.layer.of(*error.policy);
    add_once(verdict.policies, facts.id);
    reasons.add("policy " + facts.id + " forbids under a condition that cannot be evaluated, so it counts as met: " + error.message);
  }
  if (!critical) return;
  verdict.policies.emplace_back(kCriticalRule);
  reasons.add("a critical act (band 3) needs a human's approval each time");
}

std::string default_deny_reason(const Finding& finding, const cedar::Response& denied) {
  if (finding.layer.facts.empty()) return "no policy is in force, so nothing is permitted: " + act_of(finding);
  std::string out = "no policy permits " + act_of(finding);
  for (const cedar::PolicyError& error : denied.errors) {
    out += "; policy " + finding.layer.of(*error.policy).id + " cannot be evaluated: " + error.message;
    break;
  }
  return out;
}

std::string default_deny_next(const Finding& finding) {
  if (finding.layer.facts.empty()) return "a human can set `preset: balanced` in interlock.yaml, or write a policy with a permit";
  return "ask the human in charge, who can permit it with a policy such as: permit (principal, action == " +
         shown({std::string(kActionType), finding.input.classification.action}) + ", resource == " + shown(finding.resource) + ");";
}

}  // namespace

void explain_allow(model::Verdict& verdict, const Finding& finding, const cedar::Response& allowed) {
  verdict.kind = model::VerdictKind::kAllow;
  for (const cedar::Policy* policy : allowed.determining) {
    const PolicyFacts& facts = finding.layer.of(*policy);
    add_once(verdict.policies, facts.id);
    if (!facts.credential.empty()) add_once(verdict.credentials, facts.credential);
    for (const auto& pointer : facts.redact) add_once(verdict.redact, pointer);
  }
  if (!verdict.redact.empty()) verdict.kind = model::VerdictKind::kModify;
}

void explain_step_up(model::Verdict& verdict, const Finding& finding, const cedar::Response& blocked, const cedar::Response& allowed) {
  verdict.kind = model::VerdictKind::kStepUp;
  Reasons reasons;
  std::string next;
  name_obstacles(verdict, finding, blocked, finding.critical, reasons, next);
  if (reasons.empty()) {
    // Nothing forbids: a permit waits for the approval.
    for (const cedar::Policy* policy : allowed.determining) {
      const PolicyFacts& facts = finding.layer.of(*policy);
      add_once(verdict.policies, facts.id);
      reasons.add(facts.reason.empty() ? "policy " + facts.id + " permits " + act_of(finding) + " once a human approves" : facts.reason);
      if (next.empty()) next = facts.next;
    }
  }
  write_reason(verdict, finding, reasons);
  if (verdict.next.empty()) verdict.next = next.empty() ? "wait for a human's answer (interlock approvals lists what waits)" : next;
}

void explain_deny(model::Verdict& verdict, const Finding& finding, const cedar::Response& denied) {
  verdict.kind = model::VerdictKind::kDeny;
  Reasons reasons;
  std::string next;
  // Whoever denies with an approval as well is the one to name; the rule for band 3 would not.
  name_obstacles(verdict, finding, denied, false, reasons, next);
  if (reasons.empty()) {
    reasons.add(default_deny_reason(finding, denied));
    next = default_deny_next(finding);
  }
  write_reason(verdict, finding, reasons);
  if (!next.empty()) {
    verdict.next = std::move(next);
    return;
  }
  const bool failed = std::any_of(denied.errors.begin(), denied.errors.end(), [](const auto& error) { return forbids(*error.policy); });
  const auto first =
      std::find_if(denied.determining.begin(), denied.determining.end(), [](const auto* policy) { return forbids(*policy); });
  if (first != denied.determining.end()) {
    verdict.next = "do not try it another way; the human in charge can change the policy (" + finding.layer.of(**first).place + ")";
  } else if (failed) {
    verdict.next = "the human in charge can mend the policy: ask `has` before an attribute that may be absent";
  }
}

void explain_forged_name(model::Verdict& verdict, const model::EntityName& forged) {
  verdict.kind = model::VerdictKind::kDeny;
  verdict.reason = "the catalogue names a resource " + shown(forged) + ", and names of this type come from the gate alone";
  verdict.next = "the human in charge can give the resource another type in the catalogue";
}

void note_errors(model::Verdict& verdict, const PolicyLayer& layer, const cedar::Response& response) {
  for (const cedar::PolicyError& error : response.errors) add_once(verdict.errors, layer.of(*error.policy).id + ": " + error.message);
}

}  // namespace interlock::policy
