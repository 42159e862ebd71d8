#include "net/http_head.hpp"

#include <array>
#include <charconv>

#include "net/http_head_scanner.hpp"
#include "net/stream_connection.hpp"

namespace interlock::net {
namespace {

constexpr std::size_t kFields = 256;  // header lines of one message
constexpr std::size_t kFieldNameBytes = 256;
constexpr std::size_t kTargetBytes = 16 * 1024;
constexpr std::size_t kMethodBytes = 64;
constexpr std::size_t kConnectionOptions = 32;
constexpr std::size_t kAuthorityBytes = 512;

enum class Field : std::uint8_t {
  kOther,
  kConnection,
  kContentLength,
  kExpect,
  kHost,
  kTransferEncoding,
  kUpgrade,
  kDropped,  // other hop-by-hop ones
};

// By length first: most names are none of these.
Field field_of(std::string_view name) {
  const auto is = [name](std::string_view known) { return equal_ignoring_case(name, known); };
  switch (name.size()) {
    case 2: return is("te") ? Field::kDropped : Field::kOther;
    case 4: return is("host") ? Field::kHost : Field::kOther;
    case 6: return is("expect") ? Field::kExpect : Field::kOther;
    case 7: return is("upgrade") ? Field::kUpgrade : is("trailer") ? Field::kDropped : Field::kOther;
    case 10: return is("connection") ? Field::kConnection : is("keep-alive") ? Field::kDropped : Field::kOther;
    case 14: return is("content-length") ? Field::kContentLength : is("http2-settings") ? Field::kDropped : Field::kOther;
    case 16: return is("proxy-connection") ? Field::kDropped : Field::kOther;
    case 17: return is("transfer-encoding") ? Field::kTransferEncoding : Field::kOther;
    default: return Field::kOther;
  }
}

struct Problem {
  int status = 0;  // 0: none
  std::string_view text{};
};
constexpr Problem bad(std::string_view text) { return {400, text}; }

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// Up to the next CRLF, which is taken as well.
std::string_view take_line(std::string_view& text) {
  const auto end = text.find("\r\n");
  const auto line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 2);
  return line;
}

// What the header lines say of the message and the connection; the rest goes into `kept`.
struct Fields {
  bool is_http_1_0 = false;
  std::optional<std::uint64_t> length;
  bool is_chunked = false;
  std::optional<std::string_view> host;
  std::optional<std::string_view> expect;
  std::string_view upgrade;
  std::array<std::string_view, kConnectionOptions> options;
  std::size_t option_count = 0;
  Headers kept;

  bool has_option(std::string_view option) const {
    return std::any_of(options.begin(), options.begin() + static_cast<std::ptrdiff_t>(option_count),
                       [option](std::string_view it) { return equal_ignoring_case(it, option); });
  }
  bool keep_alive() const { return !has_option("close") && (!is_http_1_0 || has_option("keep-alive")); }

  Problem take(std::string_view lines) {
    std::size_t count = 0;
    while (!lines.empty()) {
      const auto line = take_line(lines);
      if (line.empty()) break;
      if (++count > kFields) return {431, "more header lines than may be"};
      if (const auto problem = take_field(line); problem.status != 0) return problem;
    }
    for (std::size_t i = 0; i < option_count; ++i) kept.remove(options[i]);
    return {};
  }

 private:
  Problem take_field(std::string_view line) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return bad("a header line without a colon");
    const auto name = line.substr(0, colon);
    if (name.size() > kFieldNameBytes) return {431, "a header name that is too long"};
    if (!name.empty() && (name.back() == ' ' || name.back() == '\t')) return bad("white space before a colon");
    if (!is_token(name)) return bad("a header name that is no token");
    const auto value = trimmed(line.substr(colon + 1));
    switch (field_of(name)) {
      case Field::kOther: kept.add(std::string(name), std::string(value)); return {};
      case Field::kDropped: return {};
      case Field::kConnection: return take_options(value);
      case Field::kContentLength: return take_length(value);
      case Field::kTransferEncoding: return take_coding(value);
      case Field::kUpgrade:
        if (!upgrade.empty()) return bad("more than one Upgrade");
        upgrade = value;
        return {};
      case Field::kExpect:
        if (expect) return bad("more than one Expect");
        expect = value;
        return {};
      case Field::kHost:
        if (host) return bad("more than one Host");
        host = value;
        return {};
    }
    return {};
  }

