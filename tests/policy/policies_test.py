#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The policies that are shipped: in order as they stand, their promises kept, and missed when broken."""

import os
import re
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

from commandkit import TOP, Folder, answer, postern  # noqa: E402
from mailkit import Key, dns_txt, message  # noqa: E402
from report import Tests, contains, equal, lacks, true  # noqa: E402

FOLDER = os.path.join(TOP, "policies")
OUTSIDER, PERMITTED, RELAY = "203.0.113.9", "198.51.100.25", "192.0.2.25"
KEY = Key("signed.example", "ed", "ed25519-sha256")
RECORDS = "\n".join([
    dns_txt("member.example", "v=spf1 ip4:%s -all" % PERMITTED),
    dns_txt("soft.example", "v=spf1 ip4:%s ~all" % PERMITTED),
    dns_txt("broken.example", "v=spf1 nonsense"),
    dns_txt("_dmarc.bank.example", "v=DMARC1; p=reject"),
    dns_txt("_dmarc.signed.example", "v=DMARC1; p=reject"),
    "down.example SERVFAIL",
    "_dmarc.lame.example SERVFAIL",
    "plain.example MX 10 mx.plain.example", "member.example MX 10 mx.plain.example",
    "signed.example MX 10 mx.plain.example",
    KEY.record,
]) + "\n"
SHIPPED = ["backup-mx", "company", "default", "mailing-lists", "observe-first", "strict", "submission"]

# What is taken out, and what somebody has to miss: each is found by the policy's own assertions.
DAMAGE = {
    "backup-mx": ["relay", "detour", "stray", "postmaster"],
    "company": ["relay", "detour", "postmaster", "parked", "s-rest"],
    "default": ["relay", "detour", "postmaster"],
    "mailing-lists": ["relay", "detour", "postmaster", "outsider"],
    "observe-first": ["relay", "detour"],
    "strict": ["relay", "detour", "postmaster", "spf-fail", "submission"],
    "submission": ["login", "encrypt", "own-name", "help"],
}

tests = Tests()


def path_of(name):
    return os.path.join(FOLDER, name + ".policy")


def text_of(name):
    with open(path_of(name), encoding="utf-8") as file:
        return file.read()


def play(name, *words, client=OUTSIDER, sender="a@plain.example", recipients=("b@localhost",),
         mail=None, author="a@plain.example", files=None, cut=None):
    """What a policy makes of a message: as it is shipped, but for files and a line cut out."""
    with Folder() as folder:
        here = os.path.join(folder.path, "policies")
        shutil.copytree(FOLDER, here)
        for file, content in (files or {}).items():
            folder.file(os.path.join("policies", file), content)
        if cut:
            text = re.sub(cut, "", text_of(name), flags=re.M)
            true(text != text_of(name), "something is cut out")
            folder.file("policies/%s.policy" % name, text)
        line = ["explain", "-c", os.path.join(here, name + ".policy"), "--json",
                "--dns", folder.file("dns", RECORDS), "--client", client, "--sender", sender,
                "--helo", "mail.plain.example"]
        for recipient in recipients:
            line += ["--recipient", recipient]
        return answer(*line, *words, folder.file("eml", mail or message("m", author, "b@localhost")))


def outcome(said):
    return "%s %s" % (said["verdict"], said["rule"])


def marks(said):
    return [edit["value"].strip() for edit in said["edits"] if edit["name"] == "X-Suspect"]


def recipients_of(said):
    """What becomes of the recipients: those that come, those that go."""
    changes = [edit["value"].split(" ") for edit in said["edits"] if edit["edit"] == "recipient"]
    return tuple([address.strip("<>") for how, address in changes if how == what]
                 for what in ("add", "remove"))


# ---- each of them ----

