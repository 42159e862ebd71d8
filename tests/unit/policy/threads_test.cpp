// One snapshot, many threads, reloads in between: answers stay what they are (run under TSan too).
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "requests.hpp"

namespace interlock::policy::test {
namespace {

TEST(Threads, DecideOnOneSnapshotWhileItIsReplaced) {
  const std::string text = R"(
@id("work") permit (principal, action, resource in Workspace::"default");
@id("ask") forbid (principal, action in Action::"delete", resource) unless { context.approved };
@id("fails") forbid (principal, action, resource) when { context.args has bad && context.args.bad.deep == 1 };
@shadow @id("shadow") forbid (principal, action, resource);)";
  std::shared_ptr<const PolicyEngine> current = *load_text(text, {.observe = false, .workspace = {"/work"}});
  std::mutex mutex;
  const auto snapshot = [&] {
    const std::lock_guard lock(mutex);
    return current;
  };
  const std::string revision = current->revision();
  std::atomic<bool> done{false};
  std::thread reloads([&] {
    for (int i = 0; i < 50; ++i) {
      auto next = *load_text(text, {.observe = false, .workspace = {"/work"}});
      const std::lock_guard lock(mutex);
      current = std::move(next);
    }
    done = true;
  });
  std::vector<std::thread> readers;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 4; ++t) {
    readers.emplace_back([&] {
      Case bad = write_of("/work/a");
      bad.request.args = json::object{{"bad", 1}};
      const Case allowed = write_of("/work/a");
      const Case denied = write_of("/etc/a");
      const Case asked = write_of("/work/a").does({model::Effect::kDelete});
      for (int i = 0; i < 200 || !done; ++i) {
        const auto engine = snapshot();
        wrong += engine->decide(allowed.input()).kind != model::VerdictKind::kAllow;
        wrong += engine->decide(denied.input()).kind != model::VerdictKind::kDeny;
        wrong += engine->decide(asked.input()).kind != model::VerdictKind::kStepUp;
        wrong += engine->decide(bad.input()).policies != std::vector<std::string>{"fails"};
        wrong += engine->decide(allowed.input()).shadow != std::vector<std::string>{"shadow"};
        wrong += !engine->may_ever(allowed.input());
        wrong += engine->revision() != revision;
      }
    });
  }
  reloads.join();
  for (auto& reader : readers) reader.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace interlock::policy::test
