// Signed notes with Ed25519 keys (c2sp.org/signed-note) and the checkpoints of a log (c2sp.org/tlog-checkpoint).
//
// Values; any thread. Only signature type 0x01, Ed25519, is made or verified; signatures of other keys are passed over.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.hpp"
#include "base/result.hpp"

namespace interlock::tlog {

inline constexpr std::size_t kNoteBytes = 1'000'000;
inline constexpr std::size_t kNoteSignatures = 100;

// Key names: no spaces, no '+', no control characters.
bool is_key_name(std::string_view name);

struct NoteSignature {
  std::string name;
  std::uint32_t key_id = 0;
  std::string signature;
};
struct Note {
  std::string text;  // ends in a newline
  std::vector<NoteSignature> signatures;
};
Result<Note> parse_note(std::string_view bytes);

// "NAME+KEYID+BASE64": who may have signed.
struct Verifier {
  std::string name;
  std::uint32_t key_id = 0;
  std::array<std::uint8_t, 32> public_key{};

  static Result<Verifier> parse(std::string_view text);
  std::string text() const;
  bool verify(std::string_view text, std::string_view signature) const;
};

// The note's text where `verifier` has signed it. kDenied: no signature of that key, or one that does not hold.
Result<std::string> open_note(std::string_view bytes, const Verifier& verifier);

// A private key and the name it signs under; wiped from memory when it dies.
class Signer {
 public:
  static Result<Signer> generate(std::string name);
  // "PRIVATE+KEY+NAME+KEYID+BASE64", as golang.org/x/mod/sumdb/note writes it.
  static Result<Signer> parse(std::string_view text);
  // The same key under another name.
  Result<Signer> renamed(std::string name) const;
  Signer(Signer&&) noexcept = default;
  Signer& operator=(Signer&&) noexcept = default;
  Signer(const Signer&) = delete;
  Signer& operator=(const Signer&) = delete;
  ~Signer();

  const Verifier& verifier() const { return verifier_; }
  std::string private_text() const;  // a secret
  // `text` ends in a newline and holds no control characters but newlines.
  Result<std::string> sign_note(std::string_view text) const;

 private:
  static Result<Signer> from_seed(std::string name, std::string_view seed);
  Signer() = default;
  std::array<std::uint8_t, 32> seed_{};
  Verifier verifier_;
};

struct Checkpoint {
  std::string origin;
  std::uint64_t size = 0;
  Digest root{};
};
std::string checkpoint_text(const Checkpoint& checkpoint);
Result<Checkpoint> parse_checkpoint(std::string_view text);  // extension lines are passed over

}  // namespace interlock::tlog
