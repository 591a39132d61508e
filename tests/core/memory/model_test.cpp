// SPDX-License-Identifier: GPL-2.0-only
#include "core/memory/model.hpp"

#include <doctest/doctest.h>

#include "core/memory/machines.hpp"

using namespace vigil;
using namespace vigil::memory;

namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
const ProcKey kDb{100, 5}, kOther{200, 6};

AccessSample sample(std::vector<std::uint64_t> pages, std::vector<std::uint64_t> ran, std::uint64_t moves = 0) {
  AccessSample out;
  out.key = kDb;
  out.at_ns = 10 * kSecond;
  out.span_ns = kSecond;
  out.hot_bytes = 16 << 20;
  out.warm_bytes = 4 << 20;
  out.cold_bytes = 236 << 20;
  out.access_hz = 12;
  out.hot_pages = std::move(pages);
  out.ran_ns = std::move(ran);
  out.node_moves = moves;
  return out;
}

MemoryModel model_on(const topology::Topology& machine) {
  MemoryModel model;
  model.set_machine(machine);
  model.add(kDb, true);
  return model;
}

std::optional<NodeId> near_of(MemoryModel& model, std::uint64_t now = 10 * kSecond) {
  (void)model.decide(now);
  return model.hint(kDb)->near;
}

}  // namespace

TEST_CASE("model: with nothing measured nothing is known, and nothing is decided") {
  auto model = model_on(test::two_nodes());
  CHECK(model.decide(kSecond).empty());
  const auto* view = model.find(kDb);
  REQUIRE(view);
  CHECK_FALSE(view->locality);
  CHECK_FALSE(view->hot_bytes);
  CHECK_FALSE(view->working_set_bytes());
  CHECK_FALSE(view->access_hz);
  CHECK_FALSE(view->moves_per_second);
  CHECK_FALSE(view->measured_ns);
  CHECK(model.hint(kDb) == Hint{});
  CHECK(model.kworker_lead_us() == 0);
  CHECK(model.metrics(kSecond).empty());
  CHECK(model.find(kOther) == nullptr);
}

TEST_CASE("model: one node, or memory near to all, is no reason to prefer CPUs") {
  auto machine = test::with_cpus(4);
  machine.nodes = {test::memory_node(0, "0-3", "0-3")};
  auto model = model_on(machine);
  model.take(sample({256}, {kSecond}));
  CHECK(near_of(model) == std::nullopt);
  CHECK(model.find(kDb)->locality == 100);

  machine.nodes.push_back(test::memory_node(1, "", "0-3", topology::NodeKind::cxl));
  model.set_machine(machine);
  CHECK(near_of(model) == std::nullopt);
}

TEST_CASE("model: CXL memory that comes draws those who may use it to the CPUs near it, and lets them go") {
  auto model = model_on(test::two_nodes());
  CHECK(near_of(model) == std::nullopt);
  model.set_machine(test::with_cxl());
  const auto changes = model.decide(kSecond);
  REQUIRE(changes.size() == 1);
  CHECK(changes[0].key == kDb);
  CHECK(changes[0].hint.near == 1U);
  CHECK(changes[0].why == "CPUs 4-7: near memory that has no CPUs of its own (CXL and the like); where the process's own pages are is not known");
  CHECK(model.decide(2 * kSecond).empty());
  model.set_machine(test::two_nodes());
  CHECK(model.decide(3 * kSecond).size() == 1);
  CHECK(model.hint(kDb)->near == std::nullopt);
}

TEST_CASE("model: the reason given is the present one, also where the preference stays") {
  auto model = model_on(test::with_cxl());
  CHECK(near_of(model) == 1U);
  model.take(sample({0, 0, 256}, {kSecond}));
  CHECK(near_of(model) == 1U);
  CHECK(model.why(kDb) == "CPUs 4-7: 100 % of its hot memory is near");
}

TEST_CASE("model: where the hot pages are counts more than that there is CXL memory") {
  auto model = model_on(test::with_cxl());
  model.take(sample({256}, {kSecond}));
  CHECK(near_of(model) == 0U);
  CHECK(model.why(kDb) == "CPUs 0-3: 100 % of its hot memory is near");
  model.take(sample({0, 0, 256}, {kSecond}));
  CHECK(near_of(model) == 1U);
}

TEST_CASE("model: a preference does not flap between domains that are nearly alike") {
  auto model = model_on(test::two_nodes());
  model.take(sample({200, 56}, {kSecond}));
  CHECK(near_of(model) == 0U);
  model.take(sample({100, 156}, {kSecond}));  // 61 % on the other: 6.6 points, less than the margin
  CHECK(near_of(model) == 0U);
  model.take(sample({40, 216}, {kSecond}));
  CHECK(near_of(model) == 1U);
  model.take(sample({100, 156}, {kSecond}));
  CHECK(near_of(model) == 1U);
}

