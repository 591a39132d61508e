// SPDX-License-Identifier: GPL-2.0-only
//
// The rules of ownership, on plain files. What the kernel makes of it: tests/vm/memory_damon.sh.
#include "edge/damon/damon_admin.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "support/temp_dir.hpp"

using namespace vigil;
namespace fs = std::filesystem;

namespace {

constexpr memory::Intervals kIntervals{50'000, 1'000'000, 5'000'000};

// A tree as the kernel shows it, but that does not answer: folders of a slot's context are there from the start.
struct Tree {
  test::TempDir folder;
  explicit Tree(unsigned count, unsigned folders = 8) {
    for (unsigned i = 0; i < folders; ++i) {
      put(slot(i) + "state", "off");
      put(slot(i) + "pid", std::to_string(4000 + i));
      put(slot(i) + "contexts/nr_contexts", "0");
      for (const char* file : {"operations", "targets/nr_targets", "targets/0/pid_target", "monitoring_attrs/intervals/sample_us",
                               "monitoring_attrs/intervals/aggr_us", "monitoring_attrs/intervals/update_us", "monitoring_attrs/nr_regions/max"})
        put(slot(i) + "contexts/0/" + file, "0");
    }
    put(kRoot + "nr_kdamonds", std::to_string(count));
    put(kStat, "N");
  }
  static std::string slot(unsigned i) { return kRoot + std::to_string(i) + "/"; }
  void put(const std::string& path, const std::string& text) {
    const auto whole = fs::path(folder.path()) / path;
    fs::create_directories(whole.parent_path());
    std::ofstream(whole) << text;
  }
  std::string get(const std::string& path) const {
    std::ifstream in(fs::path(folder.path()) / path);
    std::string text;
    std::getline(in, text);
    return text;
  }
  edge::DamonPaths paths() const { return {std::string(folder.path()) + "/sys", std::string(folder.path()) + "/state"}; }
  bool has_state() const { return fs::exists(paths().state_file); }

  static inline const std::string kRoot = "sys/kernel/mm/damon/admin/kdamonds/";
  static inline const std::string kStat = "sys/module/damon_stat/parameters/enabled";
};

}  // namespace

TEST_CASE("damon: where there are no kdamonds they are made, and unmade") {
  Tree tree(0);
  {
    edge::DamonAdmin admin(tree.paths());
    CHECK(admin.present());
    const auto watching = admin.start(77, kIntervals, 200, false);
    REQUIRE_MESSAGE(watching, watching.error().message());
    CHECK(watching->slot == 0);
    CHECK(watching->kdamond == 4000);
    CHECK(tree.get(Tree::kRoot + "nr_kdamonds") == "8");
    CHECK(tree.get(Tree::slot(0) + "state") == "on");
    CHECK(tree.get(Tree::slot(0) + "contexts/nr_contexts") == "1");
    CHECK(tree.get(Tree::slot(0) + "contexts/0/operations") == "vaddr");
    CHECK(tree.get(Tree::slot(0) + "contexts/0/targets/0/pid_target") == "77");
    CHECK(tree.get(Tree::slot(0) + "contexts/0/monitoring_attrs/intervals/sample_us") == "50000");
    CHECK(tree.get(Tree::slot(0) + "contexts/0/monitoring_attrs/nr_regions/max") == "200");
    const auto second = admin.start(78, kIntervals, 200, false);
    REQUIRE(second);
    CHECK(second->slot == 1);
    admin.stop(0);
    CHECK(tree.get(Tree::slot(0) + "state") == "off");
    CHECK(tree.get(Tree::kRoot + "nr_kdamonds") == "8");  // one is still at work
    CHECK(tree.has_state());
  }
  CHECK(tree.get(Tree::slot(1) + "state") == "off");
  CHECK(tree.get(Tree::kRoot + "nr_kdamonds") == "0");
  CHECK_FALSE(tree.has_state());
}

TEST_CASE("damon: a kdamond that runs, or that somebody set up, is not taken") {
  Tree tree(3);
  tree.put(Tree::slot(0) + "state", "on");
  tree.put(Tree::slot(0) + "contexts/nr_contexts", "1");
  tree.put(Tree::slot(1) + "contexts/nr_contexts", "1");
  {
    edge::DamonAdmin admin(tree.paths());
    const auto watching = admin.start(77, kIntervals, 200, false);
    REQUIRE(watching);
    CHECK(watching->slot == 2);
    const auto more = admin.start(78, kIntervals, 200, false);
    REQUIRE_FALSE(more);
    CHECK(more.error().code() == EBUSY);
    CHECK(more.error().message().find("somebody else's") != std::string::npos);
  }
  CHECK(tree.get(Tree::slot(0) + "state") == "on");
  CHECK(tree.get(Tree::slot(1) + "contexts/nr_contexts") == "1");
  CHECK(tree.get(Tree::slot(2) + "contexts/nr_contexts") == "0");
  CHECK(tree.get(Tree::kRoot + "nr_kdamonds") == "3");
}

TEST_CASE("damon: damon_stat is switched off only when that is allowed, and on again") {
  Tree tree(0);
  tree.put(Tree::kStat, "Y");
  edge::DamonAdmin admin(tree.paths());
  const auto refused = admin.start(77, kIntervals, 200, false);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == EBUSY);
  CHECK(refused.error().message().find("damon_stat = \"yield\"") != std::string::npos);
  CHECK(tree.get(Tree::kStat) == "Y");
  CHECK(tree.get(Tree::kRoot + "nr_kdamonds") == "0");
  CHECK_FALSE(tree.has_state());

