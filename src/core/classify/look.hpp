// SPDX-License-Identifier: GPL-2.0-only
//
// A closer look at what the kernel half cannot read: command lines and whole cgroup paths. For the daemon's second
// thoughts and for telling people what a process is. Nothing here is guessed from parts of words.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vigil::classify {

// What people call it: the Windows program's file name where the executable is a Wine loader ("Cyberpunk2077.exe" of
// "Z:\games\…\Cyberpunk2077.exe"), else the executable's. Wine's own helpers (services.exe …) are not a game's name: then absent.
std::optional<std::string> windows_program(const std::vector<std::string>& argv);

enum class VmKind { generic, gaming, dev, ai };
std::string_view to_string(VmKind kind);

struct VmLook {
  VmKind kind = VmKind::generic;
  std::string name;                     // of the guest, "" unknown
  std::vector<std::string> passthrough; // PCI addresses given to it: "0000:01:00.0"
  std::string why;                      // for people: "guest is called 'win11-gaming'"
};
// QEMU's, cloud-hypervisor's and crosvm's command lines. A graphics card given to the guest (marked as its display, or a card with
// its sound function) makes it gaming, unless its name says ai; else the words of its name decide.
VmLook look_at_vm(const std::vector<std::string>& argv);

struct ContainerLook {
  std::string runtime;  // docker, podman, containerd, crio, kubernetes, nerdctl, lxc, nspawn
  std::string id;       // as in the path: 64 hexadecimal digits, or a name (LXC, nspawn)
  std::string pod;      // Kubernetes pod uid, "" none
};
// The innermost container of a cgroup path; absent when there is none.
std::optional<ContainerLook> look_at_container(std::string_view cgroup_path);

// Of app-steam-app<N>-<pid>.scope.
std::optional<std::uint32_t> steam_appid(std::string_view cgroup_path);
// Of app-flatpak-<id>-<number>.scope: "org.gnome.Calculator".
std::optional<std::string> flatpak_app(std::string_view cgroup_path);
// systemd writes '-' and other bytes of a name as \x2d.
std::string unescape_unit(std::string_view name);

}  // namespace vigil::classify
