#include "spiffe/workload_client.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "net/grpc.hpp"
#include "spiffe/workload_messages.hpp"
#include "store/sealed.hpp"

namespace interlock::spiffe {
namespace {

using net::GrpcCode;
using net::GrpcStatus;

constexpr std::int64_t kFirstPauseMs = 250;
constexpr std::int64_t kLongestPauseMs = 30'000;
constexpr std::string_view kTokenTimeout = "10S";  // grpc-timeout of a unary call
constexpr std::size_t kAnswerBytes = std::size_t{16} << 20;

net::Headers metadata() { return {{std::string(kSecurityHeader), "true"}}; }

// SPIFFE_Workload_Endpoint §6: these tell of a defect, and asking again changes nothing.
bool is_final(GrpcCode code) { return code == GrpcCode::kInvalidArgument || code == GrpcCode::kUnimplemented; }

std::string_view meaning(GrpcCode code) {
  switch (code) {
    case GrpcCode::kPermissionDenied: return "no identity is registered for this process";
    case GrpcCode::kUnavailable: return "the agent is not there or not ready";
    case GrpcCode::kUnimplemented: return "the agent does not offer this";
    case GrpcCode::kInvalidArgument: return "the agent refused the call";
    default: return "the call ended";
  }
}

std::string told(std::string_view method, const GrpcStatus& status) {
  std::string text(method.substr(method.rfind('/') + 1));
  text += ": ";
  text += meaning(status.code);
  if (!status.message.empty()) text += ": " + status.message;
  return text;
}

// Overwritten where they stand: what replaces them is elsewhere.
void forget(std::vector<X509Svid>& svids) {
  for (auto& svid : svids) store::wipe(svid.key_pem);
  svids.clear();
}

ErrorCode error_code(GrpcCode code) {
  switch (code) {
    case GrpcCode::kPermissionDenied: return ErrorCode::kDenied;
    case GrpcCode::kDeadlineExceeded: return ErrorCode::kTimeout;
    case GrpcCode::kInvalidArgument: return ErrorCode::kInvalid;
    case GrpcCode::kUnimplemented: return ErrorCode::kUnsupported;
    default: return ErrorCode::kUnavailable;
  }
}

}  // namespace

struct WorkloadClient::State : std::enable_shared_from_this<WorkloadClient::State> {
  // One of the two streams: it is opened again whenever it ends.
  struct Watch {
    std::string_view method;
    Status (State::*take)(std::string_view message);
    bool (State::*withdraw)();  // true: there was something
    std::shared_ptr<net::GrpcClientCall> call;
    net::TimerId timer = 0;
    std::int64_t pause_ms = kFirstPauseMs;
    std::string trouble = "nothing has come yet";
  };

  State(net::Loop& l, std::function<void(const WorkloadUpdate&)> update) : loop(l), on_update(std::move(update)) {
    current.bundles = std::make_shared<const BundleSet>();
  }
  ~State() {
    for (auto* watch : {&x509, &jwt}) loop.cancel(watch->timer);
    forget(current.svids);
  }

  net::Loop& loop;
  std::function<void(const WorkloadUpdate&)> on_update;
  std::unique_ptr<net::GrpcClient> client;
  WorkloadUpdate current;
  std::vector<Bundle> x509_bundles;
  std::vector<Bundle> jwt_bundles;
  Watch x509{workload_path::kFetchX509Svid, &State::take_x509, &State::withdraw_x509, {}, 0, kFirstPauseMs, "nothing has come yet"};
  Watch jwt{workload_path::kFetchJwtBundles, &State::take_jwt, &State::withdraw_jwt, {}, 0, kFirstPauseMs, "nothing has come yet"};
  std::map<std::uint64_t, std::shared_ptr<net::GrpcClientCall>> questions;
  std::uint64_t last_question = 0;

  void open(Watch& watch) {
    watch.call = client->start(std::string(watch.method), metadata(), {},
                               {.on_message =
                                    [weak = weak_from_this(), &watch](std::string_view message) {
                                      if (const auto self = weak.lock()) self->received(watch, message);
                                    },
                                .on_end =
                                    [weak = weak_from_this(), &watch](const GrpcStatus& status) {
                                      if (const auto self = weak.lock()) self->ended(watch, status);
                                    }});
  }

  void received(Watch& watch, std::string_view message) {
    if (auto status = (this->*watch.take)(message); !status) {
      watch.trouble = told(watch.method, {GrpcCode::kOk, status.error().text()});  // what was there before stays in force
      return;
    }
    watch.pause_ms = kFirstPauseMs;
    watch.trouble.clear();
    publish();
  }

