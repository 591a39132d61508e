// SPDX-License-Identifier: GPL-2.0-only
#include "core/memory/domains.hpp"

#include <doctest/doctest.h>

#include "core/memory/machines.hpp"

using namespace vigil;
using namespace vigil::memory;

TEST_CASE("domains: memory without CPUs belongs to the CPUs near it") {
  const Domains domains(test::with_cxl());
  REQUIRE(domains.all().size() == 2);
  CHECK(domains.all()[0].cpus.to_string() == "0-3");
  CHECK(domains.all()[1].cpus.to_string() == "4-7");
  CHECK(domains.all()[1].nodes == std::vector<NodeId>{1, 2});
  CHECK(domains.find(2)->node == 1);
  CHECK(domains.far() == std::vector<NodeId>{2});
  CHECK(domains.nearness(1, 2) == 1);
  CHECK(domains.nearness(0, 2) == 0);
  CHECK(domains.nearness(0, 0) == 1);
  CHECK(domains.nearness(0, 9) == 0);
}

TEST_CASE("domains: memory near to all is a domain of all; memory that nothing is known of is none") {
  auto machine = test::two_nodes();
  machine.nodes.push_back(test::memory_node(2, "", "0-7", topology::NodeKind::cxl));
  machine.nodes.push_back(test::memory_node(3, "", ""));
  const Domains domains(machine);
  REQUIRE(domains.all().size() == 3);
  CHECK(domains.find(2)->cpus.to_string() == "0-7");
  CHECK(domains.nearness(0, 2) == 1);
  CHECK(domains.find(3) == nullptr);
  CHECK(domains.far() == std::vector<NodeId>{2});
}

TEST_CASE("score: the first design's points, and unknown adds nothing") {
  const Settings settings;
  CHECK(domain_score({}, settings) == 0);
  CHECK(domain_score({.near = 1}, settings) == 30);
  CHECK(domain_score({.near = 0.5}, settings) == 15);
  CHECK(domain_score({.bandwidth_mib_s = 1200}, settings) == 20);
  CHECK(domain_score({.bandwidth_mib_s = 999}, settings) == 0);
  CHECK(domain_score({.hit_rate = 0.95}, settings) == 15);
  CHECK(domain_score({.latency_ns = 119}, settings) == 15);
  CHECK(domain_score({.latency_ns = 120}, settings) == 0);
  CHECK(domain_score({.idle = 1}, settings) == 25);
  CHECK(domain_score({.near = 1, .bandwidth_mib_s = 2000, .hit_rate = 1, .latency_ns = 90, .idle = 1}, settings) == 105);
  CHECK_FALSE(DomainFacts{.idle = 1}.memory_known());
}
