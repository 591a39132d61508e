// SPDX-License-Identifier: GPL-2.0-only
//
// cpu.weight, flattened (bpf/policy/group.h), compiled for the host.
#include "policy/group.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <numeric>
#include <vector>

namespace {

constexpr std::uint32_t kNice0 = 1024, kRegular = 1024;

// A tree of groups with runnable tasks of nice 0, as sched_group.bpf.h keeps it.
struct Group {
  std::uint32_t weight = vigil_group_weight(100);
  const Group* parent = nullptr;  // null: the first level
  std::uint64_t load = 0;         // what competes inside

  std::uint64_t flat() const {
    std::uint64_t fraction = 1ULL << VIGIL_GROUP_FRACTION_BITS;
    const Group* at = this;
    for (; at->parent; at = at->parent) fraction = vigil_group_fraction(fraction, at->weight, at->parent->load);
    return vigil_group_flat(fraction, at->weight);
  }
  std::uint32_t share(std::uint32_t nice_weight = kNice0, std::uint32_t class_share = kRegular) const {
    return vigil_group_share(flat(), nice_weight, load, class_share);
  }
};

}  // namespace

TEST_CASE("group: cpu.weight 100 weighs as much as a task of nice 0") {
  CHECK(vigil_group_weight(100) == 1024);
  CHECK(vigil_group_weight(1) == 10);
  CHECK(vigil_group_weight(10000) == 102400);
  CHECK(vigil_group_weight(50000) == 102400);
  CHECK(vigil_group_weight(0) == 1);
}

TEST_CASE("group: the only task of a group of weight 100 has the share of a task of the root") {
  Group group{.load = kNice0};
  CHECK(group.share() == VIGIL_SHARE_ONE);
  CHECK(group.share(kNice0, 8 * 1024) == 8 * VIGIL_SHARE_ONE);
}

TEST_CASE("group: what a group is due is divided among its tasks") {
  Group group{.weight = vigil_group_weight(300), .load = 6 * kNice0};
  CHECK(group.share() == doctest::Approx(VIGIL_SHARE_ONE / 2).epsilon(0.001));
}

TEST_CASE("group: within a group the nice value decides") {
  const std::uint32_t nice5 = vigil_nice_weight(125, 0);
  Group group{.load = kNice0 + nice5};
  CHECK(static_cast<double>(group.share()) / group.share(nice5) == doctest::Approx(1024.0 / nice5).epsilon(0.001));
  CHECK(group.share() + group.share(nice5) == doctest::Approx(VIGIL_SHARE_ONE).epsilon(0.001));
}

TEST_CASE("group: levels multiply") {
  // top (100) holds a (100) and b (300), both busy; beside it another group of weight 100.
  Group top{.load = vigil_group_weight(100) + vigil_group_weight(300)};
  Group a{.parent = &top, .load = 2 * kNice0};
  Group b{.weight = vigil_group_weight(300), .parent = &top, .load = kNice0};
  CHECK(2 * a.share() == doctest::Approx(VIGIL_SHARE_ONE * 0.25).epsilon(0.001));
  CHECK(b.share() == doctest::Approx(VIGIL_SHARE_ONE * 0.75).epsilon(0.001));
}

TEST_CASE("group: a group alone among its siblings has all that is its parent's, at any depth") {
  std::vector<Group> chain(VIGIL_GROUP_DEPTH);
  for (std::size_t i = 0; i < chain.size(); i++) {
    chain[i].weight = vigil_group_weight(i ? 1 : 100);
    chain[i].parent = i ? &chain[i - 1] : nullptr;
    chain[i].load = i + 1 < chain.size() ? vigil_group_weight(1) : kNice0;
  }
  CHECK(chain.back().share() == doctest::Approx(VIGIL_SHARE_ONE).epsilon(0.01));
}

TEST_CASE("group: tasks beside child groups compete with them (threaded groups)") {
  Group top{.load = kNice0 + vigil_group_weight(300)};
  Group child{.weight = vigil_group_weight(300), .parent = &top, .load = kNice0};
  CHECK(child.share() == doctest::Approx(3.0 * top.share()).epsilon(0.001));
}

TEST_CASE("group: the smallest are still somebody, and the largest fit") {
  Group least{.weight = VIGIL_GROUP_IDLE_WEIGHT, .load = 1000 * kNice0};
  CHECK(least.share(15) >= 1);
  Group most{.weight = vigil_group_weight(10000), .load = 88761};
  CHECK(most.share(88761, 64 * 1024) == 6400u * VIGIL_SHARE_ONE);
}

TEST_CASE("group: a group that its parent has not counted yet gets no more than all") {
  Group top{.load = 0};
  Group child{.weight = vigil_group_weight(10000), .parent = &top, .load = 0};
  CHECK(child.share() == VIGIL_SHARE_ONE);
}