  void ended(Watch& watch, const GrpcStatus& status) {
    watch.trouble = told(watch.method, status);
    if (status.code == GrpcCode::kPermissionDenied) {
      // What was given has been taken back (SPIFFE_Workload_API §5.2.1).
      if ((this->*watch.withdraw)()) publish();
    }
    if (is_final(status.code)) return;
    loop.cancel(watch.timer);
    watch.timer = loop.after_ms(watch.pause_ms, [weak = weak_from_this(), &watch] {
      const auto self = weak.lock();
      if (!self) return;
      watch.timer = 0;
      self->open(watch);
    });
    watch.pause_ms = std::min(watch.pause_ms * 2, kLongestPauseMs);
  }

  Status take_x509(std::string_view message) {
    auto answer = read_x509_svids(message);
    if (!answer) return fail(std::move(answer.error()));
    forget(current.svids);
    current.svids = std::move(answer->svids);
    x509_bundles = std::move(answer->bundles);
    return {};
  }

  Status take_jwt(std::string_view message) {
    auto bundles = read_jwt_bundles(message);
    if (!bundles) return fail(std::move(bundles.error()));
    jwt_bundles = std::move(*bundles);
    return {};
  }

  bool withdraw_x509() {
    const bool had_any = !current.svids.empty() || !x509_bundles.empty();
    forget(current.svids);
    x509_bundles.clear();
    return had_any;
  }
  bool withdraw_jwt() { return !std::exchange(jwt_bundles, {}).empty(); }

  // Both streams together are what is known.
  void publish() {
    std::map<std::string, Bundle> joined;
    for (const auto& bundle : x509_bundles) joined.emplace(bundle.trust_domain, bundle);
    for (const auto& bundle : jwt_bundles) {
      const auto [at, is_new] = joined.try_emplace(bundle.trust_domain, bundle);
      if (!is_new) at->second.jwt_authorities = bundle.jwt_authorities;
    }
    std::vector<Bundle> all;
    for (auto& [name, bundle] : joined) all.push_back(std::move(bundle));
    current.bundles = std::make_shared<const BundleSet>(std::move(all));
    if (on_update) on_update(current);
  }

  void ask_for_token(const std::vector<std::string>& audiences, std::function<void(Result<std::string>)> done) {
    const auto number = ++last_question;
    auto answer = std::make_shared<std::string>();
    auto asked = metadata();
    asked.add("grpc-timeout", std::string(kTokenTimeout));
    questions[number] = nullptr;
    auto call = client->start(std::string(workload_path::kFetchJwtSvid), std::move(asked), jwt_svid_question(audiences),
                              {.on_message = [answer](std::string_view message) { *answer = message; },
                               .on_end =
                                   [weak = weak_from_this(), number, answer, done = std::move(done)](const GrpcStatus& status) {
                                     if (const auto self = weak.lock()) self->questions.erase(number);
                                     if (status.ok()) return done(read_jwt_svid(*answer));
                                     done(fail(error_code(status.code), told(workload_path::kFetchJwtSvid, status)));
                                   }});
    if (const auto found = questions.find(number); found != questions.end()) found->second = std::move(call);
  }
};

Result<std::unique_ptr<WorkloadClient>> WorkloadClient::open(net::Loop& loop, std::string_view endpoint,
                                                             std::function<void(const WorkloadUpdate&)> on_update) {
  net::GrpcOptions options;
  options.message_bytes = kAnswerBytes;
  auto client = net::GrpcClient::create(loop, endpoint, options);
  if (!client) return fail(std::move(client.error()));
  std::unique_ptr<WorkloadClient> workload(new WorkloadClient());
  workload->state_ = std::make_shared<State>(loop, std::move(on_update));
  workload->state_->client = std::move(*client);
  workload->state_->open(workload->state_->x509);
  workload->state_->open(workload->state_->jwt);
  return workload;
}

WorkloadClient::~WorkloadClient() { state_->client.reset(); }

const WorkloadUpdate& WorkloadClient::current() const { return state_->current; }

std::string WorkloadClient::trouble() const {
  const auto& x509 = state_->x509.trouble;
  const auto& jwt = state_->jwt.trouble;
  return x509.empty() || jwt.empty() ? x509 + jwt : x509 + "; " + jwt;
}

void WorkloadClient::fetch_jwt_svid(std::vector<std::string> audiences, std::function<void(Result<std::string>)> done) {
  state_->ask_for_token(audiences, std::move(done));
}

}  // namespace interlock::spiffe
