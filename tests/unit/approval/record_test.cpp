// The digest binds every field, the states follow their table, and a record comes back as it was written.
#include "approval/record.hpp"

#include <functional>
#include <set>

#include "parts.hpp"

namespace interlock::approval {
namespace {

TEST(ActionDigest, ChangesWithEachBoundField) {
  const json::value arguments = json::object{{"path", "/work/a"}, {"n", 1}};
  BoundAct act;
  act.subject = "s";
  act.task = "t";
  act.server = "files";
  act.operation = "tools/call";
  act.target = "write";
  act.action = "files/write";
  act.resource = "File::\"/work/a\"";
  act.arguments = &arguments;
  act.policy_revision = "r1";
  act.expires_ms = 5;
  const json::value other[] = {json::object{{"path", "/work/b"}, {"n", 1}},
                               json::object{{"path", "/work/a"}, {"n", 1.5}},
                               json::object{{"path", "/work/a"}, {"n", "1"}},
                               json::object{{"path", "/work/a"}},
                               json::object{{"path", "/work/a"}, {"n", 1}, {"m", nullptr}},
                               json::value()};
  const std::function<void(BoundAct&)> changes[] = {
      [](BoundAct& a) { a.subject = "s2"; },
      [](BoundAct& a) { a.task = "t2"; },
      [](BoundAct& a) { a.server = "files2"; },
      [](BoundAct& a) { a.operation = "resources/read"; },
      [](BoundAct& a) { a.target = "delete"; },
      [](BoundAct& a) { a.action = "files/delete"; },
      [](BoundAct& a) { a.resource = "File::\"/work/b\""; },
      [](BoundAct& a) { a.policy_revision = "r2"; },
      [](BoundAct& a) { a.expires_ms = 6; },
      // Text moved from one field to its neighbour is another act.
      [](BoundAct& a) { a.subject = "st", a.task = ""; },
      [](BoundAct& a) { a.subject = "s\",\"task\":\"t"; },
      [&](BoundAct& a) { a.arguments = &other[0]; },
      [&](BoundAct& a) { a.arguments = &other[1]; },
      [&](BoundAct& a) { a.arguments = &other[2]; },
      [&](BoundAct& a) { a.arguments = &other[3]; },
      [&](BoundAct& a) { a.arguments = &other[4]; },
      [&](BoundAct& a) { a.arguments = &other[5]; },
  };
  const auto digest = action_digest(act);
  EXPECT_EQ(digest.size(), 64U);
  EXPECT_EQ(action_digest(act), digest);
  std::set<std::string> seen = {digest};
  for (const auto& change : changes) {
    BoundAct changed = act;
    change(changed);
    EXPECT_TRUE(seen.insert(action_digest(changed)).second) << seen.size();
  }
  const json::value reordered = json::object{{"n", 1}, {"path", "/work/a"}};
  act.arguments = &reordered;
  EXPECT_EQ(action_digest(act), digest);  // the order of members means nothing
}

TEST(ApprovalState, FollowsItsTable) {
  using enum ApprovalState;
  const ApprovalState all[] = {kPending, kApproved, kConsumed, kDenied, kExpired, kWithdrawn, kLapsed};
  const std::set<std::pair<ApprovalState, ApprovalState>> allowed = {
      {kPending, kApproved},  {kPending, kDenied},   {kPending, kExpired},    {kPending, kWithdrawn}, {kPending, kLapsed},
      {kApproved, kConsumed}, {kApproved, kExpired}, {kApproved, kWithdrawn}, {kApproved, kLapsed}};
  for (auto from : all) {
    EXPECT_EQ(is_open(from), from == kPending || from == kApproved);
    EXPECT_EQ(state_from_name(state_name(from)), from);
    for (auto to : all) EXPECT_EQ(may_follow(from, to), allowed.contains({from, to})) << state_name(from) << " to " << state_name(to);
  }
  EXPECT_FALSE(state_from_name("Approved"));
  EXPECT_FALSE(state_from_name(""));
}

TEST(Record, ComesBackAsItWasWritten) {
  Approval approval;
  approval.id = "k7m3xp";
  approval.request = an_act("a\"\n\x1b");
  approval.request.client_pid = 7;
  approval.requested_ms = kStart_ms;
  approval.state = ApprovalState::kConsumed;
  approval.holder = {4711, 123456789012345ULL};
  approval.place = "boot/pid:[1]";
  approval.client = {7, 9};
  approval.decided_ms = kStart_ms + 5;
  approval.channel = Channel::kAdminSocket;
  approval.approver = "alice (uid 1000, pid 4711 interlock)";
  approval.decision_reason = "fine";
  const auto text = json::write(to_json(approval));
  const auto again = approval_from_json(*json::parse(text));
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ(json::write(to_json(*again)), text);
  EXPECT_EQ(again->holder, approval.holder);
  EXPECT_EQ(again->request.digest, approval.request.digest);
}

TEST(Record, RefusesWhatIsDamaged) {
  Approval approval;
  approval.id = "k7m3xp";
  approval.request = an_act();
  const auto good = to_json(approval);
  ASSERT_TRUE(approval_from_json(good));
  const std::pair<const char*, json::value> damage[] = {
      {"v", 2},         {"v", nullptr},     {"id", "K7M3XP"}, {"id", "k7m3x"},       {"id", 5},
      {"state", "yes"}, {"state", nullptr}, {"state", ""},    {"requested_ms", "0"}, {"expires_ms", nullptr}};
  for (const auto& [key, value] : damage) {
    auto bad = good;
    bad[key] = value;
    EXPECT_FALSE(approval_from_json(bad)) << key << " " << json::write(value);
  }
  for (const char* text : {"null", "[]", "{}", "\"approved\"", "1"}) EXPECT_FALSE(approval_from_json(*json::parse(text))) << text;
  // What only people read may be of any kind; what cannot be known is taken for the worst.
  auto odd = good;
  odd["band"] = 99;
  odd["policies"] = json::array{1, "p"};
  odd["holder"] = "me";
  const auto read = approval_from_json(odd);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->request.band, model::Band::kCritical);
  EXPECT_FALSE(read->holder.known());
}

TEST(Ids, AreReadAsPeopleTypeThem) {
  EXPECT_EQ(normalize_id("k7m3xp"), "k7m3xp");
  EXPECT_EQ(normalize_id(" K7M3XP\n"), "k7m3xp");
  EXPECT_EQ(normalize_id("OIL012"), "011012");
  for (const char* bad : {"", "k7m3x", "k7m3xpp", "k7m3xu", "k7m3 p", "k7m3x-", "k7m3x\x80", "......"})
    EXPECT_EQ(normalize_id(bad), "") << bad;
}

}  // namespace
}  // namespace interlock::approval
