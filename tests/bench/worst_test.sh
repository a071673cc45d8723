#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The worst messages of 10 MB stay below the limit of memory, and each has a clear verdict.
exec "$BUILD/tests/bench/worst" --check
