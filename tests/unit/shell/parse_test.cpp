// What is a script, what is none, and how its parts are bound.
#include <gtest/gtest.h>

#include <string>

#include "shell/syntax.hpp"

namespace interlock::shell {
namespace {

class Taken : public testing::TestWithParam<const char*> {};
TEST_P(Taken, IsAScript) {
  const auto parsed = parse(GetParam());
  EXPECT_TRUE(parsed.has_value()) << GetParam() << "\n" << (parsed ? "" : parsed.error().message);
}
INSTANTIATE_TEST_SUITE_P(
    Scripts, Taken,
    testing::Values("", "\n\n", "# a comment", "a", "a # b", "a; b", "a & b", "a && b || c", "! a", "time a", "time -p a | b", "a |& b",
                    "a\\\nb", "a 'b c' \"d $e\" $'f\\n' $\"g\"", "a=1", "a=1 b=2 c", "a+=1", "a[1]=2", "a=(b c)", "a=(\nb # c\nd\n)",
                    "declare -a x=(1 2)", "> f", "a > f 2>&1 < g >> h", "a &> f", "a &>> f", "a >& f", "a <> f", "a >| f", "a {fd}> f",
                    "a 3<&-", "a <<< b", "cat <<E\nx $y\nE\n", "cat <<'E'\n$(\nE\n", "cat <<-E\n\tx\n\tE\n", "cat <<A <<B\n1\nA\n2\nB\n",
                    "a <<E && b\nx\nE\n", "(a)", "( a; b ) > f", "{ a; }", "{ a; } | { b; }", "if a; then b; fi",
                    "if a; then b; elif c; then d; else e; fi", "while a; do b; done", "until a; do b; done < f",
                    "for x in a b; do c; done", "for x; do c; done", "for x in; do c; done", "for ((i=0; i<3; i++)); do a; done",
                    "for ((;;)) { a; }", "select x in a; do b; done", "case x in a) b;; esac", "case x in (a|b) c;& d) e;;& *) f; esac",
                    "case x in esac", "f() { a; }", "f () ( a )", "function f { a; }", "function f() { a; }", "f() if a; then b; fi",
                    "[[ -f a && b == c* ]]", "[[ a =~ (b|c)+ ]]", "[[ ! ( a < b ) ]]", "((x = 1 + 2))", "coproc a", "coproc N { a; }",
                    "echo $(a $(b) `c \\`d\\``)", "echo ${a:-b} ${a#b} ${a//b/c} ${#a} ${!a} ${a[@]} ${a:1:2} ${a^^} ${a@Q}",
                    "echo $((1 + $x))", "echo $((a) )", "diff <(a) <(b)", "a > >(b)", "echo {a,b}{1..3}", "echo ~ ~/x",
                    "a=$(cat <<E\nx\nE\n)", "echo \"$(echo \"a\")\"", "echo \"${a:-\"b\"}\"", "if [ a ]; then :; fi", "echo if then fi",
                    "a;\nb", "echo @(a|b)", "x=$'a\\'b'", "echo $", "echo a$", "echo \"$\""));

class Refused : public testing::TestWithParam<const char*> {};
TEST_P(Refused, IsNone) {
  const auto parsed = parse(GetParam());
  ASSERT_FALSE(parsed.has_value()) << GetParam();
  EXPECT_TRUE(parsed.error().message.starts_with("line ")) << parsed.error().message;
}
INSTANTIATE_TEST_SUITE_P(Scripts, Refused,
                         testing::Values("'", "\"", "`", "$(", "${", "${}", "$((", "(", "{", "( a", "{ a", "a )", "}", "if a", "if a; then",
                                         "fi", "then", "while a; do", "done", "for", "for x in a", "case", "case x in a)", "esac", "a &&",
                                         "a ||", "a |", "&& a", "| a", ";", ";;", "a >", "a <<", "a <<<", "f()", "function", "[[ a",
                                         "a ( b", "a=(b", "()", "${a%%", "a & && b", "cat <<$(x)\n"));

TEST(Refusals, BytesThatNoShellShouldSee) {
  using namespace std::string_literals;
  for (const auto& text : {"a\0b"s, "a \xff"s, "\xc0\x80"s, "\xed\xa0\x80"s, "'\xf5'"s}) {
    const auto parsed = parse(text);
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.error().code, ErrorCode::kInvalid);
  }
}

TEST(Refusals, NestingHasABound) {
  const auto many = [](std::string_view open, std::string_view inside, std::string_view close) {
    std::string out;
    for (int i = 0; i < 10'000; ++i) out += open;
    out += inside;
    for (int i = 0; i < 10'000; ++i) out += close;
    return out;
  };
  for (const auto& text : {many("( ", "a", ")"), many("{ ", "a;", " };"), many("$(", "a", ")"), many("\"$(", "a", ")\""),
                           many("${a:-", "b", "}"), many("if a; then ", "b;", " fi;"), many("<(", "a", ")"), many("$((", "1", "))"),
                           many("f() { ", "a;", " };"), many("while ", "a;", " do b; done;"), many("a=(", "b", ")")}) {
    const auto parsed = parse(text);
    ASSERT_FALSE(parsed.has_value()) << text.substr(0, 20);
  }
  EXPECT_EQ(parse(many("( ", "a", ")")).error().code, ErrorCode::kTooLarge);
  EXPECT_EQ(parse(many("$(", "a", ")")).error().code, ErrorCode::kTooLarge);
}

TEST(Refusals, LengthAndCountHaveABound) {
  EXPECT_EQ(parse(std::string(2 << 20, 'a')).error().code, ErrorCode::kTooLarge);
  std::string many;
  for (int i = 0; i < 70'000; ++i) many += "a\n";
  EXPECT_EQ(parse(many).error().code, ErrorCode::kTooLarge);
}

TEST(LongLines, AMegabyteIsReadOnce) {
  const std::size_t size = (std::size_t{1} << 20) - 16;
  for (const char* part : {"a ", "\"a\" ", "$a ", "a\\ ", "{a,b}", "'a'", "((", "`a` ", "a=(b) ", "#"}) {
    std::string text = "echo ";
    while (text.size() + 16 < size) text += part;
    (void)parse(text);  // taken or not: it ends
  }
}

const Command& only(const Script& script) { return script.items.at(0).pipeline.commands.at(0); }

TEST(Binding, ARedirectionBelongsToItsCommand) {
  const auto script = parse("a && b > f | c 2>&1; d >g >h");
  ASSERT_TRUE(script);
  ASSERT_EQ(script->items.size(), 3U);
  EXPECT_TRUE(script->items[0].pipeline.commands[0].simple.redirections.empty());
  EXPECT_EQ(script->items[1].pipeline.commands[0].simple.redirections.size(), 1U);
  EXPECT_EQ(script->items[1].pipeline.commands[1].simple.redirections[0].descriptor, 2);
  EXPECT_EQ(script->items[2].pipeline.commands[0].simple.redirections.size(), 2U);
}
TEST(Binding, ANumberIsADescriptorOnlyWhereItTouchesTheOperator) {
  EXPECT_EQ(only(*parse("echo 2 >f")).simple.words.size(), 2U);
  EXPECT_EQ(only(*parse("echo 2>f")).simple.words.size(), 1U);
  EXPECT_EQ(only(*parse("echo a2>f")).simple.words.size(), 2U);
}
TEST(Binding, ACompoundHasItsOwn) {
  const auto script = parse("while a; do b; done < in > out");
  EXPECT_EQ(only(*script).redirections.size(), 2U);
  EXPECT_EQ(only(*script).kind, Command::Kind::kWhile);
}
TEST(Binding, HereDocumentsAreReadInTheirOrder) {
  const auto script = parse("cat <<A; cat <<'B'\none $x\nA\ntwo $x\nB\n");
  ASSERT_TRUE(script);
  const auto& first = script->items[0].pipeline.commands[0].simple.redirections[0];
  const auto& second = script->items[1].pipeline.commands[0].simple.redirections[0];
  ASSERT_EQ(first.body->pieces.size(), 3U);
  EXPECT_EQ(first.body->pieces[1].kind, Piece::Kind::kParameter);
  EXPECT_EQ(second.body->literal(), "two $x\n");
}
TEST(Binding, ReservedWordsAreReservedInTheirPlaceAlone) {
  EXPECT_EQ(only(*parse("echo if while done")).simple.words.size(), 4U);
  EXPECT_EQ(only(*parse("'if' a")).kind, Command::Kind::kSimple);
  EXPECT_EQ(only(*parse("\\if a")).kind, Command::Kind::kSimple);
  EXPECT_EQ(only(*parse("if=1")).simple.assignments.size(), 1U);
}
TEST(Binding, AnAmpersandWithAFileIsBothOutputs) {
  EXPECT_EQ(only(*parse("a >& f")).simple.redirections[0].kind, Redirection::Kind::kWrite);
  EXPECT_EQ(only(*parse("a >&2")).simple.redirections[0].kind, Redirection::Kind::kDuplicate);
  EXPECT_EQ(only(*parse("a &>> f")).simple.redirections[0].kind, Redirection::Kind::kAppend);
}

}  // namespace
}  // namespace interlock::shell
