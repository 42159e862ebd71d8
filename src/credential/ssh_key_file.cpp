#include "credential/ssh_key_file.hpp"

#include <algorithm>

#include "base/hash.hpp"
#include "base/ids.hpp"
#include "credential/ssh_key.hpp"
#include "credential/ssh_wire.hpp"
#include "store/sealed.hpp"

namespace interlock::credential {
namespace {

constexpr std::string_view kMagic{"openssh-key-v1\0", 15};
constexpr std::size_t kBlock = 8;  // of the cipher "none"
constexpr std::size_t kLine = 70;

std::unexpected<Error> malformed(std::string_view what) {
  return fail(ErrorCode::kInvalid, "the OpenSSH private key " + std::string(what), "make another: ssh-keygen -t ed25519 -N '' -f FILE");
}

// How many fields follow the type, of the kinds that are read.
std::size_t fields_of(std::string_view type) {
  if (type == "ssh-ed25519") return 2;            // public, private with public
  if (type.starts_with("ecdsa-sha2-")) return 3;  // curve, point, scalar
  return type == "ssh-rsa" ? 6U : 0U;             // n, e, d, iqmp, p, q
}

// What is left after the comment is 1, 2, 3, ...
bool is_padding(std::string_view bytes) {
  if (bytes.size() >= kBlock) return false;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    if (static_cast<unsigned char>(bytes[i]) != i + 1) return false;
  return true;
}

Result<OpensshKey> read_private(std::string_view section) {
  SshReader in(section);
  const auto first = in.uint32();
  const auto second = in.uint32();
  if (!first || first != second) return malformed("is damaged");
  const auto type = in.text();
  if (!type) return malformed("is cut off");
  const auto count = fields_of(*type);
  if (count == 0)
    return fail(ErrorCode::kUnsupported, "the private key is of a kind that does not sign here",
                "use ed25519, ecdsa or rsa; keys of tokens (sk-) stay there");
  const auto before = in.rest();
  for (std::size_t i = 0; i < count; ++i)
    if (!in.text()) return malformed("is cut off");
  OpensshKey key{std::string(*type), std::string(before.substr(0, before.size() - in.rest().size()))};
  if (!in.text() || !is_padding(in.rest())) {
    store::wipe(key.fields);
    return malformed("ends in what does not belong there");
  }
  return key;
}

Result<OpensshKey> read_block(std::string_view block) {
  if (!block.starts_with(kMagic)) return malformed("does not begin as one does");
  SshReader in(block.substr(kMagic.size()));
  const auto cipher = in.text();
  const auto derivation = in.text();
  const auto options = in.text();
  const auto keys = in.uint32();
  if (!cipher || !derivation || !options || !keys) return malformed("is cut off");
  if (*cipher != "none" || *derivation != "none")
    return fail(ErrorCode::kUnsupported, "the private key is encrypted with a passphrase",
                "the vault encrypts it: ssh-keygen -p -N '' -f FILE on a copy, and store that");
  if (*keys != 1) return malformed("holds not exactly one key");
  const auto public_blob = in.text();
  const auto section = in.text();
  if (!public_blob || !section || !in.rest().empty() || section->size() % kBlock != 0) return malformed("is damaged");
  return read_private(*section);
}

}  // namespace

Result<OpensshKey> read_openssh_key(std::string_view text) {
  if (text.size() > kSshKeyBytes) return fail(ErrorCode::kTooLarge, "the private key is too large", "store one key alone");
  const auto begin = text.find(kOpensshBegin);
  const auto end = text.find(kOpensshEnd);
  if (begin == std::string_view::npos || end == std::string_view::npos || end < begin) return malformed("lacks its first or last line");
  std::string lines(text.substr(begin + kOpensshBegin.size(), end - begin - kOpensshBegin.size()));
  std::erase_if(lines, [](char c) { return c == '\n' || c == '\r' || c == ' ' || c == '\t'; });
  auto block = base64_decode(lines);
  store::wipe(lines);
  if (!block) return malformed("is not base64");
  auto key = read_block(*block);
  store::wipe(*block);
  return key;
}

std::string write_openssh_key(std::string_view type, std::string_view public_blob, std::string_view fields, std::string_view comment) {
  const auto check = random_bytes(4);
  SshWriter section;
  section.raw(check).raw(check).text(type).raw(fields).text(comment);
  for (std::uint8_t i = 1; section.written().size() % kBlock != 0; ++i) section.byte(i);
  SshWriter block;
  block.raw(kMagic).text("none").text("none").text("").uint32(1).text(public_blob).text(section.written());
  auto secret = section.take();
  store::wipe(secret);
  auto bytes = block.take();
  auto base64 = base64_encode(bytes);
  store::wipe(bytes);
  std::string out(kOpensshBegin);
  out += '\n';
  out.reserve(base64.size() * 2 + 2 * kLine);
  for (std::size_t at = 0; at < base64.size(); at += kLine) out.append(base64, at, kLine) += '\n';
  store::wipe(base64);
  return out.append(kOpensshEnd) += '\n';
}

}  // namespace interlock::credential
