#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The commands as a user or a program meets them: statuses, usage, JSON, hostile files."""

import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

import arckit  # noqa: E402
from commandkit import Folder, answer, postern  # noqa: E402
from mailkit import Key, dns_txt, message  # noqa: E402
from report import Tests, contains, equal, lacks, true  # noqa: E402

COMMANDS = ["serve", "check", "explain", "auth", "facts", "fmt", "test"]
KEY = Key("signed.example", "ed", "ed25519-sha256")
RECORDS = "\n".join([
    dns_txt("fail.example", "v=spf1 ip4:192.0.2.25 exp=why.fail.example -all"),
    dns_txt("why.fail.example", "%{i} is not ours"),
    dns_txt("helo.example", "v=spf1 a -all"),
    "helo.example A 203.0.113.9",
    "slow.example TIMEOUT",
    KEY.record]) + "\n"
POLICY = """
relay: reject 550 5.7.1 "Relaying denied" when recipient.domain not in { example.org }
slow:  defer "Later" when spf is temperror
spf:   reject 550 5.7.23 "SPF of ${sender.domain}" when spf is fail
mark:  add header "X-Seen: by ${helo.name}", log "seen"
held:  hold "odd" when subject contains "hold"
"""
MAIL = message("m", "a@plain.example", "b@example.org")

files = Folder()
POLICY_FILE = files.file("test.policy", POLICY)
DNS = files.file("dns", RECORDS)
EML = files.file("mail.eml", MAIL)
PLAY = ["--client", "203.0.113.9,host.example", "--helo", "helo.example", "--sender",
        "a@plain.example", "--recipient", "b@example.org", "--dns", DNS]
tests = Tests()


def explain(*words, mail=EML):
    return answer("explain", "-c", POLICY_FILE, "--json", *PLAY, *words, mail)


def auth(*words, mail=EML):
    return answer("auth", "--json", *PLAY, *words, mail)


def usage(words, part):
    ran = postern(*words)
    equal(ran.status, 2, "status")
    equal(ran.out, "", "standard output")
    contains(ran.err, part, "error")


@tests.test
def includes_have_an_end():
    with Folder() as folder:
        for n in range(20):
            folder.file("deep%d.policy" % n, 'include "deep%d.policy"\n' % (n + 1))
        last = folder.file("deep20.policy", "accept\n")
        equal(postern("check", last).status, 0, "a file of the chain")
        equal(postern("check", os.path.join(folder.path, "deep5.policy")).status, 0, "15 deep")
        ran = postern("check", os.path.join(folder.path, "deep0.policy"))
        equal(ran.status, 2, "20 deep")
        contains(ran.err, "includes nest at most 16 deep", "error")


# ---- statuses and usage ----


@tests.test
def no_command_or_an_unknown_one():
    usage([], "usage: postern COMMAND")
    usage(["frob"], "no command 'frob'")
    for command in COMMANDS:
        contains(postern("--help").out, "  %s " % command, "help")


@tests.test
def help_and_version():
    for words in (["--help"], ["-h"], ["help"], ["--version"]):
        equal(postern(*words).status, 0, " ".join(words))
    for command in COMMANDS:
        for words in ([command, "--help"], [command, "-h"], [command, "--json", "--help"]):
            ran = postern(*words)
            equal((ran.status, ran.err), (0, ""), " ".join(words))
            contains(ran.out, "usage: postern %s" % command, "help")


@tests.test
def every_option_is_in_the_help():
    for command in ("explain", "auth"):
        for option in ("--client", "--helo", "--sender", "--recipient", "--auth", "--macro", "--set",
                       "--time", "--dns", "--json"):
            contains(postern(command, "--help").out, "  %s " % option, command)
    contains(postern("explain", "--help").out, "  -c POLICY", "explain")
    contains(postern("explain", "--help").out, "  --given FACT=VALUE", "explain")
    contains(postern("serve", "--help").out, "  -c POLICY", "serve")


