#include "cli/spiffe_wiring.hpp"

#include <unistd.h>

#include <algorithm>

#include "cli/workload_names.hpp"
#include "identity/identity.hpp"

namespace interlock::cli {
namespace {

constexpr const char* kGatePath = "/interlock/gate";
constexpr std::int64_t kRetryMs = 5'000;

// Others can reach the socket where the configuration names other users; who they are, the kernel tells in any case.
bool is_for_every_user(const AuthorityConfig& authority) {
  const auto own = identity::user_name(static_cast<int>(::geteuid()));
  return std::ranges::any_of(authority.workloads, [&](const WorkloadConfig& workload) { return workload.user != own; });
}

}  // namespace

SpiffeWiring::SpiffeWiring(net::Loop& loop, const Clock& clock, SpiffeSetup setup)
    : loop_(loop), clock_(clock), setup_(std::move(setup)), bundles_(std::make_shared<const spiffe::BundleSet>()) {}
SpiffeWiring::~SpiffeWiring() = default;

Result<std::unique_ptr<SpiffeWiring>> SpiffeWiring::open(net::Loop& loop, store::SealedStore* vault, const Clock& clock,
                                                         SpiffeSetup setup) {
  std::unique_ptr<SpiffeWiring> wiring(new SpiffeWiring(loop, clock, std::move(setup)));
  if (auto started = wiring->start_sources(); !started) return fail(std::move(started.error()));
  if (wiring->setup_.config.authority) {
    if (vault == nullptr) return fail(ErrorCode::kInternal, "the authority has no vault for its keys");
    if (auto started = wiring->start_authority(*vault); !started) return fail(std::move(started.error()));
  }
  if (!wiring->setup_.config.workload_api.empty()) {
    if (auto started = wiring->start_client(); !started) return fail(std::move(started.error()));
  }
  wiring->opened_ = true;
  return wiring;
}

Status SpiffeWiring::start_authority(store::SealedStore& vault) {
  const auto& config = *setup_.config.authority;
  spiffe::AuthorityOptions options;
  options.trust_domain = setup_.config.trust_domain;
  options.svid_life_ms = config.svid_lifetime_ms;
  auto authority = spiffe::Authority::open(std::move(options), vault, clock_);
  if (!authority) return fail(std::move(authority.error()));
  authority_ = std::move(*authority);
  join_bundles();
  if (auto renewed = renew_own(); !renewed) return renewed;
  if (!setup_.serves) return {};
  const auto attest = [this, domain = setup_.config.trust_domain,
                       workloads = config.workloads](const spiffe::WorkloadPeer& peer) -> Result<std::vector<spiffe::SpiffeId>> {
    if (run_of_) {
      if (auto id = run_of_(peer.pid)) {
        if (!*id) return fail(std::move(id->error()));
        return std::vector{std::move(**id)};
      }
    }
    return workload_names(domain, workloads, identity::local_subject(peer.pid, peer.uid));
  };
  server_ = std::make_unique<spiffe::WorkloadServer>(loop_, *authority_, attest, [this] { return bundles_; });
  return server_->listen(config.socket.string(), is_for_every_user(config));
}

Status SpiffeWiring::start_client() {
  auto client = spiffe::WorkloadClient::open(loop_, setup_.config.workload_api, [this](const spiffe::WorkloadUpdate& update) {
    join_bundles();
    if (update.svids.empty()) return;
    const auto& svid = update.svids.front();
    const bool is_new = !svid_ || svid_->chain_pem != svid.chain_pem;
    svid_ = svid;
    if (is_new && opened_ && setup_.on_new_svid) setup_.on_new_svid();
  });
  if (!client) return fail(std::move(client.error()));
  client_ = std::move(*client);
  return {};
}

Status SpiffeWiring::start_sources() {
  for (const auto& bundle : setup_.config.bundles) {
    spiffe::BundlePlace place;
    place.trust_domain = bundle.trust_domain;
    place.file = bundle.file;
    place.url = bundle.url;
    place.endpoint_id = bundle.endpoint_id;
    place.first = bundle.first;
    place.ca_file = bundle.ca_file.string();
    if (!bundle.url.empty()) place.cache = setup_.cache / (bundle.trust_domain + ".json");
    auto source = spiffe::BundleSource::open(loop_, std::move(place), [this](spiffe::Bundle fresh) {
      std::erase_if(extra_, [&](const spiffe::Bundle& old) { return old.trust_domain == fresh.trust_domain; });
      extra_.push_back(std::move(fresh));
      join_bundles();
    });
    if (!source) return fail(std::move(source.error()));
    sources_.push_back(std::move(*source));
  }
  return {};
}

// Own and federated ones of the Workload API or the authority, then those that were configured.
void SpiffeWiring::join_bundles() {
  std::shared_ptr<const spiffe::BundleSet> joined;
  if (client_ && client_->current().bundles) joined = client_->current().bundles;
  else joined = std::make_shared<const spiffe::BundleSet>();
  if (authority_) joined = joined->with(authority_->bundle());
  for (const auto& bundle : extra_) joined = joined->with(bundle);
  bundles_ = std::move(joined);
  if (server_) server_->bundles_changed();
}

Status SpiffeWiring::renew_own() {
  auto id = spiffe::SpiffeId::parse("spiffe://" + setup_.config.trust_domain + kGatePath);
  if (!id) return fail(std::move(id.error()));
  auto svid = authority_->issue_server(*id, setup_.names);
  if (!svid) return fail(std::move(svid.error()));
  const auto now_ms = clock_.now_ms();
  renew_at_ms_ = now_ms + (svid->expires_ms - now_ms) / 2;
  svid_ = std::move(*svid);
  if (opened_ && setup_.on_new_svid) setup_.on_new_svid();
  return {};
}

void SpiffeWiring::tick() {
  if (!authority_) return;
  const auto rotated = authority_->tick();
  if (rotated && *rotated) join_bundles();
  Status renewed;
  if (clock_.now_ms() >= renew_at_ms_) {
    renewed = renew_own();
    if (!renewed) renew_at_ms_ = clock_.now_ms() + kRetryMs;
  }
  own_trouble_ = !rotated ? rotated.error().text() : !renewed ? renewed.error().text() : std::string();
}

void SpiffeWiring::fetch_jwt_svid(std::string audience, std::function<void(Result<std::string>)> done) {
  if (client_) return client_->fetch_jwt_svid({std::move(audience)}, std::move(done));
  if (!authority_ || !svid_) return done(fail(ErrorCode::kUnavailable, "the gate has no SVID of its own", "see identity.spiffe"));
  done(authority_->issue_jwt(svid_->id, {std::move(audience)}));
}

std::string SpiffeWiring::trouble() const {
  if (!own_trouble_.empty()) return own_trouble_;
  if (client_ && !client_->trouble().empty()) return client_->trouble();
  for (const auto& source : sources_) {
    if (auto trouble = source->trouble(); !trouble.empty()) return trouble;
  }
  return {};
}

json::object SpiffeWiring::describe() const {
  json::array domains;
  for (const auto& [name, bundle] : bundles_->all()) domains.emplace_back(name);
  json::object out{{"trust_domain", setup_.config.trust_domain}, {"bundles", std::move(domains)}};
  if (svid_) {
    out["id"] = svid_->id.text();
    out["expires"] = rfc3339(svid_->expires_ms);
  }
  if (authority_) out["workload_api"] = setup_.config.authority->socket.string();
  if (auto trouble = this->trouble(); !trouble.empty()) out["trouble"] = std::move(trouble);
  return out;
}

}  // namespace interlock::cli
