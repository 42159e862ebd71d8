// The certificate that the gate serves https with, out of two files: read when it starts, and again whenever they change, so that a renewal
// needs no restart. A pair that is wrong changes nothing, and is named. Loop thread only.
#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"
#include "cli/config_identity.hpp"
#include "net/tls.hpp"

namespace interlock::cli {

class TlsFiles {
 public:
  static Result<std::unique_ptr<TlsFiles>> open(const TlsConfig& config);
  const std::shared_ptr<net::TlsServer>& server() const { return server_; }
  // Looks at the files. True: a new certificate is in force. An error is given once for each state of the files.
  Result<bool> follow();

 private:
  explicit TlsFiles(const TlsConfig& config) : config_(config) {}
  Result<net::TlsCertificate> read() const;
  std::string mark() const;
  TlsConfig config_;
  std::shared_ptr<net::TlsServer> server_;
  std::string in_force_;
  std::string last_seen_;
};

}  // namespace interlock::cli