@tests.test
def options_that_are_not():
    for command in COMMANDS:
        usage([command, "--frob"], "postern %s: no option '--frob'" % command)
    usage(["explain", "--client"], "'--client' wants a value")
    usage(["serve", "--dns"], "'--dns' wants a value")
    usage(["facts", "more"], "'more'")
    usage(["serve", "more"], "'more' is one word too many")


@tests.test
def words_that_are_missing_or_too_many():
    usage(["check"], "which policy?")
    usage(["auth"], "which message?")
    usage(["auth", "-c", POLICY_FILE, EML], "reads no policy")
    usage(["explain", "-c", POLICY_FILE, EML, "second.eml"], "'second.eml' is a second")


@tests.test
def values_that_are_wrong():
    for words, part in ((["--client", "1.2.3"], "--client: '1.2.3' is not IP"),
                        (["--client", "host.example"], "--client"),
                        (["--client", ""], "--client"),
                        (["--time", "noon"], "--time: 'noon'"),
                        (["--time", "-1"], "--time"),
                        (["--set", "mixed"], "'mixed' is not NAME=VALUE"),
                        (["--macro", "=x"], "'=x' is not NAME=VALUE"),
                        (["--set", "frob=1"], "no setting 'frob'"),
                        (["--set", "lisen=1"], "is 'listen' meant?"),
                        (["--set", "dkim.signatures=99"], "from 5 to 20"),
                        (["--set", "mixed=maybe"], "'defer', 'first' or 'message'"),
                        (["--set", "submitters=none"], "name of a table"),
                        (["--set", "relays=x"], "'relays' is the name of a table, and 'x' is none")):
        usage(["explain", "-c", POLICY_FILE] + words, part)


@tests.test
def files_that_cannot_be_read():
    loop = os.path.join(files.path, "loop")
    os.symlink("loop", loop)
    for path in ("/no/such/file", files.path, EML + "/below", loop):
        usage(["check", path], path + ": 1 error")
        usage(["explain", "-c", path], path)
        usage(["explain", "-c", POLICY_FILE, path], path)
        usage(["explain", "-c", POLICY_FILE, "--dns", path], path)
        usage(["auth", path], path)
        usage(["serve", "-c", path], path)
        usage(["serve", "-c", POLICY_FILE, "--dns", path], path)


@tests.test
def a_policy_with_mistakes():
    bad = files.file("bad.policy", "accept when spf is flail\n")
    for words in (["check", bad], ["explain", "-c", bad, EML], ["serve", "-c", bad]):
        usage(words, bad + ":1:20: error: 'flail'")
    ran = postern("check", bad, POLICY_FILE)
    equal(ran.status, 2, "status of two policies, one bad")
    contains(ran.out, POLICY_FILE + ": ok", "output")


@tests.test
def a_policy_that_is_no_text():
    for content in (b"\0" * 1000, b"\xff" * 1000, os.urandom(4096), b"(" * 100000, b"\"" * 5000,
                    b"accept when " + b"not " * 100000, b"if spf is fail {" * 20000):
        ran = postern("check", files.file("junk.policy", content))
        equal(ran.status, 2, "status of %r..." % content[:10])
        true(len(ran.err) < 200000, "not too much is said")


@tests.test
def records_with_mistakes():
    dns = files.file("bad-dns", "a.example TXT\nb.example TIMEOUT FROB\nc.example FROB x\n")
    for words in (["explain", "-c", POLICY_FILE, "--dns", dns], ["auth", "--dns", dns, EML]):
        for line in (1, 2, 3):
            usage(words, "%s:%d:" % (dns, line))


@tests.test
def settings_that_serve_would_not_start_with():
    for mode in ("0999", "rw", "1777", "77777777777777777777"):
        bad = files.file("mode.policy", "set socket.mode %s\n" % mode)
        usage(["check", bad], "'socket.mode' is an octal mode")
        usage(["serve", "-c", bad], "'socket.mode' is an octal mode")
    for mode in ("0660", "666", "0"):
        equal(postern("check", files.file("mode.policy", "set socket.mode %s\n" % mode)).status, 0,
              "status for " + mode)


