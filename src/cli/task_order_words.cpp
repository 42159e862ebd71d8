// What the options of `interlock task start` and `extend` ask for, as the body that gates read.
#include <charconv>

#include "cli/task_verb.hpp"
#include "cli/yaml_json.hpp"

namespace interlock::cli {
namespace {

// Lists of the short form, and whether one word may hold several, parted by commas: paths and entities may hold a comma themselves.
struct ListOption {
  const char* option;
  const char* member;
  bool parted;
};
constexpr ListOption kLists[] = {{"--effects", "effects", true},
                                 {"--tools", "tools", true},
                                 {"--hosts", "hosts", true},
                                 {"--paths", "paths", false},
                                 {"--resources", "resources", false}};

void add_words(json::array& out, std::string_view text, bool parted) {
  while (parted && text.find(',') != std::string_view::npos) {
    if (const auto word = text.substr(0, text.find(',')); !word.empty()) out.emplace_back(word);
    text.remove_prefix(text.find(',') + 1);
  }
  if (!text.empty()) out.emplace_back(text);
}

Result<std::int64_t> number_of(const Arguments& arguments, const std::string& option) {
  const auto text = arguments.value(option);
  std::int64_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc() || end != text.data() + text.size()) return fail(ErrorCode::kInvalid, option + " must be a whole number");
  return out;
}

// The short form: a file's, with what the options say instead.
Status add_scope(json::object& body, const Arguments& arguments, const ScopeFile& file) {
  json::object form;
  if (file.name.ends_with(".cedar")) {
    body["cedar"] = file.text;
  } else if (!file.name.empty()) {
    const auto node = yaml::parse(file.text, file.name);
    if (!node) return fail(node.error());
    const auto value = json_of(*node);
    if (!value.is_object())
      return fail(ErrorCode::kInvalid, file.name + " holds no scope", "write effects: [ read ], or name a .cedar file");
    form = value.get_object();
  }
  for (const auto& list : kLists) {
    const auto [begin, end] = arguments.values.equal_range(list.option);
    if (begin == end) continue;
    json::array words;
    for (auto at = begin; at != end; ++at) add_words(words, at->second, list.parted);
    form[list.member] = std::move(words);
  }
  if (!form.empty()) body["scope"] = std::move(form);
  return {};
}

Status add_numbers(json::object& body, const Arguments& arguments) {
  for (const auto& [option, member] : {std::pair{"--band", "band_ceiling"}, {"--calls", "calls"}}) {
    if (!arguments.values.contains(option)) continue;
    const auto number = number_of(arguments, option);
    if (!number) return fail(number.error());
    body[member] = *number;
  }
  if (arguments.values.contains("--spend")) body["spend"] = arguments.value("--spend");
  return {};
}

}  // namespace

Result<json::object> task_order_body(const Arguments& arguments, const ScopeFile& scope) {
  json::object body;
  for (const auto& [option, member] : {std::pair{"--agent", "subject"},
                                       {"--owner", "owner"},
                                       {"--purpose", "purpose"},
                                       {"--parent", "parent"},
                                       {"--for", "lifetime"},
                                       {"--heartbeat", "heartbeat"}}) {
    if (arguments.values.contains(option)) body[member] = arguments.value(option);
  }
  if (auto added = add_scope(body, arguments, scope); !added) return fail(std::move(added.error()));
  if (auto added = add_numbers(body, arguments); !added) return fail(std::move(added.error()));
  return body;
}

Result<json::object> grant_body(const Arguments& arguments, const ScopeFile& scope) {
  json::object body;
  if (arguments.values.contains("--for")) body["for"] = arguments.value("--for");
  if (arguments.values.contains("--until")) body["until"] = arguments.value("--until");
  if (auto added = add_scope(body, arguments, scope); !added) return fail(std::move(added.error()));
  if (auto added = add_numbers(body, arguments); !added) return fail(std::move(added.error()));
  return body;
}

}  // namespace interlock::cli
