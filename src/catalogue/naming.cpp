#include "catalogue/naming.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/text.hpp"

namespace interlock::catalogue {
namespace {

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// Splits at '/', drops empty segments and ".", lets ".." take the segment before it away. Where nothing is left to take away,
// an absolute path stays at the root and a relative one keeps its "..".
std::optional<std::vector<std::string_view>> collapse(std::string_view path, bool absolute) {
  std::vector<std::string_view> kept;
  while (!path.empty()) {
    const std::size_t end = path.find('/');
    const std::string_view segment = path.substr(0, end);
    path = end == std::string_view::npos ? std::string_view{} : path.substr(end + 1);
    if (segment.empty() || segment == ".") continue;
    if (segment == ".." && !kept.empty() && kept.back() != "..") {
      kept.pop_back();
    } else if (segment != ".." || !absolute) {
      kept.push_back(segment);
      if (kept.size() > kMaxFolders) return std::nullopt;
    }
  }
  return kept;
}

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> percent_decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
    if (low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

// "127.1", "0x7f.1", "2130706433": all spellings of inet_aton(3), which browsers and many clients accept.
bool looks_like_address(std::string_view host) {
  const std::size_t dot = host.rfind('.');
  const std::string_view last = dot == std::string_view::npos ? host : host.substr(dot + 1);
  if (last.empty()) return false;
  if (last.starts_with("0x")) return true;
  return std::all_of(last.begin(), last.end(), is_digit);
}

std::optional<std::string> normal_host(std::string_view given) {
  std::string host = ascii_lower(given);
  if (host.starts_with('[')) {
    if (!host.ends_with(']')) return std::nullopt;
    in6_addr address{};
    if (inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &address) != 1) return std::nullopt;
    std::array<char, INET6_ADDRSTRLEN> text{};
    inet_ntop(AF_INET6, &address, text.data(), text.size());
    return "[" + std::string(text.data()) + "]";
  }
  if (host.ends_with('.')) host.pop_back();
  if (host.empty() || host.size() > 253) return std::nullopt;
  if (looks_like_address(host)) {
    in_addr address{};
    if (inet_aton(host.c_str(), &address) == 0) return std::nullopt;
    std::array<char, INET_ADDRSTRLEN> text{};
    inet_ntop(AF_INET, &address, text.data(), text.size());
    return std::string(text.data());
  }
  char before = '.';
  for (const char c : host) {
    if (!(is_alpha(c) || is_digit(c) || c == '-' || c == '_' || c == '.')) return std::nullopt;
    if (c == '.' && before == '.') return std::nullopt;
    before = c;
  }
  return host;
}

struct Port {
  std::string_view scheme;
  std::string_view number;
};
constexpr std::array<Port, 5> kDefaultPorts{{{"http", "80"}, {"https", "443"}, {"ws", "80"}, {"wss", "443"}, {"ftp", "21"}}};

std::optional<NormalUrl> with_authority(const std::string& scheme, std::string_view default_port, std::string_view rest) {
  if (!rest.starts_with("//") || rest.starts_with("///") || rest.find('\\') != std::string_view::npos) return std::nullopt;
  rest.remove_prefix(2);
  const std::size_t end = rest.find_first_of("/?#");
  std::string_view authority = rest.substr(0, end);
  std::string_view path = end == std::string_view::npos ? std::string_view{} : rest.substr(end);
  if (const std::size_t user = authority.rfind('@'); user != std::string_view::npos) authority.remove_prefix(user + 1);
  std::string port;
  const std::size_t bracket = authority.rfind(']');
  const std::size_t colon = authority.rfind(':');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
    const std::string_view digits = authority.substr(colon + 1);
    unsigned number = 0;
    const auto [stop, bad] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (!digits.empty() && (bad != std::errc{} || stop != digits.data() + digits.size() || number > 65535)) return std::nullopt;
    if (!digits.empty()) port = std::to_string(number);
    authority = authority.substr(0, colon);
  }
  const auto host = normal_host(authority);
  if (!host) return std::nullopt;
  path = path.substr(0, path.find_first_of("?#"));
  // An escaped dot is a dot (WHATWG URL §4.4); an escaped slash stays part of its segment.
  std::string unescaped;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] == '%' && i + 2 < path.size() && path[i + 1] == '2' && (path[i + 2] == 'e' || path[i + 2] == 'E')) {
      unescaped += '.';
      i += 2;
    } else {
      unescaped += path[i];
    }
  }
  const auto segments = collapse(unescaped, true);
  if (!segments) return std::nullopt;
  NormalUrl out;
  out.host = *host;
  out.id = scheme + "://" + *host;
  if (!port.empty() && port != default_port) out.id += ":" + port;
  for (const auto segment : *segments) out.id.append("/").append(segment);
  if (segments->empty() || unescaped.ends_with('/')) out.id += '/';
  return out;
}

