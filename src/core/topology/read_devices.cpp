// SPDX-License-Identifier: GPL-2.0-only
#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "base/text.hpp"
#include "core/topology/devices.hpp"
#include "core/topology/reader.hpp"

namespace vigil::topology {

std::string_view to_string(PowerState state) {
  switch (state) {
    case PowerState::unknown: return "unknown";
    case PowerState::d0: return "D0";
    case PowerState::d3hot: return "D3hot";
    case PowerState::d3cold: return "D3cold";
  }
  return "unknown";
}

namespace {

constexpr std::uint16_t kAmd = 0x1002, kNvidia = 0x10de, kIntel = 0x8086;
constexpr std::uint64_t kClassicBar = 256ULL << 20;  // what a GPU shows of its memory without a resizable BAR

// Makers of chips that only show a picture: server management controllers and virtual machines' displays.
struct DisplayMaker {
  std::uint16_t vendor;
  std::string_view name;
};
constexpr std::array kDisplayMakers = {
    DisplayMaker{0x1a03, "aspeed"},    DisplayMaker{0x102b, "matrox"},   DisplayMaker{0x18ca, "xgi"},
    DisplayMaker{0x126f, "siliconmotion"}, DisplayMaker{0x19e5, "hisilicon"}, DisplayMaker{0x1234, "qemu"},
    DisplayMaker{0x1b36, "redhat"},    DisplayMaker{0x1af4, "virtio"},   DisplayMaker{0x1013, "cirrus"},
    DisplayMaker{0x15ad, "vmware"},    DisplayMaker{0x1414, "microsoft"}, DisplayMaker{0x80ee, "virtualbox"},
    DisplayMaker{0x5333, "s3"},        DisplayMaker{0x1023, "trident"},
};

// ATI's chips that live on as management controllers' displays: Rage XL, ES1000.
bool is_old_ati_display(std::uint16_t device) {
  return device == 0x4752 || device == 0x4754 || device == 0x4756 || device == 0x5159 || device == 0x515e || device == 0x5969;
}

struct Bar {
  std::uint64_t bytes = 0;
  bool memory = false, prefetchable = false;
};

// Lines of "start end flags"; an unused one is all zero.
std::vector<Bar> parse_bars(std::string_view resource) {
  std::vector<Bar> bars;
  const auto hex = [](std::string_view text) {
    return text.starts_with("0x") ? parse_number<std::uint64_t>(text.substr(2), 16) : std::nullopt;
  };
  for (const auto line : split(resource, '\n')) {
    if (bars.size() == 6) break;  // then the ROM and bridge windows
    const auto parts = split(line, ' ');
    if (parts.size() < 3) continue;
    const auto start = hex(parts[0]), end = hex(parts[1]), flags = hex(parts[2]);
    Bar bar;
    if (start && end && flags && *end > *start) {
      bar.bytes = *end - *start + 1;
      bar.memory = *flags & 0x200;
      bar.prefetchable = *flags & 0x2000;
    }
    bars.push_back(bar);
  }
  return bars;
}

std::optional<bool> read_rebar(Reader& reader, const std::string& folder, const Gpu& gpu) {
  const auto resource = reader.text(folder + "resource");
  const auto bars = parse_bars(resource.value_or(""));
  const auto larger_than_classic = [&](std::size_t bar) -> std::optional<bool> {
    if (bar < bars.size() && bars[bar].memory && bars[bar].bytes) return bars[bar].bytes > kClassicBar;
    return std::nullopt;
  };
  if (gpu.vendor_id == kNvidia) return larger_than_classic(1);
  if (gpu.vendor_id == kAmd) {
    const auto total = reader.number(folder + "mem_info_vram_total"), visible = reader.number(folder + "mem_info_vis_vram_total");
    if (total && visible && *total) return *total == *visible;
    return larger_than_classic(0);
  }
  if (gpu.vendor_id == kIntel) {
    // An integrated one (always device 2 of the root bus) has no memory of its own.
    if (gpu.address.ends_with(":00:02.0")) return std::nullopt;
    return larger_than_classic(2);
  }
  return std::nullopt;
}

PowerState read_power(Reader& reader, const std::string& folder) {
  const auto state = reader.text(folder + "power_state").value_or("");
  if (state == "D0") return PowerState::d0;
  if (state == "D3hot") return PowerState::d3hot;
  if (state == "D3cold") return PowerState::d3cold;
  // Kernels before 5.12 have no power_state; a function that runtime power management calls active is in D0.
  if (state.empty() && reader.text(folder + "power/runtime_status").value_or("") == "active") return PowerState::d0;
  return PowerState::unknown;
}

bool is_passthrough_driver(std::string_view driver) {
  return driver.find("vfio") != std::string_view::npos || driver == "pci-stub" || driver == "pciback" ||
         driver == "xen-pciback";
}

void read_gpus(Reader& reader, Devices& devices) {
  const std::string bus = "sys/bus/pci/devices/";
  for (const auto& address : reader.tree().list("sys/bus/pci/devices")) {
    const std::string folder = bus + address + "/";
    const auto klass = reader.number(folder + "class");
    if (!klass || (*klass >> 16 != 0x03 && *klass >> 16 != 0x12)) continue;
    const auto vendor = reader.number(folder + "vendor"), device = reader.number(folder + "device");
    const bool display = *klass >> 16 == 0x03;
    // Instinct accelerators are no displays to PCI; others of this class (NPUs, crypto) are no GPUs.
    const bool accelerator = *klass >> 16 == 0x12 && (vendor == kAmd || vendor == kNvidia);
    if (!display && !accelerator) continue;

    Gpu gpu{.address = printable(address)};
    gpu.vendor_id = static_cast<std::uint16_t>(vendor.value_or(0));
    gpu.device_id = static_cast<std::uint16_t>(device.value_or(0));
    if (gpu.vendor_id == kNvidia) {
      gpu.vendor = "nvidia";
    } else if (gpu.vendor_id == kAmd) {
      gpu.vendor = "amd";
      gpu.display_only = is_old_ati_display(gpu.device_id);
    } else if (gpu.vendor_id == kIntel) {
      gpu.vendor = "intel";
    } else {
      const auto maker = std::find_if(kDisplayMakers.begin(), kDisplayMakers.end(),
                                      [&](const DisplayMaker& m) { return m.vendor == gpu.vendor_id; });
      gpu.display_only = maker != kDisplayMakers.end();
      if (gpu.display_only) {
        gpu.vendor = maker->name;
      } else {
        static constexpr char kHex[] = "0123456789abcdef";
        gpu.vendor = "0x";
        for (int shift = 12; shift >= 0; shift -= 4) gpu.vendor += kHex[gpu.vendor_id >> shift & 15];
        devices.notes.push_back("the display device " + gpu.address + " is of a maker Vigil does not know (" + gpu.vendor +
                                "); counted as a GPU");
      }
    }
    if (auto driver = reader.link_name(folder + "driver")) gpu.driver = printable(*driver);
    gpu.node = reader.index(folder + "numa_node");
    gpu.passthrough = gpu.driver && is_passthrough_driver(*gpu.driver);
    gpu.virtual_function = reader.link_name(folder + "physfn").has_value();
    gpu.power = read_power(reader, folder);
    if (!gpu.display_only) gpu.rebar = read_rebar(reader, folder, gpu);
    devices.gpus.push_back(std::move(gpu));
  }
}

// A component of a device path: "…/endpoint2/decoder2.0" holds the endpoint 2.
std::optional<std::uint32_t> number_in_path(std::string_view path, std::string_view name) {
  std::optional<std::uint32_t> found;
  for (const auto part : split(path, '/'))
    if (part.starts_with(name))
      if (const auto n = parse_number<std::uint32_t>(part.substr(name.size()))) found = n;
  return found;
}

std::uint64_t little_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) value |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  return value;
}

