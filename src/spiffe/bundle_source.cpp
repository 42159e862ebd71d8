#include "spiffe/bundle_source.hpp"

#include <algorithm>
#include <utility>

#include "spiffe/bundle_fetch.hpp"
#include "spiffe/bundle_file.hpp"
#include "spiffe/svid.hpp"

namespace interlock::spiffe {
namespace {

Status check_place(const BundlePlace& place) {
  if (auto status = check_trust_domain(place.trust_domain); !status) return status;
  if (place.file.empty() == place.url.empty()) {
    return fail(ErrorCode::kInvalid, "the bundle of " + place.trust_domain + " needs either a file or a url");
  }
  if (place.endpoint_id.empty() != place.first.empty()) {
    return fail(ErrorCode::kInvalid, "the bundle endpoint of " + place.trust_domain + " has only one of endpoint_id and first",
                "https_spiffe needs the endpoint's SPIFFE ID and a bundle of its trust domain to begin with");
  }
  if (!place.file.empty() && !place.endpoint_id.empty()) {
    return fail(ErrorCode::kInvalid, "the bundle of " + place.trust_domain + " comes from a file, which has no endpoint_id");
  }
  return {};
}

}  // namespace

struct BundleSource::State : std::enable_shared_from_this<BundleSource::State> {
  State(net::Loop& l, BundlePlace where, std::function<void(Bundle)> on, const BundlePace& often)
      : loop(l), place(std::move(where)), on_bundle(std::move(on)), pace(often) {}
  ~State() { loop.cancel(timer); }

  net::Loop& loop;
  BundlePlace place;
  std::function<void(Bundle)> on_bundle;
  BundlePace pace;
  SystemClock clock;
  std::optional<Bundle> in_force;
  std::string in_force_text;
  std::string trouble = "nothing has come yet";
  net::TimerId timer = 0;

  std::optional<FileIdentity> seen;  // of the file that was read last, well

  net::Url url;
  std::optional<SpiffeId> endpoint;
  Bundle endpoint_bundle;  // of the endpoint's trust domain, where that is another
  std::shared_ptr<net::TlsClient> tls;
  std::unique_ptr<BundleFetch> fetch;
  std::int64_t pause_ms = pace.first_pause_ms;

  bool serves_itself() const { return endpoint && endpoint->trust_domain() == place.trust_domain; }

  void after(std::int64_t delay_ms, void (State::*work)()) {
    timer = loop.after_ms(delay_ms, [weak = weak_from_this(), work] {
      const auto self = weak.lock();
      if (!self) return;
      self->timer = 0;
      (self.get()->*work)();
    });
  }

  // A bundle that is older than what is in force is not taken: who serves it is behind, or wants keys back that were taken away.
  Status take(Bundle bundle) {
    if (in_force && in_force->sequence && bundle.sequence && *bundle.sequence < *in_force->sequence) {
      return fail(ErrorCode::kDenied, "the bundle of " + place.trust_domain + " has sequence " + std::to_string(*bundle.sequence) +
                                          ", and " + std::to_string(*in_force->sequence) + " is in force");
    }
    auto text = bundle_text(bundle);
    const bool changed = text != in_force_text;
    in_force = std::move(bundle);
    in_force_text = std::move(text);
    if (changed) on_bundle(*in_force);
    return {};
  }

  // ---- a file ---------------------------------------------------------------------------------------------------------------

  Status read_file() {
    const auto identity = identity_of(place.file);
    if (identity && identity == seen) return {};
    auto bundle = read_bundle_file(place.trust_domain, place.file);
    if (!bundle) return fail(std::move(bundle.error()));
    if (auto status = take(std::move(*bundle)); !status) return status;
    seen = identity;
    return {};
  }

  void look() {
    const auto status = read_file();
    trouble = status ? "" : status.error().text();
    after(pace.look_ms, &State::look);
  }

  // ---- an endpoint ----------------------------------------------------------------------------------------------------------

