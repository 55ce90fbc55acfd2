#!/bin/bash
# SPDX-License-Identifier: MIT
# Every provider that ships, allowed and blocked, plain and streamed, with curl in the lab.
cd "$(dirname "$0")" || exit 1
exec ./lab.sh -- /usr/bin/python3 "$PWD/drive_providers.py" "$@"
