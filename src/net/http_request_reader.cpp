#include "net/http_request_reader.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>

#include "base/json.hpp"
#include "net/http_head.hpp"

namespace interlock::net {
namespace {

namespace beast_http = boost::beast::http;
using boost::beast::error_code;

constexpr std::size_t kFields = 128;  // header lines of one message
constexpr std::size_t kFieldNameBytes = 256;
constexpr std::size_t kTargetBytes = 16 * 1024;
constexpr std::size_t kBodyReserve = 256 * 1024;  // set aside on a client's mere word for the length

std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }

Refusal bad(std::string message) {
  return {400, ErrorCode::kInvalid, std::move(message), "send a well-formed HTTP/1.1 request (RFC 9112)"};
}
Refusal too_large(std::size_t bound) {
  return {413, ErrorCode::kTooLarge, "the body is over " + std::to_string(bound) + " bytes",
          "send less, or raise the gate's bound on messages"};
}
Refusal bad_target(int status = 400) {
  return {status, status == 414 ? ErrorCode::kTooLarge : ErrorCode::kInvalid,
          status == 414 ? "the request target is too long" : "the request target is not valid",
          "send a path that begins with / (RFC 9112 §3.2)"};
}

// host [":" port] (RFC 9110 §7.2). Empty where the target has no authority.
bool is_host(std::string_view text) {
  return text.size() <= 512 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                  std::string_view("-._~%!$&'()*+;=:[]").find(c) != std::string_view::npos;
         });
}

// Beast's parser calls these; a refusal is kept and stops it.
struct HeadParser final : beast_http::basic_parser<true> {
  HttpRequest request;
  Refusal refusal{.status = 0, .code = ErrorCode::kInvalid, .message = {}, .hint = {}};
  bool is_http_1_0 = false;
  bool has_length = false;
  bool has_coding = false;
  bool wants_continue = false;

  void refuse(Refusal why, error_code& ec) {
    refusal = std::move(why);
    ec = beast_http::error::bad_value;
  }

  void on_request_impl(beast_http::verb, boost::beast::string_view method, boost::beast::string_view target, int version,
                       error_code& ec) override {
    is_http_1_0 = version == 10;
    request.method = std::string(view(method));
    take_target(view(target), ec);
  }

  void take_target(std::string_view target, error_code& ec) {
    if (target.size() > kTargetBytes) return refuse(bad_target(414), ec);
    if (!is_target_text(target)) return refuse(bad_target(), ec);
    if (request.method == "CONNECT") return refuse({501, ErrorCode::kUnsupported, "CONNECT is not served here", "send a path"}, ec);
    if (target == "*") {
      if (request.method != "OPTIONS") return refuse(bad_target(), ec);
      request.path = "*";
      return;
    }
    if (!target.starts_with('/')) {
      // Absolute form (RFC 9112 §3.2.2): its authority stands for the Host header, which is ignored.
      const auto scheme = target.find("://");
      if (scheme == std::string_view::npos ||
          !(equal_ignoring_case(target.substr(0, scheme), "http") || equal_ignoring_case(target.substr(0, scheme), "https"))) {
        return refuse(bad_target(), ec);
      }
      target.remove_prefix(scheme + 3);
      const auto end = target.find_first_of("/?");
      authority = std::string(target.substr(0, end));
      if (authority.empty() || !is_host(authority)) return refuse(bad_target(), ec);
      target = end == std::string_view::npos ? std::string_view() : target.substr(end);
    }
    const auto question = target.find('?');
    request.path = std::string(target.substr(0, question));
    if (request.path.empty()) request.path = "/";
    if (question != std::string_view::npos) request.query = std::string(target.substr(question + 1));
  }
  std::string authority;

  void on_field_impl(beast_http::field name, boost::beast::string_view name_text, boost::beast::string_view value_text,
                     error_code& ec) override {
    const auto value = view(value_text);
    if (request.headers.all().size() >= kFields)
      return refuse({431, ErrorCode::kTooLarge, "more than " + std::to_string(kFields) + " header lines", "send fewer"}, ec);
    if (name_text.size() > kFieldNameBytes) return refuse({431, ErrorCode::kTooLarge, "a header name is too long", "shorten it"}, ec);
    switch (name) {
      case beast_http::field::content_length:
        if (has_length || has_coding) return refuse(bad("the length of the body is given more than once"), ec);
        if (value.empty() || value.find_first_not_of("0123456789") != std::string_view::npos)
          return refuse(bad("Content-Length is not a number"), ec);
        has_length = true;
        break;
      case beast_http::field::transfer_encoding:
        if (has_length || has_coding) return refuse(bad("the length of the body is given more than once"), ec);
        if (is_http_1_0) return refuse(bad("HTTP/1.0 has no Transfer-Encoding"), ec);
        if (!equal_ignoring_case(value, "chunked")) return refuse(bad("a Transfer-Encoding other than chunked"), ec);
        has_coding = true;
        break;
      case beast_http::field::content_encoding:
        if (!equal_ignoring_case(value, "identity"))
          return refuse(
              {415, ErrorCode::kUnsupported, "the body is compressed, which is not supported", "send it without Content-Encoding"}, ec);
        break;
      case beast_http::field::expect:
        if (!equal_ignoring_case(value, "100-continue"))
          return refuse({417, ErrorCode::kUnsupported, "an unknown expectation", "send no Expect header, or 100-continue"}, ec);
        wants_continue = !is_http_1_0;
        break;
      case beast_http::field::host:
        if (request.headers.get("host")) return refuse(bad("more than one Host header"), ec);
        if (!is_host(value)) return refuse(bad("the Host header is not valid"), ec);
        break;
      default: break;
    }
    request.headers.add(std::string(view(name_text)), std::string(value));
  }

