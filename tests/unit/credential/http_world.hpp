// What the tests of brokers that speak HTTP share: a scripted server, a client, and the steps of a lease as plain calls.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "broker_world.hpp"
#include "net/http_client.hpp"
#include "unit/oauth/parts.hpp"

namespace interlock::credential::testing {

using oauth::testing::Reply;
using oauth::testing::run_until_done;
using oauth::testing::Site;

struct HttpWorld : BrokerWorld {
  HttpWorld() { parts.http = &http; }

  Site site{loop};
  net::HttpClient http{loop};

  void keep(std::string_view name, std::string_view value) { EXPECT_TRUE(vault.set(name, Secret(value), "", {}, "test")); }
  std::string kept(std::string_view name) { return std::string(vault.get(name).value().view()); }

  Result<Minted> mint(Broker& broker, const MintOrder& wanted) {
    const auto planned = broker.plan(wanted);
    if (!planned) return fail(planned.error());
    std::optional<Result<Minted>> out;
    run_until_done(loop, [&](std::function<void()> done) {
      broker.mint(wanted, *planned, [&out, done](Result<Minted> minted) {
        EXPECT_FALSE(out) << "done came twice";
        out.emplace(std::move(minted));
        done();
      });
      EXPECT_FALSE(out) << "done came inside the call";
    });
    return std::move(*out);
  }
  Result<Minted> mint(Broker& broker, const model::Classification* act = nullptr) { return mint(broker, order(act)); }

  Status revoke(Broker& broker, const json::object& handle, std::string_view secret, bool minted = true) {
    std::optional<Status> out;
    run_until_done(loop, [&](std::function<void()> done) {
      broker.revoke({.lease = "lease_1", .handle = handle, .revocation = secret, .minted = minted}, [&out, done](Status status) {
        EXPECT_FALSE(out) << "done came twice";
        out = std::move(status);
        done();
      });
      EXPECT_FALSE(out) << "done came inside the call";
    });
    return *out;
  }
  Status revoke(Broker& broker, const Minted& minted) { return revoke(broker, minted.handle, minted.revocation.view()); }

  int count(std::string_view path) const {
    const auto paths = site.paths();
    return static_cast<int>(std::count(paths.begin(), paths.end(), path));
  }
};

inline model::Classification act(std::vector<model::Effect> effects, model::EntityName resource = {"Tool", "t"}) {
  model::Classification out;
  out.action = "s/t";
  out.effects = std::move(effects);
  out.resource = std::move(resource);
  return out;
}

inline std::string field(const Minted& minted, std::string_view name) {
  const auto found = minted.fields.find(name);
  return found == minted.fields.end() ? std::string() : std::string(found->second.view());
}

// Settings that a broker must refuse, by the key that its error names.
struct Refused {
  const char* key;
  json::object settings;
};

}  // namespace interlock::credential::testing
