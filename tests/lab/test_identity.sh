#!/bin/bash
# SPDX-License-Identifier: MIT
# Who a request is of, when its process was another one a moment before.
cd "$(dirname "$0")" || exit 1
exec ./lab.sh --no-provider -- /usr/bin/python3 "$PWD/drive_identity.py" "$@"
