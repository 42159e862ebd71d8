// Collects policies, from texts and from other sets, into one compiled set. Private to the library.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "cedar/program.hpp"

namespace interlock::cedar {

class PolicySetBuilder {
 public:
  // Both must outlive the builder.
  PolicySetBuilder(const LoadOptions& options, Diagnostics& diagnostics);

  // The policies of a text. `ids` names them in their order; without it they are named as the options say.
  void add_source(const PolicySource& source, const std::vector<std::string>* ids = nullptr);
  // All policies of another set, links included.
  void add_set(const CompiledPolicies& other);
  // A policy that is the template with its slots filled.
  Status add_link(const TemplateLink& link);

  PolicySet finish();

 private:
  void add_policy(std::shared_ptr<const PolicySyntax> kept, std::string id);
  std::string default_id(const PolicySyntax& syntax) const;

  const LoadOptions& options_;
  Diagnostics& diagnostics_;
  std::shared_ptr<CompiledPolicies> set_;
  std::unordered_set<std::string> ids_;
};

}  // namespace interlock::cedar
