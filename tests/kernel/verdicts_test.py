# SPDX-License-Identifier: GPL-2.0-only
"""Real processes get the class they should, under the built-in rules: those that start while the daemon runs, by the kernel
half alone, and the same ones when they ran before the daemon did."""

import subprocess

from harness import Suite, check, enter, equal, matches

suite = Suite()
STEAM = {"STEAM_COMPAT_DATA_PATH": "/games/compatdata/1091500", "SteamAppId": "1091500", "HOME": "/home/p"}
WINE = {"WINEPREFIX": "/home/p/.wine", "HOME": "/home/p"}
PLAIN = {"HOME": "/home/p", "PATH": "/usr/bin:/bin"}

scenes = []  # (name, make, verify, only live)


def scene(name, only_live=False):
    """A class with make(world), whose result verify(explain, made) looks at, with and without the daemon running first."""
    def add(cls):
        scenes.append((name, cls.make, cls.verify, only_live))
        return cls
    return add


def decided_in_kernel(answer):
    """By the kernel half, within the event (a second is for a guest whose CPU was taken away in the middle)."""
    matches(answer, source="kernel", decided_after_ns=lambda ns: isinstance(ns, int) and 0 <= ns < 1_000_000_000)


@scene("a Proton game is gaming, by its environment, with Steam's number")
class Proton:
    def make(world):
        return world.start("Game-Main", "waitforexitandrun", "/games/Game.exe", env=STEAM).pid

    def verify(explain, pid):
        answer = explain(pid)
        decided_in_kernel(answer)
        matches(answer, klass="gaming", kind="proton", rule="games:proton-env", level="image", steam_appid=1091500, tgid=pid,
                comm="Game-Main", event=lambda event: event in ("exec", "snapshot"), tasks=1, inherited_from=None,
                evidence=lambda found: "env STEAM_COMPAT_DATA_PATH" in found and "env SteamAppId" in found)


@scene("Steam's data path without a game's number is nothing yet")
class HalfProton:
    def make(world):
        return world.start("Game-Main", env={"STEAM_COMPAT_DATA_PATH": "/games/x"}).pid

    def verify(explain, pid):
        matches(explain(pid), klass="regular", rule=None, steam_appid=None)


@scene("a Wine loader with WINEPREFIX is gaming")
class WineLoader:
    def make(world):
        return world.start("wine64-preloader", env=WINE).pid

    def verify(explain, pid):
        answer = explain(pid)
        decided_in_kernel(answer)
        matches(answer, klass="gaming", kind="wine", rule="games:wine-prefix",
                evidence=lambda found: "env WINEPREFIX" in found and len(found) >= 2)


@scene("any program with WINEPREFIX and a Windows program among its arguments is gaming")
class WineArgument:
    def make(world):
        return world.start("start-it", "--", "C:\\Games\\Foo Bar\\foo.exe", env=WINE).pid

    def verify(explain, pid):
        answer = explain(pid)
        decided_in_kernel(answer)
        matches(answer, klass="gaming", rule="games:wine-prefix",
                evidence=lambda found: "env WINEPREFIX" in found and any(".exe" in item for item in found))


@scene("WINEPREFIX alone makes no game")
class PrefixAlone:
    def make(world):
        return world.start("something", "foo.exe.txt", env=WINE).pid

    def verify(explain, pid):
        matches(explain(pid), klass="regular", rule=None)


@scene("a game's forked child is gaming")
class ForkedChild:
    def make(world):
        game = world.start("Game-Main", env=STEAM)
        return game.pid, game.tell("fork")

    def verify(explain, made):
        matches(explain(made[1]), klass="gaming", rule="games:proton-env", source="kernel", ppid=made[0], steam_appid=1091500)


@scene("a game's child is gaming though it cleaned its environment")
class CleanedChild:
    def make(world):
        game = world.start("wine64", "C:\\game.exe", env=WINE)
        return game.pid, game.tell("spawn", "clean", world.program("helper-process"), "--worker")

    def verify(explain, made):
        matches(explain(made[1]), klass="gaming", rule="games:wine-prefix", level="ancestry", source="kernel",
                comm="helper-process", inherited_from=made[0], evidence=lambda found: len(found) == 1)


@scene("a game's child whose parent has exited is gaming", only_live=True)
class Orphan:
    def make(world):
        game = world.start("wine64", "C:\\game.exe", env=WINE)
        return game.pid, world.adopt(game.tell("orphan", world.program("helper-process")))

    def verify(explain, made):
        matches(explain(made[1]), klass="gaming", level="ancestry", ppid=lambda ppid: ppid != made[0])


@scene("a shell opened from a game is not the game")
class GamesShell:
    def make(world):
        return world.start("wine64", "C:\\game.exe", env=WINE).tell("spawn", "clean", world.program("bash"))

    def verify(explain, pid):
        matches(explain(pid), klass="regular", inherited_from=None)


@scene("a game's crash handler is background work")
class CrashHandler:
    def make(world):
        game = world.start("wine64", "C:\\game.exe", env=WINE)
        return game.tell("spawn", "keep", world.program("UnityCrashHandler64"), "UnityCrashHandler64.exe")

    def verify(explain, pid):
        matches(explain(pid), klass="batch", kind="crash-handler", rule="boundaries:crash-handlers")


for program, expected in (("bash", "regular"), ("vim", "regular"), ("nvim", "regular"), ("gcc", "batch"), ("cc1", "batch"),
                          ("firefox", "regular")):
    @scene(f"{program} that inherited WINEPREFIX from a profile is {expected}, even on a Windows program")
    class Inherited:
        def make(world, program=program):
            shell = world.start("profile-shell", env=WINE)
            return shell.tell("spawn", "keep", world.program(program), "-o", "hello.exe")

        def verify(explain, pid, expected=expected):
            matches(explain(pid), klass=expected)


