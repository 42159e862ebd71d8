#include "approval/approvals.hpp"

#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <map>
#include <tuple>
#include <utility>

#include "base/ids.hpp"

namespace interlock::approval {
namespace {

constexpr std::string_view kBucket = "approvals";
constexpr std::size_t kPage = 64;                // records read at once
constexpr std::size_t kRecordBytes = 64 * 1024;  // of a record, beside its arguments
constexpr std::size_t kReasonBytes = 2000;
constexpr std::size_t kNameBytes = 200;
constexpr int kIdTries = 16;
constexpr std::size_t kDigestCharacters = 64;
constexpr std::int64_t kForgetEveryMs = 3'600'000;
constexpr std::size_t kHistory = 10'000;

// Six characters are for people to type. They need not be unguessable: knowing an id gives no right to decide.
std::string new_short_id() {
  static constexpr char kAlphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";
  std::string id = random_bytes(6);
  for (char& c : id) c = kAlphabet[static_cast<unsigned char>(c) & 31];
  return id;
}

std::string bounded(std::string_view text, std::size_t limit) {
  if (text.size() > limit) {
    while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xC0) == 0x80) --limit;  // never half a character
    text = text.substr(0, limit);
  }
  return std::string(text);
}

std::string record_text(const Approval& approval) { return json::write(to_json(approval)); }

Result<Approval> record_from(std::string_view text) {
  auto document = json::parse(text);
  if (!document) return fail(std::move(document.error()));
  return approval_from_json(*document);
}

Status for_each_record(store::Store& store, const std::function<void(const store::KeyedEntry&)>& visit) {
  std::string after;
  for (;;) {
    auto page = store.scan(kBucket, {}, kPage, after);
    if (!page) return fail(std::move(page.error()));
    for (const auto& entry : *page) visit(entry);
    if (page->size() < kPage) return {};
    after = page->back().key;
  }
}

// Can the gate that held this act still use it? Where it cannot be asked (another namespace of pids), until the act expires.
bool holder_is_gone(const ProcessTable& table, const std::string& place, const Approval& approval, UnixMs now_ms) {
  if (approval.place == place) return !is_alive(table, approval.holder);
  const auto boot = [](std::string_view text) { return text.substr(0, text.find('/')); };
  return boot(approval.place) != boot(place) || approval.request.expires_ms <= now_ms;
}

std::unexpected<Error> not_held(std::string_view id) {
  return fail(ErrorCode::kNotFound, "this gate holds no approval " + bounded(id, kNameBytes), "see `interlock approvals`");
}

std::unexpected<Error> closed(const Approval& approval) {
  const std::string message = "approval " + approval.id + " is " + std::string(state_name(approval.state)) + " already";
  if (approval.state == ApprovalState::kExpired) return fail(ErrorCode::kExpired, message, "the agent must ask again");
  return fail(ErrorCode::kConflict, message, "a yes is for one act, once; the agent must ask again");
}

}  // namespace

struct ApprovalBook::State {
  struct Held {
    Approval approval;  // pending or approved
    store::Revision revision = store::kAbsent;
  };
  struct Barred {
    ProcessMark mark;
    std::size_t times = 0;
  };

  State(store::Store& the_store, const Clock& the_clock, const ProcessTable& the_table, ApprovalOptions the_options, OnDecided told)
      : store(the_store), clock(the_clock), table(the_table), options(std::move(the_options)), on_decided(std::move(told)) {
    self = mark_of(table, static_cast<int>(::getpid()));
    place = table.place();
    if (options.service_uid < 0) options.service_uid = static_cast<int>(::geteuid());
  }

  store::Store& store;
  const Clock& clock;
  const ProcessTable& table;
  ApprovalOptions options;
  OnDecided on_decided;
  ProcessMark self;
  std::string place;
  std::map<std::string, Held, std::less<>> held;
  std::map<int, Barred> barred;
  UnixMs forget_at_ms = 0;

