#include "credential/sigv4.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <utility>
#include <vector>

#include "base/hash.hpp"
#include "base/text.hpp"
#include "store/sealed.hpp"

namespace interlock::credential {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::string_view kScopeEnd = "aws4_request";
constexpr std::size_t kDateBytes = 8;  // "20150830" of an amz date
constexpr std::size_t kHashBytes = 64;

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// AWS's UriEncode.
std::string encode(std::string_view text, bool keeps_slash) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (is_unreserved(c) || (keeps_slash && c == '/')) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kDigits[byte >> 4];
    out += kDigits[byte & 0x0F];
  }
  return out;
}

// A broken escape stands for itself, as services read it.
std::string decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_escape = text[i] == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 && hex_value(text[i + 2]) >= 0;
    if (is_escape) {
      out += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
      i += 2;
    } else {
      out += plus_is_space && text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

// Each segment of a path, so that what is encoded already stays so: "%2F" is part of a name, and "/" is not.
std::string encode_once(std::string_view path) {
  std::string out;
  while (true) {
    const auto slash = std::min(path.find('/'), path.size());
    out += encode(decode(path.substr(0, slash), false), false);
    if (slash == path.size()) return out;
    out += '/';
    path.remove_prefix(slash + 1);
  }
}

// RFC 3986 §5.2.4, and empty segments go too, as AWS has it.
std::string without_dot_segments(std::string_view path) {
  std::vector<std::string_view> kept;
  for (std::size_t begin = 0; begin < path.size();) {
    const auto end = std::min(path.find('/', begin), path.size());
    const auto segment = path.substr(begin, end - begin);
    begin = end + 1;
    if (segment == "..") {
      if (!kept.empty()) kept.pop_back();
    } else if (!segment.empty() && segment != ".") {
      kept.push_back(segment);
    }
  }
  std::string out;
  for (const auto segment : kept) out.append("/").append(segment);
  const bool ends_as_folder = path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..");
  if (out.empty() || ends_as_folder) out += '/';
  return out;
}

// Without white space at the ends; what is inside becomes one space.
std::string canonical_value(std::string_view value) {
  std::string out;
  bool owes_space = false;
  for (const char c : value) {
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
      owes_space = !out.empty();
      continue;
    }
    if (owes_space) out += ' ';
    owes_space = false;
    out += c;
  }
  return out;
}

bool is_signed_header(std::string_view lower_name) {
  return lower_name == "host" || lower_name == "content-type" || lower_name == "content-md5" || lower_name.starts_with("x-amz-");
}

std::string scope(const SigV4Signer& signer, std::string_view date) {
  std::string out(date.substr(0, kDateBytes));
  for (const auto part : {signer.region, signer.service, kScopeEnd}) out.append("/").append(part);
  return out;
}

}  // namespace

std::string payload_hash(std::string_view body) { return to_hex(sha256(body)); }

bool is_payload_hash(std::string_view declared) {
  if (declared == kUnsignedPayload || declared == kUnsignedTrailer) return true;
  return declared.size() == kHashBytes && std::all_of(declared.begin(), declared.end(), [](char c) { return hex_value(c) >= 0; });
}

std::string amz_date(UnixMs now_ms) {
  std::string out;
  for (const char c : rfc3339(now_ms)) {
    if (c == '.') break;
    if (c != '-' && c != ':') out += c;
  }
  return out + "Z";
}

std::string canonical_path(std::string_view path, std::string_view service) {
  if (service == "s3") return path.empty() ? "/" : encode_once(path);
  return encode(without_dot_segments(path), true);
}

std::string canonical_query(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> parameters;
  while (!query.empty()) {
    const auto end = std::min(query.find('&'), query.size());
    const auto parameter = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (parameter.empty()) continue;
    const auto equals = std::min(parameter.find('='), parameter.size());
    const auto value = parameter.substr(std::min(equals + 1, parameter.size()));
    parameters.emplace_back(encode(decode(parameter.substr(0, equals), true), false), encode(decode(value, true), false));
  }
  std::sort(parameters.begin(), parameters.end());
  std::string out;
  for (const auto& [name, value] : parameters) {
    if (!out.empty()) out += '&';
    out.append(name).append("=").append(value);
  }
  return out;
}