  Status prepare_endpoint() {
    auto parsed = parse_endpoint_url(place.url);
    if (!parsed) return fail(std::move(parsed.error()));
    url = std::move(*parsed);
    if (!place.cache.empty()) take_cached();
    if (place.endpoint_id.empty()) return {};
    auto id = SpiffeId::parse(place.endpoint_id);
    if (!id) return fail(std::move(id.error()));
    endpoint = std::move(*id);
    auto first = read_bundle_file(endpoint->trust_domain(), place.first);
    if (!first) return fail(std::move(first.error()));
    if (!serves_itself()) {
      endpoint_bundle = std::move(*first);
    } else if (!in_force || first->sequence > in_force->sequence) {
      if (auto status = take(std::move(*first)); !status) return status;
    }
    auto client = net::TlsClient::create({.ca_file = {}, .judge = [weak = weak_from_this()](const net::PeerCertificates& peer) -> Status {
                                            const auto self = weak.lock();
                                            if (!self) return fail(ErrorCode::kUnavailable, "the bundle source has ended");
                                            return self->judge(peer);
                                          }});
    if (!client) return fail(std::move(client.error()));
    tls = std::move(*client);
    return {};
  }

  void take_cached() {
    if (!std::filesystem::exists(place.cache)) return;
    auto cached = read_cached_bundle(place.trust_domain, place.cache);
    auto status = cached ? take(std::move(*cached)) : Status(fail(std::move(cached.error())));
    if (!status) trouble = status.error().text();
  }

  Status judge(const net::PeerCertificates& peer) const {
    const auto& believed = serves_itself() ? *in_force : endpoint_bundle;
    auto svid = verify_x509_svid(peer.chain, BundleSet({believed}), clock.now_ms());
    if (!svid) return fail(svid.error().code, "the bundle endpoint: " + svid.error().message, svid.error().hint);
    if (svid->id == *endpoint) return {};
    return fail(ErrorCode::kDenied, "the bundle endpoint is " + svid->id.text() + ", not " + endpoint->text());
  }

  void refresh() {
    net::HttpClientOptions options;
    options.ca_file = place.ca_file;
    options.tls = tls;
    fetch = std::make_unique<BundleFetch>(loop, std::move(options), url, [weak = weak_from_this()](Result<std::string> text) {
      if (const auto self = weak.lock()) self->fetched(std::move(text));
    });
  }

  std::int64_t refresh_ms() const {
    return std::clamp(in_force ? in_force->refresh_hint_ms : Bundle().refresh_hint_ms, pace.soonest_refresh_ms, pace.latest_refresh_ms);
  }

  void fetched(Result<std::string> text) {
    auto status = accept(std::move(text));
    if (status) {
      trouble.clear();
      pause_ms = pace.first_pause_ms;
      if (!place.cache.empty()) {
        if (auto written = write_cached_bundle(*in_force, place.cache); !written) trouble = written.error().text();
      }
      return after(refresh_ms(), &State::refresh);
    }
    trouble = status.error().text();
    after(std::min(pause_ms, refresh_ms()), &State::refresh);
    pause_ms = std::min(pause_ms * 2, pace.latest_refresh_ms);
  }

  Status accept(Result<std::string> text) {
    if (!text) return fail(std::move(text.error()));
    auto bundle = parse_bundle(place.trust_domain, *text);
    if (!bundle) return fail(std::move(bundle.error()));
    return take(std::move(*bundle));
  }
};

Result<std::unique_ptr<BundleSource>> BundleSource::open(net::Loop& loop, BundlePlace place, std::function<void(Bundle)> on_bundle,
                                                         BundlePace pace) {
  if (auto status = check_place(place); !status) return fail(std::move(status.error()));
  std::unique_ptr<BundleSource> source(new BundleSource());
  source->state_ = std::make_shared<State>(loop, std::move(place), std::move(on_bundle), pace);
  auto& state = *source->state_;
  if (!state.place.file.empty()) {
    if (auto status = state.read_file(); !status) return fail(std::move(status.error()));
    state.trouble.clear();
    state.after(state.pace.look_ms, &State::look);
    return source;
  }
  if (auto status = state.prepare_endpoint(); !status) return fail(std::move(status.error()));
  state.refresh();
  return source;
}

BundleSource::~BundleSource() { state_->fetch.reset(); }

std::string BundleSource::trouble() const { return state_->trouble; }

}  // namespace interlock::spiffe
