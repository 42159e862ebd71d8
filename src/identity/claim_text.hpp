// Claims as text: paths into a claim set, and templates that make ids of them so that no two tokens share one by accident or by trick.
//
// Claims are bytes of an outsider, verified to come from an issuer and no more: values are bounded and hold no control characters.
// Pure functions; any thread. Private to the room.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"

namespace interlock::identity {

// The member at a path of names joined by '.'. A name may hold dots itself ("kubernetes.io"): the longest one that is there counts.
const json::value* claim_at(const json::object& claims, std::string_view path);

// A text, number or boolean as it enters ids and attributes. kDenied for other kinds, what is longer than kClaimBytes, and
// control characters.
Result<std::string> claim_text(std::string_view name, const json::value& value);

// "github/{repository}", read.
class ClaimTemplate {
 public:
  static Result<ClaimTemplate> read(std::string_view text);  // kInvalid
  Result<std::string> fill(const json::object& claims) const;
  const std::string& prefix() const { return pieces_.front().literal; }  // what every id begins with

 private:
  struct Piece {
    std::string literal;  // before the claim
    std::string claim;    // empty: the end
  };
  std::vector<Piece> pieces_;
};

}  // namespace interlock::identity
