# SPDX-License-Identifier: BSD-2-Clause
"""Messages for tests: made from a few fields, signed with keys made on the spot."""

import base64
import subprocess

import dkim
import nacl.signing


class Key:
    """A signing key: `record` is its DNS line, `sign` gives the message with a signature on top."""

    def __init__(self, domain, selector, algorithm):
        self.domain = domain
        self.selector = selector
        self.algorithm = algorithm
        if algorithm == "ed25519-sha256":
            key = nacl.signing.SigningKey.generate()
            self._private = base64.b64encode(bytes(key))
            public, kind = bytes(key.verify_key), "ed25519"
        else:
            self._private = openssl("genrsa", "2048")
            public, kind = openssl("rsa", "-pubout", "-outform", "DER", feed=self._private), "rsa"
        self.text = "v=DKIM1; k=%s; p=%s" % (kind, base64.b64encode(public).decode())
        self.name = "%s._domainkey.%s" % (selector, domain)
        self.record = dns_txt(self.name, self.text)

    def sign(self, message, identity=None):
        fields = [b"from", b"to", b"subject", b"date", b"message-id", b"mime-version"]
        signature = dkim.sign(message, self.selector.encode(), self.domain.encode(), self._private,
                              signature_algorithm=self.algorithm.encode(), include_headers=fields,
                              canonicalize=(b"relaxed", b"relaxed"),
                              identity=identity.encode() if identity else None)
        return signature + message


def openssl(*words, feed=None):
    return subprocess.run(["openssl", *words], input=feed, check=True, timeout=60,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout


def dns_txt(name, text):
    """A TXT record in master-file form; a character string holds at most 255 bytes."""
    pieces = [text[at:at + 255] for at in range(0, len(text), 255)]
    return "%s TXT %s" % (name, " ".join('"%s"' % piece for piece in pieces))


def message(mark, sender, recipient, subject="A test", body="Hello.\r\n", fields=()):
    """
    A message with CR LF line ends. `mark` makes it findable: it is in the Message-ID. `fields` are
    more (name, value) pairs, on top.
    """
    rows = ["%s: %s" % field for field in fields]
    rows += ["From: <%s>" % sender, "To: <%s>" % recipient, "Subject: " + subject,
             "Date: Mon, 23 Nov 2026 08:00:00 +0000", "Message-ID: <%s@client.example.net>" % mark,
             "MIME-Version: 1.0", "", body]
    return "\r\n".join(rows).encode()
