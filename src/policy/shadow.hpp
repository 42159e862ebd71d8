// Policies marked @shadow: evaluated, never enforced. Says which of them, each on its own, would have changed the verdict.
// Private to the room.
#pragma once

#include <string>
#include <vector>

#include "policy/compiled.hpp"
#include "policy/request_view.hpp"

namespace interlock::policy {

// What the enforced policies say of one resource.
enum class Answer : std::uint8_t { kAllowed, kNotPermitted, kForbidden };

struct Answers {
  Answer without;  // an approval
  Answer with;
};

class ShadowWatch {
 public:
  explicit ShadowWatch(const CompiledEngine& engine) : engine_(engine) {}

  // For each resource of the request: its answers, then, unless nothing can be asked about it, the shadowed policies' own.
  void add(Answers answers) { resources_.push_back({answers, {}, {}}); }
  void judge(RequestView& view, bool approved);
  std::vector<std::string> would_change(bool approved) const;

 private:
  // Of one evaluation: which policies are satisfied, or, of forbids, fail. Pointers into a layer's policies.
  using Hits = std::vector<const cedar::Policy*>;
  struct Resource {
    Answers answers;
    Hits without;
    Hits with;
  };

  Hits hits(const RequestView& view) const;
  bool changes(const cedar::Policy& policy, bool approved) const;

  const CompiledEngine& engine_;
  std::vector<Resource> resources_;
};

}  // namespace interlock::policy
