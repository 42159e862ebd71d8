// The catalogue: data that says what an operation does, to what, and how careful one has to be (DESIGN §2).
//
// Shipped entries are compiled in; files of the user add entries, and replace shipped ones only where they say so. A bad file
// refuses the whole load with file, line and column. A Catalogue is an immutable snapshot: any thread, no locks.
//
// What a server says of itself is never believed where it would lower anything: annotations can only raise.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "model/action.hpp"

namespace interlock::catalogue {

// A server as configured: what decides which entry speaks for it, and how its relative paths resolve.
struct ServerBinding {
  std::string name;
  std::string catalogue = {};             // explicit entry; loading fails where there is none of that name
  std::vector<std::string> command = {};  // stdio
  std::string url = {};                   // HTTP
  std::string cwd = {};                   // absolute, of the child process; empty: unknown
  std::string home = {};                  // HOME of the child process; empty: unknown
};

struct CatalogueSource {
  std::string name;  // as errors call it
  std::string text;
};

// Bounds on what files and arguments may ask of a call.
inline constexpr std::size_t kMaxCatalogueBytes = std::size_t{4} << 20;  // a file
inline constexpr std::size_t kMaxCatalogueTools = 10'000;                // an entry
inline constexpr std::size_t kMaxResourcesOfCall = 256;                  // more: the call counts as unknown

// An HTTP request, as far as a connector looks at it. Views hold for the call.
struct HttpTarget {
  std::string_view method;  // of the request line: headers that override it are taken off, they are not looked at here
  std::string_view host;    // lower case, without port
  std::uint16_t port = 443;
  std::string_view path;   // percent-encoding kept; normal: no `.`, `..`, `//` and no escape of what needs none (catalogue/http_path.hpp)
  std::string_view query;  // as it stands, without credentials that the agent brought
  std::string_view scheme = "https";  // or "http"
  bool upgrade = false;               // the connection becomes another protocol (WebSocket), so it may do more than its method says
};

// What of a body the operation's arguments need. kNone: it streams unread.
enum class BodyUse : std::uint8_t { kNone, kJson, kForm };
// The wire of a model API: what prompts and tool definitions are in.
enum class ModelWire : std::uint8_t { kNone, kOpenAiChat, kOpenAiResponses, kAnthropicMessages, kGeminiGenerate };

// What a connector makes of a request: the operation that an ActionRequest names as its target, and its arguments.
struct HttpRoute {
  std::string connector;  // entry; empty: none speaks for the host, the cautious default
  std::string operation;  // "issues/create"; unknown: "POST /path"
  bool known = false;
  // {"method","host","path"}, "scheme" and "port" where they are not https and its default, "upgrade": true, "query": {...} as read_form()
  // of catalogue/http_path.hpp gives it, and each {parameter} of host and path by name.
  json::object args;
  // Then the surface adds "body" (bounded), before it asks the gate: kJson: what json::parse() makes of it; kForm: what read_form() does;
  // null where there is none. One that cannot be read, or is too long, is left out, and the act is not known.
  BodyUse body = BodyUse::kNone;
  ModelWire model = ModelWire::kNone;           // then `body` is kJson
  std::vector<std::string> credential_headers;  // where clients of this API put their keys, beside Authorization: "x-api-key"
  std::vector<std::string> credential_query;    // "key"
};

struct CatalogueData;

class Catalogue {
 public:
  // With the shipped entries. `servers` bind names to entries.
  static Result<std::shared_ptr<const Catalogue>> load(std::span<const CatalogueSource> user_sources,
                                                       std::span<const ServerBinding> servers);

  // What `request` does. `definition` is the tool as its server lists it, or null. Never fails: what it does not know, or
  // cannot read, gets the cautious default with known = false.
  model::Classification classify(const model::ActionRequest& request, const json::object* definition = nullptr) const;

  // What `request` could turn out to be, whatever its arguments: one classification a case of the entry. For lists.
  std::vector<model::Classification> possible(const model::ActionRequest& request, const json::object* definition = nullptr) const;

  // What `target` is to the connector that speaks for its host (entries with `hosts:` and `operations:`), or to the one that is named.
  // classify() then knows a request of surface "http" whose server is that connector (or the host), whose target is the operation and whose
  // args are the route's. What no connector knows is Action::"CONNECTOR/post", or Action::"http/post" of hosts that none speaks for, on
  // Url::"https://host/path" in Host::"host". One whose method is CONNECT is an opaque connection: Action::"http/tunnel" on
  // Host::"host".
  HttpRoute route(const HttpTarget& target, std::string_view connector = {}) const;

  // The entry that speaks for a configured server; empty: none.
  std::string_view entry_of(std::string_view server) const;
  std::vector<std::string> entry_names() const;  // sorted
  // Hex SHA-256 over everything that was loaded.
  const std::string& revision() const;

 private:
  explicit Catalogue(std::shared_ptr<const CatalogueData> data) : data_(std::move(data)) {}
  std::shared_ptr<const CatalogueData> data_;
};

// The files that `paths` name: a file as it is, a folder's *.yaml and *.yml sorted by name.
Result<std::vector<CatalogueSource>> read_sources(std::span<const std::filesystem::path> paths);
// The entries in the binary, as they stand in catalogue/ of the source.
std::vector<CatalogueSource> shipped_sources();

}  // namespace interlock::catalogue