  Problem take_options(std::string_view value) {
    while (!value.empty()) {
      const auto comma = value.find(',');
      const auto option = trimmed(value.substr(0, comma));
      value.remove_prefix(comma == std::string_view::npos ? value.size() : comma + 1);
      if (option.empty()) continue;
      if (!is_token(option)) return bad("a Connection option that is no token");
      if (option_count == options.size()) return {431, "more Connection options than may be"};
      options[option_count++] = option;
    }
    return {};
  }

  Problem take_length(std::string_view value) {
    if (is_chunked) return bad("content-length and transfer-encoding");
    if (length) return bad("more than one Content-Length");
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (value.empty() || error != std::errc() || end != value.data() + value.size()) return bad("a Content-Length that is no number");
    length = number;
    return {};
  }

  Problem take_coding(std::string_view value) {
    if (length) return bad("content-length and transfer-encoding");
    if (is_chunked) return bad("more than one Transfer-Encoding");
    if (is_http_1_0) return bad("a Transfer-Encoding in HTTP/1.0");
    if (!equal_ignoring_case(value, "chunked")) return bad("a Transfer-Encoding other than chunked");
    is_chunked = true;
    return {};
  }
};

// "1.1" or "1.0" behind "HTTP/".
Problem take_version(std::string_view version, bool& is_http_1_0) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  is_http_1_0 = version == "HTTP/1.0";
  if (is_http_1_0 || version == "HTTP/1.1") return {};
  if (version.size() == 8 && version.starts_with("HTTP/") && is_digit(version[5]) && version[6] == '.' && is_digit(version[7]))
    return {505, "a version other than HTTP/1.1 and HTTP/1.0"};
  return bad("a first line that is none");
}

std::string_view default_port_of(std::string_view scheme) { return scheme == "https" ? "443" : "80"; }

// RFC 9112 §3.2. `out` gets scheme, authority and target.
Problem take_target(std::string_view target, RequestHead& out) {
  if (target.size() > kTargetBytes) return {414, "a target that is too long"};
  if (target.empty() || !is_target_text(target)) return bad("a target with characters that none may have");
  if (out.method == "CONNECT") {
    if (!is_authority(target) || target.ends_with(']') || target.rfind(':') == std::string_view::npos)
      return bad("a CONNECT to what is not host:port");
    out.authority = std::string(target);
    return {};
  }
  if (target == "*") {
    if (out.method != "OPTIONS") return bad("a target * of a method other than OPTIONS");
    out.target = "*";
    return {};
  }
  if (target.starts_with('/')) {
    out.target = std::string(target);
    return {};
  }
  const auto colon = target.find("://");
  if (colon == std::string_view::npos) return bad("a target that is neither a path nor a URL");
  const auto scheme = target.substr(0, colon);
  if (equal_ignoring_case(scheme, "http")) out.scheme = "http";
  else if (equal_ignoring_case(scheme, "https")) out.scheme = "https";
  else return bad("a target that is a URL of another scheme");
  target.remove_prefix(scheme.size() + 3);
  const auto end = std::min(target.size(), target.find_first_of("/?"));
  if (!is_authority(target.substr(0, end))) return bad("a URL whose authority is not host:port");
  out.authority = std::string(target.substr(0, end));
  target.remove_prefix(end);
  if (target.empty() && out.method == "OPTIONS") out.target = "*";  // RFC 9112 §3.2.4
  else out.target = target.starts_with('/') ? std::string(target) : "/" + std::string(target);
  return {};
}

