// A secret in memory: locked against swapping, kept out of core dumps, wiped when it dies (DESIGN §11.7). Moved, never copied by accident.
//
// The memory is libsodium's: small secrets share guarded slabs, so that a thousand of them cost some dozen pages and not three mappings
// each; a long one has an allocation of its own. Where the kernel locks no more (RLIMIT_MEMLOCK) a secret is still kept out of dumps and
// wiped, and secrets_are_locked() says so. Any thread.
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
  struct Locked;
  std::shared_ptr<const Locked> locked_;
};

// False once the kernel has refused to lock a secret's memory: it may be swapped.
bool secrets_are_locked();

}  // namespace interlock::credential
