// Checking policies against a schema before any request comes: what can fail at run time, what can never match, what only
// looks like what it says.
//
//   ValidationReport report = validate(policies, schema);
//   for (const Finding& finding : report.errors) std::puts(finding.place.text().c_str());
//
// Strict is Cedar's normal mode; permissive also takes what strict finds unclear (mixed entity types, empty sets). A set with
// no error can't fail to evaluate on conforming data, except by overflow and by what extension functions refuse.
// Bounded: a policy that nests or multiplies beyond the limits here is reported as too complex, never followed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cedar/schema.hpp"

namespace interlock::cedar {

enum class FindingKind : std::uint8_t {
  // errors
  kUnknownEntityType,
  kUnknownAction,
  kInvalidEnumEntity,
  kInapplicable,
  kUnexpectedType,
  kIncompatibleTypes,
  kUnknownAttribute,
  kUnsafeOptionalAttribute,
  kUnsafeTag,
  kNoTags,
  kWrongArgumentCount,
  kInvalidExtensionArgument,
  kNonLiteralExtension,
  kEmptySet,
  kLevelExceeded,
  kTooComplex,
  // warnings
  kImpossiblePolicy,
  kMixedScriptString,
  kMixedScriptIdentifier,
  kBidiString,
  kBidiIdentifier,
  kConfusableIdentifier,
};

struct Finding {
  FindingKind kind = FindingKind::kTooComplex;
  std::string policy_id;
  Diagnostic place;  // with message and hint
};

struct ValidationReport {
  std::vector<Finding> errors;  // by policy in the order of the set, then by place
  std::vector<Finding> warnings;
  bool passed() const { return errors.empty(); }
};

struct ValidationOptions {
  enum class Mode : std::uint8_t { kStrict, kPermissive };
  Mode mode = Mode::kStrict;
  // How many entities in a row an expression may look up: with level 1, `principal.owner` but not `principal.owner.team`.
  std::optional<std::uint32_t> level = std::nullopt;
  // As Cedar has it since 4.13: a policy that applies to no action is a warning, not an error.
  bool inapplicable_is_warning = false;
};

ValidationReport validate(const PolicySet& policies, const Schema& schema, const ValidationOptions& options = {});

}  // namespace interlock::cedar
