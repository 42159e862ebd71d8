// Connectors from OpenAPI descriptions, good and hostile: what comes out always loads, and is never tamer than the method says.
#include "catalogue/openapi.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "catalogue/catalogue.hpp"
#include "catalogue/openapi_document.hpp"

namespace interlock::catalogue {
namespace {

constexpr const char* kShop = R"(
openapi: 3.1.0
info: { title: "Pet Shop: the API\n# entry: evil", version: "1" }
servers:
  - url: https://api.petshop.example/v2/
  - url: https://{region}.petshop.example/v2
    variables: { region: { default: eu } }
security: [{ key: [] }]
components:
  securitySchemes:
    key: { type: apiKey, in: header, name: X-Shop-Key }
    old: { type: apiKey, in: query, name: api_key }
    oauth: { type: oauth2, flows: {} }
  pathItems:
    pet:
      get: { operationId: getPet, summary: Find pet by ID }
      delete: { operationId: deletePet, summary: Deletes a pet }
  schemas:
    Pet: { type: object, properties: { next: { $ref: "#/components/schemas/Pet" } } }
paths:
  /pets:
    get: { operationId: listPets, summary: List all pets, responses: { "200": { description: ok } } }
    post: { operationId: createPet, summary: Adds a pet }
  /pets/{pet.id}: { $ref: "#/components/pathItems/pet" }
  /pets/{id}/messages: { post: { operationId: sendMessage, summary: Sends the owner a message } }
  /orders/{order}/pay: { post: { summary: Pay an order } }
  /users/{user}/roles: { put: { operationId: setRoles } }
  /jobs/{job}/restart: { get: { operationId: restartJob } }
  /pods/{pod}/exec: { get: { operationId: connectGetPodExec } }
  /make: { get: { operationId: makeIt, summary: Creates a thing by GET } }
  /jobs/{job}/run: { get: { operationId: jobRun } }
  /jobs/{job}/runs: { get: { operationId: jobRuns } }
  /payments/{payment}: { get: { operationId: payments.get, summary: Payment by ID } }
  /cancel: { get: { operationId: stopIt } }
  /secrets/{name}: { get: { operationId: readSecret } }
  /files/{name}.{format}: { get: { operationId: getFile } }
  /admin: { patch: { operationId: tune, security: [{ oauth: ["admin:shop"] }] } }
  /pets/{other}: { get: { operationId: purgePet, summary: Purge } }
)";

Result<OpenApiImport> shop() { return import_openapi(kShop); }

model::Classification act_of(const std::string& entry, std::string_view method, std::string_view host, std::string_view path) {
  const std::vector<CatalogueSource> sources = {{"imported.yaml", entry}};
  const auto catalogue = Catalogue::load(sources, {});
  EXPECT_TRUE(catalogue) << catalogue.error().text();
  const auto route = (*catalogue)->route({.method = method, .host = host, .path = path, .query = {}});
  model::ActionRequest request;
  request.surface = "http";
  request.server = route.connector;
  request.target = route.operation;
  request.args = route.args;
  return (*catalogue)->classify(request);
}

std::string effects_of(const model::Classification& act) {
  std::string out;
  for (const auto effect : act.effects) out += (out.empty() ? "" : " ") + std::string(model::effect_name(effect));
  return out;
}

TEST(OpenApi, AnEntryIsMadeThatLoads) {
  const auto imported = shop();
  ASSERT_TRUE(imported) << imported.error().text();
  EXPECT_EQ(imported->operations, 17u);
  const struct {
    const char* method;
    const char* path;
    const char* action;
    const char* effects;
    int band;
  } cases[] = {
      {"GET", "/v2/pets", "pet-shop-the-api-entry-evil/listPets", "read", 1},
      {"POST", "/v2/pets", "pet-shop-the-api-entry-evil/createPet", "write", 2},
      {"DELETE", "/v2/pets/7", "pet-shop-the-api-entry-evil/deletePet", "delete", 2},
      // Two that no request could tell apart count as both.
      {"GET", "/v2/pets/7", "pet-shop-the-api-entry-evil/getPet", "delete", 2},
      {"POST", "/v2/pets/7/messages", "pet-shop-the-api-entry-evil/sendMessage", "write send", 2},
      {"POST", "/v2/orders/7/pay", "pet-shop-the-api-entry-evil/post-orders-order-pay", "write send", 3},
      {"PUT", "/v2/users/u/roles", "pet-shop-the-api-entry-evil/setRoles", "write admin", 3},
      {"GET", "/v2/jobs/7/restart", "pet-shop-the-api-entry-evil/restartJob", "execute", 2},
      {"GET", "/v2/pods/p/exec", "pet-shop-the-api-entry-evil/connectGetPodExec", "execute", 2},
      {"GET", "/v2/jobs/7/run", "pet-shop-the-api-entry-evil/jobRun", "execute", 2},
      {"GET", "/v2/jobs/7/runs", "pet-shop-the-api-entry-evil/jobRuns", "read", 1},
      {"GET", "/v2/payments/7", "pet-shop-the-api-entry-evil/payments.get", "read", 1},
      {"GET", "/v2/make", "pet-shop-the-api-entry-evil/makeIt", "write", 2},
      {"GET", "/v2/cancel", "pet-shop-the-api-entry-evil/stopIt", "execute write", 2},
      {"GET", "/v2/secrets/s", "pet-shop-the-api-entry-evil/readSecret", "read", 2},
      {"GET", "/v2/files/a.txt", "pet-shop-the-api-entry-evil/getFile", "read", 1},
      {"PATCH", "/v2/admin", "pet-shop-the-api-entry-evil/tune", "write admin", 3},
  };
  for (const auto& one : cases) {
    const auto act = act_of(imported->entry, one.method, "api.petshop.example", one.path);
    EXPECT_TRUE(act.known) << one.path;
    EXPECT_EQ(act.action, one.action);
    EXPECT_EQ(effects_of(act), one.effects) << one.method << one.path;
    EXPECT_EQ(static_cast<int>(act.band), one.band) << one.method << one.path;
  }
  EXPECT_TRUE(act_of(imported->entry, "GET", "eu.petshop.example", "/v2/pets").known);
  EXPECT_FALSE(act_of(imported->entry, "GET", "api.petshop.example", "/pets").known) << "outside of the server's path";
  EXPECT_NE(imported->entry.find("credential_headers: [\"x-shop-key\"]"), std::string::npos);
  EXPECT_NE(imported->entry.find("credential_query: [\"api_key\"]"), std::string::npos);
  EXPECT_EQ(imported->notes.size(), 1u) << imported->notes.front();
}

TEST(OpenApi, JsonAndYamlGiveTheSame) {
  const auto yaml = import_openapi("openapi: 3.0.3\ninfo: {title: t}\npaths: {/a: {get: {operationId: x}}}\n", "own");
  const auto json = import_openapi(R"({"openapi":"3.0.3","info":{"title":"t"},"paths":{"/a":{"get":{"operationId":"x"}}}})", "own");
  ASSERT_TRUE(yaml && json);
  EXPECT_EQ(yaml->entry, json->entry);
  ASSERT_EQ(json->notes.size(), 1u);
  EXPECT_NE(json->notes[0].find("no server is named"), std::string::npos);
}

TEST(OpenApi, ReferencesThatLeadOutOrRoundAreLeftOut) {
  const auto imported = import_openapi(R"({"openapi":"3.0.0","paths":{
    "/self":{"$ref":"#/paths/~1self"},
    "/round":{"$ref":"#/paths/~1about"},"/about":{"$ref":"#/paths/~1round"},
    "/out":{"$ref":"https://evil.example/x.json"},"/file":{"$ref":"file:///etc/passwd"},"/near":{"$ref":"other.yaml#/x"},
    "/nowhere":{"$ref":"#/components/pathItems/none"},"/odd":{"$ref":7},"/list":[1],"/null":null,
    "/fine":{"$ref":"#/paths/~1real"},"/real":{"get":{}}}})",
                                       "own");
  ASSERT_TRUE(imported) << imported.error().text();
  EXPECT_EQ(imported->operations, 2u);
  EXPECT_EQ(imported->notes.size(), 11u);
}

