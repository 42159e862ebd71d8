// https against `openssl s_server`: an authority of our own is trusted when it is named, and nothing else is.
#include "scripted_server.hpp"
#include "tls_parts.hpp"

namespace interlock::net::testing {
namespace {

class Https : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    ASSERT_TRUE(Certificates::get().ok());
    const std::string body(200'000, 's');
    std::ofstream(Certificates::get().path("page")) << "HTTP/1.1 200 OK\r\nContent-Length: " << body.size() << "\r\n\r\n" << body;
  }
  static std::string url(const OpensslServer& server, std::string_view host) {
    return "https://" + std::string(host) + ":" + std::to_string(server.port()) + "/page";
  }
};

TEST_F(Https, ReadsFromAServerWhoseAuthorityIsTrusted) {
  for (const char* version : {"-tls1_3", "-tls1_2"}) {
    OpensslServer server({version});
    for (const char* host : {"localhost", "127.0.0.1"}) {
      const auto got = fetch(url(server, host), trusting(), 3);
      EXPECT_TRUE(got.end) << version << " " << host << " " << (got.end ? "" : got.end.error().text());
      EXPECT_EQ(got.status, 200);
      EXPECT_EQ(got.body.size(), 200'000U);
    }
  }
}

TEST_F(Https, TrustsNobodyElse) {
  OpensslServer server({});
  const auto got = fetch(url(server, "localhost"), {});
  ASSERT_FALSE(got.end);
  EXPECT_EQ(got.end.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(got.end.error().message.find("certificate"), std::string::npos) << got.end.error().message;
  EXPECT_EQ(got.status, 0);
}

TEST_F(Https, TakesNoCertificateForAnotherName) {
  OpensslServer server({});
  // Resolves to 127.0.0.1 as well, and is not in the certificate.
  const auto got = fetch(url(server, "ip6-localhost.localhost"), trusting());
  ASSERT_FALSE(got.end);
  EXPECT_EQ(got.status, 0);
}

TEST_F(Https, TakesNoCertificateForAnotherAddress) {
  OpensslServer server({"-cert", "strange-server.pem", "-key", "strange-server.key"});
  for (const char* host : {"localhost", "127.0.0.1"}) {
    const auto got = fetch(url(server, host), trusting());
    ASSERT_FALSE(got.end) << host;
    EXPECT_NE(got.end.error().message.find("mismatch"), std::string::npos) << got.end.error().message;
  }
}

TEST_F(Https, SpeaksNothingOlderThanTls12) {
  OpensslServer server({"-tls1_1", "-cipher", "ALL:@SECLEVEL=0"});
  EXPECT_FALSE(fetch(url(server, "localhost"), trusting()).end);
}

TEST_F(Https, SaysWhyItCannotTalkToAPlainServer) {
  RunningServer plain([](HttpRequest, std::shared_ptr<HttpExchange> exchange) { exchange->respond(200, {}, "plain"); });
  const auto got = fetch("https://127.0.0.1:" + std::to_string(plain.port()) + "/", trusting());
  ASSERT_FALSE(got.end);
  EXPECT_NE(got.end.error().message.find("TLS"), std::string::npos) << got.end.error().message;
}

TEST_F(Https, NamesAnUnreadableFileOfAuthorities) {
  OpensslServer server({});
  HttpClientOptions options;
  options.ca_file = Certificates::get().path("missing.pem");
  const auto got = fetch(url(server, "localhost"), options);
  ASSERT_FALSE(got.end);
  EXPECT_NE(got.end.error().message.find("missing.pem"), std::string::npos);
}

TEST_F(Https, ShowsItsCertificateToAServerThatWantsOne) {
  for (const char* version : {"-tls1_3", "-tls1_2"}) {
    OpensslServer server({version, "-Verify", "2", "-verify_return_error", "-CAfile", "ca.pem"});
    for (const char* good : {"client", "next-client", "rsa-client", "ed-client"}) {
      const auto got = fetch(url(server, "localhost"), showing(good));
      EXPECT_EQ(got.status, 200) << version << " " << good << " " << got.why();
      EXPECT_EQ(got.body.size(), 200'000U);
    }
    for (const char* bad : {"", "foreign-client"}) {
      const auto got = fetch(url(server, "localhost"), showing(bad));
      EXPECT_FALSE(got.end) << version << " " << bad;
      EXPECT_EQ(got.status, 0);
    }
  }
}

TEST_F(Https, KeepsTheOldCertificateWhereTheNewOneIsBad) {
  OpensslServer server({"-Verify", "2", "-verify_return_error", "-CAfile", "ca.pem"});
  const auto options = showing("client");
  EXPECT_FALSE(options.tls->set_certificate({Certificates::get().text("client.pem"), Certificates::get().text("server.key")}));
  EXPECT_EQ(fetch(url(server, "localhost"), options).status, 200);
}

TEST_F(Https, ItsCertificateChangesNothingOfWhatItTrusts) {
  OpensslServer server({"-cert", "foreign-server.pem", "-key", "foreign-server.key"});
  EXPECT_FALSE(fetch(url(server, "localhost"), showing("client")).end);
  OpensslServer strange({"-cert", "strange-server.pem", "-key", "strange-server.key"});
  EXPECT_FALSE(fetch(url(strange, "localhost"), showing("client")).end);
}

TEST_F(Https, AJudgeStandsInPlaceOfStoreAndNames) {
  std::vector<std::size_t> chains;
  HttpClientOptions options;
  options.tls = *TlsClient::create({.ca_file = {}, .judge = [&](const PeerCertificates& peer) -> Status {
                                      chains.push_back(peer.chain.size());
                                      EXPECT_EQ(peer.leaf_sha256.size(), 32U);
                                      return {};
                                    }});
  for (const char* version : {"-tls1_3", "-tls1_2"}) {
    OpensslServer server({version, "-cert", "strange-server.pem", "-key", "strange-server.key", "-cert_chain", "ca.pem"});
    EXPECT_EQ(fetch(url(server, "localhost"), options).status, 200);
  }
  EXPECT_EQ(chains, (std::vector<std::size_t>{2, 2}));
}

TEST_F(Https, WhatAJudgeRefusesIsTheErrorOfTheCall) {
  for (const char* version : {"-tls1_3", "-tls1_2"}) {
    OpensslServer server({version});
    HttpClientOptions options;
    options.ca_file = Certificates::get().path("ca.pem");  // means nothing beside a judge
    options.tls = *TlsClient::create({.ca_file = Certificates::get().path("ca.pem"), .judge = [](const PeerCertificates&) -> Status {
                                        return fail(ErrorCode::kDenied, "spiffe://elsewhere is not trusted", "configure its bundle");
                                      }});
    const auto got = fetch(url(server, "localhost"), options);
    ASSERT_FALSE(got.end);
    EXPECT_EQ(got.status, 0);
    EXPECT_EQ(got.end.error().code, ErrorCode::kDenied);
    EXPECT_NE(got.end.error().message.find("spiffe://elsewhere is not trusted"), std::string::npos) << got.why();
    EXPECT_EQ(got.end.error().hint, "configure its bundle");
  }
}

TEST_F(Https, AJudgeIsAskedAgainForEachConnection) {
  OpensslServer server({"-tls1_3"});
  int asked = 0;
  HttpClientOptions options;
  options.tls = *TlsClient::create({.ca_file = {}, .judge = [&](const PeerCertificates&) -> Status {
                                      if (++asked > 1) return fail(ErrorCode::kDenied, "not again");
                                      return {};
                                    }});
  EXPECT_EQ(fetch(url(server, "localhost"), options).status, 200);
  EXPECT_FALSE(fetch(url(server, "localhost"), options).end);
  EXPECT_EQ(asked, 2);
}

// One answer without a length over TLS, which ends with or without a goodbye.
Fetched answer_that_ends(std::string_view answer, bool with_goodbye) {
  ScriptedServer server({[&](ScriptedConnection& connection) {
    TlsEnd end(connection.fd(), "server");
    if (!end.shake_hands()) return;
    end.send("");
    (void)end.read_all(1);
    end.send(answer);
    if (with_goodbye) end.say_goodbye();
  }});
  return fetch("https://127.0.0.1:" + std::to_string(server.port()) + "/", trusting());
}

TEST_F(Https, ABodyWithoutLengthIsWholeOnlyWithAGoodbye) {
  constexpr std::string_view kAnswer = "HTTP/1.1 200 OK\r\n\r\npart of it";
  const auto whole = answer_that_ends(kAnswer, true);
  EXPECT_TRUE(whole.end) << whole.why();
  EXPECT_EQ(whole.body, "part of it");
  const auto cut = answer_that_ends(kAnswer, false);
  ASSERT_FALSE(cut.end);
  EXPECT_NE(cut.end.error().message.find("eof"), std::string::npos) << cut.why();
}

TEST_F(Https, ABodyThatIsCutIsAnErrorInAnyCase) {
  for (const std::string_view answer : {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart",
                                        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n", "HTTP/1.1 200 OK\r\n"}) {
    for (const bool with_goodbye : {true, false}) EXPECT_FALSE(answer_that_ends(answer, with_goodbye).end) << answer << with_goodbye;
  }
}

TEST_F(Https, AHandshakeThatNeverEndsIsATimeout) {
  ScriptedServer server({[](ScriptedConnection& connection) { connection.wait_end(); }});
  HttpClientOptions options = trusting();
  options.connect_timeout_ms = 50;
  const auto got = fetch("https://127.0.0.1:" + std::to_string(server.port()) + "/", options);
  ASSERT_FALSE(got.end);
  EXPECT_EQ(got.end.error().code, ErrorCode::kTimeout);
}

}  // namespace
}  // namespace interlock::net::testing
