#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""policies/default.policy as it is shipped: no open relay, no mail lost, nothing forged kept."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

from commandkit import TOP, Folder, answer, postern  # noqa: E402
from mailkit import Key, dns_txt, message  # noqa: E402
from report import Tests, contains, equal, lacks, true  # noqa: E402

POLICY = os.path.join(TOP, "policies", "default.policy")
OUTSIDER, PERMITTED = "203.0.113.9", "192.0.2.25"
KEY = Key("signed.example", "ed", "ed25519-sha256")
SLOW = Key("slow-key.example", "ed", "ed25519-sha256")
RECORDS = "\n".join([
    dns_txt("fail.example", "v=spf1 ip4:%s -all" % PERMITTED),
    dns_txt("soft.example", "v=spf1 ip4:%s ~all" % PERMITTED),
    dns_txt("broken.example", "v=spf1 nonsense"),
    dns_txt("signed.example", "v=spf1 -all"),
    dns_txt("slow-key.example", "v=spf1 -all"),
    dns_txt("helo.example", "v=spf1 -all"),
    dns_txt("_dmarc.strict.example", "v=DMARC1; p=reject"),
    dns_txt("_dmarc.mild.example", "v=DMARC1; p=none"),
    dns_txt("_dmarc.signed.example", "v=DMARC1; p=reject"),
    "_dmarc.lame.example SERVFAIL",
    "slow.example TIMEOUT",
    "down.example SERVFAIL",
    SLOW.name + " TIMEOUT",
    KEY.record,
]) + "\n"

tests = Tests()


def play(*words, client=OUTSIDER, sender="a@plain.example", recipients=("b@localhost",), mail=None):
    with Folder() as folder:
        dns = folder.file("dns", RECORDS)
        eml = folder.file("eml", mail or message("m", "a@plain.example", "b@localhost"))
        line = ["explain", "-c", POLICY, "--json", "--dns", dns, "--sender", sender]
        line += ["--client", client] if client else []
        for recipient in recipients:
            line += ["--recipient", recipient]
        return answer(*line, *words, eml)


def outcome(said):
    return "%s %s %s at %s" % (said["verdict"], said["code"], said["rule"], said["stage"])


def names(said):
    return [(edit["edit"], edit["name"]) for edit in said["edits"]]


@tests.test
def it_compiles_wherever_one_stands():
    equal(postern("check", POLICY, cwd="/").status, 0, "status")
    equal(postern("check", "default.policy", cwd=os.path.dirname(POLICY)).status, 0, "status")


OUTSIDE = ["b@other.example", "b@sub.localhost", "b@localhost.other.example", "b@notlocalhost",
           "postmaster@other.example", "b@[127.0.0.1]", "b@[IPv6:::1]", "b@xn--bcher-kva.example"]
DETOURS = ["b%other.example@localhost", "other.example!b@localhost", "<\"b@other.example\"@localhost>",
           "<@localhost:b@other.example>", "<@other.example:b@localhost>",
           "<@localhost,@a.example:b@localhost>", "a%b%c.example@localhost",
           "postmaster%other.example@localhost", "<\"b%other.example\"@localhost>"]
UNREADABLE = ["<b@localhost@other.example>", "<b@other.example,c@localhost>", "b", "<b@localhost.>",
              "<b@>", "<b@other.example@>", "<>", "<b@other.example b@localhost>"]


def refused(said, rule, code=550):
    equal(outcome(said), "reject %d %s at rcpt" % (code, rule), "outcome")


for number, recipient in enumerate(OUTSIDE):
    def test(recipient=recipient):
        refused(play(recipients=[recipient]), "relay")
    test.__name__ = "an outsider relays to " + recipient
    tests.test(test)

for number, recipient in enumerate(DETOURS):
    def test(recipient=recipient):
        refused(play(recipients=[recipient]), "detour")
    test.__name__ = "an outsider relays through " + recipient
    tests.test(test)

for number, recipient in enumerate(UNREADABLE):
    def test(recipient=recipient):
        refused(play(recipients=[recipient]), None, 553)
    test.__name__ = "an outsider names " + recipient
    tests.test(test)

PRETENCES = {
    "our sender": dict(sender="root@localhost"),
    "the null sender": dict(sender="<>"),
    "our name": dict(words=["--helo", "localhost"]),
    "a client name of ours": dict(client=OUTSIDER + ",localhost"),
    "a mapped address": dict(client="::ffff:" + OUTSIDER),
    "an address near ours": dict(client="128.0.0.1"),
    "IPv6": dict(client="2001:db8::1"),
    "no address": dict(client=None),
    "a certificate": dict(words=["--macro", "cert_subject=root", "--macro", "verify=OK"]),
    "an author only": dict(words=["--macro", "auth_author=root"]),
    "a mechanism only": dict(words=["--macro", "auth_type=PLAIN"]),
    "an empty user": dict(words=["--auth", ""]),
}