std::string canonical_request(std::string_view method, std::string_view target, const net::Headers& headers, std::string_view payload,
                              std::string_view service, std::string& signed_names) {
  std::map<std::string, std::string> fields;
  for (const auto& [name, value] : headers.all()) {
    auto [field, is_new] = fields.try_emplace(ascii_lower(name));
    if (!is_new) field->second += ',';
    field->second += canonical_value(value);
  }
  const auto question = std::min(target.find('?'), target.size());
  std::string out(method);
  out.append("\n").append(canonical_path(target.substr(0, question), service)).append("\n");
  out.append(canonical_query(target.substr(std::min(question + 1, target.size())))).append("\n");
  signed_names.clear();
  for (const auto& [name, value] : fields) {
    out.append(name).append(":").append(value).append("\n");
    if (!signed_names.empty()) signed_names += ';';
    signed_names += name;
  }
  return out.append("\n").append(signed_names).append("\n").append(payload);
}

std::string string_to_sign(const SigV4Signer& signer, std::string_view amz_date, std::string_view canonical) {
  std::string out(kAlgorithm);
  out.append("\n").append(amz_date).append("\n").append(scope(signer, amz_date)).append("\n");
  return out + to_hex(sha256(canonical));
}

std::string signature(const SigV4Signer& signer, std::string_view amz_date, std::string_view text) {
  std::string key = "AWS4" + std::string(signer.secret_access_key);
  for (const auto part : {amz_date.substr(0, kDateBytes), signer.region, signer.service, kScopeEnd}) {
    auto derived = hmac_sha256(key, part);
    store::wipe(key);
    key.assign(as_bytes(derived));
    derived.fill(0);
  }
  auto out = to_hex(hmac_sha256(key, text));
  store::wipe(key);
  return out;
}

Status sign(const SigV4Signer& signer, std::string_view method, std::string_view target, net::Headers& headers, std::string_view payload,
            UnixMs now_ms) {
  for (const auto& [part, name] : {std::pair{signer.access_key_id, "access key id"},
                                   {signer.secret_access_key, "secret access key"},
                                   {signer.region, "region"},
                                   {signer.service, "service"}})
    if (part.empty()) return fail(ErrorCode::kInvalid, std::string("a request cannot be signed for AWS without its ") + name);
  if (!headers.get("host")) return fail(ErrorCode::kInvalid, "a request without Host cannot be signed for AWS");
  if (!is_payload_hash(payload)) {
    return fail(ErrorCode::kInvalid, "a body that is signed chunk by chunk cannot be signed again by the gate",
                "have the client send the body whole, or unsigned (payload signing off)");
  }
  const auto now = amz_date(now_ms);
  for (const auto* name : {"Authorization", "Date", "X-Amz-Date", "X-Amz-Security-Token", "X-Amz-Content-Sha256"}) headers.remove(name);
  headers.add("X-Amz-Date", now);
  headers.add("X-Amz-Content-Sha256", std::string(payload));
  if (!signer.session_token.empty()) headers.add("X-Amz-Security-Token", std::string(signer.session_token));

  net::Headers covered;
  for (const auto& [name, value] : headers.all())
    if (is_signed_header(ascii_lower(name))) covered.add(name, value);
  std::string names;
  const auto canonical = canonical_request(method, target, covered, payload, signer.service, names);
  std::string authorization(kAlgorithm);
  authorization.append(" Credential=").append(signer.access_key_id).append("/").append(scope(signer, now));
  authorization.append(", SignedHeaders=").append(names);
  authorization.append(", Signature=").append(signature(signer, now, string_to_sign(signer, now, canonical)));
  headers.add("Authorization", std::move(authorization));
  return {};
}

SigV4Scope sigv4_scope_of(std::string_view host) {
  constexpr std::string_view kSuffixes[] = {".amazonaws.com", ".amazonaws.com.cn", ".api.aws"};
  const auto last_label = [](std::string_view& rest) {
    const auto dot = rest.rfind('.');
    const auto label = dot == std::string_view::npos ? rest : rest.substr(dot + 1);
    rest = dot == std::string_view::npos ? std::string_view() : rest.substr(0, dot);
    return label;
  };
  const auto is_region = [](std::string_view label) {
    return label.contains('-') && label.back() >= '0' && label.back() <= '9' && !label.starts_with("s3-");
  };
  for (const auto suffix : kSuffixes) {
    if (!host.ends_with(suffix)) continue;
    auto rest = host.substr(0, host.size() - suffix.size());
    SigV4Scope out{last_label(rest), "us-east-1"};
    if (!out.service.empty() && is_region(out.service)) {
      out.region = out.service;
      out.service = last_label(rest);
    }
    if (out.service == "dualstack") out.service = last_label(rest);
    // "bucket.s3-eu-west-1.amazonaws.com", as it was written before.
    if (out.service.starts_with("s3-") && is_region(out.service.substr(3))) out = {out.service.substr(0, 2), out.service.substr(3)};
    return out.service.empty() ? SigV4Scope() : out;
  }
  return {};
}

}  // namespace interlock::credential