  void on_response_impl(int, boost::beast::string_view, int, error_code&) override {}  // of the other kind of message
  void on_header_impl(error_code& ec) override {
    if (!is_http_1_0 && !request.headers.get("host")) return refuse(bad("the Host header is missing"), ec);
    if (!authority.empty()) request.headers.set("Host", authority);
  }
  // The body is not this parser's: it is told to skip it.
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(boost::beast::string_view body, error_code&) override { return body.size(); }
  void on_chunk_header_impl(std::uint64_t, boost::beast::string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, boost::beast::string_view body, error_code&) override { return body.size(); }
  void on_finish_impl(error_code&) override {}
};

Refusal parse_error(std::string_view head) {
  const auto line = head.substr(0, head.find("\r\n"));
  const auto version = line.substr(std::min(line.size(), line.rfind(' ') + 1));
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (version.size() == 8 && version.starts_with("HTTP/") && is_digit(version[5]) && version[6] == '.' && is_digit(version[7]) &&
      version != "HTTP/1.1" && version != "HTTP/1.0") {
    return {505, ErrorCode::kUnsupported, "only HTTP/1.1 and HTTP/1.0 are served", "speak HTTP/1.1"};
  }
  return bad("malformed request head");
}

}  // namespace

std::string refusal_body(const Refusal& refusal) {
  std::string out = R"({"error":{"code":)";
  json::write_string_to(out, error_code_name(refusal.code));
  out += R"(,"message":)";
  json::write_string_to(out, refusal.message);
  out += R"(,"hint":)";
  json::write_string_to(out, refusal.hint);
  out += "}}";
  return out;
}

RequestReader::RequestReader(std::size_t header_bytes, std::size_t body_bytes) : header_bytes_(header_bytes), body_bytes_(body_bytes) {}

std::size_t RequestReader::feed(std::string_view bytes) {
  const auto all = bytes.size();
  if (state_ == State::kIdle) {
    // Empty lines before a request are skipped (RFC 9112 §2.2).
    if (std::exchange(half_line_, false)) {
      if (bytes.front() == '\n') return 1;
      refuse(bad("malformed request: a CR without LF"));
      return all;
    }
    while (bytes.starts_with("\r\n")) bytes.remove_prefix(2);
    half_line_ = bytes == "\r";
    if (bytes.empty() || half_line_) return all;
    state_ = State::kHead;
  }
  const auto skipped = all - bytes.size();
  return skipped + (state_ == State::kHead ? feed_head(bytes) : feed_body(bytes));
}

std::size_t RequestReader::feed_head(std::string_view bytes) {
  std::size_t used = 0;
  switch (collector_.feed(bytes, header_bytes_, used)) {
    case HeadCollector::Found::kMore: return used;
    case HeadCollector::Found::kBad: refuse(bad(std::string("malformed request: ") + collector_.problem())); return used;
    case HeadCollector::Found::kTooLong:
      refuse(collector_.has_line() ? Refusal{431, ErrorCode::kTooLarge, "the head is over " + std::to_string(header_bytes_) + " bytes",
                                             "send fewer or shorter headers"}
                                   : bad_target(414));
      return used;
    case HeadCollector::Found::kEnd: break;
  }
  parse_head(collector_.head());
  collector_.restart();
  if (state_ != State::kBody) return used;
  return used + (used < bytes.size() ? feed_body(bytes.substr(used)) : 0);
}

void RequestReader::parse_head(std::string_view head) {
  HeadParser parser;
  parser.header_limit(static_cast<std::uint32_t>(head.size() + 1));
  parser.skip(true);
  error_code ec;
  parser.put(boost::asio::const_buffer(head.data(), head.size()), ec);
  if (parser.refusal.status != 0) return refuse(std::move(parser.refusal));
  if (ec || !parser.is_done()) return refuse(parse_error(head));
  message_.keep_alive = parser.keep_alive();
  message_.is_http_1_0 = parser.is_http_1_0;
  message_.request = std::move(parser.request);
  wants_continue_ = parser.wants_continue;
  if (parser.has_coding) {
    body_ = BodyDecoder::chunked(body_bytes_);
  } else {
    const auto length = parser.content_length().value_or(0);
    if (length > body_bytes_) return refuse(too_large(body_bytes_));
    message_.request.body.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(length, kBodyReserve)));
    body_ = BodyDecoder::length(length);
  }
  state_ = body_.state() == BodyDecoder::State::kDone ? State::kComplete : State::kBody;
}

std::size_t RequestReader::feed_body(std::string_view bytes) {
  std::size_t used = 0;
  while (used < bytes.size() && body_.state() == BodyDecoder::State::kMore) {
    std::string_view data;
    used += body_.next(bytes.substr(used), data);
    message_.request.body.append(data);
  }
  switch (body_.state()) {
    case BodyDecoder::State::kMore: break;
    case BodyDecoder::State::kDone: state_ = State::kComplete; break;
    case BodyDecoder::State::kMalformed: refuse(bad("malformed chunked body")); break;
    case BodyDecoder::State::kTooLarge: refuse(too_large(body_bytes_)); break;
    case BodyDecoder::State::kFrameTooLong:
      refuse({431, ErrorCode::kTooLarge, "a chunk's size line, or the trailers, are too long", "send shorter ones"});
      break;
  }
  return used;
}

bool RequestReader::take_continue() {
  return state_ == State::kBody && std::exchange(wants_continue_, false) && message_.request.body.empty();
}

void RequestReader::refuse(Refusal refusal) {
  refusal_ = std::move(refusal);
  state_ = State::kRefused;
  message_ = {};
}

ReceivedRequest RequestReader::take() {
  state_ = State::kIdle;
  return std::exchange(message_, {});
}

}  // namespace interlock::net
