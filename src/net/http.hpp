// HTTP/1.1 messages as plain data (RFC 9110, RFC 9112), shared by server and client.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace interlock::net {

struct PeerCertificates;  // net/tls.hpp

// Names compare without case, values are trimmed of optional white space. Order is kept.
class Headers {
 public:
  Headers() = default;
  Headers(std::initializer_list<std::pair<std::string, std::string>> list) : list_(list) {}

  void add(std::string name, std::string value) { list_.emplace_back(std::move(name), std::move(value)); }
  void set(std::string_view name, std::string value);
  void remove(std::string_view name);
  // The first value, or nullopt.
  std::optional<std::string_view> get(std::string_view name) const;
  std::size_t count(std::string_view name) const;
  const std::vector<std::pair<std::string, std::string>>& all() const { return list_; }

 private:
  std::vector<std::pair<std::string, std::string>> list_;
};

bool equal_ignoring_case(std::string_view a, std::string_view b);

struct HttpRequest {
  std::string method;  // as sent: case matters (RFC 9110 §9.1)
  std::string path;    // of the target, percent-encoding kept
  std::string query;   // without '?'
  Headers headers;
  std::string body;
  std::string peer;   // "127.0.0.1:49152", or "unix:pid=1,uid=2" with kernel credentials below
  int peer_pid = -1;  // from SO_PEERCRED where the connection is a Unix socket, else -1
  int peer_uid = -1;
  bool is_tls = false;
  std::shared_ptr<const PeerCertificates> peer_certificates;  // what a TLS client showed; null: nothing
};

}  // namespace interlock::net
