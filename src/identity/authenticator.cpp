#include "identity/authenticator.hpp"

#include <algorithm>
#include <unordered_map>

#include "identity/authorization.hpp"
#include "identity/identity.hpp"
#include "identity/replay.hpp"
#include "identity/token_verifier.hpp"
#include "jose/dpop.hpp"

namespace interlock::identity {
namespace {

constexpr std::int64_t kShortestWindowMs = 1'000;
constexpr std::int64_t kLongestWindowMs = 600'000;
// A peer's process is looked at anew after this: it may have become another program (execve), and its number another process.
constexpr std::int64_t kPeerMs = 1'000;
constexpr std::size_t kPeers = 1'000;

std::unexpected<Refusal> refuse(std::string message, std::string hint, std::string_view oauth_error = "invalid_token") {
  return std::unexpected(refusal_of({ErrorCode::kDenied, std::move(message), std::move(hint)}, oauth_error));
}

// A presentation that waits for keys: its views point into this.
struct Waiting {
  std::string token;
  Credentials credentials;
  std::vector<std::string> dpop;
  std::string method;
  Presentation presentation;

  Waiting(const Credentials& shown, Presentation given)
      : token(shown.token), credentials{shown.scheme, token}, method(given.method), presentation(std::move(given)) {
    for (const auto one : presentation.dpop) dpop.emplace_back(one);
    presentation.authorization.reset();  // it is read
    presentation.method = method;
    presentation.dpop.assign(dpop.begin(), dpop.end());
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
};

}  // namespace

struct Authenticator::State {
  State(net::Loop& loop, net::HttpClient& client, const Clock& in_clock, AuthenticatorOptions in_options)
      : clock(in_clock),
        options(std::move(in_options)),
        verifier(loop, client, clock, options.spiffe, options.own, options.remembered_tokens),
        seen(options.dpop_window_ms, options.replay_entries),
        nonces(clock.now_ms()) {}

  const Clock& clock;
  AuthenticatorOptions options;
  TokenBook tokens;
  TokenVerifier verifier;
  SeenProofs seen;
  Nonces nonces;
  struct Peer {
    int uid = -1;
    UnixMs looked_ms = 0;
    model::Subject subject;
  };
  std::unordered_map<int, Peer> peers;  // by pid

