#include "credential/session_policy.hpp"

#include <algorithm>
#include <optional>
#include <string_view>

namespace interlock::credential {
namespace {

constexpr std::string_view kVersion = "2012-10-17";

bool is_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':'; });
}

// What one resource of an act fills templates with.
class Filling {
 public:
  Filling(const model::EntityName& resource, const std::vector<model::EntityName>& containers)
      : resource_(resource), containers_(containers) {}

  Result<std::string> id_of(std::string_view name) const {
    const model::EntityName* found = name == "resource" || name == resource_.type ? &resource_ : nullptr;
    for (const auto& container : containers_)
      if (found == nullptr && container.type == name) found = &container;
    if (found == nullptr || found->id.empty()) {
      return fail(ErrorCode::kDenied, "the act has no " + std::string(name) + " to narrow its session policy by",
                  "write statements without {" + std::string(name) + "} for such acts");
    }
    const bool widens = std::any_of(found->id.begin(), found->id.end(), [](char c) {
      return c == '*' || c == '?' || c == '$' || static_cast<unsigned char>(c) < ' ' || c == '\x7f';
    });
    if (widens)
      return fail(ErrorCode::kDenied, "the act's " + std::string(name) + " has a character that widens a session policy (*, ?, $)");
    return found->id;
  }

  // "${aws:...}" is IAM's own and stays.
  Result<std::string> fill(std::string_view text) const {
    std::string out;
    while (!text.empty()) {
      const auto open = std::min(text.find('{'), text.size());
      const auto close = std::min(text.find('}', open), text.size());
      const bool is_iams = open > 0 && open < text.size() && text[open - 1] == '$';
      out.append(text.substr(0, open));
      if (open == text.size()) break;
      const auto name = close < text.size() ? text.substr(open + 1, close - open - 1) : std::string_view();
      if (is_iams || !is_name(name)) {
        out += '{';
        text.remove_prefix(open + 1);
        continue;
      }
      auto id = id_of(name);
      if (!id) return fail(std::move(id.error()));
      out += *id;
      text.remove_prefix(close + 1);
    }
    return out;
  }

  Result<json::value> fill(const json::value& written) const {
    if (written.is_string()) {
      auto text = fill(json::view(written.get_string()));
      if (!text) return interlock::fail(std::move(text.error()));
      return json::value(*text);
    }
    if (const auto* list = written.if_array()) {
      json::array out;
      for (const auto& entry : *list) {
        auto filled = fill(entry);
        if (!filled) return filled;
        out.push_back(std::move(*filled));
      }
      return json::value(std::move(out));
    }
    if (const auto* object = written.if_object()) {
      json::object out;
      for (const auto& member : *object) {
        auto filled = fill(member.value());
        if (!filled) return filled;
        out.emplace(member.key(), std::move(*filled));
      }
      return json::value(std::move(out));
    }
    return written;
  }

 private:
  const model::EntityName& resource_;
  const std::vector<model::EntityName>& containers_;
};

std::size_t depth_of(const json::value& written) {
  std::size_t deepest = 0;
  if (const auto* list = written.if_array())
    for (const auto& entry : *list) deepest = std::max(deepest, depth_of(entry));
  if (const auto* object = written.if_object())
    for (const auto& member : *object) deepest = std::max(deepest, depth_of(member.value()));
  return deepest + 1;
}

bool is_statement(const json::value& written) {
  const auto* statement = written.if_object();
  return statement != nullptr && json::string_at(*statement, "Effect") && depth_of(written) <= kStatementDepth;
}

}  // namespace

SessionPolicy SessionPolicy::read(BrokerSettings& settings, std::string_view key) {
  constexpr std::string_view kHint = "write { read: [ { Effect: Allow, Action: s3:GetObject, Resource: \"arn:aws:s3:::{resource}\" } ] }";
  SessionPolicy out;
  if (!settings.has(key)) settings.complain(key, "is missing: a session could do all that its role can", kHint);
  out.statements_ = ByEffect::read(settings, key);
  for (const auto* entry : out.statements_.all()) {
    const auto* list = entry->if_array();
    if (list == nullptr || list->empty() || !std::all_of(list->begin(), list->end(), is_statement))
      settings.complain(key, "holds something else than lists of statements", kHint);
  }
  return out;
}

Result<std::string> SessionPolicy::for_act(const model::Classification* act) const {
  const auto entries = statements_.for_act(act);
  if (!entries) return fail(entries.error());
  static const model::NamedResource kNone;
  std::vector<Filling> fillings;
  if (act == nullptr) fillings.emplace_back(kNone.resource, kNone.containers);
  if (act != nullptr) {
    fillings.emplace_back(act->resource, act->containers);
    for (const auto& further : act->further_resources) fillings.emplace_back(further.resource, further.containers);
  }
  json::array statements;
  for (const auto* entry : *entries) {
    for (const auto& statement : entry->get_array()) {
      for (const auto& filling : fillings) {
        auto filled = filling.fill(statement);
        if (!filled) return fail(std::move(filled.error()));
        // One that names no resource is the same for each of them.
        if (std::find(statements.begin(), statements.end(), *filled) == statements.end()) statements.push_back(std::move(*filled));
      }
    }
  }
  auto text = json::write(json::object{{"Version", kVersion}, {"Statement", std::move(statements)}});
  if (text.size() <= kSessionPolicyBytes) return text;
  return fail(ErrorCode::kTooLarge,
              "the act's session policy has " + std::to_string(text.size()) + " bytes, STS takes " + std::to_string(kSessionPolicyBytes),
              "write shorter statements");
}

}  // namespace interlock::credential
