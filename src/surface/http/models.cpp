#include "surface/http/models.hpp"

#include "base/hash.hpp"
#include "base/text.hpp"
#include "gate/record.hpp"

namespace interlock::http {
namespace {

// Where the prompts stand in each wire: the system's and the messages.
struct Places {
  std::string_view system;
  std::string_view messages;
};
Places places_of(catalogue::ModelWire wire) {
  switch (wire) {
    case catalogue::ModelWire::kOpenAiChat: return {"", "messages"};
    case catalogue::ModelWire::kOpenAiResponses: return {"instructions", "input"};
    case catalogue::ModelWire::kAnthropicMessages: return {"system", "messages"};
    case catalogue::ModelWire::kGeminiGenerate: return {"systemInstruction", "contents"};
    case catalogue::ModelWire::kNone: break;
  }
  return {};
}

void add_names(const json::value& tool, json::array& out) {
  const auto* object = tool.if_object();
  if (object == nullptr || out.size() >= kRecordedTools) return;
  if (const auto* functions = json::find(*object, "functionDeclarations"); functions != nullptr && functions->if_array() != nullptr) {
    for (const auto& one : functions->get_array()) add_names(one, out);
    return;
  }
  const auto* function = json::find(*object, "function");
  const auto* named = function != nullptr && function->if_object() != nullptr ? function->if_object() : object;
  constexpr std::size_t kToolNameBytes = 200;
  if (const auto name = json::string_at(*named, "name")) out.emplace_back(utf8_prefix(*name, kToolNameBytes));
  else if (const auto type = json::string_at(*object, "type")) out.emplace_back(utf8_prefix(*type, kToolNameBytes));
}

std::string shown(const std::string& text, ModelRecord how) {
  const auto bounded = utf8_prefix(text, kRecordedPromptBytes);
  return how == ModelRecord::kFull ? std::string(bounded) : gate::without_credentials(bounded);
}

}  // namespace

json::object recorded_model_call(catalogue::ModelWire wire, const json::object& body, ModelRecord how) {
  json::object out;
  if (how == ModelRecord::kOff || wire == catalogue::ModelWire::kNone) return out;
  constexpr std::size_t kModelNameBytes = 200;
  if (const auto model = json::string_at(body, "model")) out["model"] = utf8_prefix(*model, kModelNameBytes);
  const auto places = places_of(wire);
  json::object prompt;
  for (const auto place : {places.system, places.messages}) {
    if (place.empty()) continue;
    if (const auto* found = json::find(body, place)) prompt[place] = *found;
  }
  if (const auto* messages = json::find(body, places.messages)) {
    const auto* list = messages->if_array();
    out["messages"] = static_cast<std::int64_t>(list == nullptr ? 1 : list->size());
  }
  const auto prompt_text = json::write(json::value(prompt));
  out["prompt_bytes"] = static_cast<std::int64_t>(prompt_text.size());
  out["prompt_sha256"] = to_hex(sha256(prompt_text));
  if (how != ModelRecord::kHash) out["prompt"] = shown(prompt_text, how);
  if (const auto* tools = json::find(body, "tools"); tools != nullptr && tools->if_array() != nullptr) {
    json::array names;
    for (const auto& tool : tools->get_array()) add_names(tool, names);
    out["tools"] = std::move(names);
    const auto tools_text = json::write(*tools);
    out["tools_sha256"] = to_hex(sha256(tools_text));
    if (how != ModelRecord::kHash) out["tool_definitions"] = shown(tools_text, how);
  }
  return out;
}

}  // namespace interlock::http
