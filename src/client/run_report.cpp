#include "client/run_report.hpp"

#include <algorithm>
#include <vector>

namespace interlock::client {
namespace {

constexpr std::size_t kCellBytes = 300;
constexpr std::size_t kRowsShown = 200;

// The path in File::"/work/a", relative to the workspace; empty: the resource is no file below it.
std::string file_below(std::string_view resource, std::string_view workspace) {
  for (const std::string_view type : {"File::\"", "Folder::\""}) {
    if (!resource.starts_with(type) || !resource.ends_with('"')) continue;
    const auto path = resource.substr(type.size(), resource.size() - type.size() - 1);
    if (workspace.empty() || path.size() <= workspace.size() + 1 || !path.starts_with(workspace) || path[workspace.size()] != '/')
      return {};
    return std::string(path.substr(workspace.size() + 1));
  }
  return {};
}

// A URI reference (RFC 3986) of a relative path: what is not unreserved or a slash is escaped.
std::string uri_of(std::string_view path) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : path) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || std::string_view("-._~/").contains(c);
    if (plain) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

// One cell of a table: no markup, no new line, bounded.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, kCellBytes)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n' || c == '\r' || c == '\t') {
      out += ' ';
    } else if (byte < 0x20 || byte == 0x7f) {
      continue;
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '&') {
      out += "&amp;";
    } else {
      if (std::string_view("\\`*_{}[]()#+-.!|~@:").contains(c)) out += '\\';
      out += c;
    }
  }
  // A character that was cut in two is left out whole.
  if (text.size() > kCellBytes) {
    while (!out.empty() && (static_cast<unsigned char>(out.back()) & 0x80) != 0) out.pop_back();
    out += "…";
  }
  return out;
}

std::string_view text_at(const json::object& from, std::string_view name) { return json::string_at(from, name).value_or(""); }
std::int64_t count_at(const json::object& from, std::string_view name) { return json::int_at(from, name).value_or(0); }

const json::array& denied_acts(const json::object& summary) {
  static const json::array kNone;
  const auto* denied = json::array_at(summary, "denied");
  return denied == nullptr ? kNone : *denied;
}

// FNV-1a of 64 bits: the same for the same act in every run, and no more is asked of it. (A cryptographic one would load its library with
// each hook.)
std::string fingerprint_of(std::string_view text) {
  std::uint64_t hash = 14'695'981'039'346'656'037ULL;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1'099'511'628'211ULL;
  std::string out(16, '0');
  for (std::size_t i = 0; i < out.size(); ++i, hash >>= 4) out[out.size() - 1 - i] = "0123456789abcdef"[hash & 15];
  return out;
}

// What GitHub calls the problem: the policy that decided, else the layer that spoke.
std::string rule_of(const json::object& act) {
  if (const auto* policies = json::array_at(act, "policies"); policies != nullptr && !policies->empty() && policies->front().is_string())
    return std::string(json::view(policies->front().get_string()));
  return "interlock/" + std::string(text_at(act, "layer").empty() ? "denied" : text_at(act, "layer"));
}

json::object rule(const std::string& id, const json::object& act) {
  return {{"id", id},
          {"shortDescription", json::object{{"text", "Denied by " + id}}},
          {"fullDescription", json::object{{"text", text_at(act, "reason")}}},
          {"help", json::object{{"text", text_at(act, "next").empty() ? text_at(act, "reason") : text_at(act, "next")}}},
          {"defaultConfiguration", json::object{{"level", "error"}}},
          {"properties", json::object{{"tags", json::array{"security", "ai-agent"}}}}};
}

json::object result(const std::string& id, std::int64_t rule_at, const json::object& act, const ReportFacts& facts) {
  const auto resource = text_at(act, "resource");
  const auto action = text_at(act, "action");
  auto file = file_below(resource, facts.workspace);
  if (file.empty()) file = facts.anchor.empty() ? "interlock.yaml" : facts.anchor;
  const auto reason = text_at(act, "reason");
  const std::string message = std::string(action) + " on " + std::string(resource) + " was denied: " + std::string(reason);
  return {
      {"ruleId", id},
      {"ruleIndex", rule_at},
      {"level", "error"},
      {"message", json::object{{"text", message}}},
      {"locations",
       json::array{json::object{
           {"physicalLocation", json::object{{"artifactLocation", json::object{{"uri", uri_of(file)}, {"uriBaseId", "%SRCROOT%"}}},
                                             {"region", json::object{{"startLine", 1}}}}},
           {"logicalLocations", json::array{json::object{{"fullyQualifiedName", resource}, {"kind", "resource"}}}}}}},
      {"occurrenceCount", std::max<std::int64_t>(1, count_at(act, "count"))},
      {"partialFingerprints",
       json::object{{"interlockAct/v1", fingerprint_of(id + '\n' + std::string(action) + '\n' + std::string(resource))}}},
      {"properties", json::object{{"layer", text_at(act, "layer")}, {"surface", text_at(act, "surface")}, {"next", text_at(act, "next")}}}};
}

}  // namespace

