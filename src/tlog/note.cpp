#include "tlog/note.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <charconv>
#include <memory>

#include "base/ids.hpp"

namespace interlock::tlog {
namespace {

constexpr char kEd25519 = 0x01;
constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kSignatureBytes = 64;
constexpr std::size_t kKeyIdBytes = 4;
constexpr std::string_view kSignaturePrefix = "\xE2\x80\x94 ";  // em dash, space
constexpr std::string_view kPrivatePrefix = "PRIVATE+KEY+";

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Key = std::unique_ptr<EVP_PKEY, FreeKey>;
using Context = std::unique_ptr<EVP_MD_CTX, FreeContext>;

const unsigned char* raw(std::string_view bytes) { return reinterpret_cast<const unsigned char*>(bytes.data()); }

std::string_view view_of(const std::array<std::uint8_t, kKeyBytes>& key) { return {reinterpret_cast<const char*>(key.data()), key.size()}; }

std::uint32_t big_endian(std::string_view bytes) {
  std::uint32_t out = 0;
  for (std::size_t i = 0; i < kKeyIdBytes; ++i) out = out << 8 | static_cast<unsigned char>(bytes[i]);
  return out;
}

std::string big_endian_text(std::uint32_t number) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(number >> shift & 0xFF);
  return out;
}

std::uint32_t key_id_of(std::string_view name, std::string_view public_key) {
  const char type = kEd25519;
  return big_endian(as_bytes(sha256({name, "\n", std::string_view(&type, 1), public_key})));
}

std::unexpected<Error> malformed(std::string_view what) { return fail(ErrorCode::kInvalid, "malformed " + std::string(what)); }

// Splits "NAME+8HEX+BASE64" and checks the key id's form; a base64 text may hold '+' itself.
struct KeyParts {
  std::string_view name;
  std::uint32_t key_id = 0;
  std::string key;  // without its type byte
};
Result<KeyParts> split_key(std::string_view text, std::string_view what) {
  const auto first = text.find('+');
  const auto second = first == std::string_view::npos ? first : text.find('+', first + 1);
  if (second == std::string_view::npos) return malformed(what);
  KeyParts parts;
  parts.name = text.substr(0, first);
  const auto id = from_hex(text.substr(first + 1, second - first - 1));
  auto key = base64_decode(text.substr(second + 1));
  if (!is_key_name(parts.name) || !id || id->size() != kKeyIdBytes || to_hex(*id) != text.substr(first + 1, second - first - 1))
    return malformed(what);
  if (!key || key->size() != kKeyBytes + 1 || key->front() != kEd25519) return malformed(what);
  parts.key_id = big_endian(*id);
  parts.key = key->substr(1);
  OPENSSL_cleanse(key->data(), key->size());
  return parts;
}

// Valid UTF-8 without control characters but newlines; -1: not. Returns whether it may stand in a note.
bool is_note_text(std::string_view bytes) {
  std::size_t i = 0;
  while (i < bytes.size()) {
    const auto c = static_cast<unsigned char>(bytes[i]);
    if (c < 0x80) {
      if (c < 0x20 && c != '\n') return false;
      ++i;
      continue;
    }
    const std::size_t length = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
    if (c < 0xC2 || c > 0xF4 || bytes.size() - i < length) return false;
    std::uint32_t point = c & (0xFFU >> (length + 1));
    for (std::size_t k = 1; k < length; ++k) {
      const auto next = static_cast<unsigned char>(bytes[i + k]);
      if ((next & 0xC0) != 0x80) return false;
      point = point << 6 | (next & 0x3FU);
    }
    if ((length == 3 && point < 0x800) || (length == 4 && (point < 0x10000 || point > 0x10FFFF)) || (point >= 0xD800 && point <= 0xDFFF))
      return false;
    i += length;
  }
  return true;
}

}  // namespace

