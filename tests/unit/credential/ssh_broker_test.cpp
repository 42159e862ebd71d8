#include "credential/ssh_broker.hpp"

#include <optional>

#include "broker_world.hpp"
#include "credential/ssh_key.hpp"

namespace interlock::credential {
namespace {

using testing::object;
using testing::with;
using World = testing::BrokerWorld;

const json::object kShip = object(R"({"ca_secret":"ssh/ca","principals":["deploy"],"force_command":"uptime"})");

TEST(SshBroker, RefusesSettingsWithTheKeyThatIsWrong) {
  World world;
  ASSERT_TRUE(make_ssh_broker(world.parts, "ship", kShip));
  struct Case {
    std::string_view key;
    json::value value;
  };
  for (const auto& [key, value] : std::initializer_list<Case>{{"ca_secret", ""},
                                                              {"principals", json::array{}},
                                                              {"principals", json::array{"a\nb"}},
                                                              {"force_command", ""},
                                                              {"force_command", "a\nb"},
                                                              {"any_command", true},
                                                              {"source_addresses", json::array{"10.0.0.0/33"}},
                                                              {"source_addresses", json::array{"10.0.0.0/8,0.0.0.0/0"}},
                                                              {"extensions", json::array{"permit-all"}},
                                                              {"krl", "relative.krl"},
                                                              {"krl", "/no/such/folder/krl"},
                                                              {"command", "x"}}) {
    const auto broker = make_ssh_broker(world.parts, "ship", with(kShip, key, value));
    ASSERT_FALSE(broker) << key;
    EXPECT_NE(broker.error().message.find("`"), std::string::npos) << broker.error().text();
  }
}

TEST(SshBroker, RevokesOnlyWhereItKeepsAList) {
  World world;
  EXPECT_FALSE(make_ssh_broker(world.parts, "ship", kShip).value()->can_revoke());
  const auto with_list = make_ssh_broker(world.parts, "ship", with(kShip, "krl", json::value(world.folder.file("krl").c_str()))).value();
  EXPECT_TRUE(with_list->can_revoke());
  EXPECT_FALSE(world.folder.read("krl").empty()) << "sshd lets nobody in while the list is missing";
}

TEST(SshBroker, MintsWhatItPlannedAndNothingThatOutlivesIt) {
  NEEDS_SSH_KEYGEN();
  World world;
  ASSERT_TRUE(world.vault.set("ssh/ca", SshKey::generate().value().private_text("ca").value(), "", {}, "test"));
  const auto broker = make_ssh_broker(world.parts, "ship", with(kShip, "krl", json::value(world.folder.file("krl").c_str()))).value();
  const auto order = world.order();
  const auto plan = broker->plan(order).value();
  EXPECT_EQ(plan.expires_ms % 1000, 0);
  EXPECT_LE(plan.expires_ms, order.expires_ms);
  std::optional<Result<Minted>> minted;
  broker->mint(order, plan, [&](Result<Minted> made) { minted = std::move(made); });
  while (!minted) world.loop.poll();
  ASSERT_TRUE(*minted) << minted->error().text();
  const auto path = world.folder.write("key-cert.pub", (*minted)->fields.find("certificate")->second.view());
  const auto serial = std::string(*json::string_at(plan.handle, "serial"));
  EXPECT_NE(testing::run("ssh-keygen -L -f " + path).said.find("Serial: " + serial + "\n"), std::string::npos);
  bool revoked = false;
  broker->revoke({.lease = order.lease, .handle = plan.handle, .revocation = {}, .minted = false},
                 [&](Status status) { revoked = status.has_value(); });
  while (!revoked) world.loop.poll();
  EXPECT_NE(testing::run("ssh-keygen -Q -f " + world.folder.file("krl") + " " + path).said.find("REVOKED"), std::string::npos);
}

}  // namespace
}  // namespace interlock::credential
