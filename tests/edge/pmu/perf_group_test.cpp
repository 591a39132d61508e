// SPDX-License-Identifier: GPL-2.0-only
//
// Groups as kernels refuse and answer them; then real ones, of the software events that every kernel has.
#include "edge/pmu/perf_group.hpp"

#include <doctest/doctest.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/clock.hpp"
#include "support/fake_perf.hpp"

using namespace vigil;
using namespace vigil::edge;
using memory::Count;
using memory::Counter;

namespace {

Counter counter(std::uint64_t config) { return {.what = Count::reads, .unit = 64, .parts = {{config}}, .joined = {}}; }
Counter two_parts(std::uint64_t a, std::uint64_t b) { return {.what = Count::writes, .unit = 64, .parts = {{a}, {b}}, .joined = memory::EventCode{a | b}}; }
const PerfPlace kPlace{.source = "cxl_pmu_mem0.0", .type = 24, .cpu = 3};

}  // namespace

TEST_CASE("perf group: one leader, counted on the CPU that the source names, read in one piece") {
  test::FakePerf perf;
  const auto group = PerfGroup::open(perf.calls(), kPlace, std::array{counter(1), two_parts(2, 4)});
  REQUIRE(group);
  REQUIRE(perf.opened.size() == 2);
  CHECK(perf.opened[0].leader == -1);
  CHECK(perf.opened[1].leader >= 0);
  CHECK(perf.opened[1].attr.config == 6);
  for (const auto& event : perf.opened) {
    CHECK(event.cpu == 3);
    CHECK(event.attr.type == 24);
    CHECK(event.attr.read_format == (PERF_FORMAT_GROUP | PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING));
    CHECK(event.attr.sample_period == 0);
    CHECK_FALSE(event.attr.exclude_kernel);
  }
  perf.enabled = 20;
  perf.running = 10;
  perf.counts = {{1, 111}, {6, 222}};
  const auto reading = group->read(perf.calls());
  REQUIRE(reading);
  CHECK(*reading == memory::GroupReading{.enabled_ns = 20, .running_ns = 10, .counts = {111, 222}});
}

TEST_CASE("perf group: a device that does not join events counts them apart, and their sum is the count") {
  test::FakePerf perf;
  perf.refuse_joined = EINVAL;
  const auto group = PerfGroup::open(perf.calls(), kPlace, std::array{counter(1), two_parts(2, 4)});
  REQUIRE(group);
  CHECK(group->descriptors() == 3);
  perf.counts = {{1, 1}, {2, 20}, {4, 300}};
  CHECK(group->read(perf.calls())->counts == std::vector<std::uint64_t>{1, 320});
}

TEST_CASE("perf group: a refusal is a sentence on what it means") {
  test::FakePerf perf;
  const auto sentence = [&](int code) {
    perf.refuse = code;
    const auto group = PerfGroup::open(perf.calls(), kPlace, std::array{counter(1)});
    REQUIRE_FALSE(group);
    CHECK(group.error().code() == code);
    CHECK(group.error().message().find("cxl_pmu_mem0.0 (on CPU 3)") == 0);
    return group.error().message();
  };
  CHECK(sentence(EACCES).find("CAP_PERFMON") != std::string::npos);
  CHECK(sentence(EPERM).find("CAP_PERFMON") != std::string::npos);
  CHECK(sentence(EBUSY).find("another program") != std::string::npos);
  CHECK(sentence(ENODEV).find("off line") != std::string::npos);
  CHECK(sentence(ENOENT).find("not there") != std::string::npos);
  CHECK(sentence(EINVAL).find("events/") != std::string::npos);
  CHECK(sentence(EMFILE).find("too many files") != std::string::npos);
  CHECK(sentence(ENOMEM).find("memory") != std::string::npos);
}

