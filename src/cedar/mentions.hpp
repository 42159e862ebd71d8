// What a policy set names: entities in scopes and conditions, types, and the attributes of context and principal. For callers that know
// what can exist, and so what a policy can only mean by mistake.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cedar/cedar.hpp"

namespace interlock::cedar {

enum class MentionPlace : std::uint8_t { kPrincipal, kAction, kResource, kCondition };  // scope of a variable, or a condition

struct Mention {
  enum class Kind : std::uint8_t {
    kEntity,              // type, id
    kType,                // type: of `is`
    kContextAttribute,    // id: read as context.id, not merely asked for by `has`
    kPrincipalAttribute,  // id: read as principal.id, likewise
  };
  Kind kind = Kind::kEntity;
  MentionPlace place = MentionPlace::kCondition;
  std::string_view type;
  std::string_view id;
  const Policy* policy = nullptr;
  std::uint32_t line = 0;  // of a scope: its policy's
  std::uint32_t column = 0;
  bool equal = false;  // of a scope: `==`, so that it is meant itself and not what is in it
};

// In the order of the set. The views live as long as it.
std::vector<Mention> mentions(const PolicySet& policies);

}  // namespace interlock::cedar