for what, how in PRETENCES.items():
    def test(how=how):
        how = dict(how)
        refused(play(*how.pop("words", []), recipients=["b@other.example"], **how), "relay")
    test.__name__ = "an outsider relays with " + what
    tests.test(test)


@tests.test
def what_the_mail_server_makes_of_a_recipient_counts():
    said = play("--macro", "rcpt_addr=b@other.example", recipients=["b@localhost"])
    refused(said, "relay")


@tests.test
def our_own_networks_relay():
    for client in ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "127.0.0.1,localhost"):
        for recipient in ("b@other.example", "b%other.example@localhost", "b@localhost"):
            said = play(client=client, recipients=[recipient])
            equal(outcome(said), "accept None submission at message", client + " to " + recipient)


@tests.test
def users_who_logged_in_relay():
    said = play("--auth", "fred", recipients=["b@other.example", "c@third.example"])
    equal(outcome(said), "accept None submission at message", "outcome")
    equal([each["verdict"] for each in said["recipients"]], ["accept", "accept"], "recipients")


@tests.test
def our_own_clients_are_not_checked():
    said = play(client="127.0.0.1", sender="a@fail.example", recipients=["b@other.example"],
                mail=b"Subject: no author\r\n\r\nText.\r\n")
    equal(outcome(said), "accept None submission at message", "outcome")
    equal(said["lookups"], 0, "lookups")


@tests.test
def mail_from_outside_for_us_passes():
    for recipient in ("b@localhost", "b@LOCALHOST", "b+tag@localhost", "<\"b b\"@localhost>"):
        said = play(recipients=[recipient])
        equal(outcome(said), "accept None None at message", recipient)
        equal(names(said), [("insert", "Authentication-Results")], "edits")
        contains(said["edits"][0]["value"], "spf=none", "results")
        contains(said["edits"][0]["value"], "dkim=none", "results")


@tests.test
def a_refused_recipient_does_not_hurt_the_others():
    said = play(recipients=["b@localhost", "b@other.example", "c@localhost"])
    equal([each["verdict"] for each in said["recipients"]], ["accept", "reject", "accept"], "each")


@tests.test
def spf_pass():
    said = play(client=PERMITTED, sender="a@fail.example")
    equal(outcome(said), "accept None None at message", "outcome")
    contains(said["edits"][0]["value"], "spf=pass", "results")


@tests.test
def spf_fail_is_refused_with_a_reason():
    said = play(sender="a@fail.example")
    equal(outcome(said), "reject 550 spf-fail at message", "outcome")
    equal(said["enhanced"], "5.7.23", "enhanced code")
    equal(said["text"], "SPF: fail.example does not permit " + OUTSIDER, "text")


@tests.test
def spf_fail_of_forwarded_mail_with_a_signature_passes():
    mail = KEY.sign(message("m", "a@signed.example", "b@localhost"))
    said = play(sender="a@signed.example", mail=mail)
    equal(outcome(said), "accept None None at message", "outcome")
    contains(said["edits"][0]["value"], "dkim=pass", "results")
    contains(said["edits"][0]["value"], "spf=fail", "results")


@tests.test
def a_signature_of_another_domain_does_not_help():
    mail = KEY.sign(message("m", "a@fail.example", "b@localhost"))
    equal(outcome(play(sender="a@fail.example", mail=mail)), "reject 550 spf-fail at message",
          "outcome")


@tests.test
def a_broken_signature_does_not_help():
    mail = KEY.sign(message("m", "a@signed.example", "b@localhost")).replace(b"Hello.", b"Hullo.")
    equal(outcome(play(sender="a@signed.example", mail=mail)), "reject 550 spf-fail at message",
          "outcome")


@tests.test
def a_key_that_cannot_be_had_just_now_puts_off():
    mail = SLOW.sign(message("m", "a@slow-key.example", "b@localhost"))
    said = play(sender="a@slow-key.example", mail=mail)
    equal((said["verdict"], said["code"], said["enhanced"]), ("defer", 451, "4.4.3"), "reply")


@tests.test
def spf_softfail_is_marked():
    said = play(sender="a@soft.example")
    equal(outcome(said), "accept None None at message", "outcome")
    equal(sorted(names(said)), [("add", "X-Suspect"), ("insert", "Authentication-Results")], "edits")
    mark = [edit["value"].strip() for edit in said["edits"] if edit["name"] == "X-Suspect"]
    equal(mark, ["SPF softfail of soft.example"], "mark")