TEST(OpenApi, OddTypesAndPathsAreLeftOutWithANote) {
  const auto imported = import_openapi(R"({"openapi":"3.1.0","info":["x"],"servers":{"url":1},"components":[],"security":{"a":1},"paths":{
    "relative":{"get":{}},"/a/../b":{"get":{}},"/a//b":{"get":{}},"/a?b=c":{"get":{}},"/a#b":{"get":{}},"/{a":{"get":{}},"/a}{":{"get":{}},
    "/x\u0085y":{"get":{}},"/caf\u00e9":{"get":{}},"/a\nb":{"get":{}},
    "/good/{path}/{path}":{"get":{"operationId":["x"],"summary":{"a":1},"security":[1,{"a":{"b":1}},{"c":[1]}]},"post":"x","put":[1]},
    "/{method}/{a}{b}":{"get":{"operationId":"get"}}}})",
                                       "own");
  ASSERT_TRUE(imported) << imported.error().text();
  EXPECT_EQ(imported->operations, 2u) << imported->entry;
  EXPECT_NE(imported->entry.find("GET /good/{path_}/{path__2}"), std::string::npos) << imported->entry;
  EXPECT_NE(imported->entry.find("\"call-get\": { request: \"GET /{method_}/{a-b}\""), std::string::npos) << imported->entry;
}

