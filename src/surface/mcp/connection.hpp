// A server as its users share it: the link, reopened when it died, the table of its tools, and who is to hear its notices.
//
// One connection serves one session, one subject's sessions or all, as `sharing` says. Loop thread only.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "surface/mcp/server_link.hpp"
#include "surface/mcp/tools.hpp"

namespace interlock::mcp {

class Session;

enum class Sharing : std::uint8_t { kSession, kSubject, kAll };

// A server of the configuration.
struct ServerConfig {
  std::string name;
  ServerAddress address;
  std::optional<Revision> protocol;  // nullopt: find out
  Sharing sharing = Sharing::kSession;
  LinkLimits limits;
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(net::Loop& loop, net::HttpClient& client, DefinitionPool& pool, const ServerConfig& config, ClientProfile profile,
             bool shared);
  ~Connection();

  const ServerConfig& config() const { return config_; }
  // The open link, opening it first (again after it died, at most once a second).
  void ready(std::function<void(Result<std::shared_ptr<ServerLink>>)> done);
  // The same, with the table of tools filled.
  void tools_ready(std::function<void(Result<std::shared_ptr<ServerLink>>)> done);
  // Lists the tools anew unless that was just done: a tool may have appeared without a notice.
  void refresh_tools(std::function<void(Status)> done);
  std::shared_ptr<const ToolDefinition> find_tool(const std::string& name) const;
  std::shared_ptr<const ToolDefinition> remember_tool(const json::object& text);

  void attach(const std::shared_ptr<Session>& session);
  void detach(const Session* session);
  // Recomputes what the users want to hear and tells the server.
  void update_watch(std::function<void(Status)> done = {});
  std::shared_ptr<ServerLink> link() const { return link_; }
  void close();

 private:
  void on_notice(std::string_view method, const json::object& params);
  void on_loose_ask(AskId ask, std::string_view method, json::object params);
  void list_page(std::shared_ptr<ServerLink> link, std::string cursor, int page, std::shared_ptr<ToolTable> found,
                 std::function<void(Status)> done);
  void each_user(const std::function<void(Session&)>& visit);

  net::Loop& loop_;
  net::HttpClient& client_;
  DefinitionPool& pool_;
  const ServerConfig& config_;
  ClientProfile profile_;
  bool shared_;
  std::shared_ptr<ServerLink> link_;
  std::vector<std::weak_ptr<Session>> users_;
  ToolTable tools_;
  bool tools_loaded_ = false;
  bool tools_loading_ = false;
  std::vector<std::function<void(Status)>> waiting_tools_;
  std::int64_t last_open_ns_ = 0;
  std::int64_t last_list_ns_ = 0;
  Error last_failure_;
};

}  // namespace interlock::mcp
