// SPDX-License-Identifier: GPL-2.0-only
#include "core/topology/memory_tree.hpp"

#include <doctest/doctest.h>

using vigil::topology::MemoryTree;

TEST_CASE("memory tree: the text form: sets of numbers, links, folders, unreadable files, bytes") {
  const auto tree = MemoryTree::parse(
      "# a machine\n"
      "sys/cpu{0-1,3}/id = {}\n"
      "sys/cpu2/id = two\\x21\\n\\{}\n"
      "sys/bus/a -> ../cpu2\n"
      "sys/empty/\n"
      "sys/none =\n"
      "sys/secret !\n");
  REQUIRE(tree);
  CHECK(tree->read("sys/cpu3/id") == "3\n");
  CHECK(tree->read("sys/bus/a/id") == "two!\n{}\n");
  CHECK(tree->read("sys/none") == "\n");
  CHECK(tree->link("sys/bus/a") == "../cpu2");
  CHECK_FALSE(tree->link("sys/cpu2"));
  CHECK(tree->list("sys/empty").empty());
  CHECK(tree->list("sys/bus/a") == std::vector<std::string>{"id"});
  CHECK(tree->take_problems().empty());
  CHECK_FALSE(tree->read("sys/secret"));
  CHECK(tree->take_problems().size() == 1);
  CHECK(tree->read_head("sys/cpu2/id", 2) == "tw");
  CHECK_FALSE(tree->read("sys/cpu9/id"));
}

TEST_CASE("memory tree: lines that are nothing are refused with their number") {
  CHECK(MemoryTree::parse("a = b\nsys/x").error().message() == "line 2: neither file, link nor folder");
  CHECK_FALSE(MemoryTree::parse("cpu{x}/y = 1"));
}

TEST_CASE("memory tree: circles and ways out of the tree are absent") {
  MemoryTree tree;
  tree.add_link("a", "b");
  tree.add_link("b", "a");
  tree.add_link("out", "/etc/passwd");
  tree.add_link("up", "../../../x");
  tree.add_file("x", "inside");
  CHECK_FALSE(tree.read("a"));
  CHECK_FALSE(tree.read("out"));
  CHECK(tree.read("up") == "inside");
}
