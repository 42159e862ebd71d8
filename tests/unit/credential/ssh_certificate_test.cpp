#include "credential/ssh_certificate.hpp"

#include "base/hash.hpp"
#include "credential/ssh_krl.hpp"
#include "ssh_parts.hpp"

namespace interlock::credential {
namespace {

using testing::run;
using testing::SshFolder;

SshCertificate usual() {
  return {.serial = 4711,
          .key_id = "interlock:lease_1",
          .principals = {"deploy", "backup"},
          .valid_after_s = 1'700'000'000,
          .valid_before_s = 1'700'000'600,
          .force_command = "/usr/bin/uptime --pretty",
          .source_addresses = {"10.0.0.0/8", "::1"},
          .extensions = {"permit-pty"}};
}

TEST(SshCertificate, SaysToOpensshWhatWasMeant) {
  NEEDS_SSH_KEYGEN();
  for (const std::string kind : {"-t ed25519", "-t ecdsa -b 256", "-t ecdsa -b 384", "-t ecdsa -b 521", "-t rsa -b 2048"}) {
    const SshFolder folder;
    ASSERT_EQ(run("ssh-keygen -q -N '' " + kind + " -f " + folder.file("ca")).code, 0);
    const auto authority = SshKey::read(folder.read("ca"));
    ASSERT_TRUE(authority);
    const auto text = sign_certificate(usual(), SshKey::generate().value(), *authority);
    ASSERT_TRUE(text);
    // ssh-keygen -L verifies the signature, too.
    const auto shown = run("TZ=UTC ssh-keygen -L -f " + folder.write("key-cert.pub", *text));
    ASSERT_EQ(shown.code, 0) << kind << shown.said;
    for (const std::string said :
         {"Type: ssh-ed25519-cert-v01@openssh.com user certificate", "Key ID: \"interlock:lease_1\"", "Serial: 4711",
          "Valid: from 2023-11-14T22:13:20 to 2023-11-14T22:23:20", "deploy\n                backup\n",
          "Critical Options: \n                force-command /usr/bin/uptime --pretty\n                source-address 10.0.0.0/8,::1\n",
          "Extensions: \n                permit-pty\n"})
      EXPECT_NE(shown.said.find(said), std::string::npos) << kind << ": " << said << "\n" << shown.said;
  }
}

TEST(SshCertificate, GivesNothingThatIsNotAskedFor) {
  NEEDS_SSH_KEYGEN();
  const SshFolder folder;
  auto plain = usual();
  plain.force_command.clear();
  plain.source_addresses.clear();
  plain.extensions.clear();
  const auto key = SshKey::generate().value();
  const auto shown = run("ssh-keygen -L -f " + folder.write("key-cert.pub", sign_certificate(plain, key, key).value()));
  EXPECT_NE(shown.said.find("Critical Options: (none)"), std::string::npos) << shown.said;
  EXPECT_NE(shown.said.find("Extensions: (none)"), std::string::npos) << shown.said;
}

TEST(SshCertificate, ForEverybodyOrForNoTimeIsRefused) {
  const auto key = SshKey::generate().value();
  auto everybody = usual();
  everybody.principals.clear();
  EXPECT_FALSE(sign_certificate(everybody, key, key));
  auto never = usual();
  never.valid_before_s = never.valid_after_s;
  EXPECT_FALSE(sign_certificate(never, key, key));
}

// --- the list of revoked ones ---------------------------------------------------------------------------------------------------

// Whether OpenSSH finds the certificate of `serial` on the list.
bool is_revoked(const SshFolder& folder, const SshKey& authority, std::uint64_t serial) {
  auto certificate = usual();
  certificate.serial = serial;
  const auto path = folder.write("one-cert.pub", sign_certificate(certificate, SshKey::generate().value(), authority).value());
  const auto asked = run("ssh-keygen -Q -f " + folder.file("krl") + " " + path);
  EXPECT_TRUE(asked.code == 0 || asked.said.find("REVOKED") != std::string::npos) << asked.said;
  return asked.code != 0;
}

TEST(SshKrl, RevokesItsSerialsAndNoOther) {
  NEEDS_SSH_KEYGEN();
  const SshFolder folder;
  const auto authority = SshKey::generate().value();
  const std::vector<std::uint64_t> serials{1, 4711, 0x7FFF'FFFF'FFFF'FFFF};
  folder.write("krl", krl_bytes(serials, 7, 1'700'000'000, "us"));
  for (const auto serial : serials) EXPECT_TRUE(is_revoked(folder, authority, serial)) << serial;
  for (const std::uint64_t serial : {2ULL, 4710ULL, 4712ULL}) EXPECT_FALSE(is_revoked(folder, authority, serial)) << serial;
  folder.write("krl", krl_bytes({}, 8, 1'700'000'001, "us"));
  EXPECT_FALSE(is_revoked(folder, authority, 4711));
}

struct World {
  SshFolder folder;
  ManualClock clock;
  net::Loop loop;
  std::unique_ptr<store::Store> store = store::open_memory_store();
  store::SealedStore sealed{*store, store::MasterKey::open_file(folder.file("master")).value()};
  SshKey authority = SshKey::generate().value();
  SshKrlFile file{loop, sealed, clock, folder.file("krl")};

  std::vector<Status> revoke(const std::vector<std::uint64_t>& serials, std::int64_t valid_before_s, SshKrlFile* through = nullptr) {
    std::vector<Status> ends;
    for (const auto serial : serials)
      (through == nullptr ? file : *through).revoke(serial, valid_before_s, [&](Status status) { ends.push_back(std::move(status)); });
    EXPECT_TRUE(ends.empty()) << "inside the call";
    while (ends.size() < serials.size()) loop.poll();
    return ends;
  }
};

TEST(SshKrlFile, HoldsWhatWasRevokedUntilItsEnd) {
  NEEDS_SSH_KEYGEN();
  World world;
  const auto now_s = world.clock.now_ms() / 1000;
  for (const auto& end : world.revoke({5, 6}, now_s + 60)) EXPECT_TRUE(end) << end.error().text();
  world.revoke({7}, now_s + 3600);
  for (const std::uint64_t serial : {5, 6, 7}) EXPECT_TRUE(is_revoked(world.folder, world.authority, serial));
  world.clock.advance_ms(600'000);  // 5 and 6 are past their end, and so is every clock's doubt
  ASSERT_TRUE(world.file.write());
  EXPECT_FALSE(is_revoked(world.folder, world.authority, 5));
  EXPECT_TRUE(is_revoked(world.folder, world.authority, 7));
  struct stat facts{};
  ASSERT_EQ(::stat(world.folder.file("krl").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0644U);
}

TEST(SshKrlFile, IsTheSameForTwoGatesOfOneStore) {
  NEEDS_SSH_KEYGEN();
  World world;
  SshKrlFile other(world.loop, world.sealed, world.clock, world.folder.file("krl"));
  const auto end_s = world.clock.now_ms() / 1000 + 60;
  world.revoke({5}, end_s);
  world.revoke({6}, end_s, &other);
  EXPECT_TRUE(is_revoked(world.folder, world.authority, 5));
  EXPECT_TRUE(is_revoked(world.folder, world.authority, 6));
}

TEST(SshKrlFile, ThatCannotBeWrittenIsNoRevocation) {
  World world;
  SshKrlFile lost(world.loop, world.sealed, world.clock, world.folder.file("no/such/folder/krl"));
  const auto ends = world.revoke({5}, world.clock.now_ms() / 1000 + 60, &lost);
  ASSERT_FALSE(ends[0]);
  EXPECT_EQ(ends[0].error().code, ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace interlock::credential
