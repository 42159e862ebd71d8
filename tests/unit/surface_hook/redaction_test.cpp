// A credential that is in use does not come back to the model in a tool's output: as far as each host lets a hook go.
#include <gtest/gtest.h>

#include "surface/hook/hook.hpp"
#include "unit/gate/world.hpp"

namespace interlock::hook {
namespace {

constexpr std::string_view kSecret = "ghs_16C7e42F292c6912E7710c838347Ae178B4a";

class Connection final : public net::AgentConnection {
 public:
  const net::Peer& peer() const override { return peer_; }
  void answer(const json::object& message) override { answers.push_back(message); }
  void close() override {}
  bool gone() const override { return false; }
  std::vector<json::object> answers;

 private:
  net::Peer peer_{};
};

class RedactionTest : public testing::Test {
 protected:
  // What the host is told after a tool that printed `output`.
  json::object told(std::string_view host, json::object event) {
    HookParts parts;
    parts.loop = &loop;
    parts.gate = world.gate.get();
    parts.clock = &world.clock;
    parts.identify = [](const net::Peer&, std::string_view) -> Result<HookParts::Sender> {
      return HookParts::Sender{gate::World::caller_of("agent").subject, {}, false, 1};
    };
    parts.each_secret = [](const std::function<void(std::string_view)>& visit) {
      visit("short");  // too short to be looked for
      visit(kSecret);
    };
    HookSurface surface(std::move(parts));
    const auto connection = std::make_shared<Connection>();
    EXPECT_TRUE(surface.handle(connection, {{"op", "hook"}, {"id", 1}, {"host", host}, {"event", json::write(event)}}));
    EXPECT_TRUE(world.work.run_until([&] { return !connection->answers.empty(); }));
    surface.close("the test is over");
    return connection->answers.empty() ? json::object() : connection->answers.front();
  }
  static std::string text(const json::object& answer) {
    EXPECT_EQ(json::int_at(answer, "exit"), 0);
    const auto out = std::string(json::string_at(answer, "out").value_or(""));
    EXPECT_EQ(out.find(kSecret), std::string::npos) << out;
    return out;
  }
  static json::object claude(std::string_view output) {
    return {{"hook_event_name", "PostToolUse"},
            {"session_id", "s"},
            {"tool_name", "Bash"},
            {"tool_input", json::object{{"command", "env"}}},
            {"tool_use_id", "t"},
            {"tool_response", json::object{{"stdout", output}}}};
  }

  net::Loop loop;
  gate::World world;
};

TEST_F(RedactionTest, ClaudeCodeGetsTheOutputWithoutIt) {
  const auto out = text(told("claude", claude("a " + std::string(kSecret) + " b short")));
  EXPECT_NE(out.find("updatedToolOutput"), std::string::npos) << out;
  EXPECT_NE(out.find("a [redacted by interlock: a credential in use] b short"), std::string::npos) << out;
}
TEST_F(RedactionTest, CodexIsToldToLeaveItOut) {
  const auto out = text(told("codex", claude(std::string(kSecret))));
  EXPECT_NE(out.find(R"("decision":"block")"), std::string::npos) << out;
}
TEST_F(RedactionTest, GeminiGetsTheTextInItsPlace) {
  const auto out = text(told("gemini", {{"hook_event_name", "AfterTool"},
                                        {"session_id", "s"},
                                        {"tool_name", "run_shell_command"},
                                        {"tool_input", json::object{{"command", "env"}}},
                                        {"tool_response", json::object{{"llmContent", kSecret}}}}));
  EXPECT_NE(out.find("redacted by interlock"), std::string::npos) << out;
}
TEST_F(RedactionTest, CopilotAndOpencodeGetTheResultWithoutIt) {
  const auto copilot =
      text(told("copilot", {{"sessionId", "s"},
                            {"toolName", "bash"},
                            {"toolArgs", json::object{{"command", "env"}}},
                            {"toolResult", json::object{{"resultType", "success"}, {"textResultForLlm", "x " + std::string(kSecret)}}}}));
  EXPECT_NE(copilot.find("x [redacted by interlock"), std::string::npos) << copilot;
  const auto opencode = text(told(
      "opencode", {{"hook", "tool.execute.after"}, {"sessionID", "s"}, {"tool", "bash"}, {"args", json::object()}, {"output", kSecret}}));
  EXPECT_NE(opencode.find(R"({"output":"[redacted by interlock)"), std::string::npos) << opencode;
}
TEST_F(RedactionTest, CursorCanForMcpToolsAlone) {
  json::object event{{"hook_event_name", "postToolUse"},
                     {"conversation_id", "s"},
                     {"tool_name", "MCP:add"},
                     {"tool_input", json::object()},
                     {"tool_output", R"({"content":[{"type":"text","text":")" + std::string(kSecret) + R"("}]})"}};
  const auto mcp = text(told("cursor", event));
  EXPECT_NE(mcp.find("updated_mcp_tool_output"), std::string::npos) << mcp;
  event["tool_name"] = "Shell";
  const auto shell = text(told("cursor", event));
  EXPECT_NE(shell.find("additional_context"), std::string::npos) << shell;
}
TEST_F(RedactionTest, AnOutputWithoutItIsLeftAlone) { EXPECT_EQ(text(told("claude", claude("nothing of the kind, short"))), ""); }

}  // namespace
}  // namespace interlock::hook
