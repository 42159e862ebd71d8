// The walk through a description, and the entry as text. What comes out is ASCII, and is read back before it is given to anybody.
#include "catalogue/openapi.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>

#include "base/text.hpp"
#include "catalogue/entry_parser.hpp"
#include "catalogue/http_path.hpp"
#include "catalogue/naming.hpp"
#include "catalogue/openapi_document.hpp"
#include "catalogue/openapi_facts.hpp"

namespace interlock::catalogue {
namespace {

constexpr std::size_t kMaxNotes = 100;
constexpr std::size_t kMaxServers = 16;  // of a description, a path or an operation
constexpr std::size_t kNameBytes = 100;
constexpr std::array<std::string_view, 8> kMethods{"get", "put", "post", "delete", "options", "head", "patch", "trace"};

bool is_word_character(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

// `text` in letters, digits and those of `others`; the rest becomes one `-` each run.
std::string slug(std::string_view text, std::string_view others) {
  std::string out;
  for (const char c : text) {
    if (is_word_character(c) || others.find(c) != std::string_view::npos) out += c;
    else if (!out.empty() && out.back() != '-') out += '-';
    if (out.size() >= kNameBytes) break;
  }
  while (!out.empty() && !is_word_character(out.back())) out.pop_back();
  while (!out.empty() && !is_word_character(out.front())) out.erase(out.begin());
  return out;
}

std::string printable_ascii(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 2 * kNameBytes)) out += c >= 0x20 && c < 0x7f ? c : '?';
  return out;
}

std::string in_quotes(std::string_view text) { return json::write(json::value(text)); }

// A path of the description as a template of ours; nullopt, and why, where no request could have it.
std::optional<std::string> template_of(std::string_view path, std::string& why_not) {
  if (path.find_first_of("?#") != std::string_view::npos) {
    why_not = "its path holds a query or a fragment";
    return std::nullopt;
  }
  std::string out;
  std::set<std::string> names;
  while (!path.empty()) {
    if (path.front() != '/') {
      why_not = "its path starts with no slash";
      return std::nullopt;
    }
    path.remove_prefix(1);
    const std::size_t end = std::min(path.find('/'), path.size());
    const std::string_view segment = path.substr(0, end);
    path.remove_prefix(end);
    out += '/';
    const std::size_t open = segment.find('{');
    if (open == std::string_view::npos) {
      out += segment;
      continue;
    }
    // Two names in a segment can't be told apart: one name then stands for all from the first to the last.
    const std::size_t close = segment.rfind('}');
    if (close == std::string_view::npos || close < open) {
      why_not = "its path has braces that do not fit";
      return std::nullopt;
    }
    std::string name = slug(segment.substr(open + 1, close - open - 1), "_");
    name = name.substr(0, kNameBytes / 2);
    if (name.empty()) name = "parameter";
    if (!is_parameter_name(name)) name += "_";
    for (std::size_t number = 2; !names.insert(name).second; ++number) name += "_" + std::to_string(number);
    out.append(segment.substr(0, open)).append("{").append(name).append("}").append(segment.substr(close + 1));
  }
  return out;
}

// The request without the names of its parameters: two that are alike here are one to a connector.
std::string shape_of(std::string_view request) {
  std::string out;
  bool inside = false;
  for (const char c : request) {
    if (c == '}') inside = false;
    if (!inside) out += c;
    if (c == '{') inside = true;
  }
  return out;
}

struct Server {
  std::string host;  // pattern; empty: unknown
  std::string base;  // path before those of the operations, without a slash at its end
};

struct Found {
  std::string name;
  std::vector<std::string> requests;
  Facts facts;
};

class Importer {
 public:
  Importer(const json::value& document, std::string_view name) : document_(document), object_(document.get_object()), name_(name) {}

  Result<OpenApiImport> run() {
    read_names();
    const auto servers = read_servers(object_);
    read_credentials();
    const json::value* paths = json::find(object_, "paths");
    const json::object* all = paths == nullptr ? nullptr : paths->if_object();
    if (all == nullptr || all->empty())
      return fail(ErrorCode::kInvalid, "the description has no `paths`",
                  "give the description of an HTTP API; webhooks alone make no connector");
    for (const auto& [path, item] : *all) {
      if (auto done = read_path(path, item, servers); !done) return fail(std::move(done.error()));
    }
    if (found_.empty())
      return fail(ErrorCode::kInvalid, "no operation of the description can be used", notes_.empty() ? "" : notes_.front());
    return finish();
  }

