#include "sandbox/channel.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace interlock::sandbox {
namespace {

// The flags of an Enforcement, in one order for both directions.
template <typename Visit>
void each_flag(auto& enforced, Visit visit) {
  visit(enforced.user_namespace);
  visit(enforced.network_namespace);
  visit(enforced.process_namespace);
  visit(enforced.mount_view);
  visit(enforced.landlock_scopes);
  visit(enforced.seccomp);
  visit(enforced.exec_watch);
  visit(enforced.no_new_privileges);
}

}  // namespace

Result<ChannelEnds> make_channel() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return fail(system_error("socketpair", errno));
  return ChannelEnds{Descriptor(ends[0]), Descriptor(ends[1])};
}

Status send_message(int socket, Message::Kind kind, std::string_view body, const std::vector<int>& descriptors) {
  if (body.size() >= kMessageBytes || descriptors.size() > kMessageDescriptors)
    return fail(ErrorCode::kTooLarge, "a message inside the boundary is too large");
  char kind_byte = static_cast<char>(kind);
  iovec parts[2] = {{&kind_byte, 1}, {const_cast<char*>(body.data()), body.size()}};
  msghdr header{};
  header.msg_iov = parts;
  header.msg_iovlen = 2;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kMessageDescriptors)> control{};
  if (!descriptors.empty()) {
    header.msg_control = control.data();
    header.msg_controllen = CMSG_SPACE(sizeof(int) * descriptors.size());
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int) * descriptors.size());
    std::memcpy(CMSG_DATA(rights), descriptors.data(), sizeof(int) * descriptors.size());
  }
  while (::sendmsg(socket, &header, MSG_NOSIGNAL) < 0) {
    if (errno == EINTR) continue;
    return fail(system_error("the launcher cannot be told", errno));
  }
  return {};
}

Result<Message> receive_message(int socket, int timeout_ms) {
  pollfd ready{socket, POLLIN, 0};
  int polled = 0;
  while ((polled = ::poll(&ready, 1, timeout_ms)) < 0 && errno == EINTR) {
  }
  if (polled == 0) return fail(ErrorCode::kTimeout, "the other side of the boundary does not answer");

  std::array<char, kMessageBytes> buffer;
  iovec part{buffer.data(), buffer.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kMessageDescriptors)> control{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  ssize_t size = 0;
  while ((size = ::recvmsg(socket, &header, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR) {
  }
  if (size <= 0) return fail(ErrorCode::kUnavailable, "the other side of the boundary is gone");

  Message message;
  for (cmsghdr* part_header = CMSG_FIRSTHDR(&header); part_header != nullptr; part_header = CMSG_NXTHDR(&header, part_header)) {
    if (part_header->cmsg_level != SOL_SOCKET || part_header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part_header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part_header) + i * sizeof(int), sizeof fd);
      message.descriptors.emplace_back(fd);
    }
  }
  message.kind = static_cast<Message::Kind>(buffer[0]);
  message.body.assign(buffer.data() + 1, static_cast<std::size_t>(size) - 1);
  return message;
}

std::string encode(const Error& error) {
  std::string body(1, static_cast<char>(error.code));
  return body + error.message.substr(0, kMessageBytes / 4) + '\0' + error.hint.substr(0, kMessageBytes / 4);
}

Error decode_error(std::string_view body) {
  if (body.empty()) return Error{ErrorCode::kInternal, "the boundary failed without a word", {}};
  const std::string_view text = body.substr(1);
  const std::size_t cut = text.find('\0');
  return Error{static_cast<ErrorCode>(body[0]), std::string(text.substr(0, cut)),
               std::string(cut == text.npos ? std::string_view{} : text.substr(cut + 1))};
}

std::string encode(const Enforcement& enforced) {
  std::string body(1, static_cast<char>(enforced.landlock_abi));
  each_flag(enforced, [&](const bool& flag) { body += flag ? '1' : '0'; });
  for (const std::string& line : enforced.missing) body += '\n' + line;
  return body;
}

Enforcement decode_enforcement(std::string_view body) {
  Enforcement enforced;
  enforced.landlock_abi = body[0];
  std::size_t at = 1;
  each_flag(enforced, [&](bool& flag) { flag = body[at++] == '1'; });
  while (at < body.size()) {
    const std::size_t end = body.find('\n', at + 1);
    enforced.missing.emplace_back(body.substr(at + 1, end == body.npos ? end : end - at - 1));
    at = end == body.npos ? body.size() : end;
  }
  return enforced;
}

std::string encode(int number) { return std::to_string(number); }
int decode_number(std::string_view body) { return std::atoi(std::string(body).c_str()); }

}  // namespace interlock::sandbox
