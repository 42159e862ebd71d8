// Boost 1.81's parser asserts that a last chunk never comes in a piece of fewer than 5 bytes. A network does not heed that, and
// nothing in the parser depends on it: without the assertion it just asks for more.
#define BOOST_DISABLE_ASSERTS

#include "net/http_response_reader.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>

namespace interlock::net {
namespace {

namespace beast_http = boost::beast::http;
using boost::beast::error_code;

constexpr std::size_t kFields = 256;
constexpr std::size_t kFrameBytes = 8 * 1024;  // a chunk's size line, or all trailers
constexpr int kInterims = 16;

std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }

}  // namespace

// Beast's parser calls these; a problem, or a sink that has had enough, stops it.
struct ResponseReader::Message final : beast_http::basic_parser<false> {
  explicit Message(ResponseSink& s) : sink(s) {}
  ResponseSink& sink;
  int status = 0;
  Headers headers;
  const char* problem = nullptr;
  bool stopped = false;
  bool in_body = false;
  bool is_http_1_0 = false;
  bool has_length = false;
  bool has_coding = false;
  std::size_t trailers = 0;

  bool is_interim() const { return status < 200; }
  void refuse(const char* why, error_code& ec) {
    problem = why;
    ec = beast_http::error::bad_value;
  }
  void deliver(bool goes_on, error_code& ec) {
    if (goes_on) return;
    stopped = true;
    ec = beast_http::error::end_of_stream;
  }

  void on_response_impl(int code, boost::beast::string_view, int version, error_code& ec) override {
    status = code;
    is_http_1_0 = version == 10;
    if (code < 100 || code > 999) refuse("a status that is none", ec);
    if (code == 101) refuse("a switch of protocols that was not asked for", ec);
  }
  void on_field_impl(beast_http::field name, boost::beast::string_view name_text, boost::beast::string_view value_text, error_code& ec) override {
    if (in_body) {
      if (++trailers > kFields) refuse("too many trailers", ec);
      return;
    }
    const auto value = view(value_text);
    if (headers.all().size() >= kFields) return refuse("too many headers", ec);
    if (name == beast_http::field::content_length) {
      if (has_length || has_coding) return refuse("a length that is given more than once", ec);
      if (value.empty() || value.find_first_not_of("0123456789") != std::string_view::npos) return refuse("a Content-Length that is no number", ec);
      has_length = true;
    } else if (name == beast_http::field::transfer_encoding) {
      if (has_length || has_coding) return refuse("a length that is given more than once", ec);
      if (is_http_1_0 || !equal_ignoring_case(value, "chunked")) return refuse("a Transfer-Encoding other than chunked", ec);
      has_coding = true;
    }
    headers.add(std::string(view(name_text)), std::string(value));
  }
  void on_request_impl(beast_http::verb, boost::beast::string_view, boost::beast::string_view, int, error_code&) override {}  // of the other kind
  void on_header_impl(error_code& ec) override {
    in_body = true;
    if (!is_interim()) deliver(sink.on_response_head(status, std::move(headers)), ec);
  }
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(boost::beast::string_view body, error_code& ec) override {
    if (!body.empty()) deliver(sink.on_response_data(view(body)), ec);
    return body.size();
  }
  void on_chunk_header_impl(std::uint64_t, boost::beast::string_view extensions, error_code& ec) override {
    if (!is_field_value(view(extensions))) refuse("a control byte in a chunk extension", ec);
  }
  std::size_t on_chunk_body_impl(std::uint64_t, boost::beast::string_view body, error_code& ec) override {
    if (!body.empty()) deliver(sink.on_response_data(view(body)), ec);
    return body.size();
  }
  void on_finish_impl(error_code&) override {}
};

ResponseReader::ResponseReader(std::size_t header_bytes, bool to_head, ResponseSink& sink) : header_bytes_(header_bytes), to_head_(to_head), sink_(sink) {}
ResponseReader::~ResponseReader() = default;

