// The admin socket itself: where it stands, who may be there before it, and what a raw client gets.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/time.hpp"
#include "surface/api/admin.hpp"

namespace interlock::api {
namespace {

constexpr std::int64_t kPatience_ns = 10'000'000'000;

class Listener : public testing::Test {
 protected:
  Listener() {
    std::string pattern = (std::filesystem::temp_directory_path() / "interlock-admin-XXXXXX").string();
    folder = ::mkdtemp(pattern.data());
    operations.status = []() -> Result<json::object> { return json::object{{"pid", static_cast<std::int64_t>(::getpid())}}; };
    operations.may_administer = [this](const AdminCaller& who) -> Status {
      caller = who;
      return {};
    };
  }
  ~Listener() override { std::filesystem::remove_all(folder); }

  std::string run() const { return folder + "/run"; }
  std::unique_ptr<AdminListener> listen(Status* status = nullptr) {
    auto listener = std::make_unique<AdminListener>(loop, operations);
    const auto listening = listener->listen(folder);
    if (status != nullptr) *status = listening;
    else EXPECT_TRUE(listening) << listening.error().text();
    return listener;
  }
  static int mode_of(const std::string& path) {
    struct stat facts{};
    return ::lstat(path.c_str(), &facts) == 0 ? static_cast<int>(facts.st_mode & 0777) : -1;
  }
  // A socket that is bound at `path`, and listens if it is alive.
  static int bound(const std::string& path, bool alive) {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, path.c_str());
    EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    if (alive && ::listen(fd, 1) != 0) ADD_FAILURE() << "listen";
    return fd;
  }
  // Sends `bytes` and reads until the gate closes.
  std::string talk(const std::string& path, std::string_view bytes) {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, path.c_str());
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    std::string out;
    const auto deadline_ns = steady_ns() + kPatience_ns;
    while (steady_ns() < deadline_ns) {
      loop.poll();
      if (!bytes.empty()) {
        const auto sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
      }
      char block[4096];
      const auto got = ::recv(fd, block, sizeof block, 0);
      if (got > 0) out.append(block, static_cast<std::size_t>(got));
      if (got == 0 || (got < 0 && errno != EAGAIN)) break;
    }
    ::close(fd);
    return out;
  }

  std::string folder;
  net::Loop loop;
  AdminOperations operations;
  AdminCaller caller;
};

TEST_F(Listener, AnswersOverASocketForItsUserOnlyAndKnowsWhoCalls) {
  auto listener = listen();
  EXPECT_EQ(listener->path(), admin_socket_path(folder, static_cast<int>(::getpid())));
  EXPECT_EQ(mode_of(run()), 0700);
  EXPECT_EQ(mode_of(listener->path()), 0600);
  const auto answer = talk(listener->path(), "GET /v1/caller HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200")) << answer;
  EXPECT_EQ(caller.pid, ::getpid());
  EXPECT_EQ(caller.uid, static_cast<int>(::geteuid()));
  const auto path = listener->path();
  listener.reset();
  EXPECT_EQ(mode_of(path), -1);
}

TEST_F(Listener, RefusesOrdersThatAreTooLarge) {
  auto listener = listen();
  const auto answer = talk(listener->path(),
                           "POST /v1/pins HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
                           "1000000\r\nConnection: close\r\n\r\n" +
                               std::string(100'000, ' '));
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 413")) << answer.substr(0, 200);
  EXPECT_TRUE(talk(listener->path(), "not HTTP at all\r\n\r\n").starts_with("HTTP/1.1 400"));
  EXPECT_TRUE(talk(listener->path(), "GET /v1/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                  .starts_with("HTTP/1.1 200"));  // and serves on
}

TEST_F(Listener, MakesItsFolderPrivate) {
  ASSERT_EQ(::mkdir(run().c_str(), 0755), 0);
  auto listener = listen();
  EXPECT_EQ(mode_of(run()), 0700);
}

TEST_F(Listener, RefusesAFolderThatOthersCouldHaveFilled) {
  const auto refused = [&] {
    Status status;
    listen(&status);
    return status ? ErrorCode::kInternal : status.error().code;
  };
  for (const int mode : {0777, 0720, 0702}) {
    ASSERT_EQ(::mkdir(run().c_str(), 0700), 0);
    ASSERT_EQ(::chmod(run().c_str(), static_cast<mode_t>(mode)), 0);
    EXPECT_EQ(refused(), ErrorCode::kDenied) << mode;
    ASSERT_EQ(::rmdir(run().c_str()), 0);
  }
  ASSERT_EQ(::symlink("/tmp", run().c_str()), 0);
  EXPECT_EQ(refused(), ErrorCode::kDenied);
  ASSERT_EQ(::unlink(run().c_str()), 0);
  std::ofstream(run()) << "a file";
  EXPECT_EQ(refused(), ErrorCode::kDenied);
  ASSERT_EQ(::unlink(run().c_str()), 0);
  if (::geteuid() == 0) {
    ASSERT_EQ(::mkdir(run().c_str(), 0700), 0);
    ASSERT_EQ(::chown(run().c_str(), 12345, 12345), 0);
    EXPECT_EQ(refused(), ErrorCode::kDenied);
  }
}

TEST_F(Listener, RemovesTheSocketsOfDeadGatesAndNothingElse) {
  ASSERT_EQ(::mkdir(run().c_str(), 0700), 0);
  const auto child = ::fork();
  if (child == 0) ::_exit(0);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);  // a number that is nobody's
  const auto dead = run() + "/" + std::to_string(child) + ".sock";
  const auto alive = run() + "/999999999.sock";  // no such process, and yet somebody answers
  const auto of_living = run() + "/" + std::to_string(::getppid()) + ".sock";
  const auto file = run() + "/999999998.sock";
  const auto other = run() + "/notes.txt";
  const auto own = admin_socket_path(folder, static_cast<int>(::getpid()));  // of an earlier process with this number
  for (const auto& path : {dead, of_living, own}) ::close(bound(path, false));
  const int listening = bound(alive, true);
  std::ofstream(file) << "no socket";
  std::ofstream(other) << "no socket";
  auto listener = listen();
  EXPECT_EQ(mode_of(dead), -1);
  EXPECT_NE(mode_of(alive), -1);
  EXPECT_NE(mode_of(of_living), -1);
  EXPECT_NE(mode_of(file), -1);
  EXPECT_NE(mode_of(other), -1);
  EXPECT_TRUE(talk(own, "GET /v1/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").starts_with("HTTP/1.1 200"));
  ::close(listening);
}

TEST_F(Listener, SaysWhenItsPathIsTooLongForASocket) {
  const auto root = folder;
  folder += "/" + std::string(100, 'x');
  ASSERT_TRUE(std::filesystem::create_directory(folder));
  Status status;
  listen(&status);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kTooLarge);
  EXPECT_NE(status.error().hint.find("shorter state folder"), std::string::npos);
  folder = root;
}

}  // namespace
}  // namespace interlock::api
