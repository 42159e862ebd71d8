#include "credential/secret.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <set>
#include <thread>
#include <vector>

namespace interlock::credential {
namespace {

TEST(Secret, HoldsWhatItWasGivenWhateverItsLength) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{63}, std::size_t{64}, std::size_t{65}, std::size_t{4096},
                                 std::size_t{4097}, std::size_t{300'000}}) {
    const std::string text(size, 's');
    const Secret secret{std::string_view(text)};
    EXPECT_EQ(secret.view(), text);
    EXPECT_EQ(secret.empty(), size == 0);
  }
}

TEST(Secret, TakesATextOverAndLeavesNothingInIt) {
  std::string text = "a secret that is longer than a small string holds";
  const char* const bytes = text.data();
  const auto size = text.size();
  const auto secret = Secret::take(std::move(text));
  EXPECT_EQ(secret.view(), "a secret that is longer than a small string holds");
  EXPECT_EQ(std::string(bytes, size), std::string(size, '\0'));
}

TEST(Secret, IsWipedWhenItsLastHolderLetsGo) {
  const char* bytes = nullptr;
  {
    const Secret secret("canary-of-a-slab");
    bytes = secret.view().data();
  }
  // Slabs are kept, so the place can still be looked at.
  EXPECT_EQ(std::string_view(bytes, 16), std::string_view("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16));
}

TEST(Secret, MovesAndCopiesByWord) {
  Secret one("first");
  const Secret two = std::move(one);
  EXPECT_EQ(two.view(), "first");
  const auto three = two.copy();
  EXPECT_EQ(three.view(), "first");
  EXPECT_NE(three.view().data(), two.view().data());
}

TEST(Secret, ManyFromManyThreadsDoNotMixUp) {
  std::vector<std::thread> threads;
  std::vector<int> wrong(4);
  for (std::size_t thread = 0; thread < wrong.size(); ++thread) {
    threads.emplace_back([&, thread] {
      std::vector<Secret> kept;
      for (int i = 0; i < 2'000; ++i) {
        kept.emplace_back(std::to_string(thread) + "/" + std::to_string(i));
        if (i % 3 == 0) kept.erase(kept.begin());
      }
      for (const auto& secret : kept) wrong[thread] += secret.view().starts_with(std::to_string(thread) + "/") ? 0 : 1;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4));
}

// A limit that the kernel enforces: as root without CAP_IPC_LOCK taken away nothing is ever refused.
TEST(Secret, WorksWhereTheKernelLocksNoMemoryAndSaysSo) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "SKIPPED: the sanitizer's mlock(2) locks nothing and says that it does";
#endif
  const auto child = ::fork();
  if (child == 0) {
    const rlimit none{0, 0};
    if (::setrlimit(RLIMIT_MEMLOCK, &none) != 0) ::_exit(3);
    if (::geteuid() == 0 && ::setresuid(12'345, 12'345, 12'345) != 0) ::_exit(3);
    std::vector<Secret> many;
    for (int i = 0; i < 1'000; ++i) many.emplace_back(std::string(4'096, 'x'));
    if (many.back().view() != std::string(4'096, 'x')) ::_exit(2);
    ::_exit(secrets_are_locked() ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 3) GTEST_SKIP() << "SKIPPED: the limit cannot be set here";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace interlock::credential
