// What each host's contract makes of its payloads, and how it answers: no gate, no process.
#include <gtest/gtest.h>

#include "surface/hook/contract.hpp"
#include "surface/hook/tools.hpp"

namespace interlock::hook {
namespace {

using hosts::HostId;

json::object payload_of(std::string_view text) {
  auto value = json::parse(text);
  EXPECT_TRUE(value && value->is_object()) << text;
  return value && value->is_object() ? value->get_object() : json::object();
}

// "shell ls | file write a.txt | tools/call github create_issue"; "refused: ..." where it is.
std::string acts_in(HostId host, std::string_view text) {
  const auto payload = payload_of(text);
  const auto& contract = contract_of(host, payload);
  auto event = contract.read(payload);
  if (!event) return "refused: " + event.error().message;
  const std::vector<std::string> servers{"notes", "git-hub", "git"};
  split_mcp_name(*event, contract.mcp_names(), servers);
  if (event->kind != Event::Kind::kBeforeTool) return "no tool";
  const auto acts = contract.acts(*event);
  if (!acts) return "refused: " + acts.error().message;
  std::string out;
  for (const auto& act : *acts) {
    if (!out.empty()) out += " | ";
    out += act.operation;
    if (!act.server.empty()) out += " " + act.server;
    if (act.operation != "shell" && !act.target.empty()) out += " " + act.target;
    for (const auto* name : {"command", "path", "url", "query"})
      if (const auto value = json::string_at(act.args, name); value && act.operation != "tools/call" && act.operation != "agent")
        out += " " + std::string(*value);
  }
  return out.empty() ? "nothing" : out;
}

Event event_of(HostId host, std::string_view text) {
  const auto payload = payload_of(text);
  auto event = contract_of(host, payload).read(payload);
  EXPECT_TRUE(event) << text << ": " << (event ? "" : event.error().message);
  return event ? *event : Event();
}

struct ActsRow {
  HostId host;
  const char* payload;
  const char* acts;
};

TEST(Contracts, ToolsAreTheirActs) {
  constexpr ActsRow kRows[] = {
      // Copilot CLI, as captured
      {HostId::kCopilot, R"({"sessionId":"s","timestamp":1,"cwd":"/w","toolName":"bash","toolArgs":{"command":"ls","description":"x"}})",
       "shell ls"},
      {HostId::kCopilot, R"({"sessionId":"s","cwd":"/w","toolName":"bash","toolArgs":"{\"command\":\"ls\"}"})", "shell ls"},
      {HostId::kCopilot, R"({"sessionId":"s","cwd":"/w","toolName":"create","toolArgs":{"path":"/w/a","file_text":"x"}})",
       "file write /w/a"},
      {HostId::kCopilot,
       R"({"sessionId":"s","cwd":"/w","toolName":"apply_patch","toolArgs":"*** Begin Patch\n*** Add File: a\n*** Delete File: b\n*** End Patch"})",
       "file write a | file delete b"},
      {HostId::kCopilot, R"({"sessionId":"s","cwd":"/w","toolName":"git-hub-create_issue","toolArgs":{}})",
       "tools/call git-hub create_issue"},
      {HostId::kCopilot, R"({"sessionId":"s","cwd":"/w","toolName":"write_bash","toolArgs":{"input":"rm -rf /"}})",
       "tools/call host:copilot write_bash"},
      {HostId::kCopilot, R"({"sessionId":"s","cwd":"/w","toolName":"report_intent","toolArgs":{}})", "nothing"},
      {HostId::kCopilot, R"({"hook_event_name":"PreToolUse","session_id":"s","cwd":"/w","tool_name":"Bash","tool_input":{"command":"ls"}})",
       "shell ls"},
      {HostId::kCopilot, R"({"hookName":"permissionRequest","sessionId":"s","toolName":"bash","toolInput":{"command":"ls"}})", "no tool"},
      {HostId::kCopilot, R"({"sessionId":"s","toolName":"bash"})", "refused: the host's event cannot be read: `toolArgs` is missing"},
      {HostId::kCopilot, R"({"sessionId":"s","toolName":"bash","toolArgs":{}})", "refused: the input of bash has no `command`"},
      {HostId::kCopilot, R"({"sessionId":"s","toolName":7,"toolArgs":{}})",
       "refused: the host's event cannot be read: `toolName` is no text"},
      {HostId::kCopilot, R"({"sessionId":"s","timestamp":1})",
       "refused: the host's event cannot be read: nothing in it says which event it is"},
      // VS Code
      {HostId::kVscode,
       R"({"hook_event_name":"PreToolUse","sessionId":"s","cwd":"/w","tool_name":"run_in_terminal","tool_input":{"command":"ls"},"tool_use_id":"1"})",
       "shell ls"},
      {HostId::kVscode,
       R"({"hookEventName":"PreToolUse","sessionId":"s","tool_name":"multi_replace_string_in_file","tool_input":{"replacements":[{"filePath":"/a"},{"filePath":"/b"}]}})",
       "file write /a | file write /b"},
      {HostId::kVscode, R"({"hookEventName":"PreToolUse","sessionId":"s","tool_name":"editFiles","tool_input":{"files":["/a"]}})",
       "file write /a"},
      {HostId::kVscode, R"({"hookEventName":"PreToolUse","sessionId":"s","tool_name":"editFiles","tool_input":{"files":[7]}})",
       "refused: the input of editFiles names a file that is none"},
      {HostId::kVscode,
       R"({"hookEventName":"PreToolUse","sessionId":"s","tool_name":"fetch_webpage","tool_input":{"urls":["https://a.example/","https://b.example/"]}})",
       "fetch https://a.example/ | fetch https://b.example/"},
      {HostId::kVscode, R"({"hookEventName":"PreToolUse","sessionId":"s","tool_name":"mcp_notes_add","tool_input":{}})",
       "tools/call notes add"},
      {HostId::kVscode, R"({"hookEventName":"PreToolUse","sessionId":"s","tool_name":"mcp_other_add","tool_input":{}})",
       "tools/call host:vscode mcp_other_add"},
      {HostId::kVscode, R"({"hookEventName":"PreFileWrite","sessionId":"s"})",
       "refused: the host's event cannot be read: nobody has looked at the event PreFileWrite, and it may be a tool's"},
      // Cursor
      {HostId::kCursor,
       R"({"hook_event_name":"preToolUse","conversation_id":"c","workspace_roots":["/w"],"tool_name":"Shell","tool_input":{"command":"ls","cwd":"/w"},"tool_use_id":"a\nb"})",
       "shell ls"},
      {HostId::kCursor, R"({"hook_event_name":"preToolUse","conversation_id":"c","tool_name":"Read","tool_input":{"target_file":"/a"}})",
       "file read /a"},
      {HostId::kCursor, R"({"hook_event_name":"preToolUse","conversation_id":"c","tool_name":"MCP:add","tool_input":{}})", "no tool"},
      {HostId::kCursor,
       R"({"hook_event_name":"beforeMCPExecution","conversation_id":"c","tool_name":"add","tool_input":"{\"a\":1}","mcp_server_name":"notes"})",
       "tools/call notes add"},
      {HostId::kCursor, R"({"hook_event_name":"beforeMCPExecution","conversation_id":"c","tool_name":"add","tool_input":"{\"a\":1}"})",
       "tools/call add"},
      {HostId::kCursor, R"({"hook_event_name":"beforeShellExecution","conversation_id":"c","command":"ls"})",
       "refused: the host's event cannot be read: nobody has looked at the event beforeShellExecution, and it may be a tool's"},
      // Cursor calls the hooks of Claude Code with payloads of its own
      {HostId::kClaude,
       R"({"hook_event_name":"preToolUse","conversation_id":"c","cursor_version":"2","tool_name":"Shell","tool_input":{"command":"ls"}})",
       "shell ls"},
      {HostId::kClaude, R"({"hook_event_name":"PreToolUse","session_id":"c","tool_name":"Bash","tool_input":{"command":"ls"}})",
       "shell ls"},
      // Cline: the command line as captured, and the extension
      {HostId::kCline,
       R"({"taskId":"t","sessionContext":{"rootSessionId":"r"},"workspaceRoots":["/w"],"agent_id":"a","parent_agent_id":null,"hookName":"tool_call","tool_call":{"id":"1","name":"run_commands","input":{"commands":["ls","id"]}}})",
       "shell ls | shell id"},
      {HostId::kCline,
       R"({"taskId":"t","hookName":"tool_call","tool_call":{"id":"1","name":"run_commands","input":{"commands":[{"command":"rm","args":["-rf","a b"]}]}}})",
       "shell rm -rf 'a b'"},
      {HostId::kCline, R"({"taskId":"t","hookName":"tool_call","tool_call":{"id":"1","name":"run_commands","input":{"cmd":"ls"}}})",
       "shell ls"},
      {HostId::kCline, R"({"taskId":"t","hookName":"tool_call","tool_call":{"id":"1","name":"run_commands","input":["ls"]}})", "shell ls"},
      {HostId::kCline, R"({"taskId":"t","hookName":"tool_call","tool_call":{"id":"1","name":"run_commands","input":"ls"}})", "shell ls"},
      {HostId::kCline, R"({"taskId":"t","hookName":"tool_call","tool_call":{"id":"1","name":"run_commands","input":{"commands":[]}}})",
       "refused: the input of run_commands has an empty `commands`"},
      {HostId::kCline,
       R"({"taskId":"t","hookName":"tool_call","tool_call":{"id":"1","name":"read_files","input":{"files":[{"path":"/a"},"/b"]}}})",
       "file read /a | file read /b"},
      {HostId::kCline, R"({"taskId":"t","hookName":"tool_call","tool_call":{"id":"1","name":"notes__add","input":{}}})",
       "tools/call notes add"},
      {HostId::kCline,
       R"({"taskId":"t","hookName":"PreToolUse","preToolUse":{"toolName":"execute_command","parameters":{"command":"ls"}}})", "shell ls"},
      {HostId::kCline,
       R"({"taskId":"t","hookName":"PreToolUse","preToolUse":{"toolName":"use_mcp_tool","parameters":{"server_name":"notes","tool_name":"add","arguments":"{}"}}})",
       "tools/call notes add"},
      {HostId::kCline, R"({"taskId":"t","hookName":"PreToolUse"})", "refused: the host's event cannot be read: `preToolUse` is missing"},
      // opencode, as our module sends it
      {HostId::kOpencode, R"({"hook":"tool.execute.before","sessionID":"s","callID":"c","tool":"bash","args":{"command":"ls"},"cwd":"/w"})",
       "shell ls"},
      {HostId::kOpencode,
       R"({"hook":"tool.execute.before","sessionID":"s","callID":"c","tool":"write","args":{"filePath":"/a","content":""}})",
       "file write /a"},
      {HostId::kOpencode, R"({"hook":"tool.execute.before","sessionID":"s","callID":"c","tool":"git-hub_create","args":{}})",
       "tools/call git-hub create"},
      {HostId::kOpencode, R"({"hook":"tool.execute.before","sessionID":"s","callID":"c","tool":"execute","args":{}})",
       "tools/call host:opencode execute"},
      // Windsurf
      {HostId::kWindsurf, R"({"agent_action_name":"pre_run_command","trajectory_id":"t","tool_info":{"command_line":"ls","cwd":"/w"}})",
       "shell ls"},
      {HostId::kWindsurf, R"({"agent_action_name":"pre_write_code","trajectory_id":"t","tool_info":{"file_path":"/a","edits":[]}})",
       "file write /a"},
      {HostId::kWindsurf,
       R"({"agent_action_name":"pre_mcp_tool_use","trajectory_id":"t","tool_info":{"mcp_server_name":"notes","mcp_tool_name":"add","mcp_tool_arguments":{}}})",
       "tools/call notes add"},
      {HostId::kWindsurf, R"({"agent_action_name":"pre_run_command","trajectory_id":"t","tool_info":{"cwd":"/w"}})",
       "refused: the host's event cannot be read: `command_line` is missing"},
      {HostId::kWindsurf, R"({"agent_action_name":"pre_run_command","trajectory_id":"t"})",
       "refused: the host's event cannot be read: `tool_info` is missing"},
  };
  for (const auto& row : kRows) EXPECT_EQ(acts_in(row.host, row.payload), row.acts) << row.payload;
}

