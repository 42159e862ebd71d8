// Servers with credentials before a real gate: what is lent to a request or a process, that it does not come back, and that it ends with
// the task.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "credential/lease_book.hpp"
#include "net/http_server.hpp"
#include "surface/mcp/surface.hpp"
#include "unit/credential/lease_parts.hpp"
#include "unit/gate/world.hpp"

namespace interlock::mcp {
namespace {

using Where = credential::Placement::Where;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kAllowAll = "permit (principal, action, resource);";

// Tells its process id and what it was lent.
constexpr const char* kTelltale = R"(
while read -r line; do
  id=$(printf '%s' "$line" | sed -n 's/.*"id":\([0-9]*\).*/\1/p')
  case "$line" in
    *'"initialize"'*) result='{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"'$TOKEN'","version":"1"}}';;
    *'"tools/list"'*) result='{"tools":[{"name":"tell","description":"'$TOKEN'","inputSchema":{"type":"object"}}]}';;
    *'"tools/call"'*) result='{"content":[{"type":"text","text":"pid='$$' env='$TOKEN' fd='$(cat $KEY)' file='$(cat $CREDENTIALS_DIRECTORY/key)'"}]}';;
    *) continue;;
  esac
  printf '{"jsonrpc":"2.0","id":%s,"result":%s}\n' "$id" "$result"
done
)";

credential::Placement placed(std::string credential, Where where, std::string name, std::string text) {
  credential::Placement out;
  out.credential = std::move(credential);
  out.where = where;
  out.name = std::move(name);
  out.text = std::move(text);
  return out;
}

class Sink final : public ReplySink {
 public:
  bool takes_messages() const override { return true; }
  void send(std::string_view message) override { messages.emplace_back(message); }
  void answer(std::string_view message, int) override { answered = std::string(message); }
  void abandon() override {}
  void keep_alive() override {}
  void on_gone(std::function<void()>) override {}
  std::vector<std::string> messages;
  std::optional<std::string> answered;
};

class LentServers : public ::testing::Test {
 protected:
  gate::Folder folder;
  ManualClock clock;
  credential::Later later{clock};
  credential::RealSystem real;
  std::shared_ptr<credential::FakeBroker> broker = std::make_shared<credential::FakeBroker>(real, later);
  std::unique_ptr<store::Store> store = store::open_memory_store();
  store::SealedStore sealed{*store, std::move(*store::MasterKey::open_file(folder.path() / "master.key"))};
  std::unique_ptr<credential::LeaseBook> book = open_book();
  gate::World world{{.policy = kAllowAll, .leases = book.get()}};
  net::Loop loop;
  std::vector<net::Headers> seen;
  std::vector<std::string> queries;
  net::HttpServer web{
      loop, {}, [this](net::HttpRequest request, std::shared_ptr<net::HttpExchange> exchange) { answer(request, *exchange); }};
  std::unique_ptr<Surface> surface;
  std::shared_ptr<Session> session;
  int next_id = 1;

  std::unique_ptr<credential::LeaseBook> open_book() {
    credential::LeaseParts parts;
    parts.store = store.get();
    parts.sealed = &sealed;
    parts.clock = &clock;
    parts.gate = "gate_1";
    parts.is_alive = [](std::string_view) { return true; };
    parts.after = [this](std::int64_t delay_ms, std::function<void()> work) { later.after(delay_ms, std::move(work)); };
    auto made = *credential::LeaseBook::open(std::move(parts), {});
    made->set_credentials({{.name = "one", .broker = broker}, {.name = "two", .broker = broker}});
    return made;
  }

  // A telltale over HTTP.
  void answer(const net::HttpRequest& request, net::HttpExchange& exchange) {
    seen.push_back(request.headers);
    queries.push_back(request.query);
    const auto message = json::parse(request.body);
    const auto* id = message ? json::find(message->as_object(), "id") : nullptr;
    if (id == nullptr) return exchange.respond(202, {}, {});
    const auto method = std::string(json::string_at(message->as_object(), "method").value_or(""));
    const std::string told = std::string(request.headers.get("authorization").value_or("")) + " " + request.query;
    json::object result;
    if (method == "initialize") {
      result = {{"protocolVersion", "2025-06-18"},
                {"capabilities", {{"tools", json::object()}}},
                {"serverInfo", {{"name", told}, {"version", "1"}}}};
    } else if (method == "tools/list") {
      result["tools"] = json::array{json::object{{"name", "tell"}, {"description", told}, {"inputSchema", {{"type", "object"}}}}};
    } else {
      result["content"] = json::array{json::object{{"type", "text"}, {"text", told}}};
    }
    exchange.respond(200, {{"Content-Type", "application/json"}},
                     json::write(json::object{{"jsonrpc", "2.0"}, {"id", *id}, {"result", std::move(result)}}));
  }

