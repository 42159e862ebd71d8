#include "cli/servers.hpp"

#include <unistd.h>

#include <string_view>

namespace interlock::cli {
namespace {

std::map<std::string, std::string> environment_of_process() {
  std::map<std::string, std::string> out;
  for (char** at = environ; at != nullptr && *at != nullptr; ++at) {
    const std::string_view pair = *at;
    if (const auto equals = pair.find('='); equals != std::string_view::npos) out.emplace(pair.substr(0, equals), pair.substr(equals + 1));
  }
  return out;
}

std::optional<mcp::Revision> revision_of(ServerProtocol protocol) {
  switch (protocol) {
    case ServerProtocol::kAuto: return std::nullopt;
    case ServerProtocol::k2025_11_25: return mcp::Revision::k2025_11_25;
    case ServerProtocol::k2026_07_28: return mcp::Revision::k2026_07_28;
  }
  return std::nullopt;
}

mcp::Sharing sharing_of(Sharing sharing) {
  switch (sharing) {
    case Sharing::kSession: return mcp::Sharing::kSession;
    case Sharing::kSubject: return mcp::Sharing::kSubject;
    case Sharing::kAll: return mcp::Sharing::kAll;
  }
  return mcp::Sharing::kSession;
}

mcp::WireLimits wire_limits(const LimitConfig& limits) {
  return {.message_bytes = static_cast<std::size_t>(limits.message_bytes), .depth = static_cast<std::size_t>(limits.depth)};
}

}  // namespace

mcp::SurfaceOptions surface_options(const Config& config) {
  mcp::SurfaceOptions out;
  out.limits = wire_limits(config.limits);
  out.sessions = static_cast<std::size_t>(config.limits.sessions);
  out.operations_per_session = static_cast<std::size_t>(config.limits.calls_in_flight);
  out.session_idle_ms = config.limits.session_idle_ms;
  out.denial_as_result = config.denial == Denial::kResult;
  out.elicit_approvals = config.approvals.elicit;
  return out;
}

std::vector<mcp::ServerConfig> surface_servers(const Config& config, bool full_environment) {
  std::vector<mcp::ServerConfig> out;
  for (const auto& server : config.servers) {
    mcp::ServerConfig one;
    one.name = server.name;
    one.address.command = server.command;
    if (server.is_stdio() && full_environment) one.address.environment = environment_of_process();
    for (const auto& [name, value] : server.env) one.address.environment[name] = value;
    if (server.is_stdio()) one.address.folder = server.cwd.string();
    one.address.url = server.url;
    for (const auto& [name, value] : server.headers) one.address.headers.add(name, value);
    one.protocol = revision_of(server.protocol);
    one.credentials = server.credentials;
    one.sharing = sharing_of(server.sharing);
    one.limits.wire = wire_limits(config.limits);
    one.limits.open_timeout_ms = config.limits.server_start_timeout_ms;
    one.limits.call_timeout_ms = server.call_timeout_ms;
    one.limits.calls_in_flight = static_cast<std::size_t>(config.limits.calls_in_flight);
    one.limits.shared_channel = server.sharing != Sharing::kSession;
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace interlock::cli
