// Header blocks of HTTP/2 as the heads of http_stream.hpp, both ways: what RFC 9113 §8 asks of a message beyond what libnghttp2 checks
// (it refuses pseudo-headers out of order, names with upper case, connection-specific fields, lengths that DATA contradicts). No I/O.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/http.hpp"
#include "net/http_stream.hpp"

namespace interlock::net {

inline constexpr std::size_t kFieldsOfBlock = 256;      // of one header block
inline constexpr std::size_t kFieldOverheadBytes = 32;  // RFC 9113 §6.5.2 counts a field so

// One header block as it comes.
class H2Block {
 public:
  // `header_bytes`: bound on all of it; what comes after is counted and not kept.
  void add(std::string_view name, std::string_view value, std::size_t header_bytes);
  bool is_too_large() const { return too_large_; }
  std::size_t bytes() const { return bytes_; }
  int status() const { return status_; }  // 0: none

  // Each leaves the block empty. A rule that was broken, a constant text, or null.
  const char* take_request(bool ends, RequestHead& head, bool& expects_continue);
  const char* take_response(bool ends, bool to_head, Headers& headers, std::optional<std::uint64_t>& length);
  Headers take_trailers();

 private:
  std::string method_, scheme_, authority_, path_, host_, cookie_;
  std::optional<std::uint64_t> length_;
  Headers headers_;
  std::size_t bytes_ = 0;
  std::size_t fields_ = 0;
  int status_ = 0;
  bool too_large_ = false;
  bool expects_continue_ = false;
  const char* problem_ = nullptr;
  void add_pseudo(std::string_view name, std::string_view value);
  void add_field(std::string_view name, std::string_view value);
};

// What is sent. Names are lowered by libnghttp2; fields that HTTP/2 must not hold, or that are no fields, are left out.
// The texts are not copied: they must live until the block is submitted.
class H2Fields {
 public:
  void clear() { list_.clear(); }
  void add(std::string_view name, std::string_view value);
  void add(const Headers& headers);
  const nghttp2_nv* data() const { return list_.data(); }
  std::size_t size() const { return list_.size(); }

 private:
  std::vector<nghttp2_nv> list_;
};

}  // namespace interlock::net
