// Unicode Technical Standard 39: mixed scripts, characters that identifiers should not have, and directions that hide text.
#include "cedar/text_checks.hpp"

#include <unicode/uscript.h>
#include <unicode/uspoof.h>

#include <algorithm>
#include <array>

namespace interlock::cedar {
namespace {

constexpr UChar32 kDirectionMarks[] = {0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x2066, 0x2067, 0x2068, 0x2069};
constexpr std::size_t kShownBytes = 80;
constexpr int kMaxScripts = 32;  // that one character belongs to

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// The text is valid UTF-8.
template <typename Use>
void each_character(std::string_view text, Use use) {
  for (std::size_t at = 0; at < text.size();) {
    auto lead = static_cast<unsigned char>(text[at]);
    std::size_t length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    UChar32 c = length == 1 ? lead : lead & (0xff >> (length + 1));
    for (std::size_t i = 1; i < length && at + i < text.size(); ++i) c = c << 6 | (static_cast<unsigned char>(text[at + i]) & 0x3f);
    use(c);
    at += length;
  }
}

using ScriptSet = std::vector<UScriptCode>;

// The scripts of one character, with those that always hold several (UTS 39 §5.1). Empty stands for any script.
ScriptSet scripts_of(UChar32 c) {
  std::array<UScriptCode, kMaxScripts> buffer{};
  UErrorCode status = U_ZERO_ERROR;
  int count = uscript_getScriptExtensions(c, buffer.data(), kMaxScripts, &status);
  ScriptSet set(buffer.begin(), buffer.begin() + std::clamp(count, 0, kMaxScripts));
  auto has = [&](UScriptCode script) { return std::find(set.begin(), set.end(), script) != set.end(); };
  if (has(USCRIPT_COMMON) || has(USCRIPT_INHERITED)) return {};
  if (has(USCRIPT_HAN)) set.insert(set.end(), {USCRIPT_HAN_WITH_BOPOMOFO, USCRIPT_JAPANESE, USCRIPT_KOREAN});
  if (has(USCRIPT_HIRAGANA) || has(USCRIPT_KATAKANA)) set.push_back(USCRIPT_JAPANESE);
  if (has(USCRIPT_HANGUL)) set.push_back(USCRIPT_KOREAN);
  if (has(USCRIPT_BOPOMOFO)) set.push_back(USCRIPT_HAN_WITH_BOPOMOFO);
  return set;
}

bool is_single_script(std::string_view text) {
  ScriptSet common;
  bool any = true;
  bool single = true;
  each_character(text, [&](UChar32 c) {
    ScriptSet scripts = scripts_of(c);
    if (scripts.empty() || !single) return;
    if (any) {
      common = std::move(scripts);
      any = false;
      return;
    }
    std::erase_if(common, [&](UScriptCode script) { return std::find(scripts.begin(), scripts.end(), script) == scripts.end(); });
    single = !common.empty();
  });
  return single;
}

bool has_direction_mark(std::string_view text) {
  bool found = false;
  each_character(text, [&](UChar32 c) {
    found = found || std::find(std::begin(kDirectionMarks), std::end(kDirectionMarks), c) != std::end(kDirectionMarks);
  });
  return found;
}

// Control characters of ASCII count as well: nothing of them is seen.
bool is_allowed_in_identifier(UChar32 c) {
  if (c >= 0x20 && c < 0x7f) return true;
  UErrorCode status = U_ZERO_ERROR;
  return uset_contains(uspoof_getRecommendedSet(&status), c) != 0;
}

class TextChecker {
 public:
  explicit TextChecker(std::vector<TypeFault>& warnings) : warnings_(warnings) {}

  void string(std::string_view text, std::uint32_t offset) {
    if (is_ascii(text)) return;
    if (has_direction_mark(text)) {
      warn(FindingKind::kBidiString, offset, "the string", text, "has marks that turn the direction of text");
    } else if (!is_single_script(text)) {
      warn(FindingKind::kMixedScriptString, offset, "the string", text, "mixes scripts");
    }
  }

  void identifier(std::string_view text, std::uint32_t offset) {
    bool allowed = true;
    each_character(text, [&](UChar32 c) { allowed = allowed && is_allowed_in_identifier(c); });
    if (has_direction_mark(text)) {
      warn(FindingKind::kBidiIdentifier, offset, "the name", text, "has marks that turn the direction of text");
    } else if (!allowed) {
      warn(FindingKind::kConfusableIdentifier, offset, "the name", text, "has characters that are easily taken for others");
    } else if (!is_single_script(text)) {
      warn(FindingKind::kMixedScriptIdentifier, offset, "the name", text, "mixes scripts");
    }
  }

 private:
  void warn(FindingKind kind, std::uint32_t offset, std::string_view what, std::string_view text, std::string_view fault) {
    std::string shown = quoted(text);
    if (shown.size() > kShownBytes) what = what == "the name" ? "a long name" : "a long string", shown.clear();
    warnings_.push_back({kind, offset, std::string(what) + (shown.empty() ? " " : " " + shown + " ") + std::string(fault),
                         "make sure that it is what it looks like"});
  }

  std::vector<TypeFault>& warnings_;
};

}  // namespace

void check_texts(const PolicySyntax& policy, std::vector<TypeFault>& warnings) {
  TextChecker checker(warnings);
  for (const ScopeConstraint* scope : {&policy.principal, &policy.action, &policy.resource}) {
    for (const EntityUid& uid : scope->entities) checker.identifier(uid.id(), scope->offset);
  }
  const SyntaxTree& tree = policy.tree;
  for (const Node& node : tree.nodes) {
    switch (node.kind) {
      case NodeKind::kString: checker.string(tree.strings[node.a], node.offset); break;
      case NodeKind::kEntity: checker.identifier(tree.strings[node.b], node.offset); break;
      case NodeKind::kGetAttr: checker.identifier(tree.strings[node.b], node.offset); break;
      case NodeKind::kHasAttr:
        for (std::uint32_t i = 0; i < node.child_count; ++i)
          checker.identifier(tree.strings[tree.children[node.first_child + i]], node.offset);
        break;
      case NodeKind::kRecord:
        for (std::uint32_t i = 0; i < node.child_count; i += 2)
          checker.identifier(tree.strings[tree.children[node.first_child + i]], node.offset);
        break;
      case NodeKind::kLike: {
        std::string whole;
        for (const std::string& run : tree.patterns[node.b].runs) whole += run;
        checker.string(whole, node.offset);
        break;
      }
      default: break;
    }
  }
}

}  // namespace interlock::cedar
