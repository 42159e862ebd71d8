#include "analyze/model.hpp"

#include <algorithm>
#include <cstdio>
#include <map>

namespace interlock::analyze {
namespace {

using Kind = Symbolic::Kind;

std::string utf8_of(std::uint32_t point) {
  std::string out;
  if (point < 0x80) {
    out += static_cast<char>(point);
  } else if (point < 0x800) {
    out += static_cast<char>(0xc0 | (point >> 6));
    out += static_cast<char>(0x80 | (point & 0x3f));
  } else if (point < 0x10000) {
    out += static_cast<char>(0xe0 | (point >> 12));
    out += static_cast<char>(0x80 | ((point >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (point & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | (point >> 18));
    out += static_cast<char>(0x80 | ((point >> 12) & 0x3f));
    out += static_cast<char>(0x80 | ((point >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (point & 0x3f));
  }
  return out;
}

// "a\u{3b1}""b" as the text it stands for.
std::string read_string(std::string_view raw) {
  std::string out;
  if (raw.size() < 2) return out;
  raw = raw.substr(1, raw.size() - 2);
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw.substr(i, 2) == "\"\"") {
      out += '"';
      ++i;
    } else if (raw.substr(i, 3) == "\\u{") {
      const std::size_t end = raw.find('}', i);
      if (end == std::string_view::npos) return out;
      out += utf8_of(static_cast<std::uint32_t>(std::stoul("0" + std::string(raw.substr(i + 3, end - i - 3)), nullptr, 16)));
      i = end;
    } else {
      out += raw[i];
    }
  }
  return out;
}

// "#b0101" or "#x0f", the low 64 bits.
std::uint64_t read_bits(std::string_view raw) {
  std::uint64_t out = 0;
  if (raw.size() < 3 || raw[0] != '#') return 0;
  const unsigned step = raw[1] == 'b' ? 1 : 4;
  for (const char c : raw.substr(2)) out = (out << step) | static_cast<std::uint64_t>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
  return out;
}

// The value of ((term value)).
std::string value_of_pair(std::string_view pair, std::string_view term) {
  const std::string_view inner = pair.substr(2, pair.size() - 4);
  std::string_view value = inner.substr(std::min(term.size(), inner.size()));
  while (!value.empty() && (value.front() == ' ' || value.front() == '\n')) value.remove_prefix(1);
  return std::string(value);
}

// The items that (set.union (set.singleton a) ...) names.
std::vector<std::string> singletons(std::string_view raw) {
  constexpr std::string_view kMark = "(set.singleton ";
  std::vector<std::string> out;
  bool in_string = false;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] == '"') in_string = !in_string;
    if (in_string || raw.substr(i, kMark.size()) != kMark) continue;
    std::size_t end = i + kMark.size();
    const std::size_t begin = end;
    bool quoted = false;
    while (end < raw.size() && (quoted || raw[end] != ')')) {
      if (raw[end] == '"') quoted = !quoted;
      ++end;
    }
    out.emplace_back(raw.substr(begin, end - begin));
    i = end;
  }
  return out;
}

std::string decimal_of(std::int64_t units) {
  const bool negative = units < 0;
  const std::uint64_t magnitude = negative ? 0 - static_cast<std::uint64_t>(units) : static_cast<std::uint64_t>(units);
  char digits[32];
  std::snprintf(digits, sizeof digits, "%s%llu.%04llu", negative ? "-" : "", static_cast<unsigned long long>(magnitude / 10'000),
                static_cast<unsigned long long>(magnitude % 10'000));
  return digits;
}

json::value extension(std::string_view function, std::string argument) {
  return json::object{{"__extn", json::object{{"fn", function}, {"arg", std::move(argument)}}}};
}

// What upstream's datetime("...") can say reaches from year 0 to 9999; beyond it, `offset` has no form in JSON.
json::value datetime_of(std::int64_t ms) {
  std::int64_t days = ms / 86'400'000;
  std::int64_t rest = ms % 86'400'000;
  if (rest < 0) {
    rest += 86'400'000;
    --days;
  }
  // Howard Hinnant's civil_from_days.
  const std::int64_t z = days + 719'468;
  const std::int64_t era = (z >= 0 ? z : z - 146'096) / 146'097;
  const std::int64_t of_era = z - era * 146'097;
  const std::int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36'524 - of_era / 146'096) / 365;
  const std::int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t month_index = (5 * of_year + 2) / 153;
  const std::int64_t day = of_year - (153 * month_index + 2) / 5 + 1;
  const std::int64_t month = month_index < 10 ? month_index + 3 : month_index - 9;
  const std::int64_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
  char text[64];
  std::snprintf(text, sizeof text, "%04lld-%02lld-%02lldT%02lld:%02lld:%02lld.%03lldZ", static_cast<long long>(year),
                static_cast<long long>(month), static_cast<long long>(day), static_cast<long long>(rest / 3'600'000),
                static_cast<long long>(rest / 60'000 % 60), static_cast<long long>(rest / 1000 % 60), static_cast<long long>(rest % 1000));
  return extension("datetime", text);
}

std::string ip_of(std::string_view raw_address, bool is_v6, unsigned prefix) {
  // Both forms of bits, as 32 hexadecimal digits.
  std::string digits;
  if (raw_address.starts_with("#x")) digits = raw_address.substr(2);
  for (std::size_t i = 2; digits.size() < 32 && raw_address.starts_with("#b") && i + 4 <= raw_address.size(); i += 4) {
    digits += "0123456789abcdef"[read_bits("#b" + std::string(raw_address.substr(i, 4)))];
  }
  if (digits.size() != 32) return {};
  std::string out;
  if (is_v6) {
    for (std::size_t i = 0; i < 8; ++i) out += (i > 0 ? ":" : "") + digits.substr(4 * i, 4);
  } else {
    for (std::size_t i = 12; i < 16; ++i) out += (i > 12 ? "." : "") + std::to_string(std::stoul(digits.substr(2 * i, 2), nullptr, 16));
  }
  return out + '/' + std::to_string(prefix);
}

}  // namespace

Model::Model(World& world) : world_(world) {
  wanted_.push_back(world.principal().term);
  wanted_.push_back(world.resource().term);
  want(world.context());
  // Looking at attributes names no further entities: only those that are ground have data.
  const std::vector<Symbolic> ground = world.ground();
  for (const Symbolic& entity : ground) {
    wanted_.push_back(entity.term);
    want(world.attributes(entity));
    for (const Symbolic& set : world.ancestors(entity)) want(set);
  }
  const auto tags = world.tag_lookups();
  for (const auto& lookup : tags) {
    wanted_.push_back(lookup.key);
    wanted_.push_back(lookup.entity.term);
    wanted_.push_back(world.has_tag(lookup.entity, lookup.key));
    want(world.tag(lookup.entity, lookup.key));
  }
  std::sort(wanted_.begin(), wanted_.end());
  wanted_.erase(std::unique(wanted_.begin(), wanted_.end()), wanted_.end());
}

void Model::want(const Symbolic& value) {
  if (value.kind == Kind::kRecord) {
    for (const SymbolicField& field : value.fields) {
      wanted_.push_back(field.present);
      want(field.value);
    }
  } else if (value.kind == Kind::kIp) {
    wanted_.insert(wanted_.end(), {value.term, value.is_v6, value.prefix});
  } else if (value.kind != Kind::kOpaque) {
    wanted_.push_back(value.term);
  }
}

bool Model::read(const std::vector<std::string>& values) {
  if (values.size() != wanted_.size()) return false;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!values[i].starts_with("((")) return false;
    // A literal is told as it is known.
    const Term& term = wanted_[i];
    const bool literal = term == kTrue || term == kFalse || term[0] == '"' || term[0] == '#';
    values_[term] = literal ? term : value_of_pair(values[i], term);
  }
  return true;
}

const std::string& Model::raw(const Term& term) const {
  static const std::string kNone;
  const auto at = values_.find(term);
  return at == values_.end() ? kNone : at->second;
}

std::string Model::string_of(const Term& term) const { return read_string(raw(term)); }
bool Model::bool_of(const Term& term) const { return raw(term) == "true"; }
std::int64_t Model::integer_of(const Term& term) const { return static_cast<std::int64_t>(read_bits(raw(term))); }

std::string Model::principal_id() { return string_of(world_.principal().term); }
std::string Model::resource_id() { return string_of(world_.resource().term); }
json::value Model::context() { return json_of(world_.context()); }

json::value Model::json_of_raw(Kind kind, const std::string& entity_type, const std::string& raw) const {
  switch (kind) {
    case Kind::kBool: return raw == "true";
    case Kind::kLong: return static_cast<std::int64_t>(read_bits(raw));
    case Kind::kString: return json::value(read_string(raw));
    case Kind::kEntity: return json::object{{"__entity", json::object{{"type", entity_type}, {"id", read_string(raw)}}}};
    case Kind::kDecimal: return extension("decimal", decimal_of(static_cast<std::int64_t>(read_bits(raw))));
    case Kind::kDatetime: return datetime_of(static_cast<std::int64_t>(read_bits(raw)));
    case Kind::kDuration: return extension("duration", std::to_string(static_cast<std::int64_t>(read_bits(raw))) + "ms");
    default: return nullptr;
  }
}

json::value Model::json_of(const Symbolic& value) const {
  switch (value.kind) {
    case Kind::kRecord: {
      json::object out;
      for (const SymbolicField& field : value.fields) {
        if (bool_of(field.present)) out[field.name] = json_of(field.value);
      }
      return out;
    }
    case Kind::kSet: {
      json::array out;
      for (const std::string& item : singletons(raw(value.term))) out.push_back(json_of_raw(value.element, value.entity_type, item));
      return out;
    }
    case Kind::kIp:
      return extension("ip", ip_of(raw(value.term), bool_of(value.is_v6), static_cast<unsigned>(read_bits(raw(value.prefix)))));
    case Kind::kOpaque: return json::array{};  // only sets are opaque in data, and nobody looked at it
    default: return json_of_raw(value.kind, value.entity_type, raw(value.term));
  }
}

json::array Model::entities() {
  // Two terms may name one entity.
  std::map<std::pair<std::string, std::string>, json::object> made;
  auto name = [](const std::string& type, const std::string& id) { return json::object{{"type", type}, {"id", id}}; };
  const std::vector<Symbolic> ground = world_.ground();
  for (const Symbolic& entity : ground) {
    const std::string id = string_of(entity.term);
    const auto declared = world_.schema().entity_types.find(entity.entity_type);
    // What only a policy names, and the schema does not know, can't be in data.
    if (declared == world_.schema().entity_types.end() || (!declared->second.choices.empty() && !declared->second.has_choice(id))) continue;
    auto [at, is_new] = made.try_emplace({entity.entity_type, id});
    if (!is_new) continue;
    json::array parents;
    for (const Symbolic& set : world_.ancestors(entity)) {
      for (const std::string& above : singletons(raw(set.term))) parents.push_back(name(set.entity_type, read_string(above)));
    }
    at->second = {{"uid", name(entity.entity_type, id)}, {"attrs", json_of(world_.attributes(entity))}, {"parents", std::move(parents)}};
  }
  const auto tags = world_.tag_lookups();
  for (const auto& lookup : tags) {
    const auto at = made.find({lookup.entity.entity_type, string_of(lookup.entity.term)});
    if (at == made.end() || !bool_of(world_.has_tag(lookup.entity, lookup.key))) continue;
    if (!at->second.contains("tags")) at->second["tags"] = json::object{};
    at->second["tags"].as_object()[string_of(lookup.key)] = json_of(world_.tag(lookup.entity, lookup.key));
  }
  json::array out;
  for (auto& [uid, entity] : made) out.push_back(std::move(entity));
  return out;
}

}  // namespace interlock::analyze
