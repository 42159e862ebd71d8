// An exchange that is allowed: leases in, bodies both ways, the result observed.
#include "base/text.hpp"
#include "credential/echo.hpp"
#include "credential/placement.hpp"
#include "credential/sigv4.hpp"
#include "surface/http/exchange.hpp"
#include "surface/http/tunnel.hpp"

namespace interlock::http {
namespace {

using Where = credential::Placement::Where;

constexpr std::string_view kStreamingService = "s3";  // the one that takes bodies unsigned

// Fields of leases that anybody may know: they are in ordinary texts, and tell nothing.
constexpr std::string_view kPublicFields[] = {"host",        "port",       "username",      "token_type",
                                              "certificate", "public_key", "access_key_id", "database"};

std::shared_ptr<const SecretForms> forms_of(const std::vector<std::shared_ptr<const credential::Lease>>& leases) {
  if (leases.empty()) return nullptr;
  credential::Echoes echoes;
  for (const auto& lease : leases) {
    for (const auto field : lease->field_names())
      if (std::ranges::find(kPublicFields, field) == std::end(kPublicFields)) echoes.add(lease->field(field));
  }
  return std::make_shared<const SecretForms>(echoes);
}

const credential::Lease* lease_of(const gate::Act& act, std::string_view credential) {
  for (const auto& lease : act.leases)
    if (lease->record().credential == credential) return lease.get();
  return nullptr;
}

// How a body is signed: what was collected by its hash, no body as the empty one, what flows as the service allows.
Result<std::string> payload_of(const net::Headers& headers, const std::optional<std::uint64_t>& length, bool collected,
                               std::string_view body, std::string_view service) {
  const auto declared = headers.get("x-amz-content-sha256");
  if (declared && declared->starts_with("STREAMING-") && !credential::is_payload_hash(*declared))
    return fail(ErrorCode::kUnsupported, "each piece of the body is signed by the client, and cannot be signed anew",
                "let the client sign the body as a whole, or not at all (UNSIGNED-PAYLOAD)");
  // Its framing (aws-chunked) is part of what flows: the declared word stands.
  if (declared && *declared == credential::kUnsignedTrailer) return std::string(*declared);
  if (collected || length == 0) return credential::payload_hash(body);
  if (declared && credential::is_payload_hash(*declared)) return std::string(*declared);
  if (service != kStreamingService)
    return fail(ErrorCode::kTooLarge, "the body must be read to be signed, and is longer than may be read",
                "egress.read_body says how much");
  return std::string(credential::kUnsignedPayload);
}

// As configured, else as the host's name tells.
credential::SigV4Scope scope_of(const credential::Placement& placement, std::string_view host) {
  const auto told = credential::sigv4_scope_of(host);
  return {placement.service.empty() ? told.service : std::string_view(placement.service),
          placement.region.empty() ? told.region : std::string_view(placement.region)};
}

bool keeps_cookies(const HostConfig& host) {
  return std::ranges::any_of(host.keep, [](std::string_view name) {
    return net::equal_ignoring_case(name, "cookie") || net::equal_ignoring_case(name, "set-cookie");
  });
}

}  // namespace

Status Exchange::put_leases_in(net::ClientHead& head) {
  const credential::Placement* signing = nullptr;
  for (const auto& placement : host_->credentials) {
    const auto* lease = lease_of(*act_, placement.credential);
    if (lease == nullptr) continue;  // it is for when policy names it
    if (!lease->alive()) return fail(ErrorCode::kExpired, "the credential of this act was revoked before it was used", "try again");
    if (placement.where == Where::kSigV4) {
      signing = &placement;
      continue;
    }
    auto text = credential::fill_template(placement.text, *lease);
    if (!text) return fail(std::move(text.error()));
    if (placement.where == Where::kHeader) {
      head.headers.set(placement.name, *text);
    } else {
      head.target += head.target.find('?') == std::string::npos ? '?' : '&';
      head.target += percent_encoded(placement.name) + '=' + percent_encoded(*text);
    }
    store::wipe(*text);
  }
  if (signing == nullptr) return {};
  // The signature is over everything else, and so comes last.
  const auto* lease = lease_of(*act_, signing->credential);
  const auto scope = scope_of(*signing, target_.host);
  const auto payload = payload_of(stream_->head().headers, head.length, body_complete_, collected_, scope.service);
  if (!payload) return fail(payload.error());
  net::Headers signed_headers = head.headers;
  signed_headers.set("Host", head.authority);
  const credential::SigV4Signer signer{.access_key_id = lease->field("access_key_id"),
                                       .secret_access_key = lease->field("secret_access_key"),
                                       .session_token = lease->field("session_token"),
                                       .region = scope.region,
                                       .service = scope.service};
  if (auto done = credential::sign(signer, head.method, head.target, signed_headers, *payload, proxy_->parts.clock->now_ms()); !done)
    return done;
  signed_headers.remove("Host");
  head.headers = std::move(signed_headers);
  return {};
}

bool Exchange::signs_body() const {
  const auto declared = stream_->head().headers.get("x-amz-content-sha256");
  if (declared && credential::is_payload_hash(*declared) && *declared != credential::kUnsignedPayload) return false;
  return std::ranges::any_of(host_->credentials, [&](const auto& placement) {
    return placement.where == Where::kSigV4 && scope_of(placement, target_.host).service != kStreamingService;
  });
}

void Exchange::send() {
  const auto& asked = stream_->head();
  net::ClientHead head;
  head.method = asked.method;
  head.authority = target_.authority();
  head.target = target_.request_target();
  head.headers = std::move(headers_);
  // What was collected whole has a length, whatever it came as.
  head.length = body_complete_ && body_trailers_.all().empty() ? std::optional<std::uint64_t>(collected_.size()) : asked.length;
  if (becomes_websocket()) head.upgrade = asked.upgrade;
  head.headers.add("Via", std::string(asked.version == net::HttpVersion::k2 ? "2 " : "1.1 ") + proxy_->options.via);
  if (!act_->leases.empty()) {
    // An answer that is to be searched comes plain and whole.
    head.headers.set("Accept-Encoding", "identity");
    head.headers.remove("Sec-WebSocket-Extensions");  // they compress
    // A signature does not show what it was made with, and what loads in parts (S3) needs its ranges.
    const bool signs_alone =
        std::ranges::all_of(host_->credentials, [](const auto& placement) { return placement.where == Where::kSigV4; });
    if (!signs_alone) {
      head.headers.remove("Range");
      head.headers.remove("If-Range");
    }
  }
  if (auto put = put_leases_in(head); !put) {
    gate::ActOutcome outcome{.kind = "failed", .result_text = {}, .note = put.error().message};
    answer_stop(*stream_, {.status = 502, .layer = model::Layer::kCredential, .reason = put.error().message, .next = put.error().hint});
    proxy_->parts.gate->observe(act_, outcome, [](const Status&) {});
    return leave();
  }
  answer_ = std::make_unique<Answer>(stream_, forms_of(act_->leases), proxy_->options.decoded_ratio, keeps_cookies(*host_));
  net::Destination to{.scheme = target_.scheme,
                      .host = target_.host,
                      .port = target_.port,
                      .addresses = addresses_,
                      .tls = target_.scheme == "https" ? proxy_->tls_client : nullptr,
                      .http2 = host_->http2 && head.upgrade.empty(),
                      .realm = {}};
  const bool has_body = head.length.value_or(1) != 0;
  patience_ = proxy_->parts.loop->after_ms(proxy_->options.head_timeout_ms, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) {
      self->patience_ = 0;
      if (self->call_) self->call_->cut();
      self->lost({ErrorCode::kTimeout, "the server did not answer in time", "try again later"});
    }
  });
  call_ = proxy_->client->start(std::move(to), std::move(head), handlers());
  if (over_) return;
  stream_->on_writable([weak = weak_from_this()] {
    if (const auto self = weak.lock(); self && !self->over_ && self->call_) self->call_->hold(false);
  });
  if (!has_body) return call_->end();
  forward_body();
}

