#include "catalogue/operation_tree.hpp"

#include <algorithm>
#include <array>

#include "catalogue/http_path.hpp"

namespace interlock::catalogue {
namespace {

using Segment = RequestTemplate::Segment;
using Condition = RequestTemplate::Condition;

// Members that arguments have beside the parameters.
constexpr std::array<std::string_view, 9> kOwnNames{"method", "scheme", "host", "port", "path", "query", "body", "upgrade", "graphql"};

std::unexpected<Error> wrong(std::string_view text, const std::string& what) {
  return fail(ErrorCode::kInvalid, "`" + std::string(text) + "` " + what, "for example GET /repos/{owner}/{repo}/issues");
}

Result<Segment> parse_segment(std::string_view text, std::string_view whole) {
  Segment out;
  const std::size_t open = text.find('{');
  if (open == std::string_view::npos) {
    if (text.find('}') != std::string_view::npos) return wrong(whole, "closes a brace that was never opened");
    out.before = text;
    return out;
  }
  const std::size_t close = text.find('}', open);
  if (close == std::string_view::npos) return wrong(whole, "opens a brace and never closes it");
  std::string_view name = text.substr(open + 1, close - open - 1);
  out.kind = Segment::Kind::kName;
  out.before = text.substr(0, open);
  out.after = text.substr(close + 1);
  if (name.starts_with('+')) {
    out.slashes = true;
    name.remove_prefix(1);
  } else if (name.ends_with('*')) {
    out.kind = Segment::Kind::kManySegments;
    out.slashes = true;
    name.remove_suffix(1);
    if (!out.before.empty() || !out.after.empty()) return wrong(whole, "has text beside a name that takes many segments");
  }
  if (out.after.find_first_of("{}") != std::string::npos) return wrong(whole, "has two names in one segment");
  if (!is_parameter_name(name)) return wrong(whole, "has `" + std::string(name) + "`, which is no name for a parameter");
  out.name = name;
  return out;
}

std::size_t weight(const std::string& before, const std::string& after) { return before.size() + after.size(); }

bool holds(const std::vector<Condition>& conditions, const json::object& query) {
  return std::all_of(conditions.begin(), conditions.end(), [&](const Condition& one) {
    const json::value* value = json::find(query, one.name);
    if (value == nullptr) return false;
    return !one.value || (value->is_string() && json::view(value->get_string()) == *one.value);
  });
}

bool same(const std::vector<Condition>& a, const std::vector<Condition>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Condition& x, const Condition& y) { return x.name == y.name && x.value == y.value; });
}

