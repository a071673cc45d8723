#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What contrib/try shows is so: each message is answered, judged and delivered as it says."""

import os
import sys

import daemon
import mta
from report import Tests
from smtp import Sink

sys.path.insert(0, os.path.join(os.environ["SOURCE"], "contrib", "lib"))
import showcase  # noqa: E402

tests = Tests()


def test_of(case, keys, port, postern, sink):
    def test():
        result = showcase.run_case(case, keys, port, postern, sink)
        if result.problems:
            raise AssertionError("; ".join(result.problems) + "\n" + postern.log())
    test.__name__ = case.title
    return test


why = mta.PrivatePostfix.missing()
if why:
    tests.skip_all("contrib/try (%s)" % why)
with Sink() as sink, mta.PrivatePostfix(sink.port) as postfix:
    keys = showcase.make_keys()
    milter, path = postfix.socket("postern")
    port = postfix.listen(milter)
    with daemon.Postern(postfix.dir, path, showcase.policy_text(), showcase.dns_records(keys),
                        group="postfix") as postern:
        postfix.start()
        for case in showcase.CASES:
            tests.test(test_of(case, keys, port, postern, sink))
        tests.run()
tests.finish()