// Of the members that a host always sends each one is taken away, and made of another type.
TEST(Contracts, WhatIsMissingOrOfAnotherTypeIsRefused) {
  const std::pair<HostId, const char*> rows[] = {
      {HostId::kClaude, R"({"hook_event_name":"PreToolUse","session_id":"s","tool_name":"Bash","tool_input":{"command":"ls"}})"},
      {HostId::kCodex, R"({"hook_event_name":"PreToolUse","session_id":"s","tool_name":"Bash","tool_input":{"command":"ls"}})"},
      {HostId::kGemini,
       R"({"hook_event_name":"BeforeTool","session_id":"s","tool_name":"run_shell_command","tool_input":{"command":"ls"}})"},
      {HostId::kCopilot, R"({"sessionId":"s","toolName":"bash","toolArgs":{"command":"ls"}})"},
      {HostId::kVscode, R"({"hook_event_name":"PreToolUse","session_id":"s","tool_name":"run_in_terminal","tool_input":{"command":"ls"}})"},
      {HostId::kCursor, R"({"hook_event_name":"preToolUse","conversation_id":"s","tool_name":"Shell","tool_input":{"command":"ls"}})"},
      {HostId::kCline, R"({"hookName":"tool_call","taskId":"t","tool_call":{"name":"run_commands","input":{"commands":["ls"]}}})"},
      {HostId::kOpencode, R"({"hook":"tool.execute.before","sessionID":"s","tool":"bash","args":{"command":"ls"}})"},
      {HostId::kWindsurf, R"({"agent_action_name":"pre_run_command","trajectory_id":"t","tool_info":{"command_line":"ls"}})"}};
  for (const auto& [host, text] : rows) {
    const auto payload = payload_of(text);
    ASSERT_EQ(acts_in(host, text), "shell ls") << text;
    for (const auto& [name, _] : payload) {
      auto without = payload;
      without.erase(name);
      EXPECT_TRUE(acts_in(host, json::write(without)).starts_with("refused: ")) << text << " without " << std::string(name);
      for (const char* other : {"7", "true", "[7]", "\"\"", "\"a\\u0000b\""}) {
        auto wrong = payload;
        wrong[name] = *json::parse(other);
        EXPECT_TRUE(acts_in(host, json::write(wrong)).starts_with("refused: "))
            << text << " with " << std::string(name) << " = " << other << ": " << acts_in(host, json::write(wrong));
      }
    }
  }
}

