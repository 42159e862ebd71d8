// The one path (DESIGN §1): identify → classify → decide → hold for a human → perform → observe. The only place that composes
// the organs; surfaces call it, obey its verdict, and hand results back.
//
// Threads: one loop thread, the one whose post() the parts were given. Callbacks come on that thread, at once where nothing
// has to be waited for. Every act that admit() was asked for leaves an attempt receipt before it is performed, and a result
// receipt before its result is released, as durable as its band demands (DESIGN §5).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.hpp"
#include "base/json.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "model/action.hpp"
#include "model/receipt.hpp"
#include "model/verdict.hpp"
#include "task/kills.hpp"
#include "task/order.hpp"

namespace interlock::approval {
struct Approval;
class ApprovalBook;
class PinBook;
}  // namespace interlock::approval
namespace interlock::catalogue {
class Catalogue;
}
namespace interlock::credential {
class Lease;
class LeaseBook;
}  // namespace interlock::credential
namespace interlock::ledger {
class Ledger;
}
namespace interlock::policy {
class PolicyEngine;
}
namespace interlock::task {
class TaskBook;
struct TaskView;
}  // namespace interlock::task

namespace interlock::gate {

// Who asks, as a surface knows it.
struct Caller {
  model::Subject subject;
  std::string session;    // the implicit task hangs from (subject, session)
  int client_pid = -1;    // the process the request came from, where the kernel told; -1 unknown. It may not approve its own acts.
  std::string task = {};  // the task that the client named; empty: the one its owner started, or the session's implicit one
};

// What a surface found wrong with a request before any policy was asked: a quarantined definition, arguments against the schema.
struct Refusal {
  model::Layer layer = model::Layer::kSchema;
  std::string reason;
  std::string next;
};

// One act, from admission to result. Surfaces read it and hand it back; only the gate writes it.
struct Act {
  std::string id;
  Caller caller;
  model::ActionRequest request;  // where the verdict is kModify, as it is to be performed
  model::Classification classification;
  std::string task;
  model::Verdict verdict;
  std::string digest;    // hex SHA-256 that an approval binds to
  std::string approval;  // id of the approval it waits for, or was released by
  std::int64_t started_ns = 0;
  bool decided = false;
  bool withdrawn = false;
  std::optional<task::Grant> grant;  // what its task gains by it: asking for more is an act, too
  std::vector<std::shared_ptr<const credential::Lease>>
      leases;            // what it is performed with: there when on_verdict comes with an allowing verdict
  bool covered = false;  // its approval was given for a line that it is part of
  bool cut = false;      // the kill switch ended it: nothing more of it is sent or released
};

// An act that waits for a human.
struct Held {
  std::string approval_id;
  UnixMs expires_ms = 0;
  std::string summary;  // one line: what will be done
  std::string reason;   // why a human is asked
};

struct AdmitHandlers {
  std::function<void(const Held& held)> on_held;             // may come once, before on_verdict
  std::function<void(std::shared_ptr<Act> act)> on_verdict;  // exactly once, unless withdrawn
  // At most once, after a verdict that allows and before the result was released: the kill switch. The act's verdict is a denial now.
  // Send nothing more of it, call what was sent back, answer with the denial. Its result is recorded already. Holds no Act alive.
  std::function<void()> on_cut = {};
};

struct ActOutcome {
  std::string_view kind;         // "ok", "error" (the tool said so), "failed" (no answer), "cancelled", "input_required"
  std::string_view result_text;  // the JSON text that is released; hashed into the receipt
  std::string note;              // for people: why it failed
  // Of a result that flowed and was never held whole, in place of `result_text`: how much, and its hash.
  std::uint64_t streamed_bytes = 0;
  std::optional<Digest> streamed_sha256 = {};
};

struct Parts {
  ledger::Ledger* ledger = nullptr;
  task::TaskBook* tasks = nullptr;
  approval::ApprovalBook* approvals = nullptr;
  approval::PinBook* pins = nullptr;
  const Clock* clock = nullptr;
  task::KillList* kills = nullptr;          // null: there is no kill switch (tools)
  credential::LeaseBook* leases = nullptr;  // null: an act that needs a credential is refused
  // The highest band of a subject's acts, by the registry of agents; empty: none is set.
  std::function<model::Band(const model::Subject&)> highest_band = {};
};

// How arguments enter receipts.
enum class ArgumentRecord : std::uint8_t { kRedact, kHash, kFull };

struct Options {
  std::int64_t approval_lifetime_ms = 600'000;
  ArgumentRecord arguments = ArgumentRecord::kRedact;
  bool elicitation_counts = false;
  std::string role = {};  // "serve" or "mcp": the surface of receipts of tasks and kills
};

// What is killed, and for whom the record says so.
struct KillOrder {
  enum class Reach : std::uint8_t { kAgent, kTask, kAll };
  Reach reach = Reach::kAgent;
  std::string target = {};  // subject id or task id; kAll: empty
  std::string by = {};
  std::string reason = {};
};
struct KillReport {       // of this gate
  std::size_t tasks = 0;  // ended
  std::size_t held = 0;   // acts that waited for a human
  std::size_t cut = 0;    // acts that were under way
};

// What changes while running, all at once: readers hold one snapshot for one act.
struct Rules {
  std::shared_ptr<const policy::PolicyEngine> policy;
  std::shared_ptr<const catalogue::Catalogue> catalogue;
};

class Gate {
 public:
  Gate(Parts parts, Options options, Rules rules);
  ~Gate();