  Status sweep();
  Approval close(std::map<std::string, Held, std::less<>>::iterator it, ApprovalState end, std::string_view why);
  Result<store::Revision> write(const Approval& approval, store::Revision revision) {
    return store.compare_and_set(kBucket, approval.id, record_text(approval), revision);
  }
  std::optional<Approval> stored(std::string_view id) const;
  std::unexpected<Error> refusal_for(std::string_view id) const;
  Status check_approver(const ProcessMark& client, const Approver& approver) const;
  std::string text_of(const Approver& approver) const;
};

// Marks held acts of dead gates as lapsed and forgets what is old. What is of another format, or is changed meanwhile, is left.
Status ApprovalBook::State::sweep() {
  const UnixMs now_ms = clock.now_ms();
  forget_at_ms = now_ms + kForgetEveryMs;
  std::optional<Error> trouble;
  const auto note = [&](const Error& error) {
    if (error.code != ErrorCode::kConflict && !trouble) trouble = error;
  };
  auto scanned = for_each_record(store, [&](const store::KeyedEntry& entry) {
    auto approval = record_from(entry.value);
    if (!approval || approval->id != entry.key || held.contains(entry.key)) return;
    if (is_open(approval->state)) {
      if (!holder_is_gone(table, place, *approval, now_ms)) return;
      approval->state = ApprovalState::kLapsed;
      approval->decided_ms = now_ms;
      approval->decision_reason = "the gate that held the act ended";
      if (auto written = write(*approval, entry.revision); !written) note(written.error());
    } else if (std::max(approval->requested_ms, approval->decided_ms) + options.keep_ms <= now_ms) {
      if (auto removed = store.compare_and_remove(kBucket, entry.key, entry.revision); !removed) note(removed.error());
    }
  });
  if (!scanned) return scanned;
  if (trouble) return fail(std::move(*trouble));
  return {};
}

// Ends a held act without its being done. Memory is the truth, so this holds whether or not the store can be written; where the
// record there was changed by someone else it is set right.
Approval ApprovalBook::State::close(std::map<std::string, Held, std::less<>>::iterator it, ApprovalState end, std::string_view why) {
  Held entry = std::move(it->second);
  held.erase(it);
  Approval& approval = entry.approval;
  assert(may_follow(approval.state, end));
  approval.state = end;
  approval.decided_ms = clock.now_ms();
  approval.decision_reason = bounded(why, kReasonBytes);
  if (auto written = write(approval, entry.revision); !written && written.error().code == ErrorCode::kConflict) {
    (void)store.put(kBucket, approval.id, record_text(approval));
  }
  return std::move(approval);
}

std::optional<Approval> ApprovalBook::State::stored(std::string_view id) const {
  const auto entry = store.get(kBucket, id);
  if (!entry || !*entry) return std::nullopt;
  auto approval = record_from((*entry)->value);
  if (!approval || approval->id != id) return std::nullopt;
  return std::move(*approval);
}

// Why an act that is not held here cannot be decided on or used.
std::unexpected<Error> ApprovalBook::State::refusal_for(std::string_view id) const {
  const auto record = stored(id);
  if (!record) return not_held(id);
  if (!is_open(record->state)) return closed(*record);
  return fail(ErrorCode::kNotFound, "approval " + record->id + " is held by another gate (pid " + std::to_string(record->holder.pid) + ")",
              "ask that gate");
}

Status ApprovalBook::State::check_approver(const ProcessMark& client, const Approver& approver) const {
  if (approver.channel != Channel::kAdminSocket || approver.pid <= 0 || approver.uid < 0) {
    return fail(ErrorCode::kDenied, "nobody knows who wants to decide", "use `interlock approve` or `interlock deny`");
  }
  if (approver.uid != options.service_uid && approver.uid != 0) {
    return fail(ErrorCode::kDenied, "user " + std::to_string(approver.uid) + " may not decide for this gate",
                "use the user that runs it, or root");
  }
  std::vector<ProcessMark> marks = {self};
  for (const auto& [pid, entry] : barred) marks.push_back(entry.mark);
  return may_speak_for_human(table, approver.pid, client, marks);
}