 private:
  void note(std::string text) {
    if (notes_.size() < kMaxNotes) notes_.push_back(std::move(text));
    else ++notes_left_out_;
  }

  void read_names() {
    const json::object* info = json::object_at(object_, "info");
    title_ = info == nullptr ? "" : printable_ascii(json::string_at(*info, "title").value_or(""));
    if (name_.empty()) name_ = ascii_lower(slug(title_, "_").substr(0, 48));
    if (name_.empty()) name_ = "imported-api";
  }

  // "https://{region}.api.example.com:8443/v1": a pattern of hosts and a path. Variables without a place in a pattern get their default.
  std::optional<Server> read_server(const json::object& server) {
    std::string url(json::string_at(server, "url").value_or(""));
    const json::object* variables = json::object_at(server, "variables");
    const std::size_t authority = url.find("://");
    const std::size_t host_end = authority == std::string::npos ? 0 : std::min(url.find('/', authority + 3), url.size());
    std::string out;
    for (std::size_t i = 0; i < url.size(); ++i) {
      const std::size_t close = url[i] == '{' ? url.find('}', i) : std::string::npos;
      if (close == std::string::npos) {
        out += url[i];
        continue;
      }
      const std::string variable = url.substr(i + 1, close - i - 1);
      const json::object* described = variables == nullptr ? nullptr : json::object_at(*variables, variable);
      const bool is_label =
          i < host_end && i > authority && (url[i - 1] == '.' || url[i - 1] == '/') && close + 1 < url.size() && url[close + 1] == '.';
      if (is_label && is_parameter_name(variable)) out += "{" + variable + "}";
      else out += described == nullptr ? "" : std::string(json::string_at(*described, "default").value_or(""));
      i = close;
    }
    url = std::move(out);
    Server read;
    std::string path = url;
    if (const std::size_t scheme = url.find("://"); scheme != std::string::npos) {
      const std::string word = ascii_lower(url.substr(0, scheme));
      const std::size_t end = std::min(url.find('/', scheme + 3), url.size());
      read.host = ascii_lower(url.substr(scheme + 3, end - scheme - 3));
      path = url.substr(end);
      if (word != "https" && word != "http") return std::nullopt;
      if (read.host.ends_with(":443") && word == "https") read.host.resize(read.host.size() - 4);
      if (read.host.ends_with(":80") && word == "http") read.host.resize(read.host.size() - 3);
    }
    while (path.ends_with('/')) path.pop_back();
    if (!path.empty() && !path.starts_with('/')) path.insert(path.begin(), '/');
    read.base = std::move(path);
    return read;
  }

  std::vector<Server> read_servers(const json::object& of) {
    std::vector<Server> out;
    const json::array* servers = json::array_at(of, "servers");
    if (servers == nullptr) return out;
    for (const json::value& item : *servers) {
      const json::object* server = item.if_object();
      auto read = server == nullptr || out.size() >= kMaxServers ? std::nullopt : read_server(*server);
      if (!read) {
        note("a server is left out: it is not an address over HTTP");
        continue;
      }
      if (!read->host.empty() && !hosts_.contains(read->host)) {
        const auto fits = parse_entry({"host", "catalogue: 1\nentry: x\nhosts: [" + in_quotes(read->host) + "]\n"});
        if (fits && hosts_.size() < kMaxWords) hosts_.insert(read->host);
        else note("the host " + printable_ascii(read->host) + " is left out: no pattern of hosts can be made of it");
      }
      out.push_back(std::move(*read));
    }
    return out;
  }

