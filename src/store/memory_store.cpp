// The store of tests: a map with the same rules.
#include <map>

#include "store/store.hpp"

namespace interlock::store {
namespace {

class MemoryStore final : public Store {
 public:
  Result<std::optional<Entry>> get(std::string_view bucket, std::string_view key) override {
    const auto& entries = buckets_[std::string(bucket)].entries;
    const auto found = entries.find(key);
    if (found == entries.end()) return std::optional<Entry>();
    return std::optional<Entry>(found->second);
  }

  Result<Revision> put(std::string_view bucket, std::string_view key, std::string_view value) override {
    if (auto status = check(bucket, key, value); !status) return fail(std::move(status.error()));
    auto& b = buckets_[std::string(bucket)];
    b.entries.insert_or_assign(std::string(key), Entry{std::string(value), ++b.revision});
    return b.revision;
  }

  Result<Revision> compare_and_set(std::string_view bucket, std::string_view key, std::string_view value, Revision expected) override {
    if (present(bucket, key) != expected) return conflict(bucket, key);
    return put(bucket, key, value);
  }

  Status remove(std::string_view bucket, std::string_view key) override {
    if (auto status = check(bucket, key, {}); !status) return status;
    auto& b = buckets_[std::string(bucket)];
    const auto found = b.entries.find(key);
    if (found == b.entries.end()) return {};
    b.entries.erase(found);
    ++b.revision;
    return {};
  }

  Status compare_and_remove(std::string_view bucket, std::string_view key, Revision expected) override {
    if (present(bucket, key) != expected) return conflict(bucket, key);
    return remove(bucket, key);
  }

  Result<std::vector<KeyedEntry>> scan(std::string_view bucket, std::string_view prefix, std::size_t limit,
                                       std::string_view after) override {
    std::vector<KeyedEntry> out;
    const auto& entries = buckets_[std::string(bucket)].entries;
    auto at = !after.empty() && after >= prefix ? entries.upper_bound(after) : entries.lower_bound(prefix);
    for (; at != entries.end() && out.size() < limit && at->first.starts_with(prefix); ++at) {
      out.push_back({at->first, at->second.value, at->second.revision});
    }
    return out;
  }

  Result<Revision> latest(std::string_view bucket) override { return buckets_[std::string(bucket)].revision; }

  Result<std::vector<std::string>> buckets() override {
    std::vector<std::string> out;
    for (const auto& [name, bucket] : buckets_) {
      if (bucket.revision != kAbsent) out.push_back(name);
    }
    return out;
  }

 private:
  struct Bucket {
    Revision revision = kAbsent;
    std::map<std::string, Entry, std::less<>> entries;
  };

  static Status check(std::string_view bucket, std::string_view key, std::string_view value) {
    if (bucket.empty() || key.empty()) return fail(ErrorCode::kInvalid, "the store takes no empty bucket or key");
    if (bucket.size() > kBucketBytes || key.size() > kKeyBytes || value.size() > kValueBytes) {
      return fail(ErrorCode::kTooLarge, "a key or a value of the store is too long");
    }
    return {};
  }

  static std::unexpected<Error> conflict(std::string_view bucket, std::string_view key) {
    return fail(ErrorCode::kConflict, std::string(bucket) + "/" + std::string(key) + " was changed by someone else", "read it again");
  }

  Revision present(std::string_view bucket, std::string_view key) {
    const auto& entries = buckets_[std::string(bucket)].entries;
    const auto found = entries.find(key);
    return found == entries.end() ? kAbsent : found->second.revision;
  }

  std::map<std::string, Bucket, std::less<>> buckets_;
};

}  // namespace

std::unique_ptr<Store> open_memory_store() { return std::make_unique<MemoryStore>(); }

}  // namespace interlock::store
