#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A short soak. SOAK_MESSAGES says how many messages (1000), SOAK_RELOADS how many reloads (20)."""

import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))

from commandkit import POSTERN  # noqa: E402
from report import Tests, equal, true  # noqa: E402

MESSAGES = int(os.environ.get("SOAK_MESSAGES", "1000"))
RELOADS = int(os.environ.get("SOAK_RELOADS", "20"))
# What so few messages say of growth is noise.
ENOUGH = 20000
LIMIT_SECONDS = 500 + MESSAGES // 100

tests = Tests()


def is_sanitized(path):
    with open(path, "rb") as file:
        return re.search(b"__[at]san_init", file.read()) is not None


@tests.test
def a_soak():
    judged = MESSAGES >= ENOUGH and not is_sanitized(POSTERN)
    rounds = 10 if judged else 2
    words = [os.path.join(HERE, "soak"), "--messages", str(MESSAGES), "--round",
             str(MESSAGES // rounds), "--reloads", str(RELOADS // rounds)]
    if not judged:
        words.append("--any-growth")
    ran = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                         timeout=LIMIT_SECONDS, check=False)
    print(ran.stdout)
    equal(ran.returncode, 0, "status")
    reloads = re.search(r"(\d+) reloads taken, (\d+) refused", ran.stdout)
    true(reloads, "the sum of reloads")
    # Two more after each round.
    equal(int(reloads.group(1)) + int(reloads.group(2)), RELOADS + 2 * rounds, "reloads")


tests.finish()
