#!/bin/bash
# SPDX-License-Identifier: MIT
# Real, unmodified clients that talk to an Ollama on this machine, in clear.
set -u
cd "$(dirname "$0")"
exec ./lab.sh --no-provider -- /usr/bin/python3 "$PWD/drive_clear.py" "$@"
