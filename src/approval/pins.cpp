#include "approval/pins.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "base/hash.hpp"

namespace interlock::approval {
namespace {

constexpr std::string_view kBucket = "pins";
constexpr std::size_t kPage = 64;
constexpr int kTries = 8;  // of a change that others change at the same time
constexpr int kFormat = 1;
constexpr std::size_t kByBytes = 200;

// Server and tool, in an order that sorts by server first. Names of servers come from the configuration and hold no line break.
std::string key_of(std::string_view server, std::string_view tool) {
  std::string key(server);
  key += '\n';
  key += tool;
  return key;
}

std::string cut(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return std::string(text);
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xC0) == 0x80) --limit;  // never half a character
  return std::string(text.substr(0, limit)) + "…";
}

// A record is three lines: its head, the pinned text, the seen text. Canonical JSON has no line breaks, and those who need the
// hashes alone parse the head alone.
std::string encode(const Pin& pin) {
  json::object head;
  head["v"] = kFormat;
  head["pinned_hash"] = pin.pinned_hash;
  head["pinned_ms"] = pin.pinned_ms;
  head["pinned_by"] = pin.pinned_by;
  head["seen_hash"] = pin.seen_hash;
  head["seen_ms"] = pin.seen_ms;
  return json::write(head) + "\n" + pin.pinned_text + "\n" + pin.seen_text;
}

// A record that cannot be read is a pin of nothing: the tool is quarantined.
Pin decode(std::string_view key, std::string_view value) {
  Pin pin;
  pin.server = key.substr(0, key.find('\n'));
  pin.tool = key.substr(std::min(key.size(), pin.server.size() + 1));
  const auto head_end = value.find('\n');
  const auto pinned_end = head_end == std::string_view::npos ? head_end : value.find('\n', head_end + 1);
  const auto head = pinned_end == std::string_view::npos ? Result<json::value>(fail(ErrorCode::kInvalid, "damaged"))
                                                         : json::parse(value.substr(0, head_end));
  const auto* o = head ? head->if_object() : nullptr;
  if (o == nullptr || json::int_at(*o, "v") != kFormat) return pin;
  pin.pinned_hash = json::string_at(*o, "pinned_hash").value_or("");
  pin.pinned_ms = json::int_at(*o, "pinned_ms").value_or(0);
  pin.pinned_by = json::string_at(*o, "pinned_by").value_or("");
  pin.seen_hash = json::string_at(*o, "seen_hash").value_or("");
  pin.seen_ms = json::int_at(*o, "seen_ms").value_or(0);
  pin.pinned_text = value.substr(head_end + 1, pinned_end - head_end - 1);
  pin.seen_text = value.substr(pinned_end + 1);
  return pin;
}

}  // namespace

struct PinBook::State {
  // What check() needs of a pin; the texts stay in the store.
  struct Known {
    std::string pinned_hash;
    std::string seen_hash;
    std::string summary;
    store::Revision revision = store::kAbsent;
  };
  struct Read {
    Pin pin;
    store::Revision revision = store::kAbsent;
  };

  store::Store& store;
  const Clock& clock;
  PinOptions options;
  std::map<std::string, Known, std::less<>> known{};
  store::Revision loaded = store::kAbsent;  // what `known` is up to
  std::optional<Error> trouble = Error{ErrorCode::kUnavailable, "the pins were not read yet", {}};
  bool retry = false;  // a check failed: it may succeed when it is asked again
  UnixMs read_at_ms = 0;
  std::uint64_t epoch = 1;

  Status refresh(bool now);
  Status load();
  Status write(const Pin& pin, store::Revision expected);
  Result<std::optional<Read>> read(std::string_view server, std::string_view tool);
  Result<std::vector<Read>> read_all(std::string_view server);
  Result<PinState> first_use(Pin pin, std::string_view hash, std::string text);
  Result<PinState> changed(Read read, std::string_view hash, std::string text);
  Result<PinState> check(std::string_view server, std::string_view tool, const json::value& definition);
};

// Reads the pins where another process may have changed them. A store that cannot be read is reported until it can.
Status PinBook::State::refresh(bool now) {
  const UnixMs now_ms = clock.now_ms();
  const bool due = now_ms >= read_at_ms + kRefreshMs || now_ms < read_at_ms || read_at_ms == 0;
  if (now || due) {
    read_at_ms = now_ms;
    const bool was_well = !trouble;
    trouble.reset();
    const auto latest = store.latest(kBucket);
    if (!latest) trouble = latest.error();
    else if (*latest != loaded || !was_well) {
      if (auto status = load(); !status) trouble = status.error();
      else loaded = *latest;  // what changed while it was read is read again
    }
    // Remembered answers do not outlive the store, nor the trouble with it.
    if (was_well != !trouble || trouble || std::exchange(retry, false)) ++epoch;
  }
  if (trouble) return fail(*trouble);
  return {};
}