@tests.test
def spf_that_cannot_be_found_out_puts_off():
    for sender in ("a@slow.example", "a@down.example"):
        said = play(sender=sender)
        equal(outcome(said), "defer 451 spf-later at message", sender)
        equal(said["enhanced"], "4.4.3", "enhanced code")


@tests.test
def a_broken_spf_record_is_no_reason_to_refuse():
    said = play(sender="a@broken.example")
    equal(outcome(said), "accept None None at message", "outcome")
    contains(said["edits"][0]["value"], "spf=permerror", "results")


def from_author(author, **more):
    return play(mail=message("m", author, "b@localhost"), **more)


@tests.test
def a_failed_dmarc_policy_is_marked():
    said = from_author("a@strict.example")
    equal(outcome(said), "accept None None at message", "outcome")
    equal([edit["value"] for edit in said["edits"] if edit["name"] == "X-Suspect"],
          ["DMARC of strict.example"], "mark")
    for author in ("a@mild.example", "a@plain.example"):
        lacks(names(from_author(author)), ("add", "X-Suspect"), "mark of " + author)
    signed = KEY.sign(message("m", "a@signed.example", "b@localhost"))
    lacks(names(play(mail=signed)), ("add", "X-Suspect"), "mark of what is signed")


@tests.test
def dmarc_that_cannot_be_found_out_puts_off():
    said = from_author("a@lame.example")
    equal(outcome(said), "defer 451 dmarc-temp at headers", "outcome")
    contains(said["text"], "lame.example", "text")


@tests.test
def bounces_pass_whatever_spf_says():
    for helo in ("helo.example", "slow.example", "plain.example", "[203.0.113.9]"):
        said = play("--helo", helo, sender="<>")
        equal(outcome(said), "accept None bounce at message", helo)


@tests.test
def the_postmaster_gets_everything():
    worst = b"From: <a@x.example>\r\nFrom: <b@x.example>\r\nSubject: help\r\n\r\nText.\r\n"
    for recipient in ("postmaster@localhost", "PostMaster@localhost", "<postmaster>"):
        for sender in ("a@fail.example", "a@slow.example", "<>"):
            said = play(sender=sender, recipients=[recipient], mail=worst)
            equal(outcome(said), "accept None postmaster at message", recipient)


@tests.test
def a_message_has_one_author_field():
    for head in (b"Subject: none\r\n", b"From: <a@x.example>\r\nFrom: <b@x.example>\r\n",
                 b"From: <a@x.example>\r\nfrom : <b@x.example>\r\n"):
        said = play(mail=head + b"To: <b@localhost>\r\n\r\nText.\r\n")
        equal(said["verdict"], "reject", repr(head))
        equal((said["rule"], said["code"]), ("author", 550), "rule")
    said = play(sender="<>", mail=b"From: <a@x.example>\r\nFrom: <b@x.example>\r\n\r\nText.\r\n")
    equal(said["rule"], "author", "rule for a bounce")


FORGED = [("Authentication-Results", "mx.example.org; spf=pass"),
          ("authentication-results", " MX.Example.ORG (comment) 1; dkim=pass"),
          ("Authentication-Results", "\"mx.example.org\"; dmarc=pass"),
          ("Authentication-Results", "other.example; spf=pass")]


@tests.test
def forged_results_go_and_others_stay():
    mail = message("m", "a@plain.example", "b@localhost", fields=FORGED)
    for client, rule, edits in ((OUTSIDER, None, 4), ("127.0.0.1", "submission", 3)):
        said = play("--macro", "j=mx.example.org", client=client, mail=mail)
        equal((said["verdict"], said["rule"]), ("accept", rule), "outcome")
        removed = [edit["index"] for edit in said["edits"] if edit["edit"] == "remove"]
        equal(removed, [3, 2, 1], "removed, from the highest down")
        equal(len(said["edits"]), edits, "edits")
    said = play("--macro", "j=mx.example.org", mail=mail)
    contains(said["edits"][-1]["value"], "mx.example.org;", "ours")


@tests.test
def what_is_shipped_for_local_domains():
    with open(os.path.join(TOP, "policies", "local-domains"), encoding="ascii") as file:
        rows = [row for row in file.read().split("\n") if row and not row.startswith("#")]
    equal(rows, ["localhost"], "domains")


@tests.test
def no_rule_discards_or_accepts_unseen():
    with open(POLICY, encoding="ascii") as file:
        rules = [row for row in file.read().split("\n") if not row.startswith("#")]
    lacks("\n".join(rules), "discard", "policy")
    commented = 0
    for number, row in enumerate(rules):
        commented += bool(row)
    true(commented > 10, "the policy has rules")


@tests.test
def it_is_laid_out_as_fmt_does():
    equal(postern("fmt", "--check", POLICY).status, 0, "status")


tests.finish()
