// The part of a catalogue file that makes it a connector: hosts, operations, and where clients of the API put their keys.
#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "catalogue/entry_parser.hpp"

namespace interlock::catalogue {

using yaml::Map;
using yaml::Node;

namespace {

using Segment = RequestTemplate::Segment;

constexpr std::size_t kMaxRequests = 16;  // of an operation
// What an unknown operation is called after its entry's name (catalogue/http_acts.cpp).
constexpr std::array<std::string_view, 10> kMethodNames{"get",   "head",   "options", "post",  "put",
                                                        "patch", "delete", "trace",   "other", "websocket"};

bool is_token(std::string_view word) {  // RFC 9110 §5.6.2, lower case
  return !word.empty() && std::all_of(word.begin(), word.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

bool is_label(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'; });
}

void each_template(ResourceRule& rule, const auto& visit) {
  visit(rule.name.id);
  for (NamedTemplate& container : rule.within) visit(container.id);
}

}  // namespace

bool is_operation_name(std::string_view name) {
  return !name.empty() && name.size() <= 128 && std::find(kMethodNames.begin(), kMethodNames.end(), name) == kMethodNames.end() &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  std::string_view("-_./:").find(c) != std::string_view::npos;
         });
}

void EntryParser::read_connector(Map& map) {
  const Node* hosts = map.find("hosts");
  if (hosts != nullptr) read_hosts(*hosts);
  if (const Node* usual = map.find("resources")) usual_resources_ = read_resources(*usual, "resources");
  usual_realm_ = map.text("private");
  if (const Node* headers = map.find("credential_headers")) {
    entry_.credential_headers = reader_.texts(*headers, "credential_headers", kMaxWords);
    for (std::size_t i = 0; i < entry_.credential_headers.size() && !reader_.failed(); ++i) {
      if (!is_token(entry_.credential_headers[i])) reader_.complain(headers->items[i], "a header's name is written in lower case");
    }
  }
  entry_.credential_query = map.texts("credential_query", kMaxWords);
  const Node* operations = map.find("operations");
  if (operations == nullptr || reader_.failed()) return;
  if (operations->kind != Node::Kind::kMap) {
    reader_.complain(*operations, "`operations` must be a map from a name to what it does");
    return;
  }
  if (operations->keys.size() > kMaxCatalogueTools) {
    reader_.complain(*operations, "`operations` has more than " + std::to_string(kMaxCatalogueTools) + " names", {}, ErrorCode::kTooLarge);
    return;
  }
  entry_.operations.reserve(operations->keys.size());
  for (std::size_t i = 0; i < operations->keys.size() && !reader_.failed(); ++i) read_operation(operations->keys[i], operations->items[i]);
}

void EntryParser::read_hosts(const Node& node) {
  if (node.kind != Node::Kind::kSequence || node.items.size() > kMaxWords) {
    reader_.complain(node, "`hosts` must be a list of at most " + std::to_string(kMaxWords) + " names", "write hosts: [api.example.com]");
    return;
  }
  for (std::size_t i = 0; i < node.items.size() && !reader_.failed(); ++i) {
    const Node& item = node.items[i];
    if (item.kind != Node::Kind::kMap) {
      entry_.hosts.push_back(read_host(item));
      continue;
    }
    Map map(reader_, item, "hosts");
    HostPattern pattern = read_host(map.require("host"));
    pattern.under = map.text("under");
    map.close();
    const auto under = parse_request_template("GET " + pattern.under);
    const bool of_labels =
        under && std::all_of(under->segments.begin(), under->segments.end(), [&](const Segment& segment) {
          return segment.kind == Segment::Kind::kText || std::any_of(pattern.labels.begin(), pattern.labels.end(),
                                                                     [&](const Segment& label) { return label.name == segment.name; });
        });
    if (!reader_.failed() && (!of_labels || pattern.under.size() < 2))
      reader_.complain(item, "`under` must be a path of text and names that the host has", "for example under: \"/{bucket}\"");
    entry_.hosts.push_back(std::move(pattern));
  }
}

HostPattern EntryParser::read_host(const Node& node) {
  HostPattern out;
  out.text = reader_.text(node, "hosts");
  std::string_view name = out.text;
  const auto wrong = [&](const char* what) {
    reader_.complain(node, "`" + out.text + "` " + what, "for example api.example.com, *.example.com, {site}.example.com");
    return out;
  };
  if (reader_.failed()) return out;
  const std::size_t colon = name.rfind(':');
  if (colon != std::string_view::npos && !name.ends_with(']')) {
    const std::string_view digits = name.substr(colon + 1);
    std::uint16_t port = 0;
    const auto [end, bad] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (bad != std::errc{} || end != digits.data() + digits.size() || port == 0) return wrong("has no port that could be one");
    out.port = port;
    name = name.substr(0, colon);
  }
  if (name.starts_with('[')) {
    out.labels.push_back({Segment::Kind::kText, std::string(name), {}, {}, false});
    return out;
  }
  while (true) {
    const std::size_t dot = name.find('.');
    const std::string_view text = name.substr(0, dot);
    if (text == "*") {
      out.labels.push_back({Segment::Kind::kName, {}, {}, {}, false});
    } else {
      const auto label = parse_request_template("GET /" + std::string(text));
      if (!label || label->segments.size() != 1 || text.empty()) return wrong("is no pattern of hosts");
      const Segment& segment = label->segments.front();
      if (!is_label(segment.before) || !is_label(segment.after)) return wrong("has a label in other letters than a-z, 0-9, - and _");
      if (segment.kind == Segment::Kind::kManySegments && !out.labels.empty())
        return wrong("takes many labels elsewhere than at its start");
      out.labels.push_back(segment);
    }
    if (dot == std::string_view::npos) break;
    name.remove_prefix(dot + 1);
  }
  // "*" alone, or "*.com", would speak for strangers.
  const auto& labels = out.labels;
  const auto fixed = std::count_if(labels.begin(), labels.end(), [](const Segment& label) { return label.kind == Segment::Kind::kText; });
  if (fixed != static_cast<std::ptrdiff_t>(labels.size()) && (fixed < 2 || labels.back().kind != Segment::Kind::kText))
    return wrong("speaks for too many hosts");
  return out;
}

std::vector<RequestTemplate> EntryParser::read_requests(const Node& node, const std::string& what) {
  std::vector<std::string> texts;
  if (node.kind == Node::Kind::kSequence) texts = reader_.texts(node, what, kMaxRequests);
  else texts.push_back(reader_.text(node, what));
  std::vector<RequestTemplate> out;
  for (std::size_t i = 0; i < texts.size() && !reader_.failed(); ++i) {
    auto request = parse_request_template(texts[i]);
    if (!request) reader_.complain(node, request.error().message, request.error().hint);
    else out.push_back(std::move(*request));
  }
  if (!reader_.failed() && out.empty()) reader_.complain(node, "`" + what + "` names no request", "write request: GET /path");
  return out;
}

// Gives an operation without resources the first of the usual ones whose parameters all of its requests have; checks that names in
// templates are parameters, and lets those that may hold slashes stand last only.
void EntryParser::settle_resources(const Node& node, const std::vector<RequestTemplate>& requests, ToolEntry& tool) {
  std::set<std::string, std::less<>> of_hosts;
  std::set<std::string, std::less<>> with_slashes;
  for (const HostPattern& host : entry_.hosts) {
    for (const Segment& label : host.labels) of_hosts.insert(label.name);
  }
  const auto has = [&](const RequestTemplate& request, const std::string& name) {
    return of_hosts.contains(name) || std::any_of(request.segments.begin(), request.segments.end(), [&](const Segment& segment) {
             if (segment.name == name && segment.slashes) with_slashes.insert(name);
             return segment.name == name;
           });
  };
  const auto is_parameter = [&](const ArgumentPath& path) {
    return path.size() != 1 || std::all_of(requests.begin(), requests.end(), [&](const RequestTemplate& one) { return has(one, path[0]); });
  };
  const auto stands_alone = [&](ResourceRule rule) {
    bool all = rule.kind == ResourceRule::Kind::kNamed;
    each_template(rule, [&](const IdTemplate& id) {
      for (const IdTemplate::Part& part : id.parts) all = all && is_parameter(part.argument);
    });
    return all;
  };
  if (tool.resources.empty()) {
    const auto usual = std::find_if(usual_resources_.begin(), usual_resources_.end(), stands_alone);
    if (usual != usual_resources_.end()) tool.resources.push_back(*usual);
  }
  for (ResourceRule& rule : tool.resources) {
    if (rule.kind == ResourceRule::Kind::kNamed && !rule.optional && !stands_alone(rule)) {
      reader_.complain(node, "a resource is named by a parameter that the request does not have",
                       "use the names in `request`, or pointers such as /query/name and /body/name");
      return;
    }
    each_template(rule, [&](IdTemplate& id) {
      for (std::size_t i = 0; i < id.parts.size(); ++i) {
        IdTemplate::Part& part = id.parts[i];
        if (part.argument.size() != 1) continue;
        for (const RequestTemplate& request : requests) (void)has(request, part.argument[0]);
        part.slashes = with_slashes.contains(part.argument[0]);
        if (part.slashes && i + 1 != id.parts.size())
          reader_.complain(node, "`{" + part.argument[0] + "}` may hold slashes, so it must end the name that it is in");
      }
    });
  }
}

void EntryParser::read_operation(const Node& name, const Node& node) {
  const std::string what = "operations." + name.text;
  if (!is_operation_name(name.text)) {
    reader_.complain(name, "`" + name.text + "` is no name for an operation", "for example issues/create; letters, digits, - _ . / :");
    return;
  }
  Operation operation;
  operation.name = name.text;
  Map map(reader_, node, what);
  const Node& request = map.require("request");
  if (reader_.failed()) return;
  const auto requests = read_requests(request, what + ".request");
  operation.what = read_what(map, what);
  if (operation.what.private_realm.empty()) operation.what.private_realm = usual_realm_;
  enum class Body : std::uint8_t { kNone, kJson, kForm, kGraphql };
  const Body body = map.choice<Body>("body", Body::kNone,
                                     {{"none", Body::kNone}, {"json", Body::kJson}, {"form", Body::kForm}, {"graphql", Body::kGraphql}});
  operation.graphql = body == Body::kGraphql;
  operation.body = body == Body::kNone ? BodyUse::kNone : body == Body::kForm ? BodyUse::kForm : BodyUse::kJson;
  operation.model = map.choice<ModelWire>("model", ModelWire::kNone,
                                          {{"openai-chat", ModelWire::kOpenAiChat},
                                           {"openai-responses", ModelWire::kOpenAiResponses},
                                           {"anthropic-messages", ModelWire::kAnthropicMessages},
                                           {"gemini-generate", ModelWire::kGeminiGenerate}});
  if (operation.model != ModelWire::kNone) operation.body = BodyUse::kJson;  // what enters the record is in it
  map.close();
  if (reader_.failed()) return;
  settle_resources(node, requests, operation.what);
  const auto place = static_cast<std::uint32_t>(entry_.operations.size());
  for (const RequestTemplate& one : requests) {
    if (auto added = entry_.tree.add(one, place); !added && !reader_.failed())
      reader_.complain(request, "`" + what + "`: " + added.error().message, added.error().hint);
  }
  entry_.operation_places.emplace(operation.name, place);
  entry_.operations.push_back(std::move(operation));
}

}  // namespace interlock::catalogue
