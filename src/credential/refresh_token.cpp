#include "credential/refresh_token.hpp"

#include <charconv>
#include <utility>

namespace interlock::credential {
namespace {

constexpr std::string_view kBucket = "refresh-next";
constexpr std::string_view kKeptBy = "the oauth broker";

}  // namespace

Result<Secret> RefreshToken::get() {
  auto left = sealed_.get(kBucket, secret_);
  if (!left) return fail(std::move(left.error()));
  if (*left) {
    // "VERSION TOKEN"
    auto text = std::move((*left)->value);
    const auto space = text.find(' ');
    std::uint64_t after = 0;
    std::from_chars(text.data(), text.data() + std::min(space, text.size()), after);
    const Secret next(space == std::string::npos ? std::string_view() : std::string_view(text).substr(space + 1));
    store::wipe(text);
    if (auto settled = settle(next, after); !settled) return fail(std::move(settled.error()));
  }
  return vault_.get(secret_);
}

Status RefreshToken::keep(const Secret& next) {
  const auto held = vault_.get(secret_);
  if (held && held->view() == next.view()) return {};
  const auto after = newest();
  if (!after) return fail(after.error());
  auto text = std::to_string(*after) + " " + std::string(next.view());
  const auto kept = sealed_.put(kBucket, secret_, text);
  store::wipe(text);
  if (!kept) return fail(kept.error());
  return settle(next, *after);
}

Status RefreshToken::settle(const Secret& next, std::uint64_t after) {
  const auto now = newest();
  if (!now) return fail(now.error());
  if (*now == after) {
    if (const auto rotated = vault_.rotate(secret_, next.copy(), kKeptBy); !rotated) return fail(rotated.error());
  }
  return sealed_.remove(kBucket, secret_);
}

Result<std::uint64_t> RefreshToken::newest() {
  const auto meta = vault_.meta(secret_);
  if (!meta) return fail(meta.error());
  return meta->versions.empty() ? 0 : meta->versions.front().number;
}

}  // namespace interlock::credential
