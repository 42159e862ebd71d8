#include "task/scope.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <vector>

namespace interlock::task {
namespace {

constexpr std::array<std::string_view, 9> kMembers{"effects",      "resources", "paths", "hosts", "tools",
                                                   "band_ceiling", "time",      "calls", "spend"};

std::unexpected<Error> wrong(std::string_view member, std::string what, std::string hint = {}) {
  return fail(ErrorCode::kInvalid, "scope." + std::string(member) + ": " + std::move(what), std::move(hint));
}

// A string literal of Cedar: the name of an entity of no type but the quotes.
std::string literal(std::string_view text) { return model::text_of({.type = {}, .id = std::string(text)}).substr(2); }

std::string name(std::string_view type, std::string_view id) { return model::text_of({std::string(type), std::string(id)}); }

// A pattern of `like`: every star of the text itself is escaped, what follows it is anything.
std::string prefix_pattern(std::string_view text) {
  std::string out;
  for (const char c : literal(text)) out += c == '*' ? std::string("\\*") : std::string(1, c);
  out.insert(out.size() - 1, "*");
  return out;
}

bool is_plain(std::string_view text) {
  return !text.empty() && std::none_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

// The strings of a list member; nullopt where it is absent.
Result<std::optional<std::vector<std::string>>> strings_of(const json::object& form, std::string_view member) {
  const auto* value = json::find(form, member);
  if (value == nullptr) return std::nullopt;
  const auto* list = value->if_array();
  if (list == nullptr)
    return wrong(member, "is no list", "write [\"...\"]; an empty list permits nothing, an absent one restricts nothing");
  if (list->size() > kScopeEntries)
    return fail(ErrorCode::kTooLarge, "scope." + std::string(member) + ": more than " + std::to_string(kScopeEntries) + " entries");
  std::vector<std::string> out;
  for (const auto& entry : *list) {
    if (!entry.is_string()) return wrong(member, "holds something that is no string");
    const auto text = json::view(entry.get_string());
    if (text.size() > kScopeEntryBytes)
      return fail(ErrorCode::kTooLarge,
                  "scope." + std::string(member) + ": an entry is longer than " + std::to_string(kScopeEntryBytes) + " bytes");
    if (!is_plain(text)) return wrong(member, "an entry is empty or holds control characters");
    out.emplace_back(text);
  }
  return out;
}

// One entry of a dimension, as a condition.
using Condition = Result<std::string>;

Condition effect_condition(std::string_view entry) {
  if (!model::effect_from_name(entry))
    return wrong("effects", "there is no effect \"" + std::string(entry) + "\"",
                 "the effects are read, write, delete, execute, send, admin");
  return literal(entry);
}

// Type::"id", where Type is identifiers joined by "::" and the id is written as a JSON string.
Condition resource_condition(std::string_view entry) {
  const auto quote = entry.find('"');
  const auto broken = [&] {
    return wrong("resources", "\"" + std::string(entry) + "\" names no resource", "write it as in policies: Repo::\"acme/app\"");
  };
  if (quote == std::string_view::npos || quote < 3 || entry.substr(quote - 2, 2) != "::") return broken();
  const auto type = entry.substr(0, quote - 2);
  bool starts = true;
  for (std::size_t i = 0; i < type.size(); ++i) {
    const char c = type[i];
    if (c == ':') {
      if (starts || i + 1 >= type.size() || type[i + 1] != ':') return broken();
      ++i;
      starts = true;
      continue;
    }
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    const bool digit = c >= '0' && c <= '9';
    if (!letter && (starts || !digit)) return broken();
    starts = false;
  }
  if (starts) return broken();
  const auto id = json::parse(entry.substr(quote));
  if (!id || !id->is_string()) return broken();
  return "resource in " + name(type, json::view(id->get_string()));
}

Condition path_condition(std::string_view entry) {
  if (!entry.starts_with('/')) return wrong("paths", "\"" + std::string(entry) + "\" is not absolute", "write the whole path, from / on");
  if (entry.find('*') != std::string_view::npos)
    return wrong("paths", "\"" + std::string(entry) + "\" holds a star, and there are no patterns in paths",
                 "a folder stands for all that is below it");
  std::string normal = std::filesystem::path(entry).lexically_normal().string();
  if (normal.size() > 1 && normal.ends_with('/')) normal.pop_back();
  if (normal.starts_with("//")) normal.erase(0, 1);
  return "resource in " + name("Folder", normal) + " || resource == " + name("File", normal);
}

Condition host_condition(std::string_view entry) {
  const bool is_host = std::none_of(entry.begin(), entry.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || c == '*' || c == '/' || c == ' ' || c == '@' || c == '?' || c == '#';
  });
  if (!is_host)
    return wrong("hosts", "\"" + std::string(entry) + "\" is no host",
                 "write the name alone, in lower case: example.com, which holds its subdomains, too");
  return "resource in " + name("Host", entry);
}

Condition tool_condition(std::string_view entry) {
  const auto slash = entry.find('/');
  const auto server = entry.substr(0, slash);
  const auto tool = slash == std::string_view::npos ? std::string_view("*") : entry.substr(slash + 1);
  if (server.empty() || tool.empty() || server.find('*') != std::string_view::npos)
    return wrong("tools", "\"" + std::string(entry) + "\" names no tool", "write SERVER/TOOL, SERVER/PREFIX* or SERVER");
  const auto star = tool.find('*');
  if (slash == std::string_view::npos) return "resource in " + name("Server", server);
  if (star == std::string_view::npos) return "resource in " + name("Tool", entry);
  if (star + 1 != tool.size()) return wrong("tools", "\"" + std::string(entry) + "\": a star stands at the end alone");
  return "context.operation == \"tools/call\" && context.server == " + literal(server) + " && context.tool like " +
         prefix_pattern(tool.substr(0, star));
}

struct Alternatives {
  bool present = false;
  std::vector<std::string> conditions;
};

Status collect(const json::object& form, std::string_view member, Condition (*condition)(std::string_view), Alternatives& out) {
  auto entries = strings_of(form, member);
  if (!entries) return fail(std::move(entries.error()));
  if (!*entries) return {};
  out.present = true;
  for (const auto& entry : **entries) {
    auto one = condition(entry);
    if (!one) return fail(std::move(one.error()));
    out.conditions.push_back(std::move(*one));
  }
  return {};
}

std::string any_of(const Alternatives& alternatives) {
  if (alternatives.conditions.empty()) return "false";
  std::string out;
  for (const auto& condition : alternatives.conditions) out += (out.empty() ? "" : " ||\n   ") + ("(" + condition + ")");
  return out;
}

Result<std::optional<std::int64_t>> count_at(const json::object& form, std::string_view member) {
  const auto* value = json::find(form, member);
  if (value == nullptr) return std::nullopt;
  if (!value->is_int64() || value->get_int64() < 0) return wrong(member, "is no whole number from 0 on");
  return value->get_int64();
}

Result<UnixMs> moment(const json::value& value, std::string_view member) {
  const auto at = value.is_string() ? parse_rfc3339(json::view(value.get_string())) : std::nullopt;
  if (!at) return wrong(member, "is no moment", "write it like 2026-11-24T18:00:00Z");
  return *at;
}

// "2h", or {"from", "until"}.
Status read_time(const json::value& time, UnixMs now_ms, CompiledScope& out, std::vector<std::string>& conditions) {
  if (time.is_string()) {
    const auto lasting = parse_duration_ms(json::view(time.get_string()));
    if (!lasting || *lasting <= 0) return wrong("time", "is no duration", "write it like 90s, 15m, 2h or 7d");
    out.lifetime_ms = *lasting;
    return {};
  }
  const auto* span = time.if_object();
  if (span == nullptr) return wrong("time", "is neither a duration nor an object with from and until");
  for (const auto& member : *span) {
    const std::string_view key(member.key().data(), member.key().size());
    if (key != "from" && key != "until") return wrong("time", "has no member \"" + std::string(key) + "\"", "there are from and until");
    auto at = moment(member.value(), key == "from" ? "time.from" : "time.until");
    if (!at) return fail(std::move(at.error()));
    const auto bound = "datetime(" + literal(rfc3339(*at)) + ")";
    conditions.push_back(key == "from" ? "context.now >= " + bound : "context.now < " + bound);
    if (key == "until") {
      if (*at <= now_ms) return wrong("time.until", "lies in the past");
      out.lifetime_ms = *at - now_ms;
    }
  }
  return {};
}

Status read_limits(const json::object& form, UnixMs now_ms, CompiledScope& out, std::vector<std::string>& conditions) {
  auto band = count_at(form, "band_ceiling");
  if (!band) return fail(std::move(band.error()));
  if (*band) {
    if (**band > static_cast<std::int64_t>(model::Band::kCritical)) return wrong("band_ceiling", "is above 3, and bands are 0 to 3");
    out.band_ceiling = static_cast<model::Band>(**band);
    conditions.push_back("context.band <= " + std::to_string(**band));
  }
  if (const auto* time = json::find(form, "time")) {
    if (auto read = read_time(*time, now_ms, out, conditions); !read) return read;
  }
  auto calls = count_at(form, "calls");
  if (!calls) return fail(std::move(calls.error()));
  out.calls = *calls;
  if (const auto* spend = json::find(form, "spend")) {
    auto micros = parse_money_micros(spend->is_string() ? json::view(spend->get_string()) : std::string_view(json::write(*spend)));
    if (!micros) return wrong("spend", micros.error().message, micros.error().hint);
    out.spend_micros = *micros;
  }
  return {};
}

}  // namespace

Result<CompiledScope> compile_scope(const json::object& form, UnixMs now_ms) {
  for (const auto& member : form) {
    const std::string_view key(member.key().data(), member.key().size());
    if (std::find(kMembers.begin(), kMembers.end(), key) == kMembers.end()) {
      std::string known;
      for (const auto one : kMembers) known += (known.empty() ? "" : ", ") + std::string(one);
      return fail(ErrorCode::kInvalid, "a scope has no member \"" + std::string(key.substr(0, 100)) + "\"", "there are: " + known);
    }
  }
  CompiledScope out;
  std::vector<std::string> conditions;
  Alternatives effects;
  Alternatives places;
  Alternatives tools;
  if (auto read = collect(form, "effects", effect_condition, effects); !read) return fail(std::move(read.error()));
  if (auto read = collect(form, "resources", resource_condition, places); !read) return fail(std::move(read.error()));
  if (auto read = collect(form, "paths", path_condition, places); !read) return fail(std::move(read.error()));
  if (auto read = collect(form, "hosts", host_condition, places); !read) return fail(std::move(read.error()));
  if (auto read = collect(form, "tools", tool_condition, tools); !read) return fail(std::move(read.error()));
  if (effects.present) {
    std::string set;
    for (const auto& effect : effects.conditions) set += (set.empty() ? "" : ", ") + effect;
    // Not `action in`: an operation that reads and sends is in both groups, and one of them is not enough.
    conditions.push_back(effects.conditions.empty() ? "false" : "[" + set + "].containsAll(context.effects)");
  }
  if (places.present) conditions.push_back(any_of(places));
  if (tools.present) conditions.push_back(any_of(tools));
  if (auto read = read_limits(form, now_ms, out, conditions); !read) return fail(std::move(read.error()));
  if (conditions.empty()) return out;
  out.cedar = "permit (principal, action, resource)\nwhen {\n";
  for (const auto& condition : conditions) {
    if (&condition != &conditions.front()) out.cedar += " &&\n";
    out.cedar += "  (" + condition + ")";
  }
  out.cedar += "\n};\n";
  if (out.cedar.size() > kScopeBytes)
    return fail(ErrorCode::kTooLarge, "the scope is longer than " + std::to_string(kScopeBytes) + " bytes as Cedar",
                "name fewer things, or what holds them");
  return out;
}

}  // namespace interlock::task
