#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Writes assembly that carries a file's bytes between two symbols: embed.py FILE NAME OUTPUT."""
import pathlib
import sys

source, name, output = sys.argv[1:]
pathlib.Path(output).write_text(f"""\
	.section .rodata
	.balign 16
	.globl vigil_bpf_{name}_start
	.globl vigil_bpf_{name}_end
vigil_bpf_{name}_start:
	.incbin "{pathlib.Path(source).resolve()}"
vigil_bpf_{name}_end:
	.byte 0
	.section .note.GNU-stack,"",%progbits
""")
