// SPDX-License-Identifier: GPL-2.0-only
#include "ctl/client.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

namespace vigil::ctl {

namespace {

constexpr std::chrono::milliseconds kPatience{10'000};
// A line of the daemon's is bounded by its queue for us; what is longer is not our daemon.
constexpr std::size_t kMaxLine = 16 * 1024 * 1024;

tl::unexpected<Failure> failed(std::string message) {
  return tl::unexpected<Failure>(Failure{kFailed, "internal", std::move(message)});
}

tl::unexpected<Failure> no_daemon(const std::string& path) {
  return tl::unexpected<Failure>(Failure{
      kNoDaemon, "no_daemon",
      "No daemon is running: nothing answers at " + path +
          ". Start it with `sudo systemctl start vigil`, or from a build tree with `sudo build/scx_vigil`."});
}

tl::unexpected<Failure> cannot_connect(const std::string& path, int error) {
  if (error == ENOENT || error == ECONNREFUSED || error == ENOTDIR) return no_daemon(path);
  if (error == EACCES || error == EPERM)
    return tl::unexpected<Failure>(
        Failure{kFailed, "not_permitted",
                "You may not talk to the daemon at " + path +
                    ": use sudo, or join the group that /etc/vigil/vigil.toml names as socket_group."});
  return failed(Error::system("connect to " + path, error).message());
}

}  // namespace

int report(const Options& options, const Failure& failure) {
  if (options.json) print_json({{"error", {{"code", failure.code}, {"message", failure.message}}}});
  std::fflush(stdout);
  std::fprintf(stderr, "vigilctl: %s\n", failure.message.c_str());
  return failure.status;
}

tl::expected<Client, Failure> Client::connect(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path)
    return tl::unexpected<Failure>(
        Failure{kUsage, "bad_request", "This is no path a socket can have: " + path});
  std::memcpy(address.sun_path, path.data(), path.size());
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return failed(Error::system("make a socket").message());
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    return cannot_connect(path, errno);
  return Client(std::move(fd));
}

tl::expected<nlohmann::json, Failure> Client::call(const wire::Request& request) {
  const std::string line = wire::format_request(request);
  for (std::size_t sent = 0; sent < line.size();) {
    const ssize_t put = send(fd_.get(), line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
    if (put < 0 && errno == EINTR) continue;
    // The daemon may have answered (too many clients) and closed: the answer is worth more than this error.
    if (put < 0) break;
    sent += static_cast<std::size_t>(put);
  }
  std::string answer;
  switch (next(answer, kPatience)) {
    case Next::nothing:
      return failed("The daemon does not answer. `systemctl status vigil` may say why.");
    case Next::ended:
      return failed(
          "The daemon closed the connection without an answer: it is stopping, or has too many clients.");
    case Next::line:
      break;
  }
  auto reply = wire::parse_reply(answer);
  if (reply) return std::move(*reply);
  const auto& error = reply.error();
  return tl::unexpected<Failure>(Failure{kFailed, std::string(to_string(error.code)), error.message});
}

Client::Next Client::next(std::string& line, std::optional<std::chrono::milliseconds> timeout) {
  for (;;) {
    if (const auto newline = buffer_.find('\n'); newline != std::string::npos) {
      line = buffer_.substr(0, newline);
      buffer_.erase(0, newline + 1);
      return Next::line;
    }
    if (buffer_.size() > kMaxLine) return Next::ended;
    pollfd waiting{.fd = fd_.get(), .events = POLLIN, .revents = 0};
    const int ready = poll(&waiting, 1, timeout ? static_cast<int>(timeout->count()) : -1);
    if (ready == 0 || (ready < 0 && errno == EINTR)) return Next::nothing;
    std::array<char, 65536> chunk;
    const ssize_t got = recv(fd_.get(), chunk.data(), chunk.size(), 0);
    if (got < 0 && errno == EINTR) return Next::nothing;
    if (got <= 0) return Next::ended;
    buffer_.append(chunk.data(), static_cast<std::size_t>(got));
  }
}

tl::expected<nlohmann::json, Failure> ask(const Options& options, const wire::Request& request) {
  auto client = Client::connect(options.socket);
  if (!client) return tl::unexpected(client.error());
  return client->call(request);
}

void print_json(const nlohmann::json& object) {
  print(wire::format_line(object));
}

void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

}  // namespace vigil::ctl
