#include "net/http_writer.hpp"

#include <array>
#include <charconv>
#include <ctime>

#include "net/http_head_scanner.hpp"
#include "net/stream_connection.hpp"

namespace interlock::net {
namespace {

void append_number(std::string& out, std::size_t number, int base = 10) {
  std::array<char, 24> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, base).ptr;
  out.append(digits.data(), end);
}

void append_header(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

bool is_framing(std::string_view name) {
  for (const std::string_view ours : {"content-length", "transfer-encoding", "connection", "date", "host"}) {
    if (equal_ignoring_case(name, ours)) return true;
  }
  return false;
}

void append_headers(std::string& out, const Headers& headers, bool keep_date) {
  for (const auto& [name, value] : headers.all()) {
    if (is_framing(name) && !(keep_date && equal_ignoring_case(name, "date"))) continue;
    if (is_token(name) && is_field_value(value)) append_header(out, name, value);
  }
}

void append_stream_head(std::string& out, const StreamHead& head) {
  for (const auto& [name, value] : head.headers.all()) {
    if (!is_hop_by_hop(name)) append_header(out, name, value);
  }
  if (head.framing == Framing::kLength) {
    out.append("Content-Length: ");
    append_number(out, head.length);
    out.append("\r\n");
  } else if (head.framing == Framing::kChunked) {
    append_header(out, "Transfer-Encoding", "chunked");
  }
  if (!head.upgrade.empty()) out.append("Connection: Upgrade\r\nUpgrade: ").append(head.upgrade).append("\r\n");
  else if (!head.connection.empty()) append_header(out, "Connection", head.connection);
  out.append("\r\n");
}

}  // namespace

std::string_view reason_phrase(int status) {
  switch (status) {
    case 100: return "Continue";
    case 101: return "Switching Protocols";
    case 103: return "Early Hints";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 206: return "Partial Content";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 407: return "Proxy Authentication Required";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 417: return "Expectation Failed";
    case 421: return "Misdirected Request";
    case 422: return "Unprocessable Content";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 508: return "Loop Detected";
    case 505: return "HTTP Version Not Supported";
    default: return "";
  }
}

std::string_view http_date() {
  thread_local std::time_t at = 0;
  thread_local std::array<char, 32> text{};
  const auto now = std::time(nullptr);
  if (now != at) {
    at = now;
    std::tm parts{};
    ::gmtime_r(&now, &parts);
    std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  }
  return text.data();
}

void write_response_head(std::string& out, const ResponseHead& head) {
  out.append("HTTP/1.1 ");
  append_number(out, static_cast<std::size_t>(head.status));
  out.append(" ").append(reason_phrase(head.status)).append("\r\n");
  append_header(out, "Date", http_date());
  append_headers(out, head.headers, false);
  if (head.framing == Framing::kLength) {
    out.append("Content-Length: ");
    append_number(out, head.length);
    out.append("\r\n");
  } else if (head.framing == Framing::kChunked) {
    append_header(out, "Transfer-Encoding", "chunked");
  }
  if (head.close) append_header(out, "Connection", "close");
  else if (head.keep_alive_of_1_0) append_header(out, "Connection", "keep-alive");
  out.append("\r\n");
}

void write_request_head(std::string& out, std::string_view method, std::string_view target, std::string_view host, const Headers& headers,
                        std::optional<std::size_t> length) {
  out.append(method).append(" ").append(target).append(" HTTP/1.1\r\n");
  append_header(out, "Host", host);
  append_headers(out, headers, true);
  if (length) {
    out.append("Content-Length: ");
    append_number(out, *length);
    out.append("\r\n");
  }
  out.append("\r\n");
}

void write_stream_response_head(std::string& out, int status, const StreamHead& head) {
  out.append("HTTP/1.1 ");
  append_number(out, static_cast<std::size_t>(status));
  out.append(" ").append(reason_phrase(status)).append("\r\n");
  if (status >= 200 && !head.headers.get("date")) append_header(out, "Date", http_date());
  append_stream_head(out, head);
}

void write_stream_request_head(std::string& out, std::string_view method, std::string_view target, std::string_view host,
                               const StreamHead& head) {
  out.append(method).append(" ").append(target).append(" HTTP/1.1\r\n");
  append_header(out, "Host", host);
  append_stream_head(out, head);
}

void write_chunk_size(std::string& out, std::size_t size) {
  append_number(out, size, 16);
  out.append("\r\n");
}

void write_last_chunk(std::string& out, const Headers& trailers) {
  out.append("0\r\n");
  for (const auto& [name, value] : trailers.all()) {
    if (is_token(name) && is_field_value(value) && !is_hop_by_hop(name)) out.append(name).append(": ").append(value).append("\r\n");
  }
  out.append("\r\n");
}

}  // namespace interlock::net
