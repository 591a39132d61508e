# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Which packages each purpose needs on each distribution, and their installation. Sourced by tools/dev.
#
# Debian 12 and 13 are what this is tested on. The names for Ubuntu, Fedora and Arch are known but untested; say so
# where they turn out wrong.

distribution() {
  local ID="" ID_LIKE="" word
  [ -r /etc/os-release ] && . /etc/os-release
  for word in ${ID:-} ${ID_LIKE:-}; do
    case $word in
      ubuntu | debian | fedora | arch) echo "$word"; return ;;
    esac
  done
  echo unknown
}

packages_for() { # packages_for DISTRIBUTION PURPOSE
  case $1-$2 in
    debian-build | ubuntu-build)
      echo gcc g++ libc6-dev clang-19 meson ninja-build pkg-config python3 libbpf-dev libelf-dev zlib1g-dev libuv1-dev \
        libudev-dev libnl-3-dev libnl-genl-3-dev libspdlog-dev doctest-dev nlohmann-json3-dev libcli11-dev \
        libtomlplusplus-dev libexpected-dev libsystemd-dev ;;
    debian-test | ubuntu-test)
      echo python3 qemu-system-x86 busybox-static kmod udev xz-utils dbus strace ;;
    debian-lint | ubuntu-lint) echo python3 git clang-format-19 clang-tidy-19 ;;
    debian-kernel-build | ubuntu-kernel-build)
      echo python3 gcc make bc bison flex libelf-dev libssl-dev dwarves xz-utils kmod dpkg-dev ;;
    fedora-build)
      echo gcc gcc-c++ glibc-devel clang meson ninja-build pkgconf-pkg-config python3 libbpf-devel libbpf-static \
        elfutils-libelf-devel zlib-devel libuv-devel systemd-devel libnl3-devel spdlog-devel doctest-devel json-devel \
        cli11-devel tomlplusplus-devel expected-devel ;;
    fedora-test) echo python3 qemu-system-x86-core busybox kmod systemd-udev xz dbus-daemon strace ;;
    fedora-lint) echo python3 git clang-tools-extra ;;
    fedora-kernel-build) echo python3 gcc make bc bison flex elfutils-libelf-devel openssl-devel dwarves xz kmod dpkg ;;
    arch-build)
      echo gcc clang meson ninja pkgconf python libbpf libelf zlib libuv systemd-libs libnl spdlog doctest nlohmann-json \
        cli11 tomlplusplus tl-expected ;;
    arch-test) echo python qemu-system-x86 busybox kmod systemd xz dbus strace ;;
    arch-lint) echo python git clang ;;
    arch-kernel-build) echo python gcc make bc bison flex libelf openssl pahole xz kmod dpkg ;;
  esac
}

missing_packages() { # missing_packages DISTRIBUTION PACKAGE...
  local distribution=$1 installed
  shift
  case $distribution in
    debian | ubuntu)
      installed=" $(dpkg-query -W -f '${db:Status-Status}=${Package} ' "$@" 2>/dev/null || true)"
      for package in "$@"; do
        [[ $installed == *" installed=$package "* ]] || echo "$package"
      done ;;
    fedora) for package in "$@"; do rpm -q --quiet --whatprovides "$package" || echo "$package"; done ;;
    arch) pacman -T "$@" || true ;;
  esac
}

setup_packages() { # setup_packages PURPOSE...
  local distribution purpose missing wanted=()
  distribution=$(distribution)
  if [ "$distribution" = unknown ]; then
    note "this distribution is not known to tools/lib/setup.sh, so nothing is installed; README.md lists what is needed"
    return 0
  fi
  for purpose in "$@"; do
    wanted+=($(packages_for "$distribution" "$purpose"))
  done
  mapfile -t missing < <(missing_packages "$distribution" $(printf '%s\n' "${wanted[@]}" | sort -u))
  if [ ${#missing[@]} -gt 0 ]; then
    [ "$(id -u)" = 0 ] || die "missing packages: ${missing[*]}; to install them: sudo tools/dev setup"
    note "installing ${missing[*]} …"
    "install_$distribution" "${missing[@]}"
    mapfile -t missing < <(missing_packages "$distribution" "${missing[@]}")
    [ ${#missing[@]} = 0 ] || die "these packages could not be installed: ${missing[*]}"
  fi
  [[ " $* " != *" build "* ]] || libbpf_is_new_enough || newer_libbpf "$distribution"
}

install_debian() {
  export DEBIAN_FRONTEND=noninteractive
  with_progress "renewing the package lists" apt-get update -q || note "the package lists could not be renewed; trying with those there are"
  with_progress "installing packages" apt-get install -y -q -o Dpkg::Use-Pty=0 --no-install-recommends "$@" ||
    die "apt-get could not install $*: is there a network, and do the machine's package sources offer them?"
}
install_ubuntu() { install_debian "$@"; }
install_fedora() { with_progress "installing packages" dnf install -y --setopt=install_weak_deps=False "$@" || die "dnf could not install $*"; }
install_arch() { with_progress "installing packages" pacman -S --needed --noconfirm "$@" || die "pacman could not install $*"; }

# sched_ext objects need libbpf 1.4 or later (optional members of struct_ops, kfunc flavours).
libbpf_is_new_enough() { pkg-config --atleast-version=1.4 libbpf 2>/dev/null; }

newer_libbpf() {
  local version release
  version=$(pkg-config --modversion libbpf 2>/dev/null || echo none)
  if [ "$1" = debian ]; then
    release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")-backports
    [ "$(id -u)" = 0 ] || die "libbpf $version is older than 1.4; to install it from $release: sudo tools/dev setup"
    note "libbpf $version is older than 1.4: taking libbpf-dev of $release …"
    with_progress "installing libbpf" python3 tools/vm/debian.py install "$release" libbpf-dev libbpf1 || die "libbpf-dev of $release could not be installed"
    libbpf_is_new_enough || die "libbpf is still older than 1.4 although libbpf-dev of $release was installed"
  else
    note "libbpf $version is older than 1.4: Meson builds its own from subprojects/libbpf.wrap (needs git and a network)"
  fi
}
