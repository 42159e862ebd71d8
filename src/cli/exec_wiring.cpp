#include "cli/exec_wiring.hpp"

#include "cli/egress_verb.hpp"
#include "hosts/hosts.hpp"
#include "identity/identity.hpp"
#include "ledger/reading.hpp"
#include "model/verdict.hpp"

namespace interlock::cli {
namespace {

// Where the roads of a run stand inside, on its own loopback (src/client/plan_making.cpp).
constexpr const char* kProxyInside = "http://127.0.0.1:7420";
constexpr const char* kSocketInside = "/run/interlock/agents.sock";
constexpr const char* kWorkloadInside = "/run/interlock/workload.sock";
constexpr std::size_t kReceiptsSummed = 20'000;  // of one run, the newest
constexpr const char* kAuthorityInside = "/run/interlock/ca.pem";
constexpr const char* kBundleInside = "/run/interlock/ca-bundle.pem";
constexpr std::size_t kRoads = 2;  // the HTTP road out, then MCP

// Of a gate that is an authority: the SPIFFE ID that the run's SVID has, so that both are one name in policies.
std::string run_subject(const Config& config, const std::string& user, const std::string& program) {
  const auto name = "run/" + user + "/" + program;
  if (!config.identity.spiffe || !config.identity.spiffe->authority) return name;
  std::string path = name;
  for (auto& c : path)
    if (c == '+') c = '_';  // no character of a SPIFFE ID
  const auto id = spiffe::SpiffeId::parse("spiffe://" + config.identity.spiffe->trust_domain + "/" + path);
  return id ? id->text() : name;
}

json::array texts(const std::vector<std::filesystem::path>& paths) {
  json::array out;
  for (const auto& path : paths) out.emplace_back(path.string());
  return out;
}

json::object plan_of(const Config& config) {
  const auto& run = config.run;
  // What tells the gate what to decide is no agent's to change, wherever it lies.
  auto sealed = texts(config.policies);
  for (auto& path : texts(config.catalogue)) sealed.push_back(std::move(path));
  json::array kept;
  for (const auto& name : run.keep_environment) kept.emplace_back(name);
  json::object limits;
  if (run.processes) limits["processes"] = *run.processes;
  if (run.open_files) limits["open_files"] = *run.open_files;
  if (run.memory_bytes) limits["memory_bytes"] = *run.memory_bytes;
  if (run.file_bytes) limits["file_bytes"] = *run.file_bytes;
  if (run.cpu_ms) limits["cpu_seconds"] = (*run.cpu_ms + 999) / 1000;
  return {{"hide", texts(run.hide)},
          {"read", texts(run.read)},
          {"write", texts(run.write)},
          {"seal", std::move(sealed)},
          {"keep_environment", std::move(kept)},
          {"limits", std::move(limits)}};
}

}  // namespace

// What a run reaches the gate by. Its end closes them.
struct ExecWiring::Roads {
  std::shared_ptr<void> proxy;
  std::unique_ptr<mcp::HttpFront> front;
  std::unique_ptr<net::HttpServer> server;
  std::shared_ptr<void> mcp;
};

ExecWiring::ExecWiring(net::Loop& loop, Log& log, Organs& organs, IdentityWiring& identity, mcp::Surface& surface, const Config& config)
    : loop_(loop), log_(log), organs_(organs), identity_(identity), mcp_(surface), config_(config) {
  exec::ExecParts parts;
  parts.loop = &loop;
  parts.gate = organs.gate.get();
  parts.clock = &organs.clock;
  parts.identify = [this](const net::Peer& peer, const json::object& order, std::function<void(Result<model::Subject>)> done) {
    identify(peer, order, std::move(done));
  };
  parts.ancestry = [this](int pid) {
    std::vector<int> out;
    for (const auto& process : approval::ancestry(organs_.processes, pid)) out.push_back(process.mark.pid);
    return out;
  };
  parts.prepare = [this](const exec::RunView& run, const json::object& order) { return prepare(run, order); };
  parts.adopt = [this](const exec::RunView& run, std::vector<net::OwnedFd> listeners) { return adopt(run, std::move(listeners)); };
  parts.release = [this](const exec::RunView& run) {
    // It may stand in a handler of one of them.
    if (auto roads = roads_.extract(run.id)) {
      organs_.approvals->unbar(run.init);
      loop_.post([kept = std::make_shared<decltype(roads)>(std::move(roads))] {});
    }
  };
  parts.summarize = [this](const exec::RunView& run, json::object& summary) { add_other_roads(run, summary); };
  parts.strict = config.preset == Preset::kStrict;
  exec_ = std::make_unique<exec::ExecSurface>(std::move(parts));
  if (auto* spiffe = identity.spiffe()) {
    spiffe->set_runs([this, domain = config.identity.spiffe->trust_domain](int pid) -> std::optional<Result<spiffe::SpiffeId>> {
      const auto run = exec_->run_of(pid);
      if (!run) return std::nullopt;
      // In a pipeline a run is who its token says, and nobody has that name from this authority.
      if (!run->subject.id.starts_with("spiffe://" + domain + "/run/"))
        return fail(ErrorCode::kDenied, "the run is " + run->subject.id + ", which this authority does not name",
                    "use the token that it was started with");
      return spiffe::SpiffeId::parse(run->subject.id);
    });
  }
}

ExecWiring::~ExecWiring() = default;

void ExecWiring::set_egress(EgressWiring* egress, std::string gate_address) {
  egress_ = egress;
  gate_address_ = std::move(gate_address);
}

// Made for the first run that wants it: it takes the master key, which not every gate has a use for.
Result<EgressWiring*> ExecWiring::egress() {
  if (egress_ != nullptr) return egress_;
  if (auto opened = open_vault(organs_, config_); !opened) return fail(std::move(opened.error()));
  auto made = EgressWiring::open_for_runs(loop_, log_, organs_, identity_, config_);
  if (!made) return fail(std::move(made.error()));
  own_egress_ = std::move(*made);
  if (auto begun = own_egress_->begin(config_, gate_address_); !begun) return fail(std::move(begun.error()));
  egress_ = own_egress_.get();
  return egress_;
}

// The launcher, by the kernel's word, as the program that it is to start; in a pipeline the identity token that came with it.
void ExecWiring::identify(const net::Peer& peer, const json::object& order, std::function<void(Result<model::Subject>)> done) {
  if (const auto token = json::string_at(order, "identity_token")) {
    const auto kept = std::make_shared<std::string>("Bearer " + std::string(*token));
    identity::Presentation shown;
    shown.authorization = *kept;
    shown.method = "RUN";
    shown.url = identity_.public_url() + "/run";
    shown.resources = {identity_.public_url()};
    return identity_.authenticate(std::move(shown), [kept, done = std::move(done)](identity::Answer answer) {
      if (answer) return done(std::move(*answer));
      done(fail(ErrorCode::kDenied, "identity: " + answer.error().error.message, answer.error().error.hint));
    });
  }
  auto subject = identity::local_subject(peer.pid, peer.uid, {.hash_bytes = 0});
  if (const auto* argv = json::array_at(order, "argv"); argv != nullptr && !argv->empty() && argv->front().is_string()) {
    // Named after what it starts, not after the launcher, which is the same for all.
    const auto program = std::string(json::view(argv->front().get_string()));
    std::string name;
    for (const char c : program.substr(program.rfind('/') + 1))
      name += (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || std::string_view("._+-").contains(c) ? c : '_';
    subject.id = run_subject(config_, identity::user_name(peer.uid), name.empty() ? "unknown" : name);
  }
  if (auto admitted = organs_.registry->admit(subject, organs_.clock.now_ms()); !admitted) return done(fail(std::move(admitted.error())));
  done(std::move(subject));
}

Result<json::object> ExecWiring::prepare(const exec::RunView& run, const json::object&) {
  auto road = egress();
  if (!road) return fail(std::move(road.error()));
  const auto files = trust_files(config_.state_dir);
  const TrustFiles inside{kAuthorityInside, kBundleInside};
  json::object environment;
  for (const auto& [name, value] : proxy_variables(kProxyInside, inside)) environment[name] = value;
  environment["INTERLOCK_SOCKET"] = kSocketInside;
  json::object sockets{{kSocketInside, (config_.state_dir / "agents.sock").string()}};
  if (const auto& spiffe = config_.identity.spiffe; spiffe && spiffe->authority) {
    sockets[kWorkloadInside] = spiffe->authority->socket.string();
    environment["SPIFFE_ENDPOINT_SOCKET"] = std::string("unix://") + kWorkloadInside;
  }
  json::array servers;
  for (const auto& server : config_.servers) servers.emplace_back(server.name);
  json::object visible{{inside.authority.string(), files.authority.string()}, {inside.bundle.string(), files.bundle.string()}};
  log_.info("a run begins", {{"run", run.id}, {"task", run.task}, {"subject", run.subject.id}});
  return json::object{{"environment", std::move(environment)},
                      {"sockets", std::move(sockets)},
                      {"visible", std::move(visible)},
                      {"mcp", std::move(servers)},
                      {"plan", plan_of(config_)}};
}

Status ExecWiring::adopt(const exec::RunView& run, std::vector<net::OwnedFd> listeners) {
  if (listeners.size() != kRoads || roads_.contains(run.id)) return fail(ErrorCode::kInvalid, "a run has two listeners, once");
  auto road = egress();
  if (!road) return fail(std::move(road.error()));
  auto roads = std::make_unique<Roads>();
  http::Door door{.caller = {.subject = run.subject, .session = "run:" + run.id, .client_pid = run.init, .task = run.task}};
  // An agent pays its model with its own key, where the configuration does not put one in.
  if (const auto* host = hosts::host_named(run.agent); host != nullptr)
    door.own_key_hosts.assign(host->model_hosts.begin(), host->model_hosts.end());
  roads->proxy = (*road)->adopt_listener(std::move(listeners[0]), std::move(door));

  mcp::HttpFrontOptions options;
  options.resource = identity_.resource(config_);
  // Everybody on this listener is the run. What they say of themselves is not looked at.
  roads->front = std::make_unique<mcp::HttpFront>(
      mcp_, std::move(options), [subject = run.subject](const identity::Presentation&, const auto& done) { done(subject); });
  net::HttpServerOptions limits;
  limits.body_bytes = static_cast<std::size_t>(config_.limits.message_bytes);
  roads->server = std::make_unique<net::HttpServer>(
      loop_, limits, [front = roads->front.get(), task = run.task](net::HttpRequest request, const auto& exchange) {
        request.headers.set("Interlock-Task", task);
        if (!front->handle(request, exchange)) exchange->respond(404, {{"Content-Type", "text/plain"}}, "MCP is at /mcp and /mcp/NAME\n");
      });
  roads->mcp = roads->server->adopt_listener(std::move(listeners[1]));
  // Nobody below it speaks for a human, whichever socket of the gate they got to.
  organs_.approvals->bar(run.init);
  roads_.emplace(run.id, std::move(roads));
  return {};
}

// What was decided for the task on its HTTP road and at its servers: programs the summary has already.
void ExecWiring::add_other_roads(const exec::RunView& run, json::object& summary) {
  const auto found =
      ledger::find_receipts(organs_.ledger->log_folder().parent_path(), {.kind = "attempt", .task = run.task, .limit = kReceiptsSummed});
  if (!found) return log_.error("the summary of a run lacks its other roads", found.error());
  auto* acts = summary["acts"].if_object();
  auto* denied = summary["denied"].if_array();
  if (acts == nullptr || denied == nullptr) return;
  std::int64_t allowed = 0;
  std::map<std::string, json::object> kinds;
  for (const auto& record : found->records) {
    const auto receipt = json::parse(record.text);
    if (!receipt || !receipt->is_object()) continue;
    const auto& facts = receipt->get_object();
    if (json::string_at(facts, "surface") == "exec") continue;
    const auto verdict = json::string_at(facts, "verdict").value_or("");
    if (verdict == model::verdict_name(model::VerdictKind::kAllow) || verdict == model::verdict_name(model::VerdictKind::kModify))
      ++allowed;
    if (verdict != model::verdict_name(model::VerdictKind::kDeny)) continue;
    static const json::object kNothing;
    const auto* detail = json::object_at(facts, "detail");
    if (detail == nullptr) detail = &kNothing;
    json::object one{
        {"action", json::string_at(facts, "action").value_or("")},   {"resource", json::string_at(facts, "resource").value_or("")},
        {"layer", json::string_at(facts, "layer").value_or("")},     {"reason", json::string_at(*detail, "reason").value_or("")},
        {"surface", json::string_at(facts, "surface").value_or("")}, {"count", 1}};
    if (const auto* policies = json::array_at(*detail, "policies")) one["policies"] = *policies;
    const auto key = json::write(one);
    const auto [slot, is_new] = kinds.try_emplace(key, std::move(one));
    if (!is_new) slot->second["count"] = slot->second.at("count").as_int64() + 1;
  }
  std::int64_t count = 0;
  for (auto& [_, one] : kinds) {
    count += one.at("count").as_int64();
    denied->emplace_back(std::move(one));
  }
  (*acts)["allowed"] = json::int_at(*acts, "allowed").value_or(0) + allowed;
  (*acts)["denied"] = json::int_at(*acts, "denied").value_or(0) + count;
}

}  // namespace interlock::cli