  void begin(ServerConfig server) {
    server.protocol = Revision::k2025_06_18;
    surface = std::make_unique<Surface>(loop, *world.gate, SurfaceOptions{}, std::vector<ServerConfig>{std::move(server)});
    session = *surface->new_session(*surface->endpoint("shop"), world.caller_of("agent"), {});
    session->set_revision(Revision::k2025_06_18);
  }
  ServerConfig program() {
    ServerConfig server;
    server.name = "shop";
    server.address.command = {"sh", "-c", kTelltale};
    server.address.forward_stderr = false;
    server.credentials = {placed("one", Where::kEnvironment, "TOKEN", "{token}"), placed("two", Where::kDescriptor, "KEY", "{token}"),
                          placed("two", Where::kFile, "key", "{token}")};
    return server;
  }
  ServerConfig site() {
    ServerConfig server;
    server.name = "shop";
    server.address.url = "http://127.0.0.1:" + std::to_string(*web.listen_tcp("127.0.0.1", 0)) + "/mcp";
    server.credentials = {placed("one", Where::kHeader, "Authorization", "Bearer {token}"), placed("two", Where::kQuery, "key", "{token}")};
    return server;
  }
  bool until(const std::function<bool()>& done) {
    return world.work.run_until([&] {
      loop.poll();
      later.run();
      world.work.post([] {});
      return done();
    });
  }
  std::string request(const std::string& method, json::object params = {}, const std::string& task = "") {
    if (!task.empty()) params["_meta"] = json::object{{"interlock/task", task}};
    auto sink = std::make_shared<Sink>();
    net::RpcMessage message;
    message.kind = net::RpcKind::kRequest;
    message.id = next_id++;
    message.method = method;
    message.params = std::move(params);
    message.has_params = true;
    surface->dispatch(session, std::move(message), sink);
    EXPECT_TRUE(until([&] { return sink->answered.has_value(); })) << method;
    return sink->answered.value_or("");
  }
  std::string tell(const std::string& task = "") { return request("tools/call", {{"name", "tell"}, {"arguments", json::object()}}, task); }
  static int pid_in(const std::string& text) {
    const auto at = text.find("pid=");
    return at == std::string::npos ? 0 : std::stoi(text.substr(at + 4));
  }
  ~LentServers() override {
    session.reset();
    if (surface) surface->close("the test is over");
    loop.poll();
  }
};

TEST_F(LentServers, AProgramIsLentItsCredentialsAndWhatItTellsHasThemTakenOut) {
  begin(program());
  EXPECT_THAT(request("tools/list"), Not(HasSubstr("canary-")));
  const auto told = tell();
  EXPECT_THAT(told, Not(HasSubstr("canary-")));
  for (const auto* place : {"env=[hidden", "fd=[hidden", "file=[hidden"}) EXPECT_THAT(told, HasSubstr(place)) << "it was there to be told";
  EXPECT_EQ(real.mints, 2);
  std::vector<std::string> starts;
  for (const auto& receipt : world.receipts("attempt")) {
    if (gate::text_at(receipt, "action") == "interlock/start_server") starts.push_back(gate::text_at(receipt, "resource"));
  }
  EXPECT_THAT(starts, testing::ElementsAre("Server::\"shop\""));
}

TEST_F(LentServers, AProgramEndsWithItsTaskAndTheNextOneGetsAnother) {
  begin(program());
  task::TaskOrder order;
  order.subject = "agent";
  order.owner = "ann";
  const auto first_task = world.gate->start_task(order)->record.id;
  const auto first = pid_in(tell());
  ASSERT_GT(first, 0);
  EXPECT_EQ(pid_in(tell()), first) << "one process for the task";
  order.parent = first_task;
  const auto child_task = world.gate->start_task(order)->record.id;
  const auto second = pid_in(tell(child_task));
  EXPECT_NE(second, first);
  EXPECT_EQ(real.alive.size(), 4U);
  ASSERT_TRUE(world.gate->end_task(child_task, "ann", "enough"));
  EXPECT_TRUE(until([&] { return ::kill(second, 0) != 0; }));
  EXPECT_EQ(real.alive.size(), 2U);
  EXPECT_EQ(pid_in(tell(first_task)), first);
  ASSERT_TRUE(world.gate->end_task(first_task, "ann", "enough"));
  EXPECT_TRUE(until([&] { return ::kill(first, 0) != 0 && real.alive.empty(); }));
}

TEST_F(LentServers, AProgramIsNotStartedWhereItsCredentialIsRefused) {
  begin(program());
  broker->mint_error = Error{ErrorCode::kDenied, "no such account", "make one"};
  const auto told = tell();
  EXPECT_THAT(told, HasSubstr("no such account"));
  EXPECT_THAT(told, HasSubstr("make one"));
}

TEST_F(LentServers, RequestsCarryTheLeaseOfTheirActAndAnswersDoNot) {
  auto server = site();
  begin(server);
  EXPECT_THAT(request("tools/list"), Not(HasSubstr("canary-")));
  ASSERT_FALSE(seen.empty());
  for (const auto& headers : seen) EXPECT_THAT(std::string(headers.get("authorization").value_or("")), HasSubstr("Bearer canary-"));
  for (const auto& query : queries) EXPECT_THAT(query, HasSubstr("key=canary-"));
  const auto of_connection = std::string(*seen.back().get("authorization"));
  const auto told = tell();
  EXPECT_THAT(told, HasSubstr("Bearer [hidden"));
  EXPECT_THAT(told, Not(HasSubstr("canary-")));
  EXPECT_NE(*seen.back().get("authorization"), of_connection) << "an unknown tool is of band 2: a lease of its own";
  EXPECT_TRUE(until([&] { return real.alive.size() == 2; })) << "which ends with the result";
}

TEST_F(LentServers, AnEndedTaskLeavesNoConnectionWithItsCredentials) {
  begin(site());
  (void)tell();
  world.gate->end_session(session->caller(), "gone");
  EXPECT_TRUE(until([&] { return real.alive.empty() && session->connection(0)->link() == nullptr; }));
}

}  // namespace
}  // namespace interlock::mcp