@tests.test
def all_are_spoken_of_and_installed():
    there = sorted(os.listdir(FOLDER))
    equal([name[:-7] for name in there if name.endswith(".policy")], SHIPPED, "policies")
    with open(os.path.join(TOP, "Makefile.am"), encoding="ascii") as file:
        listed = re.findall(r"^\tpolicies/(\S+)", file.read(), re.M)
    equal(listed, [name for name in there if not name.endswith((".md", ".5", ".8"))], "installed")
    named = set(re.findall(r' file +"([^"]+)"', "".join(text_of(name) for name in SHIPPED)))
    equal(sorted(named), [name for name in there if "." not in name], "files that some table reads")


for each in SHIPPED:
    def test(name=each):
        for cwd in (FOLDER, "/"):
            ran = postern("check", "-W", "error", "--coverage", path_of(name), cwd=cwd)
            equal((ran.status, ran.err), (0, ""), "check " + ran.out)
            contains(ran.out, "coverage is complete", "coverage")
            contains(ran.out, ", 0 failed", "tests")
        equal(postern("fmt", "--check", path_of(name)).status, 0, "layout")
        contains(text_of(name), "\nassert ", "promises")
    test.__name__ = each + " is in order as it stands"
    tests.test(test)


def without(text, label):
    """The policy without a rule, and without tests, which would miss the rule's name."""
    text = text.split("# ---- tests")[0]
    cut = re.sub(r"(?m)^ *%s:.*\n(?: +(?![\w-]+: ).*\n)*" % re.escape(label), "", text)
    true(cut != text, "the rule %s is there" % label)
    return cut


for each, labels in DAMAGE.items():
    for rule in labels:
        def test(name=each, label=rule):
            with Folder() as folder:
                here = os.path.join(folder.path, "policies")
                shutil.copytree(FOLDER, here)
                whole = folder.file("policies/whole.policy", text_of(name).split("# ---- tests")[0])
                equal(postern("check", whole).status, 0, "before")
                ran = postern("check", folder.file("policies/cut.policy",
                                                   without(text_of(name), label)))
                equal(ran.status, 2, "status: " + ran.err)
                contains(ran.err, "error: this does not hold", "what is said")
        test.__name__ = "%s without %s breaks its word" % (each, rule)
        tests.test(test)

for each in SHIPPED:
    def test(name=each):
        for recipient in ("b@other.example", "b%other.example@localhost", "<@localhost:b@other.example>"):
            for sender in ("a@plain.example", "root@localhost", "<>"):
                said = play(name, recipients=[recipient], sender=sender)
                equal(said["verdict"], "reject", "%s from %s" % (recipient, sender))
    test.__name__ = each + " relays for no stranger"
    tests.test(test)

for each in sorted(set(SHIPPED) - {"submission"}):
    def test(name=each):
        worst = b"From: <a@x.example>\r\nFrom: <b@x.example>\r\nSubject: help\r\n\r\nText.\r\n"
        for recipient in ("postmaster@localhost", "PostMaster@localhost", "<postmaster>"):
            for sender in ("a@member.example", "a@down.example", "<>"):
                said = play(name, recipients=[recipient], sender=sender, mail=worst)
                equal(outcome(said), "accept postmaster", recipient)
    test.__name__ = each + " lets all mail for the postmaster pass"
    tests.test(test)

for each in sorted(set(SHIPPED) - {"submission"}):
    def test(name=each):
        said = play(name, "--auth", "fred", sender="a@member.example", author="a@bank.example",
                    recipients=["b@other.example"])
        equal(outcome(said), "accept submission", "outcome")
    test.__name__ = each + " judges no user who has logged in"
    tests.test(test)


# ---- submission ----

LOGINS = {"logins": "fred fred@example.org Sales@example.org\nnews @news.example.org\n"}
TLS = ("--macro", "tls_version=TLSv1.3")


def submit(user, sender, *words, author=None, recipients=("b@other.example", "c@third.example"), **more):
    login = ("--auth", user) if user else ()
    return play("submission", *words, *login, sender=sender, recipients=recipients, files=LOGINS,
                author=author or sender, **more)


