// Hooks put in and taken out, for every host.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/json.hpp"
#include "hosts/edit.hpp"
#include "hosts/hook_points.hpp"
#include "hosts/json_text.hpp"
#include "unit/hosts/files_in_memory.hpp"

namespace interlock::hosts {
namespace {

std::vector<Change> installed(const Host& host, const Place& place, const FilesInMemory& files) {
  auto changes = install(host, place, files.reader());
  EXPECT_TRUE(changes.has_value()) << host.name << ": " << changes.error().text();
  return changes.value_or(std::vector<Change>{});
}

std::vector<Change> taken_out(const Host& host, const Place& place, const FilesInMemory& files) {
  auto changes = remove(host, place, files.reader());
  EXPECT_TRUE(changes.has_value()) << host.name << ": " << changes.error().text();
  return changes.value_or(std::vector<Change>{});
}

class EachHost : public testing::TestWithParam<HostId> {
 protected:
  const Host& host() const { return all_hosts()[static_cast<std::size_t>(GetParam())]; }
  bool is_configuration() const {
    const auto form = hook_shape_of(host()).form;
    return form == HookForm::kGroups || form == HookForm::kEntries;
  }
};
std::string name_of(const testing::TestParamInfo<HostId>& one) {
  return std::string(all_hosts()[static_cast<std::size_t>(one.param)].name);
}

// Hosts whose hooks stand in a configuration that others write too.
class EachConfiguration : public EachHost {};

INSTANTIATE_TEST_SUITE_P(Hosts, EachHost,
                         testing::Values(HostId::kClaude, HostId::kCodex, HostId::kGemini, HostId::kCopilot, HostId::kCursor,
                                         HostId::kCline, HostId::kOpencode, HostId::kWindsurf, HostId::kVscode),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Hosts, EachConfiguration,
                         testing::Values(HostId::kClaude, HostId::kCodex, HostId::kGemini, HostId::kCopilot, HostId::kCursor,
                                         HostId::kWindsurf, HostId::kVscode),
                         name_of);

TEST_P(EachHost, gets_its_files_and_a_second_run_changes_nothing) {
  for (const bool for_project : {false, true}) {
    FilesInMemory files;
    auto place = at_home();
    place.for_project = for_project;
    const auto changes = installed(host(), place, files);
    ASSERT_FALSE(changes.empty());
    for (const auto& change : changes) {
      EXPECT_TRUE(change.path.starts_with(for_project ? "/work/it/" : "/home/me/")) << change.path;
      EXPECT_FALSE(change.before.has_value());
      EXPECT_NE(change.after->find("/opt/interlock/bin/interlock hook " + std::string(host().name)), std::string::npos) << *change.after;
    }
    files.write(changes);
    EXPECT_TRUE(installed(host(), place, files).empty());
    EXPECT_TRUE(!is_configuration() || json::parse(*changes[0].after).has_value());
  }
}

TEST_P(EachHost, gives_back_the_files_that_are_ours_alone) {
  FilesInMemory files;
  files.write(installed(host(), at_home(), files));
  files.write(taken_out(host(), at_home(), files));
  // What is of several owners stays as an empty object: whoever made it knows whether it may go.
  for (const auto& [path, text] : files.files) EXPECT_TRUE(text == "{}\n" || text == "{\n  \"version\": 1\n}\n") << path << text;
  EXPECT_TRUE(taken_out(host(), at_home(), files).empty());
}

TEST_P(EachHost, finds_its_hook_again_when_the_program_has_moved) {
  FilesInMemory files;
  files.write(installed(host(), at_home(), files));
  auto place = at_home();
  place.program = "/home/me/it's new/interlock";
  place.arguments = "--state /s";
  const auto changes = installed(host(), place, files);
  ASSERT_FALSE(changes.empty());
  files.write(changes);
  for (const auto& [path, text] : files.files) {
    EXPECT_EQ(text.find("/opt/interlock"), std::string::npos) << text;
    EXPECT_NE(text.find("--state /s"), std::string::npos) << text;
  }
  EXPECT_TRUE(installed(host(), place, files).empty());
  files.write(taken_out(host(), at_home(), files));
  for (const auto& [path, text] : files.files) EXPECT_EQ(text.find("interlock"), std::string::npos) << text;
}

TEST_P(EachConfiguration, an_empty_file_becomes_a_whole_one) {
  for (const std::string text : {"", "\n", "  \r\n", "\xEF\xBB\xBF"}) {
    FilesInMemory files;
    const auto path = hook_paths(host(), at_home())[0];
    files.files[path] = text;
    const auto changes = installed(host(), at_home(), files);
    ASSERT_EQ(changes.size(), 1U);
    EXPECT_EQ(changes[0].before, text);
    EXPECT_TRUE(read_json_text("f", *changes[0].after).has_value());
    files.write(changes);
    EXPECT_TRUE(installed(host(), at_home(), files).empty());
  }
}

TEST_P(EachConfiguration, a_file_that_is_not_what_it_should_be_is_refused_with_its_place) {
  const std::string event(hook_points_of(host())[1].event);
  for (const auto& text : {std::string("[]"), std::string("{\"hooks\": []}"), "{\"hooks\": {\"" + event + "\": {}}}",
                           std::string("{\"a\": 1, \"a\": 2}"), std::string("{\"a\": "), std::string("<<<<<<< ours\n{}\n")}) {
    FilesInMemory files;
    const auto path = hook_paths(host(), at_home())[0];
    files.files[path] = text;
    const auto changes = install(host(), at_home(), files.reader());
    ASSERT_FALSE(changes.has_value()) << text;
    EXPECT_TRUE(changes.error().message.starts_with(path + ":1:")) << changes.error().message;
    EXPECT_FALSE(changes.error().hint.empty());
  }
}

// What others have there, as hosts write it: one hook of theirs before ours, one after.
std::string with_others(const Host& host, bool ours) {
  const auto& shape = hook_shape_of(host);
  const std::string event(hook_points_of(host)[2].event);
  const auto entry = [&](const std::string& command) {
    return "{\"" + std::string(shape.command_key) + "\": \"" + command + "\", \"note\" : [1,2]}";
  };
  const auto element = [&](const std::string& command) {
    return shape.form == HookForm::kGroups ? "{ \"matcher\": \"Bash|Edit\", \"hooks\": [" + entry(command) + "] }" : entry(command);
  };
  std::string list = element("./a.sh --hook");
  if (ours) list += ", " + element("/old/interlock hook " + std::string(host.name));
  list += ",\n      " + element("interlock-like hook " + std::string(host.name));
  return "{\n  // mine\n  \"version\": 1,\n  \"model\":   \"x\",\n  \"hooks\": {\n    \"" + event + "\": [" + list +
         "] /* end */\n  },\n}\n";
}

TEST_P(EachConfiguration, other_peoples_hooks_stay_and_keep_their_order) {
  FilesInMemory files;
  const auto path = hook_paths(host(), at_home())[0];
  files.files[path] = with_others(host(), false);
  const auto before = files.files[path];
  files.write(installed(host(), at_home(), files));
  const auto after = files.files[path];
  for (const std::string part : {"./a.sh --hook", "interlock-like hook", "// mine", "/* end */", "\"model\":   \"x\"", "\"note\" : [1,2]"})
    EXPECT_NE(after.find(part), std::string::npos) << part << after;
  EXPECT_LT(after.find("./a.sh"), after.find("interlock-like"));
  EXPECT_TRUE(installed(host(), at_home(), files).empty());
  files.write(taken_out(host(), at_home(), files));
  EXPECT_EQ(files.files[path], before);
}

TEST_P(EachConfiguration, an_older_hook_of_ours_is_replaced_and_never_doubled) {
  FilesInMemory files;
  const auto path = hook_paths(host(), at_home())[0];
  files.files[path] = with_others(host(), true);
  files.write(installed(host(), at_home(), files));
  const auto after = files.files[path];
  EXPECT_EQ(after.find("/old/interlock"), std::string::npos) << after;
  const auto document = read_json_text("f", after);
  ASSERT_TRUE(document.has_value());
  std::size_t ours = 0;
  const auto* event = document->root.member("hooks")->member(hook_points_of(host())[2].event);
  ASSERT_NE(event, nullptr);
  for (const auto& element : event->children) {
    const auto text = std::string(document->raw(element));
    if (text.find("/opt/interlock/bin/interlock hook") == std::string::npos) continue;
    ++ours;
    EXPECT_EQ(text.find("Bash|Edit"), std::string::npos) << "a matcher would leave tools out: " << text;
  }
  EXPECT_EQ(ours, 1U) << after;
  EXPECT_TRUE(installed(host(), at_home(), files).empty());
  files.write(taken_out(host(), at_home(), files));
  EXPECT_EQ(files.files[path], with_others(host(), false));
}

TEST(Hooks, every_timeout_is_longer_than_the_gate_holds_a_call) {
  constexpr std::int64_t kHoldMs = 540'000;  // HookParts::hold_ms
  std::size_t seen = 0;
  for (const auto& host : all_hosts()) {
    const auto& shape = hook_shape_of(host);
    if (shape.timeout_key.empty()) continue;
    EXPECT_GT(host.id == HostId::kGemini ? shape.timeout : shape.timeout * 1000, kHoldMs) << host.name;
    ++seen;
  }
  EXPECT_EQ(seen, 6U);
}

TEST(Hooks, the_command_is_known_by_its_words) {
  const auto& claude = *host_named("claude");
  for (const std::string program : {"/usr/bin/interlock", "/opt/my tools/interlock", "/home/o'neil/$x/interlock", "/ü/interlock"}) {
    const auto command = hook_command(claude, program, "--state '/a b'");
    EXPECT_TRUE(is_hook_command(claude, command)) << command;
    EXPECT_FALSE(is_hook_command(*host_named("codex"), command)) << command;
  }
  for (const std::string_view command : {"interlock hook claude", "'/x y/interlock' hook claude", "/a/interlock  hook  claude --state x"})
    EXPECT_TRUE(is_hook_command(claude, command)) << command;
  for (const std::string_view command :
       {"", "interlock", "interlock hook", "interlock hook claudette", "my-interlock hook claude", "echo interlock hook claude",
        "interlock run claude", "$(x) hook claude", "interlock 'hook claude'", "'interlock hook claude", "interlock; hook claude"})
    EXPECT_FALSE(is_hook_command(claude, command)) << command;
}

TEST(Hooks, a_program_of_somebody_else_is_not_written_over) {
  for (const auto* name : {"cline", "opencode"}) {
    FilesInMemory files;
    const auto path = hook_paths(*host_named(name), at_home())[0];
    files.files[path] = "#!/bin/sh\nexec my-hook\n";
    const auto changes = install(*host_named(name), at_home(), files.reader());
    ASSERT_FALSE(changes.has_value());
    EXPECT_EQ(changes.error().code, ErrorCode::kConflict);
    EXPECT_TRUE(taken_out(*host_named(name), at_home(), files).empty());
  }
}

TEST(Hooks, clines_files_can_be_executed) {
  for (const auto& change : installed(*host_named("cline"), at_home(), {})) {
    EXPECT_EQ(change.mode, 0755U);
    EXPECT_TRUE(change.after->starts_with("#!/bin/sh\n"));
  }
}

TEST(Hooks, a_hook_in_an_event_that_is_no_longer_wanted_goes) {
  FilesInMemory files;
  files.files["/home/me/.claude/settings.json"] =
      "{\"hooks\": {\"Notification\": [{\"hooks\": [{\"type\": \"command\", \"command\": \"/x/interlock hook claude\"}]}]}}";
  files.write(installed(*host_named("claude"), at_home(), files));
  EXPECT_EQ(files.files["/home/me/.claude/settings.json"].find("Notification"), std::string::npos);
}

TEST(Hooks, what_keeps_them_from_running_is_said) {
  FilesInMemory files;
  files.files["/home/me/.claude/settings.json"] = "{\"disableAllHooks\": true}";
  files.files["/home/me/.codex/config.toml"] = "[features]\nhooks = false\n";
  files.files["/home/me/.gemini/settings.json"] = "{\"hooksConfig\": {\"enabled\": false}}";
  files.files["/home/me/.copilot/settings.json"] = "{\"disableAllHooks\": true}";
  for (const auto* name : {"claude", "codex", "gemini", "copilot"}) {
    const auto said = notes(*host_named(name), at_home(), files.reader());
    ASSERT_FALSE(said.empty()) << name;
    EXPECT_NE(said[0].find("switched off"), std::string::npos) << said[0];
  }
  EXPECT_TRUE(notes(*host_named("claude"), at_home(), FilesInMemory{}.reader()).empty());
  EXPECT_EQ(notes(*host_named("codex"), at_home(), FilesInMemory{}.reader()).size(), 1U);
  auto project = at_home();
  project.for_project = true;
  EXPECT_NE(notes(*host_named("claude"), project, FilesInMemory{}.reader())[0].find(project.program), std::string::npos);
}

}  // namespace
}  // namespace interlock::hosts
