#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Metrics over HTTP and `postern stats`: what a running daemon counts, and that a crash of its
filter process does not set it back."""

import http.client
import os
import re
import signal
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

from commandkit import POSTERN, Folder, answer, postern  # noqa: E402
from daemon import Postern  # noqa: E402
from httpunix import ask  # noqa: E402
from milterpeer import Milter, deliver  # noqa: E402
from mta import wait_until  # noqa: E402
from report import Tests, contains, equal, true  # noqa: E402

tests = Tests()
POLICY = """set metrics "unix:%s"
table local domains { example.org }
relay:    reject 550 5.7.1 "Relaying denied" when recipient.domain not in local
          add authentication-results
spf-fail: reject 550 5.7.23 "SPF says no" when spf is fail
slow:     reject "no such" when not resolves(sender.domain)
marked:   add header "X-Marked: yes" when subject is present
never:    hold "x" when subject is "y"
"""
DNS = 'example.net TXT "v=spf1 -all"\nexample.net A 192.0.2.1\nexample.com A 192.0.2.2\nbad.example SERVFAIL\n'
MESSAGE = b"From: a@example.com\r\nSubject: Hi\r\n\r\nText.\r\n"
SAMPLE = re.compile(r'^([a-z_]+)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')


def samples(text):
    """{(name, frozenset of labels): value}; every line must be one that Prometheus takes."""
    found, types = {}, {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            name, kind = line.split()[2:]
            true(name not in types, "one TYPE for " + name)
            types[name] = kind
        elif not line.startswith("# HELP "):
            match = SAMPLE.match(line)
            true(match, "a sample: " + line)
            labels = match.group(2) or ""
            equal(LABEL.sub("", labels).strip(","), "", "rest of the labels " + labels)
            key = (match.group(1), frozenset(LABEL.findall(labels)))
            true(key not in found, "only once: " + line)
            found[key] = float(match.group(3))
            family = match.group(1)
            if family not in types:
                family = re.sub("_(bucket|sum|count)$", "", family)
            true(family in types, "a TYPE before " + line)
    return found


class Daemon(Postern):
    def __init__(self, folder, policy=POLICY, **options):
        self.metrics = os.path.join(folder.path, "metrics.sock")
        if "%s" in policy:
            policy = policy % self.metrics
        super().__init__(folder.path, os.path.join(folder.path, "postern.sock"), policy, DNS,
                         command=[POSTERN], **options)

    def scrape(self):
        status, headers, text = ask(self.metrics)
        equal((status, headers["Content-Type"]),
              (200, "text/plain; version=0.0.4; charset=utf-8"), "answer")
        return samples(text)

    def value(self, name, **labels):
        return self.scrape().get((name, frozenset(labels.items())))

    def send(self, sender="<a@example.com>", recipients=("<b@example.org>",)):
        return deliver("unix:" + self.path, sender=sender, recipients=list(recipients),
                       message=MESSAGE, client="203.0.113.9")

    def stats(self):
        return answer("stats", "-c", self.policy_path, "--json")

    def filter_pid(self):
        return answer("status", "-c", self.policy_path, "--json")["pid"]


def send_some(server):
    server.send()
    server.send(sender="<x@example.net>")
    server.send(sender="<x@bad.example>")
    server.send(recipients=("<x@other.example>", "<b@example.org>"))


@tests.test
def messages_rules_and_results_are_counted():
    with Folder() as folder, Daemon(folder) as server:
        send_some(server)
        found = server.scrape()

        def value(name, **labels):
            return found[name, frozenset(labels.items())]

        equal(value("postern_messages_total", verdict="accept", stage="message"), 2, "accepted")
        equal(value("postern_messages_total", verdict="reject", stage="mail")
              + value("postern_messages_total", verdict="reject", stage="message"), 1, "rejected")
        equal(value("postern_recipients_refused_total", verdict="reject", stage="rcpt"), 1,
              "recipients")
        equal(value("postern_results_total", method="spf", result="fail"), 1, "SPF fail")
        for rule, hits in (("relay", 1), ("spf-fail", 1), ("marked", 2), ("never", 0)):
            equal(value("postern_rule_hits_total", rule=rule), hits, "hits of " + rule)
        equal(value("postern_rule_failures_total", rule="slow"), 1, "failures")
        true(value("postern_rule_last_hit_timestamp_seconds", rule="relay") > 1.6e9, "last hit")
        true(value("postern_lookups_total", outcome="servfail") >= 1, "lookups that failed")
        true(value("postern_lookups_total", outcome="found") >= 2, "lookups that found something")
        equal(value("postern_connections_total"), 4, "connections")
        equal(value("postern_stage_seconds_count", stage="mail"), 4, "times of MAIL")
        equal(value("postern_stage_seconds_bucket", stage="mail", le="+Inf"), 4, "the same")
        equal(value("postern_filter_restarts_total"), 0, "restarts")
        id_of = [dict(labels)["policy"] for name, labels in found if name == "postern_policy_info"]
        equal(id_of, [answer("status", "-c", server.policy_path, "--json")["policy"]["id"]],
              "policy")


@tests.test
def a_crash_does_not_set_them_back():
    with Folder() as folder, Daemon(folder) as server:
        send_some(server)
        before = server.scrape()
        os.kill(server.filter_pid(), signal.SIGKILL)
        true(wait_until(lambda: "the next starts" in server.log(), 10), "the crash is seen")
        after = server.scrape()
        for key, value in before.items():
            if key[0].startswith(("postern_messages", "postern_rule_", "postern_lookup",
                                  "postern_stage", "postern_results")):
                equal(after[key], value, "%s after the crash" % (key,))
        equal(after["postern_filter_restarts_total", frozenset()], 1, "restarts")
        server.send()
        equal(server.value("postern_rule_hits_total", rule="marked"), 3, "goes on")


@tests.test
def a_reload_keeps_what_keeps_its_name():
    with Folder() as folder, Daemon(folder) as server:
        send_some(server)
        server.write_policy(POLICY.replace("marked:", "renamed:") % server.metrics)
        equal(postern("reload", "-c", server.policy_path).status, 0, "reload")
        server.send(recipients=("<x@other.example>",))
        equal(server.value("postern_rule_hits_total", rule="relay"), 2, "of one that stayed")
        equal(server.value("postern_rule_hits_total", rule="renamed"), 0, "of a new one")
        rules = {rule["rule"]: rule for rule in server.stats()["rules"]}
        equal((rules["marked"]["in_force"], rules["renamed"]["in_force"]), (False, True), "rules")
        server.write_policy("this is no policy")
        equal(postern("reload", "-c", server.policy_path).status, 2, "reload")
        equal((server.value("postern_reloads_total", result="taken"),
               server.value("postern_reloads_total", result="refused"),
               server.value("postern_reload_refused")), (1, 1, 1), "reloads")


@tests.test
def rules_have_a_bound():
    many = POLICY + "".join('r%d: log "x" when subject is "%d"\n' % (n, n) for n in range(1100))
    with Folder() as folder, Daemon(folder, many) as server:
        server.send()
        names = [key for key in server.scrape() if key[0] == "postern_rule_hits_total"]
        equal(len(names), 1000, "series")
        # Rules of the policy in force come first: those of the last one make room.
        server.write_policy(POLICY % server.metrics
                            + "".join('s%d: log "x" when subject is "Hi"\n' % n for n in range(1100)))
        equal(postern("reload", "-c", server.policy_path).status, 0, "reload")
        server.send()
        equal((server.value("postern_rule_hits_total", rule="s0"),
               server.value("postern_rule_hits_total", rule="marked"),
               server.value("postern_rule_hits_total", rule="r0")), (1, 2, None), "hits")
        true(server.value("postern_rule_hits_total", rule="(other)") > 100, "the rest")


@tests.test
def names_of_rules_are_escaped():
    with Folder() as folder:
        name = 'a "b\\c.policy'
        folder.file(name, 'log "x" when subject is present\n')
        text = 'set metrics "unix:%s"\ninclude "a \\"b\\\\c.policy"\n'
        with Daemon(folder, text) as server:
            server.send()
            names = [dict(labels)["rule"] for (metric, labels), hits in server.scrape().items()
                     if metric == "postern_rule_hits_total" and hits == 1]
            equal(len(names), 1, "rules that were hit")
            contains(names[0], 'a \\"b', "name")


@tests.test
def only_reading_is_offered():
    with Folder() as folder, Daemon(folder) as server:
        equal(ask(server.metrics, "HEAD")[0::2], (200, ""), "HEAD")
        equal(ask(server.metrics, url="/")[0], 404, "another page")
        status, headers, _ = ask(server.metrics, "POST")
        equal((status, headers["Allow"]), (405, "GET, HEAD"), "POST")
        with socket.socket(socket.AF_UNIX) as idle:
            idle.connect(server.metrics)
            idle.sendall(b"GET /metrics HT")
            equal(ask(server.metrics)[0], 200, "beside one that dawdles")


@tests.test
def others_are_shown_nothing_unasked():
    for where, more, fault in (("inet:9153@192.0.2.1", "", "metrics.public yes"),
                               ("inet:9153@0.0.0.0", "", "metrics.public yes"),
                               ("inet6:9153@::", "", "metrics.public yes"),
                               ("9153", "", "say unix:PATH"),
                               ("inet:9153@127.0.0.1", "", None),
                               ("inet6:9153@::1", "", None), ("inet:9153@localhost", "", None),
                               ("inet:9153@192.0.2.1", "set metrics.public yes", None)):
        with Folder() as folder:
            ran = postern("check", folder.file("p", 'set metrics "%s"\n%s\n' % (where, more)))
            equal(ran.status, 2 if fault else 0, "status with " + where)
            if fault:
                contains(ran.err, ":1:5: error: 'metrics': ", "place of " + where)
                contains(ran.err, fault, "what is said of " + where)


@tests.test
def they_are_served_on_a_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with Folder() as folder, Daemon(folder, 'set metrics "inet:%d@127.0.0.1"\n' % port) as server:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        contains(text, "postern_build_info{version=", "metrics")


@tests.test
def stats_for_people_and_programs():
    with Folder() as folder, Daemon(folder) as server:
        send_some(server)
        said = server.stats()
        equal(said["messages"]["accept"], {"count": 2, "stages": {"message": 2}}, "messages")
        equal(said["recipients"]["reject"], {"count": 1, "stages": {"rcpt": 1}}, "recipients")
        equal([rule["rule"] for rule in said["rules"]][-3:], ["slow", "marked", "never"],
              "rules in their order")
        rules = {rule["rule"]: rule for rule in said["rules"]}
        equal((rules["relay"]["hits"], rules["relay"]["share"], rules["relay"]["verdict"]),
              (1, 0.2, "reject"), "a rule")
        equal((rules["never"]["hits"], rules["never"]["last"]), (0, None), "one that never did")
        equal(rules["slow"]["failures"], 1, "one that could not tell")
        equal(said["results"]["spf"]["fail"], 1, "results")
        true(said["stages"]["mail"]["p99"] > 0, "latencies")
        human = postern("stats", "-c", server.policy_path)
        equal((human.status, human.err), (0, ""), "outcome")
        for line in (r"^messages +3$", r"^  accept +2 +66\.67 %  message 2$",
                     r"^  relay +reject +1 +20\.00 % +0 +0  \d{4}-", r"^  never +quarantine +0 .* -$",
                     r"^spf +.*fail 1", r"^lookups +.*servfail \d", r"^  mail +4 "):
            true(re.search(line, human.out, re.M), "%r in %s" % (line, human.out))
        nobody = postern("stats", "--control", os.path.join(folder.path, "none"))
        equal(nobody.status, 1, "without a daemon")



@tests.test
def the_journal_is_counted():
    with Folder() as folder:
        path = os.path.join(folder.path, "j")
        text = POLICY.replace("%s", os.path.join(folder.path, "metrics.sock"))
        with Daemon(folder, text + 'set journal on\nset journal.path "%s"\n' % path) as server:
            send_some(server)
            true(wait_until(lambda: server.value("postern_journal_written_total") == 5, 10),
                 "five records")
            equal((server.value("postern_journal_dropped_total"),
                   server.value("postern_journal_queued")), (0, 0), "dropped and queued")
            equal(server.stats()["journal"], {"written": 5, "dropped": 0, "queued": 0}, "stats")


@tests.test
def what_is_only_observed_is_counted_apart():
    tried = POLICY.replace("spf-fail: reject", "spf-fail: observe reject")
    with Folder() as folder, Daemon(folder, tried) as server:
        send_some(server)
        equal((server.value("postern_rule_observed_total", rule="spf-fail"),
               server.value("postern_rule_hits_total", rule="spf-fail")), (1, 0), "a rule")
        rules = {rule["rule"]: rule for rule in server.stats()["rules"]}
        equal((rules["spf-fail"]["observed"], rules["spf-fail"]["hits"]), (1, 0), "stats")
    with Folder() as folder, Daemon(folder, "set mode observe\n" + POLICY) as server:
        send_some(server)
        equal((server.value("postern_observed_total", verdict="reject"),
               server.value("postern_rule_observed_total", rule="relay"),
               server.value("postern_rule_hits_total", rule="relay")), (2, 1, 0), "all of them")
        said = server.stats()
        equal((said["messages"]["reject"]["count"], said["recipients"]["reject"]["count"],
               said["observed"]["reject"]), (0, 0, 2), "nothing was refused")
        contains(postern("stats", "-c", server.policy_path).out, "not done     ", "stats")


@tests.test
def a_discarded_recipient_is_a_hit():
    drop = 'drop: discard "x" when recipient is <d@example.org>\n'
    with Folder() as folder, Daemon(folder, drop + POLICY) as server:
        server.send(recipients=("<b@example.org>", "<d@example.org>"))
        equal((server.value("postern_rule_hits_total", rule="drop"),
               server.value("postern_messages_total", verdict="accept", stage="message")),
              (1, 1), "hits and messages")


@tests.test
def sessions_are_those_that_are_open():
    with Folder() as folder, Daemon(folder) as server:
        with Milter("unix:" + server.path) as mta:
            mta.negotiate()
            mta.connect()
            equal(server.value("postern_sessions"), 1, "sessions")
        true(wait_until(lambda: server.value("postern_sessions") == 0, 10), "none is left")


tests.finish()
