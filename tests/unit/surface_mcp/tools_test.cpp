// Tool definitions: interning, and the header parameters of 2026-07-28 with their encoding.
#include "surface/mcp/tools.hpp"

#include <gtest/gtest.h>

namespace interlock::mcp {
namespace {

json::value read(std::string_view text) {
  auto v = json::parse(text);
  EXPECT_TRUE(v) << text;
  return v ? *v : json::value();
}

std::shared_ptr<const ToolDefinition> tool_with(std::string_view input_schema) {
  DefinitionPool pool;
  return pool.intern(json::object{{"name", "t"}, {"inputSchema", read(input_schema)}});
}

TEST(HeaderValue, EncodesWhatAHeaderCannotCarry) {
  // 2026-07-28 transports/streamable-http#value-encoding, its examples among them.
  const struct {
    const char* value;
    const char* header;
  } cases[] = {
      {"us-west1", "us-west1"},
      {"", ""},
      {"two words", "two words"},
      {"Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?="},
      {" padded ", "=?base64?IHBhZGRlZCA=?="},
      {"line1\nline2", "=?base64?bGluZTEKbGluZTI=?="},
      {"\ttab first", "=?base64?CXRhYiBmaXJzdA==?="},
      {"=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="},
      {"=?base64?only the beginning", "=?base64?only the beginning"},
      {"a\r\nX-Evil: 1", "=?base64?YQ0KWC1FdmlsOiAx?="},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(encode_header_value(c.value), c.header) << c.value;
    EXPECT_EQ(decode_header_value(c.header), c.value) << c.header;
  }
}

TEST(HeaderValue, RefusesBadBase64AndTakesTheRestAsItIs) {
  EXPECT_FALSE(decode_header_value("=?base64?not base64!?="));
  EXPECT_FALSE(decode_header_value("=?base64?YQ?="));  // unpadded
  EXPECT_EQ(decode_header_value("=?base64?"
                                "?="),
            "");
  EXPECT_EQ(decode_header_value("=?base64?="), "=?base64?=");
  EXPECT_EQ(decode_header_value("=?BASE64?YQ==?="), "=?BASE64?YQ==?=");
}

TEST(ToolDefinition, TakesHeaderParametersFromPropertiesAlone) {
  const auto tool = tool_with(R"({"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"},
    "deep":{"type":"object","properties":{"id":{"type":"integer","x-mcp-header":"Deep-Id"}}}}})");
  EXPECT_EQ(tool->header_problem, "");
  ASSERT_EQ(tool->headers.size(), 2u);
  const struct {
    const char* schema;
    const char* problem;
  } bad[] = {
      {R"({"properties":{"a":{"type":"string","x-mcp-header":""}}})", "no header name"},
      {R"({"properties":{"a":{"type":"string","x-mcp-header":"a b"}}})", "no header name"},
      {R"({"properties":{"a":{"type":"string","x-mcp-header":"a\r\nX: 1"}}})", "no header name"},
      {R"({"properties":{"a":{"type":"string","x-mcp-header":7}}})", "no header name"},
      {R"({"properties":{"a":{"type":"number","x-mcp-header":"A"}}})", "not string, integer or boolean"},
      {R"({"properties":{"a":{"type":"object","x-mcp-header":"A"}}})", "not string, integer or boolean"},
      {R"({"properties":{"a":{"type":"string","x-mcp-header":"A"},"b":{"type":"string","x-mcp-header":"a"}}})", "used twice"},
      {R"({"properties":{"a":{"type":"array","items":{"type":"string","x-mcp-header":"A"}}}})", "chain of properties"},
      {R"({"anyOf":[{"properties":{"a":{"type":"string","x-mcp-header":"A"}}}]})", "chain of properties"},
      {R"({"x-mcp-header":"A"})", "root"},
  };
  for (const auto& c : bad) {
    const auto refused = tool_with(c.schema);
    EXPECT_NE(refused->header_problem.find(c.problem), std::string::npos) << c.schema << " said: " << refused->header_problem;
    EXPECT_TRUE(refused->headers.empty());
  }
}

