// SPDX-License-Identifier: GPL-2.0-only
#include "base/cpu_set.hpp"

#include <doctest/doctest.h>

using vigil::CpuSet;

TEST_CASE("cpu_set: reads and writes the kernel's lists") {
  for (const char* list : {"", "0", "0-7,16-23", "3,5,7-9", "0-8191"}) {
    const auto set = CpuSet::parse(list);
    REQUIRE(set);
    CHECK(set->to_string() == list);
  }
  CHECK(CpuSet::parse("0-3\n")->count() == 4);
  CHECK(CpuSet::parse("3,2,1")->to_string() == "1-3");
}

TEST_CASE("cpu_set: refuses what is no list") {
  for (const char* list : {"x", "1-", "-1", "3-1", "0-8192", "1,,2", "4294967296", "0x3"}) {
    CAPTURE(list);
    CHECK_FALSE(CpuSet::parse(list));
  }
}

TEST_CASE("cpu_set: algebra") {
  const auto a = *CpuSet::parse("0-3,64-67"), b = *CpuSet::parse("2-5,67");
  CHECK((a | b).to_string() == "0-5,64-67");
  CHECK((a & b).to_string() == "2-3,67");
  CHECK((a - b).to_string() == "0-1,64-66");
  CHECK((a - a).empty());
  CHECK((a - *CpuSet::parse("64-67")) == *CpuSet::parse("0-3"));
  CHECK(a.first() == 0);
  CHECK(a.next(3) == 64);
  CHECK(a.next(67) == vigil::kMaxCpus);
}
