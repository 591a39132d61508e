// SPDX-License-Identifier: GPL-2.0-only
#include "app/check.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/unique_fd.hpp"
#include "edge/kernel/classifier.hpp"
#include "edge/kernel/scheduler.hpp"
#include "edge/kernel/scx_probe.hpp"
#include "edge/netlink/proc_connector.hpp"
#include "edge/procfs/process_reader.hpp"
#include "loop/loop.hpp"
#include "wire/metrics.hpp"
#include "wire/protocol.hpp"

namespace vigil::app {

namespace {

constexpr int kSchedule = 0, kNeither = 1, kObserve = 3;

void ok(const char* what, const std::string& detail = "") {
  std::printf("%-22s ok%s%s\n", what, detail.empty() ? "" : ": ", detail.c_str());
}
void missing(const char* what, const std::string& sentence) { std::printf("%-22s missing: %s\n", what, sentence.c_str()); }

std::optional<std::string> ask(const std::string& path, const std::string& request) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (!fd || path.size() >= sizeof(address.sun_path)) return std::nullopt;
  std::memcpy(address.sun_path, path.data(), path.size());
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) return std::nullopt;
  if (::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) return std::nullopt;
  std::string line;
  std::array<char, 16384> buffer;
  while (line.find('\n') == std::string::npos) {
    const auto n = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
    if (n <= 0) return std::nullopt;
    line.append(buffer.data(), static_cast<std::size_t>(n));
  }
  return line;
}

int check_fallback() {
  auto loop = loop::Loop::create();
  if (auto connector = loop ? edge::ProcConnector::create(*loop, {}) : tl::unexpected<Error>(loop.error()); !connector) {
    missing("proc connector", connector.error().message() + ", so no process can be classified at all");
    return kNeither;
  }
  ok("proc connector", "processes are classified from netlink events, later than the kernel half would, and not scheduled");
  return kObserve;
}

}  // namespace

int run_check(const std::string& sysfs_root) {
  libbpf_capture();
  if (geteuid() != 0) {
    missing("root", "BPF programs cannot be loaded, so neither scheduling nor observing works; run it with sudo");
    return kNeither;
  }
  ok("root");

  auto classifier = Classifier::load({});
  if (!classifier) {
    missing("classification", classifier.error().message() + ", so the kernel half does not work; Vigil needs Linux 6.12 or newer with "
                              "CONFIG_DEBUG_INFO_BTF, CONFIG_BPF_SYSCALL and CONFIG_CGROUPS for it");
    return check_fallback();
  }
  ok("classification", "the BPF programs load");
  if (auto attached = classifier->attach(); !attached) {
    missing("tracepoints", attached.error().message() + ", so the kernel half does not work");
    return check_fallback();
  }
  ok("tracepoints", "exec, fork, exit, rename and cgroup events arrive");

  if (edge::ProcessReader().cgroup_path(1).empty() && edge::ProcessReader().cgroup_path(static_cast<std::uint32_t>(getpid())).empty())
    missing("cgroup v2", "no unified hierarchy is mounted, so containers and slices are not known by their cgroup; everything else works");
  else
    ok("cgroup v2");

  const auto support = probe_scx(sysfs_root);
  if (const auto obstacle = support.obstacle(); !obstacle.empty()) {
    missing("sched_ext", obstacle + ", so Vigil observes only");
    return kObserve;
  }
  SchedOptions options;
  options.events = &classifier->events_object();
  if (auto scheduler = Scheduler::load(options); !scheduler) {
    missing("sched_ext", scheduler.error().message() + ", so Vigil observes only");
    return kObserve;
  }
  ok("sched_ext", "the scheduler loads");
  return kSchedule;
}

int run_monitor(const Options& options) {
  for (;;) {
    const auto line = ask(options.socket, wire::format_request(wire::StatsCall{}));
    if (!line) {
      std::fprintf(stderr, "scx_vigil: nothing answers at %s; is the daemon running?\n", options.socket.c_str());
      return kNeither;
    }
    auto body = wire::parse_reply(std::string_view(*line).substr(0, line->find('\n')));
    if (!body) {
      std::fprintf(stderr, "scx_vigil: %s\n", body.error().message.c_str());
      return kNeither;
    }
    auto metrics = wire::metrics_from_json(*body);
    if (!metrics) {
      std::fprintf(stderr, "scx_vigil: %s\n", metrics.error().message().c_str());
      return kNeither;
    }
    const auto text = wire::format_openmetrics(*metrics);
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
    std::this_thread::sleep_for(std::chrono::seconds(*options.monitor_seconds));
  }
}

}  // namespace vigil::app
