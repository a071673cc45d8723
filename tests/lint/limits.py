#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Every limit of include/postern/limits.h has a test: its name occurs in one, or a test that goes
to it and beyond by other means is listed here, and is there."""

import re
import sys

import tree

# The name of a limit: a test that knows it by its figure or its effect.
ELSEWHERE = {
    "LIMIT_BACKLOG": ("tests/milter/crash_test.py", "more than a megabyte"),
    "LIMIT_PROGRESS_SECONDS": ("tests/milter/limits_test.py", "no word for"),
    "LIMIT_DNS_SECONDS": ("tests/unit/dns_lookups_test.c", "test_message_deadline"),
    "LIMIT_SPF_SECONDS": ("tests/unit/spf_check_test.c", "test_deadline"),
    "LIMIT_CPU_MS": ("tests/unit/meter_test.c", "one that is spent at once"),
    "LIMIT_PATTERNS_MS": ("tests/unit/table_test.c", "test_many_slow_patterns"),
    "LIMIT_WALK": ("tests/unit/orgdomain_test.c", "test_queries"),
    "LIMIT_ADDRESS_NESTING": ("tests/unit/address_test.c", "comments nested too deep"),
    "LIMIT_ADDRESSES": ("tests/unit/address_test.c", "[too many addresses]"),
    "LIMIT_SIGNATURES": ("tests/unit/dkim_hostile_test.c", "test_limit_of_signatures"),
    "LIMIT_SIGNATURE_BYTES": ("tests/unit/dkim_hostile_test.c", "test_huge_signature"),
    "LIMIT_SIGNED_BODIES": ("tests/unit/dkim_hostile_test.c", "test_body_hashes"),
    "LIMIT_ARC_FIELDS": ("tests/unit/arc_limits_test.c", "test_ten_thousand_fields"),
    "LIMIT_MIME_NAMES": ("tests/unit/mime_test.c", "test_many"),
    "LIMIT_MIME_FIELD_BYTES": ("tests/unit/mime_test.c", "test_long"),
    "LIMIT_MIME_FIELDS_BYTES": ("tests/unit/mime_test.c", "test_long"),
}


def tests_of():
    """{file: text} of all that is a test, but for lints and benchmarks."""
    return {name: tree.text(name) for name in tree.files()
            if name.startswith("tests/") and name.endswith((".c", ".py"))
            and not name.startswith(("tests/lint/", "tests/bench/", "tests/fuzz/"))}


def main():
    faults = []
    texts = tests_of()
    names = re.findall(r"^#define (LIMIT_\w+)", tree.text("include/postern/limits.h"), re.M)
    for name in names:
        named = any(re.search(r"\b%s\b" % name, text) for text in texts.values())
        place, word = ELSEWHERE.get(name, (None, ""))
        if place and word not in texts.get(place, ""):
            faults.append("%s: %s has no '%s'" % (name, place, word))
        if not named and not place:
            faults.append("%s: no test goes to it" % name)
    for name in sorted(set(ELSEWHERE) - set(names)):
        faults.append("%s: listed in tests/lint/limits.py, and no limit" % name)
    return tree.report([("limits", faults)])


if __name__ == "__main__":
    sys.exit(main())
