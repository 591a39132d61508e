# SPDX-License-Identifier: GPL-2.0-only
"""Hardware settings that follow games and modes: set only where vigil.toml asks for it, put back at the end, by the next start
after a SIGKILL, and never when somebody else has changed them since. On a made tree: this machine has neither an X3D mode nor,
often, an energy preference."""

import os
import pathlib
import re
import signal
import subprocess

from harness import Suite, check, equal, eventually

suite = Suite()
GAME = {"STEAM_COMPAT_DATA_PATH": "/x", "SteamAppId": "1091500"}
FORBIDDEN = re.compile(r"/(config|current_link_speed|current_link_width|secondary_bus_number|subordinate_bus_number|vpd|rom|enable|"
                       r"information|gpu_metrics|resource\d+_resize)$|/hwmon|^/dev/(nvidia|dri)|^/proc/(bus/pci|driver/nvidia)")


def tree(world):
    """A sysfs with an X3D mode, two CPUs' preferences, mains and a sleeping GPU."""
    sys = world.folder / "sys"
    if sys.exists():
        for path, text in world.files.items():
            path.write_text(text)
        return sys
    gpu = "bus/pci/devices/0000:01:00.0"
    files = {"bus/platform/drivers/amd_x3d_vcache/AMDI0101:00/amd_x3d_mode": "frequency\n",
             "class/power_supply/AC/type": "Mains\n", "class/power_supply/AC/online": "1\n",
             "devices/system/cpu/online": "0-1\n", "devices/system/cpu/possible": "0-1\n", "devices/system/cpu/present": "0-1\n",
             f"{gpu}/class": "0x030000\n", f"{gpu}/vendor": "0x10de\n", f"{gpu}/device": "0x2684\n", f"{gpu}/power_state": "D3cold\n",
             f"{gpu}/resource": "0x0 0x0 0x0\n", f"{gpu}/config": "a read of this would wake it", f"{gpu}/current_link_speed": "16.0 GT/s\n",
             f"{gpu}/power/runtime_status": "suspended\n", f"{gpu}/power/control": "auto\n"}
    for cpu in (0, 1):
        policy = f"devices/system/cpu/cpufreq/policy{cpu}"
        files[f"{policy}/energy_performance_preference"] = "balance_performance\n"
        files[f"{policy}/energy_performance_available_preferences"] = "default performance balance_performance balance_power power\n"
    world.files = {sys / path: text for path, text in files.items()}
    for path, text in world.files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return sys


def x3d(world):
    return (world.folder / "sys/bus/platform/drivers/amd_x3d_vcache/AMDI0101:00/amd_x3d_mode").read_text().strip()


def preferences(world):
    return {path.read_text().strip() for path in (world.folder / "sys").glob("devices/system/cpu/cpufreq/*/energy_performance_preference")}


def start(world, settings):
    path = world.folder / "vigil.toml"
    path.write_text(settings)
    return world.start_daemon("--config", path, "--sysfs-root", tree(world))


STEER = "[x3d]\nsteering = true\n[power]\nepp = true\n"


@suite.case("nothing is touched unless it is asked for")
def untouched(world):
    running = start(world, "")
    world.start("game", env=GAME)
    running.call("mode", mode="gaming")
    equal(x3d(world), "frequency", "the X3D mode")
    equal(preferences(world), {"balance_performance"}, "the preferences")
    power = running.status()["power"]
    equal((power["source"], power["x3d_mode"], power["held"]), ("ac", "frequency", []), "what status says of power")
    check(not (world.folder / "vigil.restore").exists(), "a note of changes was written")


@suite.case("while a game runs the X3D mode is cache, and what it was afterwards")
def game(world):
    running = start(world, STEER)
    actor = world.start("game", env=GAME)
    eventually("the X3D mode is cache", lambda: x3d(world) == "cache", 20)
    eventually("the preference is performance", lambda: preferences(world) == {"performance"}, 20)
    held = {pathlib.Path(each["path"]).name: (each["was"], each["is"]) for each in running.status()["power"]["held"]}
    equal(held["amd_x3d_mode"], ("frequency", "cache"), "what status says is held")
    actor.end()
    eventually("the X3D mode is frequency again", lambda: x3d(world) == "frequency", 20)
    eventually("the preference is what it was", lambda: preferences(world) == {"balance_performance"}, 20)


