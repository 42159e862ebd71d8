// What the tests of this room share: a table of processes of their own, an act to ask about, a temporary folder.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "approval/processes.hpp"
#include "approval/record.hpp"
#include "store/store.hpp"

namespace interlock::approval {

class FakeProcessTable final : public ProcessTable {
 public:
  FakeProcessTable() { add(static_cast<int>(::getpid()), 0, "interlock", 50); }

  void add(int pid, int parent, std::string name = "program", std::uint64_t start = 100,
           std::string cgroup = "/user.slice/session-1.scope") {
    ProcessFacts facts;
    facts.mark = {pid, start};
    facts.parent = parent;
    facts.uid = 1000;
    facts.name = std::move(name);
    facts.cgroup = std::move(cgroup);
    facts_[pid] = std::move(facts);
  }
  void end(int pid) { facts_.erase(pid); }
  void move_to(std::string place) { place_ = std::move(place); }

  std::optional<ProcessFacts> find(int pid) const override {
    const auto it = facts_.find(pid);
    return it == facts_.end() ? std::nullopt : std::optional(it->second);
  }
  std::string place() const override { return place_; }

 private:
  std::map<int, ProcessFacts> facts_;
  std::string place_ = "boot-1/pid:[1]";
};

inline constexpr UnixMs kStart_ms = 1'700'000'000'000;
inline constexpr std::int64_t kLifetime_ms = 60'000;

inline ApprovalRequest an_act(std::string name = "alpha") {
  ApprovalRequest request;
  request.subject = "local/alice/agent";
  request.owner = "alice";
  request.client = "agent 1.0";
  request.task = "task_1";
  request.server = "files";
  request.operation = "tools/call";
  request.target = "delete";
  request.action = "files/delete";
  request.resource = "File::\"/work/" + name + "\"";
  request.arguments = json::object{{"name", name}};
  request.band = model::Band::kSensitive;
  request.reason = "A human decides on each deletion.";
  request.policies = {"deleting-needs-a-human"};
  request.policy_revision = "r1";
  request.expires_ms = kStart_ms + kLifetime_ms;
  BoundAct bound;
  bound.subject = request.subject;
  bound.resource = request.resource;
  bound.arguments = &request.arguments;
  bound.expires_ms = request.expires_ms;
  request.digest = action_digest(bound);
  return request;
}

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "interlock-approval-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::filesystem::path file() const { return path_ / "store.db"; }

 private:
  std::filesystem::path path_;
};

inline std::unique_ptr<store::Store> store_at(const std::filesystem::path& path) {
  auto opened = store::open_sqlite_store(path);
  if (!opened) ADD_FAILURE() << opened.error().text();
  return opened ? std::move(*opened) : nullptr;
}

// A store that can be told to fail, as a full disk does.
class BreakableStore final : public store::Store {
 public:
  bool reads = true;
  bool writes = true;

  Result<std::optional<store::Entry>> get(std::string_view bucket, std::string_view key) override {
    if (!reads) return broken();
    return inner_->get(bucket, key);
  }
  Result<store::Revision> put(std::string_view bucket, std::string_view key, std::string_view value) override {
    if (!writes) return broken();
    return inner_->put(bucket, key, value);
  }
  Result<store::Revision> compare_and_set(std::string_view bucket, std::string_view key, std::string_view value,
                                          store::Revision expected) override {
    if (!writes) return broken();
    return inner_->compare_and_set(bucket, key, value, expected);
  }
  Status remove(std::string_view bucket, std::string_view key) override {
    if (!writes) return broken();
    return inner_->remove(bucket, key);
  }
  Status compare_and_remove(std::string_view bucket, std::string_view key, store::Revision expected) override {
    if (!writes) return broken();
    return inner_->compare_and_remove(bucket, key, expected);
  }
  Result<std::vector<store::KeyedEntry>> scan(std::string_view bucket, std::string_view prefix, std::size_t limit,
                                              std::string_view after) override {
    if (!reads) return broken();
    return inner_->scan(bucket, prefix, limit, after);
  }
  Result<store::Revision> latest(std::string_view bucket) override {
    if (!reads) return broken();
    return inner_->latest(bucket);
  }

 private:
  static std::unexpected<Error> broken() { return fail(ErrorCode::kIo, "the disk is full"); }
  std::unique_ptr<store::Store> inner_ = store::open_memory_store();
};

}  // namespace interlock::approval
