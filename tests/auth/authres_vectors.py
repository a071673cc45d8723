#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Forged Authentication-Results of the attack messages in POSTERN_SHARED: each has to be removed;
and what their envelopes bring into our own field must not say more than it is."""

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
AUTHSERV = b"mx.test.example"
STRING = rb'"(?:[^"\\]|\\.)*"'

tests = report.Tests()


def ask(lines):
    return subprocess.run([DRIVER], input=b"\n".join(lines) + b"\n", stdout=subprocess.PIPE,
                          check=True, timeout=60).stdout.split(b"\n")[:-1]


def hexed(text):
    return text.hex().encode() or b"-"


def forged(case):
    header = case["headers"].encode("latin-1")
    values = re.findall(rb"^Authentication-Results:((?:.|\n(?=[ \t]))*?)\r?$", header, re.M | re.I)
    report.true(values, "the message has a field")
    answers = ask([b"claim %s %s" % (hexed(value), hexed(AUTHSERV)) for value in values])
    report.equal(len(answers), len(values), "answers")
    report.lacks(answers, b"foreign", "claims")
    # Where they can be read, they are nothing to a server of another name.
    report.lacks(ask([b"claim %s %s" % (hexed(value), hexed(b"mx.other.example"))
                      for value in values]), b"ours", "another server's claims")


def injected(case):
    sender = case["mailfrom"].encode("latin-1").strip(b"<>")
    helo = case["helo"].encode("latin-1")
    answer = ask([b"write 0 %s result spf fail - smtp mailfrom %s smtp helo %s result dmarc fail -"
                  % (hexed(AUTHSERV), hexed(sender), hexed(helo))])[0]
    field = bytes.fromhex(answer.decode())
    report.true(all(byte in b"\n\t" or 32 <= byte < 127 for byte in field), "printable ASCII")
    report.equal(re.sub(rb"\n\t", b"", field).count(b"\n"), 0, "line ends that are no folds")
    # Without its strings the field has our two results and nothing that a reader could act on.
    bare = re.sub(STRING, b"", field)
    report.equal(re.findall(rb"(\w+)=(\w+)", re.sub(rb"smtp\.\w+=\S*", b"", bare)),
                 [(b"spf", b"fail"), (b"dmarc", b"fail")], "results")
    report.equal(bare.count(b";"), 2, "semicolons")
    report.true(b'"' not in bare and b"(" not in bare, "no open quote or comment")


def add(case, check):
    def test():
        check(case)
    test.__name__ = case["id"]
    tests.test(test)


if os.path.exists(VECTORS):
    with open(VECTORS, encoding="utf-8") as file:
        for row in json.load(file):
            if row["id"].startswith(("ar_forged", "ar_many")):
                add(row, forged)
            elif row["id"].startswith(("ar_inject", "espoofer_server_a")):
                add(row, injected)
else:
    tests.skip("forged and injected results of the attack messages: no " + VECTORS)
tests.finish()
