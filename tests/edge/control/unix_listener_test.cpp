// SPDX-License-Identifier: GPL-2.0-only
#include "edge/control/unix_listener.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "../../support/temp_dir.hpp"

using vigil::UniqueFd;
using vigil::edge::UnixListener;
using vigil::test::TempDir;

namespace {

UniqueFd dial(const std::string& path) {
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fd.reset();
  return fd;
}

unsigned mode_of(const std::string& path) {
  struct stat st {};
  REQUIRE(lstat(path.c_str(), &st) == 0);
  return st.st_mode & 07777;
}

}  // namespace

TEST_CASE(
    "listener: makes its folder and socket with the modes asked for, whatever the umask, and removes the "
    "socket") {
  const TempDir dir;
  const auto path = dir / "run/vigil/control.sock";
  const mode_t old = umask(0077);
  {
    const auto listener = UnixListener::create(path, {.mode = 0660});
    umask(old);
    REQUIRE(listener);
    CHECK(mode_of(path) == 0660);
    CHECK(mode_of(dir / "run/vigil") == 0755);
    CHECK(dial(path).valid());
  }
  CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("listener: gives the socket to the group") {
  if (geteuid() != 0) {
    MESSAGE("skipped: only root can give a file to a group it is not in");
    return;
  }
  const TempDir dir;
  const auto listener = UnixListener::create(dir / "s", {.group = gid_t{12345}});
  REQUIRE(listener);
  struct stat st {};
  REQUIRE(lstat((dir / "s").c_str(), &st) == 0);
  CHECK(st.st_gid == 12345);
}

TEST_CASE("listener: what a dead predecessor left is replaced, a living one is not") {
  const TempDir dir;
  const auto path = dir / "control.sock";
  {
    UniqueFd dead(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    REQUIRE(bind(dead.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(listen(dead.get(), 1) == 0);
  }
  REQUIRE(std::filesystem::exists(path));
  const auto living = UnixListener::create(path, {});
  REQUIRE(living);
  const auto second = UnixListener::create(path, {});
  REQUIRE_FALSE(second);
  CHECK(second.error().message().find("another program already serves") != std::string::npos);
  CHECK(dial(path).valid());
}

TEST_CASE("listener: a file that is no socket is left alone") {
  const TempDir dir;
  std::ofstream(dir / "precious") << "data";
  const auto listener = UnixListener::create(dir / "precious", {});
  REQUIRE_FALSE(listener);
  CHECK(listener.error().message().find("not a socket") != std::string::npos);
  CHECK(std::filesystem::file_size(dir / "precious") == 4);
}

TEST_CASE("listener: somebody else's socket at the same path is not removed with ours") {
  const TempDir dir;
  const auto path = dir / "control.sock";
  auto first = UnixListener::create(path, {});
  REQUIRE(first);
  std::filesystem::remove(path);
  const auto second = UnixListener::create(path, {});
  REQUIRE(second);
  *first = UnixListener();
  CHECK(dial(path).valid());
}

TEST_CASE("listener: a path no socket can have is an error with a reason") {
  const auto listener = UnixListener::create("/tmp/" + std::string(200, 'x'), {});
  REQUIRE_FALSE(listener);
  CHECK(listener.error().message().find("205") != std::string::npos);
}