@suite.case("modes set the preference, and the end of the daemon puts it back")
def modes(world):
    running = start(world, STEER)
    running.call("mode", mode="powersave")
    equal(preferences(world), {"power"}, "the preferences in powersave")
    running.call("mode", mode="gaming")
    equal((preferences(world), x3d(world)), ({"performance"}, "cache"), "the settings in gaming")
    world.stop_daemon()
    equal((preferences(world), x3d(world)), ({"balance_performance"}, "frequency"), "the settings after the end")


@suite.case("a profile that holds a mode has it in force while a process of it runs; a person's mode counts more")
def by_profile(world):
    profiles = world.folder / "profiles"
    profiles.mkdir(exist_ok=True)
    (profiles / "calm.toml").write_text('[[profile]]\nname = "calm"\nmatch = { exe = "calm-tool" }\nmode = "powersave"\n')
    (world.folder / "vigil.toml").write_text(STEER)
    running = world.start_daemon("--config", world.folder / "vigil.toml", "--sysfs-root", tree(world), "--profiles", profiles)
    tool = world.start("calm-tool", env={"HOME": "/home/p"})
    eventually("the preference is power", lambda: preferences(world) == {"power"}, 20)
    tuning = running.status()["tuning"]
    equal((tuning["mode"], tuning["in_force"]), ("auto", "powersave"), "the mode")
    running.call("mode", mode="gaming")
    equal(preferences(world), {"performance"}, "the preferences in a person's mode")
    running.call("mode", mode="auto")
    equal(preferences(world), {"power"}, "the preferences in auto again")
    tool.end()
    eventually("the preference is what it was", lambda: preferences(world) == {"balance_performance"}, 20)


@suite.case("what a daemon that was killed left changed, the next start puts back")
def killed(world):
    start(world, STEER).call("mode", mode="gaming")
    equal(x3d(world), "cache", "the X3D mode in gaming")
    running, world.running = world.running, None
    running.stop(signal.SIGKILL)
    equal(x3d(world), "cache", "the X3D mode after SIGKILL")
    equal(oct((world.folder / "vigil.restore").stat().st_mode & 0o777), "0o600", "the note's mode")
    running = world.start_daemon("--config", world.folder / "vigil.toml", "--sysfs-root", world.folder / "sys")
    equal((preferences(world), x3d(world)), ({"balance_performance"}, "frequency"), "the settings after the next start")
    check("again" in running.said(), f"the log says nothing of it: {running.said()}")


@suite.case("what somebody else has set since is left alone")
def theirs(world):
    start(world, STEER).call("mode", mode="gaming")
    path = world.folder / "sys/devices/system/cpu/cpufreq/policy1/energy_performance_preference"
    path.write_text("balance_power\n")
    world.stop_daemon()
    equal((preferences(world), x3d(world)), ({"balance_performance", "balance_power"}, "frequency"), "the settings after the end")


@suite.case("a look at a machine with a sleeping GPU reads nothing that would wake it, and then sleeps")
def honest(world):
    seconds = 60 if os.environ.get("VIGIL_LONG") == "1" else 10
    trace = world.folder / "trace"
    running = start(world, "")
    try:
        strace = subprocess.Popen(["strace", "-f", "-ttt", "-o", trace, "-p", str(running.pid)], stderr=subprocess.PIPE, text=True)
    except FileNotFoundError:
        from harness import Skip
        raise Skip("needs strace") from None
    try:
        eventually("strace is attached", lambda: trace.exists(), 20)
        from harness import switches
        before, reported = switches(running.pid)[0], sum(kind["reported"] for kind in running.status()["events"].values())
        import time
        time.sleep(seconds)
        told = sum(kind["reported"] for kind in running.status()["events"].values()) - reported
        running.process.send_signal(signal.SIGHUP)
        running.wait_log("reloaded")
    finally:
        strace.terminate()
        strace.wait()
    lines = trace.read_text(errors="replace").splitlines()
    opened = [found.group(1) for line in lines if (found := re.search(r'open(?:at2?)?\([^"]*"([^"]*)"', line))]
    touched = [path for path in opened if FORBIDDEN.search(path)]
    check(not touched, f"these were opened: {touched[:5]}")
    waits = sum("epoll_wait" in line or "epoll_pwait" in line for line in lines)
    check(waits <= 12 + 4 * told, f"{waits} waits in {seconds} s for {told} records and two questions")


raise SystemExit(suite.main())