TEST(OpenApi, WhatIsNoDescriptionSaysWhatToDo) {
  const std::pair<std::string, ErrorCode> cases[] = {
      {"", ErrorCode::kInvalid},
      {"[]", ErrorCode::kInvalid},
      {"just text", ErrorCode::kInvalid},
      {R"({"swagger":"2.0","paths":{"/a":{"get":{}}}})", ErrorCode::kUnsupported},
      {R"({"openapi":"4.0.0","paths":{"/a":{"get":{}}}})", ErrorCode::kUnsupported},
      {R"({"openapi":3.1,"paths":{"/a":{"get":{}}}})", ErrorCode::kInvalid},
      {R"({"openapi":"3.1.0"})", ErrorCode::kInvalid},
      {R"({"openapi":"3.1.0","paths":{}})", ErrorCode::kInvalid},
      {R"({"openapi":"3.1.0","paths":{"/a":{"parameters":[]}}})", ErrorCode::kInvalid},
      {R"({"openapi":"3.1.0","openapi":"3.0.0"})", ErrorCode::kInvalid},
      {R"({"openapi":"3.1.0","paths":)", ErrorCode::kInvalid},
      {"openapi: 3.1.0\npaths: {/a: {get: {}}, /a: {get: {}}}\n", ErrorCode::kInvalid},
      {"openapi: 3.1.0\npaths: !!python/object:os.system [x]\n", ErrorCode::kInvalid},
      {std::string(kOpenApiBytes + 1, ' '), ErrorCode::kTooLarge},
  };
  for (const auto& [text, code] : cases) {
    const auto imported = import_openapi(text);
    ASSERT_FALSE(imported) << text.substr(0, 100);
    EXPECT_EQ(imported.error().code, code) << text.substr(0, 100) << imported.error().text();
  }
  for (const char* name : {"a b", "a/b", "x\ny", "\"", ""}) {
    if (*name != '\0') {
      EXPECT_FALSE(import_openapi(kShop, name)) << name;
    }
  }
}

TEST(OpenApi, BombsAreBounded) {
  std::string aliases = "openapi: 3.0.0\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    aliases += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int k = 0; k < 10; ++k) aliases += (k == 0 ? "*a" : ", *a") + std::to_string(i - 1);
    aliases += "]\n";
  }
  EXPECT_FALSE(import_openapi(aliases));
  std::string deep = R"({"openapi":"3.0.0","paths":)";
  for (std::size_t i = 0; i <= kOpenApiDepth; ++i) deep += R"({"a":)";
  EXPECT_FALSE(import_openapi(deep));
  EXPECT_FALSE(import_openapi("openapi: 3.0.0\npaths: " + std::string(10'000, '[')));
  std::string many = R"({"openapi":"3.0.0","paths":{)";
  for (std::size_t i = 0; i <= kOpenApiOperations; ++i) many += (i == 0 ? "\"/p" : ",\"/p") + std::to_string(i) + R"(":{"get":{}})";
  const auto imported = import_openapi(many + "}}");
  ASSERT_FALSE(imported);
  EXPECT_EQ(imported.error().code, ErrorCode::kTooLarge);
}

// Whatever the words say, an operation that writes by its method is no read, and one that deletes is a delete.
TEST(OpenApi, WordsLowerNothing) {
  const auto imported = import_openapi(R"({"openapi":"3.0.0","servers":[{"url":"https://x.example.com"}],"paths":{"/read":{
    "post":{"operationId":"getHarmless","summary":"Read-only list, safe to call"},
    "delete":{"operationId":"viewStatus","summary":"Get status"},
    "put":{"operationId":"ping","security":[]}}}})",
                                       "own");
  ASSERT_TRUE(imported);
  EXPECT_EQ(effects_of(act_of(imported->entry, "POST", "x.example.com", "/read")), "write");
  EXPECT_EQ(effects_of(act_of(imported->entry, "DELETE", "x.example.com", "/read")), "delete");
  EXPECT_EQ(static_cast<int>(act_of(imported->entry, "PUT", "x.example.com", "/read").band), 2);
}

TEST(OpenApi, HostsThatWouldSpeakForStrangersAreLeftOut) {
  const auto imported = import_openapi(R"({"openapi":"3.0.0","servers":[{"url":"https://{anything}.com"},{"url":"https://*"},{"url":"/v1"},
    {"url":"ftp://a.example.com"},{"url":"https://user@a.example.com/"},{"url":"https://UPPER.example.com:443/v1/"},{"url":"http://b.example.com:8080"}],
    "paths":{"/a":{"get":{}}}})",
                                       "own");
  ASSERT_TRUE(imported) << imported.error().text();
  EXPECT_NE(imported->entry.find("hosts: [\"b.example.com:8080\", \"upper.example.com\"]"), std::string::npos) << imported->entry;
}

}  // namespace
}  // namespace interlock::catalogue
