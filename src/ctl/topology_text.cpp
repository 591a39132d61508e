// SPDX-License-Identifier: GPL-2.0-only
#include "ctl/topology_text.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <vector>

namespace vigil {

namespace {

using namespace topology;

constexpr std::size_t kColumns = 100;

// Columns, not bytes: everything printed here is one column a code point.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

// Breaks at spaces, and in long lists behind commas; following lines are indented.
void add_wrapped(std::string& out, const std::string& first, const std::string& indent, std::string_view text) {
  std::string line = first;
  bool fresh = true;
  while (!text.empty()) {
    std::size_t end = text.find_first_of(" ,");
    if (end != std::string_view::npos && text[end] == ',') ++end;
    std::string_view word = text.substr(0, end);
    if (!fresh && width(line) + width(word) > kColumns) {
      while (line.ends_with(' ')) line.pop_back();
      out += line + '\n';
      line = indent;
      fresh = true;
      continue;
    }
    line += word;
    fresh = false;
    text.remove_prefix(word.size());
    if (text.starts_with(' ')) {
      if (width(line) < kColumns) line += ' ';
      text.remove_prefix(1);
    }
  }
  while (line.ends_with(' ')) line.pop_back();
  out += line + '\n';
}

std::string count(std::size_t n, const char* one, const char* many) {
  return std::to_string(n) + ' ' + (n == 1 ? one : many);
}

std::string size_of(std::uint64_t kib) {
  static constexpr std::array kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB"};
  double value = static_cast<double>(kib);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  std::array<char, 32> text{};
  const bool whole = value == static_cast<double>(static_cast<std::uint64_t>(value)) || value >= 100;
  std::snprintf(text.data(), text.size(), whole ? "%.0f %s" : "%.1f %s", value, kUnits[unit]);
  return text.data();
}

std::string_view word_of(CpuKind kind) {
  switch (kind) {
    case CpuKind::uniform: return "";
    case CpuKind::performance: return "performance";
    case CpuKind::efficiency: return "efficiency";
    case CpuKind::low_power: return "low-power";
  }
  return "";
}

// "0,16" or, where the firmware ranks the cores, "0,16:236".
std::string cell_of(const Topology& topology, std::uint32_t core) {
  const auto& cpus = topology.cores[core].cpus;
  std::string cell;
  for (const auto id : cpus.to_vector()) cell += (cell.empty() ? "" : "+") + std::to_string(id);
  if (const auto rank = topology.find_cpu(cpus.first())->rank) cell += ":" + std::to_string(*rank);
  return cell;
}

void draw_cores(std::string& out, const Topology& topology, const Llc& llc, const std::string& indent) {
  for (const auto kind : {CpuKind::uniform, CpuKind::performance, CpuKind::efficiency, CpuKind::low_power}) {
    std::vector<std::string> cells;
    std::size_t widest = 0;
    std::vector<bool> seen(topology.cores.size());
    for (const auto id : llc.cpus.to_vector()) {
      const auto* cpu = topology.find_cpu(id);
      if (cpu->kind != kind || seen[*cpu->core]) continue;
      seen[*cpu->core] = true;
      cells.push_back(cell_of(topology, *cpu->core));
      widest = std::max(widest, cells.back().size());
    }
    if (cells.empty()) continue;
    std::string head = indent + std::string(word_of(kind));
    if (!word_of(kind).empty()) head.resize(head.size() + 12 - word_of(kind).size(), ' ');
    const std::string blank(width(head), ' ');
    std::string line = head;
    for (const auto& cell : cells) {
      if (width(line) + widest > kColumns && width(line) > width(head)) {
        while (line.ends_with(' ')) line.pop_back();
        out += line + '\n';
        line = indent + blank.substr(width(indent));
      }
      line += cell + std::string(widest - cell.size() + 2, ' ');
    }
    while (line.ends_with(' ')) line.pop_back();
    out += line + '\n';
  }
}

std::string title_of(const Llc& llc, const Package& package) {
  std::string title = llc.level ? "L" + std::to_string(llc.level) : "no shared cache told";
  if (llc.level) title += llc.size_kib ? " " + size_of(*llc.size_kib) : " of unknown size";
  if (llc.vcache)
    title += " V-Cache";
  else if (llc.larger)
    title += " (the larger)";
  return title + " · " + (llc.cpus == package.cpus ? "all its CPUs" : "CPUs " + llc.cpus.to_string());
}

void draw_package(std::string& out, const Topology& topology, const Package& package) {
  add_wrapped(out, "package " + std::to_string(package.id) + " · CPUs ", "    ", package.cpus.to_string());
  // Dies are worth a line of their own only where one holds several caches.
  std::vector<std::uint32_t> ccds;
  std::vector<std::size_t> llcs_of_ccd(topology.ccds.size());
  for (const auto& llc : topology.llcs) {
    if (llc.package != package.id) continue;
    if (llcs_of_ccd[llc.ccd]++ == 0) ccds.push_back(llc.ccd);
  }
  for (const auto ccd : ccds) {
    const std::string number = "CCD " + std::to_string(ccd);
    const bool several = llcs_of_ccd[ccd] > 1;
    if (several) add_wrapped(out, "  " + number + " · CPUs ", "      ", topology.ccds[ccd].cpus.to_string());
    for (const auto& llc : topology.llcs) {
      if (llc.package != package.id || llc.ccd != ccd) continue;
      const std::string indent = several ? "    " : "  ";
      add_wrapped(out, indent + (several ? "" : number + " · "), indent + "    ", title_of(llc, package));
      draw_cores(out, topology, llc, indent + "    ");
    }
  }
}

void draw_node(std::string& out, const Topology& topology, const Node& node) {
  std::string text = std::string(to_string(node.kind));
  if (node.mem_total_kib) text += " · " + size_of(*node.mem_total_kib);
  if (!node.cpus.empty())
    text += " · CPUs " + node.cpus.to_string();
  else
    text += node.near_cpus ? " · near CPUs " + node.near_cpus->to_string() : " · near CPUs unknown";
  if (node.tier) text += " · tier " + std::to_string(*node.tier);
  if (node.read_latency_ns) text += " · " + std::to_string(*node.read_latency_ns) + " ns";
  if (node.read_bandwidth_mib) text += " · " + std::to_string(*node.read_bandwidth_mib) + " MiB/s";
  if (topology.nodes.size() > 1 && !node.distances.empty()) {
    text += " · distances";
    for (const auto distance : node.distances) text += " " + std::to_string(distance);
  }
  add_wrapped(out, "node " + std::to_string(node.id) + " · ", "    ", text);
}

std::string notes_of(const std::vector<std::string>& notes) {
  std::string out;
  for (const auto& note : notes) add_wrapped(out, "note: ", "      ", note);
  return out;
}

std::string draw_devices(const Devices& devices) {
  std::string out;
  for (const auto& gpu : devices.gpus) {
    std::string text = gpu.vendor;
    text += gpu.driver ? " · driver " + *gpu.driver : " · no driver";
    if (gpu.node) text += " · node " + std::to_string(*gpu.node);
    if (gpu.power != PowerState::unknown) text += " · " + std::string(to_string(gpu.power));
    if (gpu.rebar) text += *gpu.rebar ? " · ReBAR" : " · no ReBAR";
    if (gpu.passthrough) text += " · held for a virtual machine";
    if (gpu.virtual_function) text += " · virtual function";
    add_wrapped(out, (gpu.display_only ? "display " : "GPU ") + gpu.address + " · ", "    ", text);
  }
  for (const auto& memory : devices.cxl) {
    std::string text = size_of(memory.size_bytes / 1024);
    text += memory.node ? " · node " + std::to_string(*memory.node) : " · in no node";
    for (const auto& region : memory.regions) text += " · " + region;
    if (memory.near_cpus) text += " · near CPUs " + memory.near_cpus->to_string();
    text += memory.pmu ? " · " + *memory.pmu : " · no PMU";
    add_wrapped(out, "CXL " + memory.name + " · ", "    ", text);
  }
  if (devices.power.source != PowerSource::unknown || devices.power.platform_profile) {
    out += "power · ";
    out += devices.power.source == PowerSource::ac ? "AC" : devices.power.source == PowerSource::battery ? "battery" : "";
    if (devices.power.platform_profile)
      out += std::string(out.ends_with("· ") ? "" : " · ") + "profile " + *devices.power.platform_profile;
    out += '\n';
  }
  return out;
}

}  // namespace

std::string draw(const Topology& topology, const Devices& devices) {
  std::string out;
  if (!topology.model_name.empty()) out += topology.model_name + '\n';
  std::uint64_t memory = 0;
  for (const auto& node : topology.nodes) memory += node.mem_total_kib.value_or(0);
  const auto online = topology.online();
  std::string sum = count(topology.cores.size(), "core", "cores") + " · " + count(online.count(), "CPU", "CPUs");
  sum += " · " + count(topology.llcs.size(), "last-level cache", "last-level caches");
  sum += " · " + count(topology.packages.size(), "package", "packages") + " · " + count(topology.nodes.size(), "node", "nodes");
  if (memory) sum += " · " + size_of(memory);
  if (const auto vcache = topology.vcache_cpus(); !vcache.empty()) sum += " · V-Cache on CPUs " + vcache.to_string();
  if (topology.x3d_mode) sum += " · x3d mode " + *topology.x3d_mode;
  add_wrapped(out, "", "    ", sum);
  CpuSet offline;
  for (const auto& cpu : topology.cpus)
    if (!cpu.online) offline.add(cpu.id);
  if (!offline.empty()) add_wrapped(out, "offline CPUs ", "    ", offline.to_string());
  const bool ranked = std::any_of(topology.cpus.begin(), topology.cpus.end(), [](const Cpu& cpu) { return cpu.rank.has_value(); });
  out += ranked ? "\n(a core is its CPUs, joined by +, and its rank behind a colon; higher is faster)\n" : "\n";
  for (const auto& package : topology.packages) draw_package(out, topology, package);
  out += '\n';
  for (const auto& node : topology.nodes) draw_node(out, topology, node);
  if (const auto text = draw_devices(devices); !text.empty()) out += '\n' + text;
  if (const auto text = notes_of(topology.notes) + notes_of(devices.notes); !text.empty()) out += '\n' + text;
  return out;
}

std::string draw(const Devices& devices) {
  std::string out = draw_devices(devices);
  if (devices.gpus.empty()) out += "no GPU\n";
  if (devices.cxl.empty()) out += "no CXL memory device\n";
  return out + notes_of(devices.notes);
}

}  // namespace vigil
