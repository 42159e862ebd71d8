// Whether values, entities and requests are what a schema declares. Private to the library.
#pragma once

#include "cedar/entity_store.hpp"
#include "cedar/schema_data.hpp"

namespace interlock::cedar {

// The error with the place in the data before its message.
Error within(const Error& error, std::string_view where);

class Conformance {
 public:
  explicit Conformance(const SchemaData& schema) : schema_(schema) {}

  // Values must be solid.
  Status check_value(const Value& v, TypeId id) const;
  Status check_entity(const EntityData& entity) const;
  Status check_request(const Request& request) const;

 private:
  Status check_uid(const UidData& uid) const;
  Status check_record(const Value& v, const SchemaType& type) const;
  Status check_action(const EntityData& entity) const;
  Status check_participant(std::string_view variable, const EntityUid& uid, const EntityUid& action,
                           const std::vector<std::string>& allowed) const;

  const SchemaData& schema_;
};

}  // namespace interlock::cedar
