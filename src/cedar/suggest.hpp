// The name that somebody who wrote another one probably meant. Private to the library.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace interlock::cedar {

// The nearest candidate within a few edits; empty when none is near.
std::string nearest(std::string_view written, std::span<const std::string> candidates);

// "did you mean `X`?", or nothing.
std::string did_you_mean(std::string_view written, std::span<const std::string> candidates);

}  // namespace interlock::cedar
