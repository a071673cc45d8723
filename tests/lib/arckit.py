# SPDX-License-Identifier: BSD-2-Clause
"""Seals messages with ARC (RFC 8617): Ed25519, relaxed/relaxed, written after the RFCs alone."""

import base64
import hashlib
import re

import nacl.signing

from mailkit import dns_txt

# The private key of RFC 8463 A.2: what is sealed with it can be made again by anybody.
KNOWN_KEY = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="


def canon_field(name, value):
    value = re.sub(r"[ \t]+", " ", re.sub(r"\r?\n(?=[ \t])", "", value))
    return name.lower().strip() + ":" + value.strip(" ")


def canon_body(body):
    lines = [re.sub(r"[ \t]+", " ", line).rstrip(" ") for line in body.split("\r\n")]
    while lines and not lines[-1]:
        lines.pop()
    return "".join(line + "\r\n" for line in lines)


def split(message):
    """The fields of a message with CR LF line ends, as (name, value), and its body."""
    head, _, body = message.partition("\r\n\r\n")
    rows = re.split(r"\r\n(?![ \t])", head)
    return [tuple(row.split(":", 1)) for row in rows], body


class Sealer:
    """`record` is the DNS line of its key; seal() gives the message with one more set on top."""

    def __init__(self, domain, selector="s", private=KNOWN_KEY):
        self.domain, self.selector = domain, selector
        self._key = nacl.signing.SigningKey(base64.b64decode(private))
        public = base64.b64encode(bytes(self._key.verify_key)).decode()
        self.record = dns_txt("%s._domainkey.%s" % (selector, domain),
                              "v=DKIM1; k=ed25519; p=" + public)

    def _sign(self, lines):
        digest = hashlib.sha256("\r\n".join(lines).encode("latin-1")).digest()
        return base64.b64encode(self._key.sign(digest).signature).decode()

    def seal(self, message, results="spf=pass", names=("from", "to", "subject", "message-id"),
             cv=None, message_selector=None):
        fields, body = split(message)
        sets = {}
        for name, value in fields:
            if name.lower().startswith("arc-"):
                instance = int(re.search(r"\bi=(\d+)", value).group(1))
                sets.setdefault(instance, {})[name.lower()] = (name, value)
        number = len(sets) + 1
        hashed = base64.b64encode(
            hashlib.sha256(canon_body(body).encode("latin-1")).digest()).decode()
        common = "a=ed25519-sha256; d=%s; s=" % self.domain
        aar = ("ARC-Authentication-Results", " i=%d; %s; %s" % (number, self.domain, results))
        ams = ("ARC-Message-Signature", " i=%d; %s; c=relaxed/relaxed; h=%s; bh=%s; b=" % (
            number, common + (message_selector or self.selector), ":".join(names), hashed))
        left, lines = list(fields), []
        for wanted in names:
            for at in range(len(left) - 1, -1, -1):
                if left[at][0].lower() == wanted:
                    lines.append(canon_field(*left.pop(at)))
                    break
        ams = (ams[0], ams[1] + self._sign(lines + [canon_field(*ams)]))
        seal = ("ARC-Seal", " i=%d; %s; cv=%s; b=" % (
            number, common + self.selector, cv or ("none" if number == 1 else "pass")))
        lines = [canon_field(*sets[i][kind]) for i in sorted(sets) for kind in (
            "arc-authentication-results", "arc-message-signature", "arc-seal")]
        lines += [canon_field(*field) for field in (aar, ams, seal)]
        seal = (seal[0], seal[1] + self._sign(lines))
        return "".join("%s:%s\r\n" % field for field in (seal, ams, aar)) + message
