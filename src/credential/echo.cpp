#include "credential/echo.hpp"

#include <algorithm>

#include "base/hash.hpp"
#include "base/text.hpp"
#include "store/sealed.hpp"

namespace interlock::credential {
namespace {

constexpr std::size_t kRunBytes = 16;   // of a value with signs in it: shorter ones are found by chance
constexpr std::size_t kLineBytes = 24;  // of a value with several lines: a shorter one tells little

std::string json_escaped(std::string_view text) {
  std::string out;
  json::write_string_to(out, text);
  return out.substr(1, out.size() - 2);
}

// `hex` with `before` ahead of each byte: an escape that spares no letter.
std::string each_byte(std::string_view hex, std::string_view before) {
  std::string out;
  out.reserve(hex.size() / 2 * (before.size() + 2));
  for (std::size_t at = 0; at < hex.size(); at += 2) {
    out += before;
    out += hex.substr(at, 2);
  }
  return out;
}

// The characters that are the same whatever stands before `text`, by `before` bytes beyond a multiple of three, and after it.
std::string base64_core(std::string_view text, std::size_t before) {
  std::string padded(before, '\0');
  padded += text;
  auto encoded = base64_encode(padded);
  const auto whole = padded.size() * 8 / 6;
  const auto skipped = (before * 8 + 5) / 6;
  store::wipe(padded);
  auto core = whole > skipped ? encoded.substr(skipped, whole - skipped) : std::string();
  store::wipe(encoded);
  return core;
}

}  // namespace

void Echoes::add_form(std::string_view form) {
  if (form.size() < kEchoBytes) return;
  const auto at = std::ranges::find_if(needles_, [&](const Secret& one) { return one.view().size() <= form.size(); });
  for (auto same = at; same != needles_.end() && same->view().size() == form.size(); ++same) {
    if (same->view() == form) return;
  }
  needles_.emplace(at, form);
}

void Echoes::add_base64(std::string_view text) {
  for (std::size_t before = 0; before < 3; ++before) {
    auto core = base64_core(text, before);
    add_form(core);
    std::ranges::replace(core, '+', '-');
    std::ranges::replace(core, '/', '_');
    add_form(core);
    store::wipe(core);
  }
}

void Echoes::add(std::string_view secret) {
  while (!secret.empty() && (secret.back() == '\n' || secret.back() == '\r')) secret.remove_suffix(1);
  if (secret.size() < kEchoBytes) return;
  const auto add_wiped = [this](std::string form) {
    add_form(form);
    store::wipe(form);
  };
  add_form(secret);
  auto escaped = json_escaped(secret);
  add_form(escaped);
  add_wiped(json_escaped(escaped));  // a JSON text as a string of another
  add_base64(escaped);
  store::wipe(escaped);
  add_base64(secret);
  add_wiped(percent_encoded(secret));
  const auto add_hex = [&](std::string_view hex) {
    add_form(hex);
    add_wiped(each_byte(hex, "%"));
    add_wiped(each_byte(hex, "\\u00"));  // right for ASCII, which what is lent is
  };
  auto hex = to_hex(secret);
  add_hex(hex);
  std::ranges::transform(hex, hex.begin(), [](char c) { return c >= 'a' && c <= 'f' ? static_cast<char>(c - 'a' + 'A') : c; });
  add_hex(hex);
  store::wipe(hex);
  // Encodings differ in what they leave as it is; all leave this.
  for (auto rest = secret; !rest.empty();) {
    const auto size = static_cast<std::size_t>(std::ranges::find_if_not(rest, is_unreserved) - rest.begin());
    if (size >= kRunBytes && size < secret.size()) add_form(rest.substr(0, size));
    rest.remove_prefix(std::min(rest.size(), size + 1));
  }
  if (secret.find('\n') == std::string_view::npos) return;
  for (auto rest = secret; !rest.empty();) {
    const auto end = rest.find('\n');
    auto line = rest.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.size() >= kLineBytes && !line.starts_with("-----")) add_form(line);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
}

bool Echoes::hide(std::string& text) const {
  bool found = false;
  for (const auto& needle : needles_) {
    const auto secret = needle.view();
    for (auto at = text.find(secret); at != std::string::npos; at = text.find(secret, at + kHidden.size())) {
      text.replace(at, secret.size(), kHidden);
      found = true;
    }
  }
  return found;
}

// Depth is bounded by the parser that made the document.
bool Echoes::hide(json::value& document) const {
  if (needles_.empty()) return false;
  const auto hidden = [this](std::string_view text) -> std::optional<std::string> {
    if (text.size() < kEchoBytes) return std::nullopt;
    const bool holds =
        std::ranges::any_of(needles_, [&](const Secret& needle) { return text.find(needle.view()) != std::string_view::npos; });
    if (!holds) return std::nullopt;
    std::string out(text);
    hide(out);
    return out;
  };
  if (auto* text = document.if_string()) {
    auto out = hidden(json::view(*text));
    if (out) *text = *out;
    return out.has_value();
  }
  bool found = false;
  if (auto* list = document.if_array()) {
    for (auto& item : *list) found = hide(item) || found;
    return found;
  }
  auto* members = document.if_object();
  if (members == nullptr) return false;
  std::vector<std::pair<std::string, std::string>> renamed;
  for (auto& member : *members) {
    found = hide(member.value()) || found;
    const std::string_view name(member.key().data(), member.key().size());
    if (auto out = hidden(name)) renamed.emplace_back(name, std::move(*out));
  }
  for (auto& [name, to] : renamed) {
    auto value = std::move((*members)[name]);
    members->erase(name);
    while (members->contains(to)) to += '_';
    members->emplace(to, std::move(value));
  }
  return found || !renamed.empty();
}

}  // namespace interlock::credential
