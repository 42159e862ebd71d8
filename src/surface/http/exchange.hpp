// One request's life: who asks, where to, what it is, the verdict; then off with what was brought, in with what was leased, and both bodies
// flow; what comes back is searched for the leases and recorded. Loop thread only; held by the proxy until it is over.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catalogue/catalogue.hpp"
#include "surface/http/answer.hpp"
#include "surface/http/proxy_state.hpp"

namespace interlock::http {

class Exchange : public std::enable_shared_from_this<Exchange> {
 public:
  Exchange(std::shared_ptr<Proxy::State> proxy, std::shared_ptr<net::ServerStream> stream);
  ~Exchange();
  void begin();
  void close(std::string_view why);  // the gate stops, or its task has ended
  const std::string& task() const;   // empty: none yet

 private:
  // In the order of an exchange's life (exchange.cpp).
  void recognize();
  void find_target();
  void find_addresses();
  void refuse_in_the_clear();
  void look_at_body();
  void ask();
  void decided(const std::shared_ptr<gate::Act>& act);
  // Once it is allowed (exchange_sending.cpp).
  void send();
  Status put_leases_in(net::ClientHead& head);
  net::ClientStreamHandlers handlers();
  void forward_body();
  void upgraded(net::Headers headers, std::unique_ptr<net::ByteStream> server);
  void lost(const Error& error);
  void over(gate::ActOutcome outcome);

  // The only protocol that a connection may become: h2c would carry requests that nobody reads.
  bool becomes_websocket() const { return net::equal_ignoring_case(stream_->head().upgrade, "websocket"); }
  // The signature of its lease is over the body, and its service takes none without.
  bool signs_body() const;

  void receive();  // the client's body begins to come
  void body_came(std::string_view chunk);
  void body_ended(net::Headers trailers);
  void stop(const Stop& why, net::Headers headers = {});  // before there is an act
  void deny();
  void client_gone();
  void count_collected(std::size_t bytes);  // towards what all exchanges hold
  // It was told that it may be performed, and its result is not on record yet.
  bool owes_result() const { return decided_ && !observed_ && act_->verdict.allows(); }
  void leave();  // nothing more happens; the proxy lets go
  std::string target_text() const { return stream_->head().method + ' ' + target_.scheme + "://" + target_.authority() + target_.path; }

  std::shared_ptr<Proxy::State> proxy_;
  std::shared_ptr<net::ServerStream> stream_;
  std::shared_ptr<OpenedTunnel> tunnel_;  // null: it came in plain form
  bool by_route_ = false;                 // a reverse route
  gate::Caller caller_;
  bool recognized_ = false;
  Target target_;
  std::shared_ptr<const HostConfig> host_;
  std::vector<net::Address> addresses_;
  catalogue::HttpRoute route_;
  net::Headers headers_;                  // of the request as it goes on
  std::optional<gate::Refusal> refusal_;  // where it may not go: recorded with the attempt

  enum class Body : std::uint8_t { kUnread, kCollecting, kWaiting, kFlowing, kDone };
  Body body_ = Body::kUnread;
  std::string collected_;
  std::size_t counted_ = 0;
  std::size_t collect_limit_ = 0;
  bool body_complete_ = false;
  net::Headers body_trailers_;

  std::shared_ptr<gate::Act> act_;
  bool decided_ = false;                                                                         // its verdict has come
  bool observed_ = false;                                                                        // its result was given
  std::shared_ptr<std::weak_ptr<Tunnel>> upgraded_ = std::make_shared<std::weak_ptr<Tunnel>>();  // what it became
  std::shared_ptr<net::ClientStream> call_;
  std::unique_ptr<Answer> answer_;
  net::TimerId patience_ = 0;
  bool over_ = false;
};

}  // namespace interlock::http
