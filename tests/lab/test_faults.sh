#!/bin/bash
# SPDX-License-Identifier: MIT
# The daemon hung, killed, without disk or key, and requests that no one should trust, in the lab.
cd "$(dirname "$0")" || exit 1
exec ./lab.sh -- /usr/bin/python3 "$PWD/drive_faults.py" "$@"
