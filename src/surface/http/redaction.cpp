#include "surface/http/redaction.hpp"

#include <algorithm>
#include <utility>

#include "store/master_key.hpp"

namespace interlock::http {

namespace {
constexpr std::size_t kMostForms = 60'000;  // their places are counted in 16 bits
}  // namespace

SecretForms::SecretForms(const credential::Echoes& secrets) {
  secrets.each_form([&](std::string_view form) {
    if (forms_.size() >= kMostForms) return;
    longest_ = std::max(longest_, form.size());
    forms_.emplace_back(form);
  });
  // By first byte, the longest first: the first that fits is the one.
  std::ranges::sort(forms_, [](const std::string& a, const std::string& b) {
    const auto first_a = static_cast<unsigned char>(a.front());
    const auto first_b = static_cast<unsigned char>(b.front());
    if (first_a != first_b) return first_a < first_b;
    return a.size() != b.size() ? a.size() > b.size() : a < b;
  });
  forms_.erase(std::ranges::unique(forms_).begin(), forms_.end());
  of_first_byte_.assign(257, 0);
  std::size_t at = 0;
  for (std::size_t byte = 0; byte < 256; ++byte) {
    of_first_byte_[byte] = static_cast<std::uint16_t>(at);
    while (at < forms_.size() && static_cast<unsigned char>(forms_[at].front()) == byte) ++at;
  }
  of_first_byte_[256] = static_cast<std::uint16_t>(at);
}

SecretForms::~SecretForms() {
  for (auto& form : forms_) store::wipe(form);
}

SecretForms::Found SecretForms::find(std::string_view text) const {
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    for (std::size_t i = of_first_byte_[byte]; i < of_first_byte_[byte + 1U]; ++i)
      if (text.substr(at).starts_with(forms_[i])) return {at, forms_[i].size()};
  }
  return {};
}

std::size_t SecretForms::unfinished(std::string_view text) const {
  if (longest_ < 2) return 0;
  for (std::size_t size = std::min(text.size(), longest_ - 1); size > 0; --size) {
    const auto tail = text.substr(text.size() - size);
    const auto byte = static_cast<unsigned char>(tail.front());
    for (std::size_t i = of_first_byte_[byte]; i < of_first_byte_[byte + 1U]; ++i)
      if (forms_[i].size() > size && std::string_view(forms_[i]).starts_with(tail)) return size;
  }
  return 0;
}

std::string_view Redactor::feed(std::string_view bytes, std::string& out) {
  if (!forms_ || forms_->empty()) return bytes;
  out.clear();
  std::string joined;
  std::string_view rest = bytes;
  if (!held_.empty()) {
    joined = std::move(held_);
    held_.clear();
    joined += bytes;
    rest = joined;
  }
  bool changed = false;
  while (true) {
    const auto found = forms_->find(rest);
    // What is found may be a part of a longer form that is not complete yet.
    if (found.at == std::string_view::npos || found.at >= rest.size() - forms_->unfinished(rest)) break;
    out += rest.substr(0, found.at);
    out += credential::kHidden;
    rest.remove_prefix(found.at + found.size);
    ++blotted_;
    changed = true;
  }
  const auto keep = forms_->unfinished(rest);
  held_ = rest.substr(rest.size() - keep);
  rest.remove_suffix(keep);
  if (!changed && joined.empty()) return rest;  // nothing was moved
  out += rest;
  store::wipe(joined);
  return out;
}

std::string_view Redactor::finish(std::string& out) {
  out.clear();
  std::string_view rest = held_;
  for (auto found = forms_ ? forms_->find(rest) : SecretForms::Found{}; found.at != std::string_view::npos; found = forms_->find(rest)) {
    out.append(rest.substr(0, found.at)).append(credential::kHidden);
    rest.remove_prefix(found.at + found.size);
    ++blotted_;
  }
  out += rest;
  store::wipe(held_);
  held_.clear();
  return out;
}

std::string_view Redactor::feed_in_place(std::string_view bytes, std::string& out) {
  if (!forms_ || forms_->empty()) return bytes;
  auto joined = std::exchange(told_, {});
  const auto released = joined.size();
  joined.append(held_).append(bytes);
  auto keep = forms_->unfinished(joined);
  if (keep < credential::kEchoBytes) keep = 0;
  keep = std::min(keep, joined.size() - released);
  const auto end = joined.size() - keep;
  held_ = joined.substr(end);
  const auto tail = std::min(end, credential::kEchoBytes - 1);
  told_ = joined.substr(end - tail, tail);
  std::size_t from = 0;
  for (auto found = forms_->find(joined); found.at != std::string_view::npos; found = forms_->find(std::string_view(joined).substr(from))) {
    std::fill_n(joined.begin() + static_cast<std::ptrdiff_t>(from + found.at), found.size, '*');
    from += found.at + found.size;
    ++blotted_;
  }
  out.assign(joined, released, end - released);
  store::wipe(joined);
  return out;
}

}  // namespace interlock::http
