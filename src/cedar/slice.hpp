// Deciding on a request that brings its own entities along, and on one of which parts are not known yet.
//
// A gate that decides on every act knows of each request exactly three entities. A store for them would have to be built and
// dropped again; a RequestSlice only points at what the caller has.
#pragma once

#include <span>
#include <string_view>

#include "cedar/cedar.hpp"

namespace interlock::cedar {

struct NameView {
  std::string_view type;
  std::string_view id;
};

struct SliceEntity {
  NameView name;
  Value attributes;                     // a record; the default stands for an empty one
  std::span<const NameView> ancestors;  // all of them, in any order
};

// Everything is borrowed for the call. No other entity exists: a policy that reads attributes of another one fails.
struct RequestSlice {
  SliceEntity principal;
  SliceEntity action;
  SliceEntity resource;
  Value context;  // a record
};

void authorize(const PolicySet& policies, const RequestSlice& request, Response& response);

// What is known of a resource that has no name yet.
struct UnnamedResource {
  std::span<const NameView> ancestors;             // it is certainly in these
  std::span<const std::string_view> closed_types;  // of these types it is, and is in, no other than those
};

// A value that is not known yet: a policy that looks at it could come out either way.
Value unknown_value();

// False only when every completion of the request is denied: whatever stands in place of each unknown_value() in its context
// and of the resource (where `unnamed` is given, request.resource is not looked at), no permit can be satisfied, or some
// forbid certainly is. A policy whose evaluation fails counts as one that could come out either way, and so does one that
// looks into a named entity which the resource might be.
bool may_allow(const PolicySet& policies, const RequestSlice& request, const UnnamedResource* unnamed);

}  // namespace interlock::cedar
