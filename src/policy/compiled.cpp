// From sources to a snapshot: parse, check, set the shadowed policies apart, compute the revision.
#include "policy/compiled.hpp"

#include <algorithm>
#include <filesystem>
#include <functional>

#include "base/hash.hpp"
#include "policy/checks.hpp"
#include "policy/vocabulary.hpp"

namespace interlock::policy {
namespace {

// Grows when the rules beyond the policies, or what requests are turned into, change: the same text then decides differently.
constexpr std::string_view kRulesVersion = "interlock-policy-1";

std::size_t offset_of(std::string_view text, std::uint32_t line, std::uint32_t column) {
  std::size_t start = 0;
  for (std::uint32_t at = 1; at < line; ++at) start = text.find('\n', start) + 1;
  return start + column - 1;
}

// The policies that `keep` says yes to. The others are blanked out of the text, so that places stay what they are.
Result<PolicyLayer> part_of(const cedar::PolicySet& all, const std::vector<PolicyFacts>& facts, std::vector<cedar::PolicySource> sources,
                            const std::function<bool(std::size_t)>& keep) {
  PolicyLayer layer;
  for (std::size_t i = 0; i < facts.size(); ++i) {
    const cedar::Policy& policy = all.policies()[i];
    if (keep(i)) {
      layer.facts.push_back(facts[i]);
      continue;
    }
    const auto source = std::find_if(sources.begin(), sources.end(), [&](const auto& each) { return each.name == policy.source_name(); });
    const std::size_t start = offset_of(source->text, policy.line(), policy.column());
    for (char& c : std::span(source->text).subspan(start, policy.text().size())) {
      if (c != '\n') c = ' ';
    }
  }
  auto set = cedar::PolicySet::parse(sources);
  if (!set) return fail(std::move(set.error()));
  layer.set = std::move(*set);
  return layer;
}

Result<std::vector<std::string>> normal_workspace(const std::vector<std::string>& folders) {
  std::vector<std::string> out;
  for (const std::string& folder : folders) {
    if (!folder.starts_with('/')) return fail(ErrorCode::kInvalid, "the workspace folder `" + folder + "` is not absolute");
    std::string normal = std::filesystem::path(folder).lexically_normal().string();
    if (normal.size() > 1 && normal.ends_with('/')) normal.pop_back();
    out.push_back(std::move(normal));
  }
  return out;
}

std::string revision_of(std::span<const cedar::PolicySource> sources, const CompiledEngine& engine) {
  std::string text;
  auto add = [&](std::string_view part) { text.append(std::to_string(part.size())).append(":").append(part); };
  add(kRulesVersion);
  add(engine.observe ? "observe" : "enforce");
  add(std::to_string(engine.workspace.size()));
  for (const std::string& folder : engine.workspace) add(folder);
  for (const auto& source : sources) {
    add(file_name(source.name));
    add(source.text);
  }
  return to_hex(sha256(text));
}

Status check_source_names(std::span<const PolicySource> sources) {
  for (std::size_t i = 0; i < sources.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (sources[i].name == sources[j].name)
        return fail(ErrorCode::kConflict, "the policy file `" + sources[i].name + "` is named twice", "name it once");
    }
  }
  return {};
}

}  // namespace

Result<std::shared_ptr<const CompiledEngine>> compile(std::span<const PolicySource> sources, EngineOptions options) {
  if (auto distinct = check_source_names(sources); !distinct) return fail(std::move(distinct.error()));
  std::vector<cedar::PolicySource> texts;
  for (const PolicySource& source : sources) texts.push_back({source.name, source.text});
  auto all = cedar::PolicySet::parse(texts);
  if (!all) return fail(std::move(all.error()));
  Faults faults;
  const std::vector<PolicyFacts> facts = read_annotations(*all, faults);
  check_names(*all, faults);
  if (!faults.empty()) return fail(faults.error());

  auto engine = std::make_shared<CompiledEngine>();
  for (const PolicyFacts& each : facts) engine->ids.push_back(each.id);
  const bool has_shadow = std::any_of(facts.begin(), facts.end(), [](const PolicyFacts& each) { return each.shadow; });
  if (!has_shadow) {
    engine->enforced = {*all, facts};
  } else {
    auto is_shadow = [&](std::size_t i, cedar::Effect effect) { return facts[i].shadow && all->policies()[i].effect() == effect; };
    auto enforced = part_of(*all, facts, texts, [&](std::size_t i) { return !facts[i].shadow; });
    auto permits = part_of(*all, facts, texts, [&](std::size_t i) { return is_shadow(i, cedar::Effect::kPermit); });
    auto forbids = part_of(*all, facts, texts, [&](std::size_t i) { return is_shadow(i, cedar::Effect::kForbid); });
    for (auto* part : {&enforced, &permits, &forbids}) {
      if (!*part) return fail(std::move(part->error()));
    }
    engine->enforced = std::move(*enforced);
    engine->shadow_permits = std::move(*permits);
    engine->shadow_forbids = std::move(*forbids);
  }
  engine->observe = options.observe;
  auto workspace = normal_workspace(options.workspace);
  if (!workspace) return fail(std::move(workspace.error()));
  engine->workspace = std::move(*workspace);
  engine->workspace_value = engine->values.strings(engine->workspace);
  engine->revision = revision_of(texts, *engine);
  return std::shared_ptr<const CompiledEngine>(std::move(engine));
}

}  // namespace interlock::policy
