// gRPC calls between our client and our server, over a real Unix socket.
#include <gmock/gmock.h>

#include "grpc_parts.hpp"

namespace interlock::net::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

void echo(GrpcCall call, std::shared_ptr<GrpcReply> reply) {
  reply->send(call.message);
  reply->finish({});
}

// Keeps the replies that a test wants to answer later. Touched on the server's loop only.
struct Kept {
  std::vector<std::shared_ptr<GrpcReply>> replies;
  std::promise<void> came;
  std::promise<void> gone;
  GrpcHandler handler() {
    return [this](GrpcCall, std::shared_ptr<GrpcReply> reply) {
      reply->on_gone([this] { gone.set_value(); });
      replies.push_back(std::move(reply));
      came.set_value();
    };
  }
};
bool happens(std::promise<void>& promise) {
  return promise.get_future().wait_for(std::chrono::seconds(kPatience_s)) == std::future_status::ready;
}

TEST(Grpc, AUnaryCallCarriesItsMessagePathMetadataAndTheKernelsWordOnWhoAsks) {
  std::promise<GrpcCall> seen;
  RunningGrpcServer server([&](GrpcCall call, std::shared_ptr<GrpcReply> reply) {
    echo(call, std::move(reply));
    seen.set_value(std::move(call));
  });
  RunningGrpcClient client(server.endpoint());
  Outcome outcome;
  const auto status = client.ask("/Test/Echo", "hello", outcome, {{"workload.spiffe.io", "true"}});
  EXPECT_TRUE(status.ok()) << status.message;
  EXPECT_THAT(outcome.messages(), ElementsAre("hello"));
  const auto call = seen.get_future().get();
  EXPECT_EQ(call.path, "/Test/Echo");
  EXPECT_EQ(call.metadata.get("workload.spiffe.io"), "true");
  EXPECT_FALSE(call.metadata.get(":path"));
  EXPECT_EQ(call.peer_pid, ::getpid());
  EXPECT_EQ(call.peer_uid, static_cast<int>(::getuid()));
}

TEST(Grpc, AStreamBringsItsMessagesInOrderThenItsStatus) {
  RunningGrpcServer server([](GrpcCall, std::shared_ptr<GrpcReply> reply) {
    for (const char* message : {"one", "", "three"}) reply->send(message);
    reply->finish({GrpcCode::kAborted, "enough"});
  });
  RunningGrpcClient client(server.endpoint());
  Outcome outcome;
  const auto status = client.ask("/Test/Stream", "", outcome);
  EXPECT_EQ(status.code, GrpcCode::kAborted);
  EXPECT_EQ(status.message, "enough");
  EXPECT_THAT(outcome.messages(), ElementsAre("one", "", "three"));
}

TEST(Grpc, AMessageOfMegabytesPassesThroughTheFlowControlWindows) {
  RunningGrpcServer server(echo);
  RunningGrpcClient client(server.endpoint());
  std::string large(3 << 20, 'x');
  for (std::size_t at = 0; at < large.size(); at += 997) large[at] = static_cast<char>(at);
  Outcome outcome;
  EXPECT_TRUE(client.ask("/Test/Echo", large, outcome).ok());
  ASSERT_EQ(outcome.messages().size(), 1U);
  EXPECT_EQ(outcome.messages()[0], large);
}

TEST(Grpc, AStatusWithoutMessagesComesWithItsTextWhateverBytesItHas) {
  const std::string text = "no 100% identity:\n\xc3\xa4 \x01 \"quoted\"";
  RunningGrpcServer server([&](GrpcCall, std::shared_ptr<GrpcReply> reply) { reply->finish({GrpcCode::kPermissionDenied, text}); });
  RunningGrpcClient client(server.endpoint());
  Outcome outcome;
  const auto status = client.ask("/Test/Deny", "", outcome);
  EXPECT_EQ(status.code, GrpcCode::kPermissionDenied);
  EXPECT_EQ(status.message, text);
}

