#include "gate/covered.hpp"

#include <algorithm>
#include <vector>

#include "base/json.hpp"

namespace interlock::gate {
namespace {

// What makes two commands the same; empty: it cannot be covered.
std::string text_of(const json::value& args, const model::Classification& what) {
  if (!args.is_object()) return {};
  const auto& object = args.get_object();
  const auto* argv = json::array_at(object, "argv");
  const auto cwd = json::string_at(object, "cwd");
  if (argv == nullptr || argv->empty() || !cwd || json::find(object, "unknowable") != nullptr) return {};
  for (const auto& word : *argv)
    if (!word.is_string()) return {};
  return what.action + '\n' + model::text_of(what.resource) + '\n' + std::string(*cwd) + '\n' + json::write(*argv);
}

std::vector<std::string> texts_of(const model::ActionRequest& request, const model::Classification& what) {
  std::vector<std::string> out;
  if (what.parts.empty()) out.push_back(text_of(request.args, what));
  for (const auto& part : what.parts) out.push_back(text_of(part.args, part.what));
  return out;
}

}  // namespace

void Covered::add(const std::string& task, const std::string& approval, const model::ActionRequest& request,
                  const model::Classification& what, UnixMs now_ms) {
  for (auto& text : texts_of(request, what)) {
    if (!text.empty()) parts_.push_back({task, approval, std::move(text), now_ms + kCoveredMs});
  }
  while (parts_.size() > kCoveredParts) parts_.pop_front();
}

std::optional<std::string> Covered::take(const std::string& task, const model::ActionRequest& request, const model::Classification& what,
                                         UnixMs now_ms) {
  std::erase_if(parts_, [&](const Part& part) { return part.until_ms <= now_ms; });
  std::vector<const Part*> used;
  for (const auto& text : texts_of(request, what)) {
    const auto found = std::ranges::find_if(parts_, [&](const Part& part) {
      return !text.empty() && part.task == task && part.what == text && std::ranges::find(used, &part) == used.end();
    });
    if (found == parts_.end()) return std::nullopt;
    used.push_back(&*found);
  }
  if (used.empty()) return std::nullopt;
  auto approval = used.front()->approval;
  std::erase_if(parts_, [&](const Part& part) { return std::ranges::find(used, &part) != used.end(); });
  return approval;
}

}  // namespace interlock::gate
