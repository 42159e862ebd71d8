// A server as its users share it: the link, reopened when it died, the table of its tools, and who is to hear its notices.
//
// One connection serves one session, one subject's sessions or all, as `sharing` says. One to a server with credentials is opened under a
// task, by an act of its own, and ends with that task: the server's process has been given them. Loop thread only.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gate/gate.hpp"
#include "surface/mcp/server_credentials.hpp"
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
  std::vector<credential::Placement> credentials = {};  // leased; where there are any, `sharing` is kSession
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  // `caller`: for whom a server with credentials is opened.
  Connection(net::Loop& loop, net::HttpClient& client, DefinitionPool& pool, const ServerConfig& config, ClientProfile profile, bool shared,
             gate::Gate& gate, gate::Caller caller);
  ~Connection();

  const ServerConfig& config() const { return config_; }
  // Whoever asks next: a server with credentials that has to be opened is opened for it.
  void act_as(gate::Caller caller) { caller_ = std::move(caller); }
  // False: its process was started for another task.
  bool serves(const std::string& task) const;
  bool has_ended() const { return !link_ && !start_; }  // with its task
  // Of a server with credentials; else null.
  const std::shared_ptr<ServerCredentials>& credentials() const { return credentials_; }
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
  using Opened = std::function<void(Result<std::shared_ptr<ServerLink>>)>;
  bool is_process() const { return config_.address.url.empty(); }
  void open_link(Opened done);
  void lease(Opened done);
  void leased(const std::shared_ptr<gate::Act>& act);
  void settle(Result<std::shared_ptr<ServerLink>> link);
  void task_ended(const std::string& task);
  ServerAddress address() const;
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
  gate::Gate& gate_;
  gate::Caller caller_;
  std::shared_ptr<ServerCredentials> credentials_;
  std::string task_;                  // that its leases hang from
  std::shared_ptr<gate::Act> start_;  // the act of opening it, until it is over
  std::vector<Opened> waiting_for_lease_;
};

}  // namespace interlock::mcp
