#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""dkim_suite.py [DRIVER]: runs every message of the outside DKIM vectors through dkim_suite, which
feeds each in pieces of several sizes, with answers at once and pending; then the crafted
messages of the attack vectors, none of which may pass; then the organizational domains that the
DMARC vectors imply."""
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
VECTORS = os.path.join(os.environ.get(
    "POSTERN_SHARED", os.path.join(HERE, "..", "..", "..", "shared")), "vectors")
passed = failed = skipped = 0


def note(name, ok, text):
    global passed, failed
    passed += ok
    failed += not ok
    if not ok:
        print("FAILED: %s: %s" % (name, text))


def skip(name):
    global skipped
    skipped += 1
    print("SKIPPED: %s (not at %s)" % (name, VECTORS))


def run(*args):
    """The driver's lines: all ways of feeding must give the same one."""
    done = subprocess.run([DRIVER, *args], capture_output=True, text=True, timeout=120)
    lines = done.stdout.splitlines()
    if done.returncode != 0 or not lines:
        return None, "exit %d %s" % (done.returncode, done.stderr[-2000:])
    if len(set(lines)) != 1:
        return None, "depends on how it is fed: %s" % sorted(set(lines))
    return lines[0], ""


def matches(result, expected):
    return expected == "?" or result == expected or (expected == "notpass" and result != "pass")


def meets(line, expect):
    best, *signatures = line.split("\t")
    results = [s.split(";")[0] for s in signatures]
    expect = list(expect)
    if expect and expect[0].startswith("*"):
        return matches(best, expect[0][1:])
    if expect and expect[-1].startswith("~"):
        expect[-1] = expect[-1][1:]
        if len(results) == len(expect) - 1:
            expect.pop()
    return len(results) == len(expect) and all(map(matches, results, expect))


def dkim_vectors():
    folder = os.path.join(VECTORS, "dkim")
    if not os.path.exists(os.path.join(folder, "cases.json")):
        return skip("dkim vectors")
    with open(os.path.join(folder, "cases.json")) as file:
        cases = json.load(file)
    for case in cases:
        lax = ["512", "sha1"] if case["mode"] == "lax" else []
        line, why = run(os.path.join(folder, case["dns"]), os.path.join(folder, case["message"]),
                        str(case["time"]), *lax)
        note(case["id"], line is not None and meets(line, case["expect"]),
             "%s, not %s" % (line or why, case["expect"]))


def attack_vectors(scratch):
    path = os.path.join(VECTORS, "attacks", "cases.json")
    if not os.path.exists(path):
        return skip("attack vectors")
    with open(path) as file:
        cases = json.load(file)
    for case in cases if isinstance(cases, list) else cases["cases"]:
        if "dkim-signature:" not in case["headers"].lower():
            continue
        zone, message = os.path.join(scratch, "zone"), os.path.join(scratch, "message")
        with open(zone, "w") as file:
            file.write("")
        with open(message, "wb") as file:
            file.write((case["headers"] + "\r\n" + case["body"]).encode("latin-1"))
        line, why = run(zone, message, "0")
        note("attack " + case["id"], line is not None and "pass" not in
             [s.split(";")[0] for s in line.split("\t")], line or why)
        for signature in (line or "").split("\t")[1:]:
            domain = signature.split(";")[1]
            note("attack %s: domain" % case["id"],
                 all(c.isascii() and (c.isalnum() or c in "-_.") for c in domain), domain)
        if case["id"] == "dkim_200sigs" and line:
            results = [s.split(";")[0] for s in line.split("\t")[1:]]
            note("attack dkim_200sigs: 10 tried", results.count("policy") == len(results) - 10,
                 line)


def organizational(domain, zone):
    line, why = run("org", domain, zone)
    return line.split(" ")[0] if line else why


def dmarc_vectors(scratch):
    """A relaxed DKIM pass is a DMARC pass if both names have one organizational domain."""
    done = 0
    for name in ("cases.json", "cases-other.json"):
        path = os.path.join(VECTORS, "dmarc", name)
        if not os.path.exists(path):
            return skip("dmarc vectors")
        with open(path) as file:
            cases = json.load(file)
        for case in cases:
            expect = case["expect"].get("result")
            strict = "adkim=s" in str(case["zone"]).replace(" ", "").lower()
            if expect not in ("pass", "fail") or strict or case["spf_pass"] or \
                    len(case["dkim_pass"]) != 1:
                continue
            zone = os.path.join(scratch, "zone")
            with open(zone, "w") as file:
                file.write("\n".join(case["zone"]) + "\n")
            names = case["from_domain"].lower(), case["dkim_pass"][0].lower()
            if not all(n.isascii() for n in names):
                continue
            orgs = [organizational(n, zone) for n in names]
            note("org: " + case["id"], (orgs[0] == orgs[1]) == (expect == "pass"),
                 "%s: %s, %s" % (names, orgs, expect))
            done += 1
    note("org: vectors used", done >= 20, str(done))


DRIVER = sys.argv[1] if len(sys.argv) > 1 else os.path.join(
    os.environ.get("BUILD", "."), "tests", "auth", "dkim_suite")
dkim_vectors()
with tempfile.TemporaryDirectory() as folder:
    attack_vectors(folder)
    dmarc_vectors(folder)
print("%d passed, %d failed%s" % (passed, failed, ", %d skipped" % skipped if skipped else ""))
sys.exit(failed > 0)
