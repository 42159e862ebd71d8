// What an agent asks for, in the words of every room: subject, task, action, resource, and the request that binds them.
//
// Plain data, no behaviour beyond naming and digests. Strings are UTF-8. Owned by value; copied freely between threads.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.hpp"
#include "base/json.hpp"
#include "base/time.hpp"

namespace interlock::model {

// Privilege tier of an act (DESIGN §5): decides durability of its receipts and what credentials it may get.
enum class Band : std::uint8_t { kObserve = 0, kRoutine = 1, kSensitive = 2, kCritical = 3 };

// What an act does to the world. A leaf action is a member of its effects' groups in Cedar.
enum class Effect : std::uint8_t { kRead, kWrite, kDelete, kExecute, kSend, kAdmin };

std::string_view effect_name(Effect effect);  // "read", "write", ...
std::optional<Effect> effect_from_name(std::string_view name);

// How the subject's identity was proven (policy reads it as principal.assurance).
enum class Assurance : std::uint8_t { kNone, kBearer, kDpop, kMtls, kKernel };
std::string_view assurance_name(Assurance assurance);

// One hop of a delegation chain (RFC 8693 §4.1): somebody on whose behalf the subject acts.
struct Delegator {
  std::string id;
  std::string issuer;  // who vouched for it
  bool human = false;
  friend bool operator==(const Delegator&, const Delegator&) = default;
};

// Who acts. `id` is stable for a workload (Agent::"<id>" in Cedar); `owner` is the human or system answerable for it.
struct Subject {
  std::string id;
  std::string owner;
  Assurance assurance = Assurance::kNone;
  std::string client;               // self-reported client name and version: shown and recorded, never trusted
  json::object attributes;          // more facts for policy: uid, executable, claims
  std::vector<Delegator> chain;     // origin first, the nearest last; empty: it acts for nobody but itself
  std::vector<std::string> scopes;  // OAuth scopes of its token
  std::string credential;           // what was shown: "peer", "token", "oidc", "x509-svid", "jwt-svid", "exchange"; empty: nothing
  std::string workload;             // fingerprint of who used it (executable, certificate key, DPoP key); empty: cannot be told
  bool inherited = false;           // the credential stands for a human alone: the agent borrowed it
  UnixMs expires_ms = 0;            // of the credential; 0: it has no end of its own
};

// The unit of trust (DESIGN §6). Only what a decision reads; src/task owns its life.
struct Task {
  std::string id;
  std::string purpose;
  Band band_ceiling = Band::kCritical;
  UnixMs started_ms = 0;
  UnixMs expires_ms = 0;
  std::int64_t calls = 0;  // admitted so far
  std::int64_t calls_last_minute = 0;
};

// An entity named in Cedar's way: Type::"id".
struct EntityName {
  std::string type;
  std::string id;
  friend bool operator==(const EntityName&, const EntityName&) = default;
};
std::string text_of(const EntityName& name);  // Type::"id" with Cedar's escapes

// A resource with the things that hold it, nearest first, e.g. File::"/work/a/b" in Folder::"/work/a", Folder::"/work", Folder::"/".
struct NamedResource {
  EntityName resource;
  std::vector<EntityName> containers;
};

struct ActPart;

// What the catalogue says of an operation: filled by src/catalogue, read by policy, approval and ledger.
struct Classification {
  std::string action;           // leaf operation, e.g. "filesystem/write_file": Action::"filesystem/write_file"
  std::vector<Effect> effects;  // never empty
  Band band = Band::kSensitive;
  EntityName resource;                 // what is acted on
  std::vector<EntityName> containers;  // the resource's further ancestors, e.g. Folder::"/work"; Tool and Server are added by the gate
  bool known = false;                  // false: no catalogue entry, the cautious default
  bool result_trusted = false;
  std::vector<std::string> sensitive_args;        // JSON pointers (RFC 6901) below args whose values are hashed in receipts
  std::vector<NamedResource> further_resources;   // an act on several resources: each is decided, one denial denies the act
  std::string private_realm;                      // the result carries the label private:<realm>; empty: none
  bool spends = false;                            // it spends money
  std::optional<std::int64_t> spend_micros = {};  // how much, in micro-units; absent where the arguments do not tell
  // An act that is several at once (a shell line): each is decided as an act of its own, and one denial denies them all. What stands above
  // is then of the gravest: its action and resource, the highest band, every effect. Empty: the act is one thing.
  std::vector<ActPart> parts;
};

// One of the things that an act does at once; `what` has no parts. `args` stand in place of the act's own where it is decided.
struct ActPart {
  json::value args;
  Classification what;
};

// A credential that an act may be performed with. `only_by_policy`: where a permit that decides names it (@credential), which then stands
// in place of those that need no naming.
struct CredentialUse {
  std::string name;
  bool only_by_policy = false;
  friend bool operator==(const CredentialUse&, const CredentialUse&) = default;
};

// One act as a surface asks for it, before classification.
struct ActionRequest {
  std::string surface;       // "mcp", later "http", "exec", ...
  std::string server;        // the tool's server as configured
  std::string operation;     // protocol operation: "tools/call", "resources/read", "prompts/get", ...
  std::string target;        // tool name, resource URI, prompt name
  json::value args;          // the arguments as the server will see them; an object for tools
  std::string trace_parent;  // W3C trace context of the caller, empty if none
  // Credentials that the server or host gets of it, as configured: leased by the gate once it is allowed. The agent sees none.
  std::vector<CredentialUse> credentials = {};
  bool starts_server = false;  // the credentials are for the server's own process: they stay with it until the task ends
  bool sandboxed = false;      // it is performed inside a boundary that the kernel holds (`interlock run`)
  bool can_modify = false;     // its surface can perform it with other arguments than were asked for
};

}  // namespace interlock::model