  void replace_rules(Rules rules);
  bool observes() const;  // the rules in force deny nothing: nothing is hidden either
  const Rules& rules() const;

  // Decides on `request`. `definition` is the tool's definition as its server gave it (annotations are untrusted), or null.
  // `refusal` is used where policy does not deny already, and for arguments against the schema of a tool that the caller may see. The act
  // is returned for withdraw().
  std::shared_ptr<Act> admit(Caller caller, model::ActionRequest request, const json::object* definition, std::optional<Refusal> refusal,
                             AdmitHandlers handlers);
  // The asker is gone or took the request back while it was held: no verdict will come.
  void withdraw(const std::shared_ptr<Act>& act, std::string_view why);
  // A human spoke through the agent's own channel (elicitation). A yes counts only where the configuration says so; a no always.
  bool elicitation_counts() const;
  Status decide_in_band(const std::shared_ptr<Act>& act, bool yes);

  // An act of its own (Action::"interlock/start_server" in Action::"execute", resource Server::"<name>", band 1): a server's process is
  // started with credentials, for the caller's task. Its leases stay until the task ends, which the process does not outlive either.
  std::shared_ptr<Act> start_server(Caller caller, std::string server, std::vector<model::CredentialUse> credentials,
                                    AdmitHandlers handlers);
  // Whether the task that `act` belongs to is open still.
  bool is_open(const std::string& task) const;
  // Runs `work` once, in the middle of the task's end, here or by another gate; not where `who` is gone by then. For surfaces that keep
  // something open under a task.
  void when_task_ends(const std::string& task, std::weak_ptr<const void> who, std::function<void()> work);

  // Records how an admitted act ended; `release` comes when the result may be shown.
  void observe(const std::shared_ptr<Act>& act, const ActOutcome& outcome, std::function<void(Status)> release);

  // May `caller` ever do this, whatever the arguments? False hides the tool, resource or prompt from lists.
  bool may_ever(const Caller& caller, const model::ActionRequest& request, const json::object* definition) const;

  // Holds a tool definition against its pin; a refusal means it is quarantined. `digest` is of the definition's text: the answer
  // is remembered for it until a pin changes anywhere.
  std::optional<Refusal> check_definition(const std::string& server, const std::string& tool, const json::object& definition,
                                          const Digest& digest);
  // Grows when a pin has changed, here or in another process: lists may look different then.
  std::uint64_t pin_epoch();

  // The ApprovalBook's OnDecided, wired by whoever composes the gate.
  void on_approval(const approval::Approval& approval);
  // Ends what is overdue: approvals, tasks. Call it every second or so.
  void tick();
  // Appends a receipt of what is no act: configuration, start, tasks, pins.
  Status record(model::Receipt receipt);

  void end_session(const Caller& caller, std::string_view why);

  // Whether an act that was allowed may be performed now: asked right before anything of it is sent. A refusal is its verdict then,
  // and its result is recorded.
  bool may_perform(const std::shared_ptr<Act>& act);

  // ---- the kill switch ------------------------------------------------------------------------------------------------------
  // On disk first; when it returns, no act of the target is under way here and none will begin: tasks are ended, held acts denied,
  // running ones cut. Agents (and who acts on their behalf) stay killed until unkill(). kNotFound: no such open task; kIo,
  // kUnavailable: it could not be made to last, and holds in this process alone.
  Result<KillReport> kill(const KillOrder& order);
  // `agent`: a subject id, or task::kEverybody. kNotFound.
  Status unkill(std::string_view agent, std::string_view by, std::string_view reason);
  std::vector<task::Kill> kills() const;
  // Why `caller` may do nothing at present; nullopt: it is not under kill.
  std::optional<Refusal> stopped(const Caller& caller) const;

  // ---- tasks, for their owners (the admin socket) ----------------------------------------------------------------------------
  Result<task::TaskView> start_task(task::TaskOrder order);
  Result<task::TaskView> extend_task(std::string_view task, const task::Grant& grant, std::string_view by);
  Status end_task(std::string_view task, std::string_view by, std::string_view reason);
  Result<task::TaskView> find_task(std::string_view task) const;
  std::vector<task::TaskView> list_tasks(bool with_ended) const;

  // ---- tasks, for agents (the data listener): their own alone ----------------------------------------------------------------
  // Below the task that the caller is in, where it is in an explicit one or names one. `order.subject` empty: for itself; another:
  // a child for a sub-agent, which names it in its calls. kDenied: wider than the parent.
  Result<task::TaskView> start_task_as(const Caller& caller, task::TaskOrder order);
  Result<task::TaskView> find_task_as(const Caller& caller, std::string_view task) const;
  std::vector<task::TaskView> list_tasks_as(const Caller& caller) const;  // those it may act under or started
  Status beat_task_as(const Caller& caller, std::string_view task);
  Status end_task_as(const Caller& caller, std::string_view task, std::string_view reason);
  // An act like any other (Action::"interlock/widen_task" in Action::"admin", resource Task::"<id>", band 2): policy allows it, denies
  // it, or lets a human answer. An allowed one has taken effect when on_verdict comes.
  std::shared_ptr<Act> ask_for_more(Caller caller, std::string_view task, task::Grant grant, AdmitHandlers handlers);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace interlock::gate
