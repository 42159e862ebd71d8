// The pins of tool definitions: what a tool said of itself when it was first used, so that a later change is seen before an
// agent is shown it.
//
// A definition's hash is SHA-256 over its canonical JSON (RFC 8785) without the top-level member `_meta`; everything else that a
// server may say (name, title, description, schemas, annotations, icons, members unknown here) is pinned. Pins are shared by all
// gates of a store; check() on a definition seen before is a look-up in memory, and other processes' changes are noticed within
// kRefreshMs. One loop thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "store/store.hpp"

namespace interlock::approval {

enum class PinStatus : std::uint8_t {
  kTrusted,  // this very definition is pinned
  kNew,      // never seen, and the first use is not trusted
  kChanged,  // another definition is pinned
};
std::string_view pin_status_name(PinStatus status);

struct PinOptions {
  bool trust_first_use = true;
  std::size_t pins = 20'000;                 // in the store
  std::size_t definition_bytes = 64 * 1024;  // of text kept for people; a longer one is pinned by hash and its text is cut
};

// What check() says of one definition.
struct PinState {
  PinStatus status = PinStatus::kChanged;
  std::string pinned_hash;  // empty: none is pinned
  std::string seen_hash;
  std::string summary;  // for kChanged: what differs, one line of plain text ("description, inputSchema.properties.path")
  bool first = false;   // this call pinned it, or saw it for the first time: leave a receipt
};

// A pin as the store has it.
struct Pin {
  std::string server;
  std::string tool;
  std::string pinned_hash;  // empty: quarantined since first use
  std::string pinned_text;  // canonical JSON, possibly cut
  UnixMs pinned_ms = 0;
  std::string pinned_by;  // "first use", or who trusted it
  std::string seen_hash;  // the last definition that differed; empty: none
  std::string seen_text;
  UnixMs seen_ms = 0;
  PinStatus status() const;
};
json::object to_json(const Pin& pin);

// One difference between two definitions: where, what was, what is. Texts are bounded, not cleaned of control characters.
struct Difference {
  std::string path;
  std::string before;  // empty: absent
  std::string after;
};
// Canonical JSON without the top-level `_meta`: what is hashed, and shown to people.
std::string pinned_form(const json::value& definition);
std::vector<Difference> differences(std::string_view before_json, std::string_view after_json);
// Where two definitions differ, on one bounded line that may be shown to an agent: only names that the first one has are in it,
// because the name of a new member is as good a place for instructions as a description.
std::string change_summary(std::string_view before_json, std::string_view after_json);

class PinBook {
 public:
  static constexpr std::int64_t kRefreshMs = 200;

  // `store` and `clock` outlive the book.
  PinBook(store::Store& store, const Clock& clock, PinOptions options = {});
  ~PinBook();

  // Holds a definition against its pin; pins it on first use where the options say so. An error (no store, too many pins) means
  // that the tool must not be used.
  Result<PinState> check(std::string_view server, std::string_view tool, const json::value& definition);

  // Makes the definition last seen the pinned one. `seen_hash`, where not empty, is the one the human looked at and must still
  // be the last. kNotFound; kConflict: nothing waits for trust, or it has changed again. An empty tool means all that wait.
  // Returns how many pins changed.
  Result<std::size_t> trust(std::string_view server, std::string_view tool, std::string_view seen_hash, std::string_view by);
  // Forgets pins, so that the next definition is a first use. Empty server: all; empty tool: all of the server.
  Result<std::size_t> reset(std::string_view server, std::string_view tool);
  Result<std::vector<Pin>> list() const;  // by server, then tool

  // Grows whenever a pin may have changed, here or (within kRefreshMs) in another process: then check() again and, where the
  // answers differ, tell clients that the list of tools has changed. Reads the store at most each kRefreshMs.
  std::uint64_t epoch();

  static std::string definition_hash(const json::value& definition);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace interlock::approval