Status PinBook::State::load() {
  std::map<std::string, Known, std::less<>> fresh;
  std::string after;
  for (;;) {
    auto page = store.scan(kBucket, {}, kPage, after);
    if (!page) return fail(std::move(page.error()));
    for (auto& entry : *page) {
      const auto old = known.find(entry.key);
      if (old != known.end() && old->second.revision == entry.revision) {
        fresh.insert(known.extract(old));
        continue;
      }
      const Pin pin = decode(entry.key, entry.value);
      if (old != known.end() && old->second.pinned_hash != pin.pinned_hash) ++epoch;
      Known fact{pin.pinned_hash, pin.seen_hash, {}, entry.revision};
      if (pin.status() == PinStatus::kChanged) fact.summary = change_summary(pin.pinned_text, pin.seen_text);
      fresh[entry.key] = std::move(fact);
      if (old != known.end()) known.erase(old);
    }
    if (page->size() < kPage) break;
    after = page->back().key;
  }
  // What is left was reset. A pin that was never known here changes no answer that was given here.
  if (!known.empty()) ++epoch;
  known = std::move(fresh);
  return {};
}

Status PinBook::State::write(const Pin& pin, store::Revision expected) {
  const auto key = key_of(pin.server, pin.tool);
  auto revision = store.compare_and_set(kBucket, key, encode(pin), expected);
  if (!revision) return fail(std::move(revision.error()));
  if (*revision == loaded + 1) loaded = *revision;  // nobody else wrote in between: no need to read again
  auto& fact = known[key];
  if (fact.seen_hash != pin.seen_hash)
    fact.summary = pin.status() == PinStatus::kChanged ? change_summary(pin.pinned_text, pin.seen_text) : std::string();
  fact.pinned_hash = pin.pinned_hash;
  fact.seen_hash = pin.seen_hash;
  fact.revision = *revision;
  return {};
}

Result<std::optional<PinBook::State::Read>> PinBook::State::read(std::string_view server, std::string_view tool) {
  const auto key = key_of(server, tool);
  auto entry = store.get(kBucket, key);
  if (!entry) return fail(std::move(entry.error()));
  std::optional<Read> out;
  if (*entry) out = Read{decode(key, (*entry)->value), (*entry)->revision};
  return out;
}

// Of one server, or all where it is empty.
Result<std::vector<PinBook::State::Read>> PinBook::State::read_all(std::string_view server) {
  std::vector<Read> out;
  const std::string prefix = server.empty() ? std::string() : key_of(server, {});
  std::string after;
  for (;;) {
    auto page = store.scan(kBucket, prefix, kPage, after);
    if (!page) return fail(std::move(page.error()));
    for (const auto& entry : *page) out.push_back({decode(entry.key, entry.value), entry.revision});
    if (page->size() < kPage) return out;
    after = page->back().key;
  }
}

Result<PinState> PinBook::State::first_use(Pin pin, std::string_view hash, std::string text) {
  if (known.size() >= options.pins) {
    return fail(ErrorCode::kTooLarge, "too many tool definitions are pinned (" + std::to_string(known.size()) + ")",
                "forget some: interlock pins reset --server NAME");
  }
  PinState state{.status = options.trust_first_use ? PinStatus::kTrusted : PinStatus::kNew,
                 .pinned_hash = {},
                 .seen_hash = std::string(hash),
                 .summary = {},
                 .first = true};
  if (options.trust_first_use) {
    state.pinned_hash = pin.pinned_hash = hash;
    pin.pinned_text = std::move(text);
    pin.pinned_ms = clock.now_ms();
    pin.pinned_by = "first use";
  } else {
    pin.seen_hash = hash;
    pin.seen_text = std::move(text);
    pin.seen_ms = clock.now_ms();
  }
  if (auto written = write(pin, store::kAbsent); !written) return fail(std::move(written.error()));
  return state;
}

Result<PinState> PinBook::State::changed(Read read, std::string_view hash, std::string text) {
  Pin& pin = read.pin;
  pin.seen_hash = hash;
  pin.seen_text = std::move(text);
  pin.seen_ms = clock.now_ms();
  if (auto written = write(pin, read.revision); !written) return fail(std::move(written.error()));
  return PinState{.status = pin.status(),
                  .pinned_hash = pin.pinned_hash,
                  .seen_hash = pin.seen_hash,
                  .summary = known[key_of(pin.server, pin.tool)].summary,
                  .first = true};
}

