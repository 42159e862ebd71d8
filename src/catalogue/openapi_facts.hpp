// What an operation of an OpenAPI description does, as far as its method and its words tell. Words only raise. Private to the catalogue.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "catalogue/entry.hpp"

namespace interlock::catalogue {

struct OpenApiWords {
  std::string_view method;  // lower case
  std::string_view path;
  std::string_view id;  // operationId
  std::string_view summary;
  std::vector<std::string_view> scopes;  // of OAuth, that it asks for
};

// By the method: get, head, options and trace read (band 1); delete deletes (band 2); the others write (band 2). By the words: more.
Facts facts_of_operation(const OpenApiWords& words);

}  // namespace interlock::catalogue
