// Schemas between their two syntaxes.
#include "cedar/validate.hpp"

#include "judge.hpp"

namespace check_cedar {

using namespace interlock;
using namespace interlock::cedar;

namespace {

bool is_empty_record(const json::value& v) {
  const json::object* o = v.if_object();
  const json::object* attributes = o == nullptr ? nullptr : json::object_at(*o, "attributes");
  return attributes != nullptr && attributes->empty() && json::string_at(*o, "type") == "Record";
}

// Without what says nothing: defaults that are written out, and empty lists.
json::value normalised(const json::value& v, bool holds_declarations = false) {
  if (v.is_array()) {
    json::array out;
    for (const json::value& each : v.get_array()) out.push_back(normalised(each));
    return out;
  }
  if (!v.is_object()) return v;
  json::object out;
  for (const auto& member : v.get_object()) {
    std::string_view name(member.key().data(), member.key().size());
    const json::value& value = member.value();
    bool empty = (value.is_array() && value.get_array().empty()) || (value.is_object() && value.get_object().empty());
    bool says_nothing = !holds_declarations && ((name == "required" && value == json::value(true)) || (name == "annotations" && empty) ||
                                                ((name == "memberOf" || name == "memberOfTypes" || name == "commonTypes") && empty) ||
                                                ((name == "shape" || name == "context") && is_empty_record(value)));
    bool declarations = !holds_declarations && (name == "attributes" || name == "entityTypes" || name == "actions" ||
                                                name == "commonTypes" || name == "annotations");
    if (!says_nothing) out[name] = normalised(value, declarations);
  }
  return out;
}

}  // namespace

bool check_schema_json(const Case& test, const fs::path& expected_path, Suite& suite) {
  fs::path path = test.path("schema");
  PolicySource text{path.string(), read_text(path)};
  PolicySource expected{expected_path.string(), read_text(expected_path)};
  auto wanted = json::parse(expected.text, {.depth = 512});
  auto written = schema_text_to_json(text);
  if (!wanted) return suite.differs("case file", expected_path, wanted.error().text());
  if (!written) return suite.differs("to JSON", test.file, written.error().text());
  auto made = json::parse(*written, {.depth = 512});
  if (!made || normalised(*made, true) != normalised(*wanted, true))
    return suite.differs("JSON", test.file, *written + "\n  expected " + expected.text);
  auto back = schema_json_to_text(expected);
  if (!back) return suite.differs("to text", test.file, back.error().text());
  auto again = schema_text_to_json({"again.cedarschema", *back});
  if (!again) return suite.differs("text again", test.file, again.error().text() + "\n" + *back);
  auto made_again = json::parse(*again, {.depth = 512});
  if (!made_again || normalised(*made_again, true) != normalised(*wanted, true))
    return suite.differs("JSON again", test.file, *again + "\n  expected " + expected.text);

  auto from_text = Schema::parse(text);
  auto from_json = Schema::parse_json(expected);
  if (!from_text || !from_json) return suite.differs("parsing", test.file, from_text ? from_json.error().text() : from_text.error().text());
  auto policies = read_policies(test);
  std::string entities = read_text(test.path("entities"));
  bool same = from_text->read_entities(entities).has_value() == from_json->read_entities(entities).has_value();
  same = same && policies && validate(*policies, *from_text).errors.size() == validate(*policies, *from_json).errors.size();
  return same || suite.differs("meaning", test.file, "validation or entities differ between the two syntaxes");
}

}  // namespace check_cedar
