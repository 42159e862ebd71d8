// Between the eras, both ways: capabilities, results, errors and questions.
#include "surface/mcp/bridge.hpp"

#include <gtest/gtest.h>

namespace interlock::mcp {
namespace {

constexpr auto kOld = Revision::k2025_11_25;
constexpr auto kNew = Revision::k2026_07_28;
constexpr Revision kLegacy[] = {Revision::k2024_11_05, Revision::k2025_03_26, Revision::k2025_06_18, Revision::k2025_11_25};

json::value read(std::string_view text) {
  auto v = json::parse(text);
  EXPECT_TRUE(v) << text;
  return v ? *v : json::value();
}
json::object object(std::string_view text) { return read(text).as_object(); }

struct ResultCase {
  const char* name;
  const char* method;
  const char* sent;
  Revision server;
  Revision client;
  const char* seen;
};

TEST(FitResult, GivesEachEraItsOwnForm) {
  const ResultCase cases[] = {
      // A legacy server's answer on its way to a modern client.
      {"a call", "tools/call", R"({"content":[]})", kOld, kNew,
       R"({"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s"}},"content":[],"resultType":"complete"})"},
      {"a list is stale at once", "tools/list", R"({"tools":[]})", kOld, kNew,
       R"({"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s"}},"cacheScope":"private","resultType":"complete","tools":[],"ttlMs":0})"},
      {"a read is stale at once", "resources/read", R"({"contents":[]})", kOld, kNew,
       R"({"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s"}},"cacheScope":"private","contents":[],"resultType":"complete","ttlMs":0})"},
      {"a prompt has no hints", "prompts/get", R"({"messages":[]})", kOld, kNew,
       R"({"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s"}},"messages":[],"resultType":"complete"})"},
      {"a completion has no hints", "completion/complete", R"({"completion":{"values":[]}})", kOld, kNew,
       R"({"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s"}},"completion":{"values":[]},"resultType":"complete"})"},
      {"_meta that is there stays", "tools/call", R"({"_meta":{"a":1},"content":[]})", kOld, kNew,
       R"({"_meta":{"a":1,"io.modelcontextprotocol/serverInfo":{"name":"s"}},"content":[],"resultType":"complete"})"},
      // A modern server's answer on its way to a legacy client.
      {"resultType goes", "tools/call", R"({"resultType":"complete","content":[],"structuredContent":{"a":1}})", kNew, kOld,
       R"({"content":[],"structuredContent":{"a":1}})"},
      {"structured content that is no object goes", "tools/call", R"({"resultType":"complete","content":[],"structuredContent":[1]})", kNew,
       kOld, R"({"content":[]})"},
      {"hints go", "tools/list", R"({"resultType":"complete","ttlMs":5,"cacheScope":"public","tools":[]})", kNew, kOld, R"({"tools":[]})"},
      {"what looks like a hint elsewhere stays", "prompts/get", R"({"resultType":"complete","ttlMs":5,"messages":[]})", kNew, kOld,
       R"({"messages":[],"ttlMs":5})"},
      {"an output schema that is no object schema goes", "tools/list",
       R"({"resultType":"complete","tools":[{"name":"a","outputSchema":{"type":"array"}},{"name":"b","outputSchema":{"type":"object"}},7]})",
       kNew, kOld, R"({"tools":[{"name":"a"},{"name":"b","outputSchema":{"type":"object"}},7]})"},
      {"serverInfo goes, the rest of _meta stays", "tools/call",
       R"({"_meta":{"a":1,"io.modelcontextprotocol/serverInfo":{}},"content":[]})", kNew, kOld, R"({"_meta":{"a":1},"content":[]})"},
      {"an empty _meta goes", "tools/call", R"({"_meta":{"io.modelcontextprotocol/serverInfo":{}},"content":[]})", kNew, kOld,
       R"({"content":[]})"},
      // Within an era nothing is touched.
      {"modern to modern", "tools/list",
       R"({"resultType":"complete","ttlMs":5,"cacheScope":"public","tools":[{"outputSchema":{"type":"array"}}]})", kNew, kNew,
       R"({"cacheScope":"public","resultType":"complete","tools":[{"outputSchema":{"type":"array"}}],"ttlMs":5})"},
      {"input_required stays", "tools/call", R"({"resultType":"input_required","inputRequests":{}})", kNew, kNew,
       R"({"inputRequests":{},"resultType":"input_required"})"},
      {"legacy to legacy", "tools/list", R"({"tools":[],"ttlMs":5,"resultType":"odd"})", kOld, Revision::k2024_11_05,
       R"({"resultType":"odd","tools":[],"ttlMs":5})"},
      {"no object is left alone", "tools/call", R"([1])", kNew, kOld, R"([1])"},
  };
  for (const auto& c : cases) {
    auto value = read(c.sent);
    fit_result(c.method, value, c.server, c.client, json::object{{"name", "s"}});
    EXPECT_EQ(json::write_canonical(value), c.seen) << c.name;
  }
}

TEST(FitResult, SaysTheSameToEveryLegacyRevision) {
  for (const auto revision : kLegacy) {
    auto value = read(R"({"resultType":"complete","ttlMs":1,"cacheScope":"public","contents":[]})");
    fit_result("resources/read", value, kNew, revision, {});
    EXPECT_EQ(json::write(value), R"({"contents":[]})") << revision_name(revision);
  }
}

TEST(FitError, TranslatesTheOneCodeThatMoved) {
  const struct {
    const char* method;
    Revision server;
    Revision client;
    int sent;
    int seen;
  } cases[] = {
      {"resources/read", kOld, kNew, -32002, -32602}, {"resources/read", kOld, kOld, -32002, -32002},
      {"resources/read", kNew, kOld, -32602, -32602}, {"tools/call", kOld, kNew, -32002, -32002},
      {"resources/read", kOld, kNew, -32603, -32603},
  };
  for (const auto& c : cases) {
    json::object error{{"code", c.sent}, {"message", "m"}};
    fit_error(c.method, error, c.server, c.client);
    EXPECT_EQ(error.at("code").as_int64(), c.seen) << c.method << " " << c.sent;
  }
}

TEST(CapabilitiesFor, KeepsAnErasOwnFeaturesWithinIt) {
  const auto old_server = object(R"({"tools":{},"tasks":{"list":{}},"experimental":{"x":{}}})");
  const auto new_server = object(R"({"tools":{},"extensions":{"io.example/x":{}}})");
  EXPECT_EQ(capabilities_for(old_server, kOld, kOld), old_server);
  EXPECT_EQ(capabilities_for(new_server, kNew, kNew), new_server);
  EXPECT_EQ(json::write_canonical(capabilities_for(old_server, kOld, kNew)), R"({"experimental":{"x":{}},"tools":{}})");
  EXPECT_EQ(json::write_canonical(capabilities_for(new_server, kNew, kOld)), R"({"tools":{}})");
}

TEST(CanAsk, AsksAClientOnlyWhatItDeclared) {
  const struct {
    const char* method;
    const char* params;
    const char* client;
    bool asked;
  } cases[] = {
      {"sampling/createMessage", "{}", R"({"sampling":{}})", true},
      {"sampling/createMessage", "{}", R"({"elicitation":{}})", false},
      {"roots/list", "{}", R"({"roots":{}})", true},
      {"roots/list", "{}", "{}", false},
      {"elicitation/create", "{}", "{}", false},
      {"elicitation/create", "{}", R"({"elicitation":{}})", true},
      {"elicitation/create", "{}", R"({"elicitation":{"form":{}}})", true},
      {"elicitation/create", "{}", R"({"elicitation":{"url":{}}})", false},
      {"elicitation/create", R"({"mode":"url"})", R"({"elicitation":{"url":{}}})", true},
      {"elicitation/create", R"({"mode":"url"})", R"({"elicitation":{}})", false},
      {"elicitation/create", R"({"mode":"form"})", R"({"elicitation":{"form":{},"url":{}}})", true},
      {"elicitation/create", "{}", R"({"elicitation":true})", false},
      {"ping", "{}", "{}", true},
      {"tools/call", "{}", R"({"tools":{}})", false},
      {"x/y", "{}", R"({"x":{}})", false},
  };
  for (const auto& c : cases)
    EXPECT_EQ(can_ask(c.method, object(c.params), object(c.client)), c.asked) << c.method << " " << c.params << " " << c.client;
}

TEST(FitAsk, TakesOffTheIdentifierThatAModernClientDoesNotKnow) {
  const auto url = R"({"mode":"url","url":"https://x/","elicitationId":"e"})";
  auto params = object(url);
  fit_ask("elicitation/create", params, kOld, kNew);
  EXPECT_FALSE(params.contains("elicitationId"));
  params = object(url);
  fit_ask("elicitation/create", params, kOld, kOld);
  EXPECT_TRUE(params.contains("elicitationId"));
}

TEST(IsCacheable, NamesTheResultsThatCarryHints) {
  for (auto method : {"server/discover", "tools/list", "prompts/list", "resources/list", "resources/read", "resources/templates/list"})
    EXPECT_TRUE(is_cacheable(method));
  for (auto method : {"tools/call", "prompts/get", "completion/complete", ""}) EXPECT_FALSE(is_cacheable(method));
}

}  // namespace
}  // namespace interlock::mcp