@tests.test
def submission_is_for_users_who_have_logged_in_over_tls():
    equal(outcome(submit("fred", "fred@example.org", *TLS)), "accept None", "fred")
    equal(outcome(submit("fred", "fred@example.org")), "reject encrypt", "without TLS")
    for client in (OUTSIDER, "127.0.0.1", "::1"):
        equal(outcome(submit(None, "fred@example.org", *TLS, client=client)), "reject login", client)
        said = submit(None, "fred@example.org", *TLS, client=client, recipients=["postmaster@localhost"])
        equal(outcome(said), "reject login", "to the postmaster")


@tests.test
def submission_knows_whose_address_it_is():
    for user, sender in (("fred", "FRED@example.org"), ("fred", "sales@EXAMPLE.org"),
                         ("news", "anybody@news.example.org")):
        equal(outcome(submit(user, sender, *TLS)), "accept None", "%s as %s" % (user, sender))
    for user, sender in (("fred", "boss@example.org"), ("fred", "fred@example.org.evil.example"),
                         ("news", "fred@example.org"), ("news", "a@sub.news.example.org"),
                         ("news", "a@fakenews.example.org"), ("nobody-knows", "fred@example.org")):
        said = submit(user, sender, *TLS)
        equal(outcome(said) + " at " + said["stage"], "reject own-name at mail", user + " as " + sender)
        equal(said["text"], "%s may not send as %s" % (user, sender), "text")
    equal(outcome(submit("fred", "fred@example.org", *TLS, author="a@bank.example")),
          "reject pretence", "From of another")
    equal(outcome(submit("fred", "fred@example.org", *TLS, author="sales@example.org")),
          "accept None", "another From of the same domain")


@tests.test
def submission_judges_no_servers():
    said = submit("fred", "fred@example.org", *TLS)
    equal((said["lookups"], said["edits"]), (0, []), "lookups and edits")


@tests.test
def submission_has_limits():
    many = ["u%d@other.example" % number for number in range(101)]
    equal(outcome(submit("fred", "fred@example.org", *TLS, recipients=many[:100])), "accept None", "100")
    said = submit("fred", "fred@example.org", *TLS, recipients=many)
    equal(outcome(said), "reject crowd", "101: nobody gets it")
    equal(outcome(submit("fred", "<>", *TLS, author="fred@example.org", recipients=many[:1])),
          "accept None", "a receipt")
    equal(outcome(submit("fred", "<>", *TLS, author="fred@example.org", recipients=many[:2])),
          "reject receipt", "two receipts")


# ---- observe-first ----

BAD = {
    "relay": dict(recipients=["b@other.example"]),
    "spf-fail": dict(sender="a@member.example"),
    "spf-later": dict(sender="a@down.example"),
    "dmarc": dict(author="a@bank.example"),
    "dmarc-temp": dict(author="a@lame.example"),
    "author": dict(mail=b"Subject: nobody\r\n\r\nText.\r\n"),
    "softfail": dict(sender="a@soft.example"),
}


@tests.test
def observe_first_does_nothing_as_shipped():
    for rule, how in BAD.items():
        said = play("observe-first", **how)
        equal(said.get("mode"), "observe", "mode for " + rule)
        told = [said["rule"]] + [each["rule"] for each in said["observed"]]
        contains(told, rule, "what is told")


@tests.test
def observe_first_keeps_strangers_from_relaying_with_step_3():
    for rule, how in BAD.items():
        said = play("observe-first", cut=r"^set mode +observe\n", **how)
        lacks(said, "mode" if said.get("mode") == "observe" else "no-mode", "mode for " + rule)
        equal(outcome(said), "reject relay" if rule == "relay" else "accept None", rule)
        equal(marks(said), [], "marks for " + rule)
        if rule != "relay":
            contains([each["rule"] for each in said["observed"]], rule, "what is told")