@tests.test
def check_says_what_it_found():
    quiet = files.file("quiet.policy", 'detour: reject "No" when recipient.routed\n' + POLICY)
    ran = postern("check", "-W", "none", quiet)
    equal((ran.status, ran.err), (0, ""), "outcome")
    contains(ran.out, quiet + ": ok (6 rules, ", "output")


# ---- explain ----


@tests.test
def explain_has_all_keys():
    said = explain()
    equal(sorted(said), ["code", "edits", "enhanced", "lookups", "observed", "recipients", "rule",
                         "score", "stage", "text", "trace", "verdict"], "keys")
    equal(sorted(said["recipients"][0]), ["address", "code", "enhanced", "rule", "stage", "text",
                                          "verdict"], "keys of a recipient")
    equal(sorted(said["edits"][0]), ["edit", "index", "name", "value"], "keys of an edit")
    equal(sorted(said["trace"][0]), ["condition", "line", "rule", "stage", "value"],
          "keys of the trace")
    equal(said["score"], 0, "score")


@tests.test
def explain_of_mail_that_passes():
    said = explain()
    equal((said["verdict"], said["stage"], said["rule"], said["code"], said["enhanced"],
           said["text"]), ("accept", "message", None, None, None, None), "outcome")
    equal(said["edits"], [{"edit": "add", "name": "X-Seen", "value": "by helo.example", "index": 0}],
          "edits")
    equal(said["recipients"][0]["address"], "b@example.org", "recipient")
    true(isinstance(said["lookups"], int) and said["lookups"] >= 1, "lookups are counted")


@tests.test
def explain_of_a_refusal():
    said = explain("--sender", "a@fail.example")
    equal((said["verdict"], said["stage"], said["rule"], said["code"], said["enhanced"],
           said["text"]), ("reject", "mail", "spf", 550, "5.7.23", "SPF of fail.example"), "outcome")
    equal(said["recipients"], [], "recipients, of which none was named")
    equal(said["edits"], [], "edits")


@tests.test
def explain_of_several_recipients():
    said = explain("--recipient", "c@elsewhere.example")
    equal([(each["address"], each["verdict"], each["rule"], each["code"])
           for each in said["recipients"]],
          [("b@example.org", "accept", None, None),
           ("c@elsewhere.example", "reject", "relay", 550)], "recipients")
    equal(said["verdict"], "accept", "the message's verdict")


@tests.test
def explain_of_a_hold():
    held = files.file("held.eml", MAIL.replace(b"Subject: A test", b"Subject: hold"))
    said = explain(mail=held)
    equal((said["verdict"], said["rule"], said["stage"]), ("quarantine", "held", "message"), "outcome")
    equal([edit["name"] for edit in said["edits"]], ["X-Seen"], "edits")


@tests.test
def explain_traces_every_rule():
    trace = explain()["trace"]
    equal(sorted({each["rule"] for each in trace}), ["held", "mark", "relay", "slow", "spf"], "rules")
    last = {each["rule"]: each for each in trace}
    equal((last["mark"]["value"], last["mark"]["line"], last["mark"]["condition"]), ("true", 5, ""),
          "mark")
    equal((last["relay"]["value"], last["relay"]["stage"], last["relay"]["condition"]),
          ("false", "rcpt", "when recipient.domain not in { example.org }"), "relay")
    true({each["value"] for each in trace} <= {"true", "false", "unknown", "failed"}, "values")


@tests.test
def explain_for_people():
    ran = postern("explain", "-c", POLICY_FILE, *PLAY, EML)
    equal((ran.status, ran.err), (0, ""), "outcome")
    for part in ("verdict    accept, at message, by no rule", "edit       add X-Seen:",
                 "recipient  <b@example.org>: accept", "false    relay: when recipient.domain"):
        contains(ran.out, part, "output")


@tests.test
def a_name_that_never_answers_costs_no_time():
    begin = time.monotonic()
    said = explain("--sender", "a@slow.example")
    equal((said["verdict"], said["code"], said["rule"]), ("defer", 451, "slow"), "outcome")
    equal(auth("--sender", "a@slow.example")["spf"]["result"], "temperror", "result")
    true(time.monotonic() - begin < 5, "it is over at once")


