// A secret in memory: locked against swapping, kept out of core dumps, wiped when it dies (DESIGN §11.7). Moved, never copied by accident.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace interlock::credential {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string_view text);
  // Takes the text over and wipes it.
  static Secret take(std::string&& text);
  Secret(Secret&&) noexcept = default;
  Secret& operator=(Secret&&) noexcept = default;
  ~Secret() = default;

  std::string_view view() const;
  bool empty() const { return view().empty(); }
  Secret copy() const { return Secret(view()); }

 private:
  struct Locked;  // libsodium's guarded allocation
  std::shared_ptr<const Locked> locked_;
};

}  // namespace interlock::credential
