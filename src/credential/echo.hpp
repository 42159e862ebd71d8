// What a server or host was lent must not come back from it: finds secrets in texts and documents, and puts a mark in their place.
//
// Found are the value itself, its lines and long runs of letters and digits where it has such, and its JSON-escaped, percent-encoded,
// hexadecimal and base64 forms, the last also in the middle of what is encoded with it, and escapes that spare no letter. Short values are left alone: they would be found
// everywhere. One owner, one thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "credential/secret.hpp"

namespace interlock::credential {

inline constexpr std::size_t kEchoBytes = 8;  // a shorter value is no secret worth the name

class Echoes {
 public:
  void add(std::string_view secret);
  bool empty() const { return needles_.empty(); }
  // Every form that is looked for, the longest first; for those who search as bytes flow.
  template <typename Visit>
  void each_form(const Visit& visit) const {
    for (const auto& needle : needles_) visit(needle.view());
  }
  // True: something was hidden.
  bool hide(std::string& text) const;
  bool hide(json::value& document) const;  // names of members, too

 private:
  void add_form(std::string_view form);
  void add_base64(std::string_view text);
  std::vector<Secret> needles_;  // longest first: what holds another is found as a whole
};

inline constexpr std::string_view kHidden = "[hidden by Interlock: a credential]";

}  // namespace interlock::credential
