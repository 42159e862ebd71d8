// Request templates, and the tree that finds the one of a request: a walk along the path, no patterns and no search through a list.
//
//   GET /repos/{owner}/{repo}/contents/{file*}?ref={ref}
//
// A segment is text, `{name}`, or a name with text around it (`{project}.git`, `{model}:generateContent`). `{+name}` takes escaped slashes,
// too (GitLab's `group%2Fproject`); `{name*}` takes one or more segments, once in a template. After `?` stand parameters that the query
// must have: `acl` in any form, `service=git-upload-pack` with that value alone.
//
// One answer for a request, whatever the order of the entries: at each segment text comes before text with a name, that before a name, that
// before many segments; where a way leads nowhere, the next is tried. Of several for a path the one with most parameters of the query is
// taken. Each place in the tree is visited at most once for each segment of the path. Immutable once built; any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"

namespace interlock::catalogue {

inline constexpr std::size_t kMaxTemplateBytes = 2'048;
inline constexpr std::size_t kMaxTemplateQuery = 16;

struct RequestTemplate {
  struct Segment {
    enum class Kind : std::uint8_t { kText, kName, kManySegments };
    Kind kind = Kind::kText;
    std::string before;  // kText: all of it, as it stands in a normal path
    std::string name;
    std::string after;
    bool slashes = false;
  };
  struct Condition {
    std::string name;
    std::optional<std::string> value;  // absent: any
  };
  std::string method;  // upper case; "WEBSOCKET" is a GET that becomes one
  std::vector<Segment> segments;
  std::vector<Condition> query;
};

// Complaints name what is wrong with the text, for a person who writes a catalogue.
Result<RequestTemplate> parse_request_template(std::string_view text);
// Whether `word` is a name for a parameter: letters, digits, `_` and `-`, none of the names that arguments have of their own.
bool is_parameter_name(std::string_view word);

class OperationTree {
 public:
  // kConflict: `index` would never be found, since another has the same template.
  Result<void> add(const RequestTemplate& request, std::uint32_t index);

  struct Found {
    std::uint32_t index = 0;
    std::vector<std::pair<std::string_view, std::string>> values;  // the path's parameters by name, escapes undone
  };
  // `path` is normal (catalogue/http_path.hpp). `query`: as read_form() gives it.
  std::optional<Found> find(std::string_view method, std::string_view path, const json::object& query) const;

 private:
  struct Leaf {
    std::string method;
    std::vector<RequestTemplate::Condition> query;  // sorted by name
    std::vector<std::string> names;                 // of the captures, in the order of the path
    std::uint32_t index = 0;
  };
  struct Edge {  // a name, with text around it or none
    std::string before;
    std::string after;
    bool slashes = false;
    std::uint32_t to = 0;
  };
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  struct Place {
    std::unordered_map<std::string, std::uint32_t, TextHash, std::equal_to<>> texts;
    std::vector<Edge> names;  // most text around first
    std::optional<std::uint32_t> many;
    std::vector<Leaf> leaves;  // most conditions first
  };
  struct Walk;
  std::uint32_t step(std::uint32_t from, const RequestTemplate::Segment& segment);
  std::vector<Place> places_ = std::vector<Place>(1);
};

}  // namespace interlock::catalogue