std::optional<NormalUrl> file_url(std::string_view rest) {
  rest = rest.substr(0, rest.find_first_of("?#"));
  if (rest.starts_with("//")) {
    rest.remove_prefix(2);
    const std::size_t slash = rest.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    if (const std::string host = ascii_lower(rest.substr(0, slash)); !host.empty() && host != "localhost") return std::nullopt;
    rest.remove_prefix(slash);
  }
  if (!rest.starts_with('/')) return std::nullopt;
  const auto decoded = percent_decode(rest);
  if (!decoded) return std::nullopt;
  auto path = normal_path(*decoded, {}, {});
  if (!path) return std::nullopt;
  NormalUrl out;
  out.id = "file://" + *path;
  out.file = std::move(path);
  return out;
}

}  // namespace

std::optional<std::string> normal_path(std::string_view path, std::string_view cwd, std::string_view home) {
  if (path.empty() || path.size() > kMaxPathBytes || path.find('\0') != std::string_view::npos) return std::nullopt;
  std::string whole(path);
  if (path.front() == '~' && (path.size() == 1 || path[1] == '/') && !home.empty()) {
    whole = std::string(home) + std::string(path.substr(1));
  } else if (path.front() != '/' && path.front() != '~' && !cwd.empty()) {
    whole = std::string(cwd) + "/" + std::string(path);
  }
  const bool absolute = whole.front() == '/';
  const auto segments = collapse(whole, absolute);
  if (!segments) return std::nullopt;
  std::string out;
  for (const auto segment : *segments) {
    if (absolute || !out.empty()) out += '/';
    out += segment;
  }
  if (out.empty()) out = absolute ? "/" : ".";
  return out;
}

std::vector<model::EntityName> folders_of(std::string_view path, bool itself) {
  std::vector<model::EntityName> out;
  if (!path.starts_with('/')) return out;
  if (itself) out.push_back({"Folder", std::string(path)});
  while (path.size() > 1) {
    const std::size_t slash = path.rfind('/');
    path = path.substr(0, std::max<std::size_t>(slash, 1));
    out.push_back({"Folder", std::string(path)});
  }
  return out;
}

std::optional<NormalUrl> normal_url(std::string_view url) {
  if (url.empty() || url.size() > kMaxUrlBytes || !is_alpha(url.front())) return std::nullopt;
  if (std::any_of(url.begin(), url.end(), [](char c) { return is_control(c) || c == ' '; })) return std::nullopt;
  const std::size_t colon = url.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const std::string scheme = ascii_lower(url.substr(0, colon));
  if (!std::all_of(scheme.begin(), scheme.end(), [](char c) { return is_alpha(c) || is_digit(c) || c == '+' || c == '-' || c == '.'; })) {
    return std::nullopt;
  }
  const std::string_view rest = url.substr(colon + 1);
  if (scheme == "file") return file_url(rest);
  for (const Port& port : kDefaultPorts) {
    if (port.scheme == scheme) return with_authority(scheme, port.number, rest);
  }
  NormalUrl out;
  // What a data: URL carries is an argument, not a name.
  out.id = scheme + ":" + std::string(scheme == "data" ? rest.substr(0, rest.find_first_of(",;")) : rest);
  return out;
}

std::vector<model::EntityName> hosts_of(std::string_view host) {
  std::vector<model::EntityName> out;
  if (host.empty()) return out;
  out.push_back({"Host", std::string(host)});
  if (host.front() == '[' || looks_like_address(host)) return out;
  for (std::size_t dot = host.find('.'); dot != std::string_view::npos; dot = host.find('.', dot + 1)) {
    const std::string_view parent = host.substr(dot + 1);
    if (parent.find('.') == std::string_view::npos) break;
    out.push_back({"Host", std::string(parent)});
  }
  return out;
}

}  // namespace interlock::catalogue
