// The bytes of a connected non-blocking socket, plain or TLS, behind one face: the client does not care which. Loop thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"

struct ssl_ctx_st;

namespace interlock::net {

enum class IoState : std::uint8_t { kDone, kWantRead, kWantWrite, kEnd, kFailed };

struct IoResult {
  IoState state = IoState::kDone;
  std::size_t bytes = 0;
  bool may_have_more = true;  // of a read: another one may give bytes without waiting
};

// Does not own the descriptor, which must outlive it.
class Transport {
 public:
  virtual ~Transport() = default;
  virtual IoResult handshake() = 0;  // until kDone
  virtual IoResult read(char* out, std::size_t size) = 0;
  virtual IoResult write(std::string_view bytes) = 0;
  // Of a connection that nobody uses: false if the other side has closed it, or has sent what was not asked for.
  virtual bool looks_usable() = 0;
  // After kFailed: what went wrong, for people.
  virtual std::string problem() const = 0;
};

std::unique_ptr<Transport> plain_transport(int fd);

// What TLS connections of one client share: TLS 1.2 or later, the trust store, names verified.
class TlsContext {
 public:
  // `ca_file`: a PEM file of authorities to trust besides the system's; empty: none.
  static Result<std::unique_ptr<TlsContext>> create(const std::string& ca_file);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  // `host`: a name, or an IP address, that the certificate must be for.
  Result<std::unique_ptr<Transport>> open(int fd, const std::string& host);

 private:
  explicit TlsContext(ssl_ctx_st* context) : context_(context) {}
  ssl_ctx_st* context_;
};

}  // namespace interlock::net