bool ResponseReader::keep_alive() const { return state_ == State::kComplete && message_->keep_alive(); }

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
  const auto before = pending_.size();
  std::string_view head = bytes;
  if (before > 0) {
    pending_.append(bytes);
    head = pending_;
  }
  const auto found = scanner_.scan(head.substr(0, std::min(head.size(), header_bytes_)));
  if (found == HeadScanner::Found::kBad) {
    fail_with(ErrorCode::kInvalid, std::string("the server's answer is malformed: ") + scanner_.problem());
    return bytes.size();
  }
  if (found == HeadScanner::Found::kMore) {
    if (head.size() >= header_bytes_) fail_with(ErrorCode::kTooLarge, "the head of the server's answer is over " + std::to_string(header_bytes_) + " bytes");
    else if (before == 0) pending_.assign(bytes);
    return bytes.size();
  }
  const auto size = scanner_.size();
  parse_head(head.substr(0, size));
  pending_.clear();
  scanner_ = {};
  return size - before;
}

void ResponseReader::parse_head(std::string_view head) {
  message_ = std::make_unique<Message>(sink_);
  message_->header_limit(static_cast<std::uint32_t>(head.size() + 1));
  message_->body_limit(boost::none);
  message_->eager(true);
  message_->skip(to_head_);
  error_code ec;
  message_->put(boost::asio::const_buffer(head.data(), head.size()), ec);
  if (message_->stopped) {
    state_ = State::kStopped;
  } else if (message_->problem != nullptr) {
    fail_with(ErrorCode::kInvalid, std::string("the server's answer has ") + message_->problem);
  } else if ((ec && ec != beast_http::error::need_more) || !message_->is_header_done()) {
    fail_with(ErrorCode::kInvalid, "the server's answer is malformed");
  } else if (message_->is_interim()) {
    if (++interim_ > kInterims) fail_with(ErrorCode::kInvalid, "the server sends interim answers without end");
  } else {
    state_ = message_->is_done() ? State::kComplete : State::kBody;
  }
}

std::size_t ResponseReader::feed_body(std::string_view bytes) {
  const auto before = pending_.size();
  std::size_t used = 0;
  if (before == 0) {
    used = parse_body(bytes);
    if (state_ != State::kBody) return used;
    pending_.assign(bytes.substr(used));
  } else {
    pending_.append(bytes);
    used = parse_body(pending_);
    if (state_ != State::kBody) return used > before ? used - before : 0;
    pending_.erase(0, used);
  }
  if (pending_.size() > kFrameBytes) fail_with(ErrorCode::kInvalid, "the server's answer has a chunk frame that is too long");
  return bytes.size();
}

// Returns how many bytes the parser is done with.
std::size_t ResponseReader::parse_body(std::string_view bytes) {
  std::size_t used = 0;
  error_code ec;
  while (used < bytes.size() && !message_->is_done() && !ec) {
    used += message_->put(boost::asio::const_buffer(bytes.data() + used, bytes.size() - used), ec);
  }
  if (message_->stopped) state_ = State::kStopped;
  else if (message_->problem != nullptr) fail_with(ErrorCode::kInvalid, std::string("the server's answer has ") + message_->problem);
  else if (ec && ec != beast_http::error::need_more) fail_with(ErrorCode::kInvalid, "the server's answer has a malformed chunk");
  else if (message_->is_done()) state_ = State::kComplete;
  return used;
}

void ResponseReader::end() {
  if (state_ == State::kBody && message_->need_eof()) {
    error_code ec;
    message_->put_eof(ec);
    state_ = State::kComplete;
  } else if (state_ == State::kHead || state_ == State::kBody) {
    fail_with(ErrorCode::kUnavailable, state_ == State::kHead ? "the server closed the connection before it answered" : "the server closed the connection in the middle of its answer");
  }
}

}  // namespace interlock::net
