#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# systemd's own opinion of the unit. Usage: check_unit.sh SYSTEMD-ANALYZE UNIT
# The programs and manual pages it names need not be installed here.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sed -e 's|^ExecStart=[^ ]*|ExecStart=/bin/true|' -e '/^Documentation=/d' "$2" > "$work/vigil.service"
said=$("$1" verify "$work/vigil.service" 2>&1) || { echo "$said"; exit 1; }
# Mistyped settings are only warnings to it.
echo "$said" | grep -i 'vigil\.service' && exit 1
# Without it a restart after a SIGKILL finds none of the notes on what is to be put back.
grep -qx 'RuntimeDirectoryPreserve=yes' "$2" || { echo "the unit does not keep /run/vigil over a restart"; exit 1; }
exit 0
