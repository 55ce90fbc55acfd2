# SPDX-License-Identifier: MIT
# libaicp.so, the shim. Its own flags: it is loaded into programs that are not ours.
