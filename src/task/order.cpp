#include "task/order.hpp"

#include <algorithm>
#include <limits>

#include "task/scope.hpp"

namespace interlock::task {
namespace {

// Reads members once each, and knows which were there.
class Members {
 public:
  Members(const json::object& body, std::initializer_list<std::string_view> known) : body_(body) {
    for (const auto& member : body) {
      const std::string_view key(member.key().data(), member.key().size());
      if (std::find(known.begin(), known.end(), key) != known.end()) continue;
      std::string names;
      for (const auto one : known) names += (names.empty() ? "" : ", ") + std::string(one);
      note({ErrorCode::kInvalid, "there is no member \"" + std::string(key.substr(0, 100)) + "\" here", "there are: " + names});
    }
  }

  std::string text(std::string_view key, std::size_t limit) {
    const auto* value = json::find(body_, key);
    if (value == nullptr) return {};
    if (!value->is_string()) return wrong(key, "is no string"), std::string();
    const auto text = json::view(value->get_string());
    if (text.size() > limit)
      note({ErrorCode::kTooLarge, "\"" + std::string(key) + "\" is longer than " + std::to_string(limit) + " bytes", {}});
    return std::string(text);
  }
  std::optional<std::int64_t> count(std::string_view key) {
    const auto* value = json::find(body_, key);
    if (value == nullptr) return std::nullopt;
    if (value->is_int64() && value->get_int64() >= 0) return value->get_int64();
    wrong(key, "is no whole number from 0 on");
    return std::nullopt;
  }
  std::optional<std::int64_t> duration(std::string_view key) {
    const auto* value = json::find(body_, key);
    if (value == nullptr) return std::nullopt;
    const auto lasting = value->is_string() ? parse_duration_ms(json::view(value->get_string())) : std::nullopt;
    if (lasting && *lasting > 0) return lasting;
    wrong(key, "is no duration like 90s, 15m, 2h or 7d");
    return std::nullopt;
  }
  std::optional<std::int64_t> money(std::string_view key) {
    const auto* value = json::find(body_, key);
    if (value == nullptr) return std::nullopt;
    auto micros = parse_money_micros(value->is_string() ? std::string(json::view(value->get_string())) : json::write(*value));
    if (micros) return *micros;
    note(std::move(micros.error()));
    return std::nullopt;
  }
  std::optional<model::Band> band(std::string_view key) {
    const auto number = count(key);
    if (!number) return std::nullopt;
    if (*number <= static_cast<std::int64_t>(model::Band::kCritical)) return static_cast<model::Band>(*number);
    wrong(key, "is above 3, and bands are 0 to 3");
    return std::nullopt;
  }
  std::optional<UnixMs> moment(std::string_view key) {
    const auto* value = json::find(body_, key);
    if (value == nullptr) return std::nullopt;
    const auto at = value->is_string() ? parse_rfc3339(json::view(value->get_string())) : std::nullopt;
    if (!at) wrong(key, "is no moment like 2026-11-24T18:00:00Z");
    return at;
  }
  bool flag(std::string_view key, bool otherwise) {
    const auto* value = json::find(body_, key);
    if (value == nullptr) return otherwise;
    if (!value->is_bool()) wrong(key, "is neither true nor false");
    return json::bool_at(body_, key, otherwise);
  }
  // The short form, compiled; empty where it is absent.
  CompiledScope scope(UnixMs now_ms) {
    const auto* value = json::find(body_, "scope");
    if (value == nullptr) return {};
    const auto* form = value->if_object();
    if (form == nullptr) return wrong("scope", "is no object"), CompiledScope();
    auto compiled = compile_scope(*form, now_ms);
    if (compiled) return std::move(*compiled);
    note(std::move(compiled.error()));
    return {};
  }
  void wrong(std::string_view key, std::string_view what) {
    note({ErrorCode::kInvalid, "\"" + std::string(key) + "\" " + std::string(what), {}});
  }
  const std::optional<Error>& problem() const { return problem_; }

