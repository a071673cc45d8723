# SPDX-License-Identifier: BSD-2-Clause
"""Ports for servers that are started later, with other tests and their connections beside them."""

import random
import socket

# Below those that connections get by themselves: one of these may take a port before its server.
FIRST, LAST = 12000, 32000
_reserved = []


def free_port(address="127.0.0.1", kind=socket.SOCK_STREAM):
    """A port that nothing listens on, and that no other test program gets while this one runs."""
    while True:
        port = random.randint(FIRST, LAST)
        mark = socket.socket(socket.AF_UNIX)
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                mark.bind("\0postern-test-port-%d" % port)
                probe.bind((address, port))
            except OSError:
                mark.close()
                continue
        _reserved.append(mark)
        return port
