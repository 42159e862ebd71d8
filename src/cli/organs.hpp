// The organs of one state folder, opened and joined by a gate: what a running gate has, and a verb that acts where none runs.
//
// Opening makes the folder, and takes a log of the ledger for this process. No surface, no socket: whoever opens them adds those. The
// members stand in the order of their making, each uses what stands above it. Loop thread only.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "approval/approvals.hpp"
#include "approval/pins.hpp"
#include "approval/processes.hpp"
#include "base/result.hpp"
#include "cli/config.hpp"
#include "cli/logging.hpp"
#include "credential/lease_book.hpp"
#include "credential/vault.hpp"
#include "gate/gate.hpp"
#include "identity/registry.hpp"
#include "ledger/ledger.hpp"
#include "store/sealed.hpp"
#include "store/store.hpp"
#include "task/kills.hpp"
#include "task/presence.hpp"
#include "task/task_book.hpp"

namespace interlock::cli {

struct Organs {
  SystemClock clock;
  approval::KernelProcessTable processes;
  std::unique_ptr<store::Store> store;
  std::unique_ptr<store::Store> quick_store;  // the same, for what need not outlive the machine
  std::unique_ptr<ledger::Ledger> ledger;
  std::unique_ptr<task::Presence> presence;
  std::unique_ptr<task::TaskBook> tasks;
  std::unique_ptr<task::KillList> kills;
  std::unique_ptr<identity::Registry> registry;
  std::unique_ptr<approval::PinBook> pins;
  std::unique_ptr<approval::ApprovalBook> approvals;
  std::unique_ptr<store::SealedStore> sealed;  // these three: null where open_organs() was given no timers and open_vault() not called
  std::unique_ptr<credential::Vault> vault;
  std::unique_ptr<credential::LeaseBook> leases;  // without credentials at first (credential_wiring.hpp)
  std::unique_ptr<gate::Gate> gate;
};

// `role` is written into receipts; `post` runs work on the loop; the log outlives them. `after` runs work later: without it nothing is
// leased and no master key asked for, so that what stops agents works where the key is out of reach.
Result<std::unique_ptr<Organs>> open_organs(const Config& config, std::string role, gate::Rules rules, Log& log,
                                            std::function<void(std::function<void()>)> post,
                                            std::function<void(std::int64_t delay_ms, std::function<void()> work)> after = {});
// What is sealed, and the vault in it; nothing where they are open.
Status open_vault(Organs& organs, const Config& config);

// Makes `folder` and what is missing above it, for its owner only, and refuses one that others may write to.
Status make_state_folder(const std::filesystem::path& folder);

}  // namespace interlock::cli