std::int64_t denied_in(const json::object& summary) {
  const auto* acts = json::object_at(summary, "acts");
  return acts == nullptr ? 0 : count_at(*acts, "denied");
}

std::string markdown_report(const json::object& summary, const ReportFacts& facts) {
  static const json::object kNone;
  const auto* found = json::object_at(summary, "acts");
  const auto& acts = found == nullptr ? kNone : *found;
  const auto denied = denied_in(summary);
  std::string out = "### Interlock: ";
  out += denied == 0 ? "nothing was denied" : std::to_string(denied) + (denied == 1 ? " act was denied" : " acts were denied");
  out += "\n\n| task | subject | acts allowed | approved by a human | denied | exit code |\n| --- | --- | --- | --- | --- | --- |\n| ";
  out += cell(text_at(summary, "task")) + " | " + cell(text_at(summary, "subject")) + " | " + std::to_string(count_at(acts, "allowed")) +
         " | " + std::to_string(count_at(acts, "approved")) + " | " + std::to_string(denied) + " | " + std::to_string(facts.status) +
         " |\n";
  if (const auto purpose = text_at(summary, "purpose"); !purpose.empty()) out += "\nPurpose: " + cell(purpose) + "\n";
  const auto& list = denied_acts(summary);
  if (list.empty()) return out;
  out += "\n| denied | on | times | why | what to do |\n| --- | --- | --- | --- | --- |\n";
  std::size_t shown = 0;
  for (const auto& one : list) {
    if (!one.is_object() || shown == kRowsShown) continue;
    shown++;
    const auto& act = one.get_object();
    out += "| " + cell(text_at(act, "action")) + " | " + cell(text_at(act, "resource")) + " | " +
           std::to_string(std::max<std::int64_t>(1, count_at(act, "count"))) + " | " + cell(text_at(act, "layer")) +
           "\\: " + cell(text_at(act, "reason")) + " | " + cell(text_at(act, "next")) + " |\n";
  }
  const auto hidden = static_cast<std::int64_t>(list.size() - shown) + count_at(summary, "left_out");
  if (hidden > 0)
    out += "\n" + std::to_string(hidden) + " more are in the ledger: `interlock log query --task " + cell(text_at(summary, "task")) + "`\n";
  return out;
}

std::string sarif_report(const json::object& summary, const ReportFacts& facts) {
  json::array rules;
  json::array results;
  std::vector<std::string> ids;
  for (const auto& one : denied_acts(summary)) {
    if (!one.is_object()) continue;
    const auto& act = one.get_object();
    const auto id = rule_of(act);
    const auto known = std::ranges::find(ids, id);
    const auto at = known - ids.begin();
    if (known == ids.end()) {
      ids.push_back(id);
      rules.push_back(rule(id, act));
    }
    results.push_back(result(id, at, act, facts));
  }
  const json::object driver{{"name", "Interlock"}, {"semanticVersion", facts.version}, {"rules", std::move(rules)}};
  const json::object invocation{{"executionSuccessful", true}, {"exitCode", facts.status}};
  const json::object run{{"tool", json::object{{"driver", driver}}},
                         {"invocations", json::array{invocation}},
                         {"automationDetails", json::object{{"id", "interlock/run/"}}},
                         {"columnKind", "utf16CodeUnits"},
                         {"properties", json::object{{"task", text_at(summary, "task")}, {"subject", text_at(summary, "subject")}}},
                         {"results", std::move(results)}};
  return json::write(json::object{{"$schema", "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"},
                                  {"version", "2.1.0"},
                                  {"runs", json::array{run}}}) +
         "\n";
}

}  // namespace interlock::client
