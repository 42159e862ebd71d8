#include "client/supervision.hpp"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <map>
#include <optional>
#include <set>

#include "base/time.hpp"
#include "sandbox/exec_watch.hpp"

namespace interlock::client {
namespace {

constexpr std::int64_t kAnswerNs = 10'000'000'000;  // for the gate to decide, or to say that a human does
constexpr std::int64_t kSendMs = 2'000;
constexpr std::int64_t kMillisecondNs = 1'000'000;
constexpr std::array kPassedOn = {SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGWINCH, SIGCONT};

// What is shown is an agent's own doing: no control characters of it reach the terminal.
std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 400)) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  return out;
}

class Supervision {
 public:
  Supervision(sandbox::Running& running, GateLink& link, const SupervisionOptions& options)
      : running_(running), link_(link), options_(options) {
    if (running.exec_watch() >= 0) watch_.emplace(running.exec_watch());
  }

  SupervisionEnd run() {
    const int signals = open_signals();
    for (bool over = false; !over;) {
      std::array<pollfd, 4> what = {pollfd{running_.end_descriptor(), POLLIN, 0},
                                    pollfd{out_.gate_gone ? -1 : link_.descriptor(), POLLIN, 0},
                                    pollfd{watch_ ? running_.exec_watch() : -1, POLLIN, 0}, pollfd{signals, POLLIN, 0}};
      const int ready = ::poll(what.data(), what.size(), patience_ms());
      if (ready < 0 && errno != EINTR) break;
      if (what[3].revents != 0) pass_signals(signals);
      if (what[2].revents != 0) take_asks();
      if (what[1].revents != 0) take_answers();
      give_up_late();
      over = what[0].revents != 0 && running_.ended();  // else it was stopped, and this program with it
    }
    refuse_all();
    out_.wait_status = running_.wait();
    if (signals >= 0) ::close(signals);
    return out_;
  }

 private:
  struct Asked {
    sandbox::ExecAsk ask;
    std::int64_t until_ns = 0;
  };

