// The mediator between an editor and an agent that are the tests themselves, before a real gate.
#include <gtest/gtest.h>

#include "surface/acp/acp.hpp"
#include "surface/acp/acts.hpp"
#include "surface/acp/message.hpp"
#include "surface/acp/servers.hpp"
#include "unit/gate/world.hpp"

namespace interlock::acp {
namespace {

constexpr const char* kRules = R"(
@id("all") permit (principal, action, resource);
@id("no-secrets") @reason("Not this one.") @next("read another") forbid (principal, action, resource == File::"/work/.env");
@id("ask-writes") @reason("A human looks.") forbid (principal, action == Action::"file/write", resource == File::"/work/asked")
unless { context.approved };
@id("no-push") @reason("Nothing is pushed.") forbid (principal, action == Action::"git/push", resource);
@id("no-prompt") @reason("Not about this.") forbid (principal, action == Action::"agent/prompt", resource)
when { context.args.prompt like "*forbidden*" };
)";
constexpr const char* kRedacting = R"(
@id("all") permit (principal, action, resource);
@id("blank") @redact("/content") permit (principal, action == Action::"file/write", resource);
)";

// An editor and an agent that are this test, and a gate that is real.
class AcpTest : public testing::Test {
 protected:
  void SetUp() override { begin({.policy = kRules}); }
  void begin(gate::WorldOptions options) {
    mediator.reset();
    world = std::make_unique<gate::World>(std::move(options));
    MediatorParts parts;
    parts.gate = world->gate.get();
    parts.clock = &world->clock;
    parts.subject = gate::World::caller_of("agent").subject;
    parts.cwd = "/work";
    parts.message_bytes = 100'000;
    parts.servers = {.command = {"/bin/interlock", "mcp"}, .known = {"known"}, .may_be_name = [](std::string_view) { return true; }};
    parts.to_editor = [this](std::string_view line) -> Status {
      to_editor.emplace_back(line);
      return {};
    };
    parts.to_agent = [this](std::string_view line) -> Status {
      to_agent.emplace_back(line);
      return {};
    };
    mediator = std::make_unique<Mediator>(std::move(parts));
    mediator->from_editor(R"({"jsonrpc":"2.0","id":1,"method":"session/new","params":{"cwd":"/work","mcpServers":[]}})");
    mediator->from_agent(R"({"jsonrpc":"2.0","id":1,"result":{"sessionId":"s"}})");
    to_editor.clear();
    to_agent.clear();
  }
  void TearDown() override { mediator.reset(); }
  bool wait_for(const std::vector<std::string>& lines, std::size_t count = 1) {
    return world->work.run_until([&] { return lines.size() >= count; });
  }
  static std::string call(const std::string& method, const std::string& params, const std::string& id = "7") {
    return R"({"jsonrpc":"2.0","id":)" + id + R"(,"method":")" + method + R"(","params":{"sessionId":"s",)" + params + "}}";
  }
  static json::object parsed(const std::string& line) { return json::parse(line)->as_object(); }
  static std::int64_t code_of(const std::string& line) { return *json::int_at(*json::object_at(parsed(line), "error"), "code"); }

  std::unique_ptr<gate::World> world;
  std::unique_ptr<Mediator> mediator;
  std::vector<std::string> to_editor;
  std::vector<std::string> to_agent;
};

TEST_F(AcpTest, AnAllowedReadReachesTheEditorAsItCameAndItsAnswerReachesTheAgent) {
  const auto line = call("fs/read_text_file", R"("path":"/work/a", "_meta":{"x":[1,  2]})");
  mediator->from_agent(line);
  ASSERT_TRUE(wait_for(to_editor));
  EXPECT_EQ(to_editor.front(), line);
  const std::string answer = R"({"jsonrpc":"2.0","id":7,  "result":{"content":"text"}})";
  mediator->from_editor(answer);
  ASSERT_TRUE(wait_for(to_agent));
  EXPECT_EQ(to_agent.front(), answer);
  ASSERT_EQ(world->receipts("result").size(), 1U);
  EXPECT_EQ(mediator->under_way(), 0U);
}
TEST_F(AcpTest, ADeniedReadNeverReachesTheEditorAndTheAgentIsToldWhy) {
  mediator->from_agent(call("fs/read_text_file", R"("path":"/work/x/../.env")"));
  ASSERT_TRUE(wait_for(to_agent));
  EXPECT_TRUE(to_editor.empty());
  EXPECT_EQ(code_of(to_agent.front()), kRefused);
  EXPECT_NE(to_agent.front().find("Not this one."), std::string::npos);
  EXPECT_NE(to_agent.front().find("read another"), std::string::npos);
}
TEST_F(AcpTest, WhatPolicyBlanksIsWrittenBlank) {
  begin({.policy = kRedacting});
  mediator->from_agent(call("fs/write_text_file", R"("path":"/work/a","content":"s3cret")"));
  ASSERT_TRUE(wait_for(to_editor));
  EXPECT_EQ(to_editor.front().find("s3cret"), std::string::npos);
  EXPECT_EQ(*json::string_at(*json::object_at(parsed(to_editor.front()), "params"), "content"), "[redacted by policy]");
}

