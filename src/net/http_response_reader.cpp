#include "net/http_response_reader.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <limits>

namespace interlock::net {
namespace {

namespace beast_http = boost::beast::http;
using boost::beast::error_code;

constexpr std::size_t kFields = 256;
constexpr int kInterims = 16;

std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }

// Beast's parser calls these; a problem stops it.
struct HeadParser final : beast_http::basic_parser<false> {
  int status = 0;
  Headers headers;
  const char* problem = nullptr;
  bool is_http_1_0 = false;
  bool has_length = false;
  bool has_coding = false;

  void refuse(const char* why, error_code& ec) {
    problem = why;
    ec = beast_http::error::bad_value;
  }

  void on_response_impl(int code, boost::beast::string_view, int version, error_code& ec) override {
    status = code;
    is_http_1_0 = version == 10;
    if (code < 100 || code > 999) refuse("a status that is none", ec);
    if (code == 101) refuse("a switch of protocols that was not asked for", ec);
  }
  void on_field_impl(beast_http::field name, boost::beast::string_view name_text, boost::beast::string_view value_text,
                     error_code& ec) override {
    const auto value = view(value_text);
    if (headers.all().size() >= kFields) return refuse("too many headers", ec);
    if (name == beast_http::field::content_length) {
      if (has_length || has_coding) return refuse("a length that is given more than once", ec);
      if (value.empty() || value.find_first_not_of("0123456789") != std::string_view::npos)
        return refuse("a Content-Length that is no number", ec);
      has_length = true;
    } else if (name == beast_http::field::transfer_encoding) {
      if (has_length || has_coding) return refuse("a length that is given more than once", ec);
      if (is_http_1_0 || !equal_ignoring_case(value, "chunked")) return refuse("a Transfer-Encoding other than chunked", ec);
      has_coding = true;
    }
    headers.add(std::string(view(name_text)), std::string(value));
  }
  void on_header_impl(error_code&) override {}
  void on_request_impl(beast_http::verb, boost::beast::string_view, boost::beast::string_view, int, error_code&) override {
  }  // of the other kind
  // The body is not this parser's: it is told to skip it.
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(boost::beast::string_view body, error_code&) override { return body.size(); }
  void on_chunk_header_impl(std::uint64_t, boost::beast::string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, boost::beast::string_view body, error_code&) override { return body.size(); }
  void on_finish_impl(error_code&) override {}
};

}  // namespace

ResponseReader::ResponseReader(std::size_t header_bytes, bool to_head, ResponseSink& sink)
    : header_bytes_(header_bytes), to_head_(to_head), sink_(sink) {}

void ResponseReader::fail_with(ErrorCode code, std::string message) {
  state_ = State::kFailed;
  error_ = {code, std::move(message), {}};
}

std::size_t ResponseReader::feed(std::string_view bytes) {
  std::size_t used = 0;
  while (used < bytes.size() && (state_ == State::kHead || state_ == State::kBody)) {
    const auto rest = bytes.substr(used);
    used += state_ == State::kHead ? feed_head(rest) : feed_body(rest);
  }
  return used;
}

std::size_t ResponseReader::feed_head(std::string_view bytes) {
  std::size_t used = 0;
  switch (collector_.feed(bytes, header_bytes_, used)) {
    case HeadCollector::Found::kMore: break;
    case HeadCollector::Found::kBad:
      fail_with(ErrorCode::kInvalid, std::string("the server's answer is malformed: ") + collector_.problem());
      break;
    case HeadCollector::Found::kTooLong:
      fail_with(ErrorCode::kTooLarge, "the head of the server's answer is over " + std::to_string(header_bytes_) + " bytes");
      break;
    case HeadCollector::Found::kEnd:
      parse_head(collector_.head());
      collector_.restart();
      break;
  }
  return used;
}

void ResponseReader::parse_head(std::string_view head) {
  HeadParser parser;
  parser.header_limit(static_cast<std::uint32_t>(head.size() + 1));
  parser.skip(true);
  error_code ec;
  parser.put(boost::asio::const_buffer(head.data(), head.size()), ec);
  if (parser.problem != nullptr) return fail_with(ErrorCode::kInvalid, std::string("the server's answer has ") + parser.problem);
  if (ec || !parser.is_done()) return fail_with(ErrorCode::kInvalid, "the server's answer is malformed");
  const int status = parser.status;
  if (status < 200) {
    if (++interim_ > kInterims) fail_with(ErrorCode::kInvalid, "the server sends interim answers without end");
    return;
  }
  // RFC 9112 §6.3
  if (to_head_ || status == 204 || status == 304) body_ = BodyDecoder::none();
  else if (parser.has_coding) body_ = BodyDecoder::chunked(std::numeric_limits<std::uint64_t>::max());
  else if (parser.has_length) body_ = BodyDecoder::length(parser.content_length().value_or(0));
  else body_ = BodyDecoder::until_end();
  keep_alive_ = parser.keep_alive() && !body_.ends_with_connection();
  state_ = body_.state() == BodyDecoder::State::kDone ? State::kComplete : State::kBody;
  if (!sink_.on_response_head(status, std::move(parser.headers))) state_ = State::kStopped;
}

std::size_t ResponseReader::feed_body(std::string_view bytes) {
  std::size_t used = 0;
  while (used < bytes.size() && body_.state() == BodyDecoder::State::kMore) {
    std::string_view data;
    used += body_.next(bytes.substr(used), data);
    if (!data.empty() && !sink_.on_response_data(data)) {
      state_ = State::kStopped;
      return used;
    }
  }
  if (body_.state() == BodyDecoder::State::kDone) state_ = State::kComplete;
  else if (body_.state() != BodyDecoder::State::kMore) fail_with(ErrorCode::kInvalid, "the server's answer has a malformed chunk");
  return used;
}

void ResponseReader::end() {
  if (state_ == State::kBody && body_.ends_with_connection()) {
    state_ = State::kComplete;
  } else if (state_ == State::kHead || state_ == State::kBody) {
    fail_with(ErrorCode::kUnavailable, state_ == State::kHead ? "the server closed the connection before it answered"
                                                              : "the server closed the connection in the middle of its answer");
  }
}

}  // namespace interlock::net
