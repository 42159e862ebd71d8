#include "credential/ssh_key.hpp"

#include "base/hash.hpp"
#include "credential/ssh_key_file.hpp"
#include "credential/ssh_wire.hpp"
#include "ssh_parts.hpp"

namespace interlock::credential {
namespace {

using testing::run;
using testing::SshFolder;

TEST(SshWire, ReadsBackWhatItWrote) {
  SshWriter out;
  out.uint32(7).text("abc").number(std::string_view("\0\x80", 2)).number("\x01").number("");
  SshReader in(out.written());
  EXPECT_EQ(in.uint32(), 7U);
  EXPECT_EQ(in.text(), "abc");
  EXPECT_EQ(in.number(), "\x80");
  EXPECT_EQ(in.number(), "\x01");
  EXPECT_EQ(in.number(), "");
  EXPECT_TRUE(in.rest().empty());
}

TEST(SshWire, IsAbsentOnceSomethingWasNotThere) {
  SshReader cut(
      std::string_view("\0\0\0\x05"
                       "abc",
                       7));
  EXPECT_EQ(cut.text(), std::nullopt);
  EXPECT_EQ(cut.text(), std::nullopt);
  SshReader beyond(
      std::string_view("\xff\xff\xff\xff"
                       "abc",
                       7));
  EXPECT_EQ(beyond.text(), std::nullopt);
  EXPECT_EQ(beyond.uint32(), std::nullopt);
  SshReader negative(std::string_view("\0\0\0\x01\x80", 5));
  EXPECT_EQ(negative.number(), std::nullopt);
  SshReader padded(std::string_view("\0\0\0\x02\0\x01", 6));
  EXPECT_EQ(padded.number(), std::nullopt);
}

TEST(SshKey, OfEveryKindIsReadAndNamedAsOpensshDoes) {
  NEEDS_SSH_KEYGEN();
  const SshFolder folder;
  for (const std::string kind : {"-t ed25519", "-t ecdsa -b 256", "-t ecdsa -b 384", "-t ecdsa -b 521", "-t rsa -b 2048",
                                 "-t ecdsa -b 256 -m PEM", "-t rsa -b 2048 -m PEM", "-t rsa -b 2048 -m PKCS8"}) {
    const auto path = folder.file(std::to_string(std::hash<std::string>()(kind)));
    ASSERT_EQ(run("ssh-keygen -q -N '' -C us " + kind + " -f " + path).code, 0) << kind;
    const auto name = path.substr(folder.path().size() + 1);
    const auto key = SshKey::read(folder.read(name));
    ASSERT_TRUE(key) << kind << ": " << key.error().text();
    const auto line = std::string(key->type()) + " " + base64_encode(key->public_blob());
    EXPECT_EQ(folder.read(name + ".pub").substr(0, line.size()), line) << kind;
    EXPECT_TRUE(key->sign("something")) << kind;
  }
}

TEST(SshKey, ThatWeMakeIsTakenByOpenssh) {
  NEEDS_SSH_KEYGEN();
  const SshFolder folder;
  const auto key = SshKey::generate();
  ASSERT_TRUE(key);
  const auto text = key->private_text("lease");
  ASSERT_TRUE(text);
  const auto shown = run("ssh-keygen -y -f " + folder.write("key", text->view()));
  EXPECT_EQ(shown.code, 0) << shown.said;
  EXPECT_EQ(shown.said, "ssh-ed25519 " + base64_encode(key->public_blob()) + " lease\n");
  const auto again = SshKey::read(text->view());
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ(again->public_blob(), key->public_blob());
}

TEST(SshKey, WithAPassphraseIsRefusedWithWhatToDo) {
  NEEDS_SSH_KEYGEN();
  const SshFolder folder;
  for (const std::string format : {"", "-m PKCS8"}) {
    const auto path = folder.file("locked" + std::to_string(format.size()));
    ASSERT_EQ(
        run("ssh-keygen -q -t " + std::string(format.empty() ? "ed25519" : "rsa -b 2048") + " -N secret5 " + format + " -f " + path).code,
        0);
    const auto key = SshKey::read(folder.read(path.substr(folder.path().size() + 1)));
    ASSERT_FALSE(key);
    EXPECT_NE(key.error().text().find("passphrase"), std::string::npos);
  }
}

TEST(SshKey, ThatIsCutOrChangedAnywhereIsRefused) {
  const auto key = SshKey::generate();
  const auto text = std::string(key->private_text("x")->view());
  const auto begin = text.find('\n') + 1;
  auto lines = text.substr(begin, text.rfind("-----END") - begin);
  std::erase(lines, '\n');
  const auto block = base64_decode(lines).value();
  const auto wrapped = [](std::string_view bytes) {
    return std::string(kOpensshBegin) + "\n" + base64_encode(bytes) + "\n" + std::string(kOpensshEnd) + "\n";
  };
  ASSERT_TRUE(SshKey::read(wrapped(block)));
  for (std::size_t size = 0; size < block.size(); ++size)
    EXPECT_FALSE(SshKey::read(wrapped(std::string_view(block).substr(0, size)))) << size;
  // The comment and the outer copy of the public key are not what a signature comes from.
  std::size_t taken = 0;
  for (std::size_t at = 0; at < block.size(); ++at) {
    auto changed = block;
    changed[at] = static_cast<char>(changed[at] ^ 0x55);
    const auto read = SshKey::read(wrapped(changed));
    if (read) {
      ++taken;
      EXPECT_EQ(read->public_blob(), key->public_blob()) << at;
    }
  }
  EXPECT_LE(taken, 56U);
  for (const std::string other : {"", "hello", "-----BEGIN OPENSSH PRIVATE KEY-----\n-----END OPENSSH PRIVATE KEY-----\n",
                                  "-----END OPENSSH PRIVATE KEY----------BEGIN OPENSSH PRIVATE KEY-----",
                                  "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"})
    EXPECT_FALSE(SshKey::read(other)) << other;
  EXPECT_EQ(SshKey::read(std::string(100'000, 'A')).error().code, ErrorCode::kTooLarge);
}

}  // namespace
}  // namespace interlock::credential
