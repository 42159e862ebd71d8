#include "spiffe/workload_server.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "jose/token.hpp"
#include "net/grpc.hpp"
#include "spiffe/workload_messages.hpp"
#include "store/sealed.hpp"

namespace interlock::spiffe {
namespace {

using net::GrpcCode;
using net::GrpcStatus;

constexpr std::size_t kQuestionBytes = std::size_t{64} * 1024;  // a token to validate is the largest
constexpr std::int64_t kSoonestPushMs = 1'000;                  // however short SVIDs live, and where issuing one failed
constexpr unsigned kOwnerOnly = 0600;
constexpr unsigned kEveryUser = 0666;

enum class StreamKind : std::uint8_t { kX509Svids, kX509Bundles, kJwtBundles };

struct Stream {
  StreamKind kind = StreamKind::kX509Svids;
  WorkloadPeer peer;
  std::shared_ptr<net::GrpcReply> reply;
  std::string sent;          // of bundles: what the caller has already
  net::TimerId renewal = 0;  // of SVIDs
};

GrpcStatus refused(GrpcCode code, const Error& error) { return {code, error.text()}; }

// What a failure of ours, or of those who name processes, means to the caller (SPIFFE_Workload_Endpoint §6).
GrpcStatus refused(const Error& error) {
  switch (error.code) {
    case ErrorCode::kUnavailable:
    case ErrorCode::kTimeout:
    case ErrorCode::kIo:
    case ErrorCode::kExpired: return refused(GrpcCode::kUnavailable, error);
    case ErrorCode::kInternal: return refused(GrpcCode::kInternal, error);
    case ErrorCode::kInvalid:
    case ErrorCode::kTooLarge: return refused(GrpcCode::kInvalidArgument, error);
    default: return refused(GrpcCode::kPermissionDenied, error);
  }
}

bool has_security_header(const net::Headers& metadata) {
  return metadata.count(kSecurityHeader) == 1 && metadata.get(kSecurityHeader) == "true";
}

}  // namespace

struct WorkloadServer::State : std::enable_shared_from_this<WorkloadServer::State> {
  State(net::Loop& l, Authority& a, Attest at, Bundles b) : loop(l), authority(a), attest(std::move(at)), bundles(std::move(b)) {}
  ~State() {
    for (auto& [number, stream] : streams) loop.cancel(stream.renewal);
  }

  net::Loop& loop;
  Authority& authority;
  Attest attest;
  Bundles bundles;
  std::map<std::uint64_t, Stream> streams;
  std::uint64_t last_stream = 0;
  bool telling = false;
  std::unique_ptr<net::GrpcServer> server;

  std::shared_ptr<const BundleSet> known_bundles() const {
    auto set = bundles ? bundles() : nullptr;
    return set ? set : std::make_shared<const BundleSet>();
  }

  Result<std::vector<SpiffeId>> ids_of(const WorkloadPeer& peer) const {
    if (peer.pid <= 0 || peer.uid < 0)
      return fail(ErrorCode::kDenied, "the kernel does not say who asks, or the process that connected has ended");
    auto ids = attest(peer);
    if (!ids) {
      // Whatever its reason, a process that cannot be named is not named; only what may pass is said to pass.
      if (ids.error().code == ErrorCode::kUnavailable || ids.error().code == ErrorCode::kTimeout) return ids;
      return fail(ErrorCode::kDenied, ids.error().message, ids.error().hint);
    }
    if (ids->empty()) return fail(ErrorCode::kDenied, "no identity is registered for this process");
    if (ids->size() > kWorkloadSvids) ids->resize(kWorkloadSvids);
    return ids;
  }

  void serve(net::GrpcCall call, const std::shared_ptr<net::GrpcReply>& reply) {
    if (!has_security_header(call.metadata)) {
      return reply->finish({GrpcCode::kInvalidArgument, "the security header workload.spiffe.io: true is missing"});
    }
    const WorkloadPeer peer{call.peer_pid, call.peer_uid};
    if (call.path == workload_path::kFetchX509Svid) return open_stream(StreamKind::kX509Svids, peer, reply);
    if (call.path == workload_path::kFetchX509Bundles) return open_stream(StreamKind::kX509Bundles, peer, reply);
    if (call.path == workload_path::kFetchJwtBundles) return open_stream(StreamKind::kJwtBundles, peer, reply);
    if (call.path == workload_path::kFetchJwtSvid) return answer(*reply, jwt_svids(peer, call.message));
    if (call.path == workload_path::kValidateJwtSvid) return answer(*reply, validated(peer, call.message));
    reply->finish({GrpcCode::kUnimplemented, "the Workload API has no such method here"});
  }

  static void answer(net::GrpcReply& reply, Result<std::string> message) {
    if (!message) return reply.finish(refused(message.error()));
    reply.send(*message);
    reply.finish({});
  }

  Result<std::string> jwt_svids(const WorkloadPeer& peer, std::string_view question) {
    auto asked = read_jwt_svid_question(question);
    if (!asked) return fail(std::move(asked.error()));
    auto ids = ids_of(peer);
    if (!ids) return fail(std::move(ids.error()));
    if (!asked->id.empty()) {
      std::erase_if(*ids, [&](const SpiffeId& id) { return id.text() != asked->id; });
      if (ids->empty()) return fail(ErrorCode::kDenied, "the SPIFFE ID that was asked for is not this process's");
    }
    std::vector<std::pair<std::string, std::string>> tokens;
    for (const auto& id : *ids) {
      auto token = authority.issue_jwt(id, asked->audiences);
      if (!token) return fail(std::move(token.error()));
      tokens.emplace_back(id.text(), std::move(*token));
    }
    return jwt_svids_message(tokens);
  }

