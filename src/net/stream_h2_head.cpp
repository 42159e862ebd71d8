#include "net/stream_h2_head.hpp"

#include <algorithm>
#include <charconv>

#include "net/http_head_scanner.hpp"
#include "net/stream_connection.hpp"

namespace interlock::net {
namespace {

constexpr std::size_t kTargetBytes = 16 * 1024;
constexpr std::size_t kAuthorityBytes = 512;

// RFC 3986 leaves these out of a URI; a byte that only some readers take is taken by none here.
bool is_target_text(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return c <= ' ' || c >= 0x7f || c == '#' || c == '"' || c == '<' || c == '>' || c == '\\'; });
}

// host [":" port] without user information (RFC 9113 §8.3.1).
bool is_authority(std::string_view text) {
  return !text.empty() && text.size() <= kAuthorityBytes && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           std::string_view("-._~%!$&'()*+;=:[]").find(c) != std::string_view::npos;
  });
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

void H2Block::add(std::string_view name, std::string_view value, std::size_t header_bytes) {
  bytes_ += name.size() + value.size() + kFieldOverheadBytes;
  if (++fields_ > kFieldsOfBlock || bytes_ > header_bytes) too_large_ = true;
  if (too_large_) return;
  if (name.starts_with(':')) add_pseudo(name, value);
  else add_field(name, value);
}

// That each is known, comes once and before all fields is seen to by libnghttp2.
void H2Block::add_pseudo(std::string_view name, std::string_view value) {
  if (name == ":method") method_ = value;
  else if (name == ":scheme") scheme_ = value;
  else if (name == ":authority") authority_ = value;
  else if (name == ":path") path_ = value;
  else if (name == ":status") status_ = static_cast<int>(std::min<std::uint64_t>(number(value).value_or(0), 999));
}

void H2Block::add_field(std::string_view name, std::string_view value) {
  if (name == "host") {
    host_ = value;
  } else if (name == "content-length") {
    length_ = number(value);
    if (!length_) problem_ = "content-length is not a number";
  } else if (name == "cookie") {
    // Crumbs are one field again before they leave HTTP/2 (RFC 9113 §8.2.3).
    if (!cookie_.empty()) cookie_ += "; ";
    cookie_ += value;
  } else if (name == "expect") {
    if (equal_ignoring_case(value, "100-continue")) expects_continue_ = true;
    else problem_ = "an unknown expectation";
  } else if (!is_hop_by_hop(name)) {
    headers_.add(std::string(name), std::string(value));
  }
}

const char* H2Block::take_request(bool ends, RequestHead& head, bool& expects_continue) {
  auto block = std::exchange(*this, {});
  const bool agree = block.authority_.empty() || block.host_.empty() || equal_ignoring_case(block.authority_, block.host_);
  head.version = HttpVersion::k2;
  head.method = std::move(block.method_);
  head.scheme = std::move(block.scheme_);
  head.authority = std::move(block.authority_.empty() ? block.host_ : block.authority_);
  head.target = std::move(block.path_);
  head.headers = std::move(block.headers_);
  if (!block.cookie_.empty()) head.headers.add("cookie", std::move(block.cookie_));
  head.length = ends ? std::optional<std::uint64_t>(0) : block.length_;
  expects_continue = block.expects_continue_ && !ends;
  if (block.problem_ != nullptr) return block.problem_;
  if (!is_token(head.method)) return "a method that is none";
  if (!is_authority(head.authority)) return "an authority that is none";
  if (!agree) return ":authority and host differ";
  if (head.method == "CONNECT") return nullptr;  // has neither scheme nor path
  if (head.scheme != "http" && head.scheme != "https") return "a scheme other than http and https";
  if (head.target == "*" ? head.method != "OPTIONS" : !head.target.starts_with('/')) return "a target that is no path";
  if (!is_target_text(head.target)) return "a target that is no path";
  if (head.target.size() > kTargetBytes) return "a target that is too long";
  return nullptr;
}

const char* H2Block::take_response(bool ends, bool to_head, Headers& headers, std::optional<std::uint64_t>& length) {
  auto block = std::exchange(*this, {});
  headers = std::move(block.headers_);
  length = ends && !to_head && block.status_ != 304 ? std::optional<std::uint64_t>(0) : block.length_;
  if (block.problem_ != nullptr) return block.problem_;
  if (block.status_ < 100 || block.status_ == 101 || block.status_ > 599) return "a status that is none";
  return nullptr;
}

Headers H2Block::take_trailers() { return std::exchange(*this, {}).headers_; }

void H2Fields::add(std::string_view name, std::string_view value) {
  list_.push_back({reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
                   reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
}

void H2Fields::add(const Headers& headers) {
  for (const auto& [name, value] : headers.all()) {
    if (is_token(name) && is_field_value(value) && !is_hop_by_hop(name)) add(name, value);
  }
}

}  // namespace interlock::net