TEST_F(AcpTest, ATerminalsCommandIsUnderstoodAndADeniedOneIsNotStarted) {
  for (const auto* params : {R"("command":"git","args":["push"])", R"("command":"git push")",
                             R"("command":"bash","args":["-c","cd /tmp && git push"])", R"("command":"ls; git","args":["push"])",
                             R"("command":"true","args":["; git push"])", R"x("command":"true","args":["$(git push)"])x"}) {
    to_agent.clear();
    mediator->from_agent(call("terminal/create", params));
    ASSERT_TRUE(wait_for(to_agent)) << params;
    EXPECT_EQ(code_of(to_agent.front()), kRefused) << params;
  }
  EXPECT_TRUE(to_editor.empty());
}
TEST_F(AcpTest, TerminalsThatWereNotCreatedThroughTheGateAreNobodys) {
  mediator->from_agent(call("terminal/output", R"("terminalId":"t")"));
  EXPECT_EQ(code_of(to_agent.at(0)), kRefused);
  mediator->from_agent(call("terminal/create", R"("command":"ls")"));
  ASSERT_TRUE(wait_for(to_editor));
  mediator->from_editor(R"({"jsonrpc":"2.0","id":7,"result":{"terminalId":"t"}})");
  ASSERT_TRUE(wait_for(to_agent, 2));
  mediator->from_agent(call("terminal/output", R"("terminalId":"t")", "8"));
  ASSERT_EQ(to_editor.size(), 2U);
}

TEST_F(AcpTest, AHeldWriteIsToldOfInTheConversationAndDoneOnceAHumanSaysYes) {
  const auto line = call("fs/write_text_file", R"("path":"/work/asked","content":"x")");
  mediator->from_agent(line);
  ASSERT_TRUE(wait_for(to_editor));
  EXPECT_NE(to_editor.at(0).find("interlock approve"), std::string::npos);
  EXPECT_EQ(mediator->under_way(), 1U);
  const auto waiting = world->approvals->pending();
  ASSERT_EQ(waiting.size(), 1U);
  gate::World::Seen seen;
  seen.held = gate::Held{.approval_id = waiting.front().id, .expires_ms = 0, .summary = {}, .reason = {}};
  ASSERT_TRUE(world->human(seen, true));
  ASSERT_TRUE(wait_for(to_editor, 2));
  EXPECT_EQ(to_editor.at(1), line);
}
TEST_F(AcpTest, WhereItCountsTheEditorsAnswerDecides) {
  for (const bool yes : {true, false}) {
    begin({.policy = kRules, .elicitation_counts = true});
    const auto line = call("fs/write_text_file", R"("path":"/work/asked","content":"x")");
    mediator->from_agent(line);
    ASSERT_TRUE(wait_for(to_editor));
    const auto ask = parsed(to_editor.front());
    EXPECT_EQ(*json::string_at(ask, "method"), "session/request_permission");
    mediator->from_editor(R"({"jsonrpc":"2.0","id":")" + std::string(*json::string_at(ask, "id")) +
                          R"(","result":{"outcome":{"outcome":"selected","optionId":")" + (yes ? "allow" : "reject") + R"("}}})");
    if (yes) {
      ASSERT_TRUE(wait_for(to_editor, 2));
      EXPECT_EQ(to_editor.back(), line);
    } else {
      ASSERT_TRUE(wait_for(to_agent));
      EXPECT_EQ(to_editor.size(), 1U);
      EXPECT_EQ(code_of(to_agent.front()), kRefused);
    }
  }
}
TEST_F(AcpTest, ACancelledTurnTakesWhatIsHeldBack) {
  mediator->from_agent(call("fs/write_text_file", R"("path":"/work/asked","content":"x")"));
  ASSERT_TRUE(wait_for(to_editor));
  const std::string cancel = R"({"jsonrpc":"2.0","method":"session/cancel","params":{"sessionId":"s"}})";
  mediator->from_editor(cancel);
  ASSERT_EQ(to_agent.size(), 2U);
  EXPECT_EQ(code_of(to_agent.at(0)), kRequestCancelled);
  EXPECT_EQ(to_agent.at(1), cancel);
  EXPECT_EQ(mediator->under_way(), 0U);
  EXPECT_TRUE(world->approvals->pending().empty());
}