Result<PinState> PinBook::State::check(std::string_view server, std::string_view tool, const json::value& definition) {
  if (server.empty() || tool.empty() || server.find('\n') != std::string_view::npos)
    return fail(ErrorCode::kInvalid, "a tool to check has no name");
  if (auto fresh = refresh(false); !fresh) return fail(std::move(fresh.error()));
  const std::string form = pinned_form(definition);
  const std::string hash = to_hex(sha256(form));
  const auto key = key_of(server, tool);
  for (int tries = 0; tries < kTries; ++tries) {
    Result<PinState> answer = fail(ErrorCode::kConflict, {});
    if (const auto it = known.find(key); it == known.end()) {
      Pin pin;
      pin.server = server;
      pin.tool = tool;
      answer = first_use(std::move(pin), hash, cut(form, options.definition_bytes));
    } else {
      const auto& fact = it->second;
      if (fact.pinned_hash == hash)
        return PinState{.status = PinStatus::kTrusted, .pinned_hash = hash, .seen_hash = hash, .summary = {}, .first = false};
      if (fact.seen_hash == hash) {
        const auto status = fact.pinned_hash.empty() ? PinStatus::kNew : PinStatus::kChanged;
        return PinState{.status = status, .pinned_hash = fact.pinned_hash, .seen_hash = hash, .summary = fact.summary, .first = false};
      }
      auto present = read(server, tool);
      if (!present) return fail(std::move(present.error()));
      if (*present && (*present)->revision == fact.revision)
        answer = changed(std::move(**present), hash, cut(form, options.definition_bytes));
    }
    if (answer || answer.error().code != ErrorCode::kConflict) return answer;
    if (auto fresh = refresh(true); !fresh) return fail(std::move(fresh.error()));
  }
  return fail(ErrorCode::kUnavailable, "the pin of tool " + std::string(tool) + " is changed by others all the time", "try again");
}

PinBook::PinBook(store::Store& store, const Clock& clock, PinOptions options)
    : state_(new State{.store = store, .clock = clock, .options = options}) {}
PinBook::~PinBook() = default;

Result<PinState> PinBook::check(std::string_view server, std::string_view tool, const json::value& definition) {
  auto answer = state_->check(server, tool, definition);
  // Room for more pins shows as a change of the pins that are known.
  if (!answer && answer.error().code != ErrorCode::kTooLarge) state_->retry = true;
  return answer;
}

Result<std::size_t> PinBook::trust(std::string_view server, std::string_view tool, std::string_view seen_hash, std::string_view by) {
  auto& state = *state_;
  if (server.empty() || (tool.empty() && !seen_hash.empty()))
    return fail(ErrorCode::kInvalid, "say which server, and which tool where a hash is given");
  auto all = state.read_all(server);
  if (!all) return fail(std::move(all.error()));
  std::size_t found = 0;
  std::size_t trusted = 0;
  for (auto& [pin, revision] : *all) {
    if (!tool.empty() && pin.tool != tool) continue;
    ++found;
    if (pin.seen_hash.empty()) continue;
    if (!seen_hash.empty() && pin.seen_hash != seen_hash) {
      return fail(ErrorCode::kConflict, "the definition of tool " + pin.tool + " has changed again since it was looked at",
                  "look again: interlock pins list --server " + pin.server);
    }
    pin.pinned_hash = std::exchange(pin.seen_hash, {});
    pin.pinned_text = std::exchange(pin.seen_text, {});
    pin.pinned_ms = state.clock.now_ms();
    pin.pinned_by = cut(by, kByBytes);
    pin.seen_ms = 0;
    auto written = state.write(pin, revision);
    if (trusted > 0 || written) ++state.epoch;
    if (!written) return fail(std::move(written.error()));
    ++trusted;
  }
  const std::string what =
      tool.empty() ? "server " + std::string(server) : "tool " + std::string(tool) + " of server " + std::string(server);
  if (found == 0) return fail(ErrorCode::kNotFound, "nothing is pinned of " + what, "see `interlock pins list`");
  if (trusted == 0) return fail(ErrorCode::kConflict, "nothing of " + what + " waits for trust", "see `interlock pins list`");
  return trusted;
}

Result<std::size_t> PinBook::reset(std::string_view server, std::string_view tool) {
  auto& state = *state_;
  if (server.empty() && !tool.empty()) return fail(ErrorCode::kInvalid, "say of which server the tool is");
  auto all = state.read_all(server);
  if (!all) return fail(std::move(all.error()));
  std::size_t forgotten = 0;
  for (const auto& [pin, revision] : *all) {
    if (!tool.empty() && pin.tool != tool) continue;
    const auto key = key_of(pin.server, pin.tool);
    if (auto removed = state.store.remove(kBucket, key); !removed) return fail(std::move(removed.error()));
    state.known.erase(key);
    ++state.epoch;
    ++forgotten;
  }
  if (forgotten == 0 && !server.empty()) {
    return fail(ErrorCode::kNotFound,
                "nothing is pinned of " + (tool.empty() ? "" : "tool " + std::string(tool) + " of ") + "server " + std::string(server),
                "see `interlock pins list`");
  }
  return forgotten;
}

Result<std::vector<Pin>> PinBook::list() const {
  auto all = state_->read_all({});
  if (!all) return fail(std::move(all.error()));
  std::vector<Pin> out;
  for (auto& entry : *all) out.push_back(std::move(entry.pin));
  return out;
}

std::uint64_t PinBook::epoch() {
  (void)state_->refresh(false);  // what fails here is reported by check(), which the caller asks again
  return state_->epoch;
}

}  // namespace interlock::approval
