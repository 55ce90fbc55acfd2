#!/bin/bash
# SPDX-License-Identifier: MIT
# The API and the commands that use it, on a real daemon with real decisions.
exec "$(dirname "$0")/lab.sh" -- /usr/bin/python3 "$(cd "$(dirname "$0")" && pwd)/drive_api.py"
