// HTTP/2 towards clients, in raw frames over real sockets: messages whole, bodies that follow who reads them, ends of all kinds.
#include <gmock/gmock.h>

#include "h2_parts.hpp"

namespace interlock::net::testing {
namespace {

using ::testing::HasSubstr;

const std::string kHello = std::string(kPreface) + settings_frame();

constexpr std::size_t kWindow = 64 * 1024;  // of one stream, as the server says in its SETTINGS

std::string body_frames(std::uint32_t stream, std::size_t size) {
  std::string out;
  for (std::size_t sent = 0; sent < size; sent += 16 * 1024)
    out += data_frame(stream, std::string(std::min<std::size_t>(16 * 1024, size - sent), 'x'), false);
  return out;
}

TEST(H2Server, AnswersAGetOfPriorKnowledge) {
  Notes heads;
  RunningH2Server server([&](const std::shared_ptr<ServerStream>& stream) {
    const auto& head = stream->head();
    heads.add(head.method + " " + head.scheme + " " + head.authority + " " + head.target + " " + std::to_string(head.length.value_or(9)) +
              (head.version == HttpVersion::k2 ? " h2" : ""));
    stream->respond(200, {{"X-Name", "value"}}, "hello");
  });
  RawClient client(server.path());
  client.send(kHello + headers_frame(1, get_fields("/a?b=c"), kWhole));
  RawHttp2 http2(client);
  const auto seen = http2.read_stream(1);
  EXPECT_EQ(heads.next(), "GET http localhost /a?b=c 0 h2");
  EXPECT_EQ(seen.fields.at(":status"), "200");
  EXPECT_EQ(seen.fields.at("x-name"), "value");
  EXPECT_EQ(seen.fields.at("content-length"), "5");
  EXPECT_EQ(seen.data, "hello");
  EXPECT_TRUE(seen.ended);
}

TEST(H2Server, BodyAndTrailersComeAndCrumbsOfCookiesAreOneField) {
  RunningH2Server server(echo);
  RawClient client(server.path());
  auto fields = post_fields();
  fields.insert(fields.end(), {{"cookie", "a=1"}, {"x-one", "1"}, {"cookie", "b=2"}, {"te", "trailers"}});
  client.send(kHello + headers_frame(1, fields) + data_frame(1, "first ", false) + data_frame(1, "second", false) +
              headers_frame(1, {{"x-sum", "7"}}, kWhole));
  RawHttp2 http2(client);
  EXPECT_EQ(http2.read_stream(1).data, "POST localhost/|x-one=1|cookie=a=1; b=2|first second|x-sum=7");
}

TEST(H2Server, TrailersOfAnAnswerEndIt) {
  RunningH2Server server([](const std::shared_ptr<ServerStream>& stream) {
    stream->answer(200, {}, std::nullopt);
    stream->write("body");
    stream->end({{"X-Sum", "7"}, {"Connection", "close"}});
  });
  RawClient client(server.path());
  client.send(kHello + headers_frame(1, get_fields(), kWhole));
  RawHttp2 http2(client);
  const auto seen = http2.read_stream(1);
  EXPECT_EQ(seen.data, "body");
  EXPECT_EQ(seen.fields.at("x-sum"), "7");
  EXPECT_FALSE(seen.fields.contains("connection"));
  EXPECT_TRUE(seen.ended);
}

TEST(H2Server, AHeadRequestIsAnsweredWithALengthAndNoBody) {
  RunningH2Server server([](const std::shared_ptr<ServerStream>& stream) { stream->respond(200, {}, "hello"); });
  RawClient client(server.path());
  client.send(kHello + headers_frame(1, with(get_fields(), ":method", "HEAD"), kWhole));
  RawHttp2 http2(client);
  const auto seen = http2.read_stream(1);
  EXPECT_EQ(seen.fields.at("content-length"), "5");
  EXPECT_EQ(seen.data, "");
  EXPECT_TRUE(seen.ended);
}

TEST(H2Server, AClientThatWaitsIsToldToContinueWhenItsBodyIsWanted) {
  RunningH2Server server(echo);
  RawClient client(server.path());
  client.send(kHello + headers_frame(1, with(post_fields(), "expect", "100-continue")));
  const auto frames = read_raw_until(client, 1, 1);
  ASSERT_EQ(frames.back().type, 1);
  EXPECT_EQ(frames.back().flags & kEndStream, 0);
  client.send(data_frame(1, "body"));
  EXPECT_EQ(read_raw_until(client, 0, 1).back().payload, "POST localhost/|body");
}

TEST(H2Server, InterimAnswersComeBeforeTheLast) {
  RunningH2Server server([](const std::shared_ptr<ServerStream>& stream) {
    stream->inform(103, {{"link", "</a>"}});
    stream->respond(204, {}, "");
  });
  RawClient client(server.path());
  client.send(kHello + headers_frame(1, get_fields(), kWhole));
  EXPECT_EQ(read_raw_until(client, 1, 1).back().flags & kEndStream, 0);
  EXPECT_EQ(read_raw_until(client, 1, 1).back().flags & kEndStream, kEndStream);
}

// --- flow ---

TEST(H2Server, ABodyNobodyReadsKeepsItsWindowClosedAndNoOther) {
  std::shared_ptr<ServerStream> kept;
  Notes notes;
  RunningH2Server server([&](const std::shared_ptr<ServerStream>& stream) {
    if (stream->head().target != "/kept") return echo(stream);
    kept = stream;
    notes.add("kept");
  });
  RawClient client(server.path());
  client.send(kHello);
  read_raw_until(client, 4);
  client.send(frame(4, 1, 0, "") + headers_frame(1, with(post_fields(), ":path", "/kept")) + body_frames(1, kWindow) +
              headers_frame(3, post_fields()) + data_frame(3, "other") + ping_frame());
  EXPECT_EQ(notes.next(), "kept");
  auto frames = read_raw_until(client, 0, 3);
  EXPECT_EQ(frames.back().payload, "POST localhost/|other");
  for (const auto& one : frames) EXPECT_FALSE(one.type == 8 && one.stream == 1) << "a window that nobody has read from is opened";
  std::size_t came = 0;
  server.thread().on([&] {
    kept->receive({.on_data = [&](std::string_view chunk) { came += chunk.size(); },
                   .on_end = [&](const Headers&) { notes.add("end"); },
                   .on_lost = {}});
  });
  frames = read_raw_until(client, 8, 1);
  EXPECT_EQ(number_of(frames.back().payload), kWindow);
  client.send(data_frame(1, "", true));
  EXPECT_EQ(notes.next(), "end");
  EXPECT_EQ(came, kWindow);
  server.thread().on([&] {
    kept->respond(200, {}, "");
    kept.reset();
  });
}

TEST(H2Server, AHeldBodyWaitsAndGoesOn) {
  std::shared_ptr<ServerStream> kept;
  Notes notes;
  RunningH2Server server([&](const std::shared_ptr<ServerStream>& stream) {
    kept = stream;
    stream->receive({.on_data =
                         [&](std::string_view chunk) {
                           notes.add(std::string(chunk));
                           kept->hold(true);
                         },
                     .on_end =
                         [&](const Headers&) {
                           notes.add("end");
                           kept->respond(200, {}, "done");
                         },
                     .on_lost = {}});
  });
  RawClient client(server.path());
  client.send(kHello + headers_frame(1, post_fields()) + data_frame(1, "one", false) + data_frame(1, "two", true) + ping_frame());
  EXPECT_EQ(notes.next(), "one");
  read_raw_until(client, 6, 0, 1);
  EXPECT_TRUE(notes.empty());
  server.thread().on([&] { kept->hold(false); });
  EXPECT_EQ(notes.next(), "two");
  EXPECT_TRUE(notes.empty());
  server.thread().on([&] { kept->hold(false); });
  EXPECT_EQ(notes.next(), "end");
  EXPECT_EQ(read_raw_until(client, 0, 1).back().payload, "done");
  server.thread().on([&] { kept.reset(); });
}

TEST(H2Server, WhoWritesIsToldToWaitForAClientThatDoesNotReadAndToGoOn) {
  std::shared_ptr<ServerStream> kept;
  Notes notes;
  RunningH2Server server(
      [&](const std::shared_ptr<ServerStream>& stream) {
        kept = stream;
        stream->on_writable([&] { notes.add("writable"); });
        stream->answer(200, {}, std::nullopt);
        notes.add(stream->write(std::string(100'000, 'x')) ? "more" : "wait");
      },
      {.queued_bytes = 50'000});
  RawClient client(server.path());
  client.send(std::string(kPreface) + setting_frame(4, 0) + headers_frame(1, get_fields(), kWhole) + ping_frame());
  EXPECT_EQ(notes.next(), "wait");
  for (const auto& one : read_raw_until(client, 6, 0, 1)) EXPECT_NE(one.type, 0);
  EXPECT_TRUE(notes.empty());
  client.send(window_frame(1, 90'000) + window_frame(0, 90'000));
  EXPECT_EQ(notes.next(), "writable");
  server.thread().on([&] {
    EXPECT_TRUE(kept->write("y"));
    kept->end();
    kept.reset();
  });
  client.send(window_frame(1, 90'000));
  std::size_t got = 0;
  for (;;) {
    const auto one = read_raw_frame(client);
    ASSERT_NE(one.type, -1);
    if (one.type == 0) got += one.payload.size();
    if (one.type == 0 && (one.flags & kEndStream) != 0) break;
  }
  EXPECT_EQ(got, 100'001U);
}

// --- ends ---

TEST(H2Server, AClientThatResetsIsGoneAndItsBodyLost) {
  Notes notes;
  RunningH2Server server([&](const std::shared_ptr<ServerStream>& stream) {
    stream->on_gone([&, stream] { notes.add("gone"); });
    stream->receive({.on_data = {}, .on_end = {}, .on_lost = [&](const Error&) { notes.add("lost"); }});
    notes.add("asked");
  });
  RawClient client(server.path());
  client.send(kHello + headers_frame(1, post_fields()));
  EXPECT_EQ(notes.next(), "asked");
  client.send(reset_frame(1, 8));
  EXPECT_EQ(notes.next(), "lost");
  EXPECT_EQ(notes.next(), "gone");
}

TEST(H2Server, AClientWhoseConnectionEndsIsGone) {
  Notes notes;
  RunningH2Server server([&](const std::shared_ptr<ServerStream>& stream) {
    stream->on_gone([&, stream] { notes.add("gone"); });
    notes.add("asked");
  });
  {
    RawClient client(server.path());
    client.send(kHello + headers_frame(1, get_fields(), kWhole));
    EXPECT_EQ(notes.next(), "asked");
  }
  EXPECT_EQ(notes.next(), "gone");
}

TEST(H2Server, AStreamThatIsDroppedUnansweredIsReset) {
  RunningH2Server server([](const std::shared_ptr<ServerStream>&) {});
  RawClient client(server.path());
  client.send(kHello + headers_frame(1, get_fields(), kWhole));
  RawHttp2 http2(client);
  EXPECT_EQ(http2.read_stream(1).reset, 8U);  // CANCEL
}

TEST(H2Server, AnAnswerOfAnotherLengthThanToldIsNeverTakenForWhole) {
  for (const std::string body : {"shorter", "longer than was told"}) {
    RunningH2Server server([&](const std::shared_ptr<ServerStream>& stream) {
      stream->answer(200, {}, 10);
      stream->write(body);
      stream->end();
    });
    RawClient client(server.path());
    client.send(kHello + headers_frame(1, get_fields(), kWhole));
    RawHttp2 http2(client);
    const auto seen = http2.read_stream(1);
    EXPECT_FALSE(seen.ended);
    EXPECT_EQ(seen.reset, 2U);  // INTERNAL_ERROR
  }
}

TEST(H2Server, AnAnswerBeforeTheEndOfTheRequestTellsTheClientToStop) {
  RunningH2Server server([](const std::shared_ptr<ServerStream>& stream) { stream->respond(403, {}, "no"); });
  RawClient client(server.path());
  client.send(kHello + headers_frame(1, post_fields()) + data_frame(1, "some", false));
  EXPECT_EQ(number_of(read_raw_until(client, 3, 1).back().payload), 0U);  // NO_ERROR
}

TEST(H2Server, AnAnswerIsDeliveredAfterWhoGaveItLetGo) {
  RunningH2Server server([](std::shared_ptr<ServerStream> stream) {
    stream->respond(200, {}, std::string(500'000, 'x'));
    stream.reset();
  });
  RawClient client(server.path());
  client.send(std::string(kPreface) + setting_frame(4, 0x7fffffff) + window_frame(0, 0x70000000) + headers_frame(1, get_fields(), kWhole));
  RawHttp2 http2(client);
  const auto seen = http2.read_stream(1);
  EXPECT_EQ(seen.data.size(), 500'000U);
  EXPECT_TRUE(seen.ended);
}

TEST(H2Server, ADrainedConnectionAnswersWhatItTookAndThenEnds) {
  std::shared_ptr<ServerStream> kept;
  Notes notes;
  RunningH2Server server([&](const std::shared_ptr<ServerStream>& stream) {
    kept = stream;
    notes.add("asked");
  });
  RawClient client(server.path());
  client.send(kHello + headers_frame(1, get_fields(), kWhole));
  EXPECT_EQ(notes.next(), "asked");
  server.thread().on([&] { server.server().drain(); });
  EXPECT_EQ(number_of(read_raw_until(client, 7).back().payload.substr(0, 4)), 0x7fffffffU);
  const auto ping = read_raw_until(client, 6).back();
  // A request that was under way when the end was announced is served.
  client.send(headers_frame(3, get_fields("/late"), kWhole) + frame(6, 1, 0, ping.payload));
  EXPECT_EQ(notes.next(), "asked");
  EXPECT_EQ(number_of(read_raw_until(client, 7).back().payload.substr(0, 4)), 3U);
  client.send(headers_frame(5, get_fields("/too-late"), kWhole));
  server.thread().on([&] {
    kept->respond(200, {}, "");
    kept.reset();
  });
  EXPECT_TRUE(client.sees_end());
}

TEST(H2Server, AServerThatEndsTellsWhoeverHoldsAStream) {
  Notes notes;
  {
    RunningH2Server server([&](const std::shared_ptr<ServerStream>& stream) {
      stream->on_gone([&, stream] { notes.add("gone"); });
      notes.add("asked");
    });
    RawClient client(server.path());
    client.send(kHello + headers_frame(1, get_fields(), kWhole));
    EXPECT_EQ(notes.next(), "asked");
  }
  EXPECT_EQ(notes.next(), "gone");
}

// --- time ---

TEST(H2Server, AnIdleConnectionIsEndedWithAGoodbye) {
  RunningH2Server server(echo, {.idle_timeout_ms = 50});
  RawClient client(server.path());
  client.send(kHello + headers_frame(1, get_fields(), kWhole));
  const auto frames = read_raw_until(client, 7);
  EXPECT_EQ(frames.back().type, 7);
  EXPECT_TRUE(client.sees_end());
}

struct Slow {
  const char* name;
  std::string bytes;
};
void PrintTo(const Slow& row, std::ostream* out) { *out << row.name; }
class SlowH2Client : public ::testing::TestWithParam<Slow> {};

TEST_P(SlowH2Client, IsCutWhenItsTimeIsOver) {
  RunningH2Server server(echo, {.header_timeout_ms = 50, .stall_timeout_ms = 50});
  RawClient client(server.path());
  client.send(GetParam().bytes);
  const auto frames = read_raw_until(client, 3, 1);
  EXPECT_TRUE(frames.back().type == 3 || frames.back().type == -1);
}
INSTANTIATE_TEST_SUITE_P(Shapes, SlowH2Client,
                         ::testing::Values(Slow{"HalfAPreface", "PRI * HT"}, Slow{"NoSettings", std::string(kPreface)},
                                           Slow{"AHeadWithoutItsEnd", kHello + headers_frame(1, get_fields(), 0)},
                                           Slow{"ABodyWithoutItsEnd", kHello + headers_frame(1, post_fields()) + data_frame(1, "x", false)},
                                           Slow{"AWindowThatNeverOpens",
                                                std::string(kPreface) + setting_frame(4, 0) + headers_frame(1, get_fields(), kWhole)}),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace interlock::net::testing