@tests.test
def options_take_effect():
    results = files.file("results.policy",
                         "add authentication-results\n"
                         "user: accept when auth.user is \"fred\"\n"
                         "tls: reject \"No\" when tls.version is \"TLSv1.2\"\n")
    line = ["explain", "-c", results, "--json", *PLAY, EML]
    contains(answer(*line, "--set", "authserv=mx.example.com")["edits"][0]["value"],
             "mx.example.com;", "field")
    contains(answer(*line, "--macro", "j=mta.example.com")["edits"][0]["value"],
             "mta.example.com;", "field")
    equal(answer(*line, "--auth", "fred")["rule"], "user", "rule")
    equal(answer(*line, "--macro", "tls_version=TLSv1.2")["rule"], "tls", "rule")
    equal(answer(*line, "--macro", "{tls_version}=TLSv1.2")["rule"], "tls", "rule")


@tests.test
def given_facts_stand_for_what_would_be_found_out():
    line = ["explain", "-c", files.file("given.policy", """
listed: reject "${client.ip} is listed" when any dnsbl("zen.example") is 127.0.0.2
name:   defer "No name" when client.name is absent
spf:    reject "SPF" when spf is fail unless dkim.aligned
signed: hold "signed" when any dkim.domain in { a.example }
tall:   reject "Too much" when size > 5MB or subject is "a b = c"
"""), "--json", *PLAY]

    def told(*words):
        said = answer(*line, *words, EML)
        return said["verdict"], said["rule"], said["stage"]

    equal(told(), ("accept", None, "message"), "nothing is given")
    equal(told("--given", "client.name=absent"), ("defer", "name", "mail"), "absent")
    equal(told("--given", 'dnsbl("zen.example")=127.0.0.2'), ("reject", "listed", "mail"), "a list")
    equal(told("--given", "client.name=failed"), ("defer", "name", "mail"), "a failure")
    equal(answer(*line, "--given", "client.name=failed", EML)["enhanced"], "4.4.3", "a failure's code")
    equal(told("--given", 'dnsbl("zen.example")=failed'), ("accept", None, "message"),
          "a failure that is skipped")
    equal(told("--given", "spf=fail"), ("reject", "spf", "message"), "spf")
    equal(told("--given", "spf=fail", "--given", "dkim.aligned=true"),
          ("accept", None, "message"), "an exception")
    equal(told("--given", "dkim.aligned=failed", "--given", "spf=fail"),
          ("defer", "spf", "message"), "a failure in an exception")
    equal(told("--given", "dkim.domain={ b.example a.example }"),
          ("quarantine", "signed", "message"), "several values")
    equal(told("--given", "dkim.domain=a.example"), ("quarantine", "signed", "message"),
          "one of a list")
    equal(told("--given", "dkim.domain={}"), ("accept", None, "message"), "an empty list")
    equal(told("--given", "size=6MB"), ("reject", "tall", "message"), "a size")
    for text in ("a b = c", '"a b = c"'):
        equal(told("--given", "subject=" + text), ("reject", "tall", "message"), "a text")
    equal(told("--given", "subject=absent"), ("accept", None, "message"), "absent")
    equal(told("--given", "spf.helo=fail", "--given", 'dnsbl("other.example")=127.0.0.2'),
          ("accept", None, "message"), "what no rule asks")


