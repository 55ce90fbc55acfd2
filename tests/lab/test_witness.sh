#!/bin/bash
# SPDX-License-Identifier: MIT
# Responses at the engine's end of the wire: their records, and what becomes of those that are broken, late or too much.
cd "$(dirname "$0")" || exit 1
exec ./lab.sh -- /usr/bin/python3 "$PWD/drive_witness.py" "$@"