struct PrintedRow {
  HostId host;
  const char* payload;
  Answer answer;
  int exit;
  const char* out;
};

TEST(Contracts, AnswersAreWhatTheHostUnderstands) {
  using A = Answer::Kind;
  constexpr const char* kCopilot = R"({"sessionId":"s","toolName":"bash","toolArgs":{"command":"ls"}})";
  constexpr const char* kCopilotAfter =
      R"({"sessionId":"s","toolName":"bash","toolArgs":{},"toolResult":{"resultType":"success","textResultForLlm":"x"}})";
  constexpr const char* kVscode =
      R"({"hook_event_name":"PreToolUse","session_id":"s","tool_name":"run_in_terminal","tool_input":{"command":"ls"}})";
  constexpr const char* kCursor =
      R"({"hook_event_name":"preToolUse","conversation_id":"s","tool_name":"Shell","tool_input":{"command":"ls"}})";
  constexpr const char* kCursorMcp =
      R"({"hook_event_name":"postToolUse","conversation_id":"s","tool_name":"MCP:add","tool_input":{},"tool_output":"{}"})";
  constexpr const char* kCline = R"({"hookName":"tool_call","taskId":"t","tool_call":{"name":"run_commands","input":{"commands":["ls"]}}})";
  constexpr const char* kOpencode = R"({"hook":"tool.execute.before","sessionID":"s","tool":"bash","args":{"command":"ls"}})";
  constexpr const char* kOpencodeAfter = R"({"hook":"tool.execute.after","sessionID":"s","tool":"bash","args":{},"output":"x"})";
  constexpr const char* kWindsurf = R"({"agent_action_name":"pre_run_command","trajectory_id":"t","tool_info":{"command_line":"ls"}})";
  const Answer allow{.kind = A::kAllow};
  const Answer deny{.kind = A::kDeny, .reason = "policy: no", .next = "ask"};
  const Answer ask{.kind = A::kAsk, .reason = "look"};
  const Answer changed{.kind = A::kAllow, .reason = "changed", .input = json::object{{"command", "id"}}};
  const PrintedRow rows[] = {
      {HostId::kCopilot, kCopilot, allow, 0, ""},
      {HostId::kCopilot, kCopilot, deny, 2, R"({"permissionDecision":"deny","permissionDecisionReason":"policy: no. ask"})"},
      {HostId::kCopilot, kCopilot, ask, 0, R"({"permissionDecision":"ask","permissionDecisionReason":"look"})"},
      {HostId::kCopilot, kCopilot, changed, 0,
       R"({"permissionDecision":"allow","permissionDecisionReason":"changed","modifiedArgs":{"command":"id"}})"},
      {HostId::kCopilot,
       kCopilotAfter,
       {.kind = A::kReplaceOutput, .output = json::object{{"textResultForLlm", "[redacted]"}}},
       0,
       R"({"modifiedResult":{"resultType":"success","textResultForLlm":"[redacted]"}})"},
      {HostId::kVscode, kVscode, allow, 0, ""},
      {HostId::kVscode, kVscode, ask, 0,
       R"({"permissionDecision":"ask","permissionDecisionReason":"look","hookSpecificOutput":{"permissionDecision":"ask","permissionDecisionReason":"look","hookEventName":"PreToolUse"}})"},
      // With `failClosed` an empty answer blocks.
      {HostId::kCursor, kCursor, allow, 0, "{}"},
      {HostId::kCursor, kCursor, deny, 2, ""},
      {HostId::kCursor, kCursor, ask, 0, R"({"permission":"ask","user_message":"look","agent_message":"look"})"},
      {HostId::kCursor, kCursor, changed, 0, R"({"permission":"allow","updated_input":{"command":"id"}})"},
      {HostId::kCursor,
       kCursorMcp,
       {.kind = A::kReplaceOutput, .output = json::value(R"({"content":[]})")},
       0,
       R"({"updated_mcp_tool_output":{"content":[]}})"},
      {HostId::kCline, kCline, allow, 0, R"({"cancel":false})"},
      {HostId::kCline, kCline, deny, 0, R"({"cancel":true,"errorMessage":"interlock: policy: no. ask"})"},
      {HostId::kCline, kCline, changed, 0, R"({"cancel":false,"overrideInput":{"command":"id"}})"},
      {HostId::kOpencode, kOpencode, allow, 0, "{}"},
      {HostId::kOpencode, kOpencode, deny, 2, ""},
      {HostId::kOpencode, kOpencode, changed, 0, R"({"args":{"command":"id"}})"},
      {HostId::kOpencode, kOpencodeAfter, {.kind = A::kReplaceOutput, .output = json::value("y")}, 0, R"({"output":"y"})"},
      {HostId::kWindsurf, kWindsurf, allow, 0, ""},
      {HostId::kWindsurf, kWindsurf, deny, 2, ""},
  };
  for (const auto& row : rows) {
    const auto event = event_of(row.host, row.payload);
    const auto printed = contract_of(row.host, payload_of(row.payload)).print(event, row.answer);
    auto out = printed.out;
    while (out.ends_with('\n')) out.pop_back();
    EXPECT_EQ(printed.exit, row.exit) << row.payload;
    const auto want = json::parse(*row.out == '\0' ? "null" : row.out);
    const auto got = json::parse(out.empty() ? "null" : out);
    ASSERT_TRUE(want && got) << out;
    EXPECT_EQ(*got, *want) << row.payload << " gave " << out;
    EXPECT_EQ(printed.err.empty(), row.exit == 0) << row.payload;
  }
}

