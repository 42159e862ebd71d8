// What an agent brings along to authorize itself, and does not take out: headers, query parameters, signatures in URLs.
//
// By name: those that every API knows, those that the connector knows, and names that mean a key in any of the usual spellings. What the
// configuration keeps passes. Pure functions; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "catalogue/catalogue.hpp"
#include "net/http.hpp"
#include "surface/http/target.hpp"

namespace interlock::http {

// Takes them off and returns their names, for the record: "authorization", "?api_key". `keep`: names of headers and parameters, in lower
// case.
std::vector<std::string> take_off(net::Headers& headers, Target& target, const catalogue::HttpRoute& route,
                                  const std::vector<std::string>& keep);
// Of a query alone, before the connector looks at it.
std::string without_credentials_in(std::string_view query, const std::vector<std::string>& further, const std::vector<std::string>& keep,
                                   std::vector<std::string>* taken);

}  // namespace interlock::http
