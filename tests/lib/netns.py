# SPDX-License-Identifier: BSD-2-Clause
"""A network of a test's own: loopback and nothing else, with the addresses that the test wants.

A client in it truly comes from an address of the outside world, and no name is asked of any DNS.
"""

import ctypes
import os
import subprocess

CLONE_NEWNET = 0x40000000


def _set_up(addresses):
    """Why loopback has not got these addresses, or None."""
    rows = ["link set lo up"]
    # An IPv6 address is not to be had before it is known to be nobody else's, unless told so.
    rows += ["addr add %s/128 dev lo nodad" % address if ":" in address
             else "addr add %s/32 dev lo" % address for address in addresses]
    try:
        done = subprocess.run(["ip", "-batch", "-"], input="\n".join(rows) + "\n", text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    except FileNotFoundError:
        return "a network of its own: no ip"
    return "a network of its own: %s" % done.stdout.strip() if done.returncode else None


def enter(addresses):
    """
    Moves this program, and what it starts, to a new network with these addresses: before it has
    threads. Why that cannot be had here, or None; the network is the one of before, then.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/self/ns/net", "rb") as before:
        if libc.unshare(CLONE_NEWNET) != 0:
            return "a network of its own: %s" % os.strerror(ctypes.get_errno())
        why = _set_up(addresses)
        if why and libc.setns(before.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "the network of before")
    return why
