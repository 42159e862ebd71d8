// MCP over stdin and stdout, towards one client of either era: what `interlock mcp -- SERVER` is to the client that started it.
//
// A client that opens with initialize gets a legacy session; requests that carry 2026-07-28 _meta are served statelessly
// (2026-07-28 versioning, "dual-era server"). Loop thread only.
#pragma once

#include <functional>
#include <memory>

#include "net/process.hpp"
#include "surface/mcp/surface.hpp"

namespace interlock::mcp {

class StdioFront : public std::enable_shared_from_this<StdioFront> {
 public:
  StdioFront(Surface& surface, const Endpoint& endpoint, gate::Caller caller);
  // Reads from `read_fd` until it ends, then calls `on_end`.
  void start(int read_fd, int write_fd, std::function<void()> on_end);

 private:
  void line(std::string_view text);
  void take(json::value document);
  void initialize(net::RpcMessage message);
  void modern(net::RpcMessage message);
  void write(std::string_view text);

  Surface& surface_;
  const Endpoint& endpoint_;
  gate::Caller caller_;
  std::unique_ptr<net::LineStream> stream_;
  std::shared_ptr<Session> session_;              // legacy
  std::vector<std::shared_ptr<Session>> modern_;  // by capabilities, as they come
  std::function<void()> on_end_;
};

}  // namespace interlock::mcp