bool is_key_name(std::string_view name) {
  if (name.empty() || !is_note_text(name)) return false;
  for (const char c : name) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7F || c == '+') return false;
  }
  // Unicode's spaces outside ASCII.
  for (std::string_view space :
       {"\xC2\x85", "\xC2\xA0", "\xE1\x9A\x80", "\xE2\x80\xA8", "\xE2\x80\xA9", "\xE2\x80\xAF", "\xE2\x81\x9F", "\xE3\x80\x80"}) {
    if (name.find(space) != std::string_view::npos) return false;
  }
  for (auto at = name.find("\xE2\x80"); at != std::string_view::npos; at = name.find("\xE2\x80", at + 1)) {
    if (static_cast<unsigned char>(name[at + 2]) <= 0x8A) return false;  // U+2000 to U+200A
  }
  return true;
}

Result<Note> parse_note(std::string_view bytes) {
  if (bytes.size() > kNoteBytes) return fail(ErrorCode::kTooLarge, "a note of more than " + std::to_string(kNoteBytes) + " bytes");
  if (!is_note_text(bytes)) return malformed("note");
  const auto blank = bytes.rfind("\n\n");
  if (blank == std::string_view::npos || bytes.back() != '\n') return malformed("note");
  Note note;
  note.text = bytes.substr(0, blank + 1);
  auto rest = bytes.substr(blank + 2);
  if (rest.empty()) return malformed("note");
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    auto line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    if (!line.starts_with(kSignaturePrefix)) return malformed("note");
    line.remove_prefix(kSignaturePrefix.size());
    const auto space = line.find(' ');
    if (space == std::string_view::npos || !is_key_name(line.substr(0, space))) return malformed("note");
    const auto signature = base64_decode(line.substr(space + 1));
    if (!signature || signature->size() <= kKeyIdBytes || note.signatures.size() == kNoteSignatures) return malformed("note");
    note.signatures.push_back({std::string(line.substr(0, space)), big_endian(*signature), signature->substr(kKeyIdBytes)});
  }
  return note;
}

Result<Verifier> Verifier::parse(std::string_view text) {
  auto parts = split_key(text, "verifier key");
  if (!parts) return fail(std::move(parts.error()));
  Verifier verifier;
  verifier.name = parts->name;
  verifier.key_id = parts->key_id;
  parts->key.copy(reinterpret_cast<char*>(verifier.public_key.data()), kKeyBytes);
  if (key_id_of(verifier.name, parts->key) != verifier.key_id) return fail(ErrorCode::kInvalid, "a verifier key whose id is not its own");
  return verifier;
}

std::string Verifier::text() const {
  return name + "+" + to_hex(big_endian_text(key_id)) + "+" + base64_encode(std::string(1, kEd25519) + std::string(view_of(public_key)));
}

bool Verifier::verify(std::string_view text, std::string_view signature) const {
  const Key key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, public_key.data(), public_key.size()));
  const Context context(EVP_MD_CTX_new());
  if (!key || !context || signature.size() != kSignatureBytes) return false;
  return EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
         EVP_DigestVerify(context.get(), raw(signature), signature.size(), raw(text), text.size()) == 1;
}

Result<std::string> open_note(std::string_view bytes, const Verifier& verifier) {
  auto note = parse_note(bytes);
  if (!note) return fail(std::move(note.error()));
  bool signed_by_it = false;
  for (const auto& signature : note->signatures) {
    if (signature.name != verifier.name || signature.key_id != verifier.key_id) continue;
    if (!verifier.verify(note->text, signature.signature))
      return fail(ErrorCode::kDenied, "the signature of " + verifier.name + " does not hold");
    signed_by_it = true;
  }
  if (!signed_by_it) return fail(ErrorCode::kDenied, "the note is not signed by " + verifier.text());
  return std::move(note->text);
}

Signer::~Signer() { OPENSSL_cleanse(seed_.data(), seed_.size()); }

