// SVIDs of a task: what they name, how long they live, and that openssl itself refuses a revoked one.
#include "credential/svid_broker.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "credential/static_broker.hpp"
#include "jose/token.hpp"
#include "lease_parts.hpp"
#include "spiffe/certificate.hpp"

namespace interlock::credential {
namespace {

using ::testing::HasSubstr;

class Svids : public ::testing::Test {
 protected:
  World world;  // its folder, store and sealed store
  SystemClock now;
  net::Loop loop;
  std::unique_ptr<spiffe::Authority> authority = *spiffe::Authority::open({.trust_domain = "acme.example"}, *world.sealed, now);
  Vault vault{*world.sealed, now};
  BrokerParts parts{
      .loop = &loop, .clock = &now, .vault = &vault, .sealed = world.sealed.get(), .authority = authority.get(), .state = world.folder};
  std::string task = "task_01JD";

  MintOrder order(std::int64_t life_ms = 120'000) {
    MintOrder out{.lease = "ls_1", .credential = "db", .task = task, .subject = "agent"};
    out.now_ms = now.now_ms();
    out.expires_ms = out.now_ms + life_ms;
    return out;
  }
  Result<Minted> mint(Broker& broker, const MintOrder& what) {
    auto plan = broker.plan(what);
    if (!plan) return fail(plan.error());
    std::optional<Result<Minted>> got;
    broker.mint(what, *plan, [&](Result<Minted> answer) { got = std::move(answer); });
    EXPECT_FALSE(got.has_value()) << "never inside the call";
    while (!got) loop.poll();
    return std::move(*got);
  }
  Status revoke(Broker& broker, const json::object& handle) {
    std::optional<Status> got;
    broker.revoke({.lease = "ls_1", .handle = handle, .revocation = {}}, [&](Status answer) { got = std::move(answer); });
    while (!got) loop.poll();
    return *got;
  }
  std::filesystem::path file(const std::string& name, std::string_view text) {
    const auto path = world.folder / name;
    std::ofstream(path) << text;
    return path;
  }
  // What `openssl verify -crl_check` says.
  bool verifies(const Minted& minted, std::string* said = nullptr) {
    std::string anchors;
    for (const auto& der : authority->bundle().x509_authorities) anchors += spiffe::certificate_to_pem(der);
    const auto ca = file("ca.pem", anchors);
    const auto leaf = file("leaf.pem", minted.fields.at("certificate").view());
    const auto out = world.folder / "said";
    const auto command = "openssl verify -crl_check -CAfile " + ca.string() + " -CRLfile " + (world.folder / "spiffe.crl").string() + " " +
                         leaf.string() + " > " + out.string() + " 2>&1";
    const int status = std::system(command.c_str());
    if (said != nullptr) {
      std::ostringstream text;
      text << std::ifstream(out).rdbuf();
      *said = text.str();
    }
    return status == 0;
  }
};

TEST_F(Svids, AnX509SvidNamesItsTaskAndLivesNoLongerThanItsLease) {
  auto broker = *make_svid_broker(parts, "db", {{"path", "db"}});
  const auto what = order();
  const auto minted = mint(*broker, what);
  ASSERT_TRUE(minted) << minted.error().text();
  const auto chain = spiffe::certificates_from_pem(minted->fields.at("certificate").view(), 10);
  ASSERT_TRUE(chain && chain->size() == 1U);
  EXPECT_EQ(json::string_at(minted->handle, "id"), "spiffe://acme.example/task/task_01JD/db");
  EXPECT_LE(minted->expires_ms, what.expires_ms);
  EXPECT_THAT(std::string(minted->fields.at("key").view()), HasSubstr("PRIVATE KEY"));
  EXPECT_TRUE(verifies(*minted));
}

TEST_F(Svids, OpensslRefusesARevokedOneAndTakesTheOthers) {
  auto broker = *make_svid_broker(parts, "db", {});
  const auto first = mint(*broker, order());
  const auto second = mint(*broker, order());
  ASSERT_TRUE(first && second);
  EXPECT_TRUE(verifies(*first));
  ASSERT_TRUE(revoke(*broker, first->handle));
  ASSERT_TRUE(revoke(*broker, first->handle)) << "again does no harm";
  std::string said;
  EXPECT_FALSE(verifies(*first, &said));
  EXPECT_THAT(said, HasSubstr("certificate revoked"));
  EXPECT_TRUE(verifies(*second, &said)) << said;
}

TEST_F(Svids, TheRevocationListSurvivesARestartAndForgetsWhatHasEnded) {
  auto broker = *make_svid_broker(parts, "db", {});
  const auto minted = mint(*broker, order());
  ASSERT_TRUE(revoke(*broker, minted->handle));
  authority = *spiffe::Authority::open({.trust_domain = "acme.example"}, *world.sealed, now);
  parts.authority = authority.get();
  broker = *make_svid_broker(parts, "db", {});
  EXPECT_FALSE(verifies(*minted));
  ASSERT_TRUE(authority->revoke(std::string(16, 'a'), now.now_ms() - 1)) << "what has ended needs no revocation";
  EXPECT_FALSE(authority->revoke("short", now.now_ms() + 1'000));
}

TEST_F(Svids, AJwtSvidIsForItsAudienceAndIsNotRevoked) {
  auto broker = *make_svid_broker(parts, "db", {{"kind", "jwt"}, {"audience", "https://api.example"}});
  EXPECT_FALSE(broker->can_revoke());
  const auto what = order(3'600'000);
  const auto minted = mint(*broker, what);
  ASSERT_TRUE(minted);
  auto token = jose::parse_token(minted->fields.at("token").view());
  ASSERT_TRUE(token);
  EXPECT_EQ(json::string_at(token->claims, "sub"), "spiffe://acme.example/task/task_01JD");
  EXPECT_LE(*json::int_at(token->claims, "exp") * 1000, minted->expires_ms);
  EXPECT_LT(minted->expires_ms, what.expires_ms) << "the authority's tokens live five minutes";
}

TEST_F(Svids, ATaskIdThatIsNoPathIsRefused) {
  auto broker = *make_svid_broker(parts, "db", {});
  for (const auto* bad : {"", "../local/root", "a/../b", "a b"}) {
    task = bad;
    EXPECT_FALSE(broker->plan(order())) << bad;
  }
}

TEST_F(Svids, WrongSettingsAreNamed) {
  const std::pair<json::object, const char*> cases[] = {
      {{{"kind", "pgp"}}, "kind"},  {{{"kind", "jwt"}}, "audience"}, {{{"audience", "x"}}, "audience"},
      {{{"path", "a//b"}}, "path"}, {{{"pathh", "a"}}, "pathh"},
  };
  for (const auto& [settings, key] : cases) {
    const auto broker = make_svid_broker(parts, "db", settings);
    ASSERT_FALSE(broker) << key;
    EXPECT_THAT(broker.error().message, HasSubstr(key));
  }
  parts.authority = nullptr;
  EXPECT_FALSE(make_svid_broker(parts, "db", {}));
}

TEST_F(Svids, AStaticSecretIsTheNewestOfTheVaultUnderItsField) {
  auto broker = *make_static_broker(parts, "gh", {{"secret", "github/pat"}, {"username", "bot"}});
  auto missing = mint(*broker, order());
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kDenied);
  EXPECT_THAT(missing.error().hint, HasSubstr("interlock secret set github/pat"));
  ASSERT_TRUE(vault.set("github/pat", Secret("canary-1"), "", {}, "ann"));
  EXPECT_EQ(mint(*broker, order())->fields.at("token").view(), "canary-1");
  ASSERT_TRUE(vault.rotate("github/pat", Secret("canary-2"), "ann"));
  const auto minted = mint(*broker, order());
  EXPECT_EQ(minted->fields.at("token").view(), "canary-2");
  EXPECT_EQ(minted->fields.at("username").view(), "bot");
  EXPECT_THAT(json::write(minted->handle), ::testing::Not(HasSubstr("canary")));
  EXPECT_TRUE(minted->revocation.empty());
  for (const auto& settings : {json::object{}, json::object{{"secret", "x"}, {"fields", "y"}}})
    EXPECT_FALSE(make_static_broker(parts, "gh", settings));
}

}  // namespace
}  // namespace interlock::credential
