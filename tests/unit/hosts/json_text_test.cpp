#include "hosts/json_text.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <functional>

namespace interlock::hosts {
namespace {

JsonDocument parsed(std::string text) {
  auto document = read_json_text("f.json", std::move(text));
  EXPECT_TRUE(document.has_value()) << document.error().text();
  return document ? std::move(*document) : JsonDocument{};
}

std::string with_member(const std::string& text, std::string_view key, const json::value& value) {
  const auto document = parsed(text);
  return spliced(text, adding(document, document.root, key, value));
}

std::string without_member(const std::string& text, std::size_t index) {
  const auto document = parsed(text);
  return spliced(text, taking_out(document, document.root, index));
}

TEST(JsonText, a_member_put_in_looks_like_what_is_around_it) {
  const json::value value = {{"b", json::array{1, "x"}}};
  const struct {
    std::string before;
    std::string after;
  } cases[] = {
      {"{}", "{\n  \"k\": {\n    \"b\": [\n      1,\n      \"x\"\n    ]\n  }\n}"},
      {"{\"a\":1}", "{\"a\":1, \"k\":{\"b\":[1, \"x\"]}}"},
      {"{\"a\":1,\"c\":2}", "{\"a\":1,\"c\":2,\"k\":{\"b\":[1,\"x\"]}}"},
      {"{ \"a\": 1 }", "{ \"a\": 1, \"k\": {\"b\": [1, \"x\"]} }"},
      {"{\n\t\"a\": 1\n}\n", "{\n\t\"a\": 1,\n\t\"k\": {\n\t\t\"b\": [\n\t\t\t1,\n\t\t\t\"x\"\n\t\t]\n\t}\n}\n"},
      {"{\r\n    \"a\": 1\r\n}",
       "{\r\n    \"a\": 1,\r\n    \"k\": {\r\n        \"b\": [\r\n            1,\r\n            \"x\"\r\n        ]\r\n    }\r\n}"},
      {"{\n  \"a\": 1,\n}\n", "{\n  \"a\": 1,\n  \"k\": {\n    \"b\": [\n      1,\n      \"x\"\n    ]\n  },\n}\n"},
      {"{\n  \"a\": 1 // last\n}\n", "{\n  \"a\": 1, // last\n  \"k\": {\n    \"b\": [\n      1,\n      \"x\"\n    ]\n  }\n}\n"},
      {"{ // none\n}\n", "{ // none\n  \"k\": {\n    \"b\": [\n      1,\n      \"x\"\n    ]\n  }\n}\n"},
      {"\xEF\xBB\xBF{\"a\": 1}", "\xEF\xBB\xBF{\"a\": 1, \"k\": {\"b\": [1, \"x\"]}}"},
  };
  for (const auto& one : cases) {
    EXPECT_EQ(with_member(one.before, "k", value), one.after);
    (void)parsed(one.after);
  }
}

TEST(JsonText, what_was_put_in_comes_out_without_a_trace) {
  for (const std::string text : {"{}", "{\"a\":1}", "{\"a\":1,\"c\":2}", "{ \"a\": 1 }", "{\n\t\"a\": 1\n}\n", "{\r\n    \"a\": 1\r\n}",
                                 "{\n  \"a\": 1,\n}\n", "{\n  \"a\": 1 // last\n}\n", "{\n  \"a\": 1, /* one */ // two\n  // three\n}\n",
                                 "\xEF\xBB\xBF{\"a\": 1}", "{\"a\": 1\n}", "{\n  \"a\": 1}", "{\n  \"a\": {\n  }, \"b\": [\n1,\n2 ] }",
                                 "// head\n{\n  \"a\": 1\n}\n// foot", "{\n\"a\": 1,\n\"b\": 2\n}", "{\n  \"a\"\n  :\n  1\n}"}) {
    const auto put = with_member(text, "k", json::object{{"b", 1}});
    const auto document = parsed(put);
    EXPECT_EQ(without_member(put, document.root.children.size() - 1), text) << put;
  }
}

TEST(JsonText, comments_stay_when_their_neighbour_goes) {
  const struct {
    std::string before;
    std::size_t index;
    std::string after;
  } cases[] = {
      {"{\n  // one\n  \"a\": 1, // of a\n  // two\n  \"b\": 2 // of b\n}\n", 0,
       "{\n  // one\n  // of a\n  // two\n  \"b\": 2 // of b\n}\n"},
      {"{\n  \"a\": 1, // of a\n  // two\n  \"b\": 2 // of b\n}\n", 1, "{\n  \"a\": 1 // of a\n  // two\n   // of b\n}\n"},
      {"{\"a\": 1 /* x */, \"b\": 2}", 0, "{/* x */ \"b\": 2}"},
      {"{\"a\": 1, \"b\": 2, \"c\": 3}", 1, "{\"a\": 1, \"c\": 3}"},
      {"{\"a\": 1, \"b\": 2, \"c\": 3}", 0, "{\"b\": 2, \"c\": 3}"},
      {"{\n  \"a\": 1,\n  \"b\": 2\n}", 0, "{\n  \"b\": 2\n}"},
      {"{\n  \"a\": 1,\n  \"b\": 2,\n}", 1, "{\n  \"a\": 1,\n}"},
      {"{\n  \"a\": 1\n}", 0, "{}"},
  };
  for (const auto& one : cases) {
    EXPECT_EQ(without_member(one.before, one.index), one.after);
    (void)parsed(one.after);
  }
}

TEST(JsonText, what_is_no_json_is_refused_with_its_place) {
  const struct {
    std::string text;
    std::string_view place;
    std::string_view why;
  } cases[] = {
      {"", "f.json:1:1", "missing"},
      {"{\"a\": 1,, \"b\": 2}", "f.json:1:9", "name of a member"},
      {"{\n  \"a\": 1\n  \"b\": 2\n}", "f.json:3:3", "comma"},
      {"{\n  \"a\": 1,\n  \"a\": 2\n}", "f.json:3:3", "two members"},
      {"{\"a\": 1, \"\\u0061\": 2}", "f.json:1:10", "two members"},
      {"{\"a\": {\"x\": 1, \"x\": 1}}", "f.json:1:16", "two members"},
      {"{\"a\": 'x'}", "f.json:1:7", "no JSON value"},
      {"{a: 1}", "f.json:1:2", "name of a member"},
      {"{\"a\": 01}", "f.json:1:8", "comma"},
      {"{\"a\": NaN}", "f.json:1:7", "no JSON value"},
      {"{\"a\": \"x\ny\"}", "f.json:1:9", "control character"},
      {"{\"a\": \"x", "f.json:1:7", "does not end"},
      {"{\"a\": 1 /* x }", "f.json:1:9", "does not end"},
      {"{\"a\": \"\xff\"}", "f.json:1:8", "UTF-8"},
      {"{\"a\": 1 /* \xc0\x80 */}", "f.json:1:12", "UTF-8"},
      {"{\"a\": \"\\ud800\"}", "f.json:1:14", "surrogate"},
      {"{\"a\": \"\\x\"}", "f.json:1:9", "escape"},
      {"{} {}", "f.json:1:4", "follow"},
      {"{\"a\": 1", "f.json:1:1", "does not end"},
      {"<<<<<<< HEAD\n{}", "f.json:1:1", "no JSON value"},
      {std::string("{\"a\": \"x\0y\"}", 12), "f.json:1:9", "control character"},
  };
  for (const auto& one : cases) {
    const auto document = read_json_text("f.json", one.text);
    ASSERT_FALSE(document.has_value()) << one.text;
    EXPECT_TRUE(document.error().message.starts_with(std::string(one.place) + ": ")) << document.error().message;
    EXPECT_NE(document.error().message.find(one.why), std::string::npos) << document.error().message;
  }
}

TEST(JsonText, bounds_hold) {
  const std::string deep = std::string(kJsonDepth + 2, '[') + std::string(kJsonDepth + 2, ']');
  ASSERT_FALSE(read_json_text("f", deep).has_value());
  EXPECT_EQ(read_json_text("f", deep).error().code, ErrorCode::kTooLarge);
  EXPECT_FALSE(read_json_text("f", std::string(100'000, '[')).has_value());
  EXPECT_EQ(read_json_text("f", std::string(kJsonBytes + 1, ' ')).error().code, ErrorCode::kTooLarge);
}

// A document in any layout that people and programs leave behind.
rc::Gen<std::string> space() {
  return rc::gen::element<std::string>("", " ", "\n", "\n  ", "\r\n\t", "  ", " /* c */ ", " // c, }\n", "\n\n");
}

rc::Gen<std::string> any_value(int depth) {
  auto leaf = rc::gen::element<std::string>("1", "-0.5e3", "true", "null", "\"\"", "\"a,}]\\\"// é\"", "{}", "[]", "{ }");
  if (depth == 0) return leaf;
  return rc::gen::oneOf(leaf, rc::gen::exec([depth] {
                          const bool object = *rc::gen::arbitrary<bool>();
                          const auto count = *rc::gen::inRange(0, 4);
                          std::string out = object ? "{" : "[";
                          for (int i = 0; i < count; ++i) {
                            out += *space();
                            if (object) out += "\"k" + std::to_string(i) + "\"" + *space() + ":" + *space();
                            out += *any_value(depth - 1) + *space();
                            if (i + 1 < count || *rc::gen::inRange(0, 3) == 0) out += "," + *space();
                          }
                          return out + *space() + (object ? "}" : "]");
                        }));
}

const JsonNode& any_container(const JsonNode& root) {
  std::vector<const JsonNode*> all;
  const std::function<void(const JsonNode&)> walk = [&](const JsonNode& node) {
    if (node.is(JsonNode::Kind::kObject) || node.is(JsonNode::Kind::kArray)) all.push_back(&node);
    for (const auto& child : node.children) walk(child);
  };
  walk(root);
  return *all[static_cast<std::size_t>(*rc::gen::inRange<int>(0, static_cast<int>(all.size())))];
}

std::string without_space(std::string_view text) {
  std::string out;
  for (const char c : text)
    if (!std::string_view(" \t\r\n").contains(c)) out += c;
  return out;
}

TEST(JsonText, whatever_the_layout_putting_in_keeps_every_byte_and_taking_out_gives_them_back) {
  EXPECT_TRUE(rc::check([] {
    const std::string text = *space() + "{" + *space() + "\"x\":" + *any_value(3) + *space() + "}" + *space();
    const auto document = read_json_text("f", text);
    RC_ASSERT(document.has_value());
    const auto& container = any_container(document->root);
    const std::optional<std::string_view> key =
        container.is(JsonNode::Kind::kObject) ? std::optional<std::string_view>("new") : std::nullopt;
    const auto splices = adding(*document, container, key, json::object{{"p", json::array{1}}});
    for (const auto& splice : splices)  // nothing but white space of an empty container is ever replaced
      RC_ASSERT(without_space(std::string_view(text).substr(splice.begin, splice.end - splice.begin)).empty());
    const auto put = read_json_text("f", spliced(text, splices));
    RC_ASSERT(put.has_value());

    const JsonNode* same = nullptr;
    const std::function<void(const JsonNode&)> find = [&](const JsonNode& node) {
      if (node.begin <= container.begin && node.kind == container.kind && node.children.size() == container.children.size() + 1 &&
          node.begin == container.begin)
        same = &node;
      for (const auto& child : node.children) find(child);
    };
    find(put->root);
    RC_ASSERT(same != nullptr);
    const auto out = spliced(put->text, taking_out(*put, *same, same->children.size() - 1));
    RC_ASSERT(without_space(out) == without_space(text));
    if (!container.children.empty()) RC_ASSERT(out == text);
  }));
}

TEST(JsonText, whatever_the_layout_what_is_left_of_a_container_is_what_was_there) {
  EXPECT_TRUE(rc::check([] {
    const std::string text = "{" + *space() + "\"x\":" + *any_value(3) + *space() + "," + *space() + "\"y\":" + *any_value(2) + "}";
    const auto document = read_json_text("f", text);
    RC_ASSERT(document.has_value());
    const auto& container = any_container(document->root);
    RC_PRE(!container.children.empty());
    const auto index = static_cast<std::size_t>(*rc::gen::inRange<int>(0, static_cast<int>(container.children.size())));
    const auto& gone = container.children[index];
    const auto splices = taking_out(*document, container, index);
    std::string removed;
    for (const auto& splice : splices) removed += text.substr(splice.begin, splice.end - splice.begin);
    const auto commas = without_space(removed);
    const auto child = without_space(std::string_view(text).substr(gone.key_begin, gone.end - gone.key_begin));
    RC_ASSERT(commas == child || commas == child + "," || commas == "," + child);
    RC_ASSERT(read_json_text("f", spliced(text, splices)).has_value());
  }));
}

}  // namespace
}  // namespace interlock::hosts
