#include "surface/http/tunnel.hpp"

namespace interlock::http {

std::weak_ptr<Tunnel> Tunnel::join(const std::shared_ptr<Proxy::State>& proxy, std::shared_ptr<gate::Act> act,
                                   std::unique_ptr<net::ByteStream> client, std::unique_ptr<net::ByteStream> server,
                                   std::shared_ptr<const SecretForms> forms) {
  const std::shared_ptr<Tunnel> tunnel(new Tunnel(proxy, std::move(act)));
  if (forms && !forms->empty()) tunnel->redactor_.emplace(std::move(forms));
  tunnel->client_.bytes = std::move(client);
  tunnel->server_.bytes = std::move(server);
  proxy->tunnels.insert(tunnel);
  ++proxy->session_of(tunnel->act_->caller).under_way;
  tunnel->open(tunnel->client_, tunnel->server_);
  tunnel->open(tunnel->server_, tunnel->client_);
  return tunnel;
}

void Tunnel::open(Side& from, Side& to) {
  const std::weak_ptr<Tunnel> weak = weak_from_this();
  from.bytes->open({.on_bytes =
                        [weak, &from, &to](std::string_view bytes) {
                          const auto self = weak.lock();
                          if (!self || self->over_) return;
                          from.received += bytes.size();
                          if (self->redactor_ && &from == &self->server_) bytes = self->redactor_->feed_in_place(bytes, self->piece_);
                          if (!to.bytes->write(bytes)) from.bytes->pause(true);
                        },
                    .on_end =
                        [weak, &from, &to] {
                          if (const auto self = weak.lock()) self->side_ended(from, to);
                        },
                    .on_lost =
                        [weak](const Error& error) {
                          if (const auto self = weak.lock()) self->finish("failed", error.message);
                        },
                    .on_writable =
                        [weak, &to] {
                          const auto self = weak.lock();
                          if (self && !self->over_) to.bytes->pause(false);
                        }});
}

void Tunnel::side_ended(Side& from, Side& to) {
  if (over_) return;
  from.ended = true;
  if (redactor_ && &from == &server_) (void)to.bytes->write(redactor_->finish(piece_));
  if (over_) return;
  to.bytes->end();
  if (to.ended) finish("ok", "");
}

void Tunnel::cut(std::string_view why) { finish("cancelled", why); }

void Tunnel::finish(std::string_view kind, std::string_view why) {
  if (std::exchange(over_, true)) return;
  const auto self = shared_from_this();
  const auto proxy = proxy_.lock();
  if (!proxy) return;
  proxy->tunnels.erase(self);
  proxy->left_session(act_->caller);
  // The streams call from within themselves: they go when nobody is inside them any more.
  proxy->parts.loop->post([self] {
    self->client_.bytes = nullptr;
    self->server_.bytes = nullptr;
  });
  gate::ActOutcome outcome{.kind = kind, .result_text = {}, .note = std::string(why)};
  if (outcome.note.empty())
    outcome.note = std::to_string(client_.received) + " bytes out, " + std::to_string(server_.received) + " bytes in, unread";
  proxy->parts.gate->observe(act_, outcome, [](const Status&) {});
}

}  // namespace interlock::http