// What the device's own table (CDAT) says its memory amounts to: the lengths of its DSMAS entries. 0: no table.
std::uint64_t cdat_memory_bytes(std::string_view cdat) {
  constexpr std::size_t kHeader = 16, kDsmas = 24;
  std::uint64_t bytes = 0;
  for (std::size_t at = kHeader; at + 4 <= cdat.size();) {
    const auto length = static_cast<std::size_t>(little_endian(cdat.substr(at + 2, 2)));
    if (length < 4 || at + length > cdat.size()) break;
    if (cdat[at] == 0 && length >= kDsmas) bytes += little_endian(cdat.substr(at + 16, 8));
    at += length;
  }
  return bytes;
}

struct CxlBus {
  // The memory device behind each endpoint port.
  std::map<std::uint32_t, std::string> memory_of_endpoint;
  // Regions by memory device, and the node each region's memory is in.
  std::map<std::string, std::set<std::uint32_t>> regions_of_memory;
  std::map<std::uint32_t, std::uint32_t> node_of_region;
};

CxlBus read_cxl_bus(Reader& reader, const std::vector<CxlMemory>& memories, const Topology& topology) {
  const std::string bus = "sys/bus/cxl/devices/";
  CxlBus out;
  std::vector<std::uint32_t> unlinked;
  for (const auto endpoint : reader.numbered("sys/bus/cxl/devices", "endpoint")) {
    const std::string folder = bus + "endpoint" + std::to_string(endpoint);
    if (auto memory = reader.link_name(folder + "/uport"))
      out.memory_of_endpoint[endpoint] = std::move(*memory);
    else
      unlinked.push_back(endpoint);
  }
  // A tree without those links (a capture): by the size the device tells of itself, or as the only one left.
  for (const auto endpoint : unlinked) {
    std::vector<const CxlMemory*> candidates;
    const auto cdat = reader.tree().read(bus + "endpoint" + std::to_string(endpoint) + "/CDAT").value_or("");
    const auto bytes = cdat_memory_bytes(cdat);
    for (const auto& memory : memories)
      if (bytes ? memory.size_bytes == bytes : unlinked.size() == 1 && memories.size() == 1) candidates.push_back(&memory);
    if (candidates.size() == 1) out.memory_of_endpoint[endpoint] = candidates[0]->name;
  }

  for (const auto region : reader.numbered("sys/bus/cxl/devices", "region")) {
    const std::string folder = bus + "region" + std::to_string(region) + "/";
    const auto ways = std::min<std::uint64_t>(reader.number(folder + "interleave_ways").value_or(1), 16);
    for (std::uint64_t i = 0; i < ways; ++i) {
      const auto decoder = reader.text(folder + "target" + std::to_string(i));
      if (!decoder || !decoder->starts_with("decoder")) continue;
      auto endpoint = number_in_path(reader.tree().link(bus + *decoder).value_or(""), "endpoint");
      // Endpoint decoders are numbered by their port, too: decoder2.0 is endpoint2's.
      if (!endpoint) endpoint = parse_number<std::uint32_t>(decoder->substr(7, decoder->find('.') - 7));
      if (!endpoint) continue;
      if (const auto memory = out.memory_of_endpoint.find(*endpoint); memory != out.memory_of_endpoint.end())
        out.regions_of_memory[memory->second].insert(region);
    }
    std::uint64_t start = reader.number(folder + "resource").value_or(0), size = reader.number(folder + "size").value_or(0);
    const auto block_text = reader.text("sys/devices/system/memory/block_size_bytes").value_or("");
    const auto block = parse_number<std::uint64_t>(block_text, 16).value_or(0);
    if (start && size && block && start + size > start)
      for (const auto& node : topology.nodes)
        for (const auto number : reader.numbered("sys/devices/system/node/node" + std::to_string(node.id), "memory"))
          if (number >= start / block && number <= (start + size - 1) / block) out.node_of_region[region] = node.id;
  }
  for (const auto& name : reader.tree().list("sys/bus/dax/devices")) {
    const auto region = number_in_path(reader.tree().link("sys/bus/dax/devices/" + name).value_or(""), "region");
    const auto node = reader.index("sys/bus/dax/devices/" + name + "/target_node");
    if (region && node && topology.find_node(*node)) out.node_of_region[*region] = *node;
  }
  return out;
}

