#!/bin/bash
# SPDX-License-Identifier: MIT
# The processes of aicpd: users and privileges as /proc shows them, restarts, reload, stop, and starts that must fail.
cd "$(dirname "$0")" || exit 1
exec ./lab.sh -- /usr/bin/python3 "$PWD/drive_roles.py" "$@"
