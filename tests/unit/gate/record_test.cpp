// What of arguments enters receipts, and the one line for people.
#include "gate/record.hpp"

#include <gtest/gtest.h>

namespace interlock::gate {
namespace {

json::value read(std::string_view text) {
  auto v = json::parse(text);
  EXPECT_TRUE(v) << text;
  return v ? *v : json::value();
}
std::string recorded(std::string_view args, const std::vector<std::string>& sensitive, ArgumentRecord mode = ArgumentRecord::kRedact) {
  return json::write(recorded_arguments(read(args), sensitive, mode, "salt"));
}

TEST(RecordedArguments, HideWhatIsNamedLikeASecretAtAnyDepth) {
  for (auto name : {"password", "Password", "DB_PASSWORD", "api_key", "api-key", "apiKey", "secret", "clientSecret", "token", "accessToken",
                    "Authorization", "cookie", "private_key"}) {
    for (auto mode : {ArgumentRecord::kRedact, ArgumentRecord::kFull, ArgumentRecord::kHash}) {
      const auto text = recorded(
          std::string(R"([{"a":{")") + name + R"(":"hunter2","b":{"c":["hunter2x"]}}},{")" + name + R"(":{"deep":"hunter2"}}])", {}, mode);
      EXPECT_EQ(text.find("\"hunter2\""), std::string::npos) << name << ": " << text;
    }
  }
  EXPECT_EQ(recorded(R"({"path":"/a","n":1,"ok":true,"none":null})", {}), R"({"path":"/a","n":1,"ok":true,"none":null})");
}

TEST(RecordedArguments, HideWhatLooksLikeACredentialWhateverItsName) {
  const struct {
    std::string text;
    std::string kept;
  } cases[] = {
      {"curl -H 'Authorization: Bearer abcdefghijklmnop1234=='", "curl -H 'Authorization: [hidden]'"},
      {"https://ann:hunter2@example.org/x", "https[hidden]example.org/x"},
      {"git clone https://x-access-token:ghp_0123456789abcdefghijABCDEFGHIJ012345@github.com/a/b", "git clone https[hidden]github.com/a/b"},
      {"export T=ghp_0123456789abcdefghijABCDEFGHIJ012345;", "export T=[hidden];"},
      {"AKIAABCDEFGHIJKLMNOP", "[hidden]"},
      {"key sk-proj-0123456789abcdefghij end", "key [hidden] end"},
      {"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "[hidden]"},
      {"-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nrest", "[hidden]\nrest"},
      {"-----BEGIN PRIVATE KEY-----\ncut off", "[hidden]"},
      {"http://localhost:8080/a@b", "http://localhost:8080/a@b"},
      {"a basic idea; ask-a-question sk-short", "a basic idea; ask-a-question sk-short"},
      {"mail ann@example.org about /work/a.txt", "mail ann@example.org about /work/a.txt"},
  };
  for (const auto& c : cases) {
    for (auto mode : {ArgumentRecord::kRedact, ArgumentRecord::kFull}) {
      const auto out = recorded_arguments(json::object{{"note", json::array{c.text}}}, {}, mode, "salt");
      EXPECT_EQ(json::write(out), json::write(json::object{{"note", json::array{c.kept}}})) << c.text;
    }
  }
}

TEST(RecordedArguments, HideWhatPointersName) {
  EXPECT_EQ(recorded(R"({"content":"hunter2","list":[{"x":"hunter2"}],"a/b":{"~":"hunter2"}})", {"/content", "/list/0/x", "/a~1b/~0"})
                .find("hunter2"),
            std::string::npos);
  EXPECT_EQ(recorded(R"("hunter2")", {""}).find("hunter2"), std::string::npos);
}

TEST(RecordedArguments, CutNothingSilently) {
  const std::string text(513, 'x');
  EXPECT_EQ(recorded("{\"t\":\"" + text.substr(1) + "\"}", {}), "{\"t\":\"" + text.substr(1) + "\"}");
  const auto cut = recorded("{\"t\":\"" + text + "\"}", {});
  EXPECT_NE(cut.find(R"("bytes":513)"), std::string::npos) << cut;
  EXPECT_NE(cut.find("salted_sha256"), std::string::npos);
  EXPECT_NE(recorded("{\"t\":\"" + text + "\"}", {}, ArgumentRecord::kFull).find(text), std::string::npos);
}

TEST(RecordedArguments, HashDependsOnSaltAndValueAlone) {
  const auto hash = [](std::string_view args, std::string_view salt) {
    return json::write(recorded_arguments(read(args), {}, ArgumentRecord::kHash, salt));
  };
  EXPECT_EQ(hash(R"({"a":1,"b":2})", "s"), hash(R"({"b":2,"a":1})", "s"));
  EXPECT_NE(hash(R"({"a":1})", "s"), hash(R"({"a":1})", "t"));
  EXPECT_NE(hash(R"({"a":1})", "s"), hash(R"({"a":2})", "s"));
}

TEST(SummaryOf, IsOneBoundedLineWithoutControlCharacters) {
  model::ActionRequest request;
  request.operation = "tools/call";
  request.target = "write_file";
  EXPECT_EQ(summary_of(request, read(R"({"path":"/a","n":3})")), "write_file path=/a n=3");
  EXPECT_EQ(summary_of(request, read(R"({"t":{"bytes":1234,"salted_sha256":"00"}})")), "write_file t=(1234 bytes)");
  EXPECT_EQ(summary_of(request, read(R"({"t":{"hidden":true,"salted_sha256":"00"}})")), "write_file t=(hidden)");
  EXPECT_EQ(summary_of(request, read("{\"a\":\"x\\u001b[2J\\ny\"}")), "write_file a=x [2J y");
  json::object many;
  for (int i = 0; i < 100; ++i) many["k" + std::to_string(i)] = std::string(200, 'a') + "é";
  const auto line = summary_of(request, many);
  EXPECT_LE(line.size(), 310u);
  EXPECT_TRUE(json::parse(json::write(json::value(line))));
  request.operation = "resources/read";
  request.target = "file:///a\nb";
  EXPECT_EQ(summary_of(request, json::value()), "resources/read file:///a b");
}

}  // namespace
}  // namespace interlock::gate
