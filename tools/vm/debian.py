# SPDX-License-Identifier: GPL-2.0-only
"""Packages of another Debian suite, read with a private apt configuration.

The machine's own sources, lists and package states stay as they are: this keeps its own sources.list and
lists in the cache folder. The mirror is whatever the machine already uses (`apt-get indextargets`), and the
archive's keyring vouches for the packages.
"""

import os
import pathlib
import shutil
import subprocess
import tempfile

from cache import Missing, cache_dir, say

KEYRINGS = ("/usr/share/keyrings/debian-archive-keyring.gpg", "/usr/share/keyrings/debian-archive-keyring.pgp")


def _keyring():
    for path in KEYRINGS:
        if os.path.exists(path):
            return path
    raise Missing("Debian's archive keyring is missing, so packages cannot be verified: install debian-archive-keyring.")


def mirror(security=False):
    """The address this machine takes Debian (or its security updates) from."""
    if not shutil.which("apt-get"):
        raise Missing("apt-get is missing, so Debian packages cannot be fetched here.")
    listing = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)|$(ORIGIN)|$(LABEL)|$(SUITE) $(CODENAME)", "Created-By: Packages"],
        capture_output=True, text=True).stdout
    for line in listing.splitlines():
        uri, origin, label, suite = (line.split("|") + ["", "", ""])[:4]
        if not uri or "(" in uri or (origin not in ("Debian", "") and "$" not in origin):
            continue
        if ("security" in (uri + label + suite).lower()) == security:
            return uri
    what = "Debian's security archive" if security else "a Debian archive"
    raise Missing(f"This machine's apt configuration names no mirror of {what}, so nothing can be fetched from it.")


def release_codename():
    """`bookworm`, `trixie`, … of this machine."""
    for line in pathlib.Path("/etc/os-release").read_text().splitlines():
        if line.startswith("VERSION_CODENAME="):
            return line.partition("=")[2].strip('"')
    raise Missing("/etc/os-release names no release, so its backports are not known.")


class Suite:
    """One suite of the Debian archive, such as `trixie-backports`."""

    def __init__(self, name, sources=False):
        self.name = name
        self._dir = cache_dir("apt", name)
        for sub in ("lists/partial", "archives/partial"):
            (self._dir / sub).mkdir(parents=True, exist_ok=True)
        uri = mirror(security=name.endswith("-security"))
        lines = [f"{kind} [signed-by={_keyring()}] {uri} {name} main" for kind in (["deb", "deb-src"] if sources else ["deb"])]
        (self._dir / "sources.list").write_text("\n".join(lines) + "\n")

    def options(self, beside_system=False):
        """apt options that make apt see this suite (and, on request, also what the machine itself uses)."""
        options = [f"Dir::State::lists={self._dir}/lists", f"Dir::Cache::archives={self._dir}/archives",
                   f"Dir::Cache::pkgcache=", f"Dir::Cache::srcpkgcache=", "APT::Sandbox::User=root",
                   "Acquire::Retries=3", "Acquire::Languages=none"]
        if beside_system:
            parts = self._dir / "sources.list.d"
            parts.mkdir(exist_ok=True)
            for old in parts.iterdir():
                old.unlink()
            for source in [pathlib.Path("/etc/apt/sources.list"), *pathlib.Path("/etc/apt/sources.list.d").glob("*")]:
                if source.suffix in (".list", ".sources") and source.is_file():
                    shutil.copy(source, parts / f"machine-{source.name}")
            shutil.copy(self._dir / "sources.list", parts / "suite.list")
            options += [f"Dir::Etc::sourcelist=/dev/null", f"Dir::Etc::sourceparts={parts}"]
        else:
            options += [f"Dir::Etc::sourcelist={self._dir}/sources.list", "Dir::Etc::sourceparts=-"]
        return [word for option in options for word in ("-o", option)]

    def _apt(self, tool, *arguments, beside_system=False, cwd=None, quiet=True):
        run = subprocess.run([tool, *self.options(beside_system), *arguments], cwd=cwd, text=True,
                             stdout=subprocess.PIPE if quiet else None, stderr=subprocess.PIPE if quiet else None,
                             env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"})
        if run.returncode:
            reason = [line for line in (run.stderr or "").splitlines() if line.startswith(("E:", "W: Failed"))]
            raise Missing(f"{tool} {arguments[0]} failed for {self.name}: {reason[0][3:] if reason else 'see above'}"
                          " (is there a network?)")
        return run.stdout or ""

    def update(self, beside_system=False):
        self._apt("apt-get", "update", "-qq", beside_system=beside_system)
        lists = self._dir / "lists"
        if not any(self.name in entry.name for entry in lists.iterdir()):
            raise Missing(f"The package lists of {self.name} could not be fetched; is there a network?")

    def fields(self, package):
        """What the suite says of a package: {'Version': …, 'Depends': …}; empty when it has no such package."""
        try:
            text = self._apt("apt-cache", "show", "--no-all-versions", package)
        except Missing:
            return {}
        fields = {}
        for line in text.splitlines():
            key, colon, value = line.partition(": ")
            if colon and not line.startswith(" "):
                fields.setdefault(key, value)
        return fields

    def names(self, pattern):
        return sorted(self._apt("apt-cache", "pkgnames", pattern).split())

    def unpack(self, packages, folder):
        """Download packages and unpack them into `folder`, which appears only when it is complete."""
        folder = pathlib.Path(folder)
        size = sum(int(self.fields(name).get("Size", 0)) for name in packages)
        say(f"fetching {len(packages)} packages of {self.name}, {size / 1e6:.0f} MB …")
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".unpack-") as work:
            debs = pathlib.Path(work, "debs")
            tree = pathlib.Path(work, "tree")
            debs.mkdir(), tree.mkdir()
            self._apt("apt-get", "download", "-qq", *packages, cwd=debs)
            say(f"unpacking into {folder} …")
            for deb in debs.glob("*.deb"):
                subprocess.run(["dpkg", "-x", deb, tree], check=True)
            if folder.exists():
                shutil.rmtree(folder)
            tree.rename(folder)

    def source(self, package, folder):
        self._apt("apt-get", "download", "-qq", package, cwd=folder)

    def install(self, packages):
        """Install packages of this suite (and only these; what they depend on comes from wherever apt prefers)."""
        self.update(beside_system=True)
        self._apt("apt-get", "install", "-y", "-q", "--no-install-recommends", "-t", self.name, *packages,
                  beside_system=True, quiet=False)


if __name__ == "__main__":
    import sys
    try:
        if sys.argv[1:2] != ["install"] or len(sys.argv) < 4:
            sys.exit("usage: debian.py install SUITE PACKAGE...")
        Suite(sys.argv[2]).install(sys.argv[3:])
    except Missing as missing:
        sys.exit(str(missing))
