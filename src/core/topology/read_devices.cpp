// SPDX-License-Identifier: GPL-2.0-only
#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "core/topology/devices.hpp"
#include "core/topology/parts.hpp"
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
        reader.notes().add("the display device " + gpu.address + " is of a maker Vigil does not know (" + gpu.vendor +
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
  const std::string x3d = "sys/bus/platform/drivers/amd_x3d_vcache";
  for (const auto& name : reader.tree().list(x3d))
    if (auto mode = reader.text(x3d + "/" + name + "/amd_x3d_mode"); mode && !mode->empty()) devices.power.x3d_mode = printable(*mode);
  if (auto epp = reader.text("sys/devices/system/cpu/cpufreq/policy0/energy_performance_preference"); epp && !epp->empty())
    devices.power.energy_preference = printable(*epp);
}

}  // namespace

void update_devices(Devices& devices, const Tree& tree, const Topology& topology, DeviceParts parts) {
  Notes notes;
  Reader reader(tree, notes);
  if (parts.gpus) {
    devices.gpus.clear();
    read_gpus(reader, devices);
  }
  if (parts.cxl) read_cxl(reader, topology, devices);
  if (parts.power) {
    devices.power = {};
    read_power_supplies(reader, devices);
  }
  for (auto& problem : tree.take_problems()) notes.add(std::move(problem));
  for (auto& note : notes.take())
    if (std::find(devices.notes.begin(), devices.notes.end(), note) == devices.notes.end()) devices.notes.push_back(std::move(note));
}

Devices read_devices(const Tree& tree, const Topology& topology) {
  Devices devices;
  update_devices(devices, tree, topology, {.gpus = true, .cxl = true, .power = true});
  return devices;
}

}  // namespace vigil::topology
