// SPDX-License-Identifier: GPL-2.0-only
#include "base/text.hpp"

#include <doctest/doctest.h>

using namespace vigil;

TEST_CASE("text: a number is the whole text") {
  CHECK(parse_number<int>("12") == 12);
  CHECK_FALSE(parse_number<int>("12 "));
  CHECK_FALSE(parse_number<int>(""));
  CHECK_FALSE(parse_number<std::uint8_t>("256"));
}

TEST_CASE("text: globs") {
  CHECK(glob_match("CPU */KVM", "CPU 12/KVM"));
  CHECK_FALSE(glob_match("CPU */KVM", "CPU 12/KVMx"));
  CHECK(glob_match("*.exe", "a.exe.exe"));
  CHECK(glob_match("a*b*c", "a-b-b-c"));
  CHECK_FALSE(glob_match("a?c", "ac"));
  CHECK(glob_match("", ""));
  CHECK(glob_match("*", ""));
}

TEST_CASE("text: names are shown without control bytes and broken UTF-8") {
  CHECK(printable("J\xc3\xb6rg") == "J\xc3\xb6rg");
  CHECK(printable("a\nb\xff") == "a\\x0ab\\xff");
  CHECK(printable("\xc3") == "\\xc3");
}

TEST_CASE("text: a typing mistake finds its word, a stranger does not") {
  CHECK(nearest("gmaing", {"gaming", "batch"}) == "gaming");
  CHECK_FALSE(nearest("zebra", {"gaming", "batch"}));
}
