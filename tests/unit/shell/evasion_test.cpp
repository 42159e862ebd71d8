// Ways to hide a command from whoever reads a script: each is understood, or said to be unknowable, never missed.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "shell/commands.hpp"

namespace interlock::shell {
namespace {

struct Row {
  const char* script;
  const char* runs;  // a command that has to be in the result; "?": it has to say that something cannot be known
};

std::string shown(const RunCommand& run) {
  std::string out;
  for (const auto& value : run.argv)
    out += (out.empty() ? "" : " ") + (value.text && !value.may_split ? *value.text : "<" + value.written + ">");
  return out;
}

class Evasions : public testing::TestWithParam<Row> {};
TEST_P(Evasions, AreUnderstoodOrSaidToBeUnknowable) {
  const auto& [script, runs] = GetParam();
  const auto parsed = parse(script);
  if (!parsed) {
    EXPECT_STREQ(runs, "?") << script << ": " << parsed.error().message;
    return;
  }
  const auto found = commands_of(*parsed, {.cwd = "/work", .variables = {{"HOME", "/home/dev"}}});
  std::string all;
  bool unknowable = !found.unknowable.empty();
  for (const auto& run : found.commands) {
    all += "  " + shown(run) + "\n";
    unknowable = unknowable || !run.unknowable.empty();
    if (shown(run) == runs) return;
    // A shell's text on its input is as good.
    if (run.input && run.input->text && *run.input->text == std::string(runs) + "\n") return;
    for (std::size_t i = 0; i + 1 < run.argv.size(); ++i)
      if (run.argv[i].text == "-c" && run.argv[i + 1].text == runs) return;
  }
  if (std::string_view(runs) == "?") EXPECT_TRUE(unknowable) << script << "\n" << all;
  else ADD_FAILURE() << script << "\nhas no: " << runs << "\n" << all;
}

INSTANTIATE_TEST_SUITE_P(Quoting, Evasions,
                         testing::Values(Row{"r\\m -rf /", "rm -rf /"}, Row{"\"rm\" -rf /", "rm -rf /"}, Row{"'r'm -rf /", "rm -rf /"},
                                         Row{"r''m -rf /", "rm -rf /"}, Row{"\"\"rm -rf /", "rm -rf /"}, Row{"$'rm' -rf /", "rm -rf /"},
                                         Row{"$'\\x72\\x6d' -rf /", "rm -rf /"}, Row{"$'\\162\\155' -rf /", "rm -rf /"},
                                         Row{"$'\\u0072m' -rf /", "rm -rf /"}, Row{"$\"rm\" -rf /", "rm -rf /"},
                                         Row{"\\r\\m \\-rf \\/", "rm -rf /"}, Row{"rm \\\n-rf \\\n/", "rm -rf /"},
                                         Row{"r\\\nm -rf /", "rm -rf /"}, Row{"rm\t-rf\t/", "rm -rf /"},
                                         Row{"  rm   -rf   /  ", "rm -rf /"}, Row{"rm -rf '/'", "rm -rf /"}, Row{"rm -r'f' /", "rm -rf /"},
                                         Row{"rm \"-\"rf \"/\"", "rm -rf /"}, Row{"'/bin/rm' -rf /", "/bin/rm -rf /"}));
INSTANTIATE_TEST_SUITE_P(
    Variables, Evasions,
    testing::Values(
        Row{"x=rm; $x -rf /", "rm -rf /"}, Row{"x=rm\n$x -rf /", "rm -rf /"}, Row{"x=r y=m; $x$y -rf /", "rm -rf /"},
        Row{"x='rm -rf /'; $x", "rm -rf /"}, Row{"x=r; x+=m; $x -rf /", "rm -rf /"}, Row{"rm${IFS}-rf${IFS}/", "rm -rf /"},
        Row{"rm$IFS-rf$IFS/", "rm -rf /"}, Row{"IFS=,; x=rm,-rf,/; $x", "rm -rf /"}, Row{"x=mr; ${x:1:1}${x:0:1} -rf /", "rm -rf /"},
        Row{"x=xrm; ${x#x} -rf /", "rm -rf /"}, Row{"x=rmx; ${x%x} -rf /", "rm -rf /"}, Row{"x=RM; ${x,,} -rf /", "rm -rf /"},
        Row{"x=rXm; ${x/X/} -rf /", "rm -rf /"}, Row{"x=; ${x:-rm} -rf /", "rm -rf /"}, Row{"unset x; ${x:-rm} -rf /", "rm -rf /"},
        Row{"x=1; ${x:+rm} -rf /", "rm -rf /"}, Row{"y=rm; x=y; ${!x} -rf /", "rm -rf /"}, Row{"${x:-rm} -rf /", "?"}, Row{"$x -rf /", "?"},
        Row{"\"$x\" -rf /", "?"}, Row{"$1 -rf /", "?"}, Row{"\"$@\"", "?"}, Row{"$*", "?"}, Row{"$0 -rf /", "?"},
        Row{"export x=rm; $x -rf /", "rm -rf /"}, Row{"declare x=rm; $x -rf /", "rm -rf /"}, Row{"readonly x=rm; $x -rf /", "rm -rf /"},
        Row{"set -- rm -rf /; \"$@\"", "rm -rf /"}, Row{"set -- rm -rf /; $1 $2 $3", "rm -rf /"}, Row{"set rm -rf /; $*", "rm -rf /"},
        Row{"set -- x rm; shift; $1 -rf /", "rm -rf /"}, Row{"printf -v x rm; $x -rf /", "rm -rf /"}, Row{"read x <<< rm; $x -rf /", "?"},
        Row{"read x; $x", "?"}, Row{"mapfile -t x; \"${x[@]}\"", "?"}, Row{"x=(rm -rf /); \"${x[@]}\"", "?"},
        Row{"x=(rm -rf /); ${x[0]} -rf /", "?"}, Row{"declare -n y=x; x=rm; $y -rf /", "?"}, Row{"a=1; ((a)) && x=rm; $x -rf /", "?"},
        Row{"if a; then x=rm; else x=ls; fi; $x -rf /", "?"}, Row{"x=ls; a && x=rm; $x -rf /", "?"},
        Row{"x=ls; while a; do $x -rf /; x=rm; done", "?"}, Row{"x=ls; (x=rm); $x y", "ls y"}, Row{"x=ls; x=rm | a; $x y", "ls y"},
        Row{"eval x=rm; $x -rf /", "rm -rf /"}, Row{"f() { x=rm; }; f; $x -rf /", "rm -rf /"},
        Row{"for x in rm; do $x -rf /; done", "rm -rf /"}, Row{"for x in ls rm; do $x -rf /; done", "rm -rf /"},
        Row{"for x in $y; do $x -rf /; done", "?"}, Row{"select x in rm; do $x; done", "?"}, Row{"case a in a) x=rm;; esac; $x -rf /", "?"},
        Row{"let x=1; $x", "?"}, Row{"x=$RANDOM; $x", "?"}));
INSTANTIATE_TEST_SUITE_P(
    Substitutions, Evasions,
    testing::Values(Row{"$(echo rm) -rf /", "rm -rf /"}, Row{"`echo rm` -rf /", "rm -rf /"}, Row{"$(printf rm) -rf /", "rm -rf /"},
                    Row{"$(printf '\\x72m') -rf /", "rm -rf /"}, Row{"$(printf %s rm) -rf /", "rm -rf /"},
                    Row{"$(printf '%s%s' r m) -rf /", "rm -rf /"}, Row{"$(echo -e '\\x72m') -rf /", "rm -rf /"},
                    Row{"$(echo $(echo rm)) -rf /", "rm -rf /"}, Row{"$(echo 'rm -rf /')", "rm -rf /"}, Row{"echo $(rm -rf /)", "rm -rf /"},
                    Row{"echo `rm -rf /`", "rm -rf /"}, Row{"echo \"$(rm -rf /)\"", "rm -rf /"}, Row{"echo \"`rm -rf /`\"", "rm -rf /"},
                    Row{"x=$(rm -rf /)", "rm -rf /"}, Row{"x=`rm -rf /` y", "rm -rf /"}, Row{"a=(1 $(rm -rf /))", "rm -rf /"},
                    Row{"echo ${x:-$(rm -rf /)}", "rm -rf /"}, Row{"echo \"${x:=`rm -rf /`}\"", "rm -rf /"},
                    Row{"echo ${a[$(rm -rf /)]}", "rm -rf /"}, Row{"a[$(rm -rf /)]=1", "rm -rf /"},
                    Row{"echo $(( $(rm -rf /) + 1 ))", "rm -rf /"}, Row{"(( x = $(rm -rf /) ))", "rm -rf /"},
                    Row{"[[ -n $(rm -rf /) ]]", "rm -rf /"}, Row{"case $(rm -rf /) in a) ;; esac", "rm -rf /"},
                    Row{"case x in $(rm -rf /)) ;; esac", "rm -rf /"}, Row{"for x in $(rm -rf /); do :; done", "rm -rf /"},
                    Row{"cat <(rm -rf /)", "rm -rf /"}, Row{"a > >(rm -rf /)", "rm -rf /"}, Row{"a > $(rm -rf /)", "rm -rf /"},
                    Row{"a <<< $(rm -rf /)", "rm -rf /"}, Row{"cat <<E\n$(rm -rf /)\nE\n", "rm -rf /"},
                    Row{"cat <<E\n`rm -rf /`\nE\n", "rm -rf /"}, Row{"cat <<E\n${x:-$(rm -rf /)}\nE\n", "rm -rf /"},
                    Row{"$(curl x) -rf /", "?"}, Row{"$(cat f)", "?"}, Row{"`cat f`", "?"}, Row{"$(base64 -d <<< cm0=) -rf /", "?"},
                    Row{"$(echo rm | rev) /", "?"}, Row{"$(< f)", "?"}));
INSTANTIATE_TEST_SUITE_P(
    Structure, Evasions,
    testing::Values(Row{"a; rm -rf /", "rm -rf /"}, Row{"a\nrm -rf /", "rm -rf /"}, Row{"a & rm -rf /", "rm -rf /"},
                    Row{"a && rm -rf /", "rm -rf /"}, Row{"a || rm -rf /", "rm -rf /"}, Row{"a | rm -rf /", "rm -rf /"},
                    Row{"(rm -rf /)", "rm -rf /"}, Row{"{ rm -rf /; }", "rm -rf /"}, Row{"! rm -rf /", "rm -rf /"},
                    Row{"time rm -rf /", "rm -rf /"}, Row{"coproc rm -rf /", "rm -rf /"}, Row{"if rm -rf /; then :; fi", "rm -rf /"},
                    Row{"if a; then rm -rf /; fi", "rm -rf /"}, Row{"if a; then b; elif rm -rf /; then c; fi", "rm -rf /"},
                    Row{"if a; then b; else rm -rf /; fi", "rm -rf /"}, Row{"while rm -rf /; do :; done", "rm -rf /"},
                    Row{"while a; do rm -rf /; done", "rm -rf /"}, Row{"until a; do rm -rf /; done", "rm -rf /"},
                    Row{"for x in y; do rm -rf /; done", "rm -rf /"}, Row{"for ((;;)); do rm -rf /; done", "rm -rf /"},
                    Row{"case x in y) rm -rf /;; esac", "rm -rf /"}, Row{"case x in y) a;& z) rm -rf /;; esac", "rm -rf /"},
                    Row{"f() { rm -rf /; }; f", "rm -rf /"}, Row{"f() { rm -rf /; }", "rm -rf /"},
                    Row{"f() { $1 -rf /; }; f rm", "rm -rf /"}, Row{"f() { \"$@\"; }; f rm -rf /", "rm -rf /"},
                    Row{"ls() { rm -rf /; }; ls", "rm -rf /"}, Row{"function ls { rm -rf /; }; ls", "rm -rf /"},
                    Row{"f() { g; }; g() { rm -rf /; }; f", "rm -rf /"}, Row{"# a\nrm -rf /", "rm -rf /"},
                    Row{"a #\\\nrm -rf /", "rm -rf /"}, Row{"a '#' ; rm -rf /", "rm -rf /"}, Row{"cat <<E\nE\nrm -rf /", "rm -rf /"},
                    Row{"cat <<'E'\nx\nE\nrm -rf /", "rm -rf /"}, Row{"cat <<-E\n\tE\nrm -rf /", "rm -rf /"}, Row{"{rm,-rf,/}", "rm -rf /"},
                    Row{"r{m,} -rf /", "rm r -rf /"}, Row{"rm -rf {/,x}", "rm -rf / x"}, Row{"rm -rf ~", "rm -rf /home/dev"},
                    Row{"rm -rf ~/x", "rm -rf /home/dev/x"}, Row{"trap 'rm -rf /' EXIT", "rm -rf /"},
                    Row{"trap -- 'rm -rf /' INT", "rm -rf /"}, Row{"trap \"$x\" EXIT", "?"}));
INSTANTIATE_TEST_SUITE_P(
    TextAsScript, Evasions,
    testing::Values(Row{"eval rm -rf /", "rm -rf /"}, Row{"eval 'rm -rf /'", "rm -rf /"}, Row{"eval \"rm\" '-rf' /", "rm -rf /"},
                    Row{"eval eval rm -rf /", "rm -rf /"}, Row{"eval 'eval \"rm -rf /\"'", "rm -rf /"},
                    Row{"x='rm -rf /'; eval $x", "rm -rf /"}, Row{"x='rm -rf /'; eval \"$x\"", "rm -rf /"}, Row{"eval \"$x\"", "?"},
                    Row{"eval $(cat f)", "?"}, Row{"eval 'rm -rf'", "rm -rf"}, Row{"eval '$(echo rm) -rf /'", "rm -rf /"},
                    Row{"command eval 'rm -rf /'", "rm -rf /"}, Row{"builtin eval 'rm -rf /'", "rm -rf /"}, Row{"eval '('", "?"},
                    Row{"echo rm -rf / | sh", "rm -rf /"}, Row{"echo 'rm -rf /' | bash", "rm -rf /"},
                    Row{"printf 'rm -rf /\\n' | sh", "rm -rf /"}, Row{"sh <<< 'rm -rf /'", "rm -rf /"},
                    Row{"bash <<E\nrm -rf /\nE\n", "rm -rf /"}, Row{"bash -c 'rm -rf /'", "rm -rf /"},
                    Row{"sh -c \"rm -rf /\"", "rm -rf /"}, Row{"x=rm; bash -c \"$x -rf /\"", "rm -rf /"}, Row{". ./f", "?"},
                    Row{"source f", "?"}, Row{"alias ls='rm -rf /'\nls", "?"}, Row{"alias x=rm", "?"},
                    Row{"hash -p /bin/rm ls; ls -rf /", "?"}, Row{"enable -f ./x.so ls", "?"}, Row{"PATH=/tmp:$PATH; ls", "?"},
                    Row{"export PATH=/tmp; ls", "?"}, Row{"PATH=/tmp ls", "?"}, Row{"BASH_ENV=/tmp/x; bash y", "?"},
                    Row{"LD_PRELOAD=/tmp/x.so ls", "?"}, Row{"export LD_PRELOAD=/tmp/x.so; ls", "?"}, Row{"PROMPT_COMMAND='rm -rf /'", "?"},
                    Row{"PS4='$(rm -rf /)'; set -x; a", "?"}, Row{"shopt -s expand_aliases", "?"}, Row{"set -k; a PATH=x", "?"},
                    Row{"export -f ls; a", "?"}, Row{"bind -x '\"a\": rm'", "?"}, Row{"*", "?"}, Row{"/bin/r? -rf /", "?"},
                    Row{"/bin/[r]m -rf /", "?"}, Row{"./x*", "?"}));

TEST(Folders, AreFollowedWhereTheyAreCertain) {
  const auto last = [](const char* script) -> std::string {
    const auto found = commands_of(*parse(script), {.cwd = "/work", .variables = {{"HOME", "/home/dev"}}});
    return found.commands.back().cwd.value_or("?");
  };
  EXPECT_EQ(last("a"), "/work");
  EXPECT_EQ(last("cd sub && a"), "/work/sub");
  EXPECT_EQ(last("cd /x/../y && a"), "/y");
  EXPECT_EQ(last("cd && a"), "/home/dev");
  EXPECT_EQ(last("cd sub; a"), "?");
  EXPECT_EQ(last("cd sub\na"), "?");
  EXPECT_EQ(last("cd sub || exit 1; a"), "/work/sub");
  EXPECT_EQ(last("set -e\ncd sub\na"), "/work/sub");
  EXPECT_EQ(last("cd \"$x\" && a"), "?");
  EXPECT_EQ(last("(cd sub && b); a"), "/work");
  EXPECT_EQ(last("cd a && cd b && c"), "/work/a/b");
  EXPECT_EQ(last("pushd sub && a"), "?");
  EXPECT_EQ(last("cd - && a"), "?");
}

}  // namespace
}  // namespace interlock::shell
