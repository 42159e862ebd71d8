// An answer on its way back to the agent: made plain where it must be searched, searched for what was leased, hashed, and its end held back
// until its receipt is written. Loop thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/hash.hpp"
#include "net/http_stream.hpp"
#include "surface/http/decode.hpp"
#include "surface/http/redaction.hpp"

struct evp_md_ctx_st;

namespace interlock::http {

class Answer {
 public:
  // `forms` null or empty: nothing is searched for. `keep_cookies`: else what sets cookies is taken off where something is searched for,
  // since it is the session of the credential.
  Answer(std::shared_ptr<net::ServerStream> stream, std::shared_ptr<const SecretForms> forms, std::size_t decoded_ratio, bool keep_cookies);
  ~Answer();
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;

  // kUnsupported: it is compressed in a way that cannot be searched. Then nothing of it was released.
  Status head(int status, net::Headers headers, std::optional<std::uint64_t> length);
  // False: the client is behind, wait for on_writable. An error: it is cut.
  Result<bool> data(std::string_view bytes);
  Status complete(net::Headers trailers);
  // Releases the end of it, once it may be.
  void release();

  bool begun() const { return status_ != 0; }
  bool released_anything() const { return head_sent_; }
  int status() const { return status_; }
  std::uint64_t bytes() const { return bytes_; }
  Digest digest();
  std::size_t hidden() const;                  // secrets found
  net::Headers cleaned(net::Headers headers);  // without what was leased
  const std::shared_ptr<const SecretForms>& forms() const { return forms_; }
  bool searches() const { return redactor_.has_value(); }

 private:
  std::string cleaned(std::string_view text);
  bool give(std::string_view plain);
  bool search_and_give(std::string_view plain);

  std::shared_ptr<net::ServerStream> stream_;
  std::shared_ptr<const SecretForms> forms_;
  std::size_t ratio_;
  bool keep_cookies_;
  int status_ = 0;
  std::optional<std::uint64_t> length_;
  net::Headers headers_;
  net::Headers trailers_;
  bool head_sent_ = false;
  bool may_have_body_ = true;
  std::unique_ptr<Decoder> decoder_;
  std::optional<Redactor> redactor_;
  std::string piece_;
  std::string last_;  // the piece that completes an answer of known length
  std::uint64_t bytes_ = 0;
  std::size_t hidden_in_heads_ = 0;
  std::unique_ptr<evp_md_ctx_st, void (*)(evp_md_ctx_st*)> hash_;
};

}  // namespace interlock::http