Problem take_request_line(std::string_view line, RequestHead& out, bool& is_http_1_0) {
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return bad("a first line that is not method, target and version");
  if (const auto problem = take_version(line.substr(last + 1), is_http_1_0); problem.status != 0) return problem;
  const auto method = line.substr(0, first);
  if (method.size() > kMethodBytes || !is_token(method)) return bad("a method that is none");
  out.method = std::string(method);
  out.version = is_http_1_0 ? HttpVersion::k1_0 : HttpVersion::k1_1;
  return take_target(line.substr(first + 1, last - first - 1), out);
}

// Host stands for the authority where the target has none; where both are given they agree.
Problem take_host(const Fields& fields, RequestHead& out) {
  if (!fields.host) return fields.is_http_1_0 ? Problem{} : bad("no Host");
  if (!is_authority(*fields.host)) return bad("a Host that is not host[:port]");
  if (out.authority.empty()) {
    out.authority = std::string(*fields.host);
    return {};
  }
  // A CONNECT names its port in the target; a Host without one means the same.
  const auto port =
      out.method == "CONNECT" ? std::string_view(out.authority).substr(out.authority.rfind(':') + 1) : default_port_of(out.scheme);
  if (!same_authority(*fields.host, out.authority, port)) return bad("a Host other than that of the target");
  return {};
}

Problem take_request(std::string_view head, RequestParts& out) {
  Fields fields;
  if (const auto problem = take_request_line(take_line(head), out.head, fields.is_http_1_0); problem.status != 0) return problem;
  if (const auto problem = fields.take(head); problem.status != 0) return problem;
  if (const auto problem = take_host(fields, out.head); problem.status != 0) return problem;
  if (fields.expect) {
    if (!equal_ignoring_case(*fields.expect, "100-continue")) return {417, "an expectation other than 100-continue"};
    out.wants_continue = !fields.is_http_1_0;
  }
  const bool has_body = fields.is_chunked || fields.length.value_or(0) > 0;
  if (out.head.method == "CONNECT" && (fields.is_chunked || fields.length)) return bad("a CONNECT with a body");
  if (out.head.method == "TRACE" && has_body) return bad("a TRACE with a body");
  out.is_chunked = fields.is_chunked;
  out.head.length = fields.is_chunked ? std::nullopt : std::optional<std::uint64_t>(fields.length.value_or(0));
  out.keep_alive = fields.keep_alive();
  // Asked for in both headers, by a message that ends where its head does: what follows is then the other protocol's (RFC 9110 §7.8).
  // h2c is not spoken, and a list of protocols is a wish that may go unheard.
  if (fields.has_option("upgrade") && !has_body && !fields.is_http_1_0 && is_token(fields.upgrade) &&
      !equal_ignoring_case(fields.upgrade, "h2c"))
    out.head.upgrade = std::string(fields.upgrade);
  out.head.headers = std::move(fields.kept);
  return {};
}

Problem take_response(std::string_view head, ResponseParts& out) {
  Fields fields;
  const auto line = take_line(head);
  const auto space = line.find(' ');
  if (const auto problem = take_version(line.substr(0, space), fields.is_http_1_0); problem.status != 0) return problem;
  const auto status = space == std::string_view::npos ? std::string_view() : line.substr(space + 1, 3);
  const auto behind = space == std::string_view::npos ? std::string_view() : line.substr(std::min(line.size(), space + 4));
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (status.size() != 3 || !std::all_of(status.begin(), status.end(), is_digit) || status.front() == '0' ||
      !(behind.empty() || behind.front() == ' '))
    return bad("a status that is none");
  std::from_chars(status.data(), status.data() + status.size(), out.status);
  if (const auto problem = fields.take(head); problem.status != 0) return problem;
  if (out.status < 200 && (fields.is_chunked || fields.length)) return bad("an interim status with a body");
  if (out.status < 200 && fields.is_http_1_0) return bad("an interim status in HTTP/1.0");
  out.length = fields.length;
  out.is_chunked = fields.is_chunked;
  out.keep_alive = fields.keep_alive();
  if (out.status == 101) {
    if (!fields.has_option("upgrade") || !is_token(fields.upgrade)) return bad("a switch to no protocol");
    out.upgrade = std::string(fields.upgrade);
  }
  out.headers = std::move(fields.kept);
  if (fields.host) out.headers.remove("host");
  return {};
}

}  // namespace

