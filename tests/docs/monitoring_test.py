#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The dashboard and the alerts in contrib speak of metrics that the program has, with labels that
it gives them; promtool takes the alerts and the metrics where it is installed."""

import json
import os
import re
import shutil
import subprocess
import sys

import yaml

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))

from commandkit import POSTERN, TOP, Folder  # noqa: E402
from daemon import Postern  # noqa: E402
from httpunix import get  # noqa: E402
from milterpeer import deliver  # noqa: E402
from report import Tests, equal, true  # noqa: E402

tests = Tests()
RULES = os.path.join(TOP, "contrib", "prometheus", "postern.rules.yml")
DASHBOARD = os.path.join(TOP, "contrib", "grafana", "postern.json")
# What Prometheus and Grafana add.
OUTSIDE = {"instance", "job", "le"}
PROMTOOL = os.environ.get("PROMTOOL") or shutil.which("promtool")


def metrics():
    """What a daemon says that has done a little of everything."""
    with Folder() as folder:
        path = os.path.join(folder.path, "metrics.sock")
        policy = 'set metrics "unix:%s"\nset journal on\nset journal.path "%s"\n' % (
            path, os.path.join(folder.path, "journal"))
        policy += 'spf: reject "no" when spf is fail\n'
        with Postern(folder.path, os.path.join(folder.path, "postern.sock"), policy,
                     'example.net TXT "v=spf1 -all"\n', command=[POSTERN]) as server:
            deliver("unix:" + server.path, "<a@example.net>", ["<b@example.org>"])
            return get(path)


TEXT = metrics()
LABELS = {}
for line in TEXT.splitlines():
    found = re.match(r"(postern_\w+)(?:\{(.*)\})? ", line)
    if found:
        LABELS.setdefault(found.group(1), set()).update(re.findall(r'(\w+)="', found.group(2) or ""))


def faults(expression):
    """What an expression names that is not there."""
    for name, labels in re.findall(r"\b(postern_\w+)(?:\{([^}]*)\})?", expression):
        if name not in LABELS:
            yield "no metric " + name
            continue
        for label in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", labels):
            if label not in LABELS[name] | OUTSIDE:
                yield "%s has no label %s" % (name, label)
    known = set().union(OUTSIDE, *(LABELS.get(name, ()) for name in re.findall(r"postern_\w+",
                                                                               expression)))
    for labels in re.findall(r"\bby \(([^)]*)\)", expression):
        for label in re.split(r"\s*,\s*", labels.strip()):
            if label not in known:
                yield "no label " + label


def expressions_of_dashboard():
    with open(DASHBOARD, encoding="ascii") as file:
        dashboard = json.load(file)
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["name"], variable["query"]


def alerts():
    with open(RULES, encoding="ascii") as file:
        return [rule for group in yaml.safe_load(file)["groups"] for rule in group["rules"]]


@tests.test
def the_check_finds_what_is_not_there():
    equal(list(faults("sum by (colour) (rate(postern_no_total[5m]))")),
          ["no metric postern_no_total", "no label colour"], "faults")
    equal(list(faults('postern_messages_total{colour="red"}')),
          ["postern_messages_total has no label colour"], "faults")


@tests.test
def the_dashboard_shows_what_there_is():
    expressions = list(expressions_of_dashboard())
    true(len(expressions) > 20, "expressions")
    for title, expression in expressions:
        equal(list(faults(expression)), [], "faults of " + title)
    shown = {name for _, expression in expressions
             for name in re.findall(r"postern_\w+", expression)}
    families = {re.sub("_(bucket|sum|count)$", "", name) for name in shown}
    for name in re.findall(r"^# TYPE (\w+)", TEXT, re.M):
        true(name in families or name in ("postern_start_time_seconds", "postern_connections_total",
                                          "postern_log_lines_total", "postern_reload_refused",
                                          "postern_journal_written_total"), "shown: " + name)


@tests.test
def alerts_speak_of_what_there_is():
    found = alerts()
    true(len(found) >= 8, "alerts")
    for rule in found:
        equal(list(faults(rule["expr"])), [], "faults of " + rule["alert"])
        true(rule["annotations"]["summary"] and rule["annotations"]["description"], "a text")
        true(rule["labels"]["severity"] in ("warning", "critical"), "a severity")


def promtool(*words, feed=None):
    ran = subprocess.run([PROMTOOL, *words], input=feed, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, timeout=60)
    equal(ran.returncode, 0, "status of promtool %s: %s" % (words, ran.stdout.decode()))


@tests.test
def promtool_takes_both():
    if not PROMTOOL:
        tests.skip("promtool is not here")
        return
    promtool("check", "rules", RULES)
    promtool("check", "metrics", feed=TEXT.encode())
    # Every expression of the dashboard as the rule of an alert: that parses it.
    rules = [{"record": "x", "expr": re.sub(r"\$__\w+", "5m", expression).replace("$instance", "x")}
             for title, expression in expressions_of_dashboard() if "label_values" not in expression]
    with Folder() as folder:
        promtool("check", "rules", folder.file("r.yml", yaml.safe_dump(
            {"groups": [{"name": str(n), "rules": [rule]} for n, rule in enumerate(rules)]})))


tests.finish()
