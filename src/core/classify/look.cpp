// SPDX-License-Identifier: GPL-2.0-only
#include "core/classify/look.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "base/text.hpp"
#include "core/classify/facts.hpp"

namespace vigil::classify {

namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

bool is_hex(std::string_view text, std::size_t length) {
  return text.size() == length && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

template <std::size_t N>
bool among(const std::array<std::string_view, N>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// Wine's own processes, which every prefix has.
constexpr std::array<std::string_view, 18> kWineHelpers = {
    "services.exe", "winedevice.exe", "plugplay.exe",  "explorer.exe", "rpcss.exe",    "svchost.exe",
    "conhost.exe",  "start.exe",      "wineboot.exe",  "tabtip.exe",   "steam.exe",    "winemenubuilder.exe",
    "cmd.exe",      "rundll32.exe",   "xalia.exe",     "iexplore.exe", "regsvr32.exe", "msiexec.exe"};

// A name in words: letters together, digits dropped: "win11-Gaming_vm2" is win, gaming, vm.
std::vector<std::string> words_of(std::string_view name) {
  std::vector<std::string> out;
  std::string word;
  for (const char c : lower(name) + " ") {
    if (std::isalpha(static_cast<unsigned char>(c))) {
      word += c;
    } else if (!word.empty()) {
      out.push_back(std::exchange(word, {}));
    }
  }
  return out;
}

constexpr std::array<std::string_view, 14> kGamingWords = {"gaming", "game", "games", "steam", "bazzite", "win", "windows",
                                                           "steamos", "play", "sunshine", "moonlight", "chimeraos", "nobara", "batocera"};
constexpr std::array<std::string_view, 12> kAiWords = {"ai", "ml", "llm", "cuda", "rocm", "ollama", "inference", "training", "train", "pytorch", "gpu", "comfyui"};
constexpr std::array<std::string_view, 14> kDevWords = {"dev", "devel", "build", "builder", "ci", "test", "testing", "jenkins", "runner", "gitlab", "vagrant", "kernel", "sandbox", "lab"};

std::optional<VmKind> kind_of_name(std::string_view name, bool has_card) {
  for (const auto& word : words_of(name)) {
    if (among(kAiWords, word)) return VmKind::ai;
    if (among(kDevWords, word)) return VmKind::dev;
    // Windows alone is no game; Windows with a card of its own is.
    if (among(kGamingWords, word) && (has_card || !word.starts_with("win"))) return VmKind::gaming;
  }
  return std::nullopt;
}

// "a=1,b=2": the value of `key`.
std::optional<std::string_view> option(std::string_view list, std::string_view key) {
  for (const auto part : split(list, ','))
    if (part.starts_with(key) && part.size() > key.size() && part[key.size()] == '=') return part.substr(key.size() + 1);
  return std::nullopt;
}

// A value of "-device {json}" or "-device a,b=c": enough for the two keys that matter here.
std::optional<std::string> device_option(std::string_view text, std::string_view key) {
  if (!text.starts_with('{')) {
    const auto value = option(text, key);
    return value ? std::optional(std::string(*value)) : std::nullopt;
  }
  const auto quoted = '"' + std::string(key) + "\":";
  const auto at = text.find(quoted);
  if (at == std::string_view::npos) return std::nullopt;
  auto rest = text.substr(at + quoted.size());
  if (rest.starts_with('"')) {
    rest.remove_prefix(1);
    return std::string(rest.substr(0, rest.find('"')));
  }
  return std::string(rest.substr(0, rest.find_first_of(",}")));
}

bool is_vfio(std::string_view device) {
  return device.starts_with("vfio-pci") || device.find("\"driver\":\"vfio-pci\"") != std::string_view::npos;
}

struct Machine {
  VmLook look;
  bool display = false;  // a card is the guest's display
};

void read_device(std::string_view device, Machine& machine) {
  if (device.find("ivshmem") != std::string_view::npos && device.find("looking-glass") != std::string_view::npos)
    machine.display = true;
  if (!is_vfio(device)) return;
  if (const auto host = device_option(device, "host")) {
    machine.look.passthrough.push_back(host->size() == 7 ? "0000:" + *host : *host);
  } else if (const auto path = device_option(device, "sysfsdev")) {
    machine.look.passthrough.emplace_back(base_name(*path));
  }
  const auto vga = device_option(device, "x-vga");
  if (vga && (*vga == "on" || *vga == "true")) machine.display = true;
}

Machine read_machine(const std::vector<std::string>& argv) {
  Machine machine;
  for (std::size_t i = 0; i + 1 < argv.size(); ++i) {
    const std::string_view flag = argv[i], value = argv[i + 1];
    if (flag == "-name" || flag == "--name") {
      machine.look.name = std::string(option(value, "guest").value_or(value.substr(0, value.find(','))));
    } else if (flag == "-device" || flag == "--device") {
      read_device(value, machine);
      // cloud-hypervisor: --device path=/sys/bus/pci/devices/0000:01:00.0
      if (const auto path = option(value, "path"); path && path->find("/pci/devices/") != std::string_view::npos)
        machine.look.passthrough.emplace_back(base_name(path->substr(0, path->find_last_not_of('/') + 1)));
    } else if (flag == "--vfio") {
      machine.look.passthrough.emplace_back(base_name(value.substr(0, value.find(','))));
    } else if (flag == "-object" && value.find("looking-glass") != std::string_view::npos) {
      machine.display = true;
    }
  }
  return machine;
}

// Two functions of one device, .0 and .1: a graphics card and its sound.
bool is_card(const std::vector<std::string>& addresses) {
  return std::any_of(addresses.begin(), addresses.end(), [&](const std::string& first) {
    return first.ends_with(".0") && std::find(addresses.begin(), addresses.end(), first.substr(0, first.size() - 1) + "1") !=
                                        addresses.end();
  });
}

// The part of a component between `prefix` and ".scope".
std::optional<std::string_view> between(std::string_view name, std::string_view prefix) {
  constexpr std::string_view kScope = ".scope";
  if (!name.starts_with(prefix) || !name.ends_with(kScope) || name.size() <= prefix.size() + kScope.size()) return std::nullopt;
  return name.substr(prefix.size(), name.size() - prefix.size() - kScope.size());
}

std::string pod_of(std::string_view name) {
  const auto at = name.rfind("pod");
  if (at == std::string_view::npos || (at > 0 && name[at - 1] != '-')) return {};
  auto uid = name.substr(at + 3);
  if (uid.ends_with(".slice")) uid.remove_suffix(6);
  if (uid.size() < 8 || uid.find_first_not_of("0123456789abcdef_-") != std::string_view::npos) return {};
  std::string out(uid);
  std::replace(out.begin(), out.end(), '_', '-');
  return out;
}

}  // namespace

std::optional<std::string> windows_program(const std::vector<std::string>& argv) {
  for (std::size_t i = 0; i < argv.size() && i < kMaxArgs; ++i) {
    if (!lower(argv[i]).ends_with(".exe")) continue;
    const auto name = arg0_name(argv[i]);
    if (!among(kWineHelpers, lower(name))) return std::string(name);
  }
  return std::nullopt;
}

std::string_view to_string(VmKind kind) {
  switch (kind) {
    case VmKind::generic: return "generic";
    case VmKind::gaming: return "gaming";
    case VmKind::dev: return "dev";
    case VmKind::ai: return "ai";
  }
  return "generic";
}

VmLook look_at_vm(const std::vector<std::string>& argv) {
  auto machine = read_machine(argv);
  auto& look = machine.look;
  const bool card = machine.display || is_card(look.passthrough);
  if (const auto by_name = kind_of_name(look.name, card || !look.passthrough.empty())) {
    look.kind = *by_name;
    look.why = "the guest is called '" + look.name + "'";
  } else if (card) {
    look.kind = VmKind::gaming;
    look.why = machine.display ? "a graphics card is its display" : "it has a graphics card and its sound";
  }
  return std::move(look);
}

std::optional<ContainerLook> look_at_container(std::string_view cgroup_path) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kScopes = {{
      {"docker-", "docker"}, {"libpod-", "podman"}, {"cri-containerd-", "containerd"}, {"crio-", "crio"}, {"nerdctl-", "nerdctl"}}};
  std::optional<ContainerLook> out;
  std::string pod;
  std::string_view above;
  for (const auto name : path_components(cgroup_path)) {
    if (auto found = pod_of(name); !found.empty()) pod = std::move(found);
    for (const auto& [prefix, runtime] : kScopes) {
      const auto id = between(name, prefix);
      if (id && !id->starts_with("conmon-")) out = {std::string(runtime), std::string(*id), pod};
    }
    if (is_hex(name, 64) && above == "docker") out = {"docker", std::string(name), {}};
    if (is_hex(name, 64) && !pod.empty()) out = {"kubernetes", std::string(name), pod};
    if (constexpr std::string_view kPayload = "lxc.payload."; name.starts_with(kPayload))
      out = {"lxc", std::string(name.substr(kPayload.size())), {}};
    if (above == "lxc.payload" || above == "lxc") out = {"lxc", std::string(name), {}};
    if (constexpr std::string_view kUnit = "systemd-nspawn@"; name.starts_with(kUnit) && name.ends_with(".service"))
      out = {"nspawn", unescape_unit(name.substr(kUnit.size(), name.size() - kUnit.size() - 8)), {}};
    if (const auto machine = between(name, "machine-"); machine && !machine->starts_with("qemu"))
      out = {"nspawn", unescape_unit(*machine), {}};
    above = name;
  }
  return out;
}

std::optional<std::uint32_t> steam_appid(std::string_view cgroup_path) {
  constexpr std::string_view kPrefix = "app-steam-app";
  for (const auto name : path_components(cgroup_path))
    if (name.starts_with(kPrefix))
      if (const auto number = leading_number(name.substr(kPrefix.size()))) return number;
  return std::nullopt;
}

std::optional<std::string> flatpak_app(std::string_view cgroup_path) {
  for (const auto name : path_components(cgroup_path)) {
    const auto rest = between(name, "app-flatpak-");
    if (!rest) continue;
    const auto id = rest->substr(0, rest->rfind('-'));
    return unescape_unit(id);
  }
  return std::nullopt;
}

std::string unescape_unit(std::string_view name) {
  std::string out;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] == '\\' && i + 3 < name.size() && name[i + 1] == 'x') {
      if (const auto byte = parse_number<unsigned>(name.substr(i + 2, 2), 16)) {
        out += static_cast<char>(*byte);
        i += 3;
        continue;
      }
    }
    out += name[i];
  }
  return out;
}

}  // namespace vigil::classify
