#include "approval/processes.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <string_view>

namespace interlock::approval {
namespace {

constexpr std::size_t kFileBytes = 4096;
constexpr std::size_t kAncestors = 128;

std::optional<std::string> read_small(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  std::string out(kFileBytes, '\0');
  std::size_t filled = 0;
  while (filled < out.size()) {
    const auto got = ::read(fd, out.data() + filled, out.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    filled += static_cast<std::size_t>(got);
  }
  ::close(fd);
  if (filled == 0) return std::nullopt;
  out.resize(filled);
  return out;
}

template <typename T>
std::optional<T> number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string unified_cgroup(int pid) {
  const auto text = read_small("/proc/" + std::to_string(pid) + "/cgroup");
  if (!text) return {};
  std::string_view rest = *text;
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    const auto line = rest.substr(0, end);
    if (line.starts_with("0::")) return std::string(line.substr(3));
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  return {};
}

// The inits of containers, where a person's shell (docker exec) has no parent at all, so that every child is an orphan.
bool is_container_init(const ProcessFacts& facts) {
  static constexpr std::array<std::string_view, 4> kNames = {"tini", "dumb-init", "docker-init", "catatonit"};
  return facts.mark.pid == 1 && std::find(kNames.begin(), kNames.end(), facts.name) != kNames.end();
}

// Does a child of `facts` hang there because its own parents ended? Where another program is process 1 (a container's own
// command), a child of it may well be a person's shell, so nothing is concluded from that. The root control group separates
// nobody (a host without systemd, WSL), so there too.
bool adopts_orphans(const ProcessFacts& facts, std::string_view cgroup) {
  if (is_container_init(facts)) return true;
  if (cgroup == "/") return false;
  return facts.name == "systemd" || (facts.mark.pid == 1 && facts.name == "init");
}

bool holds(const std::vector<ProcessFacts>& chain, const ProcessMark& mark) {
  return std::any_of(chain.begin(), chain.end(), [&](const ProcessFacts& facts) { return facts.mark == mark; });
}

}  // namespace

std::optional<ProcessFacts> KernelProcessTable::find(int pid) const {
  if (pid <= 0) return std::nullopt;
  const std::string folder = "/proc/" + std::to_string(pid);
  const auto text = read_small(folder + "/stat");
  if (!text) return std::nullopt;
  // proc(5): "pid (comm) state ppid ... starttime(22) ..."; comm may hold blanks and brackets, so count from its last bracket.
  const auto open = text->find('(');
  const auto close = text->rfind(')');
  if (open == std::string::npos || close == std::string::npos || close < open || close + 2 > text->size()) return std::nullopt;
  std::vector<std::string_view> fields;  // from "state" (3) on
  std::string_view rest = std::string_view(*text).substr(close + 2);
  while (!rest.empty() && fields.size() < 20) {
    const auto end = rest.find(' ');
    fields.push_back(rest.substr(0, end));
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  if (fields.size() < 20) return std::nullopt;
  const auto parent = number<int>(fields[1]);
  const auto start = number<std::uint64_t>(fields[19]);
  if (!parent || !start) return std::nullopt;
  ProcessFacts facts;
  facts.mark = {pid, *start};
  facts.parent = *parent;
  facts.name = text->substr(open + 1, close - open - 1);
  struct stat owner;
  if (::stat(folder.c_str(), &owner) == 0) facts.uid = static_cast<int>(owner.st_uid);
  facts.cgroup = unified_cgroup(pid);
  return facts;
}

std::string KernelProcessTable::place() const {
  std::string boot = read_small("/proc/sys/kernel/random/boot_id").value_or("unknown");
  while (!boot.empty() && boot.back() == '\n') boot.pop_back();
  std::array<char, 128> link{};
  const auto length = ::readlink("/proc/self/ns/pid", link.data(), link.size());
  return boot + "/" + (length > 0 ? std::string(link.data(), static_cast<std::size_t>(length)) : std::string("unknown"));
}

ProcessMark mark_of(const ProcessTable& table, int pid) {
  const auto facts = table.find(pid);
  return facts ? facts->mark : ProcessMark{};
}

bool is_alive(const ProcessTable& table, const ProcessMark& mark) { return mark.known() && mark_of(table, mark.pid) == mark; }

std::vector<ProcessFacts> ancestry(const ProcessTable& table, int pid) {
  std::vector<ProcessFacts> chain;
  for (int at = pid; at > 0;) {
    auto facts = table.find(at);
    // A parent that is younger than its child is another process that got the number: the chain is not to be trusted.
    if (!facts || chain.size() >= kAncestors || (!chain.empty() && facts->mark.start_ticks > chain.back().mark.start_ticks)) return {};
    at = facts->parent;
    chain.push_back(std::move(*facts));
  }
  return chain;
}

Status may_speak_for_human(const ProcessTable& table, int approver_pid, const ProcessMark& client, const std::vector<ProcessMark>& barred) {
  static constexpr const char* kElsewhere = "decide from a terminal of your own, outside of the agent";
  // A process may end, or be adopted, while its chain is read: a second look settles it.
  auto chain = ancestry(table, approver_pid);
  if (chain.empty()) chain = ancestry(table, approver_pid);
  if (chain.empty()) {
    return fail(ErrorCode::kDenied,
                "the process that wants to decide (pid " + std::to_string(approver_pid) + ") cannot be traced to its ancestors",
                kElsewhere);
  }
  if (client.known() && holds(chain, client)) {
    return fail(ErrorCode::kDenied,
                "the process that wants to decide was started by the agent's client (pid " + std::to_string(client.pid) + ")", kElsewhere);
  }
  for (const auto& mark : barred) {
    if (mark.known() && holds(chain, mark)) {
      return fail(ErrorCode::kDenied,
                  "the process that wants to decide belongs to the gate, to one of its servers or to an agent (pid " +
                      std::to_string(mark.pid) + ")",
                  kElsewhere);
    }
  }
  // An agent's child whose parents ended hangs from init, and stays in the control group and the time of the agent.
  if (!client.known()) return {};
  const auto client_facts = table.find(client.pid);
  if (!client_facts || client_facts->mark != client || client_facts->cgroup.empty()) return {};
  for (std::size_t i = 1; i < chain.size(); ++i) {
    if (!adopts_orphans(chain[i], client_facts->cgroup)) continue;
    const ProcessFacts& top = chain[i - 1];
    if (top.cgroup == client_facts->cgroup && top.mark.start_ticks >= client.start_ticks) {
      return fail(ErrorCode::kDenied,
                  "the process that wants to decide runs detached in the agent's own session (its ancestor, pid " +
                      std::to_string(top.mark.pid) + ", is an orphan in the agent's control group)",
                  kElsewhere);
    }
    break;
  }
  return {};
}

}  // namespace interlock::approval
