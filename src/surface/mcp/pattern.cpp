#include "surface/mcp/pattern.hpp"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <string>

namespace interlock::mcp {
namespace {

constexpr std::size_t kPatternBytes = 4096;
constexpr std::uint32_t kMatchSteps = 500'000;  // some 10 ms
constexpr std::uint32_t kHeapKib = 16 * 1024;

struct FreeCode {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};
struct FreeData {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};
struct FreeMatchContext {
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};
struct FreeCompileContext {
  void operator()(pcre2_compile_context* context) const { pcre2_compile_context_free(context); }
};

pcre2_match_context* bounded_context() {
  thread_local const std::unique_ptr<pcre2_match_context, FreeMatchContext> context = [] {
    std::unique_ptr<pcre2_match_context, FreeMatchContext> made(pcre2_match_context_create(nullptr));
    pcre2_set_match_limit(made.get(), kMatchSteps);
    pcre2_set_heap_limit(made.get(), kHeapKib);
    return made;
  }();
  return context.get();
}

class CompiledPattern final : public Pattern {
 public:
  explicit CompiledPattern(pcre2_code* code) : code_(code) {}

  Found find(std::string_view text) const override {
    const std::unique_ptr<pcre2_match_data, FreeData> data(pcre2_match_data_create_from_pattern(code_.get(), nullptr));
    const int found = pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), 0, PCRE2_NO_UTF_CHECK, data.get(),
                                  bounded_context());
    if (found >= 0) return Found::kYes;
    return found == PCRE2_ERROR_NOMATCH ? Found::kNo : Found::kTooCostly;
  }

 private:
  std::unique_ptr<pcre2_code, FreeCode> code_;
};

}  // namespace

Result<std::unique_ptr<const Pattern>> Pattern::compile(std::string_view expression) {
  if (expression.size() > kPatternBytes)
    return fail(ErrorCode::kTooLarge, "a pattern is longer than " + std::to_string(kPatternBytes) + " bytes");
  const std::unique_ptr<pcre2_compile_context, FreeCompileContext> context(pcre2_compile_context_create(nullptr));
  pcre2_set_compile_extra_options(context.get(), PCRE2_EXTRA_ALT_BSUX);
  // What ECMA-262 means: \uXXXX, `$` at the very end alone, [] and [^], backreferences to groups that did not take part.
  const std::uint32_t options =
      PCRE2_UTF | PCRE2_ALT_BSUX | PCRE2_DOLLAR_ENDONLY | PCRE2_ALLOW_EMPTY_CLASS | PCRE2_MATCH_UNSET_BACKREF | PCRE2_NEVER_BACKSLASH_C;
  int error = 0;
  PCRE2_SIZE at = 0;
  auto* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(expression.data()), expression.size(), options, &error, &at, context.get());
  if (code == nullptr) {
    PCRE2_UCHAR text[160];
    pcre2_get_error_message(error, text, sizeof text);
    return fail(ErrorCode::kInvalid, std::string(reinterpret_cast<const char*>(text)) + " at byte " + std::to_string(at));
  }
  return std::make_unique<CompiledPattern>(code);
}

}  // namespace interlock::mcp
