// Requests to HTTP APIs: which connector speaks for a host, which operation a request is, and what that does.
#include <algorithm>
#include <array>
#include <optional>

#include "catalogue/catalogue_data.hpp"
#include "catalogue/graphql.hpp"
#include "catalogue/http_path.hpp"
#include "catalogue/naming.hpp"

namespace interlock::catalogue {
namespace {

using model::Band;
using model::Classification;
using model::Effect;
using Segment = RequestTemplate::Segment;
using Captures = std::vector<std::pair<std::string_view, std::string>>;

bool is_fixed(const HostPattern& pattern) {
  return std::all_of(pattern.labels.begin(), pattern.labels.end(), [](const Segment& label) { return label.kind == Segment::Kind::kText; });
}

// As it stands in a URL: an IPv6 address in brackets.
std::string url_host(std::string_view host) {
  return host.find(':') == std::string_view::npos || host.starts_with('[') ? std::string(host) : "[" + std::string(host) + "]";
}

// Labels from the right, so that a name that takes many of them gets what is left.
bool host_matches(const HostPattern& pattern, std::string_view host, std::uint16_t port, Captures& out) {
  if (pattern.port ? *pattern.port != port : port != 443 && port != 80) return false;
  if (pattern.labels.size() == 1) return pattern.labels[0].kind == Segment::Kind::kText && pattern.labels[0].before == host;
  for (std::size_t i = pattern.labels.size(); i-- > 0;) {
    const Segment& label = pattern.labels[i];
    const std::size_t dot = label.kind == Segment::Kind::kManySegments || i == 0 ? std::string_view::npos : host.rfind('.');
    if (i > 0 && dot == std::string_view::npos) return false;
    std::string_view text = dot == std::string_view::npos ? host : host.substr(dot + 1);
    host = dot == std::string_view::npos ? std::string_view{} : host.substr(0, dot);
    if (label.kind == Segment::Kind::kText) {
      if (text != label.before) return false;
      continue;
    }
    if (label.kind == Segment::Kind::kName && text.find('.') != std::string_view::npos) return false;
    if (text.size() <= label.before.size() + label.after.size() || !text.starts_with(label.before) || !text.ends_with(label.after))
      return false;
    text = text.substr(label.before.size(), text.size() - label.before.size() - label.after.size());
    if (!label.name.empty()) out.emplace_back(label.name, std::string(text));
  }
  return true;
}

struct Speaker {
  const Entry* entry = nullptr;
  const HostPattern* pattern = nullptr;  // null: the entry was named, and none of its patterns is the host's
  Captures captures;
};

Speaker speaker_for(const CatalogueData& data, const HttpTarget& target, std::string_view connector) {
  Speaker out;
  if (!connector.empty()) {
    const auto found = data.entries.find(connector);
    if (found == data.entries.end()) return out;
    out.entry = &found->second;
    for (const HostPattern& pattern : out.entry->hosts) {
      Captures captures;
      if (!host_matches(pattern, target.host, target.port, captures)) continue;
      out.pattern = &pattern;
      out.captures = std::move(captures);
      break;
    }
    return out;
  }
  const auto with_port = data.named_hosts.find(std::string(target.host) + ":" + std::to_string(target.port));
  const auto named = with_port != data.named_hosts.end() ? with_port : data.named_hosts.find(target.host);
  if (named != data.named_hosts.end() && host_matches(*named->second.pattern, target.host, target.port, out.captures)) {
    out.entry = named->second.entry;
    out.pattern = named->second.pattern;
    return out;
  }
  for (const BoundHost& bound : data.host_patterns) {
    Captures captures;
    if (!host_matches(*bound.pattern, target.host, target.port, captures)) continue;
    return {bound.entry, bound.pattern, std::move(captures)};
  }
  return out;
}

// The path as the entry's operations see it.
std::string path_below(const HostPattern& pattern, const Captures& captures, std::string_view path) {
  std::string out;
  std::string_view rest = pattern.under;
  while (!rest.empty()) {
    const std::size_t open = std::min(rest.find('{'), rest.size());
    out += rest.substr(0, open);
    rest.remove_prefix(open);
    if (rest.empty()) break;
    const std::size_t close = rest.find('}');
    for (const auto& [name, value] : captures) {
      if (rest.substr(1, close - 1) == name) out += value;
    }
    rest.remove_prefix(close + 1);
  }
  return out.append(path);
}

// Servers that let a parameter of the query stand for the method would read another operation.
bool overrides_method(const json::object& query) {
  return std::any_of(query.begin(), query.end(), [](const auto& member) {
    std::string name(member.key());
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    constexpr std::array<std::string_view, 5> kNames{"_method", "$method", "$httpmethod", "x-http-method-override", "x-http-method"};
    return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
  });
}

std::string lower_method(std::string_view method) {
  constexpr std::array<std::string_view, 8> kMethods{"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE"};
  if (std::find(kMethods.begin(), kMethods.end(), method) == kMethods.end()) return "other";
  std::string out(method);
  for (char& c : out) c = static_cast<char>(c - 'A' + 'a');
  return out;
}

bool only_reads(std::string_view method) { return method == "GET" || method == "HEAD" || method == "OPTIONS"; }

// What an ActionRequest says of where it goes.
struct Place {
  model::EntityName whole;
  std::vector<model::EntityName> around;
};
Place place_of(const model::ActionRequest& request, const json::object& args) {
  const auto host = json::string_at(args, "host").value_or(request.server);
  const auto path = json::string_at(args, "path").value_or("/");
  std::string url = std::string(json::string_at(args, "scheme").value_or("https")) + "://" + url_host(host);
  if (const auto port = json::int_at(args, "port")) url += ":" + std::to_string(*port);
  url += path == "*" ? "/" : path;
  auto normal = normal_url(url);
  if (!normal || normal->file) return {{"Host", url_host(host)}, {}};
  return {{"Url", std::move(normal->id)}, hosts_of(normal->host)};
}

Classification classify_unknown(const model::ActionRequest& request, const Entry* entry, const json::object& args) {
  const std::string_view method = json::string_at(args, "method").value_or("");
  const bool upgrade = json::bool_at(args, "upgrade");
  const std::string word = upgrade ? "websocket" : lower_method(method);
  Place place = place_of(request, args);
  Classification out = cautious((entry == nullptr ? "http" : entry->name) + "/" + word, std::move(place.whole));
  out.containers = std::move(place.around);
  if (only_reads(method) && !upgrade) out.effects = {Effect::kRead};
  return out;
}

// A connection that is not opened: whatever is in it.
Classification classify_tunnel(const model::ActionRequest& request, const json::object& args) {
  const std::string host = url_host(json::string_at(args, "host").value_or(request.server));
  Classification out = cautious("http/tunnel", {"Host", host});
  auto hosts = hosts_of(host);
  if (hosts.size() > 1) out.containers.assign(hosts.begin() + 1, hosts.end());
  return out;
}

}  // namespace

Status bind_hosts(CatalogueData& data) {
  std::map<std::string, const Entry*, std::less<>> by_text;
  for (const auto& [name, entry] : data.entries) {
    for (const HostPattern& pattern : entry.hosts) {
      const auto [before, is_new] = by_text.emplace(pattern.text, &entry);
      if (!is_new) {
        return fail(
            ErrorCode::kConflict,
            entry.source + ": the entries `" + before->second->name + "` and `" + name + "` both speak for the host " + pattern.text,
            "leave `hosts` out of one and name it as the host's `connector`, or take the shipped one's name and `replaces: true`");
      }
      if (is_fixed(pattern)) data.named_hosts.emplace(pattern.text, BoundHost{&pattern, &entry});
      else data.host_patterns.push_back({&pattern, &entry});
    }
  }
  const auto key = [](const BoundHost& bound) {
    std::size_t text = 0;
    for (const Segment& label : bound.pattern->labels) text += label.before.size() + label.after.size();
    return std::tuple(-static_cast<std::ptrdiff_t>(text), bound.pattern->text);
  };
  std::sort(data.host_patterns.begin(), data.host_patterns.end(), [&](const BoundHost& a, const BoundHost& b) { return key(a) < key(b); });
  return {};
}

HttpRoute Catalogue::route(const HttpTarget& target, std::string_view connector) const {
  HttpRoute out;
  out.args = {{"method", target.method}, {"host", target.host}, {"path", target.path}};
  if (target.scheme != "https") out.args["scheme"] = target.scheme;
  if (target.port != (target.scheme == "http" ? 80 : 443)) out.args["port"] = target.port;
  if (target.upgrade) out.args["upgrade"] = true;
  out.operation = std::string(target.upgrade ? "WEBSOCKET" : target.method) + " " + std::string(target.path);

  auto query = read_form(target.query);
  HttpTarget at = target;
  const std::string host = url_host(target.host);
  at.host = host;
  const Speaker speaker = speaker_for(*data_, at, connector);
  if (speaker.entry != nullptr) {
    const Entry& entry = *speaker.entry;
    out.connector = entry.name;
    out.credential_headers = entry.credential_headers;
    out.credential_query = entry.credential_query;
    for (const auto& [name, value] : speaker.captures) out.args[name] = value;
    if (query && !overrides_method(*query)) {
      std::string below;
      std::string_view path = target.path;
      if (speaker.pattern != nullptr && !speaker.pattern->under.empty()) {
        below = path_below(*speaker.pattern, speaker.captures, path);
        path = below;
      }
      const auto found = entry.tree.find(target.upgrade ? std::string_view("WEBSOCKET") : target.method, path, *query);
      if (found) {
        const Operation& operation = entry.operations[found->index];
        for (const auto& [name, value] : found->values) out.args[name] = value;
        out.operation = operation.name;
        out.known = true;
        out.body = operation.body;
        out.model = operation.model;
      }
    }
    if (query) {
      for (const std::string& name : entry.credential_query) query->erase(name);
    }
  }
  if (query && !query->empty()) out.args["query"] = std::move(*query);
  return out;
}

Classification classify_http(const CatalogueData& data, const model::ActionRequest& request) {
  const json::object none;
  const json::object* args = request.args.if_object();
  if (args == nullptr) args = &none;
  if (json::string_at(*args, "method") == "CONNECT") return classify_tunnel(request, *args);
  const auto found = data.entries.find(request.server);
  const Entry* entry = found == data.entries.end() || found->second.operations.empty() ? nullptr : &found->second;
  if (entry == nullptr) return classify_unknown(request, nullptr, *args);
  const auto place = entry->operation_places.find(request.target);
  if (place == entry->operation_places.end()) return classify_unknown(request, entry, *args);
  const Operation& operation = entry->operations[place->second];

  Place where = place_of(request, *args);
  const Listed listed{nullptr, &operation.what, entry->name + "/" + operation.name, std::move(where.whole), std::move(where.around)};
  // The body would say more, and could not be read: it might say anything.
  if (operation.body != BodyUse::kNone && json::find(*args, "body") == nullptr) {
    Classification unknown = cautious(listed.action, listed.whole);
    unknown.containers = listed.around;
    unknown.private_realm = operation.what.private_realm;
    unknown.spends = !operation.what.spends.empty();
    unknown.band = std::max(unknown.band, operation.what.facts.band);
    return unknown;
  }
  if (!operation.graphql) return classify_listed(listed, request.args, facts_of(operation.what, request.args), nullptr);
  // A parameter of the query may stand in the body's place at some servers.
  const bool plain = json::find(*args, "query") == nullptr;
  const GraphqlKind kind = plain ? graphql_kind_of_body(json::find(*args, "body")) : GraphqlKind::kUnknown;
  json::object seen;
  for (const auto& member : *args) {
    if (member.key() != "body") seen[member.key()] = member.value();
  }
  seen["graphql"] = graphql_kind_name(kind);
  return classify_listed(listed, request.args, facts_of(operation.what, seen), nullptr);
}

}  // namespace interlock::catalogue