TEST_CASE("perf group: a source that vanishes, an error, and an answer of another size") {
  test::FakePerf perf;
  const auto group = PerfGroup::open(perf.calls(), kPlace, std::array{counter(1)});
  REQUIRE(group);
  for (const int error : {ENODEV, -1}) {
    perf.read_error = error;
    const auto reading = group->read(perf.calls());
    REQUIRE_FALSE(reading);
    CHECK(reading.error().code() == ENODEV);
  }
  perf.read_error = EIO;
  CHECK(group->read(perf.calls()).error().code() == EIO);
  PerfCalls short_answer = perf.calls();
  short_answer.read = [](int, void*, std::size_t) -> ssize_t { return 8; };
  CHECK_FALSE(group->read(short_answer));
}

TEST_CASE("perf group: no more events than any device has counters") {
  test::FakePerf perf;
  const std::vector<Counter> many(PerfGroup::kMaxEvents + 1, counter(1));
  CHECK_FALSE(PerfGroup::open(perf.calls(), kPlace, many));
  CHECK_FALSE(PerfGroup::open(perf.calls(), kPlace, {}));
}

TEST_CASE("perf group: the kernel's own software counters, at known rates") {
  const auto calls = PerfCalls::system();
  const int cpu = sched_getcpu();
  REQUIRE(cpu >= 0);
  cpu_set_t before, one;
  sched_getaffinity(0, sizeof(before), &before);
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  REQUIRE(sched_setaffinity(0, sizeof(one), &one) == 0);
  const PerfPlace place{.source = "software", .type = PERF_TYPE_SOFTWARE, .cpu = static_cast<std::uint32_t>(cpu)};
  // The clock does not lead: behind it the kernel (6.18) counts no other software event.
  const auto group = PerfGroup::open(calls, place, std::array{counter(PERF_COUNT_SW_PAGE_FAULTS), counter(PERF_COUNT_SW_CPU_CLOCK), counter(PERF_COUNT_SW_DUMMY)});
  if (!group && (group.error().code() == EACCES || group.error().code() == EPERM)) {
    MESSAGE("skip: " << group.error().message());
    sched_setaffinity(0, sizeof(before), &before);
    return;
  }
  REQUIRE_MESSAGE(group, group.error().message());
  const auto first = group->read(calls);
  const auto first_at = monotonic_now();
  constexpr std::size_t kPages = 5000;
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  void* const memory = mmap(nullptr, kPages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  REQUIRE(memory != MAP_FAILED);
  madvise(memory, kPages * page, MADV_NOHUGEPAGE);
  for (std::size_t i = 0; i < kPages; ++i) static_cast<volatile char*>(memory)[i * page] = 1;
  const auto second = group->read(calls);
  const auto second_at = monotonic_now();
  munmap(memory, kPages * page);
  sched_setaffinity(0, sizeof(before), &before);
  REQUIRE(first);
  REQUIRE(second);
  const auto delta = vigil::memory::compare(*first, *second);
  REQUIRE(delta);
  CHECK(delta.share == doctest::Approx(1).epsilon(0.01));
  CHECK(delta.seconds == doctest::Approx(static_cast<double>(second_at - first_at) / 1e9).epsilon(0.05));
  CHECK(delta.per_second[1] == doctest::Approx(1e9).epsilon(0.05));  // a clock of nanoseconds
  // Every page faults once; whoever else runs on this CPU meanwhile faults, too.
  CHECK(second->counts[0] - first->counts[0] >= kPages);
  CHECK(second->counts[0] - first->counts[0] < kPages + 2000);
  CHECK(delta.per_second[2] == 0);
}

TEST_CASE("perf group: a type that no driver has is not there") {
  const auto group = PerfGroup::open(PerfCalls::system(), {.source = "none", .type = 0x7ffffff0, .cpu = 0}, std::array{counter(0)});
  REQUIRE_FALSE(group);
  const int code = group.error().code();
  CHECK((code == ENOENT || code == EACCES || code == EPERM));
}