TEST_F(AcpTest, TheAgentsOwnQuestionIsPassedOnOrAnsweredWithNo) {
  const std::string options =
      R"("options":[{"optionId":"y","name":"Yes","kind":"allow_once"},{"optionId":"n","name":"No","kind":"reject_once"}])";
  const auto denied =
      call("session/request_permission", R"("toolCall":{"toolCallId":"c","kind":"execute","rawInput":{"command":"git push"}},)" + options);
  mediator->from_agent(denied);
  ASSERT_TRUE(wait_for(to_agent));
  const auto answer = parsed(to_agent.front());
  const auto* outcome = json::object_at(*json::object_at(answer, "result"), "outcome");
  EXPECT_EQ(*json::string_at(*outcome, "optionId"), "n");
  EXPECT_TRUE(to_editor.empty());
  const auto allowed =
      call("session/request_permission", R"("toolCall":{"toolCallId":"c","kind":"edit","locations":[{"path":"/work/a"}]},)" + options);
  mediator->from_agent(allowed);
  ASSERT_TRUE(wait_for(to_editor));
  EXPECT_EQ(to_editor.front(), allowed);
}

TEST_F(AcpTest, APromptIsRecordedAndADeniedOneIsNotPassedOn) {
  const auto line = call("session/prompt", R"("prompt":[{"type":"text","text":"write a poem"}])");
  mediator->from_editor(line);
  ASSERT_TRUE(wait_for(to_agent));
  EXPECT_EQ(to_agent.front(), line);
  mediator->from_editor(call("session/prompt", R"("prompt":[{"type":"text","text":"the forbidden thing"}])", "8"));
  ASSERT_TRUE(wait_for(to_editor));
  EXPECT_EQ(to_agent.size(), 1U);
  EXPECT_EQ(code_of(to_editor.front()), kRefused);
}

