// From arguments to resources, as an entry's rules say. Arguments are an agent's: anything may stand in them.
#include <algorithm>
#include <charconv>

#include "base/money.hpp"
#include "catalogue/entry.hpp"
#include "catalogue/naming.hpp"

namespace interlock::catalogue {
namespace {

constexpr std::size_t kMaxIdBytes = 4'096;  // of a name made from a template

// Calls `visit` with every value at the path; false as soon as one says so, or where the path meets another shape.
enum class Walk { kFound, kAbsent, kStopped };
template <typename Visit>
Walk walk(const json::value& value, const ArgumentPath& path, std::size_t depth, const Visit& visit) {
  if (depth == path.size()) return visit(value) ? Walk::kFound : Walk::kStopped;
  if (path[depth] == "*") {
    const json::array* items = value.if_array();
    if (items == nullptr) return Walk::kStopped;
    for (const json::value& item : *items) {
      const Walk done = walk(item, path, depth + 1, visit);
      if (done != Walk::kFound) return Walk::kStopped;
    }
    return items->empty() ? Walk::kAbsent : Walk::kFound;
  }
  const json::object* object = value.if_object();
  if (object == nullptr) return Walk::kStopped;
  const json::value* member = json::find(*object, path[depth]);
  // A member that is null is taken as absent, as servers do with optional arguments.
  if (member == nullptr || member->is_null()) return Walk::kAbsent;
  return walk(*member, path, depth + 1, visit);
}

Reading as_reading(Walk walk) {
  switch (walk) {
    case Walk::kFound: return Reading::kRead;
    case Walk::kAbsent: return Reading::kAbsent;
    case Walk::kStopped: return Reading::kUnreadable;
  }
  return Reading::kUnreadable;
}

bool add_url(std::string_view text, const ArgumentPlace& place, std::vector<model::NamedResource>& out) {
  auto url = normal_url(text);
  if (!url) return false;
  if (url->file) {
    auto path = normal_path(*url->file, place.cwd, place.home);
    if (!path) return false;
    auto folders = folders_of(*path, false);
    out.push_back({{"File", std::move(*path)}, std::move(folders)});
  } else {
    out.push_back({{"Url", std::move(url->id)}, hosts_of(url->host)});
  }
  return true;
}

// Appends the template's text. A value that is no plain name (empty, with a slash, with control characters) is unreadable, so
// that "a" + "b/c" can't make the name that "a/b" + "c" makes.
Reading fill(const IdTemplate& id, const json::value& args, bool fold_case, std::string& out) {
  for (const IdTemplate::Part& part : id.parts) {
    if (part.argument.empty()) {
      out += part.text;
      continue;
    }
    std::string word;
    const Walk found = walk(args, part.argument, 0, [&](const json::value& value) {
      if (const json::string* text = value.if_string()) {
        word = json::view(*text);
        return !word.empty() && word != "." && word != ".." && std::none_of(word.begin(), word.end(), [&](char c) {
          return (c == '/' && !part.slashes) || static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
        });
      }
      if (const std::int64_t* number = value.if_int64()) word = std::to_string(*number);
      if (const std::uint64_t* number = value.if_uint64()) word = std::to_string(*number);
      return !word.empty();
    });
    if (found != Walk::kFound) return as_reading(found);
    out += word;
    if (out.size() > kMaxIdBytes) return Reading::kUnreadable;
  }
  if (fold_case) {
    for (char& c : out) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
  }
  return Reading::kRead;
}

Reading read_named(const ResourceRule& rule, const json::value& args, std::vector<model::NamedResource>& out) {
  model::NamedResource named;
  named.resource.type = rule.name.type;
  if (const Reading done = fill(rule.name.id, args, rule.fold_case, named.resource.id); done != Reading::kRead) return done;
  for (const NamedTemplate& container : rule.within) {
    model::EntityName name{container.type, {}};
    if (const Reading done = fill(container.id, args, rule.fold_case, name.id); done != Reading::kRead) return done;
    named.containers.push_back(std::move(name));
  }
  out.push_back(std::move(named));
  return Reading::kRead;
}

}  // namespace

Reading read_resources(const ResourceRule& rule, const json::value& args, const ArgumentPlace& place,
                       std::vector<model::NamedResource>& out) {
  if (rule.kind == ResourceRule::Kind::kNamed) return read_named(rule, args, out);
  return as_reading(walk(args, rule.argument, 0, [&](const json::value& value) {
    const json::string* text = value.if_string();
    if (text == nullptr || out.size() >= kMaxResourcesOfCall) return false;
    if (rule.kind == ResourceRule::Kind::kUrl) return add_url(json::view(*text), place, out);
    auto path = normal_path(json::view(*text), place.cwd, place.home);
    if (!path) return false;
    auto folders = folders_of(*path, rule.kind == ResourceRule::Kind::kFolder);
    out.push_back({{"File", std::move(*path)}, std::move(folders)});
    return true;
  }));
}

std::optional<std::int64_t> read_amount(const json::value& args, const ToolEntry& tool) {
  std::optional<std::int64_t> micros;
  const auto read = walk(args, tool.spends, 0, [&](const json::value& value) {
    if (!value.is_string() && !value.is_number()) return false;
    const auto amount = parse_money_micros(value.is_string() ? std::string(json::view(value.get_string())) : json::write(value));
    if (amount) micros = *amount;
    return amount.has_value();
  });
  if (read != Walk::kFound || !micros) return std::nullopt;
  // What is left of a hundredth of a micro-unit counts as one.
  if (!tool.spends_hundredths.empty() && holds(tool.spends_hundredths, args)) return *micros / 100 + (*micros % 100 != 0 ? 1 : 0);
  return micros;
}

bool holds(const std::vector<std::pair<ArgumentPath, std::vector<json::value>>>& when, const json::value& args) {
  return std::all_of(when.begin(), when.end(), [&](const auto& condition) {
    return walk(args, condition.first, 0, [&](const json::value& value) {
             return condition.second.empty() || std::any_of(condition.second.begin(), condition.second.end(),
                                                            [&](const json::value& wanted) { return wanted == value; });
           }) == Walk::kFound;
  });
}

}  // namespace interlock::catalogue
