// Signed notes and checkpoints as outsiders may hand them in: what parses holds what it was made of; nothing verifies by chance.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "tlog/note.hpp"
#include "tlog/tiles.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace interlock::tlog;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  static const auto verifier = Verifier::parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW");
  if (!verifier) std::abort();
  if (const auto note = parse_note(bytes)) {
    if (!bytes.starts_with(note->text) || note->signatures.empty()) std::abort();
    if (const auto text = open_note(bytes, *verifier); text && *text != note->text) std::abort();
  }
  if (const auto checkpoint = parse_checkpoint(bytes)) {
    if (!bytes.starts_with(checkpoint_text(*checkpoint))) std::abort();
  }
  if (const auto key = Verifier::parse(bytes); key && key->text() != bytes) std::abort();
  if (const auto signer = Signer::parse(bytes); signer && signer->private_text() != bytes) std::abort();
  if (const auto tile = parse_tile(bytes); tile && tile_bytes(*tile) != bytes) std::abort();
  if (const auto entries = parse_bundle(bytes)) {
    std::string again;
    for (const auto entry : *entries) append_to_bundle(again, entry);
    if (again != bytes) std::abort();
  }
  return 0;
}
