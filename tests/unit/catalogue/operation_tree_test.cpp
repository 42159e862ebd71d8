// The tree of request templates: one answer for a request, whatever the order in which templates came.
#include "catalogue/operation_tree.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "catalogue/http_path.hpp"

namespace interlock::catalogue {
namespace {

constexpr std::array<std::string_view, 19> kTemplates{
    "GET /",
    "GET /users/{user}",
    "GET /users/me",
    "POST /users/{user}/keys",
    "GET /repos/{owner}/{repo}",
    "GET /repos/{owner}/{repo}/contents/{file*}",
    "GET /repos/{owner}/{repo}/contents",
    "DELETE /repos/{owner}/{repo}",
    "GET /{owner}/{repo}.git/info/refs?service=git-upload-pack",
    "GET /{owner}/{repo}.git/info/refs?service=git-receive-pack",
    "GET /{owner}/{repo}.git/info/refs",
    "POST /v1/models/{model}:generate",
    "POST /v1/models/{model}:stream",
    "GET /projects/{+id}/files/{+file}/raw",
    "PUT /b/{key*}",
    "PUT /b/{key*}?acl",
    "PUT /b/{key*}?acl&versionId",
    "GET /many/{group*}/-/tail",
    "WEBSOCKET /users/{user}",
};

std::string find(const OperationTree& tree, std::string_view method, std::string_view target) {
  const std::size_t mark = target.find('?');
  const auto path = normal_http_path(target.substr(0, mark));
  if (!path) return "refused";
  const auto query = mark == std::string_view::npos ? json::object{} : read_form(target.substr(mark + 1)).value_or(json::object{});
  const auto found = tree.find(method, *path, query);
  if (!found) return "nothing";
  std::string out(kTemplates[found->index]);
  for (const auto& [name, value] : found->values) out += " " + std::string(name) + "=" + value;
  return out;
}

OperationTree tree_of(std::vector<std::uint32_t> order) {
  OperationTree tree;
  for (const std::uint32_t index : order) {
    const auto request = parse_request_template(kTemplates[index]);
    EXPECT_TRUE(request) << request.error().text();
    EXPECT_TRUE(tree.add(*request, index));
  }
  return tree;
}

TEST(OperationTree, FindsTheSameWhateverTheOrder) {
  std::vector<std::uint32_t> order(kTemplates.size());
  for (std::uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  const OperationTree forward = tree_of(order);
  std::reverse(order.begin(), order.end());
  const OperationTree backward = tree_of(order);
  const struct {
    const char* method;
    std::string target;
    const char* expected;
  } cases[] = {
      {"GET", "/", "GET /"},
      {"GET", "/users/octocat", "GET /users/{user} user=octocat"},
      {"HEAD", "/users/octocat", "GET /users/{user} user=octocat"},
      {"GET", "/users/%6De", "GET /users/me"},
      {"POST", "/users/me/keys", "POST /users/{user}/keys user=me"},
      {"WEBSOCKET", "/users/me", "WEBSOCKET /users/{user} user=me"},
      {"POST", "/users/me", "nothing"},
      {"get", "/users/me", "nothing"},
      {"GET", "/users/me/", "nothing"},
      {"GET", "/Users/me", "nothing"},
      {"GET", "/repos/o/r", "GET /repos/{owner}/{repo} owner=o repo=r"},
      {"GET", "/repos/o/r%2Fcontents", "nothing"},
      {"DELETE", "/repos/o/r%2F..%2Fx", "nothing"},
      {"GET", "/repos/o/r;x=y", "nothing"},
      {"GET", "/repos/o/r/contents", "GET /repos/{owner}/{repo}/contents owner=o repo=r"},
      {"GET", "/repos/o/r/contents/a/b%20c.txt", "GET /repos/{owner}/{repo}/contents/{file*} owner=o repo=r file=a/b c.txt"},
      {"GET", "/repos/o/r/contents/a/", "GET /repos/{owner}/{repo}/contents/{file*} owner=o repo=r file=a/"},
      {"GET", "/repos/o/r/contents/", "nothing"},
      {"GET", "/repos/o/r/contents/..", "refused"},
      {"GET", "/o/r.git/info/refs?service=git-upload-pack", "GET /{owner}/{repo}.git/info/refs?service=git-upload-pack owner=o repo=r"},
      {"GET", "/o/r.git/info/refs?service=git-receive-pack", "GET /{owner}/{repo}.git/info/refs?service=git-receive-pack owner=o repo=r"},
      {"GET", "/o/r.git/info/refs?service=git-upload-pack&service=git-receive-pack", "GET /{owner}/{repo}.git/info/refs owner=o repo=r"},
      {"GET", "/o/.git/info/refs", "nothing"},
      {"POST", "/v1/models/gemini-2:generate", "POST /v1/models/{model}:generate model=gemini-2"},
      {"POST", "/v1/models/gemini-2%3Astream", "POST /v1/models/{model}:stream model=gemini-2"},
      {"POST", "/v1/models/gemini-2", "nothing"},
      {"GET", "/projects/g%2Fs%2Fp/files/a%2Fb/raw", "GET /projects/{+id}/files/{+file}/raw id=g/s/p file=a/b"},
      {"GET", "/projects/g%2F..%2Fp/files/a/raw", "nothing"},
      {"PUT", "/b/k", "PUT /b/{key*} key=k"},
      {"PUT", "/b/k?acl", "PUT /b/{key*}?acl key=k"},
      {"PUT", "/b/k?a%63l=&x=1", "PUT /b/{key*}?acl key=k"},
      {"PUT", "/b/k?acl&versionId=3", "PUT /b/{key*}?acl&versionId key=k"},
      {"GET", "/many/a/b/-/tail", "GET /many/{group*}/-/tail group=a/b"},
      {"GET", "/many/a/-/tail/-/tail", "GET /many/{group*}/-/tail group=a/-/tail"},
      {"GET", "/many/-/tail", "nothing"},
  };
  for (const auto& one : cases) {
    EXPECT_EQ(find(forward, one.method, one.target), one.expected) << one.method << " " << one.target;
    EXPECT_EQ(find(backward, one.method, one.target), one.expected) << one.method << " " << one.target;
  }
}

TEST(OperationTree, TheSameRequestTwiceIsAConflict) {
  OperationTree tree;
  EXPECT_TRUE(tree.add(*parse_request_template("GET /a/{x}"), 0));
  const auto again = tree.add(*parse_request_template("GET /a/{y}"), 1);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::kConflict);
  EXPECT_TRUE(tree.add(*parse_request_template("GET /a/{y}?z"), 2));
}

TEST(OperationTree, TemplatesThatNoRequestCouldMeetAreRefused) {
  for (const std::string_view text :
       {"",           "GET",      "get /a",    "GET a",      "GET /a//b",      "GET /a/../b",  "GET /%61",    "GET /{a}{b}",
        "GET /{a",    "GET /a}",  "GET /{}",   "GET /x{a*}", "GET /{a*}/{b*}", "GET /{a}/{a}", "GET /{path}", "GET /{body}",
        "GET /{a.b}", "GET /a b", "GET /a?=x", "GET *"}) {
    const auto request = parse_request_template(text);
    EXPECT_FALSE(request) << text;
    if (!request) {
      EXPECT_FALSE(request.error().message.empty());
    }
  }
  EXPECT_FALSE(parse_request_template("GET /" + std::string(kMaxTemplateBytes, 'a')));
}

// A path of many parts under a name that takes many of them: each way is tried once.
TEST(OperationTree, ALongPathIsWalkedInBoundedSteps) {
  OperationTree tree;
  std::string deep = "GET /{many*}";
  for (int i = 0; i < 60; ++i) deep += "/{p" + std::to_string(i) + "}";
  ASSERT_TRUE(tree.add(*parse_request_template(deep + "/end"), 0));
  std::string path;
  for (std::size_t i = 0; i < kMaxHttpSegments; ++i) path += "/x";
  EXPECT_FALSE(tree.find("GET", path, {}));
}

}  // namespace
}  // namespace interlock::catalogue