@tests.test
def given_facts_that_are_wrong():
    line = ["explain", "-c", files.file("given.policy", """
reject "${client.ip} is listed" when any dnsbl("zen.example") is 127.0.0.2
reject "No" when spf is fail or size > 1MB or recipient.count > 3 or client.ip is 192.0.2.1
"""), "--dns", DNS]
    for given, part in (("spf", "this is not FACT=VALUE"), ("=fail", "this is not FACT=VALUE"),
                        ("spf is=fail", "a fact is wanted before the '='"),
                        ("spg=fail", "is 'spf' meant?"), ("spf=flail", "is 'fail' meant?"),
                        ("spf=failed", "'spf' does not fail, a lookup that did makes it 'temperror'"),
                        ("client.ip=failed", "'client.ip' does not fail, nothing is looked up"),
                        ("spf={ fail pass }", "this is several values"),
                        ("size=5", "not one, as 5MB"), ("size=5m", "not one, as 5MB"),
                        ("recipient.count=5MB", "not a number without a unit"),
                        ("client.ip=192.0.2", "not an IP address"),
                        ("dnsbl=127.0.0.2", "'dnsbl' takes 1 argument"),
                        ('dnsbl("zen.example")=127.0.0.2 127.0.0.3', "not an IP address"),
                        ('dnsbl("zen.example")={ 127.0.0.2 } more', "the end is expected"),
                        ('dnsbl("zen.example")={ 127.0.0.2', "the '{' is not closed"),
                        ('client.name="${spf}"', "not a literal"),
                        ("message.fields=1", "no fact, table or define 'message.fields'")):
        ran = postern(*line, "--given", given)
        equal((ran.status, ran.out), (2, ""), "status for " + given)
        contains(ran.err, part, "what is said of " + given)
        contains(ran.err, "--given:1:", "the place of " + given)
    usage(["auth", "--given", "spf=fail", EML], "this command has no --given")


@tests.test
def the_null_sender_has_two_spellings():
    null = files.file("null.policy", "null: reject \"No\" when sender is <>\n")
    for sender, verdict in (("", "reject"), ("<>", "reject"), ("a@b.example", "accept"),
                            ("<a@b.example>", "accept")):
        said = answer("explain", "-c", null, "--json", "--dns", DNS, "--sender", sender)
        equal(said["verdict"], verdict, "verdict for %r" % sender)


@tests.test
def the_message_may_come_from_standard_input():
    said = answer("auth", "--json", *PLAY, "-", feed=MAIL)
    equal(said["from"]["domain"], "plain.example", "author's domain")


@tests.test
def without_a_message_the_dialogue_is_played():
    said = answer("explain", "-c", POLICY_FILE, "--json", "--dns", DNS, "--recipient", "a@b.example")
    equal((said["verdict"], said["rule"]), ("reject", "relay"), "outcome")


# ---- auth ----

SPF_KEYS = ["domain", "explanation", "problem", "result", "scope"]


@tests.test
def auth_has_all_keys():
    mail = files.file("signed.eml", KEY.sign(message("m", "a@signed.example", "b@example.org")))
    said = auth(mail=mail)
    equal(sorted(said), ["arc", "authentication_results", "dkim", "dmarc", "from", "spf", "spf_helo"],
          "keys")
    equal(sorted(said["spf"]), SPF_KEYS, "keys of spf")
    equal(sorted(said["spf_helo"]), SPF_KEYS, "keys of spf_helo")
    equal(sorted(said["dkim"][0]), ["algorithm", "bits", "domain", "identity", "reason", "result",
                                    "selector"], "keys of a signature")
    equal(sorted(said["from"]), ["addresses", "domain", "trouble"], "keys of from")
    equal(sorted(said["dmarc"]), ["disposition", "dkim_aligned", "domain", "policy", "reason", "result",
                                  "spf_aligned"], "keys of dmarc")
    equal(said["arc"], {"result": "none", "instance": None, "sealers": [], "reason": None}, "arc")
    equal((said["dkim"][0]["result"], said["dkim"][0]["domain"], said["dkim"][0]["selector"]),
          ("pass", "signed.example", "ed"), "signature")
    equal(said["from"], {"addresses": ["a@signed.example"], "domain": "signed.example",
                         "trouble": None}, "author")
    contains(said["authentication_results"], "dkim=pass", "field")


@tests.test
def auth_of_spf():
    said = auth("--sender", "a@fail.example")
    equal(said["spf"], {"result": "fail", "domain": "fail.example", "scope": "mfrom",
                        "explanation": "203.0.113.9 is not ours", "problem": said["spf"]["problem"]},
          "spf")
    equal((said["spf_helo"]["result"], said["spf_helo"]["scope"], said["spf_helo"]["domain"]),
          ("pass", "helo", "helo.example"), "spf of the HELO name")
    said = auth("--sender", "<>")
    equal((said["spf"]["result"], said["spf"]["scope"]), ("pass", "helo"), "spf of the null sender")


