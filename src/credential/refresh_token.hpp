// A refresh token that lives in the vault and rotates. What the server gave last is the only one that works, so it is on disk, sealed, by
// one write, before anything else is done; the vault gets it as the next version of its secret after that, also after a crash in between.
// One at a time (RefreshTurn). Loop thread only.
#pragma once

#include <string>

#include "base/result.hpp"
#include "credential/vault.hpp"
#include "store/sealed.hpp"

namespace interlock::credential {

class RefreshToken {
 public:
  RefreshToken(Vault& vault, store::SealedStore& sealed, std::string secret) : vault_(vault), sealed_(sealed), secret_(std::move(secret)) {}

  Result<Secret> get();
  Status keep(const Secret& next);

 private:
  // Into the vault, unless somebody has put another one there since version `after`.
  Status settle(const Secret& next, std::uint64_t after);
  Result<std::uint64_t> newest();

  Vault& vault_;
  store::SealedStore& sealed_;
  std::string secret_;
};

}  // namespace interlock::credential