@scene("a plain shell is regular")
class PlainShell:
    def make(world):
        shell = subprocess.Popen(["/bin/sh", "-c", "echo ready; read line"], env=PLAIN, stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE)
        world.adopt(shell.pid)
        equal(shell.stdout.readline(), b"ready\n", "the shell")
        PlainShell.keep = shell
        return shell.pid

    def verify(explain, pid):
        matches(explain(pid), klass="regular", rule=None, kind=None, source="kernel", inherited_from=None, level=None,
                evidence=[], comm=lambda comm: comm in ("sh", "dash", "bash"), steam_appid=None)


@scene("a thread named CPU 0/KVM under QEMU is a vCPU, its process a VM")
class Vcpu:
    def make(world):
        qemu = world.start("qemu-system-x86_64", "-machine", "q35", env=PLAIN)
        return qemu.pid, qemu.tell("thread", "CPU 0/KVM"), qemu.tell("thread", "worker")

    def verify(explain, made):
        process, vcpu, worker = made
        matches(explain(vcpu), klass="vm", rule="vms:qemu-vcpu", level="thread", source="kernel", comm="CPU 0/KVM", pid=vcpu,
                tgid=process, event=lambda event: event in ("rename", "snapshot"),
                evidence=lambda found: any("CPU " in item for item in found))
        matches(explain(process), klass="vm", tasks=3)
        matches(explain(worker), klass="vm", level=lambda level: level != "thread", tgid=process)


@scene("a thread named CPU 0/KVM in any other program is nothing")
class FalseVcpu:
    def make(world):
        return world.start("calculator", env=PLAIN).tell("thread", "CPU 0/KVM")

    def verify(explain, tid):
        matches(explain(tid), klass="regular", rule=None)


@scene("what moves into a Docker scope is a container, also in a cgroup below, and leaves it again")
class Docker:
    def make(world):
        scope = world.container("docker")
        below = world.cgroup("init.scope", scope)
        outside = world.start("server", env=PLAIN)
        inside = world.start("server", env=PLAIN)
        enter(scope, inside.pid)
        nested = world.start("server", env=PLAIN)
        enter(below, nested.pid)
        returned = world.start("server", env=PLAIN)
        enter(scope, returned.pid)
        enter(world.unified(), returned.pid)
        children = [inside.tell("fork"), nested.tell("spawn", "clean", world.program("sleep"))]
        return scope.name, outside.pid, inside.pid, nested.pid, returned.pid, children

    def verify(explain, made):
        name, outside, inside, nested, returned, children = made
        matches(explain(outside), klass="regular", rule=None)
        matches(explain(inside), klass="container", kind="docker", rule="containers:docker-scope", level="cgroup",
                source="kernel", cgroup=lambda path: path.endswith("/" + name), evidence=lambda found: len(found) == 1)
        matches(explain(nested), klass="container", rule="containers:docker-scope",
                cgroup=lambda path: path.endswith(f"/{name}/init.scope"))
        matches(explain(returned), klass="regular", rule=None)
        for child in children:
            matches(explain(child), klass="container", level="cgroup")


@scene("what is born in a Docker scope (CLONE_INTO_CGROUP) is a container")
class Born:
    def make(world):
        scope = world.container("docker")
        return world.start("server", env=PLAIN).tell("forkinto", scope)

    def verify(explain, pid):
        matches(explain(pid), klass="container", kind="docker", level="cgroup")


@scene("a game in a container is a game")
class GameInContainer:
    def make(world):
        scope = world.container("libpod")
        server = world.start("server", env=PLAIN)
        enter(scope, server.pid)
        game = world.start("wine", "C:\\game.exe", env=WINE)
        enter(scope, game.pid)
        return server.pid, game.pid

    def verify(explain, made):
        matches(explain(made[0]), klass="container", kind="podman")
        matches(explain(made[1]), klass="gaming", level="image")


@scene("the threads of a game are gaming")
class GameThreads:
    def make(world):
        game = world.start("Game-Main", env=STEAM)
        return [game.pid, *game.tell("threads", 5), game.tell("thread", "RenderThread 0")]

    def verify(explain, tids):
        for tid in tids:
            matches(explain(tid), klass="gaming", steam_appid=1091500, tgid=tids[0], tasks=7)


@scene("kernel workers are kworker", only_live=True)
class Kworkers:
    def make(world):
        return subprocess.run("ps -eo pid=,comm= | awk '$2 ~ /^kworker\\// {print $1; exit}'", shell=True, text=True,
                              capture_output=True).stdout.strip()

    def verify(explain, pid):
        check(pid, "this machine shows no kernel worker")
        matches(explain(int(pid)), klass="kworker", source="kernel", comm=lambda comm: comm.startswith("kworker/"))


ran_before = {}


def all_before(world):
    """Makes every scene with no daemon running, once, and starts it."""
    if not ran_before:
        for name, make, _, only_live in scenes:
            if not only_live:
                ran_before[name] = make(world)
        world.keep()
        world.start_daemon()
    return ran_before


for scene_name, scene_make, scene_verify, scene_only_live in scenes:
    if not scene_only_live:
        @suite.case(f"{scene_name}, when it ran before the daemon")
        def before(world, name=scene_name, verify=scene_verify):
            made = all_before(world)[name]
            verify(world.daemon().explain, made)

for scene_name, scene_make, scene_verify, _ in scenes:
    @suite.case(scene_name)
    def live(world, make=scene_make, verify=scene_verify):
        daemon = world.daemon()
        verify(daemon.explain, make(world))

raise SystemExit(suite.main())