  // Where clients put their keys.
  void read_credentials() {
    const json::object* components = json::object_at(object_, "components");
    const json::object* schemes = components == nullptr ? nullptr : json::object_at(*components, "securitySchemes");
    if (schemes == nullptr) return;
    for (const auto& [scheme_name, item] : *schemes) {
      std::string ignored;
      const json::object* scheme = follow(document_, item, ignored);
      if (scheme == nullptr || json::string_at(*scheme, "type") != "apiKey") continue;
      const std::string key(json::string_at(*scheme, "name").value_or(""));
      const auto place = json::string_at(*scheme, "in");
      if (key.empty() || key.size() > kNameBytes || printable_ascii(key) != key) continue;
      if (place == "header" && ascii_lower(key) != "authorization" && headers_.size() < kMaxWords &&
          std::all_of(key.begin(), key.end(), [](char c) { return is_word_character(c) || c == '-' || c == '_'; }))
        headers_.insert(ascii_lower(key));
      if (place == "query" && queries_.size() < kMaxWords) queries_.insert(key);
    }
  }

  Status read_path(std::string_view path, const json::value& item, const std::vector<Server>& servers) {
    std::string why_not;
    const std::string shown = printable_ascii(path);
    if (path.starts_with("x-")) return {};
    const json::object* methods = follow(document_, item, why_not);
    if (methods == nullptr) {
      note(shown + " is left out: " + why_not);
      return {};
    }
    const auto own_servers = read_servers(*methods);
    for (const std::string_view method : kMethods) {
      const json::value* operation = json::find(*methods, method);
      if (operation == nullptr) continue;
      const json::object* object = operation->if_object();
      if (object == nullptr) {
        note(std::string(method) + " " + shown + " is left out: it is no object");
        continue;
      }
      const auto nearest = read_servers(*object);
      if (auto done = read_operation(path, method, *object,
                                     !nearest.empty()       ? nearest
                                     : !own_servers.empty() ? own_servers
                                                            : servers);
          !done)
        return done;
    }
    return {};
  }

  Status read_operation(std::string_view path, std::string_view method, const json::object& operation, const std::vector<Server>& servers) {
    std::set<std::string> bases;
    for (const Server& server : servers) bases.insert(server.base);
    if (bases.empty()) bases.insert("");
    OpenApiWords words{
        method, path, json::string_at(operation, "operationId").value_or(""), json::string_at(operation, "summary").value_or(""), {}};
    if (words.summary.empty()) words.summary = json::string_at(operation, "description").value_or("");
    std::vector<std::string> scopes;
    read_scopes(json::find(operation, "security"), scopes);
    if (json::find(operation, "security") == nullptr) read_scopes(json::find(object_, "security"), scopes);
    words.scopes.assign(scopes.begin(), scopes.end());
    Found found{name_of(words), {}, facts_of_operation(words)};
    std::string upper(method);
    for (char& c : upper) c = static_cast<char>(c - 'a' + 'A');
    for (const std::string& base : bases) {
      std::string why_not;
      const auto target = template_of(base + std::string(path), why_not);
      if (!target) {
        note(upper + " " + printable_ascii(path) + " is left out: " + why_not);
        continue;
      }
      const std::string request = upper + " " + *target;
      if (auto parsed = parse_request_template(request); !parsed || printable_ascii(request) != request) {
        note(upper + " " + printable_ascii(path) + " is left out: no request could have this path");
        continue;
      }
      const auto [before, is_new] = shapes_.emplace(shape_of(request), found_.size());
      if (is_new) {
        found.requests.push_back(request);
      } else if (before->second < found_.size()) {
        // One of them would never be seen. What is left counts as both.
        Facts& facts = found_[before->second].facts;
        if (facts.effects == std::vector{model::Effect::kRead} && found.facts.effects != facts.effects) facts.effects.clear();
        for (const model::Effect effect : found.facts.effects) {
          const bool there = std::find(facts.effects.begin(), facts.effects.end(), effect) != facts.effects.end();
          if (!there && (effect != model::Effect::kRead || facts.effects.empty())) facts.effects.push_back(effect);
        }
        facts.band = std::max(facts.band, found.facts.band);
        note(request + " is the same request as that of " + found_[before->second].name + ", which counts as both");
      }
    }
    if (found.requests.empty()) return {};
    if (found_.size() >= kOpenApiOperations) {
      return fail(ErrorCode::kTooLarge, "the description has more than " + std::to_string(kOpenApiOperations) + " operations",
                  "split it by paths, and import each part under a name of its own");
    }
    names_.insert(found.name);
    found_.push_back(std::move(found));
    return {};
  }

