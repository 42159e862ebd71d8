// To whom a run's agent may bring its own key: its model's hosts, and nobody that looks like them.
#include <gtest/gtest.h>

#include "surface/http/proxy.hpp"

namespace interlock::http {
namespace {

Target target_of(std::string_view scheme, std::string_view authority) {
  Target out;
  out.scheme = scheme;
  EXPECT_TRUE(read_authority(authority, scheme == "https" ? 443 : 80, out)) << authority;
  return out;
}

TEST(Door, OwnKeysGoToTheModelAndNowhereElse) {
  Door door;
  door.own_key_hosts = {"api.anthropic.com"};
  for (const char* authority : {"api.anthropic.com", "api.anthropic.com:443", "API.Anthropic.COM"})
    EXPECT_TRUE(passes_own_keys(door, target_of("https", authority))) << authority;
  for (const char* authority : {"api.anthropic.com:8443", "api.anthropic.com:80", "x.api.anthropic.com", "anthropic.com",
                                "api.anthropic.com.evil.example", "evil.example", "api-anthropic.com", "127.0.0.1"})
    EXPECT_FALSE(passes_own_keys(door, target_of("https", authority))) << authority;
  EXPECT_FALSE(passes_own_keys(door, target_of("http", "api.anthropic.com")));
  EXPECT_FALSE(passes_own_keys(door, target_of("http", "api.anthropic.com:443")));
  EXPECT_FALSE(passes_own_keys(Door{}, target_of("https", "api.anthropic.com")));
}

}  // namespace
}  // namespace interlock::http
