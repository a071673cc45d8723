#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The scenes leave nothing out: every action of the registry is in a rule that a scene shows, and
every verdict is given at every stage. A new one without a scene fails here, with no mail server."""

import json
import os
import re
import subprocess
import tempfile

import daemon
from report import Tests, equal, true
from scene import Differs, Send, Submit
from scenes import CASTS, POLICIES, SCENES

tests = Tests()
SERVERS = ["postfix", "sendmail"]
# What decides a message in the registry, and how the log calls it.
CALLED = {"hold": "quarantine"}
# By the registry's stages, and 'data', at which the number of recipients is known.
STAGES = ["connect", "helo", "mail", "rcpt", "data", "headers", "message"]
# When a verdict is told that is certain before it can be: the table "Telling" of the design.
TOLD_LATER = {"discard": {"connect": "mail", "helo": "mail", "rcpt": "message"},
              "reject": {"connect": "mail", "helo": "mail"},
              "defer": {"connect": "mail", "helo": "mail"},
              "accept": {"rcpt": "data"},
              "hold": dict.fromkeys(STAGES, "message")}


def said(*words):
    return subprocess.run([daemon.program(), *words], stdout=subprocess.PIPE, check=True,
                          timeout=60).stdout.decode()


def rules():
    """{rule: what it does} of the scenes' policy."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "policy")
        with open(path, "w", encoding="utf-8") as file:
            file.write('set listen "unix:/run/postern/scenes.sock"\n' + POLICIES["verdicts"])
        plan = said("check", "--dump", "plan", path)
    found, name = {}, None
    for row in plan.splitlines():
        if re.match(r"\S+ \(line \d+\)$", row):
            name = row.split(" ")[0]
            found[name] = []
        elif row.startswith(("  does ", "           ")) and name:
            found[name].append(re.sub(r"^  does ", "", row).strip())
    return found


REGISTRY = json.loads(said("facts", "--json"))
RULES = rules()
SHOWN = {rule for scene in SCENES for rule in scene.rules}


def each_way(value):
    """What it is with each server."""
    return [value.values[name] if isinstance(value, Differs) else value for name in SERVERS]


def asks(steps, records):
    return records or any(isinstance(step, (Send, Submit)) or getattr(step, "reply", "250") != "250"
                          for step in steps)


@tests.test
def every_rule_has_a_scene_and_every_scene_its_rules():
    equal(sorted(set(RULES) - SHOWN), [], "rules that no scene shows")
    equal(sorted(SHOWN - set(RULES)), [], "rules that are not in the policy")


@tests.test
def every_action_is_in_a_rule():
    done = [each for does in RULES.values() for each in does]
    missing = [action["name"] for action in REGISTRY["actions"]
               if not any(each.startswith(action["name"] + " ") or each == action["name"]
                          for each in done)]
    equal(missing, [], "actions that no scene shows")
    true(" observe " in POLICIES["verdicts"], "a rule is only observed")


@tests.test
def every_verdict_is_certain_at_every_stage():
    known = {fact["stage"] for fact in REGISTRY["facts"]}
    equal(known - set(STAGES), set(), "stages of the registry that have no scenes")
    for action in REGISTRY["actions"]:
        for stage in STAGES if action["class"] == "decisive" else ():
            name = "%s-%s" % (stage, action["name"])
            true(name in RULES, "a scene has '%s' certain at %s" % (action["name"], stage))
            true(RULES[name][0].split(" ")[0] == action["name"], "%s does so: %r" % (
                name, RULES[name]))


@tests.test
def every_verdict_is_told_when_it_can_be():
    for scene in SCENES:
        for rule in scene.rules:
            stage, _, verdict = rule.partition("-")
            plain = stage in STAGES and scene.policy == "verdicts"
            for record in each_way(scene.records)[0] if plain else ():
                if record.get("rule") != rule or not isinstance(record["stage"], str):
                    continue
                equal(record["verdict"], CALLED.get(verdict, verdict), "verdict of " + rule)
                equal(record["stage"], TOLD_LATER.get(verdict, {}).get(stage, stage),
                      "stage at which %s is told" % rule)


@tests.test
def scenes_are_well_formed():
    names = [scene.name for scene in SCENES]
    equal(sorted(names), sorted(set(names)), "names")
    for scene in SCENES:
        true(scene.client in CASTS, "the client of '%s'" % scene.name)
        true(scene.policy in POLICIES, "the policy of '%s'" % scene.name)
        for name, steps, records in zip(SERVERS, each_way(scene.steps), each_way(scene.records)):
            true(steps and (scene.rules or asks(steps, records)),
                 "'%s' asks something of %s" % (scene.name, name))


tests.finish()
