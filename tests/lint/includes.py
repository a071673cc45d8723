#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Includes go one way.

A room includes contracts of the rooms below it and its own private headers, never those of a room
beside or above it. A vendor's header has one owner.
"""

import re
import sys

import tree

# The rooms, lowest first; those of one level never include each other.
LEVELS = [["base"], ["mail"], ["policy", "dns", "table", "state"], ["auth"], ["fact", "session"],
          ["milter", "observe"], ["command"]]
LEVEL = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}

# Whose contract a header of include/postern is.
CONTRACTS = {
    "base": "arena clock dict diag histogram ip limits log meter sandbox service str stretch",
    "mail": "author mail mime",
    "policy": "policy policytest check prove engine format",
    "dns": "dns",
    "auth": "authres dkim spf dmarc arc",
    "session": "session",
    "milter": "milter",
    "observe": "counters journal metrics observe record",
    "command": "command",
}
OWNER = {name: room for room, names in CONTRACTS.items() for name in names.split()}
# The registry and what it speaks of, where rooms of one level meet: for all from policy upwards.
MEETING = "fact value table tree pattern".split()

# The first pattern that matches a header says who alone may include it: a room or one file.
VENDORS = [
    (r"libmilter/", "filter/milter/"),
    (r"opendkim/", "filter/auth/dkim.c"),
    (r"spf2/", "filter/auth/spf.c"),
    (r"unbound|event2/", "filter/dns/"),
    (r"idn2\.h", "filter/mail/domain.c"),
    (r"libpsl\.h", "filter/auth/suffix.c"),
    (r"pcre2", "filter/policy/"),
    (r"gmime|glib", "filter/mail/mimefield.c"),
    (r"openssl/", "filter/auth/"),
    (r"seccomp\.h", "filter/base/calls.c"),
    (r"microhttpd\.h", "filter/observe/metrics.c"),
    (r"jansson\.h", ("filter/command/", "filter/observe/")),
]


def includes(name):
    for number, row in enumerate(tree.text(name).split("\n"), 1):
        found = re.match(r"\s*#\s*include\s*([<\"])([^>\"]+)[>\"]", row)
        if found:
            yield number, found.group(1), found.group(2)


def allowed_contract(room, header):
    """May a file of `room` include postern/HEADER.h? None, or why not."""
    if header in MEETING:
        return None if LEVEL[room] >= LEVEL["policy"] else "it is above"
    owner = OWNER.get(header)
    if owner is None:
        return "tests/lint/includes.py does not say whose contract it is"
    if owner == room or LEVEL[owner] < LEVEL[room]:
        return None
    return "%s is %s" % (owner, "beside" if LEVEL[owner] == LEVEL[room] else "above")


def room_faults(room, names):
    faults = []
    for name in names:
        if not name.startswith("filter/%s/" % room):
            continue
        for number, kind, header in includes(name):
            contract = re.fullmatch(r"postern/(\w+)\.h", header)
            private = re.match(r"filter/(\w+)/", header)
            why = None
            if contract:
                why = allowed_contract(room, contract.group(1))
            elif private and private.group(1) != room:
                why = "it is private to filter/%s" % private.group(1)
            elif kind == '"' and not private and header != "config.h":
                why = "write postern/X.h or filter/%s/X.h" % room
            if why:
                faults.append("%s:%d: includes %s: %s" % (name, number, header, why))
    return faults


def contract_faults(names):
    faults = []
    for name in names:
        found = re.fullmatch(r"include/postern/(\w+)\.h", name)
        if not found:
            continue
        own = found.group(1)
        room = "policy" if own in MEETING else OWNER.get(own)
        if room is None:
            faults.append("%s: tests/lint/includes.py does not say whose contract it is" % name)
            continue
        for number, _, header in includes(name):
            inner = re.fullmatch(r"postern/(\w+)\.h", header)
            why = allowed_contract(room, inner.group(1)) if inner else None
            if why or header.startswith("filter/"):
                faults.append("%s:%d: includes %s: %s" % (name, number, header, why or "private"))
    return faults


def vendor_faults(names):
    faults = []
    for name in names:
        if not name.startswith(("filter/", "include/")):
            continue
        for number, kind, header in includes(name):
            for pattern, owner in VENDORS:
                if kind == "<" and re.match(pattern, header):
                    if not name.startswith(owner):
                        faults.append("%s:%d: <%s> belongs to %s" % (name, number, header, owner))
                    break
    return faults


def main():
    names = [name for name in tree.files() if name.endswith((".c", ".h"))]
    rooms = sorted({name.split("/")[1] for name in names if name.startswith("filter/")})
    unknown = [room for room in rooms if room not in LEVEL]
    checks = [("rooms", ["filter/%s has no level" % room for room in unknown])]
    checks += [(room, room_faults(room, names)) for room in rooms if room in LEVEL]
    checks += [("contracts", contract_faults(names)), ("vendors", vendor_faults(names))]
    return tree.report(checks)


if __name__ == "__main__":
    sys.exit(main())