  static void read_scopes(const json::value* security, std::vector<std::string>& out) {
    const json::array* choices = security == nullptr ? nullptr : security->if_array();
    if (choices == nullptr) return;
    for (const json::value& choice : *choices) {
      const json::object* schemes = choice.if_object();
      if (schemes == nullptr) continue;
      for (const auto& [scheme, scopes] : *schemes) {
        const json::array* list = scopes.if_array();
        if (list == nullptr) continue;
        for (const json::value& scope : *list) {
          if (scope.is_string() && out.size() < kMaxWords) out.emplace_back(json::view(scope.get_string()));
        }
      }
    }
  }

  std::string name_of(const OpenApiWords& words) const {
    std::string name = slug(words.id, "-_./:");
    if (name.empty()) name = slug(std::string(words.method) + "-" + std::string(words.path), "-_.");
    if (!is_operation_name(name)) name = "call-" + name;
    std::string unique = name;
    for (std::size_t number = 2; names_.contains(unique); ++number) unique = name + "-" + std::to_string(number);
    return unique;
  }

  std::string write() const {
    std::string out = "# Imported from the OpenAPI description \"" + title_ +
                      "\". Effects and bands are guesses by method and words:\n"
                      "# read them before you rely on them, and raise what is worse than it looks.\n"
                      "catalogue: 1\nentry: " +
                      in_quotes(name_) + "\n";
    const auto list = [&](const char* key, const std::set<std::string>& words) {
      if (words.empty()) return;
      out.append(key).append(": [");
      for (const std::string& word : words) out.append(word == *words.begin() ? "" : ", ").append(in_quotes(word));
      out += "]\n";
    };
    list("hosts", hosts_);
    out += "private: " + in_quotes(name_) + "\n";
    list("credential_headers", headers_);
    list("credential_query", queries_);
    out += "operations:\n";
    for (const Found& one : found_) {
      out.append("  ").append(in_quotes(one.name)).append(": { request: ");
      if (one.requests.size() > 1) out += "[";
      for (std::size_t i = 0; i < one.requests.size(); ++i) out.append(i == 0 ? "" : ", ").append(in_quotes(one.requests[i]));
      if (one.requests.size() > 1) out += "]";
      out += ", effects: [";
      for (std::size_t i = 0; i < one.facts.effects.size(); ++i)
        out.append(i == 0 ? "" : ", ").append(model::effect_name(one.facts.effects[i]));
      out += "], band: " + std::to_string(static_cast<int>(one.facts.band)) + " }\n";
    }
    return out;
  }

  Result<OpenApiImport> finish() {
    if (hosts_.empty()) note("no server is named: set `hosts:` in the entry, or name it as the `connector` of a host in interlock.yaml");
    if (notes_left_out_ > 0) notes_.push_back("and " + std::to_string(notes_left_out_) + " more");
    OpenApiImport out{write(), found_.size(), std::move(notes_)};
    if (out.entry.size() > kMaxCatalogueBytes)
      return fail(ErrorCode::kTooLarge, "the entry would be too large for a catalogue file", "split the description by paths");
    if (auto loads = parse_entry({"the imported entry", out.entry}); !loads) return fail(std::move(loads.error()));
    return out;
  }

  const json::value& document_;
  const json::object& object_;
  std::string name_;
  std::string title_;
  std::set<std::string> hosts_;
  std::set<std::string> headers_;
  std::set<std::string> queries_;
  std::set<std::string> names_;
  std::map<std::string, std::size_t> shapes_;  // to places in `found_`
  std::vector<Found> found_;
  std::vector<std::string> notes_;
  std::size_t notes_left_out_ = 0;
};

}  // namespace

Result<OpenApiImport> import_openapi(std::string_view text, std::string_view name) {
  if (!name.empty()) {
    if (auto fits = parse_entry({"name", "catalogue: 1\nentry: " + in_quotes(name) + "\n"}); !fits)
      return fail(ErrorCode::kInvalid, "`" + printable_ascii(name) + "` is no name for an entry", "use letters, digits, `-`, `_` and `.`");
  }
  auto document = read_openapi(text);
  if (!document) return fail(std::move(document.error()));
  return Importer(*document, name).run();
}

}  // namespace interlock::catalogue
