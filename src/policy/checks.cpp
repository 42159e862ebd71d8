#include "policy/checks.hpp"

#include <algorithm>
#include <filesystem>
#include <unordered_map>

#include "cedar/mentions.hpp"
#include "policy/vocabulary.hpp"

namespace interlock::policy {
namespace {

constexpr std::size_t kMaxIdBytes = 200;
constexpr std::size_t kMaxTextBytes = 2'000;  // of @reason and @next: they travel with every verdict
constexpr std::size_t kMaxShownLine = 200;

std::string in_ticks(std::string_view word) { return "`" + std::string(word.substr(0, kMaxShownLine)) + "`"; }

bool holds(std::span<const std::string_view> words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::string listed(std::span<const std::string_view> words) {
  std::string out;
  for (const std::string_view word : words) out += (out.empty() ? "" : ", ") + std::string(word);
  return out;
}

std::string suggestion(std::string_view word, std::span<const std::string_view> words, const std::string& otherwise) {
  const std::string_view near = nearest(word, words);
  return near.empty() ? otherwise : "did you mean " + in_ticks(near) + "?";
}

// ------------------------------------------------------------------------------------------------------- annotations

class AnnotationReader {
 public:
  explicit AnnotationReader(Faults& faults) : faults_(faults) {}

  PolicyFacts read(const cedar::Policy& policy) {
    policy_ = &policy;
    PolicyFacts facts;
    facts.place = std::string(file_name(policy.source_name())) + ":" + std::to_string(policy.line());
    if (policy.is_template()) {
      faults_.add(policy.source_name(), policy.line(), policy.column(), "a template decides nothing here, since nothing links it",
                  "write the entity in place of ?principal and ?resource");
    }
    const std::size_t number = ++numbers_[policy.source_name()];
    for (const cedar::Annotation& annotation : policy.annotations()) apply(annotation, facts);
    if (facts.id.empty()) facts.id = unnamed(policy.source_name(), number);
    const auto [before, is_new] = by_id_.emplace(facts.id, facts.place);
    if (!is_new) {
      faults_.add(policy.source_name(), policy.line(), policy.column(),
                  "the id " + in_ticks(facts.id) + " is taken by the policy at " + before->second, "give each policy an @id of its own");
    }
    return facts;
  }

 private:
  void apply(const cedar::Annotation& annotation, PolicyFacts& facts) {
    const std::string_view name = annotation.name;
    if (name == "id") {
      facts.id = text(annotation, kMaxIdBytes);
      if (facts.id.starts_with(kBuiltInPrefix))
        complain(annotation, "ids that begin with " + in_ticks(kBuiltInPrefix) + " name rules of the gate", "choose another @id");
    } else if (name == "reason") {
      facts.reason = text(annotation, kMaxTextBytes);
    } else if (name == "next") {
      facts.next = text(annotation, kMaxTextBytes);
    } else if (name == "shadow") {
      facts.shadow = true;
    } else if (name == "credential") {
      facts.credential = text(annotation, kMaxIdBytes);
      if (policy_->effect() != cedar::Effect::kPermit)
        complain(annotation, "@credential stands on a forbid, which performs nothing", "write it on the permit of the act");
    } else if (name == "redact") {
      read_redact(annotation, facts);
    } else if (holds(kPlannedAnnotations, name)) {
      complain(annotation, "@" + annotation.name + " is not supported yet",
               "leave it out: a policy that promises it would promise too much");
    } else {
      complain(annotation, "there is no annotation " + in_ticks("@" + annotation.name),
               suggestion(name, kAnnotations, "the annotations are " + listed(kAnnotations)));
    }
  }

  // "/content, /edits/0": JSON pointers (RFC 6901) below the arguments.
  void read_redact(const cedar::Annotation& annotation, PolicyFacts& facts) {
    if (policy_->effect() != cedar::Effect::kPermit)
      complain(annotation, "@redact stands on a forbid, which performs nothing", "write it on the permit of the act");
    const auto all = text(annotation, kMaxTextBytes);
    for (std::size_t at = 0; at < all.size();) {
      auto end = all.find(',', at);
      if (end == std::string::npos) end = all.size();
      const auto from = all.find_first_not_of(' ', at);
      const auto pointer = from < end ? all.substr(from, all.find_last_not_of(' ', end - 1) - from + 1) : std::string();
      if (!pointer.starts_with('/')) {
        complain(annotation, "@redact names no argument by " + in_ticks(pointer),
                 "write JSON pointers, as in @redact(\"/content, /headers/authorization\")");
        return;
      }
      facts.redact.push_back(pointer);
      at = end + 1;
    }
  }

  std::string text(const cedar::Annotation& annotation, std::size_t max_bytes) {
    const bool printable = std::none_of(annotation.value.begin(), annotation.value.end(),
                                        [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
    if (annotation.value.empty()) {
      complain(annotation, "@" + annotation.name + " needs a text", "for example @" + annotation.name + "(\"...\")");
    } else if (annotation.value.size() > max_bytes) {
      complain(annotation,
               "@" + annotation.name + " has " + std::to_string(annotation.value.size()) + " bytes, more than " + std::to_string(max_bytes),
               "shorten it");
    } else if (!printable) {
      complain(annotation, "@" + annotation.name + " holds control characters", "write it as one line of plain text");
    }
    return annotation.value;
  }

  // Two folders may have a file of one name each.
  std::string unnamed(const std::string& source, std::size_t number) {
    const std::string short_id = std::string(file_name(source)) + ":" + std::to_string(number);
    return by_id_.contains(short_id) ? source + ":" + std::to_string(number) : short_id;
  }

  void complain(const cedar::Annotation& at, std::string message, std::string hint) {
    faults_.add(policy_->source_name(), at.line, at.column, std::move(message), std::move(hint));
  }

  Faults& faults_;
  const cedar::Policy* policy_ = nullptr;
  std::unordered_map<std::string, std::size_t> numbers_;  // of policies, by source
  std::unordered_map<std::string, std::string> by_id_;    // id -> place
};

// ------------------------------------------------------------------------------------------------------------- names

using cedar::Mention;
using cedar::MentionPlace;

class NameChecker {
 public:
  explicit NameChecker(Faults& faults) : faults_(faults) {}

  void check(const Mention& mention) {
    mention_ = &mention;
    if (mention.kind == Mention::Kind::kContextAttribute) {
      check_attribute("context", mention.id, kContextAttributes);
      return;
    }
    if (mention.kind == Mention::Kind::kPrincipalAttribute) {
      check_attribute("principal", mention.id, kPrincipalAttributes);
      return;
    }
    check_type(mention.type);
    if (mention.kind == Mention::Kind::kEntity) check_id(mention.type, mention.id);
  }

 private:
  void complain(std::string message, std::string hint) {
    faults_.add(mention_->policy->source_name(), mention_->line, mention_->column, std::move(message), std::move(hint));
  }

  void check_attribute(std::string_view variable, std::string_view name, std::span<const std::string_view> known) {
    if (holds(known, name)) return;
    complain(std::string(variable) + " has no attribute " + in_ticks(name), suggestion(name, known, "it has " + listed(known)));
  }

  void check_type(std::string_view type) {
    switch (mention_->place) {
      case MentionPlace::kPrincipal:
        if (type == kAgentType || type == kHumanType) return;
        return complain("the principal is never " + in_ticks(type), "who acts is Agent::\"<subject>\", in Human::\"<owner>\"");
      case MentionPlace::kAction:
        if (type == kActionType) return;
        return complain("the action is never " + in_ticks(type),
                        "actions are Action::\"<server or entry>/<tool>\", in groups such as Action::\"write\"");
      case MentionPlace::kResource:
      case MentionPlace::kCondition: break;
    }
    if (holds(kBuiltInTypes, type)) return;
    // A catalogue may name types of its own, but hardly one that differs from a built-in type in case alone.
    const std::string_view near = nearest(type, kBuiltInTypes);
    const bool same_letters = near.size() == type.size() &&
                              std::equal(near.begin(), near.end(), type.begin(), [](char a, char b) { return (a | 0x20) == (b | 0x20); });
    if (same_letters) complain("there is no type " + in_ticks(type), "did you mean " + in_ticks(near) + "?");
  }

  void check_id(std::string_view type, std::string_view id) {
    if (type == kActionType) {
      // Every operation is "<entry>/<tool>", but for programs of one verb (Action::"rm"). What has no slash is a group then, or, where the
      // action must be it and not merely be in it, a program.
      if (id.find('/') != std::string_view::npos || holds(kActionGroups, id) || mention_->equal) return;
      complain("there is no action group " + in_ticks(id),
               suggestion(id, kActionGroups,
                          "the groups are " + listed(kActionGroups) +
                              "; a single operation is Action::\"<server or entry>/<tool>\", and a program `action == Action::\"rm\"`"));
    } else if (type == kWorkspaceType && id != kWorkspaceId) {
      complain("there is no workspace " + in_ticks(id), "the workspace of interlock.yaml is Workspace::\"default\"");
    } else if ((type == kFileType || type == kFolderType) && id.starts_with('/')) {
      check_path(type, id);
    } else if (type == kFolderType && !id.starts_with('/')) {
      complain("the folder " + in_ticks(id) + " is not absolute, so nothing is in it", "write the whole path, from / on");
    } else if (type == kHostType) {
      check_host(id);
    }
  }

  // Requests carry paths in one form; another spelling of the same path would never match.
  void check_path(std::string_view type, std::string_view path) {
    std::string normal = std::filesystem::path(path).lexically_normal().string();
    if (normal.size() > 1 && normal.ends_with('/')) normal.pop_back();
    if (normal.starts_with("//")) normal.erase(0, 1);
    if (normal == path) return;
    complain(in_ticks(path) + " matches nothing: paths are compared without `.`, `..`, doubled and trailing slashes",
             "write " + std::string(type) + "::\"" + normal + "\"");
  }

  void check_host(std::string_view host) {
    const bool upper = std::any_of(host.begin(), host.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
    if (upper) complain("the host " + in_ticks(host) + " matches nothing: hosts are compared in lower case", "write it in lower case");
    if (host.find('*') != std::string_view::npos) {
      complain("the host " + in_ticks(host) + " matches nothing: there are no patterns in names",
               "`resource in Host::\"example.com\"` holds for its subdomains, too");
    } else if (host.find("://") != std::string_view::npos || (host.find('/') != std::string_view::npos)) {
      complain(in_ticks(host) + " is no host", "write the name alone, as in Host::\"example.com\"");
    }
  }

  Faults& faults_;
  const Mention* mention_ = nullptr;
};

}  // namespace

void Faults::add(const std::string& source, std::uint32_t line, std::uint32_t column, std::string message, std::string hint) {
  if (++count_ > 1) return;
  first_ = {.source = source, .line = line, .column = column, .message = std::move(message), .hint = std::move(hint), .source_line = {}};
}

Error Faults::error() const {
  std::string text = first_.source + ":" + std::to_string(first_.line) + ":" + std::to_string(first_.column) + ": " + first_.message;
  if (count_ > 1) text += " (and " + std::to_string(count_ - 1) + " more)";
  return {ErrorCode::kInvalid, std::move(text), first_.hint};
}

std::string_view file_name(std::string_view source) { return source.substr(source.rfind('/') + 1); }

std::vector<PolicyFacts> read_annotations(const cedar::PolicySet& policies, Faults& faults) {
  std::vector<PolicyFacts> out;
  out.reserve(policies.policies().size());
  AnnotationReader reader(faults);
  for (const cedar::Policy& policy : policies.policies()) out.push_back(reader.read(policy));
  return out;
}

void check_names(const cedar::PolicySet& policies, Faults& faults) {
  NameChecker checker(faults);
  for (const Mention& mention : cedar::mentions(policies)) checker.check(mention);
}

}  // namespace interlock::policy
