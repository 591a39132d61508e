// SPDX-License-Identifier: GPL-2.0-only
#include "fake_daemon.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/clock.hpp"
#include "base/unique_fd.hpp"
#include "log/log.hpp"

namespace vigil::test {

namespace {

struct Pipe {
  UniqueFd read, write;
  Pipe() {
    std::array<int, 2> fds{};
    REQUIRE(pipe2(fds.data(), O_CLOEXEC) == 0);
    read.reset(fds[0]);
    write.reset(fds[1]);
    fcntl(fds[0], F_SETFL, O_NONBLOCK);
  }
  void drain(std::string& into) const {
    std::array<char, 65536> chunk;
    for (ssize_t got = 0; (got = ::read(read.get(), chunk.data(), chunk.size())) > 0;)
      into.append(chunk.data(), static_cast<std::size_t>(got));
  }
};

constexpr std::uint64_t kPatienceNs = 30'000'000'000;

}  // namespace

Ran run_vigilctl(const std::vector<std::string>& words,
                 const std::function<bool(const std::string& out)>& meanwhile, const std::string& folder) {
  const char* program = getenv("VIGILCTL");
  REQUIRE_MESSAGE(program != nullptr, "VIGILCTL names the program under test");
  const Pipe out, err;
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    dup2(out.write.get(), STDOUT_FILENO);
    dup2(err.write.get(), STDERR_FILENO);
    std::vector<char*> argv{const_cast<char*>(program)};
    for (const auto& word : words) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    if (chdir(folder.c_str()) != 0) _exit(126);
    execv(program, argv.data());
    _exit(127);
  }
  Ran ran;
  int status = 0;
  bool told = false;
  const auto begin = monotonic_now();
  while (waitpid(child, &status, WNOHANG) == 0) {
    out.drain(ran.out);
    err.drain(ran.err);
    if (meanwhile && meanwhile(ran.out) && !std::exchange(told, true)) kill(child, SIGINT);
    if (monotonic_now() - begin > kPatienceNs) {
      kill(child, SIGKILL);
      waitpid(child, &status, 0);
      FAIL("vigilctl did not end; so far: ", ran.out, ran.err);
    }
    usleep(200);
  }
  out.drain(ran.out);
  err.drain(ran.err);
  ran.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return ran;
}

FakeDaemon::FakeDaemon()
    : loop_([] {
        auto made = loop::Loop::create();
        REQUIRE(made);
        return std::move(*made);
      }()) {
  log::set_level(log::Level::off);
  auto made = edge::ControlServer::create(
      loop_, socket(), {}, [this](const wire::Request& request, const edge::Peer&) {
        asked.push_back(wire::format_request(request));
        return answer ? answer(request) : edge::Reply::error(wire::ErrorCode::not_found, "nothing");
      });
  REQUIRE(made);
  server_ = std::move(*made);
}

Ran FakeDaemon::run(std::vector<std::string> words,
                    const std::function<bool(const std::string& out)>& meanwhile) {
  words.insert(words.begin(), {"--socket", socket()});
  return run_vigilctl(
      words,
      [&](const std::string& out) {
        loop_.run_once(false);
        return meanwhile && meanwhile(out);
      },
      folder());
}

}  // namespace vigil::test