void Exchange::forward_body() {
  const bool unread = body_ == Body::kUnread;
  body_ = Body::kFlowing;
  if (unread) return receive();
  const bool goes_on = collected_.empty() || call_->write(collected_);
  collected_ = {};
  count_collected(0);
  if (body_complete_) {
    body_ = Body::kDone;
    return call_->end(std::move(body_trailers_));
  }
  if (goes_on) stream_->hold(false);
}

net::ClientStreamHandlers Exchange::handlers() {
  const auto weak = weak_from_this();
  const auto with = [weak](auto work) {
    return [weak, work](auto&&... given) {
      if (const auto self = weak.lock(); self && !self->over_) work(*self, std::forward<decltype(given)>(given)...);
    };
  };
  return {.on_inform = with([](Exchange& self, int status, net::Headers headers) {
            if (!self.answer_->searches()) self.stream_->inform(status, std::move(headers));
          }),
          .on_head = with([](Exchange& self, int status, net::Headers headers, std::optional<std::uint64_t> length) {
            self.proxy_->parts.loop->cancel(std::exchange(self.patience_, 0));
            headers.add("Via", "1.1 " + self.proxy_->options.via);
            if (auto begun = self.answer_->head(status, std::move(headers), length); !begun) {
              self.call_->cut();
              self.lost(begun.error());
            }
          }),
          .body = {.on_data = with([](Exchange& self, std::string_view chunk) {
                     auto goes_on = self.answer_->data(chunk);
                     if (!goes_on) {
                       self.call_->cut();
                       return self.lost(goes_on.error());
                     }
                     if (!*goes_on) self.call_->hold(true);
                   }),
                   .on_end = with([](Exchange& self, net::Headers trailers) {
                     if (auto complete = self.answer_->complete(std::move(trailers)); !complete) return self.lost(complete.error());
                     gate::ActOutcome outcome{.kind = self.answer_->status() < 400 ? "ok" : "error", .result_text = {}, .note = {}};
                     self.over(std::move(outcome));
                   }),
                   .on_lost = with([](Exchange& self, const Error& error) { self.lost(error); })},
          .on_writable = with([](Exchange& self) { self.stream_->hold(false); }),
          .on_upgrade = with([](Exchange& self, net::Headers headers, std::unique_ptr<net::ByteStream> server) {
            self.upgraded(std::move(headers), std::move(server));
          })};
}

