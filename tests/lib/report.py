# SPDX-License-Identifier: BSD-2-Clause
"""What the Python tests share: named test functions, checks that say what they saw, the summary.

    tests = Tests()

    @tests.test
    def a_stranger_cannot_relay():
        equal(reply.code, 550, "reply to RCPT")

    tests.finish()
"""

import signal
import sys
import traceback


class Tests:
    def __init__(self):
        self._functions = []
        self.passed = self.failed = self.skipped = 0
        # A runner that gives up asks politely first: let `with` blocks stop what they started.
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))

    def test(self, function):
        self._functions.append(function)
        return function

    def skip(self, what):
        self.skipped += 1
        print("SKIPPED: " + what)

    def skip_all(self, what):
        """Nothing of this file can be run here."""
        self._functions = []
        self.skip(what)
        self.finish()

    def run(self):
        """Runs what was gathered since the last run, in order."""
        functions, self._functions = self._functions, []
        for function in functions:
            try:
                function()
            except AssertionError as error:
                self.failed += 1
                place = traceback.extract_tb(error.__traceback__)
                # The line of the test, not of a helper.
                mine = [frame for frame in place if frame.filename.endswith("_test.py")]
                where = (mine or place)[0]
                print("FAILED: %s (line %d): %s" % (function.__name__, where.lineno, error))
            except Exception:
                self.failed += 1
                print("FAILED: %s" % function.__name__)
                traceback.print_exc(file=sys.stdout)
            else:
                self.passed += 1
            sys.stdout.flush()

    def finish(self):
        self.run()
        line = "%d passed, %d failed" % (self.passed, self.failed)
        if self.skipped:
            line += ", %d skipped" % self.skipped
        print(line)
        sys.stdout.flush()
        sys.exit(1 if self.failed else 0)


def equal(actual, expected, what="value"):
    if actual != expected:
        raise AssertionError("%s is %r, not %r" % (what, actual, expected))


def contains(text, part, what="text"):
    if part not in text:
        raise AssertionError("%s has no %r: %r" % (what, part, text))


def lacks(text, part, what="text"):
    if part in text:
        raise AssertionError("%s has %r: %r" % (what, part, text))


def true(value, what):
    if not value:
        raise AssertionError("not so: " + what)
