// What policies are compiled to: a flat program for a stack machine, pools that it refers to, and an index over scopes.
// Private to the library; docs/cedar.md tells how it works and why it is right.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cedar/escape.hpp"
#include "cedar/scope_index.hpp"
#include "cedar/source.hpp"
#include "cedar/storage.hpp"
#include "cedar/syntax.hpp"

namespace interlock::cedar {

enum class Op : std::uint8_t {
  kConstant,      // push constants[z]
  kVariable,      // push principal, action, resource or context (x)
  kGetAttr,       // top.names[z]
  kVariableAttr,  // push variable x, then kGetAttr
  kHasAttr,       // top has names[z ... z + y)
  kJump,          // to z
  kJumpIfFalse,   // pop a bool; to z when it is false
  kAndJump,       // top must be a bool; when false keep it and go to z, else pop it
  kOrJump,        // the same for true
  kCheckBool,     // top must be a bool
  kRequire,       // pop a bool; false: the policy is not satisfied
  kRequireNot,    // pop a bool; true: the policy is not satisfied
  kAccept,        // the policy is satisfied
  kNot,
  kNegate,
  kIsEmpty,
  kBinary,    // operation x on the two on top
  kLike,      // top like patterns[z]
  kIs,        // top is types[z]
  kIsOrJump,  // top must be an entity; of another type than types[y]: replace it by false and go to z
  kSet,       // make a set of the top z
  kRecord,    // make a record of the top z; its names are names[y...]
  kCall,      // extension function x of the top z
};

struct Instruction {
  Op op;
  std::uint8_t x = 0;
  std::uint16_t unused = 0;
  std::uint32_t y = 0;
  std::uint32_t z = 0;
};

struct NameData {
  std::string_view text;
  std::uint64_t hash;
};

struct CompiledScope {
  ScopeConstraint::Kind kind = ScopeConstraint::Kind::kAny;
  std::uint32_t first_uid = 0;  // in uids
  std::uint32_t uid_count = 0;
  std::uint32_t type = 0;  // in types
};

struct CompiledPolicy {
  CompiledScope principal;
  CompiledScope action;
  CompiledScope resource;
  std::uint32_t code = 0;    // its first instruction
  std::uint32_t source = 0;  // in sources
  Effect effect = Effect::kForbid;
  std::uint8_t left_to_test = 0;  // bit v: the constraint on variable v, when the index has found the policy
};

constexpr std::uint32_t kNoTemplate = UINT32_MAX;

struct CompiledPolicies {
  Arena arena;
  std::vector<std::shared_ptr<const SourceText>> sources;
  std::vector<Policy> policies;                             // as written, templates too
  std::vector<CompiledPolicy> compiled;                     // beside `policies`
  std::vector<std::shared_ptr<const PolicySyntax>> syntax;  // beside `policies`: for tools, never looked at by a decision
  std::vector<std::uint32_t> template_of;                   // beside `policies`: where a link's template stands, else kNoTemplate
  std::vector<std::uint32_t> by_id;                         // indices into policies, sorted by id

  std::vector<Instruction> code;
  std::vector<std::uint32_t> offsets;  // beside `code`: where in the source
  std::vector<Value> constants;
  std::vector<NameData> names;
  std::vector<NameData> types;
  std::vector<Pattern> patterns;
  std::vector<UidData> uids;
  std::uint32_t max_stack = 0;

  ScopeIndex index;
};

struct PolicySetAccess {
  static const CompiledPolicies* compiled(const PolicySet& set) { return set.compiled_.get(); }
};

}  // namespace interlock::cedar
