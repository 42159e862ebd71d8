// Calls to model APIs in the record: what each wire says of the model, its prompt and its tools, as the configuration has it.
#include "surface/http/models.hpp"

#include <gtest/gtest.h>

namespace interlock::http {
namespace {

using catalogue::ModelWire;

json::object body_of(std::string_view text) { return json::parse(text)->get_object(); }

TEST(ModelCalls, AreReadInEachWire) {
  struct Case {
    ModelWire wire;
    const char* body;
    const char* tool;
    int messages;
  };
  for (const auto& one :
       {Case{ModelWire::kOpenAiChat,
             R"({"model":"m","messages":[{"role":"user","content":"PROMPT"},{}],"tools":[{"type":"function","function":{"name":"f"}}]})",
             "f", 2},
        Case{ModelWire::kOpenAiResponses,
             R"({"model":"m","instructions":"PROMPT","input":"hi","tools":[{"type":"function","name":"f"},{"type":"web_search"}]})", "f",
             1},
        Case{ModelWire::kAnthropicMessages, R"({"model":"m","system":"PROMPT","messages":[{}],"tools":[{"name":"f"}]})", "f", 1},
        Case{ModelWire::kGeminiGenerate,
             R"({"contents":[{"parts":[{"text":"PROMPT"}]}],"tools":[{"functionDeclarations":[{"name":"f"}]}]})", "f", 1}}) {
    const auto full = recorded_model_call(one.wire, body_of(one.body), ModelRecord::kFull);
    EXPECT_EQ(json::int_at(full, "messages"), one.messages) << one.body;
    EXPECT_EQ(json::view(json::array_at(full, "tools")->front().get_string()), one.tool);
    EXPECT_NE(json::string_at(full, "prompt")->find("PROMPT"), std::string_view::npos);
    EXPECT_TRUE(json::string_at(full, "tool_definitions"));
    const auto hashed = json::write(json::value(recorded_model_call(one.wire, body_of(one.body), ModelRecord::kHash)));
    EXPECT_EQ(hashed.find("PROMPT"), std::string::npos);
    EXPECT_NE(hashed.find("prompt_sha256"), std::string::npos);
    EXPECT_TRUE(recorded_model_call(one.wire, body_of(one.body), ModelRecord::kOff).empty());
  }
}

TEST(ModelCalls, RedactedTextsHoldNoCredential) {
  const auto call = recorded_model_call(
      ModelWire::kOpenAiChat, body_of(R"({"messages":[{"content":"my key is ghp_0123456789abcdefghijABCDEFGHIJ012345 keep it"}]})"),
      ModelRecord::kRedact);
  EXPECT_EQ(json::string_at(call, "prompt")->find("ghp_0123456789"), std::string_view::npos);
  EXPECT_NE(json::string_at(call, "prompt")->find("keep it"), std::string_view::npos);
}

TEST(ModelCalls, OddBodiesAndLongOnesStayWithinBounds) {
  for (const char* odd : {"{}", R"({"model":1,"messages":"x","tools":{}})", R"({"tools":[1,null,{},{"function":7},{"name":[]}]})"})
    EXPECT_FALSE(recorded_model_call(ModelWire::kOpenAiChat, body_of(odd), ModelRecord::kFull).empty()) << odd;
  json::object body{{"model", std::string(10'000, 'm')}, {"messages", std::string(1'000'000, 'p')}};
  json::array tools;
  for (int i = 0; i < 1'000; ++i) tools.push_back(json::object{{"name", std::string(1'000, 'n')}});
  body["tools"] = std::move(tools);
  const auto call = recorded_model_call(ModelWire::kOpenAiChat, body, ModelRecord::kFull);
  EXPECT_LE(json::string_at(call, "prompt")->size(), kRecordedPromptBytes);
  EXPECT_LE(json::array_at(call, "tools")->size(), kRecordedTools);
}

}  // namespace
}  // namespace interlock::http