TEST_CASE("model: evenly spread memory is no preference") {
  auto model = model_on(test::two_nodes());
  model.take(sample({128, 128}, {kSecond}));
  CHECK(near_of(model) == std::nullopt);
}

TEST_CASE("model: idle CPUs decide only among those that memory speaks for") {
  auto model = model_on(test::two_nodes());
  model.take_idle({0, 1});
  CHECK(near_of(model) == std::nullopt);
  model.take(sample({150, 106}, {kSecond}));  // 17.6 to 12.4 points by memory, 25 by idleness
  CHECK(near_of(model) == 1U);
}

TEST_CASE("model: measurements of nodes add their points while they are fresh") {
  auto model = model_on(test::two_nodes());
  NodeMetrics fast{.node = 1, .latency_ns = 90, .at_ns = 10 * kSecond};
  model.take(fast);
  CHECK(near_of(model, 10 * kSecond) == 1U);
  CHECK(model.metrics(10 * kSecond).size() == 1);
  CHECK(near_of(model, 16 * kSecond) == std::nullopt);
  CHECK(model.metrics(16 * kSecond).empty());
}

TEST_CASE("model: locality above 80 and high bandwidth make a vector database due sooner, with hysteresis") {
  auto model = model_on(test::two_nodes());
  const auto lead = [&] {
    (void)model.decide(10 * kSecond);
    return model.hint(kDb)->lead_us;
  };
  model.take(sample({200, 56}, {kSecond}));  // 78
  CHECK(lead() == 0);
  model.take(sample({216, 40}, {kSecond}));  // 84
  CHECK(lead() == 20'000);
  model.take(sample({200, 56}, {kSecond}));  // 78 again: not yet low enough
  CHECK(lead() == 20'000);
  model.take(sample({190, 66}, {kSecond}));  // 74
  CHECK(lead() == 0);
  model.take(sample({256}, {kSecond}));
  model.take(NodeMetrics{.node = 0, .read_mib_s = 900, .write_mib_s = 200, .at_ns = 10 * kSecond});
  CHECK(lead() == 30'000);
  model.take(NodeMetrics{.node = 0, .read_mib_s = 2000, .at_ns = 10 * kSecond});  // writes unknown: so is the sum
  CHECK(lead() == 20'000);
  model.forget_accesses(kDb);
  CHECK(lead() == 0);
}

TEST_CASE("model: only classes that locality boosts are due sooner") {
  auto model = model_on(test::two_nodes());
  model.add(kDb, false);
  model.take(sample({256}, {kSecond}));
  CHECK(near_of(model) == 0U);
  CHECK(model.hint(kDb)->lead_us == 0);
}

TEST_CASE("model: kernel workers are held back under pressure, and helped where memory is used well") {
  auto model = model_on(test::two_nodes());
  model.set_pressure(true);
  CHECK(model.kworker_lead_us() == -10'000);
  model.set_pressure(false);
  CHECK(model.kworker_lead_us() == 0);
  model.take(sample({256}, {kSecond}));
  (void)model.decide(10 * kSecond);
  CHECK(model.kworker_lead_us() == 15'000);
  model.set_pressure(true);
  CHECK(model.kworker_lead_us() == -10'000);
  model.remove(kDb);
  model.set_pressure(false);
  (void)model.decide(11 * kSecond);
  CHECK(model.kworker_lead_us() == 0);
}

TEST_CASE("model: a machine whose nodes changed makes unknown where pages are, not how hot they were") {
  auto model = model_on(test::two_nodes());
  model.take(sample({256}, {kSecond}));
  model.take(NodeMetrics{.node = 1, .latency_ns = 100, .at_ns = kSecond});
  auto machine = test::two_nodes();
  machine.nodes.pop_back();
  model.set_machine(machine);
  CHECK_FALSE(model.find(kDb)->locality);
  CHECK(model.find(kDb)->hot_bytes == 16U << 20);
  CHECK(model.metrics(kSecond).empty());
}

TEST_CASE("model: simulated measurements are known as such") {
  auto model = model_on(test::with_cxl());
  CHECK_FALSE(model.simulated());
  model.take(NodeMetrics{.node = 2, .latency_ns = 300, .simulated = true, .at_ns = kSecond});
  CHECK(model.simulated());
  model.forget_node(2);
  CHECK_FALSE(model.simulated());
}