TEST_F(AcpTest, WhatIsUnknownPassesAsTheBytesThatCame) {
  const std::string update = R"({"jsonrpc":"2.0",  "method":"session/update","params":{"sessionId":"s","update":{"x":1.50}}})";
  const std::string extension = R"({"jsonrpc":"2.0","id":"e","method":"_vendor/thing","params":[1, 2]})";
  mediator->from_agent(update);
  mediator->from_agent(extension);
  ASSERT_EQ(to_editor, (std::vector<std::string>{update, extension}));
  const std::string answer = R"({"jsonrpc":"2.0","id":"e","error":{"code":-32601,"message":"no"}})";
  mediator->from_editor(answer);
  EXPECT_EQ(to_agent, (std::vector<std::string>{answer}));
}
TEST_F(AcpTest, WhatIsNoMessageIsAnsweredAndNeverPassedOn) {
  const struct {
    std::string line;
    std::int64_t code;
  } kCases[] = {{"{", -32700},
                {R"({"jsonrpc":"2.0","id":1,"id":2,"method":"x"})", -32700},
                {"[]", -32600},
                {R"([{"jsonrpc":"2.0","id":1,"method":"fs/write_text_file"}])", -32600},
                {R"({"jsonrpc":"2.0","id":null,"method":"fs/write_text_file"})", -32600},
                {R"({"jsonrpc":"2.0","id":1,"method":7})", -32600},
                {R"({"jsonrpc":"2.0","id":1,"method":"a","result":1})", -32600},
                {R"({"jsonrpc":"2.0","id":1})", -32600},
                {R"({"jsonrpc":"2.0","id":1,"method":"fs/read_text_file","params":{"sessionId":"other","path":"/work/a"}})", -32602},
                {R"({"jsonrpc":"2.0","id":1,"method":"fs/read_text_file","params":["s"]})", -32602},
                {R"({"jsonrpc":"2.0","id":1,"method":"fs/write_text_file","params":{"sessionId":"s","path":"/work/a"}})", -32602},
                {R"({"jsonrpc":"2.0","id":1,"method":"mcp/message","params":{}})", kRefused},
                {std::string(200'000, ' ') + "{}", -32700}};
  for (const auto& one : kCases) {
    to_agent.clear();
    mediator->from_agent(one.line);
    ASSERT_EQ(to_agent.size(), 1U) << one.line.substr(0, 100);
    EXPECT_EQ(code_of(to_agent.front()), one.code) << one.line.substr(0, 100);
  }
  to_agent.clear();
  mediator->from_agent(R"({"jsonrpc":"2.0","method":"fs/write_text_file","params":{"sessionId":"s","path":"/work/a","content":""}})");
  mediator->from_agent(R"({"jsonrpc":"2.0","id":99,"result":{}})");
  EXPECT_TRUE(to_agent.empty());
  EXPECT_TRUE(to_editor.empty());
}
TEST_F(AcpTest, RequestsUnderWayAreBounded) {
  for (std::size_t i = 0; i < kRequestsUnderWay; ++i) mediator->from_agent(call("_x", R"("y":1)", std::to_string(i)));
  EXPECT_TRUE(to_agent.empty());
  mediator->from_agent(call("_x", R"("y":1)", "100000"));
  ASSERT_EQ(to_agent.size(), 1U);
  EXPECT_EQ(code_of(to_agent.front()), kRefused);
}
TEST_F(AcpTest, ALaterVersionOfTheProtocolIsNotAgreedTo) {
  mediator->from_editor(R"({"jsonrpc":"2.0","id":2,"method":"initialize","params":{"protocolVersion":2}})");
  EXPECT_EQ(*json::int_at(*json::object_at(parsed(to_agent.at(0)), "params"), "protocolVersion"), 1);
  mediator->from_agent(R"({"jsonrpc":"2.0","id":2,"result":{"protocolVersion":2}})");
  EXPECT_EQ(code_of(to_editor.at(0)), kRefused);
}
TEST_F(AcpTest, TheKillSwitchEndsWhatTheEditorIsDoing) {
  mediator->from_agent(call("terminal/create", R"("command":"ls")"));
  ASSERT_TRUE(wait_for(to_editor));
  ASSERT_TRUE(world->gate->kill({.reach = gate::KillOrder::Reach::kAgent, .target = "agent", .by = "ann", .reason = "enough"}));
  ASSERT_TRUE(wait_for(to_agent));
  EXPECT_EQ(code_of(to_agent.front()), kRefused);
  mediator->from_editor(R"({"jsonrpc":"2.0","id":7,"result":{"terminalId":"t"}})");
  EXPECT_EQ(to_agent.size(), 1U) << "nothing of it is passed on any more";
  const auto stop = parsed(to_editor.back());
  EXPECT_EQ(*json::string_at(stop, "method"), "terminal/kill") << "and what was started is stopped";
}

TEST(AcpServers, AreStartedByTheGate) {
  auto servers = json::parse(R"([
    {"name":"fs","command":"npx","args":["-y","server"],"env":[{"name":"A","value":"b"}]},
    {"type":"http","name":"known","url":"https://x.example/mcp","headers":[]},
    {"type":"http","name":"other","url":"https://x.example/mcp","headers":[]},
    {"type":"acp","name":"inside","id":"1"},
    {"name":"mine","command":"/bin/interlock","args":["mcp","--name","x"],"env":[]},
    7])")
                     ->as_array();
  const auto notes = put_behind_gate(
      servers, {.command = {"/bin/interlock", "mcp"}, .known = {"known"}, .may_be_name = [](std::string_view) { return true; }});
  EXPECT_EQ(notes.size(), 3U);
  EXPECT_EQ(
      json::write(servers),
      R"([{"name":"fs","command":"/bin/interlock","args":["mcp","--name","fs","--","npx","-y","server"],"env":[{"name":"A","value":"b"}]},)"
      R"({"name":"known","command":"/bin/interlock","args":["mcp","--name","known"],"env":[]},)"
      R"({"name":"mine","command":"/bin/interlock","args":["mcp","--name","x"],"env":[]}])");
}

TEST(AcpWords, AreTheShellsOwn) {
  EXPECT_EQ(shell_word("a b"), "'a b'");
  EXPECT_EQ(shell_word("it's"), "'it'\\''s'");
  EXPECT_EQ(shell_word(""), "''");
  EXPECT_EQ(shell_word("-la"), "-la");
}

}  // namespace
}  // namespace interlock::acp