TEST(Grpc, ManyCallsShareOneConnectionAndWaitForAPlaceOnIt) {
  RunningGrpcServer server(echo, {.streams_per_connection = 4});
  RunningGrpcClient client(server.endpoint());
  std::vector<Outcome> outcomes(64);
  for (auto& outcome : outcomes) client.start("/Test/Echo", "x", outcome);
  for (auto& outcome : outcomes) EXPECT_TRUE(outcome.end().ok()) << outcome.end().message;
}

TEST(Grpc, AReplyThatIsDroppedEndsTheCallAsAnError) {
  RunningGrpcServer server([](GrpcCall, std::shared_ptr<GrpcReply>) {});
  RunningGrpcClient client(server.endpoint());
  Outcome outcome;
  EXPECT_EQ(client.ask("/Test/Echo", "", outcome).code, GrpcCode::kInternal);
}

TEST(Grpc, ACancelledCallIsGoneForTheServerAndSilentForTheClient) {
  Kept kept;
  RunningGrpcServer server(kept.handler());
  RunningGrpcClient client(server.endpoint());
  Outcome outcome;
  const auto call = client.start("/Test/Watch", "", outcome);
  ASSERT_TRUE(happens(kept.came));
  client.thread().on([&] { call->cancel(); });
  EXPECT_TRUE(happens(kept.gone));
  server.thread().on([&] {
    EXPECT_TRUE(kept.replies[0]->gone());
    EXPECT_FALSE(kept.replies[0]->send("late"));
    kept.replies.clear();
  });
  EXPECT_EQ(outcome.ends(), 0);
}

TEST(Grpc, AClientThatEndsIsGoneForTheServer) {
  Kept kept;
  RunningGrpcServer server(kept.handler());
  Outcome outcome;
  RunningGrpcClient client(server.endpoint());
  client.start("/Test/Watch", "", outcome);
  ASSERT_TRUE(happens(kept.came));
  client.end();
  EXPECT_TRUE(happens(kept.gone));
  server.thread().on([&] { kept.replies.clear(); });
}

TEST(Grpc, TheDeadlineOfACallIsKeptByBothEnds) {
  Kept kept;
  RunningGrpcServer server(kept.handler());
  RunningGrpcClient client(server.endpoint());
  Outcome outcome;
  EXPECT_EQ(client.ask("/Test/Watch", "", outcome, {{"grpc-timeout", "30m"}}).code, GrpcCode::kDeadlineExceeded);
  EXPECT_TRUE(happens(kept.gone));
  server.thread().on([&] { kept.replies.clear(); });
  EXPECT_EQ(outcome.ends(), 1);
}

TEST(Grpc, AServerThatEndsTellsRunningCallsAndANewOneIsFoundByTheNextCall) {
  TemporaryFolder folder;
  const auto path = folder.path() + "/again.sock";
  LoopThread thread;
  Kept kept;
  auto server = thread.on([&] {
    auto made = std::make_unique<GrpcServer>(thread.loop(), GrpcOptions{}, kept.handler());
    EXPECT_TRUE(made->listen_unix(path, 0600));
    return made;
  });
  RunningGrpcClient client("unix:" + path);
  Outcome first;
  client.start("/Test/Watch", "", first);
  ASSERT_TRUE(happens(kept.came));
  thread.on([&] { server.reset(); });
  EXPECT_EQ(first.end().code, GrpcCode::kUnavailable);
  thread.on([&] { kept.replies.clear(); });

  Outcome nobody;
  const auto refused = client.ask("/Test/Echo", "", nobody);
  EXPECT_EQ(refused.code, GrpcCode::kUnavailable);
  EXPECT_THAT(refused.message, HasSubstr("again.sock"));

  thread.on([&] {
    server = std::make_unique<GrpcServer>(thread.loop(), GrpcOptions{}, echo);
    EXPECT_TRUE(server->listen_unix(path, 0600));
  });
  Outcome again;
  EXPECT_TRUE(client.ask("/Test/Echo", "back", again).ok());
  EXPECT_THAT(again.messages(), ElementsAre("back"));
  thread.on([&] { server.reset(); });
}

