#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A library that crashes over a message: twice, and then it is not called for it any more."""

import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))

from commandkit import POSTERN, Folder  # noqa: E402
from daemon import Postern  # noqa: E402
from milterpeer import Closed, deliver  # noqa: E402
from report import Tests, contains, equal  # noqa: E402

POLICY = 'broken: reject "broken" when dkim is fail\n'
SIGNED = (b"DKIM-Signature: v=1; a=rsa-sha256; d=example.net; s=s1; h=from;\r\n"
          b"\tbh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=; b=dGVzdA==\r\n"
          b"From: a@example.net\r\nMessage-ID: <%d@example.net>\r\n\r\nText.\r\n")
UNSIGNED = b"From: a@example.net\r\n\r\nText.\r\n"

tests = Tests()


def send(server, message):
    """The outcome, or None if it has cost the filter process its life."""
    try:
        return deliver("unix:" + server.path, "<a@example.net>", ["<b@example.org>"], message)
    except Closed:
        return None


@tests.test
def a_library_crashes_twice_over_a_message():
    with Folder() as folder:
        shim, calls = os.path.join(folder.path, "crash.so"), os.path.join(folder.path, "calls")
        subprocess.run(["cc", "-shared", "-fPIC", "-o", shim, os.path.join(HERE, "crash.c")],
                       check=True, timeout=60)
        command = ["env", "LD_PRELOAD=" + shim, "CRASH_CALLS=" + calls, POSTERN]
        with Postern(folder.path, os.path.join(folder.path, "s"), POLICY, "",
                     command=command) as server:
            equal([send(server, SIGNED % 1) for _ in range(2)], [None, None], "two tries")
            for _ in range(3):
                outcome = send(server, SIGNED % 1)
                equal((outcome.verdict, outcome.reply.code, outcome.reply.enhanced),
                      ("tempfail", 451, "4.3.0"), "another")
            equal(os.path.getsize(calls), 2, "calls of the library")
            found = re.findall(r"message ([0-9a-f]{16}) was being judged", server.log())
            equal((len(found), len(set(found))), (3, 1), "lines with its fingerprint")
            contains(server.log(), "was being judged in 2 crashes: deferred")
            equal(send(server, UNSIGNED).verdict, "accept", "an unsigned message")
            equal(send(server, SIGNED % 2), None, "another signed message")
            equal(os.path.getsize(calls), 3, "calls of the library")


tests.finish()