void read_cxl(Reader& reader, const Topology& topology, Devices& devices) {
  const std::string bus = "sys/bus/cxl/devices/";
  for (const auto number : reader.numbered("sys/bus/cxl/devices", "mem")) {
    CxlMemory memory{.name = "mem" + std::to_string(number)};
    const std::string folder = bus + memory.name + "/";
    memory.size_bytes = reader.number(folder + "ram/size").value_or(0) + reader.number(folder + "pmem/size").value_or(0);
    devices.cxl.push_back(std::move(memory));
  }
  if (devices.cxl.empty()) return;
  const auto cxl = read_cxl_bus(reader, devices.cxl, topology);
  const auto pmus = reader.tree().list("sys/bus/event_source/devices");
  for (auto& memory : devices.cxl) {
    if (const auto regions = cxl.regions_of_memory.find(memory.name); regions != cxl.regions_of_memory.end())
      for (const auto region : regions->second) {
        memory.regions.push_back("region" + std::to_string(region));
        if (const auto node = cxl.node_of_region.find(region); node != cxl.node_of_region.end() && !memory.node)
          memory.node = node->second;
      }
    // Near the node it ends in, or else near the slot it is in.
    auto near = memory.node;
    if (!near) near = reader.index(bus + memory.name + "/numa_node");
    if (const auto* node = near ? topology.find_node(*near) : nullptr) memory.near_cpus = node->near_cpus;
    const std::string prefix = "cxl_pmu_" + memory.name + ".";
    for (const auto& pmu : pmus)
      if (pmu.starts_with(prefix) && !memory.pmu) memory.pmu = pmu;
  }
}