// The answer is complete: its receipt first, then its end.
void Exchange::over(gate::ActOutcome outcome) {
  outcome.streamed_bytes = answer_->bytes();
  outcome.streamed_sha256 = answer_->digest();
  if (const auto hidden = answer_->hidden(); hidden > 0)
    outcome.note = std::to_string(hidden) + " times a leased secret was taken out of the answer";
  else if (outcome.kind == "error") outcome.note = "status " + std::to_string(answer_->status());
  observed_ = true;
  proxy_->parts.gate->observe(act_, outcome, [self = shared_from_this()](const Status& released) {
    if (self->over_) return;
    if (released) self->answer_->release();
    else if (self->answer_->released_anything()) self->stream_->cut();
    else
      answer_stop(*self->stream_,
                  {.status = 500, .layer = model::Layer::kLedger, .reason = released.error().message, .next = released.error().hint});
    self->leave();
  });
}

void Exchange::lost(const Error& error) {
  if (over_) return;
  const auto self = shared_from_this();
  gate::ActOutcome outcome{.kind = "failed", .result_text = {}, .note = error.message};
  if (!std::exchange(observed_, true)) proxy_->parts.gate->observe(act_, outcome, [](const Status&) {});
  if (answer_ && answer_->released_anything()) stream_->cut();
  else
    answer_stop(*stream_, {.status = error.code == ErrorCode::kTimeout ? 504 : 502,
                           .layer = model::Layer::kServer,
                           .reason = error.message,
                           .next = error.hint});
  leave();
}

// 101: both sides speak something else from here on.
void Exchange::upgraded(net::Headers headers, std::unique_ptr<net::ByteStream> server) {
  auto client = stream_->take_over(101, answer_->cleaned(std::move(headers)));
  if (!client) return lost(client.error());
  *upgraded_ = Tunnel::join(proxy_, act_, std::move(*client), std::move(server), answer_->forms());
  leave();
}

}  // namespace interlock::http
