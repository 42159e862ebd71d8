// What command lines are: command_lines.txt beside this file, a line and its parts.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "catalogue/catalogue.hpp"

namespace interlock::catalogue {
namespace {

const Catalogue& shipped() {
  static const auto loaded = Catalogue::load({}, {});
  if (!loaded) {
    ADD_FAILURE() << loaded.error().text();
    std::abort();
  }
  return **loaded;
}

model::ActionRequest shell_request(const std::string& line) {
  model::ActionRequest request;
  request.surface = "hook";
  request.operation = "shell";
  request.args =
      json::object{{"command", line}, {"cwd", "/work/app"}, {"environment", json::object{{"HOME", "/home/me"}, {"TMPDIR", "/tmp"}}}};
  return request;
}

// "file/delete File /a /b: delete 2 unknown"
std::string written(const model::Classification& what) {
  std::string out = what.action + " " + what.resource.type + " " + what.resource.id;
  for (const auto& further : what.further_resources) out += " " + further.resource.id;
  out += ":";
  for (const model::Effect effect : what.effects) out += " " + std::string(model::effect_name(effect));
  out += " " + std::to_string(static_cast<int>(what.band));
  return out + (what.known ? "" : " unknown");
}

struct Row {
  std::string line;
  std::vector<std::string> parts;
  int place = 0;
};

// "$ LINE", its newlines as ⏎; below it a part a line, indented.
std::vector<Row> rows() {
  std::vector<Row> out;
  std::ifstream in(INTERLOCK_SOURCE_DIR "/tests/unit/catalogue/command_lines.txt");
  std::string text;
  for (int place = 1; std::getline(in, text); ++place) {
    if (text.starts_with("$ ")) {
      std::string line = text.substr(2);
      for (std::size_t at = 0; (at = line.find("⏎", at)) != std::string::npos;) line.replace(at, std::string("⏎").size(), "\n");
      out.push_back({line, {}, place});
    } else if (text.starts_with("  ") && !out.empty()) {
      out.back().parts.push_back(text.substr(2));
    }
  }
  return out;
}

TEST(Command, LinesAreTheirParts) {
  const auto all = rows();
  EXPECT_GE(all.size(), 400U);
  for (const Row& row : all) {
    const auto act = shipped().classify(shell_request(row.line));
    std::vector<std::string> parts;
    for (const model::ActPart& part : act.parts) parts.push_back(written(part.what));
    EXPECT_EQ(parts, row.parts) << "command_lines.txt:" << row.place << ": " << row.line;
  }
}

model::Classification started(const std::string& executable, std::vector<std::string> argv, json::object more = {}) {
  model::ActionRequest request;
  request.surface = "exec";
  request.operation = "execve";
  request.target = executable;
  json::array words;
  for (std::string& word : argv) words.emplace_back(word);
  more["argv"] = std::move(words);
  more["cwd"] = "/work/app";
  request.args = std::move(more);
  return shipped().classify(request);
}

std::vector<std::string> parts_of(const model::Classification& what) {
  std::vector<std::string> out;
  for (const model::ActPart& part : what.parts) out.push_back(written(part.what));
  return out;
}

using Parts = std::vector<std::string>;

TEST(Command, AProgramIsWhatItIsCalledInAFolderOfTheSystemOnly) {
  EXPECT_EQ(parts_of(started("/usr/bin/git", {"git", "status"})), Parts{"git/status Command git status: read 1"});
  EXPECT_EQ(parts_of(started("/usr/bin/python3.11", {"python3", "-V"})), Parts{"python Command python: read 0"});
  EXPECT_EQ(parts_of(started("/usr/bin/x86_64-linux-gnu-gcc-12", {"cc", "--version"})), Parts{"gcc Command gcc: read 0"});
  EXPECT_EQ(parts_of(started("/usr/bin/frob", {"git", "status"})),
            Parts{"exec/unknown File /usr/bin/frob: write delete execute send 2 unknown"});
  for (const char* place : {"/work/app/git", "/tmp/git", "/home/me/bin/git", "/dev/shm/git", "/usr/bin/../../tmp/git", "git", ""}) {
    const auto act = started(place, {"git", "status"});
    EXPECT_EQ(act.action, "exec/unknown") << place;
    EXPECT_FALSE(act.known) << place;
    EXPECT_EQ(act.band, model::Band::kSensitive) << place;
  }
}

TEST(Command, AnExecutableIsNotTheProgramThatItsArgumentsName) {
  // argv[0] is the caller's to choose.
  EXPECT_EQ(parts_of(started("/usr/bin/rm", {"ls", "-rf", "/work/app/x"})),
            (Parts{"rm Command rm: delete 2", "file/delete File /work/app/x: delete 2"}));
  EXPECT_EQ(parts_of(started("/usr/bin/busybox", {"rm", "-r", "x"})),
            (Parts{"rm Command rm: delete 2", "file/delete File /work/app/x: delete 2"}));
  EXPECT_EQ(parts_of(started("/usr/bin/busybox", {"busybox", "rm", "x"})),
            (Parts{"rm Command rm: delete 1", "file/delete File /work/app/x: delete 1"}));
}

TEST(Command, TextForAShellIsReadAtAStart) {
  EXPECT_EQ(parts_of(started("/bin/sh", {"sh", "-c", "git push -f"})),
            (Parts{"sh Command sh: execute 1", "git/push Command git push: write send delete 2"}));
  EXPECT_EQ(parts_of(started("/usr/bin/env", {"env", "A=b", "rm", "x"})),
            (Parts{"rm Command rm: delete 1", "file/delete File /work/app/x: delete 1"}));
}

TEST(Command, WhatChangesTheCodeThatRunsIsSaidAndIsNotKnown) {
  const auto preloaded = started("/usr/bin/ls", {"ls"}, {{"loader", json::array{"LD_PRELOAD=/work/app/x.so"}}});
  EXPECT_EQ(preloaded.action, "exec/unknown");
  EXPECT_NE(json::write(preloaded.parts.at(0).args).find("LD_PRELOAD"), std::string::npos);
  EXPECT_EQ(started("/usr/bin/ls", {"ls"}, {{"loader", json::array{"LD_PRELOAD="}}}).action, "ls");
  // Of a program that does not look at it.
  EXPECT_EQ(started("/usr/bin/ls", {"ls"}, {{"loader", json::array{"NODE_OPTIONS=--require ./x.js", "EDITOR=rm x"}}}).parts.size(), 2U);
  EXPECT_EQ(started("/usr/bin/node", {"node", "a.js"}, {{"loader", json::array{"NODE_OPTIONS=--require ./x.js"}}}).action, "exec/unknown");
  EXPECT_EQ(started("/usr/bin/node", {"node", "a.js"}, {{"loader", json::array{"NODE_OPTIONS=--max-old-space-size=4096"}}}).action, "node");
  const auto in_memory = started("/memfd:git (deleted)", {"git", "status"}, {{"in_memory", true}});
  EXPECT_EQ(in_memory.action, "exec/unknown");
  EXPECT_EQ(in_memory.band, model::Band::kCritical);
  const auto script = started("/work/app/run.sh", {"./run.sh"}, {{"script", "/bin/sh"}});
  EXPECT_NE(json::write(script.parts.at(0).args).find("/bin/sh"), std::string::npos);
}

TEST(Command, FileToolsAndFetchesAreActsOfTheirOwn) {
  const auto file = [](const char* target, const char* path) {
    model::ActionRequest request;
    request.surface = "hook";
    request.operation = "file";
    request.target = target;
    request.args = json::object{{"path", path}, {"cwd", "/work/app"}, {"environment", json::object{{"HOME", "/home/me"}}}};
    return written(shipped().classify(request));
  };
  EXPECT_EQ(file("read", "src/a.cpp"), "file/read File /work/app/src/a.cpp: read 1");
  EXPECT_EQ(file("list", "."), "file/list File /work/app: read 0");
  EXPECT_EQ(file("write", "../x"), "file/write File /work/x: write 1");
  EXPECT_EQ(file("delete", "/etc/hosts"), "file/delete File /etc/hosts: delete 3");
  EXPECT_EQ(file("read", "~/.ssh/id_rsa"), "file/read File /home/me/.ssh/id_rsa: read 2");
  EXPECT_EQ(file("burn", "x"), "file/unknown File ?: write delete execute send 2 unknown");
  model::ActionRequest fetch;
  fetch.surface = "hook";
  fetch.operation = "fetch";
  fetch.args = json::object{{"url", "HTTPS://Example.COM/a?b"}};
  EXPECT_EQ(written(shipped().classify(fetch)), "web/fetch Url https://example.com/a: read 1");
  fetch.args = json::object{{"url", "file:///etc/passwd"}};
  EXPECT_EQ(written(shipped().classify(fetch)), "file/read File /etc/passwd: read 1");
  fetch.args = json::object{{"url", 7}};
  EXPECT_FALSE(shipped().classify(fetch).known);
}

TEST(Command, TheWholeIsAsGraveAsItsGravestPart) {
  const auto act = shipped().classify(shell_request("cat a && git push -f && ls"));
  EXPECT_EQ(act.action, "git/push");
  EXPECT_EQ(act.resource.id, "git push");
  EXPECT_EQ(act.band, model::Band::kSensitive);
  EXPECT_TRUE(act.known);
  EXPECT_EQ(act.effects, (std::vector{model::Effect::kWrite, model::Effect::kSend, model::Effect::kDelete}));
  EXPECT_FALSE(shipped().classify(shell_request("cat a; frobnicate")).known);
  const auto nothing = shipped().classify(shell_request("  # a comment"));
  EXPECT_TRUE(nothing.parts.empty());
  EXPECT_TRUE(nothing.known);
}

TEST(Command, PartsSayHowTheyWereWritten) {
  const auto act = shipped().classify(shell_request("git -C sub push -fu origin main"));
  ASSERT_EQ(act.parts.size(), 1U);
  EXPECT_EQ(json::write(act.parts[0].args),
            R"({"argv":["git","-C","sub","push","-fu","origin","main"],"cwd":"/work/app","program":"git","verb":"push",)"
            R"("flags":["-C","--force","--set-upstream"],"operands":["origin","main"]})");
  EXPECT_EQ(act.parts[0].what.containers, (std::vector<model::EntityName>{{"Command", "git"}}));
}

TEST(Command, NoTextIsTooOddToBeDecided) {
  std::string nested = "rm x";
  for (int i = 0; i < 2'000; ++i) nested = "$(" + nested + ")";
  std::string wrapped = "rm x";
  for (int i = 0; i < 2'000; ++i) wrapped = "env " + wrapped;
  std::string many;
  for (int i = 0; i < 20'000; ++i) many += "rm file" + std::to_string(i) + "; ";
  std::string flags = "git push";
  for (int i = 0; i < 20'000; ++i) flags += " -f";
  const std::string texts[] = {nested,
                               wrapped,
                               many,
                               std::string(std::size_t{2} << 20, 'a'),
                               "echo \"unclosed",
                               std::string("cat a\0b", 7),
                               "\xff\xfe",
                               "case x in",
                               "python3 -c '" + std::string(100'000, '(') + "'",
                               "awk '" + std::string(100'000, '"') + "|' x",
                               "sed '" + std::string(100'000, 's') + "' x"};
  for (const std::string& text : texts) {
    const auto act = shipped().classify(shell_request(text));
    EXPECT_FALSE(act.known) << text.substr(0, 60);
    EXPECT_GE(act.band, model::Band::kSensitive) << text.substr(0, 60);
    EXPECT_LE(act.parts.size(), 2'049U);
  }
  EXPECT_EQ(shipped().classify(shell_request(flags)).action, "git/push");
  model::ActionRequest request;
  request.surface = "hook";
  request.operation = "shell";
  for (const json::value& args :
       {json::value(nullptr), json::value(7), json::value(json::object{{"command", 7}}), json::value(json::array{"rm"})}) {
    request.args = args;
    EXPECT_FALSE(shipped().classify(request).known);
  }
}

Result<std::shared_ptr<const Catalogue>> with(const std::string& text) {
  const std::vector<CatalogueSource> sources = {{"mine.yaml", text}};
  return Catalogue::load(sources, {});
}

TEST(CommandFile, AddsProgramsAndReplacesThoseThatItNames) {
  const auto added = with(
      "commands: 1\n"
      "folders: [/work/tools]\n"
      "replaces: [make]\n"
      "programs:\n"
      "  make: { does: execute 3 }\n"
      "  frob (frobnicate):\n"
      "    does: read 0\n"
      "    flags: -f --force, -o --output=WRITE\n"
      "    operands: READ...\n"
      "    when: { --force: write delete 2 }\n"
      "    verbs:\n"
      "      ship: { does: send 2, operands: URL }\n");
  ASSERT_TRUE(added) << added.error().text();
  const auto lines = [&](const char* line) { return parts_of((*added)->classify(shell_request(line))); };
  EXPECT_EQ(lines("make"), Parts{"make Command make: execute 3"});
  EXPECT_EQ(lines("/work/tools/frob ship https://a.example/x"),
            (Parts{"frob/ship Command frob ship: send 2", "net/connect Host a.example: send 2"}));
  EXPECT_EQ(lines("frobnicate -f -oout ship"),
            (Parts{"frob/ship Command frob ship: send write delete 2", "file/write File /work/app/out: write 2"}));
  EXPECT_EQ(lines("frob --frob"), Parts{"exec/unknown Command frob: write delete execute send 2 unknown"});
  EXPECT_NE((*added)->revision(), shipped().revision());
}

TEST(CommandFile, SaysWhereItIsWrong) {
  const struct {
    const char* text;
    const char* said;
  } cases[] = {
      {"commands: 2\n", "mine.yaml:1:11"},
      {"commands: 1\nprograms: [a]\n", "mine.yaml:2:11"},
      {"commands: 1\nprograms:\n  a: { does: burn 1 }\n", "`burn` is no effect"},
      {"commands: 1\nprograms:\n  a: { does: read }\n", "effects and a band"},
      {"commands: 1\nprograms:\n  a: { does: read write 1 }\n", "`read` stands alone"},
      {"commands: 1\nprograms:\n  a: { does: read 1, operands: REED }\n", "did you mean `READ`?"},
      {"commands: 1\nprograms:\n  a: { does: read 1, operands: READ... WRITE... }\n", "only one operand"},
      {"commands: 1\nprograms:\n  a: { does: read 1, flags: '-a, -a' }\n", "there twice"},
      {"commands: 1\nprograms:\n  a: { does: read 1, when: { -x: write 1 } }\n", "has no flag `-x`"},
      {"commands: 1\nprograms:\n  a: { does: read 1, colour: red }\n", "mine.yaml:3:22"},
      {"commands: 1\nprograms:\n  /usr/bin/a: read 1\n", "without a folder"},
      {"commands: 1\nprograms:\n  git: read 1\n", "replaces: [git]"},
      {"commands: 1\nfolders: [bin]\n", "is not absolute"},
      {"commands: 1\nprograms:\n  a (b: read 1\n", "each ( its )"},
  };
  for (const auto& one : cases) {
    const auto loaded = with(one.text);
    ASSERT_FALSE(loaded) << one.text;
    EXPECT_NE(loaded.error().text().find(one.said), std::string::npos) << one.text << loaded.error().text();
    EXPECT_NE(loaded.error().text().find("mine.yaml:"), std::string::npos);
  }
}

TEST(CommandFile, TheExampleOfTheDocumentationIsOne) {
  std::ifstream in(INTERLOCK_SOURCE_DIR "/docs/commands.md");
  const std::string text(std::istreambuf_iterator<char>(in), {});
  const std::size_t begin = text.find("```yaml\n") + 8;
  const auto loaded = with(text.substr(begin, text.find("```", begin) - begin));
  ASSERT_TRUE(loaded) << loaded.error().text();
  const auto lines = [&](const char* line) { return parts_of((*loaded)->classify(shell_request(line))); };
  EXPECT_EQ(lines("/opt/acme/bin/acmectl ls -v"), Parts{"acme/ls Command acme ls: read 1"});
  EXPECT_EQ(lines("acme deploy web conf --env=production"),
            (Parts{"acme/deploy Command acme deploy: execute send 3", "file/read File /work/app/conf: read 1"}));
  EXPECT_EQ(lines("acme deploy web conf --dry-run"),
            (Parts{"acme/deploy Command acme deploy: read 1", "file/read File /work/app/conf: read 1"}));
}

}  // namespace
}  // namespace interlock::catalogue
