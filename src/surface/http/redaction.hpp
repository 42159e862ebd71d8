// Secrets in what goes back to an agent: found and blotted out as the bytes flow, also where one is cut in two by the pieces they come in.
//
// What is looked for is what credential/echo.hpp makes of a secret: the value and its usual encodings. What might be the beginning of one
// is held back until more comes. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "credential/echo.hpp"

namespace interlock::http {

// The forms of some secrets, made once and shared. Wiped when the last user lets go.
class SecretForms {
 public:
  explicit SecretForms(const credential::Echoes& secrets);
  ~SecretForms();
  SecretForms(const SecretForms&) = delete;
  SecretForms& operator=(const SecretForms&) = delete;
  bool empty() const { return forms_.empty(); }
  std::size_t longest() const { return longest_; }

  struct Found {
    std::size_t at = std::string_view::npos;
    std::size_t size = 0;
  };
  // The first form that begins in `text`, the longest where several begin at one place.
  Found find(std::string_view text) const;
  // How many bytes at the end of `text` may be the beginning of a form.
  std::size_t unfinished(std::string_view text) const;

 private:
  std::vector<std::string> forms_;            // by first byte
  std::vector<std::uint16_t> of_first_byte_;  // 257 indices into forms_
  std::size_t longest_ = 0;
};

// One flow: a body, or one header at a time.
class Redactor {
 public:
  explicit Redactor(std::shared_ptr<const SecretForms> forms) : forms_(std::move(forms)) {}
  // What may be released of the bytes so far; a view of `out`, which is overwritten, or of `bytes` where nothing had to be changed.
  std::string_view feed(std::string_view bytes, std::string& out);
  // What was held back.
  std::string_view finish(std::string& out);
  // For bytes whose framing must stay as it is (WebSocket): a secret is overwritten, and a beginning too short to tell anything is not
  // waited for. Not to be mixed with feed().
  std::string_view feed_in_place(std::string_view bytes, std::string& out);
  std::size_t blotted() const { return blotted_; }  // secrets so far

 private:
  std::shared_ptr<const SecretForms> forms_;
  std::string held_;
  std::string told_;  // the last few bytes that feed_in_place() released
  std::size_t blotted_ = 0;
};

}  // namespace interlock::http
