// SPDX-License-Identifier: GPL-2.0-only
#include "core/classify/look.hpp"

#include <doctest/doctest.h>

using namespace vigil::classify;

namespace {

std::string_view kind_of(std::vector<std::string> argv) {
  argv.insert(argv.begin(), "qemu-system-x86_64");
  return to_string(look_at_vm(argv).kind);
}

}  // namespace

TEST_CASE("look: a Windows program is called by its file, Wine's own helpers are not") {
  CHECK(windows_program({"Z:\\games\\Cyberpunk 2077\\bin\\x64\\Cyberpunk2077.exe", "--skip"}) == "Cyberpunk2077.exe");
  CHECK(windows_program({"wine64", "c:\\windows\\system32\\steam.exe", "/games/Hades.exe"}) == "Hades.exe");
  CHECK(windows_program({"/usr/bin/wine", "./SETUP.EXE"}) == "SETUP.EXE");
  CHECK_FALSE(windows_program({"C:\\windows\\system32\\services.exe"}));
  CHECK_FALSE(windows_program({"bash"}));
  CHECK_FALSE(windows_program({}));
}

TEST_CASE("look: a VM's kind by the card it was given and the words of its name") {
  CHECK(kind_of({"-m", "4G"}) == "generic");
  CHECK(kind_of({"-name", "guest=win11,debug-threads=on"}) == "generic");
  CHECK(kind_of({"-name", "guest=win11,debug-threads=on", "-device", "vfio-pci,host=0000:01:00.0,id=hostdev0", "-device", "vfio-pci,host=0000:01:00.1"}) == "gaming");
  CHECK(kind_of({"-device", "vfio-pci,host=01:00.0,x-vga=on"}) == "gaming");
  CHECK(kind_of({"-device", R"({"driver":"vfio-pci","host":"0000:01:00.0","id":"hostdev0","x-vga":true})"}) == "gaming");
  CHECK(kind_of({"-device", R"({"driver":"vfio-pci","host":"0000:01:00.0"})", "-device", R"({"driver":"vfio-pci","host":"0000:01:00.1"})"}) == "gaming");
  CHECK(kind_of({"-device", "vfio-pci,host=0000:03:00.0"}) == "generic");
  CHECK(kind_of({"-name", "bazzite-gaming"}) == "gaming");
  CHECK(kind_of({"-name", "llm-box", "-device", "vfio-pci,host=0000:01:00.0", "-device", "vfio-pci,host=0000:01:00.1"}) == "ai");
  CHECK(kind_of({"-name", "guest=ci-runner-3"}) == "dev");
  CHECK(kind_of({"-name", "guest=debian-dev"}) == "dev");
  CHECK(kind_of({"-object", "memory-backend-file,id=x,mem-path=/dev/shm/looking-glass,size=64M"}) == "gaming");
}

TEST_CASE("look: words, not parts of words") {
  CHECK(kind_of({"-name", "mailer"}) == "generic");
  CHECK(kind_of({"-name", "html-server"}) == "generic");
  CHECK(kind_of({"-name", "device-manager"}) == "generic");
  CHECK(kind_of({"-name", "gamelan"}) == "generic");
  CHECK(kind_of({"-name", "winter"}) == "generic");
}

TEST_CASE("look: a VM's name and what was given to it are told") {
  const auto look = look_at_vm({"qemu", "-name", "guest=win11,debug-threads=on", "-device", "vfio-pci,host=01:00.0"});
  CHECK(look.name == "win11");
  CHECK(look.passthrough == std::vector<std::string>{"0000:01:00.0"});
  const auto cloud = look_at_vm({"cloud-hypervisor", "--device", "path=/sys/bus/pci/devices/0000:02:00.0/"});
  CHECK(cloud.passthrough == std::vector<std::string>{"0000:02:00.0"});
}

TEST_CASE("look: containers by the innermost name of the path") {
  const std::string id(64, 'a');
  const auto look = [](const std::string& path) {
    const auto found = look_at_container(path);
    return found ? found->runtime + " " + found->id.substr(0, 6) + " " + found->pod : "none";
  };
  CHECK(look("/system.slice/docker-" + id + ".scope") == "docker aaaaaa ");
  CHECK(look("/docker/" + id) == "docker aaaaaa ");
  CHECK(look("/user.slice/user@1000.service/user.slice/libpod-" + id + ".scope/container") == "podman aaaaaa ");
  CHECK(look("/machine.slice/libpod-conmon-" + id + ".scope") == "none");
  CHECK(look("/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0a1b2c3d_1111.slice/cri-containerd-" + id + ".scope") == "containerd aaaaaa 0a1b2c3d-1111");
  CHECK(look("/kubepods/besteffort/pod0a1b2c3d-1111/" + id) == "kubernetes aaaaaa 0a1b2c3d-1111");
  CHECK(look("/lxc.payload.web/system.slice/ssh.service") == "lxc web ");
  CHECK(look("/machine.slice/systemd-nspawn@my\\x2dbox.service/payload") == "nspawn my-box ");
  CHECK(look("/machine.slice/machine-qemu\\x2d3\\x2dwin11.scope") == "none");
  CHECK(look("/system.slice/docker.service") == "none");
  CHECK(look("/") == "none");
}

TEST_CASE("look: Steam's and Flatpak's scopes") {
  CHECK(steam_appid("/user.slice/app.slice/app-steam-app1091500-4242.scope") == 1091500U);
  CHECK_FALSE(steam_appid("/user.slice/app.slice/app-steam-client.scope"));
  CHECK(flatpak_app("/user.slice/app.slice/app-flatpak-org.gnome.Calculator-4242.scope") == "org.gnome.Calculator");
  CHECK_FALSE(flatpak_app("/user.slice/app.slice/app-gnome-x-1.scope"));
}