  REQUIRE(admin.start(77, kIntervals, 200, true));
  CHECK(tree.get(Tree::kStat) == "N");
  CHECK(admin.stopped_damon_stat());
  admin.stop(0);
  CHECK(tree.get(Tree::kStat) == "Y");
  CHECK_FALSE(tree.has_state());
}

TEST_CASE("damon: what a killed daemon had changed is put back, and nothing that is no longer what it left") {
  Tree tree(8);
  tree.put(Tree::kStat, "N");
  const auto left_behind = [&](unsigned slot, const char* kdamond) {
    tree.put(Tree::slot(slot) + "state", "on");
    tree.put(Tree::slot(slot) + "pid", kdamond);
    tree.put(Tree::slot(slot) + "contexts/nr_contexts", "1");
    tree.put(Tree::slot(slot) + "contexts/0/targets/0/pid_target", "77");
  };
  left_behind(0, "4000");
  left_behind(1, "5555");  // another kdamond by now: somebody else's
  tree.put("state", "damon_stat on\nraised\nslot 0 77 4000\nslot 1 77 4001\nnonsense\nslot x y z\n");
  edge::DamonAdmin admin(tree.paths());
  CHECK(admin.recover().size() == 2);
  CHECK(tree.get(Tree::slot(0) + "state") == "off");
  CHECK(tree.get(Tree::slot(0) + "contexts/nr_contexts") == "0");
  CHECK(tree.get(Tree::slot(1) + "state") == "on");
  CHECK(tree.get(Tree::slot(1) + "contexts/nr_contexts") == "1");
  CHECK(tree.get(Tree::kRoot + "nr_kdamonds") == "8");  // the other one is in use
  CHECK(tree.get(Tree::kStat) == "Y");
  CHECK_FALSE(tree.has_state());
  CHECK(admin.recover().empty());
}

TEST_CASE("damon: killed between set-up and start, the slot is known by its target") {
  Tree tree(8);
  tree.put(Tree::slot(0) + "state", "on");
  tree.put(Tree::slot(0) + "contexts/nr_contexts", "1");
  tree.put(Tree::slot(0) + "contexts/0/targets/0/pid_target", "77");
  tree.put("state", "raised\nslot 0 77 0\n");
  edge::DamonAdmin admin(tree.paths());
  CHECK(admin.recover().size() == 1);
  CHECK(tree.get(Tree::slot(0) + "state") == "off");
  CHECK(tree.get(Tree::kRoot + "nr_kdamonds") == "0");
}

TEST_CASE("damon: a kernel without it says so") {
  test::TempDir nothing;
  edge::DamonAdmin admin({std::string(nothing.path()) + "/sys", std::string(nothing.path()) + "/state"});
  CHECK_FALSE(admin.present());
  const auto watching = admin.start(77, kIntervals, 200, true);
  REQUIRE_FALSE(watching);
  CHECK(watching.error().code() == ENOENT);
  CHECK(fs::is_empty(nothing.path()));
}

TEST_CASE("damon: intervals change while it runs") {
  Tree tree(0);
  edge::DamonAdmin admin(tree.paths());
  REQUIRE(admin.start(77, kIntervals, 200, false));
  REQUIRE(admin.retune(0, {100'000, 2'000'000, 10'000'000}));
  CHECK(tree.get(Tree::slot(0) + "contexts/0/monitoring_attrs/intervals/aggr_us") == "2000000");
  CHECK(tree.get(Tree::slot(0) + "state") == "commit");
}
