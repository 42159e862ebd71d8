// Asks the gates of a state folder over their admin sockets: one short blocking HTTP/1.1 request a connection, for verbs.
//
// A socket is believed only where the kernel says that its listener is the user it should be (the socket's owner) and, by its
// name, the process it should be.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"

namespace interlock::cli {

struct GateAddress {
  int pid = -1;
  std::string socket;
};

// Sockets in <state>/run, by pid; also of gates that are gone.
std::vector<GateAddress> list_gates(const std::string& state_folder);

struct AdminReply {
  int status = 0;
  json::value body;
  bool ok() const { return status >= 200 && status < 300; }
  Error error() const;  // of the body, for a status that is no success
};

// kUnavailable: nobody listens there. kTimeout, kIo, kInvalid: somebody does, and answers badly. kDenied: it is not who it should be.
Result<AdminReply> ask_gate(const GateAddress& gate, std::string_view method, std::string_view path, const json::value* body = nullptr,
                            std::int64_t timeout_ms = 10'000);

struct GateAnswer {
  GateAddress gate;
  Result<AdminReply> reply;
};
// Asks all at once: each has the request before the first answer is waited for. Gates that are gone are left out.
std::vector<GateAnswer> ask_gates(const std::vector<GateAddress>& gates, std::string_view method, std::string_view path,
                                  const json::value* body = nullptr, std::int64_t timeout_ms = 10'000);

}  // namespace interlock::cli
