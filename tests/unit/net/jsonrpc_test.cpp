// JSON-RPC 2.0 as MCP uses it: which documents are which messages, what is refused, and what is written.
#include "net/jsonrpc.hpp"

#include <gtest/gtest.h>

namespace interlock::net {
namespace {

json::value document(std::string_view text) {
  auto parsed = json::parse(text);
  if (!parsed) ADD_FAILURE() << text;
  return parsed ? std::move(*parsed) : json::value();
}

TEST(ReadRpc, TellsMessagesApart) {
  const struct {
    const char* text;
    RpcKind kind;
    const char* id;
    const char* method;
  } rows[] = {
      {R"({"jsonrpc":"2.0","id":1,"method":"ping"})", RpcKind::kRequest, "1", "ping"},
      {R"({"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"x":[1]}})", RpcKind::kRequest, "\"a\"", "tools/call"},
      {R"({"jsonrpc":"2.0","id":-9007199254740993,"method":"m"})", RpcKind::kRequest, "-9007199254740993", "m"},
      {R"({"jsonrpc":"2.0","id":18446744073709551615,"method":"m"})", RpcKind::kRequest, "18446744073709551615", "m"},
      {R"({"jsonrpc":"2.0","id":"","method":""})", RpcKind::kRequest, "\"\"", ""},
      {R"({"jsonrpc":"2.0","method":"notifications/x","params":{}})", RpcKind::kNotification, "null", "notifications/x"},
      {R"({"jsonrpc":"2.0","id":1,"result":{}})", RpcKind::kResult, "1", ""},
      {R"({"jsonrpc":"2.0","id":1,"error":{"code":-32600,"message":"no"}})", RpcKind::kError, "1", ""},
      {R"({"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"no","data":[1]}})", RpcKind::kError, "null", ""},
      {R"({"jsonrpc":"2.0","id":1,"method":"m","unknown":{"a":1}})", RpcKind::kRequest, "1", "m"},
  };
  for (const auto& row : rows) {
    const auto message = read_rpc(document(row.text));
    ASSERT_TRUE(message) << row.text << " " << message.error().text();
    EXPECT_EQ(message->kind, row.kind) << row.text;
    EXPECT_EQ(json::write(message->id), row.id) << row.text;
    EXPECT_EQ(message->method, row.method) << row.text;
  }
}

TEST(ReadRpc, RefusesWhatIsNone) {
  for (const char* text : {"1",
                           "null",
                           "[]",
                           "\"x\"",
                           "{}",
                           R"({"id":1,"method":"m"})",
                           R"({"jsonrpc":"1.0","id":1,"method":"m"})",
                           R"({"jsonrpc":2.0,"id":1,"method":"m"})",
                           R"({"jsonrpc":"2.0"})",
                           R"({"jsonrpc":"2.0","id":1})",
                           R"({"jsonrpc":"2.0","id":null,"method":"m"})",
                           R"({"jsonrpc":"2.0","id":1.5,"method":"m"})",
                           R"({"jsonrpc":"2.0","id":true,"method":"m"})",
                           R"({"jsonrpc":"2.0","id":[],"method":"m"})",
                           R"({"jsonrpc":"2.0","id":{},"method":"m"})",
                           R"({"jsonrpc":"2.0","id":1,"method":1})",
                           R"({"jsonrpc":"2.0","id":1,"method":"m","params":[]})",
                           R"({"jsonrpc":"2.0","id":1,"method":"m","params":null})",
                           R"({"jsonrpc":"2.0","id":1,"method":"m","params":"x"})",
                           R"({"jsonrpc":"2.0","id":1,"method":"m","result":{}})",
                           R"({"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":"x"}})",
                           R"({"jsonrpc":"2.0","result":{}})",
                           R"({"jsonrpc":"2.0","id":null,"result":{}})",
                           R"({"jsonrpc":"2.0","id":1,"error":{}})",
                           R"({"jsonrpc":"2.0","id":1,"error":"x"})",
                           R"({"jsonrpc":"2.0","id":1,"error":{"code":"1","message":"x"}})",
                           R"({"jsonrpc":"2.0","id":1,"error":{"code":1.5,"message":"x"}})",
                           R"({"jsonrpc":"2.0","id":1,"error":{"code":1}})",
                           R"({"jsonrpc":"2.0","id":1,"error":{"code":1,"message":7}})"}) {
    const auto message = read_rpc(document(text));
    ASSERT_FALSE(message) << text;
    EXPECT_EQ(message.error().code, ErrorCode::kInvalid);
  }
}

TEST(ReadRpc, WhatWasWrittenIsReadBack) {
  const json::object params{{"name", "echo"}, {"arguments", json::object{{"text", "a\"b\n"}}}};
  const auto request = read_rpc(document(write_request(json::value("x"), "tools/call", params)));
  ASSERT_TRUE(request);
  EXPECT_EQ(request->kind, RpcKind::kRequest);
  EXPECT_EQ(json::value(request->params), json::value(params));
  EXPECT_TRUE(request->has_params);

  const auto notification = read_rpc(document(write_notification("n", {})));
  ASSERT_TRUE(notification);
  EXPECT_EQ(notification->kind, RpcKind::kNotification);
  EXPECT_FALSE(notification->has_params);

  const auto result = read_rpc(document(write_result(json::value(std::int64_t{7}), json::value(params))));
  ASSERT_TRUE(result);
  EXPECT_EQ(result->result, json::value(params));

  const json::value data = json::array{1, 2};
  const auto error = read_rpc(document(write_error(json::value(nullptr), kParseError, "no \"JSON\"", &data)));
  ASSERT_TRUE(error);
  EXPECT_EQ(error->error.at("code").as_int64(), kParseError);
  EXPECT_EQ(error->error.at("data"), data);
  EXPECT_EQ(read_rpc(document(write_error(json::value("i"), error->error)))->error, error->error);
}

TEST(SalvageId, FindsAnIdWhereOneCanBeAnswered) {
  EXPECT_EQ(json::write(salvage_id(document(R"({"id":7})"))), "7");
  EXPECT_EQ(json::write(salvage_id(document(R"({"id":"a","method":1})"))), "\"a\"");
  for (const char* text : {R"({"id":1.5})", R"({"id":[1]})", R"({"id":true})", "{}", "[7]", "7"})
    EXPECT_TRUE(salvage_id(document(text)).is_null()) << text;
}

}  // namespace
}  // namespace interlock::net
