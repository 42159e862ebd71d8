// What expressions mean: each row is a condition and what it must come to.
#include "cedar_fixture.hpp"

namespace interlock::cedar::testing {
namespace {

struct Row {
  const char* condition;
  const char* outcome;  // "true", "false", "error", "load": the beginning of what evaluate() says
};

class Expressions : public ::testing::TestWithParam<Row> {};

TEST_P(Expressions, ComeToWhatTheLanguageSays) {
  World world = family();
  world.context = world.arena.record({{"n", Value::integer(7)},
                                      {"s", world.arena.string("hello")},
                                      {"flag", Value::boolean(true)},
                                      {"list", world.arena.set({Value::integer(1), Value::integer(2)})}});
  std::string got = world.evaluate(GetParam().condition);
  EXPECT_TRUE(got.starts_with(GetParam().outcome)) << GetParam().condition << "\n  " << got;
}

std::string name_of(const ::testing::TestParamInfo<Row>& info) { return "row" + std::to_string(info.index); }

INSTANTIATE_TEST_SUITE_P(Booleans, Expressions,
                         ::testing::Values(Row{"true", "true"}, Row{"false", "false"}, Row{"!false", "true"}, Row{"!!true", "true"},
                                           Row{"!!!!true", "true"}, Row{"!!!!!true", "load"}, Row{"1", "error"}, Row{"\"x\"", "error"},
                                           Row{"!1", "error"}, Row{"true && true", "true"}, Row{"true && false", "false"},
                                           Row{"false || true", "true"}, Row{"false || false", "false"},
                                           Row{"true || false && false", "true"}, Row{"(true || false) && false", "false"}),
                         name_of);

INSTANTIATE_TEST_SUITE_P(ShortCircuit, Expressions,
                         ::testing::Values(Row{"false && 1 == context.missing", "false"}, Row{"true || context.missing", "true"},
                                           Row{"true && context.missing", "error"}, Row{"false || context.missing", "error"},
                                           Row{"context.missing && false", "error"}, Row{"context.missing || true", "error"},
                                           // The second operand must be a bool when it is reached, and only then.
                                           Row{"true && 1", "error"}, Row{"false || 1", "error"}, Row{"false && 1", "false"},
                                           Row{"true || 1", "true"}, Row{"1 && true", "error"}, Row{"true && true && 1", "error"},
                                           Row{"false || false || \"x\"", "error"}, Row{"(true && 1) || true", "error"},
                                           Row{"(false && 1) || true", "true"}, Row{"if true then true else context.missing", "true"},
                                           Row{"if false then context.missing else true", "true"}, Row{"if 1 then true else true", "error"},
                                           Row{"if context.missing then true else true", "error"},
                                           Row{"(if true then 1 else false) == 1", "true"},
                                           Row{"if true then if false then false else true else false", "true"}),
                         name_of);

INSTANTIATE_TEST_SUITE_P(Equality, Expressions,
                         ::testing::Values(Row{"1 == 1", "true"}, Row{"1 == 2", "false"}, Row{"1 != 2", "true"}, Row{"1 == \"1\"", "false"},
                                           Row{"1 == true", "false"}, Row{"1 != true", "true"}, Row{"[1, 2] == [2, 1, 1]", "true"},
                                           Row{"[] == {}", "false"}, Row{"{a: 1, b: 2} == {b: 2, a: 1}", "true"},
                                           Row{"{a: 1} == {a: 1, b: 2}", "false"}, Row{"[[1], [2, 3]] == [[3, 2], [1]]", "true"},
                                           Row{"principal == User::\"alice\"", "true"}, Row{"principal == User::\"bob\"", "false"},
                                           Row{"principal == Person::\"alice\"", "false"}, Row{"principal == \"alice\"", "false"},
                                           Row{"decimal(\"1.0\") == decimal(\"1.00\")", "true"}, Row{"decimal(\"1.0\") == 1", "false"},
                                           Row{"ip(\"10.0.0.1\") == ip(\"10.0.0.1/32\")", "true"},
                                           Row{"ip(\"10.0.0.1/8\") == ip(\"10.0.0.0/8\")", "false"},
                                           Row{"duration(\"1d\") == duration(\"24h\")", "true"}, Row{"1 == 1 == true", "load"},
                                           Row{"(1 == 1) == true", "true"}),
                         name_of);

INSTANTIATE_TEST_SUITE_P(
    Arithmetic, Expressions,
    ::testing::Values(Row{"1 + 2 == 3", "true"}, Row{"7 - 10 == -3", "true"}, Row{"2 * 3 + 1 == 7", "true"}, Row{"1 + 2 * 3 == 7", "true"},
                      Row{"(1 + 2) * 3 == 9", "true"}, Row{"10 - 3 - 2 == 5", "true"}, Row{"--1 == 1", "true"}, Row{"-(1) == -1", "true"},
                      Row{"-context.n == -7", "true"}, Row{"9223372036854775807 + 1 == 0", "error"},
                      Row{"-9223372036854775808 - 1 == 0", "error"}, Row{"-9223372036854775808 == -9223372036854775808", "true"},
                      Row{"-(-9223372036854775808) == 0", "error"}, Row{"--9223372036854775808 == 0", "error"},
                      Row{"9223372036854775807 * 2 == 0", "error"}, Row{"-9223372036854775808 * -1 == 0", "error"},
                      Row{"9223372036854775808 == 0", "load"}, Row{"-9223372036854775809 == 0", "load"},
                      Row{"-(9223372036854775808) == 0", "load"}, Row{"99999999999999999999999 == 0", "load"},
                      Row{"1 + \"a\" == 2", "error"}, Row{"\"a\" + \"b\" == \"ab\"", "error"}, Row{"4 / 2 == 2", "load"},
                      Row{"4 % 2 == 0", "load"}, Row{"-\"a\" == 1", "error"}, Row{"-1.foo == 1", "error"}, Row{"1 < 2", "true"},
                      Row{"2 <= 2", "true"}, Row{"3 > 4", "false"}, Row{"4 >= 4", "true"}, Row{"\"a\" < \"b\"", "error"},
                      Row{"1 < true", "error"}, Row{"1 < 2 < 3", "load"}, Row{"decimal(\"1.0\") < decimal(\"2.0\")", "error"},
                      Row{"duration(\"1s\") < duration(\"2s\")", "true"},
                      Row{"datetime(\"2024-01-01\") >= datetime(\"2023-12-31\")", "true"},
                      Row{"datetime(\"2024-01-01\") < duration(\"1s\")", "error"}, Row{"1 < duration(\"1s\")", "error"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Attributes, Expressions,
    ::testing::Values(Row{"principal.age == 30", "true"}, Row{"principal[\"age\"] == 30", "true"},
                      Row{"principal.manager.age == 50", "true"}, Row{"principal.address.city == \"Oslo\"", "true"},
                      Row{"principal.nothing == 1", "error"}, Row{"principal.manager.manager == 1", "error"},
                      Row{"User::\"nobody\".age == 1", "error"}, Row{"1.age == 1", "error"}, Row{"\"x\".age == 1", "error"},
                      Row{"{a: 1}.a == 1", "true"}, Row{"{\"a b\": 1}[\"a b\"] == 1", "true"}, Row{"{a: 1}.b == 1", "error"},
                      Row{"context.n == 7", "true"}, Row{"principal has age", "true"}, Row{"principal has \"age\"", "true"},
                      Row{"principal has nothing", "false"}, Row{"User::\"nobody\" has age", "false"}, Row{"1 has age", "error"},
                      Row{"principal has address.city", "true"}, Row{"principal has address.street", "false"},
                      Row{"principal has nothing.at.all", "false"}, Row{"principal has age.x", "error"},
                      Row{"principal has manager.age", "true"}, Row{"principal has manager.manager.age", "false"},
                      Row{"principal has principal", "false"}, Row{"principal has \"a\".b", "load"}, Row{"principal has if", "load"},
                      Row{"principal has true", "load"}, Row{"principal has a::b", "load"}, Row{"principal has (age)", "load"},
                      Row{"principal has age + 1", "load"}, Row{"principal has a[\"b\"]", "load"}, Row{"principal has __cedar", "load"},
                      Row{"principal.__cedar == 1", "load"}, Row{"principal.if == 1", "load"}, Row{"context[context.s] == 1", "load"},
                      Row{"{\"if\": 1}[\"if\"] == 1", "true"}, Row{"{if: 1} == {}", "load"}, Row{"{a: 1, a: 2} == {}", "load"},
                      Row{"{a: 1, \"a\": 2} == {}", "load"}, Row{"{a: 1,} == {\"a\": 1}", "true"},
                      Row{"{context: 1, permit: 2}.permit == 2", "true"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(Sets, Expressions,
                         ::testing::Values(Row{"[1, 2].contains(1)", "true"}, Row{"[1, 2,].contains(3)", "false"},
                                           Row{"[].contains(1)", "false"}, Row{"[1, \"a\", [2]].contains([2])", "true"},
                                           Row{"[1, 2, 3].containsAll([1, 3])", "true"}, Row{"[1].containsAll([1, 2])", "false"},
                                           Row{"[1].containsAll([])", "true"}, Row{"[1, 2].containsAny([2, 9])", "true"},
                                           Row{"[1, 2].containsAny([])", "false"}, Row{"[].isEmpty()", "true"},
                                           Row{"[1].isEmpty()", "false"}, Row{"1.contains(1)", "error"}, Row{"[1].containsAll(1)", "error"},
                                           Row{"\"abc\".contains(\"a\")", "error"}, Row{"{}.isEmpty()", "error"},
                                           Row{"[context.missing].isEmpty()", "error"}, Row{"context.list.contains(context.n - 5)", "true"},
                                           Row{"[1].contains()", "load"}, Row{"[1].contains(1, 2)", "load"}, Row{"[1].isEmpty(1)", "load"},
                                           Row{"contains([1], 1)", "load"}, Row{"[1].size()", "load"}, Row{"[,] == []", "load"},
                                           Row{"[1 2] == []", "load"}),
                         name_of);

INSTANTIATE_TEST_SUITE_P(Hierarchy, Expressions,
                         ::testing::Values(Row{"principal in Team::\"red\"", "true"}, Row{"principal in Org::\"acme\"", "true"},
                                           Row{"principal in Team::\"blue\"", "false"}, Row{"principal in principal", "true"},
                                           Row{"principal in User::\"alice\"", "true"},
                                           Row{"principal in [Team::\"blue\", Org::\"acme\"]", "true"}, Row{"principal in []", "false"},
                                           Row{"principal in [1]", "error"}, Row{"principal in [principal, 1]", "error"},
                                           Row{"principal in 1", "error"}, Row{"1 in principal", "error"}, Row{"\"a\" in [\"a\"]", "error"},
                                           Row{"User::\"nobody\" in User::\"nobody\"", "true"},
                                           Row{"User::\"nobody\" in Team::\"red\"", "false"}, Row{"action in Action::\"read\"", "true"},
                                           Row{"principal is User", "true"}, Row{"principal is Team", "false"}, Row{"1 is User", "error"},
                                           Row{"principal is User in Team::\"red\"", "true"}, Row{"principal is Team in 1", "false"},
                                           Row{"principal is User in 1", "error"}, Row{"1 is User in Team::\"red\"", "error"},
                                           Row{"principal is User::\"alice\"", "load"}, Row{"principal is \"User\"", "load"},
                                           Row{"principal is User is User", "load"}, Row{"principal in Team::\"red\" is User", "load"},
                                           Row{"principal is principal", "false"}),
                         name_of);

INSTANTIATE_TEST_SUITE_P(Tags, Expressions,
                         ::testing::Values(Row{"principal.hasTag(\"role\")", "true"}, Row{"principal.hasTag(\"x\")", "false"},
                                           Row{"principal.getTag(\"role\") == \"admin\"", "true"},
                                           Row{"principal.getTag(\"x\") == 1", "error"}, Row{"User::\"nobody\".hasTag(\"role\")", "false"},
                                           Row{"User::\"nobody\".getTag(\"role\") == 1", "error"}, Row{"principal.hasTag(1)", "error"},
                                           Row{"context.hasTag(\"x\")", "error"}, Row{"principal has role", "false"},
                                           Row{"principal.hasTag(\"age\")", "false"}),
                         name_of);

INSTANTIATE_TEST_SUITE_P(
    Like, Expressions,
    ::testing::Values(Row{"\"hello\" like \"hello\"", "true"}, Row{"\"hello\" like \"h*o\"", "true"}, Row{"\"hello\" like \"*\"", "true"},
                      Row{"\"\" like \"*\"", "true"}, Row{"\"\" like \"\"", "true"}, Row{"\"a\" like \"\"", "false"},
                      Row{"\"hello\" like \"h*l*o\"", "true"}, Row{"\"hello\" like \"h*x*o\"", "false"},
                      Row{"\"ab\" like \"ab*ab\"", "false"}, Row{"\"abab\" like \"ab*ab\"", "true"}, Row{"\"aba\" like \"ab*ba\"", "false"},
                      Row{"\"a*b\" like \"a\\*b\"", "true"}, Row{"\"axb\" like \"a\\*b\"", "false"}, Row{"\"\\n\" like \"\\n\"", "true"},
                      Row{"\"aXbXc\" like \"*X*X*\"", "true"}, Row{"\"aXc\" like \"*X*X*\"", "false"},
                      Row{"\"/work/a.txt\" like \"/work/*\"", "true"}, Row{"\"/etc/passwd\" like \"/work/*\"", "false"},
                      Row{"1 like \"*\"", "error"}, Row{"\"a\" like context.s", "load"}, Row{"\"a\" like (\"a\")", "load"},
                      Row{"\"a\" like \"a\" + \"b\"", "load"}, Row{"\"é*\" like \"\\u{e9}\\*\"", "true"},
                      Row{"\"x\" like \"\\u{2a}\"", "true"}, Row{"\"*\" == \"\\*\"", "load"},
                      Row{"\"mississippi\" like \"m*iss*ip*i\"", "true"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(Literals, Expressions,
                         ::testing::Values(Row{"\"\\x41\\u{42}\\t\\0\\'\\\"\\\\\" == \"AB\\u{9}\\u{0}'\\u{22}\\u{5c}\"", "true"},
                                           Row{"\"\\x80\" == \"\"", "load"}, Row{"\"\\u{d800}\" == \"\"", "load"},
                                           Row{"\"\\u{110000}\" == \"\"", "load"}, Row{"\"\\u{}\" == \"\"", "load"},
                                           Row{"\"\\q\" == \"\"", "load"}, Row{"\"a\nb\" == \"a\\nb\"", "true"},
                                           Row{"\"\\\n\" == \"\"", "load"}, Row{"\"a\rb\" == \"\"", "load"}, Row{"'a' == \"a\"", "load"},
                                           Row{"foo == 1", "load"}, Row{"foo.bar == 1", "load"}, Row{"A::B == 1", "load"},
                                           Row{"A::{id: \"x\"} == 1", "load"}, Row{"if::\"x\" == 1", "load"},
                                           Row{"__cedar::\"x\" == 1", "load"}, Row{"Acme::User::\"x\" == Acme::User::\"x\"", "true"},
                                           Row{"Acme :: User :: \"x\" == Acme::User::\"x\"", "true"}, Row{"principal(1) == 1", "load"},
                                           Row{"(1)(2) == 1", "load"}, Row{"foo(1) == 1", "load"}, Row{"?principal == principal", "load"},
                                           Row{"1 = 1", "load"}, Row{"true & true", "load"}, Row{"1 + if true then 1 else 2 == 2", "load"},
                                           Row{"1 + (if true then 1 else 2) == 2", "true"}, Row{"", "load"},
                                           Row{"true // comment\n", "true"}),
                         name_of);

INSTANTIATE_TEST_SUITE_P(
    Extensions, Expressions,
    ::testing::Values(
        Row{"ip(\"127.0.0.1\").isLoopback()", "true"}, Row{"ip(\"127.0.0.0/7\").isLoopback()", "false"},
        Row{"ip(\"::1\").isLoopback()", "true"}, Row{"ip(\"::1/64\").isLoopback()", "false"},
        Row{"ip(\"224.0.0.1\").isMulticast()", "true"}, Row{"ip(\"224.0.0.0/3\").isMulticast()", "false"},
        Row{"ip(\"ff00::1\").isMulticast()", "true"}, Row{"ip(\"10.1.2.3\").isInRange(ip(\"10.0.0.0/8\"))", "true"},
        Row{"ip(\"10.1.2.3/4\").isInRange(ip(\"10.0.0.0/8\"))", "false"}, Row{"ip(\"11.0.0.0\").isInRange(ip(\"10.0.0.0/8\"))", "false"},
        Row{"ip(\"1.2.3.4\").isInRange(ip(\"0.0.0.0/0\"))", "true"}, Row{"ip(\"2001:db8::1\").isInRange(ip(\"2001:db8::/33\"))", "true"},
        Row{"ip(\"::ffff:0102:0304\").isInRange(ip(\"1.2.3.4\"))", "false"}, Row{"ip(\"1.2.3.4\").isIpv4()", "true"},
        Row{"ip(\"::\").isIpv6()", "true"}, Row{"ip(\"::ffff:1.2.3.4\").isIpv6()", "error"}, Row{"ip(\"256.0.0.1\").isIpv4()", "error"},
        Row{"ip(\"01.0.0.1\").isIpv4()", "error"}, Row{"ip(\"1.2.3\").isIpv4()", "error"}, Row{"ip(\"1.2.3.4/33\").isIpv4()", "error"},
        Row{"ip(\"1.2.3.4/08\").isIpv4()", "error"}, Row{"ip(\"1.2.3.4/\").isIpv4()", "error"},
        Row{"ip(\"1:2:3:4:5:6:7:8\").isIpv6()", "true"}, Row{"ip(\"1:2:3:4:5:6:7::\").isIpv6()", "true"},
        Row{"ip(\"1:2:3:4:5:6:7::8\").isIpv6()", "error"}, Row{"ip(\"1::2::3\").isIpv6()", "error"},
        Row{"ip(\"12345::\").isIpv6()", "error"}, Row{"ip(1).isIpv4()", "error"}, Row{"ip().isIpv4()", "error"},
        Row{"ip(\"::1\", 1).isIpv4()", "error"}, Row{"ip(\"::1\").isIpv4(1)", "error"}, Row{"\"1.2.3.4\".isIpv4()", "error"},
        Row{"isIpv4(ip(\"1.2.3.4\"))", "load"}, Row{"context.ip(\"::1\")", "load"},
        Row{"decimal(\"1.5\").lessThan(decimal(\"1.51\"))", "true"}, Row{"decimal(\"-0.0001\").lessThan(decimal(\"0.0\"))", "true"},
        Row{"decimal(\"922337203685477.5807\").greaterThanOrEqual(decimal(\"-922337203685477.5808\"))", "true"},
        Row{"decimal(\"922337203685477.5808\") == 1", "error"}, Row{"decimal(\"1.00000\") == 1", "error"},
        Row{"decimal(\"1\") == 1", "error"}, Row{"decimal(\".5\") == 1", "error"}, Row{"decimal(\"1.\") == 1", "error"},
        Row{"decimal(\"1.5\").lessThan(1)", "error"}, Row{"decimal(\"+1.0\") == 1", "error"}, Row{"decimal(\"1.5\").lessThan()", "error"},
        Row{"datetime(\"2024-02-29\") == datetime(\"2024-02-29T00:00:00Z\")", "true"}, Row{"datetime(\"2023-02-29\") == 1", "error"},
        Row{"datetime(\"2024-01-01T10:00:00+0200\") == datetime(\"2024-01-01T08:00:00.000Z\")", "true"},
        Row{"datetime(\"2024-01-01T24:00:00Z\") == 1", "error"}, Row{"datetime(\"2024-01-01T10:00:00\") == 1", "error"},
        Row{"datetime(\"2024-01-01T10:00:00.5Z\") == 1", "error"}, Row{"datetime(\"2024-01-01T10:00:00+2400\") == 1", "error"},
        Row{"datetime(\"2024-01-01Z\") == 1", "error"}, Row{"datetime(\"24-01-01\") == 1", "error"},
        Row{"datetime(\"2024-01-01T10:00:00-0060\") == 1", "error"},
        Row{"datetime(\"2024-01-02\").durationSince(datetime(\"2024-01-01\")) == duration(\"1d\")", "true"},
        Row{"datetime(\"2024-01-01\").offset(duration(\"-1ms\")) == datetime(\"2023-12-31T23:59:59.999Z\")", "true"},
        Row{"datetime(\"1969-12-31T23:00:00Z\").toDate() == datetime(\"1969-12-31\")", "true"},
        Row{"datetime(\"1969-12-31T23:00:00Z\").toTime() == duration(\"23h\")", "true"},
        Row{"duration(\"1d2h3m4s5ms\").toMilliseconds() == 93784005", "true"}, Row{"duration(\"-90s\").toMinutes() == -1", "true"},
        Row{"duration(\"5ms\").toMilliseconds() == 5", "true"}, Row{"duration(\"1h1d\") == 1", "error"},
        Row{"duration(\"\") == 1", "error"}, Row{"duration(\"-\") == 1", "error"}, Row{"duration(\"1\") == 1", "error"},
        Row{"duration(\"1 s\") == 1", "error"},
        Row{"duration(\"-9223372036854775808ms\").toMilliseconds() == -9223372036854775808", "true"},
        Row{"duration(\"9223372036854775808ms\") == 1", "error"}, Row{"duration(\"106751991168d\") == 1", "error"},
        Row{"datetime(\"2024-01-01\").offset(duration(\"9223372036854775807ms\")) == 1", "error"},
        Row{"duration(\"36h\").toDays() == 1", "true"}),
    name_of);

}  // namespace
}  // namespace interlock::cedar::testing
