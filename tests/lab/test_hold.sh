#!/bin/bash
# SPDX-License-Identifier: MIT
# Real, unmodified clients that wait for people.
exec "$(dirname "$0")/both_tls.sh" drive_hold.py "$@"
