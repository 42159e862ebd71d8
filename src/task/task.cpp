#include "task/task.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/ids.hpp"

namespace interlock::task {
namespace {

constexpr std::size_t kSeconds = 60;
// Ended tasks and stopped sessions that are remembered, so that a late act is told why.
constexpr std::size_t kRemembered = 4096;

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

using SessionView = std::pair<std::string_view, std::string_view>;
struct SessionKey {
  std::string subject;
  std::string session;
};
struct SessionHash {
  using is_transparent = void;
  static std::size_t mix(std::string_view a, std::string_view b) {
    const std::hash<std::string_view> hash;
    return hash(a) * 0x9E3779B97F4A7C15ull + hash(b);
  }
  std::size_t operator()(const SessionKey& key) const { return mix(key.subject, key.session); }
  std::size_t operator()(const SessionView& key) const { return mix(key.first, key.second); }
};
struct SessionEqual {
  using is_transparent = void;
  static SessionView view(const SessionKey& key) { return {key.subject, key.session}; }
  static SessionView view(const SessionView& key) { return key; }
  template <typename A, typename B>
  bool operator()(const A& a, const B& b) const {
    return view(a) == view(b);
  }
};

// Calls of the last minute, to the second: a ring that is cleared as time passes over it.
class MinuteCount {
 public:
  void add(UnixMs now_ms) {
    turn_to(now_ms / 1000);
    ++ring_[static_cast<std::size_t>(second_ % static_cast<std::int64_t>(kSeconds))];
    ++total_;
  }
  std::int64_t at(UnixMs now_ms) const {
    const std::int64_t passed = now_ms / 1000 - second_;
    if (passed <= 0) return total_;
    if (passed >= static_cast<std::int64_t>(kSeconds)) return 0;
    std::int64_t left = total_;
    for (std::int64_t i = 1; i <= passed; ++i) left -= ring_[static_cast<std::size_t>((second_ + i) % static_cast<std::int64_t>(kSeconds))];
    return left;
  }

 private:
  // A clock that goes back leaves the ring where it is: calls are never forgotten early.
  void turn_to(std::int64_t second) {
    if (second <= second_) return;
    const std::int64_t steps = std::min<std::int64_t>(second - second_, kSeconds);
    for (std::int64_t i = 0; i < steps; ++i) {
      auto& slot = ring_[static_cast<std::size_t>((second - i) % static_cast<std::int64_t>(kSeconds))];
      total_ -= slot;
      slot = 0;
    }
    second_ = second;
  }

  std::array<std::uint32_t, kSeconds> ring_{};
  std::int64_t second_ = 0;
  std::int64_t total_ = 0;
};

struct OpenTask {
  model::Task task;
  MinuteCount minute;
  std::string subject;
  std::string owner;
  std::string session;
};

}  // namespace

struct TaskBook::State {
  TaskOptions options;
  std::function<void(const TaskEvent&)> on_event;
  std::unordered_map<std::string, std::unique_ptr<OpenTask>, TextHash, std::equal_to<>> tasks;
  std::unordered_map<SessionKey, OpenTask*, SessionHash, SessionEqual> sessions;
  std::unordered_map<std::string, std::size_t, TextHash, std::equal_to<>> per_subject;
  std::set<std::pair<UnixMs, std::string>> by_expiry;
  std::unordered_map<SessionKey, std::string, SessionHash, SessionEqual> stopped;  // session -> reason
  std::deque<SessionKey> stopped_order;
  std::unordered_map<std::string, std::string, TextHash, std::equal_to<>> ended;  // task id -> reason
  std::deque<std::string> ended_order;

  void remember_end(const std::string& id, std::string_view reason) {
    if (ended_order.size() >= kRemembered) {
      ended.erase(ended_order.front());
      ended_order.pop_front();
    }
    ended.emplace(id, std::string(reason));
    ended_order.push_back(id);
  }