@tests.test
def observe_first_is_whole_with_step_4():
    verdicts = {"relay": "reject", "spf-fail": "reject", "spf-later": "defer", "dmarc": "reject",
                "dmarc-temp": "defer", "author": "reject"}
    for rule, how in BAD.items():
        said = play("observe-first", cut=r"^set mode +observe\n|(?<= )observe (?=add |reject |defer )", **how)
        if rule in verdicts:
            equal(outcome(said), "%s %s" % (verdicts[rule], rule), rule)
        else:
            equal(marks(said), ["SPF softfail of soft.example"], "marks")


# ---- backup-mx ----

def received(client):
    return [("Received", "from mail.plain.example (mail.plain.example [%s])\r\n\tby backup.localhost "
             "(Postfix) with ESMTP id 4Xk2Lq0Jz9\r\n\tfor <b@localhost>; "
             "Mon, 23 Nov 2026 12:00:00 +0000 (UTC)" % client)]


@tests.test
def backup_mx_refuses_nothing_that_a_relay_brings():
    for rule, how in BAD.items():
        how = dict(how)
        mail = how.pop("mail", None) or message("m", how.get("author", "a@plain.example"), "b@localhost",
                                                fields=received(OUTSIDER))
        for recipients in (how.pop("recipients", ["b@localhost"]), ["b@localhost", "c@localhost"],
                           ["b%other.example@localhost"], ["b@other.example"]):
            said = play("backup-mx", client=RELAY, recipients=recipients, mail=mail, **how)
            for one in [said] + said["recipients"]:
                true(one["verdict"] in ("accept", "quarantine"), "%s: %s" % (rule, one))
            if recipients[0] != "b@localhost":
                equal(outcome(said), "quarantine stray", rule)


@tests.test
def backup_mx_judges_whom_the_relay_had_it_from():
    for client, expected in ((OUTSIDER, ["SPF fail of member.example"]), (PERMITTED, [])):
        mail = message("m", "a@plain.example", "b@localhost", fields=received(client))
        said = play("backup-mx", client=RELAY, sender="a@member.example", mail=mail)
        equal((outcome(said), marks(said)), ("accept r-rest", expected), client)


@tests.test
def backup_mx_refuses_strangers():
    equal(outcome(play("backup-mx", sender="a@member.example")), "reject spf-fail", "SPF")
    equal(outcome(play("backup-mx", sender="a@down.example")), "defer spf-later", "SPF later")
    equal(outcome(play("backup-mx", client=PERMITTED, sender="a@member.example")), "accept None", "pass")


# ---- mailing-lists ----

MEMBERS = {"list-members": "club@localhost a@member.example @signed.example\nopen@localhost *\n"}


def post(recipient="club@localhost", **more):
    return play("mailing-lists", recipients=[recipient], files=MEMBERS, **more)


@tests.test
def lists_take_mail_of_members():
    said = post(client=PERMITTED, sender="a@member.example", author="a@member.example")
    equal((outcome(said), marks(said)), ("accept None", []), "by SPF")
    mail = KEY.sign(message("m", "x@signed.example", "club@localhost"))
    said = post(sender="x@signed.example", mail=mail)
    equal((outcome(said), marks(said)), ("accept None", []), "by DKIM")
    equal([edit["name"] for edit in said["edits"]], ["Authentication-Results"], "nothing is changed")
    equal(outcome(post("open@localhost")), "accept None", "who likes")


@tests.test
def lists_take_no_other_mail():
    equal(outcome(post(client=PERMITTED, sender="b@member.example", author="b@member.example")),
          "reject outsider", "another of the same domain")
    equal(outcome(post(sender="a@member.example", author="a@member.example")), "reject spf-fail", "forged")
    equal(outcome(post(sender="x@signed.example")), "quarantine unproved", "nothing speaks for it")
    mail = KEY.sign(message("m", "a@signed.example", "club@localhost"))
    equal(outcome(post(sender="a@soft.example", mail=mail)), "reject outsider", "signed by another")


