// Addresses in every special range, the forms that hide one inside another, and names that are resolved without blocking.
#include "net/resolver.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <thread>

namespace interlock::net {
namespace {

struct Case {
  const char* address;
  AddressKind kind;
};

class AddressKinds : public ::testing::TestWithParam<Case> {};
TEST_P(AddressKinds, AreThoseOfTheRegistries) {
  const auto address = parse_address(GetParam().address);
  ASSERT_TRUE(address) << GetParam().address;
  EXPECT_EQ(address_kind_name(address_kind(*address)), address_kind_name(GetParam().kind)) << GetParam().address;
}
using enum AddressKind;
INSTANTIATE_TEST_SUITE_P(
    All, AddressKinds,
    ::testing::Values(
        // IPv4, the edges of each range from both sides
        Case{"1.1.1.1", kPublic}, Case{"9.255.255.255", kPublic}, Case{"10.0.0.0", kPrivate}, Case{"10.255.255.255", kPrivate},
        Case{"11.0.0.0", kPublic}, Case{"100.63.255.255", kPublic}, Case{"100.64.0.0", kPrivate}, Case{"100.127.255.255", kPrivate},
        Case{"100.128.0.0", kPublic}, Case{"100.100.100.200", kMetadata}, Case{"126.255.255.255", kPublic}, Case{"127.0.0.1", kLoopback},
        Case{"127.255.255.254", kLoopback}, Case{"128.0.0.0", kPublic}, Case{"168.63.129.16", kMetadata}, Case{"168.63.129.17", kPublic},
        Case{"169.253.255.255", kPublic}, Case{"169.254.0.1", kLinkLocal}, Case{"169.254.169.254", kMetadata},
        Case{"169.254.170.2", kMetadata}, Case{"169.255.0.0", kPublic}, Case{"172.15.255.255", kPublic}, Case{"172.16.0.0", kPrivate},
        Case{"172.31.255.255", kPrivate}, Case{"172.32.0.0", kPublic}, Case{"192.0.0.1", kReserved}, Case{"192.0.0.192", kMetadata},
        Case{"192.0.1.0", kPublic}, Case{"192.0.2.1", kReserved}, Case{"192.88.99.1", kReserved}, Case{"192.167.255.255", kPublic},
        Case{"192.168.0.1", kPrivate}, Case{"192.169.0.0", kPublic}, Case{"198.17.255.255", kPublic}, Case{"198.18.0.1", kReserved},
        Case{"198.19.255.255", kReserved}, Case{"198.20.0.0", kPublic}, Case{"198.51.100.7", kReserved}, Case{"203.0.113.7", kReserved},
        Case{"223.255.255.255", kPublic}, Case{"224.0.0.1", kMulticast}, Case{"239.255.255.255", kMulticast}, Case{"240.0.0.1", kReserved},
        Case{"255.255.255.255", kReserved}, Case{"0.0.0.0", kReserved}, Case{"0.1.2.3", kReserved},
        // IPv6
        Case{"::", kReserved}, Case{"::1", kLoopback}, Case{"fe80::1", kLinkLocal}, Case{"febf::1", kLinkLocal}, Case{"fec0::1", kPrivate},
        Case{"fc00::1", kPrivate}, Case{"fdff::1", kPrivate}, Case{"fd00:ec2::254", kMetadata}, Case{"fd00:ec2::23", kMetadata},
        Case{"fd20:ce::254", kMetadata}, Case{"fe80::a9fe:a9fe", kMetadata}, Case{"ff02::1", kMulticast}, Case{"2001:db8::1", kReserved},
        Case{"3fff::1", kReserved}, Case{"2001:4860:4860::8888", kPublic}, Case{"2606:4700::1111", kPublic}, Case{"100::1", kReserved},
        Case{"4000::1", kReserved}, Case{"2001:2::1", kReserved}, Case{"64:ff9b:1::1", kReserved},
        // IPv4 inside IPv6 is what is inside
        Case{"::ffff:127.0.0.1", kLoopback}, Case{"::ffff:8.8.8.8", kPublic}, Case{"::ffff:169.254.169.254", kMetadata},
        Case{"::ffff:10.0.0.1", kPrivate}, Case{"::7f00:1", kLoopback}, Case{"::ffff:0:10.0.0.1", kPrivate},
        Case{"64:ff9b::a00:1", kPrivate}, Case{"64:ff9b::8.8.8.8", kPublic}, Case{"64:ff9b::169.254.169.254", kMetadata},
        Case{"2002:7f00:1::", kLoopback}, Case{"2002:a9fe:a9fe::1", kMetadata}, Case{"2002:808:808::1", kPublic},
        Case{"2001:0:808:808::80ff:fefe", kLoopback}, Case{"2001:0:808:808::f7f7:f7f7", kReserved}));

TEST(Addresses, AreReadInTheirUsualFormAlone) {
  for (const char* wrong : {"",           "1",       "1.2.3",     "1.2.3.4.5", "01.2.3.4",     "1.2.3.04", "0x7f.0.0.1", "0177.0.0.1",
                            "2130706433", "127.1",   "1.2.3.256", " 1.2.3.4",  "1.2.3.4 ",     "1.2.3.-4", "::1%lo",     "fe80::1%1",
                            ":::",        "1::2::3", "12345::",   "[::1]",     "::ffff:1.2.3", "g::1",     "1.2.3.4/8"}) {
    EXPECT_FALSE(parse_address(wrong)) << wrong;
  }
  EXPECT_FALSE(parse_address(std::string_view("1.2.3.4\0", 8)));
  EXPECT_EQ(address_text(*parse_address("2001:DB8:0:0::1")), "2001:db8::1");
}

TEST(AddressRanges, HoldWhatTheirPrefixHolds) {
  const auto range = parse_address_range("10.16.0.0/12");
  ASSERT_TRUE(range);
  EXPECT_TRUE(range->contains(*parse_address("10.31.255.255")));
  EXPECT_FALSE(range->contains(*parse_address("10.32.0.0")));
  EXPECT_FALSE(range->contains(*parse_address("::ffff:10.16.0.1")));
  EXPECT_TRUE(parse_address_range("10.1.2.3")->contains(*parse_address("10.1.2.3")));
  EXPECT_TRUE(parse_address_range("0.0.0.0/0")->contains(*parse_address("8.8.8.8")));
  EXPECT_TRUE(parse_address_range("fd00::/8")->contains(*parse_address("fdab::1")));
  for (const char* wrong :
       {"10.0.0.0/33", "10.0.0.0/", "10.0.0.0/08", "10.0.0.0/-1", "10.0.0.0/8/8", "10.0.0.1/8", "fd00::/129", "/8", "a/8"})
    EXPECT_FALSE(parse_address_range(wrong)) << wrong;
}

using Answer = Result<std::vector<Address>>;

Answer resolve(Loop& loop, Resolver& resolver, const std::string& host) {
  std::optional<Answer> answer;
  resolver.resolve(host, [&](Answer given) { answer = std::move(given); });
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!answer && std::chrono::steady_clock::now() < give_up) {
    loop.poll();
    std::this_thread::yield();
  }
  return answer ? std::move(*answer) : fail(ErrorCode::kTimeout, "the resolver never answered");
}

TEST(Resolving, AnswersAddressesAtOnceAndNamesLater) {
  Loop loop;
  Resolver resolver(loop);
  bool at_once = false;
  resolver.resolve("[::1]", [&](Answer answer) { at_once = answer && answer->front() == *parse_address("::1"); });
  EXPECT_TRUE(at_once);
  const auto local = resolve(loop, resolver, "localhost");
  ASSERT_TRUE(local) << local.error().text();
  for (const auto& address : *local) EXPECT_EQ(address_kind(address), AddressKind::kLoopback) << address_text(address);
  bool remembered = false;
  resolver.resolve("localhost", [&](Answer answer) { remembered = answer.has_value(); });
  EXPECT_TRUE(remembered);
}

TEST(Resolving, RefusesWhatOthersReadAsAnAddress) {
  Loop loop;
  Resolver resolver(loop);
  for (const char* odd :
       {"2130706433", "0x7f000001", "0177.0.0.1", "127.1", "1.2.3.4.", "a b", "a..b", ".a", "-a", "", "a/b", "a@b", "a:80", "x.0x7f"}) {
    std::optional<ErrorCode> code;
    resolver.resolve(odd, [&](Answer answer) { code = answer ? std::optional<ErrorCode>{} : answer.error().code; });
    EXPECT_EQ(code, ErrorCode::kInvalid) << odd;
  }
}

TEST(Resolving, TellsANameThatIsNotThereAndAsksOnceForMany) {
  Loop loop;
  Resolver resolver(loop);
  int answers = 0;
  for (int i = 0; i < 20; ++i) resolver.resolve("nothing.invalid", [&](Answer answer) { answers += answer ? 100 : 1; });
  const auto last = resolve(loop, resolver, "nothing.invalid");
  EXPECT_FALSE(last);
  EXPECT_EQ(answers, 20);
}

TEST(Resolving, CallsNobodyOnceItIsGone) {
  Loop loop;
  bool called = false;
  {
    Resolver resolver(loop);
    resolver.resolve("localhost", [&](Answer) { called = true; });
  }
  loop.poll();
  EXPECT_FALSE(called);
}

}  // namespace
}  // namespace interlock::net
