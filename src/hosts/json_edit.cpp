// The edits of json_text.hpp: where a child goes in, how it looks there, and how it comes out again.
#include <algorithm>

#include "hosts/json_text.hpp"

namespace interlock::hosts {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t'; }

// How the document is laid out.
struct Look {
  std::string line_end = "\n";
  std::string unit = "  ";   // one step of indentation
  bool spaced_colon = true;  // "a": 1
  bool spaced_comma = true;  // 1, 2
};

std::size_t line_begin(std::string_view text, std::size_t at) {
  const auto found = at == 0 ? std::string_view::npos : text.rfind('\n', at - 1);
  return found == std::string_view::npos ? (text.starts_with("\xEF\xBB\xBF") ? 3 : 0) : found + 1;
}

std::string_view indentation(std::string_view text, std::size_t at) {
  const auto begin = line_begin(text, at);
  auto end = begin;
  while (end < text.size() && is_blank(text[end])) ++end;
  return text.substr(begin, end - begin);
}

// Only white space stands between the begin of its line and `at`.
bool begins_line(std::string_view text, std::size_t at) { return line_begin(text, at) + indentation(text, at).size() == at; }

bool has_line_end(std::string_view text, std::size_t begin, std::size_t end) {
  return text.substr(begin, end - begin).find('\n') != std::string_view::npos;
}

std::size_t opener_end(const JsonNode& container) { return container.begin + 1; }
std::size_t closer(const JsonNode& container) { return container.end - 1; }

// Each child begins a line of its own.
bool is_spread(std::string_view text, const JsonNode& container) {
  return !container.children.empty() && has_line_end(text, opener_end(container), container.children.front().key_begin);
}

const JsonNode* first_spread_parent(std::string_view text, const JsonNode& node) {
  if (is_spread(text, node)) return &node;
  for (const auto& child : node.children)
    if (const auto* found = first_spread_parent(text, child)) return found;
  return nullptr;
}

const JsonNode* first_member(const JsonNode& node) {
  if (node.is(JsonNode::Kind::kObject) && !node.children.empty()) return &node.children.front();
  for (const auto& child : node.children)
    if (const auto* found = first_member(child)) return found;
  return nullptr;
}

const JsonNode* first_of_two(const JsonNode& node) {
  if (node.children.size() > 1) return &node.children.front();
  for (const auto& child : node.children)
    if (const auto* found = first_of_two(child)) return found;
  return nullptr;
}

Look look_of(const JsonDocument& document) {
  const std::string_view text = document.text;
  Look look;
  if (const auto end = text.find('\n'); end != std::string_view::npos && end > 0 && text[end - 1] == '\r') look.line_end = "\r\n";
  if (const auto* parent = first_spread_parent(text, document.root)) {
    const auto inner = indentation(text, parent->children.front().key_begin);
    const auto outer = indentation(text, parent->begin);
    if (inner.size() > outer.size() && inner.starts_with(outer)) look.unit = inner.substr(outer.size());
  }
  if (const auto* member = first_member(document.root)) {
    const auto before = text[member->begin - 1];
    look.spaced_colon = before != ':';
  }
  if (const auto* child = first_of_two(document.root); child != nullptr && child->comma != JsonNode::kNone) {
    const auto after = text[child->comma + 1];
    look.spaced_comma = is_blank(after) || after == '\r' || after == '\n';
  }
  return look;
}

void write_value(std::string& out, const json::value& value, const Look& look, const std::string* indent);

void write_children(std::string& out, const json::value& value, const Look& look, const std::string* indent) {
  const std::string deeper = indent == nullptr ? std::string() : *indent + look.unit;
  const auto separate = [&](bool first) {
    if (!first) out += indent == nullptr && look.spaced_comma ? ", " : ",";
    if (indent != nullptr) out += look.line_end + deeper;
  };
  const auto* inner = indent == nullptr ? nullptr : &deeper;
  bool first = true;
  if (const auto* object = value.if_object()) {
    for (const auto& member : *object) {
      separate(first);
      first = false;
      json::write_string_to(out, {member.key().data(), member.key().size()});
      out += look.spaced_colon ? ": " : ":";
      write_value(out, member.value(), look, inner);
    }
  } else {
    for (const auto& element : value.get_array()) {
      separate(first);
      first = false;
      write_value(out, element, look, inner);
    }
  }
  if (indent != nullptr) out += look.line_end + *indent;
}

// `indent`: of the line that the value begins on; nullptr: all on one line.
void write_value(std::string& out, const json::value& value, const Look& look, const std::string* indent) {
  const bool object = value.is_object();
  if (!object && !value.is_array()) return json::write_to(out, value);
  const bool empty = object ? value.get_object().empty() : value.get_array().empty();
  out += object ? '{' : '[';
  if (!empty) write_children(out, value, look, indent);
  out += object ? '}' : ']';
}

std::string child_text(const Look& look, std::optional<std::string_view> key, const json::value& value, const std::string* indent) {
  std::string out;
  if (key) {
    json::write_string_to(out, *key);
    out += look.spaced_colon ? ": " : ":";
  }
  write_value(out, value, look, indent);
  return out;
}

// Behind what belongs to the line of `at`: spaces and comments; before its line end, or before `limit`.
std::size_t line_rest(std::string_view text, std::size_t at, std::size_t limit) {
  std::size_t good = at;
  while (at < limit) {
    if (is_blank(text[at])) {
      ++at;
    } else if (text.substr(at, 2) == "/*") {
      const auto end = text.find("*/", at + 2);
      good = at = end + 2;
    } else if (text.substr(at, 2) == "//") {
      const auto end = std::min(text.find('\n', at), limit);
      good = end > at && text[end - 1] == '\r' ? end - 1 : end;
      break;
    } else {
      break;
    }
  }
  return good;
}

bool only_blank(std::string_view text, std::size_t begin, std::size_t end) {
  return std::ranges::all_of(text.substr(begin, end - begin), [](char c) { return is_blank(c) || c == '\r' || c == '\n'; });
}

}  // namespace