TEST(Grpc, AMessageBeyondTheBoundIsRefusedByEitherEnd) {
  RunningGrpcServer small(echo, {.message_bytes = 100});
  RunningGrpcClient client(small.endpoint());
  Outcome sent;
  EXPECT_EQ(client.ask("/Test/Echo", std::string(101, 'x'), sent).code, GrpcCode::kResourceExhausted);

  RunningGrpcServer server([](GrpcCall, std::shared_ptr<GrpcReply> reply) {
    reply->send(std::string(101, 'x'));
    reply->finish({});
  });
  RunningGrpcClient careful(server.endpoint(), {.message_bytes = 100});
  Outcome received;
  EXPECT_EQ(careful.ask("/Test/Echo", "", received).code, GrpcCode::kResourceExhausted);
  EXPECT_TRUE(received.messages().empty());
}

TEST(Grpc, AClientThatDoesNotReadIsCutAtTheBound) {
  std::promise<bool> cut;
  RunningGrpcServer server(
      [&](GrpcCall, std::shared_ptr<GrpcReply> reply) {
        bool taken = true;
        for (int i = 0; i < 100 && taken; ++i) taken = reply->send(std::string(64 * 1024, 'x'));
        cut.set_value(!taken);
      },
      {.queued_bytes = 1 << 20});
  RawClient client(server.path());
  client.send(std::string(kPreface) + settings_frame() + headers_frame(1, call_fields()) + data_frame(1, grpc_message("")));
  EXPECT_TRUE(cut.get_future().get());
  EXPECT_TRUE(client.sees_end());
}

TEST(Grpc, AConnectionWithoutCallsIsEndedAfterItsTime) {
  RunningGrpcServer server(echo, {.idle_timeout_ms = 50});
  RawClient silent(server.path());
  EXPECT_TRUE(silent.sees_end());
}

TEST(Grpc, ALiveSocketIsNotTakenOverAndADeadOneIs) {
  RunningGrpcServer server(echo);
  LoopThread thread;
  thread.on([&] {
    GrpcServer second(thread.loop(), {}, echo);
    const auto refused = second.listen_unix(server.path(), 0600);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
  });
  RunningGrpcClient client(server.endpoint());
  Outcome outcome;
  EXPECT_TRUE(client.ask("/Test/Echo", "", outcome).ok());
}

TEST(Grpc, TheSocketHasTheModeThatWasAskedForWhateverTheUmask) {
  TemporaryFolder folder;
  LoopThread thread;
  thread.on([&] {
    GrpcServer server(thread.loop(), {}, echo);
    const auto path = folder.path() + "/open.sock";
    const auto before = ::umask(077);
    ASSERT_TRUE(server.listen_unix(path, 0666));
    ::umask(before);
    struct stat facts;
    ASSERT_EQ(::stat(path.c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777, 0666U);
  });
}

TEST(Grpc, EndpointsThatAreNoneAreRefused) {
  Loop loop;
  for (const char* text :
       {"", "unix://", "unix:", "unix://relative.sock", "tcp://", "tcp://localhost:80", "tcp://127.0.0.1", "tcp://127.0.0.1:0",
        "tcp://127.0.0.1:99999", "tcp://127.0.0.1:8081/path", "http://127.0.0.1:80", "/run/x.sock"}) {
    const auto refused = GrpcClient::create(loop, text);
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().code, ErrorCode::kInvalid) << text;
    EXPECT_FALSE(refused.error().hint.empty()) << text;
  }
  for (const char* text : {"unix:///run/x.sock", "unix:/run/x.sock", "tcp://127.0.0.1:8081", "tcp://[::1]:8081"}) {
    EXPECT_TRUE(GrpcClient::create(loop, text)) << text;
  }
}

}  // namespace
}  // namespace interlock::net::testing
