#include "ledger/ledger.hpp"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>

#include "ledger/opening.hpp"
#include "ledger/receipt_text.hpp"

namespace interlock::ledger {
namespace {

using Steady = std::chrono::steady_clock;
using std::chrono::milliseconds;

// Signing every record would cost more than it tells: a checkpoint speaks of a full tile, or of what has waited this long.
constexpr std::uint64_t kPublishRecords = tlog::kTileWidth;
constexpr milliseconds kPublishAfter{10'000};
constexpr milliseconds kPublishPause{1'000};   // between two checkpoints at least
constexpr int kPublisherNice = 10;             // acts come first where processors are short
constexpr std::uint64_t kBusyRecords = 4'096;  // published at once: a load under which the index waits for a query or for quiet

struct Waiter {
  Sequence sequence;
  std::function<void(Status)> done;
};

}  // namespace

struct Ledger::State {
  Options options;
  HeldLog held;
  tlog::Signer signer;  // named as the log
  std::vector<std::string> notices;
  std::string line;         // reused by append()
  std::uint64_t bytes = 0;  // of the log file; the loop's own

  std::mutex mutex;  // guards what follows
  std::condition_variable sync_wanted;
  std::condition_variable publish_wanted;
  Sequence written = 0;  // records in the page cache
  std::uint64_t written_bytes = 0;
  Sequence durable = 0;  // records on disk
  std::uint64_t durable_bytes = 0;
  Steady::time_point oldest{};       // when the first record that is not on disk was written
  std::deque<Waiter> waiters;        // in order of their calls
  std::optional<Error> failed;       // nothing is appended any more
  std::optional<Error> unpublished;  // why the last attempt to publish failed
  bool sync_idle = false;
  bool stopping = false;
  bool synced_out = false;  // the syncing thread has ended: the publisher may end too

  std::thread syncer;
  std::thread publisher;

  explicit State(tlog::Signer own) : signer(std::move(own)) {}

  void sync_until_stopped();
  void publish_until_stopped();
  Status publish(std::optional<Publisher>& publisher_now, std::uint64_t end, std::uint64_t index_at_most);
};

Ledger::Ledger(std::unique_ptr<State> state) : state_(std::move(state)) {}
const std::filesystem::path& Ledger::log_folder() const { return state_->held.paths.folder; }
const std::vector<std::string>& Ledger::notices() const { return state_->notices; }

std::optional<Error> Ledger::trouble() const {
  const std::lock_guard lock(state_->mutex);
  return state_->failed ? state_->failed : state_->unpublished;
}

Result<std::unique_ptr<Ledger>> Ledger::open(Options options, const Clock& clock) {
  if (auto status = make_folder(options.folder); !status) return fail(std::move(status.error()));
  auto key = read_or_make_key(options.folder, options.origin);
  if (!key) return fail(std::move(key.error()));
  std::vector<std::string> notices;
  auto held = take_log(options.folder, *key, rfc3339(clock.now_ms()), notices);
  if (!held) return fail(std::move(held.error()));
  auto own = key->renamed(log_origin(key->verifier().name, held->paths.name()));
  if (!own) return fail(std::move(own.error()));

  auto state = std::make_unique<State>(std::move(*own));
  state->options = std::move(options);
  state->notices = std::move(notices);
  state->held = std::move(*held);
  state->bytes = state->held.bytes;
  state->written = state->held.records;
  state->written_bytes = state->held.bytes;
  // What a former process wrote may still be in the page cache only.
  if (::fdatasync(state->held.log.fd()) != 0)
    return fail(system_error("cannot make the ledger in " + state->held.paths.folder.string() + " durable", errno));
  state->durable = state->written;
  state->durable_bytes = state->written_bytes;

  // Signals are the loop's.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  auto* raw = state.get();
  state->syncer = std::thread([raw] { raw->sync_until_stopped(); });
  state->publisher = std::thread([raw] { raw->publish_until_stopped(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return std::unique_ptr<Ledger>(new Ledger(std::move(state)));
}

Ledger::~Ledger() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->sync_wanted.notify_one();
  state_->syncer.join();
  state_->publish_wanted.notify_one();
  state_->publisher.join();
}

Result<Sequence> Ledger::append(const model::Receipt& receipt) {
  auto& state = *state_;
  auto text = receipt_text(receipt);
  if (!text) return fail(std::move(text.error()));
  {
    const std::lock_guard lock(state.mutex);
    if (state.failed) return fail(*state.failed);
  }
  write_line(state.line, *text);
  std::string_view rest = state.line;
  while (!rest.empty()) {
    const auto count = ::write(state.held.log.fd(), rest.data(), rest.size());
    if (count > 0) {
      rest.remove_prefix(static_cast<std::size_t>(count));
      continue;
    }
    if (count < 0 && errno == EINTR) continue;
    auto error = system_error("cannot write the ledger in " + state.held.paths.folder.string(), count < 0 ? errno : ENOSPC);
    error.hint = "free disk space; acts are denied until receipts can be written";
    if (rest.size() < state.line.size() && ::ftruncate(state.held.log.fd(), static_cast<off_t>(state.bytes)) != 0) {
      const std::lock_guard lock(state.mutex);
      state.failed =
          Error{ErrorCode::kIo, "half a record stands at the end of the ledger and cannot be cut off", "free disk space, then start again"};
    }
    return fail(std::move(error));
  }
  state.bytes += state.line.size();
  bool wake = false;
  Sequence sequence = 0;
  {
    const std::lock_guard lock(state.mutex);
    if (state.written == state.durable) state.oldest = Steady::now();
    sequence = state.written++;
    state.written_bytes = state.bytes;
    wake = std::exchange(state.sync_idle, false);
  }
  if (wake) state.sync_wanted.notify_one();
  return sequence;
}

void Ledger::when_durable(Sequence sequence, std::function<void(Status)> done) {
  auto& state = *state_;
  std::unique_lock lock(state.mutex);
  if (sequence >= state.written) {
    lock.unlock();
    state.options.post([done = std::move(done)] { done(fail(ErrorCode::kInternal, "no such record was appended")); });
    return;
  }
  if (state.failed || (sequence < state.durable && state.waiters.empty())) {
    Status status;
    if (state.failed && sequence >= state.durable) status = fail(*state.failed);
    lock.unlock();
    state.options.post([done = std::move(done), status = std::move(status)] { done(status); });
    return;
  }
  state.waiters.push_back({sequence, std::move(done)});
  lock.unlock();
  state.sync_wanted.notify_one();
}

void Ledger::State::sync_until_stopped() {
  pthread_setname_np(pthread_self(), "ledger-sync");
  std::unique_lock lock(mutex);
  for (;;) {
    while (!stopping && waiters.empty() && (failed || written == durable)) {
      sync_idle = true;
      sync_wanted.wait(lock);
      sync_idle = false;
    }
    if (!stopping && waiters.empty()) {
      sync_wanted.wait_until(lock, oldest + milliseconds(options.flush_ms), [&] { return stopping || !waiters.empty(); });
    }
    if (stopping && waiters.empty() && (failed || written == durable)) break;
    const auto target = written;
    const auto target_bytes = written_bytes;
    const auto taken = Steady::now();
    std::optional<Error> error = failed;
    if (!error && target > durable) {
      lock.unlock();
      const int code = ::fdatasync(held.log.fd()) == 0 ? 0 : errno;
      lock.lock();
      if (code != 0) {
        error = system_error("cannot make the ledger in " + held.paths.folder.string() + " durable", code);
        error->hint = "look after the disk, then start again";
        failed = error;
      } else {
        durable = target;
        durable_bytes = target_bytes;
        oldest = taken;  // what came since is younger than this
      }
    }
    auto answered = std::make_shared<std::vector<std::pair<std::function<void(Status)>, Status>>>();
    while (!waiters.empty() && (error || waiters.front().sequence < durable)) {
      Status status;
      if (waiters.front().sequence >= durable) status = fail(*error);
      answered->emplace_back(std::move(waiters.front().done), std::move(status));
      waiters.pop_front();
    }
    const bool publish_now = durable - held.published >= kPublishRecords;
    lock.unlock();
    if (!answered->empty()) {
      options.post([answered] {
        for (auto& [done, status] : *answered) done(std::move(status));
      });
    }
    if (publish_now) publish_wanted.notify_one();
    lock.lock();
  }
  synced_out = true;
}

// A publisher that failed has lost its place and is made anew.
Status Ledger::State::publish(std::optional<Publisher>& now, std::uint64_t end, std::uint64_t index_at_most) {
  if (!now) {
    auto own = signer.renamed(signer.verifier().name);
    if (!own) return fail(std::move(own.error()));
    auto checkpoint = read_checkpoint(held.paths, signer.verifier());
    if (!checkpoint) return fail(std::move(checkpoint.error()));
    now.emplace(held.paths, std::move(*own), read_boundary(held.paths), *checkpoint ? (*checkpoint)->size : 0);
  }
  auto status = now->publish(end, index_at_most);
  if (!status) now.reset();
  return status;
}

void Ledger::State::publish_until_stopped() {
  pthread_setname_np(pthread_self(), "ledger-publish");
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)), kPublisherNice);
  std::optional<Publisher> now;
  auto last = Steady::now() - kPublishPause;
  std::unique_lock lock(mutex);
  for (;;) {
    publish_wanted.wait_until(lock, last + kPublishAfter, [&] { return synced_out || durable - held.published >= kPublishRecords; });
    if (!synced_out && Steady::now() < last + kPublishPause) {
      publish_wanted.wait_until(lock, last + kPublishPause, [&] { return synced_out; });
    }
    const bool ending = synced_out;
    const auto target = durable;
    const auto end = durable_bytes;
    if (target > held.published) {
      const bool busy = target - held.published > kBusyRecords;
      lock.unlock();
      auto status = publish(now, end, ending ? kBusyRecords : busy ? 0 : UINT64_MAX);
      lock.lock();
      if (status) held.published = target;
      unpublished = status ? std::nullopt : std::optional(std::move(status.error()));
    }
    last = Steady::now();
    if (ending) break;
  }
}

}  // namespace interlock::ledger
