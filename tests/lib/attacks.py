# SPDX-License-Identifier: BSD-2-Clause
"""The attack messages of POSTERN_SHARED, and what must be said of each, however it is asked: by
`postern auth` or through a mail server."""

import json
import os
import re

HERE = os.path.dirname(os.path.realpath(__file__))
PATH = os.path.join(os.environ.get(
    "POSTERN_SHARED", os.path.join(HERE, "..", "..", "..", "shared")),
                    "vectors", "attacks", "cases.json")
CLIENT = "203.0.113.66"
# The name that forged Authentication-Results give as ours.
AUTHSERV = "mx.test.example"

# The attacker's own domain is in order; those that are forged ask for refusal.
OWN_RECORDS = {"attack.com TXT": ["v=spf1 ip4:%s -all" % CLIENT],
               "_dmarc.attack.com TXT": ["v=DMARC1; p=none"]}
OWN_RECORDS.update(("_dmarc.%s TXT" % name, ["v=DMARC1; p=reject"]) for name in
                   ("legitimate.com", "good.example", "example.com", "bank.com"))
# What records that are no policy, or a broken one, come to; else the author's domain decides.
DMARC = {"dmarc_01": "none", "dmarc_02": "fail", "dmarc_03": "none", "dmarc_12": "none"}


def missing():
    return None if os.path.exists(PATH) else "not at " + PATH


def cases():
    with open(PATH, encoding="utf-8") as file:
        return json.load(file)


def message(case):
    """Its bytes, as latin-1."""
    return (case["headers"] + "\r\n" + case["body"]).encode("latin-1")


def records(case):
    """The DNS that it is to be judged by: {"name type": values}."""
    named = {key.split(" ")[0] for key in case["dns"]}
    found = {key: values for key, values in OWN_RECORDS.items() if key.split(" ")[0] not in named}
    found.update(case["dns"])
    return found


def zone(found):
    """Records as --dns takes them."""
    rows = []
    for key, values in found.items():
        name, kind = key.split(" ")
        for value in values:
            if value in ("SERVFAIL", "DROP"):
                rows.append("%s %s %s" % (name, value.replace("DROP", "TIMEOUT"), kind))
                continue
            if kind == "TXT":
                pieces = [value[at:at + 255] for at in range(0, len(value), 255)]
                value = " ".join('"%s"' % re.sub(r'(["\\\\])', r"\\\1", p) for p in pieces)
            rows.append("%s %s %s" % (name, kind, value))
    return "".join(row + "\n" for row in rows)


def _dmarc_wrong(answer, expect):
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


def _spf_wrong(case, answer):
    """What a case says SPF must be: "spf=fail or permerror, <20 ms"."""
    wanted = [m[4:].split(",")[0].split(" or ") for m in case["must"] if m.startswith("spf=")]
    if not wanted or answer["spf"]["result"] in wanted[0]:
        return None
    return "spf is %s, not %s" % (answer["spf"], wanted[0])


def _author_wrong(case, answer):
    """'?' marks a name that is compared as its A-label: the address vectors' test does that."""
    author = case["author"]
    if case["expect"] != "ok" or not author or author.endswith("?"):
        return None
    return None if answer["from"]["domain"] == author else "the author is %s" % answer["from"]


def _field_wrong(answer):
    field = answer["authentication_results"]
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', "", field)
    if any(ord(c) < 32 and c not in "\n\t" for c in field) or \
            ("dmarc=pass" in bare and answer["dmarc"]["result"] != "pass"):
        return "the field is not clean: %r" % field
    return None


def wrong(case, answer, expect=None):
    """
    What `answer` has, shaped as the JSON of `postern auth`, that it must not; None: it is right.
    `expect` in place of the case's own, where a mail server has changed the message.
    """
    origin, expect = answer["from"], expect or case["expect"]
    if any(s["result"] == "pass" for s in answer["dkim"]):
        return "a signature passes"
    if expect == "invalid" and (origin["domain"] or not origin["trouble"]):
        return "the author is trusted: %s" % origin
    if expect == "ok" and origin["trouble"]:
        return "the author is not trusted: %s" % origin
    if answer["dmarc"]["result"] != DMARC.get(case["id"], answer["dmarc"]["result"]):
        return "dmarc is %s" % answer["dmarc"]
    if expect == "multi" and (len(origin["addresses"]) < 2 and not origin["trouble"]):
        return "one author: %s" % origin
    return _spf_wrong(case, answer) or _author_wrong(dict(case, expect=expect), answer) or \
        _field_wrong(answer) or _dmarc_wrong(answer, expect)