@tests.test
def bounces_reach_no_list():
    said = post(sender="<>", author="mailer-daemon@plain.example")
    equal(outcome(said), "accept stray", "outcome")
    equal(recipients_of(said), (["club-bounces@localhost"], ["club@localhost"]), "led aside")
    for recipient in ("club-bounces@localhost", "club-bounces+fred=other.example@localhost"):
        said = post(recipient, sender="<>", author="mailer-daemon@plain.example")
        equal((outcome(said), recipients_of(said)), ("accept bounces", ([], [])), recipient)


@tests.test
def lists_do_not_go_round():
    for field, expected in ((("List-Id", "The club <club.localhost>"), "reject again"),
                            (("List-Id", "Another <club.lists.example>"), "accept None"),
                            (("Auto-Submitted", "auto-replied (vacation)"), "discard holiday"),
                            (("Auto-Submitted", "auto-generated"), "accept None")):
        mail = message("m", "a@member.example", "club@localhost", fields=[field])
        said = post(client=PERMITTED, sender="a@member.example", mail=mail)
        equal(outcome(said), expected, field[1])


# ---- company ----

COMPANY = {
    "mailboxes": "alice@localhost\noffice@localhost\n",
    "aliases": "info@localhost alice@localhost bob@elsewhere.example\nlocalhost office@localhost\n"
               "shop.localhost alice@localhost\npostmaster alice@localhost\n",
}


def company(*recipients, **more):
    return play("company", recipients=recipients, files=COMPANY, **more)


@tests.test
def company_leads_mail_to_whom_it_is_for():
    for recipient, come in (
            ("alice@localhost", []), ("alice+x@localhost", []), ("ALICE@LOCALHOST", []),
            ("info@localhost", ["alice@localhost", "bob@elsewhere.example"]),
            ("whoever@localhost", ["office@localhost"]), ("orders@shop.localhost", ["alice@localhost"]),
            ("postmaster@shop.localhost", ["alice@localhost"]),
            ("postmaster@parked.localhost", ["alice@localhost"]), ("<postmaster>", ["alice@localhost"])):
        said = company(recipient)
        equal(said["verdict"], "accept", recipient)
        equal(recipients_of(said)[0], come, recipient)
        equal(len(recipients_of(said)[1]), 1 if come else 0, "those who go for " + recipient)


@tests.test
def company_has_rules_for_each_domain():
    equal(outcome(company("a@parked.localhost")), "reject parked", "parked")
    equal(outcome(company("a@parked.localhost", client="127.0.0.1")), "reject parked", "parked, our own")
    said = company("a@shop.localhost", sender="a@member.example", author="a@bank.example")
    equal((outcome(said), sorted(marks(said))),
          ("accept s-rest", ["DMARC of bank.example", "SPF fail of member.example"]), "shop")
    equal(outcome(company("a@localhost", sender="a@member.example")), "reject spf-fail", "office")
    mail = KEY.sign(message("m", "a@signed.example", "b@localhost"))
    more = dict(files=dict(COMPANY, partners="signed.example\n"), sender="a@member.example")
    equal(outcome(play("company", mail=mail, **more)), "accept partner", "partner")
    equal(outcome(play("company", author="a@signed.example", **more)), "reject spf-fail", "pretender")


# ---- strict ----

@tests.test
def strict_takes_senders_at_their_word():
    for expected, how in {
            "accept None": {},
            "reject greeting": dict(words=("--helo", "[203.0.113.9]")),
            "reject nowhere": dict(sender="a@nowhere.example"),
            "reject author": dict(mail=BAD["author"]["mail"]),
            "reject spf-fail": dict(sender="a@member.example"),
            "reject dmarc": dict(author="a@bank.example"),
            "defer later": dict(author="a@lame.example"),
            "accept submission": dict(client="127.0.0.1", sender="a@member.example"),
    }.items():
        how = dict(how)
        equal(outcome(play("strict", *how.pop("words", ()), **how)), expected, expected)
    mail = KEY.sign(message("m", "a@signed.example", "b@localhost"))
    equal(outcome(play("strict", sender="a@signed.example", mail=mail)), "accept None", "signed")


tests.finish()