  Answer without_token(const Presentation& shown);
  Answer by_peer(const Presentation& shown);
  Answer by_token(const Presentation& shown, const Credentials& credentials, const Verified& verified);
  std::expected<model::Assurance, Refusal> prove(const Presentation& shown, const Credentials& credentials, const Verified& verified);
  std::expected<void, Refusal> check_proof(const Presentation& shown, std::string_view token, const Verified& verified);
  Answer strip(const Presentation& shown, const model::Subject& human);
};

Answer Authenticator::State::without_token(const Presentation& shown) {
  if (!shown.dpop.empty())
    return refuse("a DPoP proof was shown without a token", "send \"Authorization: DPoP <token>\" with it", "invalid_dpop_proof");
  if (shown.certificates) {
    auto verified = verifier.verify_certificates(*shown.certificates);
    if (!verified) return std::unexpected(std::move(verified.error()));
    return (*verified)->subject;
  }
  if (shown.peer_pid >= 0 && options.local_peers) return by_peer(shown);
  auto subject = tokens.authenticate(std::nullopt, clock.now_ms());
  if (!subject) return std::unexpected(refusal_of(std::move(subject.error()), ""));
  return std::move(*subject);
}

Answer Authenticator::State::by_peer(const Presentation& shown) {
  const auto now_ms = clock.now_ms();
  const auto it = peers.find(shown.peer_pid);
  if (it != peers.end() && it->second.uid == shown.peer_uid && now_ms - it->second.looked_ms < kPeerMs) return it->second.subject;
  if (peers.size() >= kPeers) peers.clear();
  auto& peer = peers[shown.peer_pid];
  peer = {.uid = shown.peer_uid, .looked_ms = now_ms, .subject = local_subject(shown.peer_pid, shown.peer_uid)};
  return peer.subject;
}

// RFC 9449 §4.3, §8, §9, §11.1.
std::expected<void, Refusal> Authenticator::State::check_proof(const Presentation& shown, std::string_view token,
                                                               const Verified& verified) {
  static constexpr const char* kError = "invalid_dpop_proof";
  if (shown.dpop.empty())
    return refuse("the token is bound to a key, and no DPoP proof was shown", "send a DPoP header with the request", kError);
  if (shown.dpop.size() > 1) return refuse("the request has more than one DPoP header", "send one", kError);
  const auto now_ms = clock.now_ms();
  auto proof = jose::verify_dpop(shown.dpop.front(), {.method = shown.method,
                                                      .url = shown.url,
                                                      .access_token = shown.token_request ? "" : token,
                                                      .window_ms = options.dpop_window_ms,
                                                      .now_ms = now_ms,
                                                      .known_key = verified.proven_key});
  if (!proof) return std::unexpected(refusal_of(std::move(proof.error()), kError));
  if (proof->thumbprint != verified.key)
    return refuse("the DPoP proof is by another key than the token is bound to", "sign with the token's key", kError);
  verified.proven_key = std::move(proof->key);
  if (options.nonces == NonceUse::kRequired && !nonces.is_good(proof->nonce, now_ms)) {
    auto out = refusal_of(
        {ErrorCode::kDenied, "the DPoP proof has no nonce of this gate that is still good", "repeat it with the DPoP-Nonce of this answer"},
        "use_dpop_nonce");
    out.dpop_nonce = nonces.fresh(now_ms);
    return std::unexpected(std::move(out));
  }
  if (auto noted = seen.note(proof->thumbprint, proof->jti, proof->issued_ms, now_ms); !noted) {
    return std::unexpected(refusal_of(std::move(noted.error()), kError));
  }
  return {};
}

// How strongly the token is proven to be its holder's.
std::expected<model::Assurance, Refusal> Authenticator::State::prove(const Presentation& shown, const Credentials& credentials,
                                                                     const Verified& verified) {
  const bool is_dpop = credentials.scheme == Scheme::kDpop;
  if (verified.key.empty() && is_dpop)
    return refuse("the token is bound to no DPoP key, and was shown with the DPoP scheme", "get a token with cnf.jkt");
  if (verified.key.empty() && !shown.dpop.empty())
    return refuse("a DPoP proof was shown with a token that is bound to no key", "get a token with cnf.jkt");
  // RFC 9449 §7.1: a token that was stolen must not work as a bearer token.
  if (!verified.key.empty() && !is_dpop)
    return refuse("the token is bound to a DPoP key, and was shown with the Bearer scheme", "use the DPoP scheme with a proof");
  if (!verified.certificate.empty() &&
      (!shown.certificates || !equal_constant_time(shown.certificates->leaf_sha256, verified.certificate))) {
    return refuse("the token is bound to a client certificate that this connection did not show",
                  "connect with that certificate (RFC 8705 §3)");
  }
  if (!verified.key.empty()) {
    if (auto checked = check_proof(shown, credentials.token, verified); !checked) return std::unexpected(std::move(checked.error()));
  }
  if (!verified.certificate.empty()) return model::Assurance::kMtls;
  if (!verified.key.empty()) return model::Assurance::kDpop;
  if (!verified.accepts_bearer) {
    return refuse("a bare bearer token of this issuer is not accepted: whoever stole it could use it",
                  "bind it to a key (DPoP) or a certificate (mTLS), or set accept_bearer for the issuer");
  }
  return model::Assurance::kBearer;
}

// The agent borrowed a human's token: what it can prove of itself counts, nothing of the human's does.
Answer Authenticator::State::strip(const Presentation& shown, const model::Subject& human) {
  Answer own = refuse("the token stands for a human alone, and the agent that shows it proves nothing of itself",
                      "authenticate the agent (a client certificate, a Unix socket), or exchange the token for one that says who acts", "");
  if (shown.certificates)
    own = without_token({.authorization = {},
                         .dpop = {},
                         .token_request = false,
                         .method = {},
                         .url = {},
                         .resources = {},
                         .required_scopes = {},
                         .certificates = shown.certificates});
  else if (shown.peer_pid >= 0 && options.local_peers) own = by_peer(shown);
  if (!own) {
    own.error().inherited_from = human.id;
    return own;
  }
  own->attributes["inherited_from"] = human.id;
  return own;
}

Answer Authenticator::State::by_token(const Presentation& shown, const Credentials& credentials, const Verified& verified) {
  // Nothing of a token that is set aside counts, so it needs no proof.
  if (verified.subject.inherited && verified.inherited == Inherited::kStrip) return strip(shown, verified.subject);
  if (verified.subject.inherited && verified.inherited == Inherited::kRefuse) {
    auto out = refuse("the token stands for a human alone: it does not say which agent acts",
                      "exchange it for a token that names the agent (RFC 8693), or set `inherited` for its issuer", "");
    out.error().status = 403;
    out.error().inherited_from = verified.subject.id;
    return out;
  }
  auto assurance = prove(shown, credentials, verified);
  if (!assurance) return std::unexpected(std::move(assurance.error()));
  const bool has_scopes = verified.issuer || verified.own_keys;
  for (const auto& scope : shown.required_scopes) {
    const auto& held = verified.subject.scopes;
    if (!has_scopes || std::find(held.begin(), held.end(), scope) != held.end()) continue;
    auto out = refuse("the token lacks the scope \"" + scope + "\", which this endpoint needs", "authorize again with that scope",
                      "insufficient_scope");
    out.error().status = 403;
    out.error().scopes = shown.required_scopes;
    return out;
  }
  auto subject = verified.subject;
  subject.assurance = *assurance;
  if (!verified.certificate.empty()) subject.workload = "x5t " + to_hex(verified.certificate);
  else if (!verified.key.empty()) subject.workload = "jkt " + verified.key;
  return subject;
}

Result<std::unique_ptr<Authenticator>> Authenticator::create(net::Loop& loop, net::HttpClient& client, const Clock& clock,
                                                             AuthenticatorOptions options) {
  if (options.dpop_window_ms < kShortestWindowMs || options.dpop_window_ms > kLongestWindowMs) {
    return fail(ErrorCode::kInvalid, "the DPoP window is not between 1 s and 10 m", "write dpop: { window: 60s }");
  }
  if (!options.own.issuer.empty() && !options.own.keys) return fail(ErrorCode::kInternal, "the gate's own tokens have no keys");
  auto issuers = std::exchange(options.issuers, {});
  auto state = std::make_shared<State>(loop, client, clock, std::move(options));
  if (auto status = state->verifier.set_issuers(std::move(issuers)); !status) return fail(std::move(status.error()));
  return std::unique_ptr<Authenticator>(new Authenticator(std::move(state)));
}

Authenticator::Authenticator(std::shared_ptr<State> state) : state_(std::move(state)) {}
Authenticator::~Authenticator() = default;

void Authenticator::set_tokens(TokenBook tokens) { state_->tokens = std::move(tokens); }
Status Authenticator::set_issuers(std::vector<IssuerConfig> issuers) { return state_->verifier.set_issuers(std::move(issuers)); }

void Authenticator::authenticate(Presentation shown, std::function<void(Answer)> done) {
  auto& state = *state_;
  if (!shown.authorization) return done(state.without_token(shown));
  const auto credentials = read_authorization(*shown.authorization);
  if (!credentials) return done(std::unexpected(refusal_of(credentials.error(), "invalid_request")));
  const auto key = state.verifier.key_of(credentials->token, shown.resources);
  if (const auto verified = state.verifier.remembered(key)) {
    return done(state.by_token(shown, *credentials, *verified));
  }
  auto configured = state.tokens.find(credentials->token, state.clock.now_ms());
  if (!configured) return done(std::unexpected(refusal_of(std::move(configured.error()))));
  if (*configured) {
    if (credentials->scheme != Scheme::kBearer || !shown.dpop.empty()) {
      return done(refuse("a token of the configuration is bound to no key", "send it with the Bearer scheme, and without a DPoP proof"));
    }
    return done(std::move(**configured));
  }
  // Only those who wait need their request kept.
  const auto waiting = std::make_shared<const Waiting>(*credentials, std::move(shown));
  // The state may go while a key is on its way; it is then that the waiters are told.
  state.verifier.verify(key, waiting->token, waiting->presentation.resources,
                        [weak = std::weak_ptr<State>(state_), waiting, done = std::move(done)](TokenVerifier::Found verified) {
                          if (!verified) return done(std::unexpected(std::move(verified.error())));
                          const auto alive = weak.lock();
                          if (!alive)
                            return done(std::unexpected(refusal_of({ErrorCode::kUnavailable, "the gate is stopping", "try again"})));
                          done(alive->by_token(waiting->presentation, waiting->credentials, **verified));
                        });
}

void Authenticator::verify_token(std::string token, std::vector<std::string> resources, std::function<void(Answer)> done) {
  auto& state = *state_;
  const auto take = [](const Verified& verified) -> Answer {
    auto subject = verified.subject;
    subject.assurance = model::Assurance::kBearer;
    return subject;
  };
  const auto key = state.verifier.key_of(token, resources);
  if (const auto verified = state.verifier.remembered(key)) return done(take(*verified));
  auto configured = state.tokens.find(token, state.clock.now_ms());
  if (!configured) return done(std::unexpected(refusal_of(std::move(configured.error()))));
  if (*configured) return done(std::move(**configured));
  state.verifier.verify(key, token, resources, [take, done = std::move(done)](TokenVerifier::Found verified) {
    if (!verified) return done(std::unexpected(std::move(verified.error())));
    done(take(**verified));
  });
}

bool Authenticator::takes_dpop() const { return state_->verifier.knows_issuers(); }
json::array Authenticator::describe() const { return state_->verifier.describe(); }

}  // namespace interlock::identity
