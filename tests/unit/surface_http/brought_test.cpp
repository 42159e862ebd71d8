// What agents bring along: taken off by name in whatever spelling, told for the record, and kept where it is configured.
#include "surface/http/brought.hpp"

#include <gtest/gtest.h>

namespace interlock::http {
namespace {

struct Left {
  std::vector<std::string> taken;
  net::Headers headers;
  std::string query;
};
Left after(net::Headers headers, std::string query, const catalogue::HttpRoute& route = {}, const std::vector<std::string>& keep = {}) {
  Left out;
  out.headers = std::move(headers);
  Target target;
  target.query = std::move(query);
  target.has_query = !target.query.empty();
  out.taken = take_off(out.headers, target, route, keep);
  out.query = target.has_query ? target.query : "";
  return out;
}

TEST(Brought, HeadersThatAuthorizeAreTakenOff) {
  for (const char* name : {"Authorization", "COOKIE", "x-api-key", "X-Auth-Token", "Private-Token", "X-Goog-Api-Key",
                           "X-Amz-Security-Token", "DPoP", "X-HTTP-Method-Override", "X-Original-URL", "Client-Cert",
                           "X-Forwarded-Client-Cert", "apikey", "X-Tenant-Api-Key", "Ocp-Apim-Subscription-Key"}) {
    const auto left = after({{name, "secret"}, {"Accept", "text/plain"}}, "");
    EXPECT_EQ(left.headers.all().size(), 1U) << name;
    EXPECT_EQ(left.taken.size(), 1U) << name;
  }
  const auto hop = after({{"Proxy-Authorization", "Basic x"}, {"Expect", "100-continue"}, {"Forwarded", "for=1"}, {"Proxy-Odd", "1"}}, "");
  EXPECT_TRUE(hop.headers.all().empty());
  EXPECT_TRUE(hop.taken.empty()) << "the gate's own token is no finding";
}

TEST(Brought, KeysAmongSubprotocolsAreTakenOffAndTheOthersStay) {
  const auto left =
      after({{"Sec-WebSocket-Protocol", "realtime, openai-insecure-api-key.sk-brought,\tOpenAI-Insecure-Api-Key.two,beta"}}, "");
  EXPECT_EQ(left.headers.get("sec-websocket-protocol"), "realtime, beta");
  EXPECT_EQ(left.taken, std::vector<std::string>{"sec-websocket-protocol"});
  EXPECT_FALSE(after({{"Sec-WebSocket-Protocol", "base64url.bearer.authorization.k8s.io.eHl6"}}, "").headers.get("sec-websocket-protocol"));
  EXPECT_EQ(after({{"Sec-WebSocket-Protocol", "a,b"}}, "").headers.get("sec-websocket-protocol"), "a,b");
}

TEST(Brought, HeadersThatOnlySoundAlikePass) {
  for (const char* name : {"Idempotency-Key", "Sec-WebSocket-Key", "X-Author", "Next-Page-Token", "Content-Type"})
    EXPECT_TRUE(after({{name, "value"}}, "").taken.empty()) << name;
}

TEST(Brought, WhatTheConnectorKnowsGoesAndWhatIsKeptStays) {
  catalogue::HttpRoute route;
  route.credential_headers = {"x-odd-key"};
  route.credential_query = {"key"};
  const auto left = after({{"X-Odd-Key", "s"}, {"Authorization", "t"}}, "key=s&q=1", route, {"authorization"});
  EXPECT_EQ(left.headers.all().size(), 1U);
  EXPECT_EQ(left.query, "q=1");
  EXPECT_EQ(left.taken, (std::vector<std::string>{"x-odd-key", "?key"}));
}

TEST(Brought, ParametersThatAuthorizeAreTakenOffInAnySpelling) {
  struct Case {
    const char* query;
    const char* left;
  };
  for (const auto& [query, left] :
       {Case{"a=1&api_key=s&b=2", "a=1&b=2"}, Case{"API_KEY=s", ""}, Case{"api%5Fkey=s&a=1", "a=1"}, Case{"%61pi_key=s", ""},
        Case{"access_token=s&access_token=t", ""}, Case{"q=api_key", "q=api_key"}, Case{"apikeys=1", "apikeys=1"},
        Case{"X-Amz-Signature=s&X-Amz-Credential=c&X-Amz-Date=d&partNumber=1", "partNumber=1"}, Case{"X-Goog-Signature=s&a=1", "a=1"},
        Case{"sv=1&se=2&sp=r&sig=s&comp=list", "comp=list"}, Case{"se=2&sp=r", "se=2&sp=r"}, Case{"a=1&&b=2", "a=1&&b=2"},
        Case{"token", ""}}) {
    EXPECT_EQ(after({}, query).query, left) << query;
  }
}

}  // namespace
}  // namespace interlock::http
