// The broker's settings and plans. What it does at a real server is shown by tests/leases.
#include "credential/postgres_broker.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>

#include "broker_world.hpp"

namespace interlock::credential {
namespace {

using testing::object;
using testing::with;
using testing::without;
using World = testing::BrokerWorld;

const json::object kShop = object(R"({"host":"127.0.0.1","port":5432,"database":"shop","user":"gate","password_secret":"pg/admin",
    "grants":[{"tables":["public.orders"],"verbs":["select","insert"]}]})");

TEST(PostgresBroker, RefusesSettingsWithTheKeyThatIsWrong) {
  World world;
  ASSERT_TRUE(make_postgres_broker(world.parts, "db", kShop));
  for (const auto* key : {"host", "database", "user", "password_secret", "grants"}) {
    const auto broker = make_postgres_broker(world.parts, "db", without(kShop, key));
    ASSERT_FALSE(broker) << key;
    EXPECT_NE(broker.error().message.find("`" + std::string(key) + "`"), std::string::npos) << broker.error().text();
    EXPECT_FALSE(broker.error().hint.empty());
  }
  struct Case {
    std::string_view key;
    json::value value;
  };
  for (const auto& [key, value] : std::initializer_list<Case>{
           {"port", 0}, {"port", "5432"}, {"tls", "prefer"}, {"connection_limit", 0}, {"allow_public_grants", "yes"}, {"tables", "x"}})
    EXPECT_FALSE(make_postgres_broker(world.parts, "db", with(kShop, key, value))) << key;
}

TEST(PostgresBroker, LeavesTlsOutOnThisMachineAlone) {
  World world;
  EXPECT_FALSE(make_postgres_broker(world.parts, "db", with(with(kShop, "host", "db.example"), "tls", "off")));
  EXPECT_TRUE(make_postgres_broker(world.parts, "db", with(kShop, "host", "db.example")));
  EXPECT_TRUE(make_postgres_broker(world.parts, "db", with(kShop, "tls", "off")));
  EXPECT_TRUE(make_postgres_broker(world.parts, "db", without(with(kShop, "host", "/run/postgresql"), "password_secret")));
}

TEST(PostgresBroker, PlansAllThatRevocationNeeds) {
  World world;
  const auto broker = make_postgres_broker(world.parts, "db", kShop).value();
  model::Classification read;
  read.effects = {model::Effect::kRead};
  const auto plan = broker->plan(world.order(&read));
  ASSERT_TRUE(plan);
  EXPECT_EQ(json::string_at(plan->handle, "role"), "interlock_lease_1");
  EXPECT_EQ(json::string_at(plan->handle, "database"), "shop");
  EXPECT_TRUE(json::string_at(plan->handle, "session")->starts_with("interlock "));
  EXPECT_EQ(plan->grant, "public.orders: select");
  EXPECT_EQ(plan->expires_ms, world.clock.now_ms() + 60'500);
}

TEST(PostgresBroker, RevokesNoRoleThatIsNotOurs) {
  World world;
  const auto broker = make_postgres_broker(world.parts, "db", kShop).value();
  const auto handle = object(R"({"role":"postgres","database":"shop"})");
  Status end;
  bool ended = false;
  broker->revoke({.lease = "l", .handle = handle, .revocation = {}}, [&](Status status) { end = std::move(status), ended = true; });
  EXPECT_FALSE(ended);
  while (!ended) world.loop.poll();
  EXPECT_FALSE(end);
}

TEST(PostgresBroker, SaysThatAServerIsNotThere) {
  World world;
  ASSERT_TRUE(world.vault.set("pg/admin", Secret("pw"), "", {}, "test"));
  // Bound and not listening: nobody else can take the port meanwhile.
  const int held = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(held, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::getsockname(held, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const auto broker = make_postgres_broker(world.parts, "db", with(kShop, "port", ntohs(address.sin_port))).value();
  const auto order = world.order();
  const auto plan = broker->plan(order).value();
  std::optional<Error> trouble;
  broker->mint(order, plan, [&](Result<Minted> minted) { trouble = minted ? Error{} : minted.error(); });
  EXPECT_FALSE(trouble);
  while (!trouble) world.loop.poll();
  EXPECT_EQ(trouble->code, ErrorCode::kUnavailable);
  EXPECT_EQ(trouble->text().find("pw"), std::string::npos);
  ::close(held);
}

}  // namespace
}  // namespace interlock::credential
