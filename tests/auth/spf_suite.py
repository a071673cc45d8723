#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The openspf.org test suites for RFC 7208 and RFC 4408, as Debian's python3-spf installs them.

usage: spf_suite.py [DRIVER]      DRIVER is spf_suite.c, compiled; default: that of the build

Every test is run with answers that are there at once, that come together after a wait, and that
come one by one, the oldest or the newest question first. A test passes when the result and,
where the suite gives one, the explanation are right each time.
"""

import gzip
import os
import subprocess
import sys

FOLDER = "/usr/share/doc/python3-spf"
SUITES = ("rfc7208-tests.yml.gz", "rfc4408-tests.yml.gz")
TYPES = {"A": 1, "CNAME": 5, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28}
ARRIVALS = ("at once", "together", "oldest first", "newest first")


def hexed(text):
    """A field of the driver's lines; never empty."""
    return "x" + (text if isinstance(text, bytes) else str(text).encode("utf-8")).hex()


def octets(text):
    # The suite writes \x80 and the like for single bytes, YAML reads code points.
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8")


def records(entries):
    """Pairs of type and data. SPF records stand for TXT where the name has no TXT of its own."""
    has_txt = any(isinstance(e, dict) and "TXT" in e for e in entries)
    for entry in entries:
        if entry == "TIMEOUT":
            yield 0, b""
            continue
        for kind, data in entry.items():
            if kind == "SPF":
                if has_txt:
                    continue
                kind = "TXT"
            if data == "NONE":
                continue
            if data == "TIMEOUT":
                yield 0, b""
            elif kind == "TXT":
                strings = data if isinstance(data, list) else [data]
                yield TYPES[kind], b"".join(octets(s) for s in strings)
            elif kind == "MX":
                yield TYPES[kind], data[1].encode("utf-8")
            else:
                yield TYPES[kind], data.encode("utf-8")


class Driver:
    def __init__(self, command):
        self.process = subprocess.Popen([command], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def send(self, *words):
        self.process.stdin.write((" ".join(words) + "\n").encode())
        self.process.stdin.flush()

    def check(self, test):
        local, _, domain = test["mailfrom"].rpartition("@")
        scope = "mfrom"
        if not test["mailfrom"]:
            domain, scope = test["helo"], "helo"
        self.send("check", *(hexed(x) for x in
                             (test["host"], local, domain, test["helo"], scope)))
        return [self.process.stdout.readline().decode("ascii").rstrip("\n") for _ in ARRIVALS]


def verdict(test, line):
    """What is wrong with one line of the driver, or None."""
    words = line.split(" ", 4)
    if len(words) < 5:
        return line or "the driver ended"
    result = words[1]
    explanation = words[4].partition("explanation=")[2].rpartition(" problem=")[0]
    wanted = test["result"] if isinstance(test["result"], list) else [test["result"]]
    if result not in wanted:
        return "%s, not %s (%s)" % (result, " or ".join(wanted), words[4])
    if "explanation" in test:
        # DEFAULT is the receiver's own text: the domain has nothing to say.
        text = "" if test["explanation"] == "DEFAULT" else test["explanation"]
        if result == "fail" and explanation != text:
            return "explanation '%s', not '%s'" % (explanation, text)
    return None


def run(driver, name, yaml):
    passed = failed = 0
    with gzip.open(os.path.join(FOLDER, name)) as stream:
        for scenario in yaml.safe_load_all(stream):
            driver.send("zone")
            for owner, entries in scenario["zonedata"].items():
                for kind, data in records(entries):
                    driver.send("record", hexed(owner), hexed(kind), hexed(data))
            for key, test in scenario["tests"].items():
                wrong = [(how, fault) for how, line in zip(ARRIVALS, driver.check(test))
                         for fault in [verdict(test, line)] if fault]
                passed += not wrong
                failed += bool(wrong)
                for how, fault in wrong:
                    print("FAILED: %s (answers %s): %s" % (key, how, fault))
    print("%s: %d of %d" % (name.partition("-")[0], passed, passed + failed))
    return passed, failed


def main():
    try:
        import yaml
    except ImportError:
        yaml = None
    if yaml is None or not all(os.path.exists(os.path.join(FOLDER, s)) for s in SUITES):
        for suite in SUITES:
            print("SKIPPED: %s (needs python3-spf and python3-yaml)" % suite)
        print("0 passed, 0 failed, %d skipped" % len(SUITES))
        return 0
    built = os.path.join(os.environ.get("BUILD", "."), "tests", "auth", "spf_suite")
    driver = Driver(sys.argv[1] if len(sys.argv) > 1 else built)
    counts = [run(driver, suite, yaml) for suite in SUITES]
    driver.process.stdin.close()
    failed = sum(c[1] for c in counts)
    if driver.process.wait() != 0:
        print("FAILED: the driver ended with %d" % driver.process.returncode)
        failed += 1
    print("%d passed, %d failed" % (sum(c[0] for c in counts), failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
