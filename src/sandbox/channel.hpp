// What the launcher and the inside of a boundary tell each other, over a socket pair that no command ever holds.
//
// One message a packet: its kind, a body, and descriptors (SCM_RIGHTS). Both ends are one program, so a body is what that kind says and no
// more. Blocking; one thread an end.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "sandbox/descriptor.hpp"
#include "sandbox/plan.hpp"

namespace interlock::sandbox {

inline constexpr std::size_t kMessageBytes = 16'384;
inline constexpr std::size_t kMessageDescriptors = 64;

struct Message {
  enum class Kind : char {
    kFailed = 'f',       // inside → launcher: an Error, and the end
    kListeners = 'l',    // inside → launcher: the sockets of Plan::listeners
    kPlaceholder = 'p',  // inside → launcher: one made on the host (sealed.hpp)
    kReady = 'r',        // inside → launcher: an Enforcement; the exec watch where there is one
    kSignal = 's',       // launcher → inside: a number
    kContinue = 'c',     // launcher → inside: the launcher goes on after that stop, so the command does
    kStopped = 't',      // inside → launcher: the command was stopped, for the how manieth time
    kEnded = 'e',        // inside → launcher: the command's wait status
  };
  Kind kind = Kind::kFailed;
  std::string body;
  std::vector<Descriptor> descriptors;
};

struct ChannelEnds {
  Descriptor launcher;
  Descriptor inside;
};
Result<ChannelEnds> make_channel();

Status send_message(int socket, Message::Kind kind, std::string_view body, const std::vector<int>& descriptors = {});
// kUnavailable: the other end is gone. kTimeout; negative: none.
Result<Message> receive_message(int socket, int timeout_ms);

std::string encode(const Error& error);
Error decode_error(std::string_view body);
std::string encode(const Enforcement& enforced);
Enforcement decode_enforcement(std::string_view body);
std::string encode(int number);
int decode_number(std::string_view body);

}  // namespace interlock::sandbox