  void remember_stop(SessionKey key, std::string_view reason) {
    if (!stopped.emplace(key, std::string(reason)).second) return;
    stopped_order.push_back(std::move(key));
    if (stopped_order.size() > kRemembered) {
      stopped.erase(stopped_order.front());
      stopped_order.pop_front();
    }
  }

  void forget_stop(std::string_view subject, std::string_view session) {
    const auto it = stopped.find(SessionView{subject, session});
    if (it == stopped.end()) return;
    stopped.erase(it);
    std::erase_if(stopped_order, [&](const SessionKey& key) { return key.subject == subject && key.session == session; });
  }

  void finish(OpenTask& open, std::string_view reason, UnixMs now_ms) {
    by_expiry.erase({open.task.expires_ms, open.task.id});
    sessions.erase(sessions.find(SessionView{open.subject, open.session}));
    if (const auto it = per_subject.find(open.subject); it != per_subject.end() && --it->second == 0) per_subject.erase(it);
    remember_end(open.task.id, reason);
    const auto node = tasks.extract(open.task.id);  // keeps the task alive for the event
    if (on_event) on_event(TaskEvent{TaskChange::kEnded, open.task, open.subject, open.owner, open.session, reason, now_ms});
  }

  std::size_t expire(UnixMs now_ms) {
    std::size_t count = 0;
    while (!by_expiry.empty() && by_expiry.begin()->first <= now_ms) {
      finish(*tasks.find(by_expiry.begin()->second)->second, "expired", now_ms);
      ++count;
    }
    return count;
  }
};

TaskBook::TaskBook(TaskOptions options, std::function<void(const TaskEvent&)> on_event) : state_(std::make_unique<State>()) {
  state_->options = options;
  state_->on_event = std::move(on_event);
}

TaskBook::~TaskBook() = default;

Result<const model::Task*> TaskBook::open_implicit(const model::Subject& subject, std::string_view session, UnixMs now_ms) {
  auto& s = *state_;
  const SessionView key{subject.id, session};
  if (const auto it = s.sessions.find(key); it != s.sessions.end()) {
    if (it->second->task.expires_ms > now_ms) {
      it->second->task.calls_last_minute = it->second->minute.at(now_ms);
      return &it->second->task;
    }
    s.finish(*it->second, "expired", now_ms);
  }
  if (const auto it = s.stopped.find(key); it != s.stopped.end()) {
    return fail(ErrorCode::kDenied, "the task of this session was ended: " + it->second, "connect again once its owner allows it");
  }
  if (s.tasks.size() >= s.options.tasks) s.expire(now_ms);
  if (s.tasks.size() >= s.options.tasks) {
    return fail(ErrorCode::kUnavailable, "too many tasks are open (" + std::to_string(s.tasks.size()) + ")",
                "end sessions that are not used, or raise the bound");
  }
  const auto own = s.per_subject.find(subject.id);
  if (own != s.per_subject.end() && own->second >= s.options.tasks_per_subject) {
    return fail(ErrorCode::kUnavailable, "subject \"" + subject.id + "\" has too many open tasks (" + std::to_string(own->second) + ")",
                "end sessions that are not used, or raise the bound");
  }
  auto open = std::make_unique<OpenTask>();
  open->task.id = new_id("task", now_ms);
  open->task.purpose = "implicit";
  open->task.band_ceiling = s.options.band_ceiling;
  open->task.started_ms = now_ms;
  open->task.expires_ms = now_ms + s.options.lifetime_ms;
  open->subject = subject.id;
  open->owner = subject.owner;
  open->session = session;
  auto* raw = open.get();
  s.sessions.emplace(SessionKey{subject.id, std::string(session)}, raw);
  ++s.per_subject[subject.id];
  s.by_expiry.emplace(raw->task.expires_ms, raw->task.id);
  s.tasks.emplace(raw->task.id, std::move(open));
  if (s.on_event) s.on_event(TaskEvent{TaskChange::kOpened, raw->task, raw->subject, raw->owner, raw->session, {}, now_ms});
  return &raw->task;
}

Result<const model::Task*> TaskBook::admit(std::string_view task_id, UnixMs now_ms, model::Band band) {
  auto& s = *state_;
  const auto it = s.tasks.find(task_id);
  if (it == s.tasks.end()) {
    if (const auto past = s.ended.find(task_id); past != s.ended.end()) {
      if (past->second == "expired") return fail(ErrorCode::kExpired, "task " + std::string(task_id) + " has expired", "begin a new task");
      return fail(ErrorCode::kDenied, "task " + std::string(task_id) + " was ended: " + past->second,
                  "begin a new task once its owner allows it");
    }
    return fail(ErrorCode::kNotFound, "task " + std::string(task_id) + " does not exist", "begin a new task");
  }
  OpenTask& open = *it->second;
  if (open.task.expires_ms <= now_ms) {
    // Built first: `task_id` may be a view of what ends here.
    std::string message = "task " + std::string(task_id) + " expired at " + rfc3339(open.task.expires_ms);
    s.finish(open, "expired", now_ms);
    return fail(ErrorCode::kExpired, std::move(message), "begin a new task");
  }
  if (band > open.task.band_ceiling) {
    return fail(ErrorCode::kDenied,
                "the act is of band " + std::to_string(static_cast<int>(band)) + ", and the task's ceiling is band " +
                    std::to_string(static_cast<int>(open.task.band_ceiling)),
                "a task with a higher ceiling is needed");
  }
  ++open.task.calls;
  open.minute.add(now_ms);
  open.task.calls_last_minute = open.minute.at(now_ms);
  return &open.task;
}

bool TaskBook::end(std::string_view task_id, std::string_view reason, UnixMs now_ms) {
  auto& s = *state_;
  const auto it = s.tasks.find(task_id);
  if (it == s.tasks.end()) return false;
  s.remember_stop(SessionKey{it->second->subject, it->second->session}, reason);
  s.finish(*it->second, reason, now_ms);
  return true;
}

void TaskBook::end_session(std::string_view subject_id, std::string_view session, UnixMs now_ms) {
  auto& s = *state_;
  s.forget_stop(subject_id, session);
  if (const auto it = s.sessions.find(SessionView{subject_id, session}); it != s.sessions.end())
    s.finish(*it->second, "session ended", now_ms);
}

void TaskBook::end_all(std::string_view reason, UnixMs now_ms) {
  std::vector<std::string> ids;
  for (const auto& [id, open] : state_->tasks) ids.push_back(id);
  std::sort(ids.begin(), ids.end());
  for (const auto& id : ids) end(id, reason, now_ms);
}

std::size_t TaskBook::expire_due(UnixMs now_ms) { return state_->expire(now_ms); }

std::optional<model::Task> TaskBook::find(std::string_view task_id, UnixMs now_ms) const {
  const auto it = state_->tasks.find(task_id);
  if (it == state_->tasks.end()) return std::nullopt;
  model::Task task = it->second->task;
  task.calls_last_minute = it->second->minute.at(now_ms);
  return task;
}

std::vector<TaskView> TaskBook::list(UnixMs now_ms) const {
  std::vector<TaskView> out;
  out.reserve(state_->tasks.size());
  for (const auto& [id, open] : state_->tasks) {
    out.push_back({open->task, open->subject, open->owner, open->session});
    out.back().task.calls_last_minute = open->minute.at(now_ms);
  }
  std::sort(out.begin(), out.end(), [](const TaskView& a, const TaskView& b) {
    return std::tie(a.task.started_ms, a.task.id) < std::tie(b.task.started_ms, b.task.id);
  });
  return out;
}

std::size_t TaskBook::size() const { return state_->tasks.size(); }

}  // namespace interlock::task