@tests.test
def auth_of_a_sealed_message():
    sealers = [arckit.Sealer("first.example"), arckit.Sealer("lists.example.net")]
    records = files.file("sealed.records", "\n".join(s.record for s in sealers) + "\n")
    sealed = sealers[0].seal(message("m", "a@x.example", "b@example.org").decode())
    sealed = sealers[1].seal(sealed.replace("Hello.", "Hello, list."))
    mail = files.file("sealed.eml", sealed.encode())
    line = ["--client", "203.0.113.9", "--dns", records, mail]
    why = "ARC-Message-Signature 1: body hash mismatch"
    said = answer("auth", "--json", *line)
    equal(said["arc"], {"result": "pass", "instance": 2, "reason": why,
                        "sealers": ["lists.example.net", "first.example"]}, "arc")
    contains(said["authentication_results"], "arc=pass header.oldest-pass=2", "field")
    contains(postern("auth", *line).out, "arc       pass, sealed by lists.example.net, "
             "first.example (changed since) (%s)\n" % why, "text")
    for domain, verdict in (("lists.example.net", "accept"), ("first.example", "reject")):
        policy = files.file("sealed.policy", 'reject "No" unless any arc.sealer is "%s"\n' % domain)
        equal(answer("explain", "-c", policy, "--json", *line)["verdict"], verdict, domain)


@tests.test
def auth_of_an_author_that_cannot_be_trusted():
    for head in (b"", b"From: <a@x.example>\r\nFrom: <b@y.example>\r\n", b"From: a at x\r\n"):
        said = auth(mail=files.file("from.eml", head + b"Subject: x\r\n\r\nText.\r\n"))
        equal(said["from"]["domain"], None, "domain for %r" % head)
        true(said["from"]["trouble"], "trouble is named")


@tests.test
def auth_of_an_old_signature_at_its_time():
    mail = files.file("expired.eml", KEY.sign(message("m", "a@signed.example", "b@example.org")))
    now = int(time.time())
    equal(auth("--time", str(now + 60), mail=mail)["dkim"][0]["result"], "pass", "result now")


@tests.test
def auth_for_people():
    ran = postern("auth", *PLAY, EML)
    equal((ran.status, ran.err), (0, ""), "outcome")
    for part in ("spf       none", "spf helo  pass for helo.example", "dkim      none",
                 "from      a@plain.example", "Authentication-Results: "):
        contains(ran.out, part, "output")


# ---- facts ----


@tests.test
def facts_are_listed():
    said = answer("facts", "--json")
    equal(sorted(said), ["actions", "facts", "settings", "tables"], "keys")
    names = [fact["name"] for fact in said["facts"]]
    for name in ("client.ip", "spf", "dkim.aligned", "recipient.routed", "header"):
        true(name in names, name + " is listed")
    equal(sorted(said["facts"][0]), ["called", "cost", "help", "inputs", "lookups", "name", "scope",
                                     "stage", "trust", "type"], "keys of a fact")
    text = postern("facts").out
    for row in said["facts"] + said["actions"] + said["settings"]:
        contains(text, row["name"], "text")
        true(row["help"].endswith("."), "the help of %s is a sentence" % row["name"])
    lacks(names, "message.fields", "names of facts")


# ---- hostile messages ----

