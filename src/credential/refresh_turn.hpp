// Whose turn it is to use a refresh token. A server that rotates them takes each once, and a second use looks to it like theft
// (RFC 9700 §4.14.2), so that brokers and gates that share one take turns, by compare-and-set in the state folder. A turn ends by itself
// after a while: a gate that died holding it stops nobody for long. Loop thread only.
#pragma once

#include <functional>
#include <string>

#include "base/result.hpp"
#include "base/time.hpp"
#include "credential/broker_calls.hpp"
#include "store/sealed.hpp"

namespace interlock::credential {

inline constexpr std::int64_t kTurn_ms = 11'000;  // longer than a token request may take (oauth::kFetchTimeoutMs)
inline constexpr std::int64_t kTurnPoll_ms = 20;
inline constexpr std::int64_t kTurnWait_ms = 13'000;  // longer than a dead gate can hold it, shorter than a mint may take

class RefreshTurn {
 public:
  // `secret` names the refresh token in the vault.
  RefreshTurn(BrokerCalls& calls, store::SealedStore& sealed, const Clock& clock, std::string secret);

  // `done` with success once it is ours, until give() with its number. kUnavailable: others hold it for long.
  void take(std::function<void(Result<store::Revision>)> done);
  void give(store::Revision turn);

 private:
  void ask(UnixMs until_ms, const std::function<void(Result<store::Revision>)>& done);

  BrokerCalls& calls_;
  store::SealedStore& sealed_;
  const Clock& clock_;
  std::string secret_;
};

}  // namespace interlock::credential