Result<Signer> Signer::from_seed(std::string name, std::string_view seed) {
  if (!is_key_name(name))
    return fail(ErrorCode::kInvalid, "\"" + name + "\" cannot name a key", "use a name without spaces and plus signs");
  Signer signer;
  seed.copy(reinterpret_cast<char*>(signer.seed_.data()), kKeyBytes);
  const Key key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, signer.seed_.data(), kKeyBytes));
  std::size_t length = kKeyBytes;
  if (!key || EVP_PKEY_get_raw_public_key(key.get(), signer.verifier_.public_key.data(), &length) != 1) {
    return fail(ErrorCode::kInternal, "OpenSSL takes no Ed25519 key");
  }
  signer.verifier_.key_id = key_id_of(name, view_of(signer.verifier_.public_key));
  signer.verifier_.name = std::move(name);
  return signer;
}

Result<Signer> Signer::generate(std::string name) {
  auto seed = random_bytes(kKeyBytes);
  auto signer = from_seed(std::move(name), seed);
  OPENSSL_cleanse(seed.data(), seed.size());
  return signer;
}

Result<Signer> Signer::parse(std::string_view text) {
  if (!text.starts_with(kPrivatePrefix)) return malformed("signing key");
  auto parts = split_key(text.substr(kPrivatePrefix.size()), "signing key");
  if (!parts) return fail(std::move(parts.error()));
  auto signer = from_seed(std::string(parts->name), parts->key);
  OPENSSL_cleanse(parts->key.data(), parts->key.size());
  if (signer && signer->verifier_.key_id != parts->key_id) return fail(ErrorCode::kInvalid, "a signing key whose id is not its own");
  return signer;
}

Result<Signer> Signer::renamed(std::string name) const { return from_seed(std::move(name), view_of(seed_)); }

std::string Signer::private_text() const {
  return std::string(kPrivatePrefix) + verifier_.name + "+" + to_hex(big_endian_text(verifier_.key_id)) + "+" +
         base64_encode(std::string(1, kEd25519) + std::string(view_of(seed_)));
}

Result<std::string> Signer::sign_note(std::string_view text) const {
  if (text.empty() || text.back() != '\n' || !is_note_text(text)) return malformed("note text");
  const Key key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed_.data(), kKeyBytes));
  const Context context(EVP_MD_CTX_new());
  std::string signature(kSignatureBytes, '\0');
  std::size_t length = signature.size();
  if (!key || !context || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) != 1 ||
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &length, raw(text), text.size()) != 1) {
    return fail(ErrorCode::kInternal, "OpenSSL cannot sign");
  }
  return std::string(text) + "\n" + std::string(kSignaturePrefix) + verifier_.name + " " +
         base64_encode(big_endian_text(verifier_.key_id) + signature) + "\n";
}

std::string checkpoint_text(const Checkpoint& checkpoint) {
  return checkpoint.origin + "\n" + std::to_string(checkpoint.size) + "\n" + base64_encode(as_bytes(checkpoint.root)) + "\n";
}

Result<Checkpoint> parse_checkpoint(std::string_view text) {
  std::array<std::string_view, 3> lines;
  for (auto& line : lines) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos || end == 0) return malformed("checkpoint");
    line = text.substr(0, end);
    text.remove_prefix(end + 1);
  }
  if (text.starts_with('\n') || text.find("\n\n") != std::string_view::npos || (!text.empty() && text.back() != '\n'))
    return malformed("checkpoint");
  Checkpoint checkpoint;
  checkpoint.origin = lines[0];
  const auto size = lines[1];
  const auto [end, code] = std::from_chars(size.data(), size.data() + size.size(), checkpoint.size);
  if (code != std::errc() || end != size.data() + size.size() || (size.size() > 1 && size.front() == '0')) return malformed("checkpoint");
  const auto root = base64_decode(lines[2]);
  if (!root || root->size() != checkpoint.root.size()) return malformed("checkpoint");
  root->copy(reinterpret_cast<char*>(checkpoint.root.data()), checkpoint.root.size());
  return checkpoint;
}

}  // namespace interlock::tlog