std::vector<Splice> adding(const JsonDocument& document, const JsonNode& container, std::optional<std::string_view> key,
                           const json::value& value) {
  const std::string_view text = document.text;
  const auto look = look_of(document);
  const std::string base(indentation(text, container.begin));

  if (container.children.empty()) {
    const bool bare = only_blank(text, opener_end(container), closer(container));
    const bool one_line = bare && container.begin != document.root.begin && !has_line_end(text, document.root.begin, document.root.end);
    if (one_line) return {{opener_end(container), closer(container), child_text(look, key, value, nullptr)}};
    const std::string inner = base + look.unit;
    std::string put = look.line_end + inner + child_text(look, key, value, &inner);
    if (bare) return {{opener_end(container), closer(container), put + look.line_end + base}};
    const auto at = line_rest(text, opener_end(container), closer(container));
    if (!has_line_end(text, at, closer(container))) put += look.line_end + base;
    return {{at, at, put}};
  }

  const auto& last = container.children.back();
  const bool trailing = last.comma != JsonNode::kNone;
  const auto after = trailing ? last.comma + 1 : last.end;
  std::vector<Splice> out;
  if (!is_spread(text, container)) {
    out.push_back({after, after,
                   std::string(trailing ? "" : ",") + (look.spaced_comma ? " " : "") + child_text(look, key, value, nullptr) +
                       (trailing ? "," : "")});
    return out;
  }
  const auto& first = container.children.front();
  const std::string inner(begins_line(text, last.key_begin) ? indentation(text, last.key_begin) : indentation(text, first.key_begin));
  const auto at = line_rest(text, after, closer(container));
  std::string put = look.line_end + inner + child_text(look, key, value, &inner) + (trailing ? "," : "");
  if (!trailing && at != after) out.push_back({after, after, ","});
  else if (!trailing) put.insert(0, ",");
  out.push_back({at, at, std::move(put)});
  return out;
}

std::vector<Splice> taking_out(const JsonDocument& document, const JsonNode& container, std::size_t index) {
  const std::string_view text = document.text;
  const auto& child = container.children[index];
  std::vector<Splice> out;

  std::size_t begin = child.key_begin;
  std::size_t end = child.end;
  const bool last = index + 1 == container.children.size();
  if (child.comma != JsonNode::kNone) {
    if (only_blank(text, child.end, child.comma)) end = child.comma + 1;
    else out.push_back({child.comma, child.comma + 1, ""});
  } else if (index > 0) {
    const auto comma = container.children[index - 1].comma;
    out.push_back({comma, comma + 1, ""});
  }

  auto rest = end;
  while (rest < text.size() && is_blank(text[rest])) ++rest;
  const bool ends_line = rest < text.size() && (text[rest] == '\n' || text[rest] == '\r');
  const auto* previous = index == 0 ? nullptr : &container.children[index - 1];
  const auto before = previous == nullptr ? opener_end(container) : previous->comma + 1;
  // The line goes as a whole; but what follows on it must not land behind a // comment.
  if (begins_line(text, begin) && (ends_line || (last && !text.substr(before, begin - before).contains("//")))) {
    begin = line_begin(text, begin);
    if (begin > opener_end(container)) {
      --begin;
      if (begin > 0 && text[begin - 1] == '\r') --begin;
    }
  } else if (!last && !ends_line) {
    end = rest;
  } else if (!begins_line(text, begin)) {
    while (begin > opener_end(container) && is_blank(text[begin - 1])) --begin;
  }
  if (container.children.size() == 1 && only_blank(text, opener_end(container), begin) && only_blank(text, end, closer(container)))
    return {{opener_end(container), closer(container), ""}};
  out.push_back({begin, end, ""});
  return out;
}

Splice replacing(const JsonDocument& document, const JsonNode& node, const json::value& value) {
  const std::string_view text = document.text;
  const auto look = look_of(document);
  const std::string indent(indentation(text, node.begin));
  std::string put;
  write_value(put, value, look, has_line_end(text, node.begin, node.end) ? &indent : nullptr);
  return {node.begin, node.end, std::move(put)};
}

std::string json_file_text(const json::value& value) {
  std::string out;
  const std::string indent;
  write_value(out, value, Look{}, &indent);
  return out + "\n";
}

}  // namespace interlock::hosts