  Result<std::string> validated(const WorkloadPeer& peer, std::string_view question) {
    auto asked = read_validate_question(question);
    if (!asked) return fail(std::move(asked.error()));
    if (auto ids = ids_of(peer); !ids) return fail(std::move(ids.error()));
    const auto set = known_bundles()->with(authority.bundle());
    auto svid = verify_jwt_svid(asked->token, asked->audience, *set, authority.clock().now_ms());
    if (!svid) return fail(ErrorCode::kInvalid, svid.error().message, svid.error().hint);
    auto token = jose::parse_token(asked->token);
    if (!token) return fail(std::move(token.error()));
    return validated_message(svid->id.text(), token->claims);
  }

  void open_stream(StreamKind kind, const WorkloadPeer& peer, const std::shared_ptr<net::GrpcReply>& reply) {
    const auto number = ++last_stream;
    streams.emplace(number, Stream{.kind = kind, .peer = peer, .reply = reply, .sent = {}});
    reply->on_gone([weak = weak_from_this(), number] {
      if (const auto self = weak.lock()) self->forget(number);
    });
    push(number);
  }

  void forget(std::uint64_t number) {
    const auto found = streams.find(number);
    if (found == streams.end()) return;
    loop.cancel(found->second.renewal);
    streams.erase(found);
  }

  void end(std::uint64_t number, GrpcStatus status) {
    const auto reply = streams.at(number).reply;
    forget(number);
    reply->finish(std::move(status));
  }

  // Sends the whole of what the stream is about. Each time the process is named anew: what it may not have any more ends the stream.
  void push(std::uint64_t number) {
    const auto found = streams.find(number);
    if (found == streams.end()) return;
    // A process that handed its socket on and ended is not asked about: its number may be another's by now.
    const bool lives = found->second.reply->peer_lives();
    auto ids = ids_of(lives ? found->second.peer : WorkloadPeer{});
    if (!ids) return end(number, refused(ids.error()));
    if (found->second.kind == StreamKind::kX509Svids) return push_svids(number, *ids);
    const auto own = authority.bundle();
    const auto set = known_bundles();
    auto message = found->second.kind == StreamKind::kX509Bundles ? x509_bundles_message(own, *set) : jwt_bundles_message(own, *set);
    if (message == found->second.sent) return;
    found->second.sent = message;
    if (!found->second.reply->send(message)) forget(number);
  }

  void push_svids(std::uint64_t number, const std::vector<SpiffeId>& ids) {
    std::vector<X509Svid> svids;
    UnixMs expires_ms = authority.clock().now_ms();
    for (const auto& id : ids) {
      auto svid = authority.issue_x509(id);
      if (!svid) return end(number, refused(svid.error()));
      expires_ms = svids.empty() ? svid->expires_ms : std::min(expires_ms, svid->expires_ms);
      svids.push_back(std::move(*svid));
    }
    auto message = x509_svids_message(svids, authority.bundle(), *known_bundles());
    for (auto& svid : svids) store::wipe(svid.key_pem);
    if (!message) return end(number, refused(message.error()));
    const auto reply = streams.at(number).reply;
    const bool sent = reply->send(*message);
    store::wipe(*message);
    const auto found = streams.find(number);  // sending may have found the caller gone
    if (found == streams.end()) return;
    if (!sent) return forget(number);
    loop.cancel(found->second.renewal);
    const auto half_ms = std::max((expires_ms - authority.clock().now_ms()) / 2, kSoonestPushMs);
    found->second.renewal = loop.after_ms(half_ms, [weak = weak_from_this(), number] {
      const auto self = weak.lock();
      if (!self) return;
      if (const auto due = self->streams.find(number); due != self->streams.end()) due->second.renewal = 0;
      self->push(number);
    });
  }

  void tell_all() {
    telling = false;
    std::vector<std::uint64_t> numbers;
    for (const auto& [number, stream] : streams) numbers.push_back(number);
    for (const auto number : numbers) push(number);
  }
};

WorkloadServer::WorkloadServer(net::Loop& loop, Authority& authority, Attest attest, Bundles bundles)
    : state_(std::make_shared<State>(loop, authority, std::move(attest), std::move(bundles))) {}

WorkloadServer::~WorkloadServer() { state_->server.reset(); }

Status WorkloadServer::listen(const std::string& socket_path, bool every_user) {
  if (!state_->server) {
    net::GrpcOptions options;
    options.message_bytes = kQuestionBytes;
    state_->server = std::make_unique<net::GrpcServer>(
        state_->loop, options, [weak = std::weak_ptr(state_)](net::GrpcCall call, const std::shared_ptr<net::GrpcReply>& reply) {
          if (const auto state = weak.lock()) state->serve(std::move(call), reply);
        });
  }
  return state_->server->listen_unix(socket_path, every_user ? kEveryUser : kOwnerOnly);
}

void WorkloadServer::bundles_changed() {
  if (std::exchange(state_->telling, true)) return;  // several changes at once are told once
  state_->loop.post([weak = std::weak_ptr(state_)] {
    if (const auto state = weak.lock()) state->tell_all();
  });
}

}  // namespace interlock::spiffe
