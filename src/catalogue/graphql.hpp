// What a GraphQL request does, as far as its text tells at a glance: it reads only where every operation in it is a query.
//
// Only the outline is read (spec October 2021, §2.1 and §2.3): words, strings and brackets. What is not understood whole counts as a write.
// Pure function; any thread.
#pragma once

#include <string_view>

#include "base/json.hpp"

namespace interlock::catalogue {

inline constexpr std::size_t kMaxGraphqlDepth = 128;  // of brackets

enum class GraphqlKind : std::uint8_t { kQuery, kMutation, kSubscription, kUnknown };
std::string_view graphql_kind_name(GraphqlKind kind);  // "query", "mutation", "subscription", "unknown"

// kQuery: fragments and queries alone; kMutation, kSubscription: at least one of them (the first); kUnknown: anything else.
GraphqlKind graphql_kind(std::string_view document);
// Of a request body: an object whose "query" is the document. Batches, stored documents and other shapes are unknown.
GraphqlKind graphql_kind_of_body(const json::value* body);

}  // namespace interlock::catalogue
