#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The outside DKIM vectors and attacks through `postern auth --json`: the whole way from a message
file over session, facts and guards to the answer, and the Authentication-Results written of it."""
import json
import os
import subprocess
import sys
import tempfile

import attacks

HERE = os.path.dirname(os.path.abspath(__file__))
POSTERN = os.environ.get("POSTERN", os.path.join(os.environ.get("BUILD", "."), "postern"))
VECTORS = os.path.join(os.environ.get(
    "POSTERN_SHARED", os.path.join(HERE, "..", "..", "..", "shared")), "vectors")
passed = failed = skipped = 0


def note(name, ok, text):
    global passed, failed
    passed += bool(ok)
    failed += not ok
    if not ok:
        print("FAILED: %s: %s" % (name, text))


def auth(*args):
    """What the command printed, and what went wrong (None if nothing did)."""
    done = subprocess.run([POSTERN, "auth", "--json", *args], capture_output=True, timeout=60)
    if done.returncode != 0:
        return None, "exit %d: %s" % (done.returncode, done.stderr[-500:].decode("latin-1"))
    return json.loads(done.stdout), None


def matches(result, expected):
    return expected == "?" or result == expected or (expected == "notpass" and result != "pass")


def meets(results, expect):
    expect = list(expect)
    if expect and expect[0].startswith("*"):
        best = "pass" if "pass" in results else (results or ["none"])[0]
        return matches(best, expect[0][1:])
    if expect and expect[-1].startswith("~"):
        expect[-1] = expect[-1][1:]
        if len(results) == len(expect) - 1:
            expect.pop()
    return len(results) == len(expect) and all(map(matches, results, expect))


def dkim_vectors():
    global skipped
    folder = os.path.join(VECTORS, "dkim")
    if not os.path.exists(os.path.join(folder, "cases.json")):
        skipped += 1
        print("SKIPPED: dkim vectors (not at %s)" % VECTORS)
        return
    with open(os.path.join(folder, "cases.json")) as file:
        cases = json.load(file)
    for case in cases:
        args = ["--client", "192.0.2.1", "--dns", os.path.join(folder, case["dns"])]
        if case["time"]:
            args += ["--time", str(case["time"])]
        if case["mode"] == "lax":
            args += ["--set", "dkim.minimum-bits=512", "--set", "dkim.sha1=allow"]
        answer, wrong = auth(*args, os.path.join(folder, case["message"]))
        results = [s["result"] for s in answer["dkim"]] if answer else None
        note(case["id"], not wrong and meets(results, case["expect"]),
             wrong or "%s, not %s" % (results, case["expect"]))


def attack(case, scratch):
    """A crafted message; nothing of it may pass for the forged domain."""
    message, records = os.path.join(scratch, "message"), os.path.join(scratch, "records")
    with open(message, "wb") as file:
        file.write(attacks.message(case))
    with open(records, "w", encoding="ascii") as file:
        file.write(attacks.zone(attacks.records(case)))
    args = ["--client", attacks.CLIENT, "--dns", records]
    if "\0" not in (case["helo"] or "") and case["helo"]:
        args += ["--helo", case["helo"].encode("latin-1")]
    if case["mailfrom"] and "\0" not in case["mailfrom"]:
        args += ["--sender", case["mailfrom"].encode("latin-1")]
    answer, wrong = auth(*args, message)
    return wrong or attacks.wrong(case, answer)


def attack_vectors():
    global skipped
    if attacks.missing():
        skipped += 1
        print("SKIPPED: attack vectors (%s)" % attacks.missing())
        return
    with tempfile.TemporaryDirectory() as scratch:
        for case in attacks.cases():
            wrong = attack(case, scratch)
            note(case["id"], not wrong, wrong)


dkim_vectors()
attack_vectors()
print("%d passed, %d failed%s" % (passed, failed, ", %d skipped" % skipped if skipped else ""))
sys.exit(failed > 0)
