#!/bin/bash
# SPDX-License-Identifier: MIT
# Redaction of chunked, compressed, large, signed and kept-alive requests.
exec "$(dirname "$0")/both_tls.sh" drive_redact.py "$@"