TEST(ParameterHeaders, AreMadeFromArguments) {
  const auto tool = tool_with(R"({"properties":{"s":{"type":"string","x-mcp-header":"S"},"i":{"type":"integer","x-mcp-header":"I"},
    "b":{"type":"boolean","x-mcp-header":"B"},"o":{"properties":{"x":{"type":"string","x-mcp-header":"X"}}}}})");
  const auto headers = parameter_headers(*tool, read(R"({"s":"é","i":42,"b":false,"o":{"x":"deep"}})"));
  EXPECT_EQ(headers.get("mcp-param-s"), "=?base64?w6k=?=");
  EXPECT_EQ(headers.get("mcp-param-i"), "42");
  EXPECT_EQ(headers.get("mcp-param-b"), "false");
  EXPECT_EQ(headers.get("mcp-param-x"), "deep");
  EXPECT_TRUE(parameter_headers(*tool, read(R"({"s":null,"i":[1],"o":"x"})")).all().empty());
}

TEST(ParameterHeaders, AreHeldAgainstTheBody) {
  const auto tool = tool_with(R"({"properties":{"s":{"type":"string","x-mcp-header":"S"},"i":{"type":"integer","x-mcp-header":"I"}}})");
  const struct {
    const char* arguments;
    net::Headers sent;
    const char* problem;
  } cases[] = {
      {R"({"s":"a","i":42})", {{"Mcp-Param-S", "a"}, {"Mcp-Param-I", "42"}}, ""},
      {R"({"s":"a","i":42})", {{"mcp-param-s", "a"}, {"mcp-param-i", "42.0"}}, ""},
      {R"({})", {}, ""},
      {R"({"s":"a"})", {}, "Mcp-Param-S is missing"},
      {R"({"s":"a"})", {{"Mcp-Param-S", "b"}}, "does not match"},
      {R"({"s":"a"})", {{"Mcp-Param-S", "=?base64?YQ==?="}}, ""},
      {R"({"s":"a"})", {{"Mcp-Param-S", "=?base64?!?="}}, "invalid base64"},
      {R"({})", {{"Mcp-Param-S", "a"}}, "has no such argument"},
      {R"({"s":null})", {{"Mcp-Param-S", "null"}}, "has no such argument"},
      {R"({"i":42})", {{"Mcp-Param-I", "43"}}, "does not match"},
      {R"({"i":42})", {{"Mcp-Param-I", "42x"}}, "does not match"},
      {R"({"i":9007199254740993})", {{"Mcp-Param-I", "9007199254740992.0"}}, "does not match"},
  };
  for (const auto& c : cases) {
    const auto problem = parameter_header_mismatch(*tool, read(c.arguments), c.sent);
    if (*c.problem == '\0') EXPECT_EQ(problem, "") << c.arguments;
    else EXPECT_NE(problem.find(c.problem), std::string::npos) << c.arguments << " said: " << problem;
  }
}

TEST(DefinitionPool, KeepsEqualDefinitionsOnce) {
  DefinitionPool pool;
  const auto text = read(R"({"name":"a","inputSchema":{"type":"object"}})").as_object();
  auto first = pool.intern(text);
  EXPECT_EQ(pool.intern(text), first);
  auto changed = text;
  changed["description"] = "other";
  EXPECT_NE(pool.intern(changed), first);
}

TEST(DefinitionPool, KeepsADefinitionThatCannotBeCheckedWithTheReason) {
  DefinitionPool pool;
  EXPECT_EQ(pool.intern(json::object{{"name", "a"}})->schema, nullptr);
  const auto bad = pool.intern(json::object{{"name", "a"}, {"inputSchema", json::object{{"$ref", "https://x/"}}}});
  EXPECT_EQ(bad->schema, nullptr);
  EXPECT_NE(bad->schema_problem.find("leaves the document"), std::string::npos);
  EXPECT_EQ(pool.intern({})->name, "");
}

}  // namespace
}  // namespace interlock::mcp
