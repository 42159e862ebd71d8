#include "gate/record.hpp"

#include <re2/re2.h>

#include <array>

#include "base/hash.hpp"
#include "base/text.hpp"

namespace interlock::gate {
namespace {

constexpr std::string_view kBlanked = "[redacted by policy]";

constexpr std::size_t kLongString = 512;  // bytes kept of one string in a receipt
constexpr std::size_t kSummaryBytes = 300;
constexpr std::size_t kValueBytes = 80;
constexpr std::array<std::string_view, 12> kSecretNames = {"password",      "passwd",  "passphrase", "secret",
                                                           "token",         "api_key", "apikey",     "private_key",
                                                           "authorization", "cookie",  "credential", "access_key"};

bool names_a_secret(std::string_view name) {
  std::string lower;
  for (char c : name) {
    if (c == '-') c = '_';
    lower += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  for (auto secret : kSecretNames) {
    if (lower.find(secret) != std::string::npos) return true;
  }
  return false;
}

// Shapes that issuers publish so that scanners can find them; each alternative needs a fixed beginning, which keeps the search quick.
const re2::RE2& credential_shapes() {
  static const re2::RE2 shapes(
      R"(\bgh[pousr]_[A-Za-z0-9]{30,}|\bgithub_pat_[A-Za-z0-9_]{22,}|\bglpat-[A-Za-z0-9_-]{20,}|\bxox[abeprs]-[A-Za-z0-9-]{10,})"
      R"(|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bAIza[A-Za-z0-9_-]{35}|\bsk-[A-Za-z0-9_-]{20,}|\b[rs]k_live_[A-Za-z0-9]{16,}|\bnpm_[A-Za-z0-9]{36}|\bhf_[A-Za-z0-9]{30,})"
      R"(|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*)"
      R"(|-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|$))"
      R"(|(?i:\b(?:bearer|basic)\s+)[A-Za-z0-9+/._~-]{16,}=*|://[^\s/:@?#]*:[^\s/@?#]+@)",
      re2::RE2::Quiet);
  return shapes;
}

// The salt keeps a short secret from being found by trying all of them.
std::string salted(std::string_view salt, std::string_view text) { return to_hex(sha256({salt, "\x1f", text})); }

json::value hidden(const json::value& v, std::string_view salt) {
  return json::object{{"hidden", true}, {"salted_sha256", salted(salt, json::write_canonical(v))}};
}

std::string pointer_token(std::string_view key) {
  std::string out;
  for (char c : key) {
    if (c == '~') out += "~0";
    else if (c == '/') out += "~1";
    else out += c;
  }
  return out;
}

bool is_sensitive(const std::vector<std::string>& sensitive, std::string_view pointer) {
  for (const auto& s : sensitive) {
    if (s == pointer) return true;
  }
  return false;
}

json::value record(const json::value& v, std::string& pointer, const std::vector<std::string>& sensitive, bool shorten,
                   std::string_view salt) {
  if (is_sensitive(sensitive, pointer)) return hidden(v, salt);
  if (const auto* s = v.if_string()) {
    if (shorten && s->size() > kLongString) return json::object{{"bytes", s->size()}, {"salted_sha256", salted(salt, json::view(*s))}};
    if (!re2::RE2::PartialMatch(re2::StringPiece(s->data(), s->size()), credential_shapes())) return v;
    return json::value(without_credentials(json::view(*s)));
  }
  const auto length = pointer.size();
  if (const auto* o = v.if_object()) {
    json::object out;
    for (const auto& pair : *o) {
      const std::string_view key(pair.key().data(), pair.key().size());
      pointer += '/';
      pointer += pointer_token(key);
      out[pair.key()] = names_a_secret(key) ? hidden(pair.value(), salt) : record(pair.value(), pointer, sensitive, shorten, salt);
      pointer.resize(length);
    }
    return out;
  }
  if (const auto* a = v.if_array()) {
    json::array out;
    for (std::size_t i = 0; i < a->size(); ++i) {
      pointer += '/' + std::to_string(i);
      out.emplace_back(record((*a)[i], pointer, sensitive, shorten, salt));
      pointer.resize(length);
    }
    return out;
  }
  return v;
}

}  // namespace

std::string without_credentials(std::string_view text) {
  std::string out(text);
  re2::RE2::GlobalReplace(&out, credential_shapes(), "[hidden]");
  return out;
}

void blank(json::value& args, const std::vector<std::string>& pointers) {
  for (const auto& pointer : pointers) {
    boost::system::error_code absent;
    if (auto* value = args.find_pointer(pointer, absent); value != nullptr && !absent) *value = kBlanked;
  }
}

json::value recorded_arguments(const json::value& args, const std::vector<std::string>& sensitive, ArgumentRecord mode,
                               std::string_view salt) {
  if (mode == ArgumentRecord::kHash) return json::object{{"salted_sha256", salted(salt, json::write_canonical(args))}};
  std::string pointer;
  return record(args, pointer, sensitive, mode == ArgumentRecord::kRedact, salt);
}

std::string summary_of(const model::ActionRequest& request, const json::value& recorded) {
  std::string out = request.operation == "tools/call" ? request.target : request.operation + " " + without_credentials(request.target);
  if (const auto* o = recorded.if_object()) {
    for (const auto& pair : *o) {
      std::string value = pair.value().is_string() ? std::string(json::view(pair.value().get_string())) : json::write(pair.value());
      if (const auto* bytes = json::find(pair.value(), "bytes"); bytes != nullptr && json::find(pair.value(), "salted_sha256") != nullptr) {
        value = "(" + json::write(*bytes) + " bytes)";
      } else if (json::find(pair.value(), "hidden") != nullptr && json::find(pair.value(), "salted_sha256") != nullptr) {
        value = "(hidden)";
      }
      if (value.size() > kValueBytes) value = std::string(utf8_prefix(value, kValueBytes)) + "…";
      out += ' ' + std::string(pair.key().data(), pair.key().size()) + '=' + value;
      if (out.size() > kSummaryBytes) {
        out = std::string(utf8_prefix(out, kSummaryBytes)) + "…";
        break;
      }
    }
  }
  for (auto& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return out;
}

}  // namespace interlock::gate