HEAD = b"From: <a@plain.example>\nSubject: x\n"
HOSTILE = {
    "empty": b"",
    "one byte": b"F",
    "line ends alone": b"\n\n\n",
    "a CR": b"\r",
    "only a body": b"There is no header here.\n",
    "only a header": HEAD,
    "no final line end": HEAD + b"\nText",
    "a field without end": b"From: <a@plain.example>",
    "a folded first line": b" folded\n" + HEAD + b"\nText.\n",
    "a mailbox line": b"From a@plain.example Mon Nov 23 08:00:00 2026\n" + HEAD + b"\nText.\n",
    "a mailbox line alone": b"From ",
    "NUL in the values": b"From: <a@plain.example>\nSubject: a\0b\nX-A: \0\n\nTe\0xt\n",
    "NUL in a name": b"From: <a@plain.example>\nSub\0ject: x\n\nText.\n",
    "nothing but NUL": b"\0" * 100000,
    "all bytes": bytes(range(256)) * 40,
    "CRLF": (HEAD + b"\nText.\n").replace(b"\n", b"\r\n"),
    "CRLF and then LF": HEAD.replace(b"\n", b"\r\n") + b"X-A: b\n\nText.\n",
    "LF and then CRLF": HEAD + b"X-A: b\r\n\r\nText.\r\n",
    "CR alone": HEAD.replace(b"\n", b"\r") + b"\r\rText.\r",
    "a field of 10 MB": HEAD + b"X-A: " + b"x" * (10 << 20) + b"\n\nText.\n",
    "a line of 10 MB": HEAD + b"\n" + b"x" * (10 << 20),
    "a name of 1 MB": b"X" * (1 << 20) + b": y\n" + HEAD + b"\nText.\n",
    "100,000 fields": HEAD + b"X-A: b\n" * 100000 + b"\nText.\n",
    "100,000 folds": HEAD + b"X-A: b\n" + b" c\n" * 100000 + b"\nText.\n",
    "10,000 signatures": HEAD + b"DKIM-Signature: v=1; d=signed.example; s=ed\n" * 10000 + b"\nText.\n",
    "10,000 authors": HEAD + b"From: <b@plain.example>\n" * 10000 + b"\nText.\n",
    "10,000 addresses": b"From: " + b"<a@plain.example>, " * 10000 + b"\n\nText.\n",
    "20,000 comments": b"From: " + b"(" * 20000 + b" <a@plain.example>\n\nText.\n",
    "10,000 forged results": HEAD + b"Authentication-Results: localhost; spf=pass\n" * 10000 + b"\n",
    "8-bit fields": HEAD + b"Subject: \xff\xfe \xc3\xa9\n\nText.\n",
}

for what, content in HOSTILE.items():
    def test(content=content):
        mail = files.file("hostile.eml", content)
        begin = time.monotonic()
        said = explain(mail=mail)
        true(said["verdict"] in ("accept", "reject", "defer"), "there is a verdict")
        said = auth(mail=mail)
        true(len(said["dkim"]) <= 1000, "not too many signatures")
        ran = postern("auth", *PLAY, mail)
        equal(ran.status, 0, "status of auth for people")
        for text in (json.dumps(said), ran.out):
            true(not any(ord(char) < 32 and char not in "\n\t" or ord(char) == 127 for char in text),
                 "no control character comes out")
        true(time.monotonic() - begin < 20, "it does not take long")
    test.__name__ = "a message file: " + what
    tests.test(test)


@tests.test
def line_ends_do_not_matter_to_a_signature():
    signed = KEY.sign(message("m", "a@signed.example", "b@example.org"))
    for content in (signed, signed.replace(b"\r\n", b"\n"),
                    b"From x@y.example Mon Nov 23 08:00:00 2026\n" + signed.replace(b"\r\n", b"\n")):
        equal(auth(mail=files.file("ends.eml", content))["dkim"][0]["result"], "pass", "result")


@tests.test
def hostile_words_in_the_dialogue():
    junk = "a\nb\x1b[31m%n%s\"\\\u202e" + "x" * 5000
    for words in (["--helo", junk], ["--sender", junk], ["--recipient", junk], ["--auth", junk],
                  ["--macro", "j=" + junk], ["--client", "203.0.113.9," + junk],
                  ["--recipient", "<" * 1000], ["--sender", "@" * 5000], ["--sender", "a@" + "b." * 4000]):
        for command in (["explain", "-c", POLICY_FILE], ["auth"]):
            ran = postern(*command, *PLAY, *words, EML)
            equal(ran.status, 0, "status of " + words[0])
            lacks(ran.out, "\x1b", "output")
            json.loads(postern(*command, "--json", *PLAY, *words, EML).out)


with files:
    tests.finish()
