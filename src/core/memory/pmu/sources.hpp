// SPDX-License-Identifier: GPL-2.0-only
//
// The event sources of a machine that count what goes to and from memory, and what is to be counted on each.
//
// CXL devices first (cxl_pmu_memX.Y); besides them the memory controllers of the processor, with the same meaning: Intel's
// uncore (uncore_imc_N, uncore_cxl…), AMD's UMC and data fabric (amd_umc_N, amd_df). A source is taken only for the events
// that its own events/ folder names; one that names none is mentioned in `notes` and left alone.
//
// Pure: the same tree always gives the same answer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cpu_set.hpp"
#include "core/memory/pmu/format.hpp"
#include "core/topology/devices.hpp"
#include "core/topology/topology.hpp"
#include "core/topology/tree.hpp"

namespace vigil::memory {

enum class PmuKind : std::uint8_t { cxl, intel_imc, intel_cxl, amd_umc, amd_df };
std::string_view to_string(PmuKind kind);

// What a counter counts.
enum class Count : std::uint8_t {
  clocks,           // of the device's own clock
  reads,            // transfers of data to whoever asked, of kLineBytes unless the source says otherwise
  writes,
  dram_reads,       // reads that the device served from its DRAM, not from a cache of its own
  snoops,           // questions to the device's cache
  snoop_hits,       // ... that found the line there
  read_occupancy,   // reads in the queue, summed over clocks
  write_occupancy,
};

// What is moved by one transfer.
inline constexpr double kLineBytes = 64;

struct Counter {
  Count what = Count::clocks;
  double unit = 1;               // what one count stands for: bytes of reads and writes, else 1
  std::vector<EventCode> parts;  // their sum is the count
  // One event for all of the parts, where the source's events are bits of a mask. A device may refuse it (EINVAL) and
  // still count the parts.
  std::optional<EventCode> joined;
  bool operator==(const Counter&) const = default;
};

// Counters that are read at one instant, for numbers that belong together; the kernel schedules all of them or none.
struct CounterGroup {
  enum class Purpose : std::uint8_t { traffic, device_cache, snoops, read_latency, write_latency };
  Purpose purpose = Purpose::traffic;
  std::vector<Counter> counters;
  bool operator==(const CounterGroup&) const = default;
};

// One thing that can be counted on: an event source, on one of its CPUs.
struct PmuSource {
  std::string name;            // of the event source, and of the CPU where it has several: "uncore_imc_0@20"
  std::string pmu;             // of the event source
  PmuKind kind = PmuKind::cxl;
  std::uint32_t type = 0;      // perf_event_attr.type
  std::uint32_t cpu = 0;       // where the kernel counts it
  std::optional<std::string> device;     // CXL memory: "mem0"
  // The memory it counts. Nothing where one source stands for the memory of several nodes, or for none that is online.
  std::optional<std::uint32_t> node;
  std::vector<CounterGroup> groups;
  bool operator==(const PmuSource&) const = default;
};

// A node's memory and all that counts it.
struct NodeSources {
  std::uint32_t node = 0;
  std::vector<std::size_t> sources;  // indices into PmuSources::sources
  bool complete = false;             // together they count all of the node's traffic
  bool operator==(const NodeSources&) const = default;
};

struct PmuSources {
  std::vector<PmuSource> sources;
  std::vector<NodeSources> nodes;
  std::vector<std::string> notes;  // sentences: what is there and cannot be counted on, and why
  bool operator==(const PmuSources&) const = default;
};

// `topology` and `devices` of the same tree.
PmuSources find_pmu_sources(const topology::Tree& tree, const topology::Topology& topology, const topology::Devices& devices);

// Sentences for a person: what is missing before memory traffic can be measured, and what to do. Empty when something can be.
struct PmuAdvice {
  std::string what;
  std::string todo;
};
std::optional<PmuAdvice> advise_on_pmu(const topology::Tree& tree, const topology::Devices& devices, const PmuSources& found);

}  // namespace vigil::memory
