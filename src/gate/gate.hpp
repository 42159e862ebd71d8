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

#include "base/hash.hpp"
#include "base/json.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "model/action.hpp"
#include "model/receipt.hpp"
#include "model/verdict.hpp"

namespace interlock::approval {
struct Approval;
class ApprovalBook;
class PinBook;
}  // namespace interlock::approval
namespace interlock::catalogue {
class Catalogue;
}
namespace interlock::ledger {
class Ledger;
}
namespace interlock::policy {
class PolicyEngine;
}
namespace interlock::task {
class TaskBook;
}

namespace interlock::gate {

// Who asks, as a surface knows it.
struct Caller {
  model::Subject subject;
  std::string session;  // the implicit task hangs from (subject, session)
  int client_pid = -1;  // the process the request came from, where the kernel told; -1 unknown. It may not approve its own acts.
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
  model::ActionRequest request;
  model::Classification classification;
  std::string task;
  model::Verdict verdict;
  std::string digest;    // hex SHA-256 that an approval binds to
  std::string approval;  // id of the approval it waits for, or was released by
  std::int64_t started_ns = 0;
  bool decided = false;
  bool withdrawn = false;
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
};

struct ActOutcome {
  std::string_view kind;         // "ok", "error" (the tool said so), "failed" (no answer), "cancelled", "input_required"
  std::string_view result_text;  // the JSON text that is released; hashed into the receipt
  std::string note;              // for people: why it failed
};

struct Parts {
  ledger::Ledger* ledger = nullptr;
  task::TaskBook* tasks = nullptr;
  approval::ApprovalBook* approvals = nullptr;
  approval::PinBook* pins = nullptr;
  const Clock* clock = nullptr;
};

// How arguments enter receipts.
enum class ArgumentRecord : std::uint8_t { kRedact, kHash, kFull };

struct Options {
  std::int64_t approval_lifetime_ms = 600'000;
  ArgumentRecord arguments = ArgumentRecord::kRedact;
  bool elicitation_counts = false;
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

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace interlock::gate