std::string ApprovalBook::State::text_of(const Approver& approver) const {
  const std::string name = bounded(approver.name, kNameBytes);
  if (approver.channel == Channel::kElicitation) return name.empty() ? "the agent's client" : "the agent's client (" + name + ")";
  const auto facts = table.find(approver.pid);
  return (name.empty() ? "someone" : name) + " (uid " + std::to_string(approver.uid) + ", pid " + std::to_string(approver.pid) +
         (facts && !facts->name.empty() ? " " + facts->name : "") + ")";
}

ApprovalBook::ApprovalBook(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<ApprovalBook>> ApprovalBook::open(store::Store& store, const Clock& clock, const ProcessTable& table,
                                                         ApprovalOptions options, OnDecided on_decided) {
  auto state = std::make_unique<State>(store, clock, table, std::move(options), std::move(on_decided));
  // Without a mark of its own, the next gate could not tell whether this one is alive.
  if (!state->self.known()) return fail(ErrorCode::kUnsupported, "the kernel does not tell of this process in /proc", "mount /proc");
  if (auto swept = state->sweep(); !swept) return fail(std::move(swept.error()));
  return std::unique_ptr<ApprovalBook>(new ApprovalBook(std::move(state)));
}

ApprovalBook::~ApprovalBook() {
  while (!state_->held.empty()) state_->close(state_->held.begin(), ApprovalState::kLapsed, "the gate that held the act ended");
}

Result<Approval> ApprovalBook::request(ApprovalRequest request) {
  auto& state = *state_;
  const UnixMs now_ms = state.clock.now_ms();
  if (request.digest.size() != kDigestCharacters || request.subject.empty())
    return fail(ErrorCode::kInvalid, "the act to approve names no digest or no subject");
  if (request.expires_ms <= now_ms) return fail(ErrorCode::kInvalid, "the offer would have expired already");
  if (state.held.size() >= state.options.pending) {
    return fail(ErrorCode::kUnavailable, "too many acts wait for a human (" + std::to_string(state.held.size()) + ")",
                "decide on some: see `interlock approvals`");
  }
  const auto of_subject = std::count_if(state.held.begin(), state.held.end(),
                                        [&](const auto& pair) { return pair.second.approval.request.subject == request.subject; });
  if (static_cast<std::size_t>(of_subject) >= state.options.pending_per_subject) {
    return fail(ErrorCode::kUnavailable, "too many acts of this subject wait for a human (" + std::to_string(of_subject) + ")",
                "decide on some: see `interlock approvals`");
  }
  const auto& judged = request.shown_arguments.is_null() ? request.arguments : request.shown_arguments;
  if (json::write(judged).size() > state.options.argument_bytes) {
    return fail(ErrorCode::kTooLarge, "the arguments are too long for a human to judge", "split the act into smaller ones");
  }
  Approval approval;
  approval.request = std::move(request);
  approval.requested_ms = now_ms;
  approval.holder = state.self;
  approval.place = state.place;
  approval.client = mark_of(state.table, approval.request.client_pid);
  for (int tries = 0; tries < kIdTries; ++tries) {
    approval.id = new_short_id();
    const std::string text = record_text(approval);
    if (text.size() > state.options.argument_bytes + kRecordBytes)
      return fail(ErrorCode::kTooLarge, "the act is too long for a human to judge", "split it into smaller ones");
    auto revision = state.store.compare_and_set(kBucket, approval.id, text, store::kAbsent);
    if (revision) {
      state.held[approval.id] = {approval, *revision};
      return approval;
    }
    if (revision.error().code != ErrorCode::kConflict) return fail(std::move(revision.error()));
  }
  return fail(ErrorCode::kUnavailable, "no free id for an approval was found", "try again");
}

Result<Approval> ApprovalBook::decide(std::string_view typed, bool yes, const Approver& approver, std::string_view reason,
                                      std::string_view shown_digest) {
  auto& state = *state_;
  const std::string id = normalize_id(typed);
  if (id.empty()) return not_held(typed);
  const auto it = state.held.find(id);
  if (it == state.held.end()) return state.refusal_for(id);
  const Approval& held = it->second.approval;
  if (held.state != ApprovalState::kPending) return closed(held);
  const UnixMs now_ms = state.clock.now_ms();
  if (now_ms >= held.request.expires_ms) {
    const Approval ended = state.close(it, ApprovalState::kExpired, "nobody decided in time");
    if (state.on_decided) state.on_decided(ended);
    return closed(ended);
  }
  if (auto allowed = may_decide(held, approver); !allowed && (yes || approver.channel != Channel::kElicitation))
    return fail(std::move(allowed.error()));
  if (!shown_digest.empty() && shown_digest != held.request.digest) {
    return fail(ErrorCode::kDenied, "what was shown is not what approval " + id + " is for",
                "look at it again: `interlock approvals " + id + "`");
  }
  if (yes && state.options.passphrase) {
    if (auto verified = state.options.passphrase->verify(approver.passphrase, now_ms); !verified) return fail(std::move(verified.error()));
  }

  const std::string who = state.text_of(approver);
  if (!yes) {
    it->second.approval.approver = who;
    it->second.approval.channel = approver.channel;
    Approval denied = state.close(it, ApprovalState::kDenied, reason);
    if (state.on_decided) state.on_decided(denied);
    return denied;
  }
  Approval approved = held;
  approved.state = ApprovalState::kApproved;
  approved.decided_ms = now_ms;
  approved.channel = approver.channel;
  approved.approver = who;
  approved.decision_reason = bounded(reason, kReasonBytes);
  auto revision = state.write(approved, it->second.revision);
  if (!revision) {
    if (revision.error().code != ErrorCode::kConflict) return fail(std::move(revision.error()));  // not on disk: it still waits
    const Approval ended = state.close(it, ApprovalState::kLapsed, "its record was changed in the store by someone else");
    if (state.on_decided) state.on_decided(ended);
    return fail(ErrorCode::kConflict, "the record of approval " + id + " was changed by someone else: the act is refused",
                "find out who writes into the state folder");
  }
  it->second = {approved, *revision};
  if (state.on_decided) state.on_decided(approved);
  return approved;
}

Status ApprovalBook::consume(std::string_view id, std::string_view digest) {
  auto& state = *state_;
  const auto it = state.held.find(id);
  if (it == state.held.end()) return state.refusal_for(id);
  const Approval& held = it->second.approval;
  if (held.state != ApprovalState::kApproved) return fail(ErrorCode::kConflict, "approval " + held.id + " is not approved");
  if (state.clock.now_ms() >= held.request.expires_ms) return closed(state.close(it, ApprovalState::kExpired, "it was not used in time"));
  if (digest != held.request.digest) {
    state.close(it, ApprovalState::kLapsed, "the act is not the one that was approved");
    return fail(ErrorCode::kDenied, "the act is not the one that was approved: subject, task, arguments, policy or names have changed",
                "ask again");
  }
  Approval consumed = held;
  consumed.state = ApprovalState::kConsumed;
  if (auto revision = state.write(consumed, it->second.revision); !revision) {
    // Whether the write is on disk may be unknown, so the yes is gone either way.
    state.close(it, ApprovalState::kLapsed, "its use could not be recorded");
    if (revision.error().code != ErrorCode::kConflict) return fail(std::move(revision.error()));
    return fail(ErrorCode::kConflict, "the record of approval " + consumed.id + " was changed by someone else",
                "find out who writes into the state folder");
  }
  state.held.erase(it);
  return {};
}

void ApprovalBook::withdraw(std::string_view id, std::string_view why) {
  if (const auto it = state_->held.find(id); it != state_->held.end()) state_->close(it, ApprovalState::kWithdrawn, why);
}

std::size_t ApprovalBook::expire_due() {
  auto& state = *state_;
  const UnixMs now_ms = state.clock.now_ms();
  std::vector<std::string> due;
  for (const auto& [id, entry] : state.held) {
    if (now_ms >= entry.approval.request.expires_ms) due.push_back(id);
  }
  std::size_t ended = 0;
  for (const auto& id : due) {
    const auto it = state.held.find(id);  // a callback may have ended it
    if (it == state.held.end()) continue;
    const bool was_pending = it->second.approval.state == ApprovalState::kPending;
    const Approval approval = state.close(it, ApprovalState::kExpired, was_pending ? "nobody decided in time" : "it was not used in time");
    ++ended;
    if (state.on_decided) state.on_decided(approval);
  }
  if (now_ms >= state.forget_at_ms) (void)state.sweep();  // tried again in an hour
  return ended;
}

std::optional<UnixMs> ApprovalBook::next_expiry_ms() const {
  std::optional<UnixMs> next;
  for (const auto& [id, entry] : state_->held)
    next = std::min(next.value_or(entry.approval.request.expires_ms), entry.approval.request.expires_ms);
  return next;
}

Status ApprovalBook::may_decide(const Approval& approval, const Approver& approver) const {
  if (approver.channel == Channel::kElicitation) {
    if (state_->options.elicitation_counts) return {};
    return fail(ErrorCode::kDenied, "a yes through the agent's own client does not count",
                "decide with `interlock approve " + approval.id + "`");
  }
  return state_->check_approver(approval.client, approver);
}

Status ApprovalBook::may_administer(const Approver& approver) const {
  if (auto allowed = state_->check_approver({}, approver); !allowed) return allowed;
  for (const auto& [id, entry] : state_->held) {
    if (auto allowed = state_->check_approver(entry.approval.client, approver); !allowed) return allowed;
  }
  return {};
}

void ApprovalBook::bar(int pid) {
  const auto mark = mark_of(state_->table, pid);
  if (!mark.known()) return;
  auto& entry = state_->barred[pid];
  if (entry.mark != mark) entry = {mark, 0};  // another process that got the number
  ++entry.times;
}

void ApprovalBook::unbar(int pid) {
  const auto it = state_->barred.find(pid);
  if (it != state_->barred.end() && --it->second.times == 0) state_->barred.erase(it);
}

std::vector<Approval> ApprovalBook::pending() const {
  std::map<store::Revision, const Approval*> by_age;  // the revision of a pending one is that of its request
  for (const auto& [id, entry] : state_->held) {
    if (entry.approval.state == ApprovalState::kPending) by_age[entry.revision] = &entry.approval;
  }
  std::vector<Approval> out;
  for (const auto& [revision, approval] : by_age) out.push_back(*approval);
  return out;
}

std::optional<Approval> ApprovalBook::find(std::string_view typed) const {
  const std::string id = normalize_id(typed);
  if (id.empty()) return std::nullopt;
  if (const auto it = state_->held.find(id); it != state_->held.end()) return it->second.approval;
  return state_->stored(id);
}

Result<std::vector<Approval>> ApprovalBook::history(std::size_t limit) const {
  limit = std::min(limit, kHistory);
  std::vector<Approval> out;
  const auto newest_first = [](const Approval& a, const Approval& b) {
    return std::tie(b.requested_ms, b.id) < std::tie(a.requested_ms, a.id);
  };
  const auto keep = [&] {
    std::sort(out.begin(), out.end(), newest_first);
    if (out.size() > limit) out.resize(limit);
  };
  auto scanned = for_each_record(state_->store, [&](const store::KeyedEntry& entry) {
    // What is held here is told from memory: its record may say anything.
    const auto held = state_->held.find(entry.key);
    if (held != state_->held.end()) out.push_back(held->second.approval);
    else if (auto approval = record_from(entry.value); approval && approval->id == entry.key) out.push_back(std::move(*approval));
    if (out.size() >= 2 * limit + kPage) keep();
  });
  if (!scanned) return fail(std::move(scanned.error()));
  keep();
  return out;
}

}  // namespace interlock::approval
