// The formatter: layouts as they should be, comments where they were, and no change of meaning on any text.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "cedar/format.hpp"
#include "cedar/parser.hpp"

namespace interlock::cedar {
namespace {

namespace fs = std::filesystem;

std::string formatted(std::string_view text, std::size_t width = 100) {
  auto out = format_policies({"test.cedar", std::string(text)}, {.width = width});
  return out ? *out : "error: " + out.error().text();
}

struct Case {
  const char* name;
  const char* text;
  const char* wanted;
  std::size_t width = 100;
};

const Case kCases[] = {
    {"an empty text stays empty", "  \n\n", ""},
    {"a comment alone stays", "  // nothing yet  \n\n\n", "// nothing yet\n"},
    {"a policy stands on one line", "permit(principal,action,resource);", "permit (principal, action, resource);\n"},
    {"each condition stands on its line", "permit(principal,action,resource)when{context.a}unless{context.b==1};",
     "permit (principal, action, resource)\nwhen { context.a }\nunless { context.b == 1 };\n"},
    {"annotations stand above", "@id(\"x\")@flag permit(principal,action,resource);",
     "@id(\"x\")\n@flag\npermit (principal, action, resource);\n"},
    {"policies are apart by one line",
     "permit(principal,action,resource);forbid(principal,action,resource);\n\n\n\npermit(principal,action,resource);",
     "permit (principal, action, resource);\n\nforbid (principal, action, resource);\n\npermit (principal, action, resource);\n"},
    {"a long scope has a line for each variable",
     "permit(principal in Team::\"a\",action in [Action::\"read\",Action::\"write\"],resource is File);",
     "permit (\n  principal in Team::\"a\",\n  action in [Action::\"read\", Action::\"write\"],\n  resource is File\n);\n", 50},
    {"a long condition has a line for each term",
     "permit(principal,action,resource)when{context.first_thing&&context.second_thing&&context.third_thing};",
     "permit (principal, action, resource)\nwhen {\n  context.first_thing &&\n  context.second_thing &&\n  context.third_thing\n};\n", 50},
    {"terms inside terms are indented",
     "permit(principal,action,resource)when{context.first_thing||context.second_thing&&context.third_thing_of_all};",
     "permit (principal, action, resource)\nwhen {\n  context.first_thing ||\n  context.second_thing &&\n    "
     "context.third_thing_of_all\n};\n",
     40},
    {"operators have blanks, signs and accesses have none",
     "permit(principal,action,resource)when{!context . a&&-1+2*3<context [\"b c\"]&&context has a . b&&principal is A :: B in C::\"d\"};",
     "permit (principal, action, resource)\nwhen { !context.a && -1 + 2 * 3 < context[\"b c\"] && context has a.b && principal is A::B in "
     "C::\"d\" };\n",
     120},
    {"lists, records and calls",
     "permit(principal,action,resource)when{[1,2,].contains(1)&&{a:1,\"b\":[]}==context.r&&ip(\"1.2.3.4\").isIpv4()};",
     "permit (principal, action, resource)\nwhen { [1, 2,].contains(1) && {a: 1, \"b\": []} == context.r && ip(\"1.2.3.4\").isIpv4() };\n"},
    {"an if breaks before then and else",
     "permit(principal,action,resource)when{if context.a then context.bbbbbbbbbb else context.cccccccccc};",
     "permit (principal, action, resource)\nwhen {\n  if context.a\n  then context.bbbbbbbbbb\n  else context.cccccccccc\n};\n", 45},
    {"a long list has a line for each item",
     "permit(principal,action in[Action::\"first\",Action::\"second\",Action::\"third\"],resource);",
     "permit (\n  principal,\n  action in [\n    Action::\"first\",\n    Action::\"second\",\n    Action::\"third\"\n  ],\n  "
     "resource\n);\n",
     40},
    {"a token that is too long stays whole", "permit(principal,action,resource)when{context.a==\"0123456789012345678901234567890\"};",
     "permit (\n  principal,\n  action,\n  resource\n)\nwhen {\n  context.a ==\n    \"0123456789012345678901234567890\"\n};\n", 20},
    // comments
    {"a comment before a policy stays with it", "permit(principal,action,resource);\n// about the next\nforbid(principal,action,resource);",
     "permit (principal, action, resource);\n\n// about the next\nforbid (principal, action, resource);\n"},
    {"a comment under a policy stays under it",
     "permit(principal,action,resource);\n// about the former\n\n\nforbid(principal,action,resource);",
     "permit (principal, action, resource);\n// about the former\n\nforbid (principal, action, resource);\n"},
    {"a block of comments keeps its empty lines", "// a\n// b\n\n\n// c\n\npermit(principal,action,resource);\n",
     "// a\n// b\n\n// c\n\npermit (principal, action, resource);\n"},
    {"a comment behind a policy stays behind it", "permit(principal,action,resource); // all\nforbid(principal,action,resource);",
     "permit (principal, action, resource); // all\n\nforbid (principal, action, resource);\n"},
    {"a comment behind an annotation", "@id(\"a\") // the name\n// of it\npermit(principal,action,resource);",
     "@id(\"a\") // the name\n// of it\npermit (principal, action, resource);\n"},
    {"comments between terms break the chain", "permit(principal,action,resource)when{context.a&& // first\n// second\ncontext.b};",
     "permit (principal, action, resource)\nwhen {\n  context.a && // first\n  // second\n  context.b\n};\n"},
    {"a comment before the closing brace stands inside", "permit(principal,action,resource)when{context.a\n// that is all\n};",
     "permit (principal, action, resource)\nwhen {\n  context.a\n  // that is all\n};\n"},
    {"a comment behind the last term", "permit(principal,action,resource)when{context.a==1 // one\n};",
     "permit (principal, action, resource)\nwhen {\n  context.a == 1 // one\n};\n"},
    {"comments in the scope", "permit(principal, // anybody\naction,\n// any thing\nresource);",
     "permit (\n  principal, // anybody\n  action,\n  // any thing\n  resource\n);\n"},
    {"a comment in an empty list", "permit(principal,action in[ // none\n],resource);",
     "permit (\n  principal,\n  action in [ // none\n  ],\n  resource\n);\n"},
    {"a comment at the end", "permit(principal,action,resource);\n// the end", "permit (principal, action, resource);\n// the end\n"},
    {"a string that looks like a comment is none", "permit(principal,action,resource)when{context.u==\"http://x\"};",
     "permit (principal, action, resource)\nwhen { context.u == \"http://x\" };\n"},
    {"line ends of other systems", "// a\r\npermit(principal,action,resource); // b\r\n",
     "// a\npermit (principal, action, resource); // b\n"},
};

TEST(Format, LaysOutAsWritten) {
  for (const Case& one : kCases) {
    EXPECT_EQ(formatted(one.text, one.width), one.wanted) << one.name;
    EXPECT_EQ(formatted(one.wanted, one.width), one.wanted) << one.name << ": formatted again";
  }
}

TEST(Format, ATextThatDoesNotParseIsRefusedWithItsPlace) {
  std::vector<Diagnostic> all;
  const auto out = format_policies({"bad.cedar", "permit (principal, action, resource)\nwhen { 1 + };"}, {}, &all);
  ASSERT_FALSE(out);
  EXPECT_NE(out.error().message.find("bad.cedar:2:12"), std::string::npos) << out.error().message;
  ASSERT_EQ(all.size(), 1u);
}

// --- no text changes its meaning ---------------------------------------------------------------------------------------------

// The tree as text, without places.
std::string tree_text(const std::string& text) {
  Diagnostics diagnostics(1);
  const SourceText source("t", text);
  std::vector<PolicySyntax> policies;
  if (!Parser(source, diagnostics).parse_policies(policies, 1'000'000)) return "does not parse";
  std::ostringstream out;
  auto scope = [&](const ScopeConstraint& constraint) {
    out << static_cast<int>(constraint.kind) << constraint.is_slot << constraint.type << '(';
    for (const EntityUid& uid : constraint.entities) out << uid.text() << ' ';
    out << ')';
  };
  for (const PolicySyntax& policy : policies) {
    out << "\npolicy " << static_cast<int>(policy.effect) << ' ';
    for (const Annotation& annotation : policy.annotations)
      out << '@' << annotation.name << annotation.has_value << annotation.value << ' ';
    scope(policy.principal);
    scope(policy.action);
    scope(policy.resource);
    for (const ConditionSyntax& condition : policy.conditions) out << condition.unless << condition.body << ' ';
    for (const Node& node : policy.tree.nodes) {
      out << static_cast<int>(node.kind) << ' ' << static_cast<int>(node.none) << ' ' << node.a << ' ' << node.b << ' ' << node.c << ' '
          << node.first_child << ' ' << node.child_count << ' ' << node.number << '\n';
    }
    for (const std::uint32_t child : policy.tree.children) out << child << ' ';
    for (const std::string& string : policy.tree.strings) out << string << '\0';
    for (const Pattern& pattern : policy.tree.patterns) {
      for (const std::string& run : pattern.runs) out << run << '\0';
    }
  }
  return out.str();
}

void expect_same_meaning(const std::string& text, std::size_t width, const std::string& name) {
  const auto once = format_policies({name, text}, {.width = width});
  ASSERT_TRUE(once) << name << ": " << once.error().text();
  ASSERT_EQ(tree_text(*once), tree_text(text)) << name;
  const auto twice = format_policies({name, *once}, {.width = width});
  ASSERT_TRUE(twice) << name;
  ASSERT_EQ(*twice, *once) << name << ": formatting again changes it";
}

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(Format, ThePresetsAreFormatted) {
  std::size_t seen = 0;
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(INTERLOCK_SOURCE_DIR) / "policies")) {
    if (entry.path().extension() != ".cedar") continue;
    ++seen;
    const std::string text = read(entry.path());
    expect_same_meaning(text, 100, entry.path().string());
  }
  EXPECT_GE(seen, 2u);
}