 private:
  void note(Error error) {
    if (!problem_) problem_ = std::move(error);
  }
  const json::object& body_;
  std::optional<Error> problem_;
};

template <typename T>
std::optional<T> smaller(std::optional<T> a, std::optional<T> b) {
  if (!a || !b) return a ? a : b;
  return std::min(*a, *b);
}

}  // namespace

Result<TaskOrder> read_task_order(const json::object& body, UnixMs now_ms) {
  Members members(body, {"subject", "owner", "purpose", "parent", "scope", "cedar", "lifetime", "band_ceiling", "heartbeat",
                         "heartbeat_by_acts", "calls", "spend"});
  TaskOrder order;
  order.subject = members.text("subject", kNameBytes);
  order.owner = members.text("owner", kNameBytes);
  order.purpose = members.text("purpose", kPurposeBytes);
  order.parent = members.text("parent", kNameBytes);
  auto compiled = members.scope(now_ms);
  auto cedar = members.text("cedar", kScopeBytes);
  if (!compiled.cedar.empty() && !cedar.empty()) members.wrong("cedar", "stands beside \"scope\": say it in one of them");
  if (!compiled.cedar.empty()) order.scope.push_back(std::move(compiled.cedar));
  if (!cedar.empty()) order.scope.push_back(std::move(cedar));
  order.band_ceiling = smaller(members.band("band_ceiling"), compiled.band_ceiling);
  order.lifetime_ms = smaller(members.duration("lifetime"), compiled.lifetime_ms);
  order.heartbeat_ms = members.duration("heartbeat").value_or(0);
  if (order.heartbeat_ms != 0 && order.heartbeat_ms < kHeartbeatLeastMs) members.wrong("heartbeat", "is below one second");
  order.acts_are_heartbeats = members.flag("heartbeat_by_acts", true);
  order.budget.calls = smaller(members.count("calls"), compiled.calls);
  order.budget.spend_micros = smaller(members.money("spend"), compiled.spend_micros);
  if (members.problem()) return fail(*members.problem());
  return order;
}

Result<Grant> read_grant(const json::object& body, UnixMs now_ms) {
  Members members(body, {"scope", "cedar", "band_ceiling", "for", "until", "calls", "spend"});
  Grant grant;
  auto compiled = members.scope(now_ms);
  if (compiled.lifetime_ms || compiled.calls || compiled.spend_micros)
    members.wrong("scope", "holds time, calls or spend: write \"for\" or \"until\", \"calls\" and \"spend\" beside it");
  auto cedar = members.text("cedar", kScopeBytes);
  if (!compiled.cedar.empty() && !cedar.empty()) members.wrong("cedar", "stands beside \"scope\": say it in one of them");
  grant.scope = compiled.cedar.empty() ? std::move(cedar) : std::move(compiled.cedar);
  grant.band_ceiling = members.band("band_ceiling");
  if (!grant.band_ceiling) grant.band_ceiling = compiled.band_ceiling;
  const auto lasting = members.duration("for");
  grant.expires_ms = members.moment("until");
  if (lasting && grant.expires_ms) members.wrong("for", "stands beside \"until\": say it in one of them");
  if (lasting && *lasting < std::numeric_limits<std::int64_t>::max() - now_ms) grant.expires_ms = now_ms + *lasting;
  grant.more_calls = members.count("calls").value_or(0);
  grant.more_spend_micros = members.money("spend").value_or(0);
  if (members.problem()) return fail(*members.problem());
  if (grant.empty()) return fail(ErrorCode::kInvalid, "nothing is asked for", "name a scope, a time, calls, spend or a band_ceiling");
  return grant;
}

json::object to_json(const Grant& grant) {
  json::object o;
  if (!grant.scope.empty()) o["cedar"] = grant.scope;
  if (grant.band_ceiling) o["band_ceiling"] = static_cast<int>(*grant.band_ceiling);
  if (grant.expires_ms) o["until"] = rfc3339(*grant.expires_ms);
  if (grant.more_calls != 0) o["calls"] = grant.more_calls;
  if (grant.more_spend_micros != 0) o["spend"] = money_text(grant.more_spend_micros);
  return o;
}

}  // namespace interlock::task
