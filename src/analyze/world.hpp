// All that may be around a request of one kind: its context, and the entities with attributes, tags and ancestors, as functions
// that the solver may choose. Private to the room.
//
// What the schema demands of data is required of these functions for the entities that expressions name ("ground" entities);
// of all others nothing is asked, which can only add worlds: a proof holds all the same.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "analyze/analyze.hpp"
#include "analyze/symbolic.hpp"

namespace interlock::analyze {

// One kind of request: an action, and the types of principal and resource.
struct RequestKind {
  const cedar::SchemaAction* action = nullptr;
  std::string principal_type;
  std::string resource_type;
};

class World {
 public:
  World(const cedar::SchemaData& schema, const RequestKind& kind, EntityScope scope);

  const Symbolic& principal() const { return principal_; }
  const Symbolic& resource() const { return resource_; }
  const Symbolic& action() const { return action_; }
  const Symbolic& context() const { return context_; }
  Script& script() { return script_; }

  // The attributes of an entity, all of its shape.
  Symbolic attributes(const Symbolic& of);
  Term exists(const Symbolic& of);
  bool has_tags(std::string_view type) const;
  Term has_tag(const Symbolic& of, const Term& key);
  Symbolic tag(const Symbolic& of, const Term& key);
  // Whether `low` is `high` or stands below it.
  Term is_in(const Symbolic& low, const Symbolic& high);
  Term is_in_set(const Symbolic& low, const Symbolic& set);

  // Says why there can be no answer; the first reason counts.
  void give_up(std::string why);
  const std::string& why_not() const { return why_not_; }

  // To be called once all expressions are encoded: what data must obey.
  void require_conformance();

  // For reading a model back.
  // What makes a counterexample easier to read, or possible to write down: nothing that data must obey.
  Term readable() const;
  const std::vector<Symbolic>& ground() const { return ground_; }
  struct TagLookup {
    Symbolic entity;
    Term key;
  };
  const std::vector<TagLookup>& tag_lookups() const { return tags_; }
  // The sets of ancestors of a ground entity, one a type.
  std::vector<Symbolic> ancestors(const Symbolic& of);
  const cedar::SchemaData& schema() const { return schema_; }

 private:
  void note(const Symbolic& entity);
  const cedar::SchemaEntityType* type(std::string_view name) const;
  Term ancestors_of_type(const Symbolic& low, std::string_view high);
  bool may_be_in(std::string_view low, std::string_view high) const;
  // `path` names the function; `arguments` are what it is applied to.
  Symbolic unknown(const cedar::SchemaType& type, const std::string& path, const std::vector<Term>& arguments, const Term& present);
  Term unknown_term(const std::string& path, std::string_view sort, const std::vector<Term>& arguments);

  const cedar::SchemaData& schema_;
  const RequestKind kind_;
  const EntityScope scope_;
  Script script_;
  std::map<std::string, Term> functions_;  // by path
  std::set<Term> required_;                // facts about leaves, said once
  Symbolic principal_;
  Symbolic action_;
  Symbolic resource_;
  Symbolic context_;
  std::vector<Symbolic> ground_;
  std::set<std::pair<std::string, Term>> ground_names_;
  std::vector<TagLookup> tags_;
  std::vector<Term> moments_;  // datetimes in data
  std::string why_not_;
};

}  // namespace interlock::analyze