// Blanks, line ends and comments strewn between the tokens of known texts.
TEST(Format, StrewnBlanksAndCommentsChangeNothing) {
  std::mt19937 random(7);
  const char* kGaps[] = {" ", "", "\n", "\n\n\n", " // note\n", "\n// note\n// more  \n", "\t", "\r\n", " //\n\n//x\n"};
  for (int round = 0; round < 400; ++round) {
    const Case& one = kCases[random() % std::size(kCases)];
    const std::string text = one.text;
    Lexer lexer(text);
    std::string strewn;
    std::string_view previous;
    for (Token token = lexer.next(); token.kind != TokenKind::kEnd; token = lexer.next()) {
      std::string gap = kGaps[random() % std::size(kGaps)];
      // Two words, or marks that would make another one, must not run together.
      if (gap.empty() && !previous.empty()) gap = " ";
      strewn += gap;
      strewn += token.text;
      previous = token.text;
    }
    strewn += kGaps[random() % std::size(kGaps)];
    expect_same_meaning(strewn, 20 + random() % 100, strewn);
    if (HasFatalFailure()) return;
  }
}

// The conformance corpus, where it is at hand: unpacked once into the build folder.
TEST(Format, TheCorpusKeepsItsMeaning) {
  const fs::path shared = "/work/shared/cedar-conformance";
  if (!fs::exists(shared / "corpus-tests.tar.gz")) GTEST_SKIP() << "the corpus is not here";
  const fs::path unpacked = fs::path(INTERLOCK_BINARY_DIR) / "format-corpus";
  if (!fs::exists(unpacked / "corpus-tests")) {
    fs::create_directories(unpacked);
    const std::string command =
        "tar -C '" + unpacked.string() + "' -xzf '" + (shared / "corpus-tests.tar.gz").string() + "' --wildcards '*.cedar'";
    ASSERT_EQ(std::system(command.c_str()), 0);
  }
  std::size_t seen = 0;
  std::size_t parsed = 0;
  for (const fs::path& root : {unpacked, shared}) {
    for (const auto& entry : fs::recursive_directory_iterator(root)) {
      if (entry.path().extension() != ".cedar") continue;
      ++seen;
      const std::string text = read(entry.path());
      if (tree_text(text) == "does not parse") continue;
      ++parsed;
      expect_same_meaning(text, 40 + seen % 80, entry.path().string());
      if (HasFatalFailure()) return;
    }
  }
  EXPECT_GT(parsed, 1000u);
  std::printf("%zu texts, of which %zu parse\n", seen, parsed);
}

}  // namespace
}  // namespace interlock::cedar
