// SPDX-License-Identifier: GPL-2.0-only
//
// Machines for tests: recorded ones from tests/fixtures/topology, and a builder for invented ones.
//
//   Machine m;
//   m.cpus("0-7").cores("0-3", 4).cache(3, "0-7", "32768K").node(0, "0-7", 16'000'000);
//   const auto topology = read_topology(m.tree());
#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>

#include "base/cpu_set.hpp"
#include "core/topology/memory_tree.hpp"

namespace vigil::test {

inline std::string fixture_path(const std::string& name) { return std::string(VIGIL_FIXTURES) + "/topology/" + name; }

inline std::string read_whole(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  REQUIRE_MESSAGE(in.good(), path);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

inline topology::MemoryTree load_machine(const std::string& name) {
  auto tree = topology::MemoryTree::parse(read_whole(fixture_path(name + ".txt")));
  REQUIRE_MESSAGE(tree, name);
  return std::move(*tree);
}

class Machine {
 public:
  // Online CPUs, all in package 0 and with a folder each.
  Machine& cpus(const std::string& list) {
    add("sys/devices/system/cpu/online", list);
    add("sys/devices/system/cpu/present", list);
    return package(0, list);
  }
  Machine& package(std::uint32_t id, const std::string& list) { return each(list, "topology/physical_package_id", std::to_string(id)); }
  Machine& die(std::uint32_t id, const std::string& list) { return each(list, "topology/die_id", std::to_string(id)); }
  // Cores of one thread, or of two when `sibling_offset` says how far the second one is.
  Machine& cores(const std::string& first_threads, std::uint32_t sibling_offset = 0) {
    for (const auto cpu : set(first_threads).to_vector()) {
      CpuSet core;
      core.add(cpu);
      core.add(cpu + sibling_offset);
      each(core.to_string(), "topology/core_cpus_list", core.to_string());
    }
    return *this;
  }
  Machine& cache(std::uint32_t level, const std::string& list, const std::string& size, int id = -1) {
    const std::string index = "cache/index" + std::to_string(level) + "/";
    each(list, index + "level", std::to_string(level));
    each(list, index + "type", "Unified");
    each(list, index + "size", size);
    each(list, index + "shared_cpu_list", set(list).to_string());
    return id < 0 ? *this : each(list, index + "id", std::to_string(id));
  }
  // A private second level for each core named by its first thread.
  Machine& private_l2(const std::string& first_threads, const std::string& size, std::uint32_t sibling_offset = 0) {
    for (const auto cpu : set(first_threads).to_vector()) {
      CpuSet core;
      core.add(cpu);
      core.add(cpu + sibling_offset);
      cache(2, core.to_string(), size);
    }
    return *this;
  }
  Machine& node(std::uint32_t id, const std::string& list, std::uint64_t kib, const std::string& distance = "") {
    const std::string folder = "sys/devices/system/node/node" + std::to_string(id) + "/";
    add(folder + "cpulist", list);
    add(folder + "meminfo", "Node " + std::to_string(id) + " MemTotal:    " + std::to_string(kib) + " kB");
    if (!distance.empty()) add(folder + "distance", distance);
    nodes_.add(id);
    return add("sys/devices/system/node/online", nodes_.to_string());
  }
  Machine& processor(const std::string& vendor, int family, int model, const std::string& name, const std::string& flags = "") {
    return add("proc/cpuinfo", "processor\t: 0\nvendor_id\t: " + vendor + "\ncpu family\t: " + std::to_string(family) +
                                   "\nmodel\t\t: " + std::to_string(model) + "\nmodel name\t: " + name + "\nflags\t\t: fpu " + flags);
  }
  Machine& each(const std::string& list, const std::string& file, const std::string& contents) {
    for (const auto cpu : set(list).to_vector()) add("sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/" + file, contents);
    return *this;
  }
  Machine& max_khz(const std::string& list, std::uint32_t khz) { return each(list, "cpufreq/cpuinfo_max_freq", std::to_string(khz)); }
  Machine& perf(const std::string& list, std::uint32_t value) { return each(list, "acpi_cppc/highest_perf", std::to_string(value)); }
  Machine& pci(const std::string& address, const std::string& klass, const std::string& vendor, const std::string& device) {
    const std::string folder = "sys/bus/pci/devices/" + address + "/";
    add(folder + "class", klass).add(folder + "vendor", vendor).add(folder + "device", device);
    return add(folder + "numa_node", "-1");
  }
  Machine& add(const std::string& path, const std::string& contents) {
    tree_.add_file(path, contents + "\n");
    return *this;
  }
  Machine& link(const std::string& path, const std::string& target) {
    tree_.add_link(path, target);
    return *this;
  }
  topology::MemoryTree& tree() { return tree_; }

 private:
  static CpuSet set(const std::string& list) {
    const auto parsed = CpuSet::parse(list);
    REQUIRE_MESSAGE(parsed, list);
    return *parsed;
  }
  topology::MemoryTree tree_;
  CpuSet nodes_;
};

}  // namespace vigil::test
