#!/bin/bash
# SPDX-License-Identifier: MIT
# Real, unmodified clients under aicp.
exec "$(dirname "$0")/both_tls.sh" drive_clients.py "$@"
