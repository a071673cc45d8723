#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""arc_suite.py [DRIVER]: runs every message of the outside ARC suite through arc_suite, which feeds
each in pieces of several sizes, with answers at once and pending, and through `postern auth --json`;
then the crafted chains of the attack vectors, none of which may pass or cost a query."""
import json
import os
import re
import subprocess
import sys
import tempfile

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


def cases(folder):
    global skipped
    path = os.path.join(VECTORS, folder, "cases.json")
    if not os.path.exists(path):
        skipped += 1
        print("SKIPPED: %s vectors (not at %s)" % (folder, VECTORS))
        return []
    with open(path) as file:
        return json.load(file)


def run(zone, message):
    """What the driver found: result, instance, vouching, sealers, queries, reason; or a text."""
    done = subprocess.run([DRIVER, zone, message], capture_output=True, text=True, timeout=120)
    lines = set(done.stdout.splitlines())
    if done.returncode != 0 or not lines:
        return "exit %d %s" % (done.returncode, done.stderr[-2000:])
    if len(lines) != 1:
        return "depends on how it is fed: %s" % sorted(lines)
    result, *numbers, reason = lines.pop().split("\t")
    return [result, *map(int, numbers), reason]


def command(zone, message):
    done = subprocess.run([POSTERN, "auth", "--json", "--client", "192.0.2.1", "--dns", zone,
                           message], capture_output=True, timeout=60)
    if done.returncode != 0:
        return None, "exit %d: %s" % (done.returncode, done.stderr[-500:].decode("latin-1"))
    return json.loads(done.stdout), None


def consistent(found, answer):
    """Does the command say what the driver found, and its field the same?"""
    result, instance, _, count, _, reason = found
    arc, field = answer["arc"], answer["authentication_results"]
    told = re.findall(r";\n\tarc=(\w+)", field)
    return (arc["result"] == result and (arc["instance"] or 0) == instance and
            len(arc["sealers"]) == count and (arc["reason"] or "") == reason and
            told == ([] if result == "none" else [result]) and
            ("header.oldest-pass=" in field) == (result == "pass"))


def check(name, zone, message, expect):
    """`expect`: the results that are right."""
    found = run(zone, message)
    note(name, isinstance(found, list) and found[0] in expect, "%s, not %s" % (found, expect))
    answer, wrong = command(zone, message)
    note(name + ": auth", not wrong and isinstance(found, list) and consistent(found, answer),
         wrong or "%s, %s" % (found, answer))
    return found


def suite():
    folder = os.path.join(VECTORS, "arc")
    for case in cases("arc"):
        # What the suite leaves open are chains that say of themselves that they failed.
        found = check(case["id"], os.path.join(folder, case["dns"]),
                      os.path.join(folder, case["message"]), [case["expect"] or "fail"])
        if not isinstance(found, list):
            continue
        result, instance, vouching, count, _, reason = found
        # Who signs no field of a header vouches for none.
        least = 0 if case["id"] == "ams_fields_h_empty" else 1
        note(case["id"] + ": sealers",
             (least <= vouching <= count == instance and (vouching == count) == (reason == ""))
             if result == "pass" else vouching == count == 0, found)


def attacks():
    with tempfile.TemporaryDirectory() as scratch:
        zone, message = os.path.join(scratch, "zone"), os.path.join(scratch, "message")
        open(zone, "w").close()
        for case in cases("attacks"):
            fields = re.findall(r"^ARC-", case["headers"], re.M | re.I)
            if not fields:
                continue
            with open(message, "wb") as file:
                file.write((case["headers"] + "\r\n" + case["body"]).encode("latin-1"))
            found = check("attack " + case["id"], zone, message, ["fail"])
            note("attack %s: no query" % case["id"], found[4] == 0, found)


DRIVER = sys.argv[1] if len(sys.argv) > 1 else os.path.join(
    os.environ.get("BUILD", "."), "tests", "auth", "arc_suite")
suite()
attacks()
print("%d passed, %d failed%s" % (passed, failed, ", %d skipped" % skipped if skipped else ""))
sys.exit(failed > 0)
