// SPDX-License-Identifier: GPL-2.0-only
//
// The test is systemd: it owns the socket and reads what arrives.
#include "edge/systemd/notify.hpp"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <filesystem>
#include <string>

#include "base/unique_fd.hpp"

using vigil::UniqueFd;
using vigil::edge::Notifier;

namespace {

struct Systemd {
  UniqueFd fd{socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};

  explicit Systemd(const std::string& name) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name.data(), name.size());
    if (name[0] == '@') address.sun_path[0] = '\0';
    REQUIRE(bind(fd.get(), reinterpret_cast<sockaddr*>(&address),
                 static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size())) == 0);
  }
  std::string heard() const {
    char buffer[4096];
    const ssize_t got = recv(fd.get(), buffer, sizeof buffer, 0);
    return got < 0 ? "(nothing)" : std::string(buffer, static_cast<std::size_t>(got));
  }
};

std::string abstract_name() {
  return "@vigil-notify-test-" + std::to_string(getpid());
}

}  // namespace

TEST_CASE("notify: ready, status and stopping arrive at an abstract socket") {
  const Systemd systemd(abstract_name());
  const auto notifier = Notifier::create(abstract_name().c_str());
  REQUIRE(notifier);
  REQUIRE(notifier->ready("observing"));
  CHECK(systemd.heard() == "READY=1\nSTATUS=observing\n");
  REQUIRE(notifier->status("2 games\nREADY=1"));
  CHECK(systemd.heard() == "STATUS=2 games READY=1\n");
  REQUIRE(notifier->stopping(""));
  CHECK(systemd.heard() == "STOPPING=1\n");
  REQUIRE(notifier->reloading());
  CHECK(systemd.heard().starts_with("RELOADING=1\nMONOTONIC_USEC="));
}

TEST_CASE("notify: and at a socket with a path, named by the environment, which children do not inherit") {
  char folder[] = "/tmp/vigil-notify-XXXXXX";
  REQUIRE(mkdtemp(folder) != nullptr);
  const std::string path = std::string(folder) + "/notify";
  {
    const Systemd systemd(path);
    setenv("NOTIFY_SOCKET", path.c_str(), 1);
    const auto notifier = Notifier::from_environment();
    REQUIRE(notifier);
    CHECK(getenv("NOTIFY_SOCKET") == nullptr);
    REQUIRE(notifier->ready(""));
    CHECK(systemd.heard() == "READY=1\n");
  }
  std::filesystem::remove_all(folder);
}

TEST_CASE("notify: without systemd nothing is told and nothing fails") {
  unsetenv("NOTIFY_SOCKET");
  const auto notifier = Notifier::from_environment();
  REQUIRE(notifier);
  CHECK_FALSE(notifier->active());
  CHECK(notifier->ready("x"));
}

TEST_CASE("notify: an address that is none, and a systemd that is gone, are errors with a reason") {
  CHECK_FALSE(Notifier::create("relative/path"));
  CHECK_FALSE(Notifier::create(("/" + std::string(200, 'x')).c_str()));
  const auto notifier = Notifier::create("@vigil-nobody-listens-here");
  REQUIRE(notifier);
  const auto told = notifier->ready("");
  REQUIRE_FALSE(told);
  CHECK(told.error().message().starts_with("tell systemd: "));
}
