#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The outside DKIM vectors and attacks through `postern auth --json`: the whole way from a message
file over session, facts and guards to the answer, and the Authentication-Results written of it."""
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


# The attacker's own domain is in order; those that are forged ask for refusal.
ATTACK_DNS = ['attack.com TXT "v=spf1 ip4:203.0.113.66 -all"\n', '_dmarc.attack.com TXT "v=DMARC1; p=none"\n']
ATTACK_DNS += ['_dmarc.%s TXT "v=DMARC1; p=reject"\n' % name
               for name in ("legitimate.com", "good.example", "example.com", "bank.com")]


def dmarc_of_attack(answer, expect):
    """Nothing passes but in the attacker's own name; several authors count as the worst of them."""
    origin, said = answer["from"], answer["dmarc"]
    if (said["result"] == "pass") != (origin["domain"] == "attack.com"):
        return "dmarc of %s is %s" % (origin, said)
    if (said["result"] == "permerror") != bool(origin["trouble"]) or \
            (origin["trouble"] and said["reason"] != origin["trouble"]):
        return "dmarc of an author in trouble: %s, %s" % (origin, said)
    if expect == "multi" and (said["result"], said["disposition"]) != ("fail", "reject"):
        return "dmarc of several authors: %s" % said
    return None


def record_file(path, dns):
    """The case's records as --dns takes them."""
    with open(path, "w", encoding="ascii") as file:
        for key, values in dns.items():
            name, kind = key.split(" ")
            for value in values:
                if value in ("SERVFAIL", "DROP"):
                    file.write("%s %s %s\n" % (name, value.replace("DROP", "TIMEOUT"), kind))
                    continue
                if kind == "TXT":
                    pieces = [value[at:at + 255] for at in range(0, len(value), 255)]
                    value = " ".join('"%s"' % re.sub(r'(["\\\\])', r"\\\1", p) for p in pieces)
                file.write("%s %s %s\n" % (name, kind, value))


def spf_wrong(case, answer):
    """What a case says SPF must be: "spf=fail or permerror, <20 ms"."""
    wanted = [m[4:].split(",")[0].split(" or ") for m in case["must"] if m.startswith("spf=")]
    if not wanted or answer["spf"]["result"] in wanted[0]:
        return None
    return "spf is %s, not %s" % (answer["spf"], wanted[0])


def author_wrong(case, answer):
    """'?' marks a name that is compared as its A-label: the address vectors' test does that."""
    author = case["author"]
    if case["expect"] != "ok" or not author or author.endswith("?"):
        return None
    return None if answer["from"]["domain"] == author else "the author is %s" % answer["from"]


def attack(case, scratch):
    """A crafted message, its bytes as latin-1; nothing of it may pass for the forged domain."""
    message, records = os.path.join(scratch, "message"), os.path.join(scratch, "records")
    with open(message, "wb") as file:
        file.write((case["headers"] + "\r\n" + case["body"]).encode("latin-1"))
    record_file(records, case["dns"])
    with open(records, "a", encoding="ascii") as file:
        file.writelines(row for row in ATTACK_DNS
                        if row.split(" ")[0] not in [key.split(" ")[0] for key in case["dns"]])
    args = ["--client", "203.0.113.66", "--dns", records]
    if "\0" not in (case["helo"] or "") and case["helo"]:
        args += ["--helo", case["helo"].encode("latin-1")]
    if case["mailfrom"] and "\0" not in case["mailfrom"]:
        args += ["--sender", case["mailfrom"].encode("latin-1")]
    answer, wrong = auth(*args, message)
    if wrong:
        return wrong
    origin, expect = answer["from"], case["expect"]
    if any(s["result"] == "pass" for s in answer["dkim"]):
        return "a signature passes"
    if expect == "invalid" and (origin["domain"] or not origin["trouble"]):
        return "the author is trusted: %s" % origin
    if expect == "ok" and origin["trouble"]:
        return "the author is not trusted: %s" % origin
    if expect == "multi" and (len(origin["addresses"]) < 2 and not origin["trouble"]):
        return "one author: %s" % origin
    wrong = spf_wrong(case, answer) or author_wrong(case, answer)
    if wrong:
        return wrong
    field = answer["authentication_results"]
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', "", field)
    if any(ord(c) < 32 and c not in "\n\t" for c in field) or \
            ("dmarc=pass" in bare and answer["dmarc"]["result"] != "pass"):
        return "the field is not clean: %r" % field
    return dmarc_of_attack(answer, expect)


def attack_vectors():
    global skipped
    path = os.path.join(VECTORS, "attacks", "cases.json")
    if not os.path.exists(path):
        skipped += 1
        print("SKIPPED: attack vectors (not at %s)" % VECTORS)
        return
    with open(path) as file:
        cases = json.load(file)
    with tempfile.TemporaryDirectory() as scratch:
        for case in cases:
            wrong = attack(case, scratch)
            note(case["id"], not wrong, wrong)


dkim_vectors()
attack_vectors()
print("%d passed, %d failed%s" % (passed, failed, ", %d skipped" % skipped if skipped else ""))
sys.exit(failed > 0)
