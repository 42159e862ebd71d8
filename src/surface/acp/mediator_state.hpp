// What a mediator keeps: sessions, and what is under way in each direction. Private to the room.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "surface/acp/acp.hpp"
#include "surface/acp/message.hpp"

namespace interlock::acp {

struct Session {
  std::string id;
  std::string cwd;
  gate::Caller caller;
  std::set<std::string> terminals;  // that were created through the gate
  std::set<std::string> tasks;      // whose end is listened for
};

// A request that was read and has no answer yet: an agent's to the editor, or the other way round.
struct Call {
  bool of_agent = false;
  json::value id;
  std::string method;
  json::object params;
  std::string line;                        // to be passed on
  std::shared_ptr<Session> session;        // of acts
  std::vector<model::ActionRequest> left;  // to be decided, the next one last
  std::shared_ptr<gate::Act> waiting;      // the one that is held
  std::vector<std::shared_ptr<gate::Act>> allowed;
  std::string ask;       // id of the gate's own question to the human; empty: none is open
  bool changed = false;  // policy blanked some of it
  bool forwarded = false;
  bool done = false;
};

struct Mediator::State : std::enable_shared_from_this<Mediator::State> {
  explicit State(MediatorParts given) : parts(std::move(given)) {}

  // ---- messages of the editor (from_editor.cpp)
  void take_from_editor(const Message& message);
  void request_of_editor(const Message& message);
  void answer_of_editor(const Message& message);
  void begin_session(const Message& message);
  void prompt(const Message& message);
  void cancel_turn(const std::string& session);

  // ---- messages of the agent (from_agent.cpp)
  void take_from_agent(const Message& message);
  void request_of_agent(const Message& message);
  void answer_of_agent(const Message& message);
  void notification_of_agent(const Message& message);

  // ---- acts (deciding.cpp)
  void decide(const std::shared_ptr<Call>& call);  // the next of what is left; then forward()
  void held(const std::shared_ptr<Call>& call, const gate::Held& held);
  void forward(const std::shared_ptr<Call>& call);
  void refuse(const std::shared_ptr<Call>& call, const model::Verdict& verdict);
  void cancel(const std::shared_ptr<Call>& call, std::string_view why);  // one that was not passed on yet
  void finish(const std::shared_ptr<Call>& call, std::string_view kind, std::string_view text, std::function<void(Status)> released);
  void close_ask(const std::shared_ptr<Call>& call);
  void watch_task(const std::shared_ptr<Session>& session, const std::string& task);

  void stop_terminal(const std::string& session, const std::string& terminal);

  // ---- shared (mediator.cpp)
  void to_agent(std::string_view line) { (void)parts.to_agent(line); }
  void to_editor(std::string_view line) { (void)parts.to_editor(line); }
  void to_asker(const Call& call, std::string_view line) { call.of_agent ? to_agent(line) : to_editor(line); }
  void note(std::string_view text) const {
    if (parts.note) parts.note(text);
  }
  std::map<std::string, std::shared_ptr<Call>>& calls(bool of_agent) { return of_agent ? agent_calls : editor_calls; }
  // Remembers a request that is to be answered; null where it cannot be, and the asker was told.
  std::shared_ptr<Call> open_call(bool of_agent, const Message& message);
  std::shared_ptr<Call> take_call(bool of_agent, const json::value& id);
  void drop(const std::shared_ptr<Call>& call);
  std::shared_ptr<Session> session(const std::string& id, bool make);
  void end_session(const std::string& id, std::string_view why);
  std::string own_id();

  MediatorParts parts;
  bool closed = false;
  std::string client;  // what the agent calls itself
  const std::string mark = new_token_mark();
  std::uint64_t asked = 0;
  std::map<std::string, std::shared_ptr<Session>> sessions;
  std::map<std::string, std::shared_ptr<Call>> agent_calls;  // by the text of their ids
  std::map<std::string, std::shared_ptr<Call>> editor_calls;
  std::map<std::string, std::weak_ptr<Call>> asks;   // the gate's own requests to the editor; an empty one: the answer matters to nobody
  std::map<std::string, std::string> cut_terminals;  // sessions of terminal/create that the kill switch ended, by the request's id

  static std::string new_token_mark();
};

}  // namespace interlock::acp
