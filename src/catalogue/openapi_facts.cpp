#include "catalogue/openapi_facts.hpp"

#include <algorithm>
#include <array>

namespace interlock::catalogue {
namespace {

using model::Band;
using model::Effect;

constexpr std::size_t kSummaryWords = 8;    // the verb stands at the start; what follows is prose
constexpr std::size_t kMaxTextBytes = 512;  // of one text that words are taken from
constexpr std::size_t kNearSegments = 2;    // of a path, from its end: what is acted on, and the act

struct WordRule {
  std::string_view word;
  Effect effect;
  Band band;
};

// Words of what an act does. Each is a whole word of an identifier, a path or a summary.
constexpr WordRule kVerbs[] = {
    {"delete", Effect::kDelete, Band::kSensitive},    {"remove", Effect::kDelete, Band::kSensitive},
    {"destroy", Effect::kDelete, Band::kSensitive},   {"purge", Effect::kDelete, Band::kSensitive},
    {"erase", Effect::kDelete, Band::kSensitive},     {"wipe", Effect::kDelete, Band::kSensitive},
    {"truncate", Effect::kDelete, Band::kSensitive},  {"drop", Effect::kDelete, Band::kSensitive},
    {"clear", Effect::kDelete, Band::kSensitive},     {"terminate", Effect::kDelete, Band::kSensitive},
    {"void", Effect::kDelete, Band::kSensitive},      {"unpublish", Effect::kDelete, Band::kSensitive},
    {"send", Effect::kSend, Band::kSensitive},        {"publish", Effect::kSend, Band::kSensitive},
    {"notify", Effect::kSend, Band::kSensitive},      {"invite", Effect::kSend, Band::kSensitive},
    {"share", Effect::kSend, Band::kSensitive},       {"comment", Effect::kSend, Band::kSensitive},
    {"reply", Effect::kSend, Band::kSensitive},       {"message", Effect::kSend, Band::kSensitive},
    {"email", Effect::kSend, Band::kSensitive},       {"sms", Effect::kSend, Band::kSensitive},
    {"broadcast", Effect::kSend, Band::kSensitive},   {"forward", Effect::kSend, Band::kSensitive},
    {"upload", Effect::kSend, Band::kSensitive},      {"export", Effect::kSend, Band::kSensitive},
    {"submit", Effect::kSend, Band::kSensitive},      {"run", Effect::kExecute, Band::kSensitive},
    {"execute", Effect::kExecute, Band::kSensitive},  {"exec", Effect::kExecute, Band::kSensitive},
    {"invoke", Effect::kExecute, Band::kSensitive},   {"trigger", Effect::kExecute, Band::kSensitive},
    {"dispatch", Effect::kExecute, Band::kSensitive}, {"deploy", Effect::kExecute, Band::kSensitive},
    {"start", Effect::kExecute, Band::kSensitive},    {"stop", Effect::kExecute, Band::kSensitive},
    {"restart", Effect::kExecute, Band::kSensitive},  {"reboot", Effect::kExecute, Band::kSensitive},
    {"connect", Effect::kExecute, Band::kSensitive},  {"attach", Effect::kExecute, Band::kSensitive},
    {"proxy", Effect::kExecute, Band::kSensitive},    {"create", Effect::kWrite, Band::kSensitive},
    {"update", Effect::kWrite, Band::kSensitive},     {"add", Effect::kWrite, Band::kSensitive},
    {"insert", Effect::kWrite, Band::kSensitive},     {"modify", Effect::kWrite, Band::kSensitive},
    {"enable", Effect::kWrite, Band::kSensitive},     {"disable", Effect::kWrite, Band::kSensitive},
    {"approve", Effect::kWrite, Band::kSensitive},    {"cancel", Effect::kWrite, Band::kSensitive},
    {"reset", Effect::kWrite, Band::kSensitive},      {"save", Effect::kWrite, Band::kSensitive},
    {"pay", Effect::kSend, Band::kCritical},          {"payment", Effect::kSend, Band::kCritical},
    {"charge", Effect::kSend, Band::kCritical},       {"refund", Effect::kSend, Band::kCritical},
    {"payout", Effect::kSend, Band::kCritical},       {"purchase", Effect::kSend, Band::kCritical},
    {"buy", Effect::kSend, Band::kCritical},          {"checkout", Effect::kSend, Band::kCritical},
    {"capture", Effect::kSend, Band::kCritical},      {"withdraw", Effect::kSend, Band::kCritical},
    {"transfer", Effect::kAdmin, Band::kCritical},    {"grant", Effect::kAdmin, Band::kCritical},
    {"revoke", Effect::kAdmin, Band::kCritical},      {"authorize", Effect::kAdmin, Band::kCritical},
    {"impersonate", Effect::kAdmin, Band::kCritical}, {"promote", Effect::kAdmin, Band::kCritical},
};

// Things that whoever changes them changes rights with. They come in the plural as well.
constexpr std::string_view kRights[] = {
    "admin",        "permission", "role",        "rolebinding", "acl",        "policy",  "policie",      "member",  "membership", "owner",
    "collaborator", "token",      "secret",      "password",    "credential", "key",     "apikey",       "webhook", "hook",       "sso",
    "saml",         "oauth",      "certificate", "invitation",  "account",    "billing", "subscription", "user",    "group",      "team",
};
// Verbs that are things as well: a GET of them looks at them.
constexpr std::string_view kThings[] = {"comment", "payment", "message", "email", "sms", "export", "charge", "refund", "payout"};
// Reading these shows what opens doors.
constexpr std::string_view kSecrets[] = {"secret", "password", "credential", "token", "apikey"};

bool is_one_of(std::string_view word, std::span<const std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end() ||
         (word.ends_with('s') && std::find(words.begin(), words.end(), word.substr(0, word.size() - 1)) != words.end());
}

// "createOrgSecret", "repos/create-org-secret": create org secret.
void add_words(std::string_view text, std::size_t at_most, std::vector<std::string>& out) {
  text = text.substr(0, kMaxTextBytes);
  std::string word;
  std::size_t count = 0;
  const auto flush = [&] {
    if (!word.empty() && count < at_most) {
      out.push_back(std::move(word));
      ++count;
    }
    word.clear();
  };
  bool lower_before = false;
  for (const char c : text) {
    const bool upper = c >= 'A' && c <= 'Z';
    const bool letter = upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (!letter || (upper && lower_before)) flush();
    if (letter) word += upper ? static_cast<char>(c - 'A' + 'a') : c;
    lower_before = letter && !upper;
  }
  flush();
}

// The last segments of a path that are no parameters.
void add_path_words(std::string_view path, std::vector<std::string>& out) {
  for (std::size_t taken = 0; taken < kNearSegments && !path.empty();) {
    const std::size_t slash = path.rfind('/');
    const std::string_view segment = slash == std::string_view::npos ? path : path.substr(slash + 1);
    path = slash == std::string_view::npos ? std::string_view{} : path.substr(0, slash);
    if (segment.empty() || segment.front() == '{') continue;
    add_words(segment, kSummaryWords, out);
    ++taken;
  }
}

void raise(Facts& facts, Effect effect, Band band) {
  if (facts.effects == std::vector{Effect::kRead}) facts.effects.clear();
  if (std::find(facts.effects.begin(), facts.effects.end(), effect) == facts.effects.end()) facts.effects.push_back(effect);
  facts.band = std::max(facts.band, band);
}

// "send", and "sends" or "messages".
void raise_by_verb(Facts& facts, std::string_view word) {
  const std::string_view bare = word.ends_with('s') ? word.substr(0, word.size() - 1) : word;
  for (const WordRule& rule : kVerbs) {
    if (rule.word == word || rule.word == bare) raise(facts, rule.effect, rule.band);
  }
}

// A GET may act all the same; then its first word, or the last segment of its path, is a verb. Elsewhere a verb is only spoken of ("list
// deleted users", "get payment").
Facts reading(const OpenApiWords& words) {
  Facts facts{{Effect::kRead}, Band::kRoutine};
  std::vector<std::string> first;
  add_words(words.summary, 1, first);
  add_words(words.id, 1, first);
  const std::string_view last = words.path.substr(words.path.rfind('/') + 1);
  std::vector<std::string> segment;
  if (!last.starts_with('{')) add_words(last, 2, segment);
  // "/jobs/7/run" runs, "/jobs/7/runs" lists.
  if (segment.size() == 1 && !segment.front().ends_with('s')) first.push_back(segment.front());
  for (const std::string& word : first) {
    if (!is_one_of(word, kThings)) raise_by_verb(facts, word);
  }
  std::vector<std::string> all;
  add_path_words(words.path, all);
  add_words(words.id, kSummaryWords, all);
  if (std::any_of(all.begin(), all.end(), [](const std::string& word) { return is_one_of(word, kSecrets); }))
    facts.band = std::max(facts.band, Band::kSensitive);
  return facts;
}

}  // namespace

Facts facts_of_operation(const OpenApiWords& words) {
  if (words.method == "get" || words.method == "head" || words.method == "options" || words.method == "trace") return reading(words);
  Facts facts{{words.method == "delete" ? Effect::kDelete : Effect::kWrite}, Band::kSensitive};
  std::vector<std::string> all;
  add_path_words(words.path, all);
  add_words(words.id, kSummaryWords, all);
  // A summary speaks of many things ("sends the owner a message"): only what is done is taken from it.
  const std::size_t names = all.size();
  add_words(words.summary, kSummaryWords, all);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::string& word = all[i];
    raise_by_verb(facts, word);
    if (i < names && is_one_of(word, kRights)) raise(facts, Effect::kAdmin, Band::kCritical);
  }
  for (const std::string_view scope : words.scopes) {
    std::vector<std::string> parts;
    add_words(scope, kSummaryWords, parts);
    if (std::find(parts.begin(), parts.end(), "admin") != parts.end()) raise(facts, Effect::kAdmin, Band::kCritical);
  }
  return facts;
}

}  // namespace interlock::catalogue