// Mains that is in, else a battery of the system (not of a mouse) that empties.
void read_power_supplies(Reader& reader, Devices& devices) {
  bool mains_in = false, mains_out = false, discharging = false, charging = false;
  for (const auto& name : reader.tree().list("sys/class/power_supply")) {
    const std::string folder = "sys/class/power_supply/" + name + "/";
    if (reader.text(folder + "scope").value_or("") == "Device") continue;
    const auto type = reader.text(folder + "type").value_or("");
    if (type == "Mains" || type.starts_with("USB")) {
      const auto online = reader.number(folder + "online");
      if (online) (*online ? mains_in : mains_out) = true;
    } else if (type == "Battery") {
      const auto status = reader.text(folder + "status").value_or("");
      discharging |= status == "Discharging";
      charging |= status == "Charging" || status == "Full" || status == "Not charging";
    }
  }
  if (mains_in)
    devices.power.source = PowerSource::ac;
  else if (discharging)
    devices.power.source = PowerSource::battery;
  else if (charging)
    devices.power.source = PowerSource::ac;
  else if (mains_out)
    devices.power.source = PowerSource::battery;
  if (auto profile = reader.text("sys/firmware/acpi/platform_profile"); profile && !profile->empty())
    devices.power.platform_profile = printable(*profile);
}

}  // namespace

Devices read_devices(const Tree& tree, const Topology& topology) {
  Notes notes;
  Reader reader(tree, notes);
  Devices devices;
  read_gpus(reader, devices);
  read_cxl(reader, topology, devices);
  read_power_supplies(reader, devices);
  for (auto& problem : tree.take_problems()) notes.add(std::move(problem));
  for (auto& note : notes.take()) devices.notes.push_back(std::move(note));
  return devices;
}

}  // namespace vigil::topology
