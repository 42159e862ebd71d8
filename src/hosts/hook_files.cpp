// Hook files that are programs: what stands in them, and how ours are told from others'.
#include <algorithm>

#include "base/json.hpp"
#include "hosts/hook_points.hpp"

namespace interlock::hosts {
namespace {

std::string mark_of(const Host& host) {
  return " Interlock's hook for " + std::string(host.title) + ". `interlock init " + std::string(host.name) + " --undo` takes it out.";
}

// opencode's own names, payloads and ways to say no (an exception out of tool.execute.before). What it is answered is read by the same
// rules as by surface/hook's contract.
constexpr std::string_view kModule = R"js(
import { spawn } from "node:child_process";

function ask(payload) {
  return new Promise((resolve, reject) => {
    const child = spawn(command[0], command.slice(1), { stdio: ["pipe", "pipe", "pipe"] });
    let out = "";
    let err = "";
    child.stdout.setEncoding("utf8").on("data", (text) => (out += text));
    child.stderr.setEncoding("utf8").on("data", (text) => (err += text));
    child.stdin.on("error", () => {});
    child.on("error", (error) => reject(new Error(`Interlock's hook does not run, so this is denied: ${error.message}`)));
    child.on("close", (code) => {
      if (code !== 0) return reject(new Error(err.trim() || "Interlock denied this"));
      try {
        resolve(out.trim() === "" ? {} : JSON.parse(out));
      } catch {
        reject(new Error("Interlock's answer cannot be read, so this is denied"));
      }
    });
    child.stdin.end(JSON.stringify(payload));
  });
}

function replace(target, values) {
  for (const name of Object.keys(target)) delete target[name];
  Object.assign(target, values);
}

export const Interlock = async ({ directory }) => ({
  event: async ({ event }) => {
    if (event.type !== "session.created" && event.type !== "session.deleted") return;
    const info = event.properties?.info ?? {};
    await ask({ hook: event.type, sessionID: info.id ?? "", parentID: info.parentID ?? "", cwd: directory }).catch(() => {});
  },
  "chat.message": async (input, output) => {
    const text = (output.parts ?? []).filter((part) => part.type === "text" && !part.synthetic).map((part) => part.text).join("\n");
    await ask({ hook: "chat.message", sessionID: input.sessionID, agent: input.agent ?? "", prompt: text, cwd: directory });
  },
  "tool.execute.before": async (input, output) => {
    const answer = await ask({ hook: "tool.execute.before", sessionID: input.sessionID, callID: input.callID, tool: input.tool, args: output.args ?? {}, cwd: directory });
    if (answer.args) replace(output.args, answer.args);
  },
  // Of an MCP tool the result is its `content`.
  "tool.execute.after": async (input, output) => {
    const said = output.output ?? output.content ?? "";
    const answer = await ask({ hook: "tool.execute.after", sessionID: input.sessionID, callID: input.callID, tool: input.tool, args: input.args ?? {}, output: said, cwd: directory });
    if (typeof answer.output !== "string") return;
    if (output.content !== undefined) replace(output, { content: [{ type: "text", text: answer.output }] });
    else Object.assign(output, { output: answer.output, metadata: {} });
  },
});
)js";

}  // namespace

// Cline reads an answer on stdout alone, and goes on where a hook fails or takes longer than it waits: 30 s in the extension, 120 s in the
// command line (@cline/core). So the script answers before that.
std::string hook_script(const Host& host, std::string_view program, std::string_view arguments) {
  constexpr std::string_view kWithinSeconds = "25";
  std::string out = "#!/bin/sh\n#" + mark_of(host) + "\nanswer=$(timeout " + std::string(kWithinSeconds) + " " + shell_word(program) +
                    " hook " + std::string(host.name);
  if (!arguments.empty()) out.append(" ").append(arguments);
  out +=
      ") ||\n  answer='{\"cancel\":true,\"errorMessage\":\"Interlock did not say yes in time, or at all: see `interlock approvals`, "
      "`interlock "
      "status` and `interlock log`\"}'\n";
  return out + "printf '%s\\n' \"$answer\"\n";
}

std::string hook_module(const Host& host, std::string_view program, std::string_view arguments) {
  std::string words = "[";
  json::write_string_to(words, "/bin/sh");
  words += ", ";
  json::write_string_to(words, "-c");
  words += ", ";
  std::string line = "exec " + shell_word(program) + " hook " + std::string(host.name);
  if (!arguments.empty()) line.append(" ").append(arguments);
  json::write_string_to(words, line);
  return "//" + mark_of(host) + "\nconst command = " + words + "];\n" + std::string(kModule.substr(1));
}

bool is_hook_file(const Host& host, std::string_view text) {
  constexpr std::size_t kMarkWithin = 400;
  return text.substr(0, kMarkWithin).contains(mark_of(host));
}

}  // namespace interlock::hosts
