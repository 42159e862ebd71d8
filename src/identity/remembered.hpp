// The last things used, by the hash of what was shown: a bounded memory that forgets what was used longest ago.
//
// Keys are hashes that outsiders cannot steer (of a secret of this process, or of a certificate that was verified). Loop thread only.
#pragma once

#include <cstddef>
#include <cstring>
#include <list>
#include <unordered_map>
#include <utility>

#include "base/hash.hpp"

namespace interlock::identity {

template <typename T>
class Remembered {
 public:
  explicit Remembered(std::size_t most) : most_(most) {}

  // nullptr: not there. The pointer holds until the next call that is not const.
  T* find(const Digest& key) {
    const auto it = places_.find(key);
    if (it == places_.end()) return nullptr;
    order_.splice(order_.begin(), order_, it->second);
    return &it->second->second;
  }
  void put(const Digest& key, T value) {
    if (most_ == 0) return;
    forget(key);
    if (places_.size() >= most_) {
      places_.erase(order_.back().first);
      order_.pop_back();
    }
    order_.emplace_front(key, std::move(value));
    places_.emplace(key, order_.begin());
  }
  void forget(const Digest& key) {
    const auto it = places_.find(key);
    if (it == places_.end()) return;
    order_.erase(it->second);
    places_.erase(it);
  }
  void clear() {
    places_.clear();
    order_.clear();
  }
  std::size_t size() const { return places_.size(); }

 private:
  struct FirstBytes {
    std::size_t operator()(const Digest& digest) const {
      std::size_t out = 0;
      std::memcpy(&out, digest.data(), sizeof out);
      return out;
    }
  };
  using Order = std::list<std::pair<Digest, T>>;
  std::size_t most_;
  Order order_;  // the latest first
  std::unordered_map<Digest, typename Order::iterator, FirstBytes> places_;
};

}  // namespace interlock::identity