// The end of a call is told by what began it, on hosts that have no id for one as well.
TEST(Contracts, TheEndOfACallIsFoundByItsBegin) {
  const auto before = event_of(
      HostId::kCursor,
      R"({"hook_event_name":"beforeMCPExecution","conversation_id":"c","tool_name":"add","tool_input":"{\"a\":1}","mcp_server_name":"n"})");
  const auto after = event_of(
      HostId::kCursor,
      R"({"hook_event_name":"postToolUse","conversation_id":"c","tool_name":"MCP:add","tool_input":{"a":1},"tool_use_id":"x","tool_output":"{}"})");
  EXPECT_EQ(before.tool, after.tool);
  EXPECT_EQ(before.call, after.call);
  EXPECT_EQ(json::write(before.input), json::write(after.input));
  const auto run = event_of(HostId::kWindsurf,
                            R"({"agent_action_name":"pre_run_command","trajectory_id":"t","tool_info":{"command_line":"ls","cwd":"/w"}})");
  const auto ran = event_of(HostId::kWindsurf,
                            R"({"agent_action_name":"post_run_command","trajectory_id":"t","tool_info":{"command_line":"ls","cwd":"/w"}})");
  EXPECT_EQ(run.call, ran.call);
  EXPECT_FALSE(run.call.empty());
}

TEST(Contracts, SubagentsDoNotEndTheSession) {
  constexpr const char* kEnd =
      R"({"hookName":"agent_end","taskId":"t","sessionContext":{"rootSessionId":"r"},"agent_id":"a","parent_agent_id":"p"})";
  EXPECT_EQ(event_of(HostId::kCline, kEnd).kind, Event::Kind::kSubagentEnd);
  constexpr const char* kRoot =
      R"({"hookName":"agent_end","taskId":"t","sessionContext":{"rootSessionId":"r"},"agent_id":"a","parent_agent_id":null})";
  EXPECT_EQ(event_of(HostId::kCline, kRoot).kind, Event::Kind::kSessionEnd);
  EXPECT_EQ(event_of(HostId::kCline, kRoot).session, "r");
}

}  // namespace
}  // namespace interlock::hook