std::vector<std::string_view> segments_of(std::string_view path) {
  std::vector<std::string_view> out;
  for (std::size_t at = 1; at <= path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    out.push_back(path.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

}  // namespace

bool is_parameter_name(std::string_view word) {
  return !word.empty() && word.size() <= 64 && std::find(kOwnNames.begin(), kOwnNames.end(), word) == kOwnNames.end() &&
         std::all_of(word.begin(), word.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
         });
}

Result<RequestTemplate> parse_request_template(std::string_view text) {
  if (text.size() > kMaxTemplateBytes) return fail(ErrorCode::kTooLarge, "a request's template is too long");
  RequestTemplate out;
  const std::size_t blank = text.find(' ');
  out.method = text.substr(0, blank);
  if (out.method.empty() || !std::all_of(out.method.begin(), out.method.end(), [](char c) { return (c >= 'A' && c <= 'Z') || c == '-'; }))
    return wrong(text, "does not start with a method in capitals");
  if (blank == std::string_view::npos) return wrong(text, "has no path");
  const std::string_view target = text.substr(blank + 1);
  const std::size_t mark = target.find('?');
  std::string_view path = target.substr(0, mark);
  // Braces apart, a template's path is a normal one: another spelling could never be met.
  const auto normal = normal_http_path(path);
  if (!normal || *normal != path || path == "*")
    return wrong(text, "has no path that a request could have: " + (normal ? "write " + *normal : normal.error().message));
  std::size_t many = 0;
  for (const std::string_view part : segments_of(path)) {
    auto segment = parse_segment(part, text);
    if (!segment) return fail(std::move(segment.error()));
    many += segment->kind == Segment::Kind::kManySegments ? 1 : 0;
    for (const Segment& before : out.segments) {
      if (!segment->name.empty() && before.name == segment->name) return wrong(text, "has the name `" + segment->name + "` twice");
    }
    out.segments.push_back(std::move(*segment));
  }
  if (many > 1) return wrong(text, "has two names that take many segments");
  if (mark == std::string_view::npos) return out;
  std::string_view query = target.substr(mark + 1);
  while (!query.empty()) {
    const std::size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    query = end == std::string_view::npos ? std::string_view{} : query.substr(end + 1);
    const std::size_t equals = pair.find('=');
    Condition one{std::string(pair.substr(0, equals)), std::nullopt};
    if (equals != std::string_view::npos) one.value = pair.substr(equals + 1);
    if (one.name.empty() || out.query.size() >= kMaxTemplateQuery) return wrong(text, "has no query that could be met");
    out.query.push_back(std::move(one));
  }
  std::sort(out.query.begin(), out.query.end(), [](const Condition& a, const Condition& b) { return a.name < b.name; });
  return out;
}

std::uint32_t OperationTree::step(std::uint32_t from, const Segment& segment) {
  const auto next = static_cast<std::uint32_t>(places_.size());
  Place& place = places_[from];
  std::uint32_t to = next;
  if (segment.kind == Segment::Kind::kText) {
    to = place.texts.emplace(segment.before, next).first->second;
  } else if (segment.kind == Segment::Kind::kManySegments) {
    if (!place.many) place.many = next;
    to = *place.many;
  } else {
    const auto same_edge = std::find_if(place.names.begin(), place.names.end(), [&](const Edge& edge) {
      return edge.before == segment.before && edge.after == segment.after && edge.slashes == segment.slashes;
    });
    if (same_edge != place.names.end()) {
      to = same_edge->to;
    } else {
      // Most text first; then in the order of the text, so that nothing hangs on the order of entries.
      const auto key = [](const std::string& before, const std::string& after, bool slashes) {
        return std::tuple(-static_cast<std::ptrdiff_t>(weight(before, after)), slashes, before, after);
      };
      const auto at = std::find_if(place.names.begin(), place.names.end(), [&](const Edge& edge) {
        return key(segment.before, segment.after, segment.slashes) < key(edge.before, edge.after, edge.slashes);
      });
      place.names.insert(at, {segment.before, segment.after, segment.slashes, next});
    }
  }
  if (to == next) places_.emplace_back();
  return to;
}

Result<void> OperationTree::add(const RequestTemplate& request, std::uint32_t index) {
  std::uint32_t at = 0;
  Leaf leaf{request.method, request.query, {}, index};
  for (const Segment& segment : request.segments) {
    at = step(at, segment);
    if (segment.kind != Segment::Kind::kText) leaf.names.push_back(segment.name);
  }
  auto& leaves = places_[at].leaves;
  if (std::any_of(leaves.begin(), leaves.end(), [&](const Leaf& one) { return one.method == leaf.method && same(one.query, leaf.query); }))
    return fail(ErrorCode::kConflict, "two operations have the same request",
                "leave one out, or let a parameter of the query tell them apart");
  const auto key = [](const Leaf& one) {
    std::vector<std::pair<std::string, std::string>> text;
    for (const Condition& condition : one.query) text.emplace_back(condition.name, condition.value.value_or(""));
    const auto valued = std::count_if(one.query.begin(), one.query.end(), [](const Condition& c) { return c.value.has_value(); });
    return std::tuple(-static_cast<std::ptrdiff_t>(one.query.size()), -valued, std::move(text));
  };
  const auto place = std::find_if(leaves.begin(), leaves.end(), [&](const Leaf& one) { return key(leaf) < key(one); });
  leaves.insert(place, std::move(leaf));
  return {};
}

// One search: where it is in the path, and what was captured on the way.
struct OperationTree::Walk {
  const OperationTree& tree;
  std::string_view method;
  std::string_view path;
  const json::object& query;
  std::vector<std::string_view> segments;
  std::vector<std::string> captured = {};

  const Leaf* at(std::uint32_t place_index, std::size_t segment) {
    const Place& place = tree.places_[place_index];
    if (segment == segments.size()) return leaf_of(place);
    const std::string_view text = segments[segment];
    if (const auto found = place.texts.find(text); found != place.texts.end()) {
      if (const Leaf* leaf = at(found->second, segment + 1)) return leaf;
    }
    for (const Edge& edge : place.names) {
      if (const Leaf* leaf = by_name(edge, segment)) return leaf;
    }
    return place.many ? by_many(*place.many, segment) : nullptr;
  }

  const Leaf* by_name(const Edge& edge, std::size_t segment) {
    std::string_view text = segments[segment];
    if (text.size() <= weight(edge.before, edge.after) || !text.starts_with(edge.before) || !text.ends_with(edge.after)) return nullptr;
    text = text.substr(edge.before.size(), text.size() - weight(edge.before, edge.after));
    auto value = segment_text(text, edge.slashes);
    return value ? on(std::move(*value), edge.to, segment + 1) : nullptr;
  }

  // The most segments first, so that what comes after is as short as its template.
  const Leaf* by_many(std::uint32_t to, std::size_t segment) {
    for (std::size_t end = segments.size(); end > segment; --end) {
      std::string value;
      bool readable = true;
      for (std::size_t i = segment; i < end && readable; ++i) {
        // The empty last segment of "folder/" is part of the name.
        auto part = segments[i].empty() && i + 1 == segments.size() && i > segment ? std::optional<std::string>("")
                                                                                   : segment_text(segments[i], true);
        readable = part.has_value();
        if (readable) value.append(i == segment ? "" : "/").append(*part);
      }
      if (!readable) continue;
      if (const Leaf* leaf = on(std::move(value), to, end)) return leaf;
    }
    return nullptr;
  }

  const Leaf* on(std::string value, std::uint32_t to, std::size_t segment) {
    captured.push_back(std::move(value));
    const Leaf* leaf = at(to, segment);
    if (leaf == nullptr) captured.pop_back();
    return leaf;
  }

  const Leaf* leaf_of(const Place& place) const {
    const auto of = [&](std::string_view wanted) -> const Leaf* {
      for (const Leaf& leaf : place.leaves) {
        if (leaf.method == wanted && holds(leaf.query, query)) return &leaf;
      }
      return nullptr;
    };
    const Leaf* leaf = of(method);
    return leaf == nullptr && method == "HEAD" ? of("GET") : leaf;
  }
};

std::optional<OperationTree::Found> OperationTree::find(std::string_view method, std::string_view path, const json::object& query) const {
  Walk walk{*this, method, path, query, segments_of(path)};
  if (walk.segments.size() > kMaxHttpSegments) return std::nullopt;
  const Leaf* leaf = walk.at(0, 0);
  if (leaf == nullptr) return std::nullopt;
  Found out{leaf->index, {}};
  for (std::size_t i = 0; i < leaf->names.size(); ++i) out.values.emplace_back(leaf->names[i], std::move(walk.captured[i]));
  return out;
}

}  // namespace interlock::catalogue
