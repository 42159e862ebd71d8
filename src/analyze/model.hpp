// A solver's model, read back as a request and entities in Cedar's JSON. Private to the room.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "analyze/world.hpp"
#include "base/json.hpp"

namespace interlock::analyze {

// Which terms the model has to tell, and then the data that they make.
class Model {
 public:
  explicit Model(World& world);

  const std::vector<Term>& wanted() const { return wanted_; }
  // `values` beside wanted(). False: a value is not understood.
  bool read(const std::vector<std::string>& values);

  std::string principal_id();
  std::string resource_id();
  json::value context();
  json::array entities();

 private:
  void want(const Symbolic& value);
  const std::string& raw(const Term& term) const;
  std::string string_of(const Term& term) const;
  bool bool_of(const Term& term) const;
  std::int64_t integer_of(const Term& term) const;
  json::value json_of(const Symbolic& value) const;
  json::value json_of_raw(Symbolic::Kind kind, const std::string& entity_type, const std::string& raw) const;

  World& world_;
  std::vector<Term> wanted_;
  std::unordered_map<Term, std::string> values_;
};

}  // namespace interlock::analyze
