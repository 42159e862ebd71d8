#include "cli/hook_wiring.hpp"

#include <algorithm>
#include <array>

#include "identity/identity.hpp"

namespace interlock::cli {
namespace {

// Between a hook and its agent: the hook itself, and shells that hosts start it by.
constexpr std::array<std::string_view, 6> kBetween = {"interlock", "sh", "bash", "dash", "zsh", "timeout"};

// The agent's process: the nearest above the hook that is neither.
int agent_above(const approval::ProcessTable& processes, int pid) {
  for (const auto& process : approval::ancestry(processes, pid))
    if (std::ranges::find(kBetween, process.name) == kBetween.end()) return process.mark.pid;
  return pid;
}

}  // namespace

std::unique_ptr<hook::HookSurface> make_hooks(net::Loop& loop, Organs& organs, ExecWiring& exec, const Config& config) {
  hook::HookParts parts;
  parts.loop = &loop;
  parts.gate = organs.gate.get();
  parts.clock = &organs.clock;
  for (const auto& server : config.servers) parts.servers.push_back(server.name);
  parts.identify = [&organs, &exec](const net::Peer& peer, std::string_view) -> Result<hook::HookParts::Sender> {
    if (const auto run = exec.surface().run_of(peer.pid)) return hook::HookParts::Sender{run->subject, run->task, true, run->init};
    const int agent = agent_above(organs.processes, peer.pid);
    auto subject = identity::local_subject(agent, peer.uid, {.hash_bytes = 0});
    if (auto admitted = organs.registry->admit(subject, organs.clock.now_ms()); !admitted) return fail(std::move(admitted.error()));
    return hook::HookParts::Sender{std::move(subject), {}, false, agent};
  };
  parts.each_secret = [&organs](const std::function<void(std::string_view)>& visit) {
    if (organs.leases) organs.leases->each_secret([&](std::string_view, std::string_view, std::string_view value) { visit(value); });
  };
  return std::make_unique<hook::HookSurface>(std::move(parts));
}

}  // namespace interlock::cli
