// MCP's stdio binding towards a server: one child process, one JSON-RPC message a line.
#include <sys/wait.h>
#include <unistd.h>

#include "surface/mcp/server_wire.hpp"

namespace interlock::mcp {
namespace {

std::string how_it_ended(int wait_status) {
  if (WIFEXITED(wait_status)) return "the server process exited with code " + std::to_string(WEXITSTATUS(wait_status));
  if (WIFSIGNALED(wait_status)) return "the server process was ended by signal " + std::to_string(WTERMSIG(wait_status));
  return "the server process ended";
}

class StdioWire final : public ServerWire {
 public:
  StdioWire(WireLimits limits, WireHandlers handlers) : limits_(limits), handlers_(std::make_shared<WireHandlers>(std::move(handlers))) {}

  Status start(net::Loop& loop, const ServerAddress& address) {
    net::ProcessOptions options;
    options.argv = address.command;
    options.environment = net::safe_environment();
    for (const auto& [name, value] : address.environment) options.environment[name] = value;
    options.folder = address.folder;
    options.forward_stderr = address.forward_stderr && !address.hide_text;
    if (address.lent_texts) {
      auto lent = address.lent_texts();
      if (!lent) return fail(std::move(lent.error()));
      options.lent = std::move(*lent);
    }
    options.limits.line_bytes = limits_.message_bytes;
    // The handlers outlive this object inside one callback: an on_message may destroy the wire.
    auto handlers = handlers_;
    const auto limits = limits_;
    net::ChildProcess::Handlers callbacks;
    callbacks.on_line = [handlers, limits](std::string_view line) {
      auto document = json::parse(line, {.size_bytes = limits.message_bytes, .depth = limits.depth});
      if (!document) return handlers->on_garbage(std::move(document.error()));
      const auto take = [&](json::value item) {
        auto message = net::read_rpc(std::move(item));
        if (!message) return handlers->on_garbage(std::move(message.error()));
        handlers->on_message(0, std::move(*message));
      };
      // 2025-03-26 servers may answer in batches, and every client of theirs must be able to read them.
      auto* batch = document->if_array();
      if (batch == nullptr) return take(std::move(*document));
      for (auto& item : *batch) take(std::move(item));
    };
    callbacks.on_bad_line = [handlers](Error error) { handlers->on_garbage(std::move(error)); };
    callbacks.on_stderr = [](std::string_view) {};
    if (address.forward_stderr && address.hide_text) {
      // Our stderr may be the agent's to read.
      callbacks.on_stderr = [hide = address.hide_text](std::string_view line) {
        std::string text(line);
        hide(text);
        text += '\n';
        [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
      };
    }
    callbacks.on_exit = [handlers](int wait_status) {
      handlers->on_closed(
          Error{ErrorCode::kUnavailable, how_it_ended(wait_status), "its stderr says more; the gate starts it again at the next call"});
    };
    auto child = net::ChildProcess::start(loop, std::move(options), std::move(callbacks));
    if (!child) return fail(std::move(child.error()));
    child_ = std::move(*child);
    return {};
  }

  Status send_request(std::uint64_t id, std::string_view method, const json::object& params, net::Headers, Lend) override {
    return child_->write(net::write_request(json::value(id), method, params));
  }
  Status send_notification(std::string_view method, const json::object& params) override {
    return child_->write(net::write_notification(method, params));
  }
  Status send_result(const json::value& id, const json::value& result) override { return child_->write(net::write_result(id, result)); }
  Status send_error(const json::value& id, int code, std::string_view message) override {
    return child_->write(net::write_error(id, code, message));
  }
  void abandon(std::uint64_t) override {}
  bool closing_cancels() const override { return false; }
  void set_revision(Revision) override {}
  void open_events() override {}

 private:
  WireLimits limits_;
  std::shared_ptr<WireHandlers> handlers_;
  std::unique_ptr<net::ChildProcess> child_;
};

}  // namespace

Result<std::unique_ptr<ServerWire>> open_stdio_wire(net::Loop& loop, const ServerAddress& address, WireLimits limits,
                                                    WireHandlers handlers) {
  auto wire = std::make_unique<StdioWire>(limits, std::move(handlers));
  if (auto started = wire->start(loop, address); !started) return fail(std::move(started.error()));
  return wire;
}

}  // namespace interlock::mcp
