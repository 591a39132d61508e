// SPDX-License-Identifier: GPL-2.0-only
#include "core/memory/pmu/format.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <random>

using namespace vigil;
using namespace vigil::memory;

namespace {

PmuFormat format(std::initializer_list<std::pair<const char*, const char*>> fields) {
  PmuFormat out;
  for (const auto& [name, text] : fields) REQUIRE_MESSAGE(out.add(name, text), name);
  return out;
}

}  // namespace

TEST_CASE("pmu format: an event is its fields in the bits that the source names") {
  const auto intel = format({{"event", "config:0-7"}, {"umask", "config:8-15"}, {"edge", "config:18"}});
  CHECK(intel.encode("event=0x04,umask=0x03") == EventCode{0x0304, 0, 0});
  CHECK(intel.encode("event=4,umask=12,edge\n") == EventCode{0x40c04, 0, 0});
  const auto cxl = format({{"mask", "config:0-31"}, {"gid", "config:32-47"}, {"vid", "config:48-63"}, {"hdm_filter_en", "config1:18"}, {"crb", "config2:32-63"}});
  CHECK(cxl.encode("config=0x1e98002500000001") == EventCode{0x1e98002500000001, 0, 0});
  CHECK(cxl.encode("vid=0x1e98,gid=0x25,mask=0x1") == EventCode{0x1e98002500000001, 0, 0});
  CHECK(cxl.encode("mask=1,hdm_filter_en=1,crb=0xffffffff") == EventCode{1, 1 << 18, 0xffffffff00000000});
}

TEST_CASE("pmu format: a field in several pieces is filled from its low bits on") {
  const auto amd = format({{"event", "config:0-7,32-37"}});
  CHECK(amd.encode("event=0x1ff") == EventCode{0x1000000ff, 0, 0});
  CHECK(amd.encode("event=0x3fff") == EventCode{0x3f000000ff, 0, 0});
  CHECK_FALSE(amd.encode("event=0x4000"));
}

TEST_CASE("pmu format: what is not understood is an error with the word in it") {
  PmuFormat out;
  for (const char* text : {"", "config", "config:", "config:64", "config:5-3", "config:1-", "config:a", "config4:0-3", "konfig:1", "config:0-63-64"})
    CHECK_FALSE_MESSAGE(out.add("event", text), text);
  CHECK_FALSE(out.add("", "config:0-7"));
  REQUIRE(out.add("event", "config:0-7"));
  for (const char* text : {"", ",", "event=", "event=0x", "event=256", "event=-1", "event=1,", "umask=1", "event=?", "config9=1", "event=0x1g", "=1"})
    CHECK_FALSE_MESSAGE(out.encode(text), text);
  CHECK(out.encode("umask=1").error().message().find("umask") != std::string::npos);
}

TEST_CASE("pmu format: events that are bits of one mask are joined, others are not") {
  const auto cxl = format({{"mask", "config:0-31"}, {"gid", "config:32-47"}});
  CHECK(cxl.join({0x2100000002, 0, 0}, {0x2100000004, 0, 0}, "mask") == EventCode{0x2100000006, 0, 0});
  CHECK_FALSE(cxl.join({0x2100000002, 0, 0}, {0x2200000004, 0, 0}, "mask"));
  CHECK_FALSE(cxl.join({0x2100000002, 0, 0}, {0x2100000004, 1, 0}, "mask"));
  CHECK_FALSE(cxl.join({1, 0, 0}, {2, 0, 0}, "nothing"));
}

TEST_CASE("pmu format: scales and units") {
  CHECK(parse_scale("6.103515625e-5\n") == 6.103515625e-5);
  CHECK(parse_scale("1") == 1.0);
  for (const char* text : {"", "0", "-1", "nan", "inf", "1e999", "1 2"}) CHECK_FALSE_MESSAGE(parse_scale(text), text);
  CHECK(bytes_in("MiB\n") == 1048576.0);
  CHECK_FALSE(bytes_in("Joules"));
}

TEST_CASE("pmu format: any text is a field or an event, or is refused") {
  const char* seed_text = std::getenv("VIGIL_FUZZ_SEED");
  const std::uint64_t seed = seed_text ? std::strtoull(seed_text, nullptr, 0) : 20261125;
  MESSAGE("seed " << seed);
  std::mt19937_64 random(seed);
  static constexpr std::string_view kWords[] = {"config", "config1", "config2", ":", ":", "-", ",", "=", "0x", "0", "7", "63", "64", "event", "umask", "mask", "?", " ", "\n",
                                                "18446744073709551615", "99999999999999999999", "\xff", "4294967296"};
  const auto text = [&] {
    std::string out;
    for (std::size_t i = random() % 12; i > 0; --i) {
      if (random() % 8 == 0)
        out += static_cast<char>(random());
      else
        out += kWords[random() % std::size(kWords)];
    }
    return out;
  };
  std::size_t fields = 0, events = 0;
  for (int round = 0; round < 3000; ++round) {
    PmuFormat out;
    REQUIRE(out.add("umask", "config:8-15"));
    for (int i = 0; i < 4; ++i) fields += out.add(i % 2 ? "event" : "mask", text()).has_value();
    for (int i = 0; i < 8; ++i) {
      const auto code = out.encode(text());
      if (!code) continue;
      ++events;
      // What was encoded once can be joined with itself.
      if (out.has("mask")) CHECK(out.join(*code, *code, "mask") == *code);
    }
  }
  CHECK(fields > 0);
  CHECK(events > 0);
}
