// SPDX-License-Identifier: GPL-2.0-only
#include "edge/systemd/notify.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "base/clock.hpp"
#include "base/unique_fd.hpp"

namespace vigil::edge {

namespace {

// One line: a newline in it would be read as another assignment.
std::string status_line(std::string_view status) {
  if (status.empty()) return {};
  std::string line = "STATUS=";
  for (const char c : status) line += c == '\n' ? ' ' : c;
  return line + '\n';
}

}  // namespace

Result<Notifier> Notifier::create(const char* socket) {
  Notifier notifier;
  if (socket == nullptr || *socket == '\0') return notifier;
  std::string address = socket;
  if (address[0] != '/' && address[0] != '@')
    return fail("NOTIFY_SOCKET is neither a path nor an abstract address: " + address, EINVAL);
  if (address.size() >= sizeof(sockaddr_un::sun_path)) return fail("NOTIFY_SOCKET is too long", ENAMETOOLONG);
  if (address[0] == '@') address[0] = '\0';
  notifier.address_ = std::move(address);
  return notifier;
}

Result<Notifier> Notifier::from_environment() {
  auto notifier = create(std::getenv("NOTIFY_SOCKET"));
  unsetenv("NOTIFY_SOCKET");
  return notifier;
}

Result<void> Notifier::ready(std::string_view status) const {
  return send("READY=1\n" + status_line(status));
}

Result<void> Notifier::status(std::string_view status) const {
  return send(status_line(status));
}

Result<void> Notifier::reloading() const {
  // Type=notify-reload wants to know since when.
  return send("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(monotonic_now() / 1000) + "\n");
}

Result<void> Notifier::stopping(std::string_view status) const {
  return send("STOPPING=1\n" + status_line(status));
}

Result<void> Notifier::send(const std::string& lines) const {
  if (!active() || lines.empty()) return {};
  const UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return fail_system("make a socket for systemd");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, address_.data(), address_.size());
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
  if (sendto(fd.get(), lines.data(), lines.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address),
             length) < 0)
    return fail_system("tell systemd");
  return {};
}

}  // namespace vigil::edge
