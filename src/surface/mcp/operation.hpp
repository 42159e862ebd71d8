// One client request on its way through the gate: admitted, sent to its server, its notices and questions relayed, its result
// observed and answered. Lives across the retries of a modern client (input_required), which answer into the same run.
//
// Loop thread only. The session holds it while it runs; finish() happens exactly once.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gate/gate.hpp"
#include "surface/mcp/session.hpp"

namespace interlock::mcp {

class Operation : public std::enable_shared_from_this<Operation> {
 public:
  Operation(std::shared_ptr<Session> session, json::value id, std::string method, json::object params, std::shared_ptr<ReplySink> reply);

  // Carries the request out: a mediated call of one server (tools/call, resources/read, prompts/get, completion/complete,
  // resources/subscribe, tasks/*).
  void start();
  // A modern client's retry with the answers to our questions.
  void resume(json::value id, const json::object& params, std::shared_ptr<ReplySink> reply);
  // Why a retry cannot be taken (another method, target or arguments; malformed answers), or empty.
  std::string problem_with_retry(std::string_view method, const json::object& params) const;
  void cancel(std::string_view reason);
  void keep_alive();

  void answer_error(int code, std::string_view message, const json::value* data = nullptr, int http_status = 200);

 private:
  struct Question {
    std::string key;
    std::string method;
    json::object params;
    Answer answer;
  };
  // The answer without its id, which a modern client's retry changes.
  struct Reply {
    bool is_error = false;
    std::string body;  // text of the result or error member
    int http_status = 200;
  };

  void learn_resource(std::size_t server);
  void open_server(std::size_t server);
  void connected(std::shared_ptr<ServerLink> link);
  void find_tool(bool refreshed);
  void admit(std::optional<gate::Refusal> refusal);
  void held(const gate::Held& held);
  void decided();
  void perform();
  void subscribe();
  void relay_ask(AskId ask, std::string_view method, json::object params);
  void relay_notice(std::string_view method, json::object params);
  void done(Outcome outcome);
  void release(Reply reply, std::string_view kind, std::string note);
  void deny();
  void cut();
  std::int64_t ask(std::string_view method, json::object params, Answer answer);
  void flush_questions();
  void finish(Reply reply);
  void watch_client();
  void tell_progress(std::string_view message);
  model::ActionRequest action_request() const;

  std::shared_ptr<Session> session_;
  gate::Caller caller_;  // as this request's credential had it
  json::value id_;
  std::string method_;
  json::object params_;
  std::shared_ptr<ReplySink> reply_;  // null while parked, and after the answer
  std::optional<json::value> progress_token_;
  std::string task_;  // that the client named
  std::size_t server_ = 0;
  std::string target_;
  std::shared_ptr<Connection> connection_;
  std::shared_ptr<ServerLink> link_;
  std::shared_ptr<const ToolDefinition> tool_;
  std::shared_ptr<gate::Act> act_;
  CallId call_ = 0;
  bool finished_ = false;
  bool waiting_for_human_ = false;
  std::string token_;                // while parked
  json::object missing_capability_;  // what a legacy server's question needed, and the modern client has not declared
  std::vector<Question> questions_;  // modern: asked or to be asked
  bool flush_posted_ = false;
  std::uint64_t next_question_ = 1;
  std::int64_t hold_ask_ = 0;  // legacy: the elicitation that tells of a hold
  double progress_ = 0;
  std::string held_text_;
  std::optional<Reply> stored_;  // finished while parked: waits for the retry
};

// A list, merged over the endpoint's servers, filtered by policy and pins.
void run_list(std::shared_ptr<Session> session, json::value id, std::string method, json::object params, std::shared_ptr<ReplySink> reply);

}  // namespace interlock::mcp
