#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The From fields of the attack messages in POSTERN_SHARED: who is the author, and of which nobody
can say. How many From fields there are is counted here, as the filter's session does it."""

import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))
import report

SOURCE = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..")
SHARED = os.environ.get("POSTERN_SHARED") or os.path.join(SOURCE, "..", "shared")
VECTORS = os.path.join(SHARED, "vectors", "attacks", "cases.json")
DRIVER = os.path.join(os.environ.get("BUILD") or SOURCE, "tests", "auth", "mail_driver")

tests = report.Tests()


def from_fields(header):
    """Values of the From fields; the header ends at the first line that is none of a header."""
    fields = []
    for line in header.split(b"\r\n"):
        field = re.match(rb"([!-9;-~]+)[ \t]*:(.*)", line, re.S)
        if line[:1] in (b" ", b"\t") and fields:
            fields[-1][1] += b"\r\n" + line
        elif field:
            fields.append([field[1].lower(), field[2]])
        else:
            break
    return [value for name, value in fields if name == b"from"]


def judge(header):
    """The verdict on a header and the author domains."""
    fields = from_fields(header)
    if len(fields) != 1:
        return "invalid", []
    answer = subprocess.run([DRIVER], input=b"address %s\n" % (fields[0].hex() or "-").encode(),
                            stdout=subprocess.PIPE, check=True, timeout=20).stdout.split()
    if answer[0] != b"ok":
        return "invalid", []
    domains = [bytes.fromhex(word.decode()).decode() for word in answer[1:]]
    return ("ok" if len(domains) == 1 else "multi"), domains


def expected_author(case, header):
    """The author that a case names; "?" marks a name that is to be compared as its A-label."""
    if case["author"] and case["author"].endswith("?"):
        domain = from_fields(header)[0].decode().rsplit("@", 1)[1].strip()
        return domain.encode("idna").decode()
    return case["author"]


def add(case):
    def check():
        header = case["headers"].encode("latin-1")
        verdict, domains = judge(header)
        report.equal(verdict, case["expect"], "verdict")
        if verdict == "ok" and case["author"]:
            report.equal(domains, [expected_author(case, header)], "author")
    check.__name__ = case["id"]
    tests.test(check)


if os.path.exists(VECTORS):
    with open(VECTORS, encoding="utf-8") as file:
        for row in json.load(file):
            if row["expect"] in ("ok", "invalid", "multi"):
                add(row)
else:
    tests.skip("author addresses of the attack messages: no " + VECTORS)
tests.finish()
