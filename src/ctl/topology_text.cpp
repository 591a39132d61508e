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

// How many bytes the first `columns` columns have.
std::size_t bytes_of(std::string_view text, std::size_t columns) {
  std::size_t bytes = 0;
  for (; bytes < text.size(); ++bytes)
    if ((text[bytes] & 0xc0) != 0x80 && columns-- == 0) break;
  return bytes;
}

// One line and those that follow it, which are indented.
class Wrapped {
 public:
  Wrapped(const std::string& first, const std::string& indent) : line_(first), indent_(indent) {}

  // Breaks before the text if that spares a break inside it; else at its spaces, behind its commas, and in words that no
  // line holds (a path in a note) anywhere.
  void add(std::string_view text) {
    if (!fresh_ && width(line_) + 1 + width(text) > kColumns && width(indent_) + width(text) <= kColumns) next();
    if (!fresh_ && width(line_) < kColumns) line_ += ' ';
    while (!text.empty()) {
      std::size_t end = text.find_first_of(" ,");
      if (end != std::string_view::npos && text[end] == ',') ++end;
      std::string_view word = text.substr(0, end);
      const std::size_t room = kColumns - std::min(kColumns - 1, width(fresh_ ? line_ : indent_));
      if (width(word) > room) word = word.substr(0, bytes_of(word, room));
      if (!fresh_ && width(line_) + width(word) > kColumns) next();
      line_ += word;
      fresh_ = false;
      text.remove_prefix(word.size());
      if (text.starts_with(' ')) {
        if (width(line_) < kColumns) line_ += ' ';
        text.remove_prefix(1);
      }
    }
  }

  std::string end() {
    next();
    return std::move(done_);
  }

 private:
  void next() {
    while (line_.ends_with(' ')) line_.pop_back();
    done_ += line_ + '\n';
    line_ = indent_;
    fresh_ = true;
  }

  std::string done_, line_, indent_;
  bool fresh_ = true;  // nothing was added to the line yet
};

// What stands between two dots is kept together where a line holds it.
void add_wrapped(std::string& out, const std::string& first, const std::string& indent, std::string_view text) {
  static constexpr std::string_view kDot = " · ";
  Wrapped lines(first, indent);
  for (;;) {
    const auto end = text.find(kDot);
    lines.add(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);  // the space: the dot leads what follows it
  }
  out += lines.end();
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

// On a machine with many caches of cores that are all alike, which CPUs share a core is the same everywhere, and told once.
bool draws_cores(const Topology& topology) {
  constexpr std::size_t kMany = 8;
  return topology.llcs.size() <= kMany || topology.hybrid ||
         std::any_of(topology.cpus.begin(), topology.cpus.end(), [](const Cpu& cpu) { return cpu.rank.has_value(); });
}

std::string cores_in_words(const Topology& topology) {
  if (topology.threads_per_core == 1) return "each core has one CPU";
  return "each core has " + std::to_string(topology.threads_per_core) + " CPUs: " + cell_of(topology, 0) + ", " + cell_of(topology, 1) + ", …";
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
      if (draws_cores(topology)) draw_cores(out, topology, llc, indent + "    ");
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

// "170 ns read, 180 ns write · 40000 MiB/s read"; nothing where nothing is told.
std::string words_of(const MemorySpeed& speed) {
  const auto pair = [](std::optional<std::uint64_t> read, std::optional<std::uint64_t> write, const char* unit) {
    std::string text;
    if (read) text += " · " + std::to_string(*read) + unit + " read";
    if (write && write != read) text += (read ? ", " : " · ") + std::to_string(*write) + unit + " write";
    return text;
  };
  return pair(speed.read_latency_ns, speed.write_latency_ns, " ns") + pair(speed.read_bandwidth_mib, speed.write_bandwidth_mib, " MiB/s");
}

// "mem0 → decoder2.0 → region0 → dax0.0 → node 1": how far the memory has come on its way to being used.
void draw_cxl(std::string& out, const CxlMemory& memory) {
  std::string text = size_of(memory.size_bytes / 1024);
  if (memory.pmem_bytes) text += memory.ram_bytes ? ", " + size_of(memory.pmem_bytes / 1024) + " of it persistent" : ", persistent";
  if (memory.address) text += " · " + *memory.address;
  for (const auto* steps : {&memory.decoders, &memory.regions, &memory.dax})
    for (std::size_t i = 0; i < steps->size(); ++i) text += (i ? ", " : " → ") + (*steps)[i];
  text += memory.node ? " → node " + std::to_string(*memory.node) : " → in no node";
  if (memory.near_cpus) text += " · near CPUs " + memory.near_cpus->to_string();
  text += words_of(memory.speed);
  if (memory.pmus.empty()) text += " · no PMU";
  for (const auto& pmu : memory.pmus) text += " · " + pmu;
  add_wrapped(out, "CXL " + memory.name + " · ", "    ", text);
}

void draw_cxl(std::string& out, const CxlRegion& region) {
  std::string text = size_of(region.size_bytes / 1024);
  if (region.mode) text += " " + *region.mode;
  if (region.window) text += " in " + *region.window;
  if (region.committed == false) text += " · not committed";
  if (!region.memories.empty()) {
    text += region.memories.size() > 1 ? " · interleaved over " : " · on ";
    for (std::size_t i = 0; i < region.memories.size(); ++i)
      text += (i ? ", " : "") + (region.memories[i].empty() ? "an unknown device" : region.memories[i]);
    if (region.memories.size() > 1 && region.granularity) text += " by " + std::to_string(region.granularity) + " bytes";
  }
  text += region.node ? " · node " + std::to_string(*region.node) : " · in no node";
  text += words_of(region.speed);
  add_wrapped(out, "CXL " + region.name + " · ", "    ", text);
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
  for (const auto& memory : devices.cxl) draw_cxl(out, memory);
  for (const auto& region : devices.cxl_regions) draw_cxl(out, region);
  std::string power;
  const auto add = [&power](const std::string& part) { power += " · " + part; };
  if (devices.power.source != PowerSource::unknown) add(devices.power.source == PowerSource::ac ? "AC" : "battery");
  if (devices.power.platform_profile) add("profile " + *devices.power.platform_profile);
  if (devices.power.x3d_mode) add("X3D mode " + *devices.power.x3d_mode);
  if (devices.power.energy_preference) add("energy preference " + *devices.power.energy_preference);
  if (!power.empty()) out += "power" + power + '\n';
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
  if (!draws_cores(topology))
    out += "\n(" + cores_in_words(topology) + ")\n";
  else
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
