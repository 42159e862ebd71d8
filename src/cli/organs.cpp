#include "cli/organs.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/hash.hpp"
#include "cli/sealing.hpp"
#include "model/receipt.hpp"

namespace interlock::cli {
namespace {

constexpr const char* kOrigin = "interlock";

// "host.example/interlock": names a ledger in its checkpoints.
std::string ledger_origin() {
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') return kOrigin;
  std::string out;
  for (const char c : std::string_view(name)) out += (c > ' ' && c < '\x7f' && c != '+') ? c : '-';
  return out + "/" + kOrigin;
}

}  // namespace

Status make_state_folder(const std::filesystem::path& folder) {
  std::error_code error;
  if (folder.has_parent_path()) std::filesystem::create_directories(folder.parent_path(), error);
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return fail(ErrorCode::kIo, system_error("cannot make the state folder " + folder.string(), errno).message,
                "name another with state_dir or --state");
  }
  struct stat facts{};
  if (::stat(folder.c_str(), &facts) != 0) return fail(system_error("cannot look at the state folder " + folder.string(), errno));
  if (!S_ISDIR(facts.st_mode))
    return fail(ErrorCode::kInvalid, "the state folder " + folder.string() + " is no folder",
                "move it away, or name another with state_dir");
  if (facts.st_uid != ::geteuid()) {
    return fail(ErrorCode::kDenied, "the state folder " + folder.string() + " belongs to another user",
                "run as that user, or name another with state_dir");
  }
  // What stands in it decides on acts: nobody else may read or write there.
  if ((facts.st_mode & 077) != 0 && ::chmod(folder.c_str(), 0700) != 0)
    return fail(system_error("cannot make " + folder.string() + " private", errno));
  return {};
}

Status open_vault(Organs& organs, const Config& config) {
  if (organs.vault) return {};
  auto sealed = open_sealed(config.secrets, config.state_dir, *organs.store);
  if (!sealed) return fail(std::move(sealed.error()));
  organs.sealed = std::move(*sealed);
  organs.vault = std::make_unique<credential::Vault>(*organs.sealed, organs.clock);
  return {};
}

Result<std::unique_ptr<Organs>> open_organs(const Config& config, std::string role, gate::Rules rules, Log& log,
                                            std::function<void(std::function<void()>)> post,
                                            std::function<void(std::int64_t delay_ms, std::function<void()> work)> after) {
  if (auto made = make_state_folder(config.state_dir); !made) return fail(std::move(made.error()));
  auto organs = std::make_unique<Organs>();

  auto store = store::open_sqlite_store(config.state_dir / "store.db");
  if (!store) return fail(std::move(store.error()));
  organs->store = std::move(*store);
  auto quick = store::open_sqlite_store(config.state_dir / "store.db", store::Durability::kProcess);
  if (!quick) return fail(std::move(quick.error()));
  organs->quick_store = std::move(*quick);

  ledger::Options ledger_options;
  ledger_options.folder = config.state_dir / "ledger";
  ledger_options.origin = ledger_origin();
  ledger_options.flush_ms = config.ledger.group_commit_ms;
  ledger_options.post = std::move(post);
  auto ledger = ledger::Ledger::open(std::move(ledger_options), organs->clock);
  if (!ledger) return fail(std::move(ledger.error()));
  organs->ledger = std::move(*ledger);
  for (const auto& notice : organs->ledger->notices()) log.warn(notice);

  auto presence = task::open_presence(config.state_dir / "gates", organs->clock);
  if (!presence) return fail(std::move(presence.error()));
  organs->presence = std::move(*presence);
  task::TaskOptions task_options;
  task_options.lifetime_ms = config.task.lifetime_ms;
  task_options.lifetime_max_ms = config.task.max_lifetime_ms;
  task_options.band_ceiling = static_cast<model::Band>(config.task.band_ceiling);
  task_options.implicit = config.task.implicit;
  task_options.keep_ended_ms = config.task.keep_ended_ms;
  auto tasks = task::TaskBook::open({.store = organs->store.get(), .quick = organs->quick_store.get(), .presence = organs->presence.get()},
                                    task_options, organs->clock.now_ms());
  if (!tasks) return fail(std::move(tasks.error()));
  organs->tasks = std::move(*tasks);
  auto kills = task::KillList::open(*organs->store);
  if (!kills) return fail(std::move(kills.error()));
  organs->kills = std::move(*kills);
  auto registry = identity::Registry::open(*organs->store, config.registry);
  if (!registry) return fail(std::move(registry.error()));
  organs->registry = std::move(*registry);

  organs->pins = std::make_unique<approval::PinBook>(*organs->store, organs->clock,
                                                     approval::PinOptions{.trust_first_use = config.first_use == FirstUse::kTrust});

  approval::ApprovalOptions approval_options;
  approval_options.pending = static_cast<std::size_t>(config.approvals.pending);
  approval_options.elicitation_counts = config.approvals.elicitation_counts;
  if (!config.approvals.passphrase.empty()) {
    auto verifier = approval::PassphraseVerifier::parse(config.approvals.passphrase);
    if (!verifier) return fail(std::move(verifier.error()));
    approval_options.passphrase = std::move(*verifier);
  }
  auto approvals = approval::ApprovalBook::open(*organs->store, organs->clock, organs->processes, std::move(approval_options),
                                                [all = organs.get()](const approval::Approval& approval) {
                                                  if (all->gate) all->gate->on_approval(approval);
                                                });
  if (!approvals) return fail(std::move(approvals.error()));
  organs->approvals = std::move(*approvals);

  if (after) {
    if (auto opened = open_vault(*organs, config); !opened) return fail(std::move(opened.error()));
    auto leases =
        credential::LeaseBook::open({.store = organs->store.get(),
                                     .sealed = organs->sealed.get(),
                                     .clock = &organs->clock,
                                     .gate = organs->presence->own(),
                                     .is_alive = [&presence = *organs->presence](std::string_view gate) { return presence.is_alive(gate); },
                                     .after = std::move(after)},
                                    {});
    if (!leases) return fail(std::move(leases.error()));
    organs->leases = std::move(*leases);
  }

  gate::Options gate_options;
  gate_options.approval_lifetime_ms = config.approvals.expires_ms;
  gate_options.elicitation_counts = config.approvals.elicitation_counts;
  gate_options.arguments = static_cast<gate::ArgumentRecord>(config.ledger.arguments);
  gate_options.role = std::move(role);
  gate::Parts parts;
  parts.ledger = organs->ledger.get();
  parts.tasks = organs->tasks.get();
  parts.approvals = organs->approvals.get();
  parts.pins = organs->pins.get();
  parts.clock = &organs->clock;
  parts.kills = organs->kills.get();
  parts.leases = organs->leases.get();
  parts.highest_band = [&registry = *organs->registry](const model::Subject& subject) { return registry.highest_band(subject.id); };
  organs->gate = std::make_unique<gate::Gate>(std::move(parts), std::move(gate_options), std::move(rules));
  return organs;
}

}  // namespace interlock::cli