std::expected<RequestParts, Refusal> parse_request_parts(std::string_view head) {
  RequestParts parts;
  const auto problem = take_request(head, parts);
  if (problem.status == 0) return parts;
  const auto code = problem.status == 414 || problem.status == 431   ? ErrorCode::kTooLarge
                    : problem.status == 505 || problem.status == 417 ? ErrorCode::kUnsupported
                                                                     : ErrorCode::kInvalid;
  return std::unexpected(
      Refusal{problem.status, code, "the request has " + std::string(problem.text), "send a well-formed HTTP/1.1 request (RFC 9112)"});
}

std::expected<ResponseParts, Error> parse_response_parts(std::string_view head) {
  ResponseParts parts;
  const auto problem = take_response(head, parts);
  if (problem.status == 0) return parts;
  return std::unexpected(Error{ErrorCode::kInvalid, "the server's answer has " + std::string(problem.text), {}});
}

Headers parse_trailers(std::string_view lines) {
  Headers out;
  while (!lines.empty() && out.all().size() < kFields) {
    const auto line = take_line(lines);
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) break;
    const auto name = line.substr(0, colon);
    const bool is_routing = equal_ignoring_case(name, "authorization") || equal_ignoring_case(name, "proxy-authorization") ||
                            equal_ignoring_case(name, "cookie") || equal_ignoring_case(name, "set-cookie") ||
                            equal_ignoring_case(name, "content-encoding") || equal_ignoring_case(name, "content-type") ||
                            equal_ignoring_case(name, "content-range") || equal_ignoring_case(name, "expect");
    if (!is_token(name) || is_hop_by_hop(name) || is_routing) continue;
    out.add(std::string(name), std::string(trimmed(line.substr(colon + 1))));
  }
  return out;
}

bool is_hop_by_hop(std::string_view name) {
  const auto field = field_of(name);
  return field != Field::kOther && field != Field::kExpect;
}

bool is_authority(std::string_view text) {
  if (text.empty() || text.size() > kAuthorityBytes) return false;
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto is_hex = [&](char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); };
  const auto is_name = [&](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' || c == '_';
  };
  std::string_view rest;
  if (text.front() == '[') {
    const auto end = text.find(']');
    if (end == std::string_view::npos || end < 3) return false;
    const auto inside = text.substr(1, end - 1);
    if (!std::all_of(inside.begin(), inside.end(), [&](char c) { return is_hex(c) || c == ':' || c == '.'; })) return false;
    rest = text.substr(end + 1);
  } else {
    const auto end = std::min(text.size(), text.find(':'));
    if (end == 0 || !std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(end), is_name)) return false;
    rest = text.substr(end);
  }
  if (rest.empty()) return true;
  rest.remove_prefix(1);
  unsigned port = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), port);
  return text[text.size() - rest.size() - 1] == ':' && !rest.empty() && rest.size() <= 5 && error == std::errc() &&
         end == rest.data() + rest.size() && port >= 1 && port <= 65535;
}

bool same_authority(std::string_view a, std::string_view b, std::string_view default_port) {
  const auto split = [default_port](std::string_view text) {
    const auto colon = text.rfind(':');
    const bool has_port = colon != std::string_view::npos && !text.ends_with(']');
    return has_port ? std::pair(text.substr(0, colon), text.substr(colon + 1)) : std::pair(text, default_port);
  };
  const auto [a_host, a_port] = split(a);
  const auto [b_host, b_port] = split(b);
  return equal_ignoring_case(a_host, b_host) && a_port == b_port;
}

bool is_target_text(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return c <= ' ' || c >= 0x7f || c == '#' || c == '"' || c == '<' || c == '>' || c == '\\'; });
}

bool is_writable(const Headers& headers) {
  return std::all_of(headers.all().begin(), headers.all().end(),
                     [](const auto& entry) { return is_token(entry.first) && is_field_value(entry.second); });
}

}  // namespace interlock::net
