// Bytes both ways between a client and a server, once nobody reads them: opaque tunnels, connections that became another protocol.
//
// It ends with either side, with its task and by the kill switch; then its act's result is recorded. Loop thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "net/byte_stream.hpp"
#include "surface/http/proxy_state.hpp"
#include "surface/http/redaction.hpp"

namespace interlock::http {

class Tunnel : public std::enable_shared_from_this<Tunnel> {
 public:
  // `forms`: what the server may not show the client. Held by the proxy until it ends. Its session is in use as long.
  static std::weak_ptr<Tunnel> join(const std::shared_ptr<Proxy::State>& proxy, std::shared_ptr<gate::Act> act,
                                    std::unique_ptr<net::ByteStream> client, std::unique_ptr<net::ByteStream> server,
                                    std::shared_ptr<const SecretForms> forms = nullptr);
  void cut(std::string_view why);
  const std::shared_ptr<gate::Act>& act() const { return act_; }

 private:
  Tunnel(std::weak_ptr<Proxy::State> proxy, std::shared_ptr<gate::Act> act) : proxy_(std::move(proxy)), act_(std::move(act)) {}
  struct Side {
    std::unique_ptr<net::ByteStream> bytes;
    std::uint64_t received = 0;
    bool ended = false;
  };
  void open(Side& from, Side& to);
  void side_ended(Side& from, Side& to);
  void finish(std::string_view kind, std::string_view why);

  std::weak_ptr<Proxy::State> proxy_;
  std::shared_ptr<gate::Act> act_;
  Side client_;
  Side server_;
  std::optional<Redactor> redactor_;
  std::string piece_;
  bool over_ = false;
};

}  // namespace interlock::http
