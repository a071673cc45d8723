#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What contrib/ gives to admins is understood by the programs that it is for."""

import os
import shutil
import subprocess
import tempfile

import mta
from report import Tests, contains, equal, true

CONTRIB = os.path.join(os.environ["SOURCE"], "contrib")
tests = Tests()


def output(*words):
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    return done.stdout.decode("utf-8", "replace")


def postfix_snippets():
    with tempfile.TemporaryDirectory() as folder:
        for name in ("main.cf", "master.cf"):
            shutil.copy(os.path.join(CONTRIB, "postfix", name), folder)
        parameters = output("postconf", "-c", folder, "-n")
        services = output("postconf", "-c", folder, "-M")
    contains(parameters, "smtpd_milters = { unix:postern/postern.sock,", "main.cf")
    contains(services, "127.0.0.1:10025 inet", "master.cf")
    equal([row for row in (parameters + services).splitlines() if "warning" in row], [], "warnings")


def sendmail_snippet():
    cf = os.path.join(mta.PrivateSendmail.root(), "usr/share/sendmail/cf")
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, "sendmail.mc")
        with open(source, "w", encoding="ascii") as file:
            file.write("define(`_CF_DIR_', `%s/')\ninclude(`%s/m4/cf.m4')\n" % (cf, cf))
            file.write("OSTYPE(`linux')\ninclude(`%s/sendmail/postern.mc')\n" % CONTRIB)
            file.write("MAILER(`smtp')\n")
        made = output("m4", source)
    contains(made, "O InputMailFilters=postern\n", "sendmail.cf")
    true("\nXpostern, S=local:/run/postern/postern.sock, F=T, T=" in made, "the filter's line")


if shutil.which("postconf"):
    tests.test(postfix_snippets)
else:
    tests.skip("contrib/postfix (no postconf)")
if mta.PrivateSendmail.missing():
    tests.skip("contrib/sendmail (%s)" % mta.PrivateSendmail.missing())
else:
    tests.test(sendmail_snippet)
tests.finish()
