// SPDX-License-Identifier: GPL-2.0-only
//
// Runs a program and says what witness.bpf.c saw of the scheduler meanwhile, whichever scheduler that is:
//
//   witness OBJECT PROGRAM [ARGUMENT]...
//
// prints `witness wait_us N (PID COMM cpu N) idle_us N (…) trespasses N switches N`; its exit status is the program's.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/types.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "base/handle.hpp"
#include "witness.h"

namespace {

using Object = vigil::Handle<bpf_object, bpf_object__close>;

int broken(const char* what) {
  std::fprintf(stderr, "witness: %s\n", what);
  return 125;
}

void print(const char* name, const witnessed& seen) {
  std::printf(" %s_us %llu (pid %u %.16s cpu %u)", name, static_cast<unsigned long long>(seen.ns / 1000), seen.pid, seen.comm,
              seen.cpu);
}

// Under an instruction clock the emulator leaves a CPU for the next only when a virtual timer is due, so wake-ups wait for a
// millisecond or two. The RTC's periodic timer (with the emulator's `-rtc clock=vm`) bounds that; nobody listens to it.
void keep_clock_busy() {
  if (ioperm(0x70, 2, 1) != 0) return;
  const auto change = [](unsigned char index, unsigned char keep, unsigned char set) {
    outb(index, 0x70);
    const auto old = inb(0x71);
    outb(index, 0x70);
    outb(static_cast<unsigned char>((old & keep) | set), 0x71);
  };
  change(0x0a, 0x70, 3);     // 32768 Hz >> 2
  change(0x0b, 0xff, 0x40);  // periodic
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return broken("usage: witness OBJECT PROGRAM [ARGUMENT]...");
  const Object object(bpf_object__open_file(argv[1], nullptr));
  if (!object) return broken("cannot open the object");
  std::size_t size = 0;
  auto* constants = bpf_map__initial_value(bpf_object__find_map_by_name(object.get(), ".rodata"), &size);
  const auto cpus = static_cast<__u32>(libbpf_num_possible_cpus());
  if (!constants || size < sizeof(cpus)) return broken("the object has no constants");
  std::memcpy(constants, &cpus, sizeof(cpus));
  if (bpf_object__load(object.get()) < 0) return broken("cannot load");
  bpf_program* program = nullptr;
  vigil::Handle<bpf_link, bpf_link__destroy> links[3];
  int n = 0;
  bpf_object__for_each_program(program, object.get()) {
    links[n] = vigil::Handle<bpf_link, bpf_link__destroy>(bpf_program__attach(program));
    if (!links[n++]) return broken("cannot attach");
  }
  const int fd = bpf_map__fd(bpf_object__find_map_by_name(object.get(), "seen"));
  auto* seen = static_cast<witness*>(mmap(nullptr, sizeof(witness), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  if (seen == MAP_FAILED) return broken("cannot map");

  keep_clock_busy();
  const pid_t child = fork();
  if (child == 0) {
    execvp(argv[2], argv + 2);
    _exit(127);
  }
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  seen->on = static_cast<__u64>(now.tv_sec) * 1'000'000'000ULL + static_cast<__u64>(now.tv_nsec);
  int status = 0;
  waitpid(child, &status, 0);
  const witness out = *seen;
  std::printf("witness");
  print("wait", out.wait);
  print("idle", out.idle);
  std::printf(" trespasses %llu switches %llu\n", static_cast<unsigned long long>(out.trespass.ns),
              static_cast<unsigned long long>(out.switches));
  return WIFEXITED(status) ? WEXITSTATUS(status) : 126;
}
