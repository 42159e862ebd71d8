// An Input as policies see it: principal, action, resource and context, as views of what the caller has. docs/policy-cookbook.md
// is the same for people. Private to the room.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cedar/cedar.hpp"
#include "cedar/slice.hpp"
#include "policy/policy_engine.hpp"

namespace interlock::policy {

// What a thread keeps from call to call, so that a decision asks the heap for little more than its verdict.
struct Scratch {
  cedar::ValueArena arena;
  cedar::Response without;  // the answer without an approval
  cedar::Response with;     // the answer with one
  std::vector<cedar::NameView> action_ancestors;
  std::vector<cedar::NameView> resource_ancestors;
  std::string tool;  // "<server>/<tool>"
};

// Which parts of the context are not known yet (may_ever).
enum class Knowledge : std::uint8_t { kFull, kExceptArguments, kExceptSurroundings };  // the last: arguments are known

class RequestView {
 public:
  // Everything is borrowed. `workspace`: absolute folders; `workspace_value`: the same as a Cedar value.
  RequestView(const Input& input, std::span<const std::string> workspace, cedar::Value workspace_value, Scratch& scratch,
              Knowledge knowledge = Knowledge::kFull);

  // nullopt: unknown.
  void set_approved(std::optional<bool> approved);
  void set_resource(const model::EntityName& resource, std::span<const model::EntityName> containers);
  // The Tool and the Server, which every resource of the request is in.
  std::span<const cedar::NameView> certain_ancestors();
  const cedar::RequestSlice& slice() const { return slice_; }

  // A name of a type that only the gate may give, and that is not this request's own Tool or Server; nullptr: there is none.
  const model::EntityName* forged_name(const model::EntityName& resource, std::span<const model::EntityName> containers) const;

 private:
  void describe_principal();
  void describe_action();
  void describe_context(cedar::Value workspace, Knowledge knowledge);
  cedar::Value attributes_of(const model::EntityName& resource);
  cedar::Value task_record(const model::Task& task);
  bool in_workspace(const model::EntityName& resource, std::span<const model::EntityName> containers) const;

  const Input& input_;
  std::span<const std::string> workspace_;
  Scratch& scratch_;
  bool is_tool_call_;
  cedar::NameView owner_;
  std::array<cedar::Field, 14> context_;
  std::size_t context_size_ = 0;
  cedar::RequestSlice slice_;
};

}  // namespace interlock::policy