  int open_signals() {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : kPassedOn) sigaddset(&set, signal);
    return ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  }

  void pass_signals(int from) {
    signalfd_siginfo info{};
    while (::read(from, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
      const int signal = static_cast<int>(info.ssi_signo);
      // The terminal tells the whole foreground group of these two; what was sent to us alone is passed on.
      if (signal != SIGWINCH && signal != SIGCONT) running_.signal(signal);
    }
  }

  int patience_ms() const {
    std::int64_t until_ns = 0;
    for (const auto& [_, asked] : asked_) until_ns = until_ns == 0 ? asked.until_ns : std::min(until_ns, asked.until_ns);
    if (until_ns == 0) return -1;
    return static_cast<int>(std::clamp<std::int64_t>((until_ns - steady_ns()) / kMillisecondNs + 1, 0, 60'000));
  }

  void take_asks() {
    for (;;) {
      auto ask = watch_->next();
      if (!ask) return;
      if (out_.gate_gone) {
        (void)watch_->refuse(*ask, EACCES);
        continue;
      }
      json::object message{{"op", "exec"},      {"id", link_.next_id()},         {"pid", ask->pid},
                           {"path", ask->path}, {"executable", ask->executable}, {"cwd", ask->cwd}};
      json::array argv;
      for (const auto& word : ask->argv) argv.emplace_back(word);
      message["argv"] = std::move(argv);
      if (!ask->script.empty()) message["script"] = ask->script;
      if (ask->in_memory) message["in_memory"] = true;
      if (!ask->loader_variables.empty()) {
        json::array loader;
        for (const auto& one : ask->loader_variables) loader.emplace_back(one);
        message["loader"] = std::move(loader);
      }
      const auto id = message.at("id").as_int64();
      if (auto sent = link_.send(message, kSendMs); !sent) {
        (void)watch_->refuse(*ask, EACCES);
        lose_gate(sent.error());
        continue;
      }
      asked_.emplace(id, Asked{std::move(*ask), steady_ns() + kAnswerNs});
    }
  }

  void take_answers() {
    for (bool waited = false;; waited = true) {
      auto frame = link_.take_frame();
      if (!frame) {
        if (waited) return;
        // Readable: what is there is read, once.
        frame = link_.receive(0);
        if (!frame->has_value()) {
          if (frame->error().code != ErrorCode::kTimeout) lose_gate(frame->error());
          return;
        }
      }
      if (!frame->has_value()) return lose_gate(frame->error());
      answer(frame->value());
      waited = true;
    }
  }

  void answer(const json::object& message) {
    if (json::string_at(message, "op") == "cut") {
      out_.cut = true;
      out_.cut_reason = json::string_at(message, "reason").value_or("the task has ended");
      running_.kill();
      return;
    }
    const auto found = asked_.find(json::int_at(message, "id").value_or(-1));
    if (found == asked_.end()) return;
    if (json::bool_at(message, "more")) {
      if (const auto* held = json::object_at(message, "held")) wait_for_human(found->second, *held);
      return;
    }
    const auto ask = std::move(found->second.ask);
    asked_.erase(found);
    if (json::bool_at(message, "allow")) {
      if (const auto allowed = watch_->allow(ask); !allowed && allowed.error().code == ErrorCode::kConflict)
        note("interlock: " + printable(ask.executable) + " was ended: " + printable(allowed.error().message));
      return;
    }
    (void)watch_->refuse(ask, EACCES);
    const auto reason = json::string_at(message, "reason").value_or("the gate gives no reason");
    const auto next = json::string_at(message, "next").value_or("");
    const auto line = "interlock: denied: " + printable(ask.argv.empty() ? ask.executable : ask.argv[0]) + ": " + printable(reason) +
                      (next.empty() ? "" : "\n  " + printable(next));
    if (options_.verbose || told_.insert(line).second) note(line);
  }

  void wait_for_human(Asked& asked, const json::object& held) {
    const auto approval = std::string(json::string_at(held, "approval").value_or(""));
    const auto for_ms = std::clamp<std::int64_t>(json::int_at(held, "for_ms").value_or(0), 0, 86'400'000);
    asked.until_ns = steady_ns() + for_ms * kMillisecondNs + kAnswerNs;
    note("interlock: waits for a human: " + printable(json::string_at(held, "summary").value_or("")) + "\n  interlock approve " +
         printable(approval));
  }

  void give_up_late() {
    const auto now = steady_ns();
    for (auto it = asked_.begin(); it != asked_.end();) {
      if (it->second.until_ns > now) {
        ++it;
        continue;
      }
      (void)watch_->refuse(it->second.ask, EACCES);
      note("interlock: denied: " + printable(it->second.ask.executable) + ": the gate does not answer");
      it = asked_.erase(it);
    }
  }

  void refuse_all() {
    for (const auto& [_, asked] : asked_) (void)watch_->refuse(asked.ask, EACCES);
    asked_.clear();
  }

  void lose_gate(const Error& error) {
    if (std::exchange(out_.gate_gone, true)) return;
    refuse_all();
    note("interlock: " + error.message + "; nothing more starts in this run, and nothing leaves it");
  }

  void note(const std::string& text) const {
    if (!options_.quiet) std::fprintf(stderr, "%s\r\n", text.c_str());
  }

  sandbox::Running& running_;
  GateLink& link_;
  SupervisionOptions options_;
  std::optional<sandbox::ExecWatch> watch_;
  std::map<std::int64_t, Asked> asked_;
  std::set<std::string> told_;
  SupervisionEnd out_;
};

}  // namespace

void hold_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : kPassedOn) sigaddset(&set, signal);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  // The terminal's own signals are the command's while it runs (sandbox/running.hpp); what is ignored before would be ignored by it too.
  ::signal(SIGPIPE, SIG_IGN);
}

SupervisionEnd supervise(sandbox::Running& running, GateLink& link, const SupervisionOptions& options) {
  return Supervision(running, link, options).run();
}

}  // namespace interlock::client
