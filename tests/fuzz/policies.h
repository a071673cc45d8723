/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_FUZZ_POLICIES_H
#define TESTS_FUZZ_POLICIES_H

/* The policies that sessions are played to, and the DNS that they see. */

static const char *const policy_texts[] = {
    /* Every stage, every kind of edit, tables that call for care. */
    "set authserv \"mx.example.org\"\n"
    "table local domains { example.org }\n"
    "table aliases map { \"a b@example.org c@example.org\" \"b x\" }\n"
    "table words patterns { /^(a+)+$/ /b/i } on failure skip\n"
    "relay: reject \"Relaying ${recipient} for ${helo.name} denied\" when recipient.domain not in "
    "local unless auth.user is present or recipient.count > 3\n"
    "reject \"${spf.explanation}\" when spf is fail unless dkim.aligned\n"
    "discard \"x\" when recipient.tag is \"void\"\n"
    "hold \"y\" when subject contains \"hold\" or from.address is absent\n"
    "redirect \"${aliases(recipient.local)}\" unless sender in aliases(recipient.local)\n"
    "redirect \"${recipient.local}@example.com\" when subject in words\n"
    "add recipient \"${recipient.tag}@${recipient.domain}\" when any header(\"X-A\") in words\n"
    "remove recipient when recipient.local is \"gone\"\n"
    "add authentication-results, add header \"X-All: ${subject} ${sender} ${client.name}\"\n"
    "prefix subject \"[x] \" when any header(\"X-A\") matches /a+b/i\n"
    "replace header \"X-R: ${from} ${header.trouble}\", remove header \"X-B\" when hops > 2\n"
    "defer \"later\" when any dkim.domain is \"example.net\" and helo.literal\n"
    "accept when message.id is absent and list.id is present\n",
    /* DMARC, ARC, Received-SPF. */
    "set authserv \"mx.example.org\"\n"
    "set spf.received yes\n"
    "set early connect\n"
    "table local domains { example.org }\n"
    "table lists domains { lists.example }\n"
    "forged: remove authentication-results\n"
    "add authentication-results\n"
    "marks: add header \"X-D: ${dmarc} ${dmarc.policy} ${dmarc.domain} ${dmarc.disposition} "
    "${arc}\", insert header \"X-A: ${arc.oldest-pass}\"\n"
    "dmarc: reject 550 5.7.1 \"DMARC: ${dmarc.domain} ${from.domain}\" when dmarc.disposition is "
    "reject unless any arc.sealer in lists\n"
    "dmarc-temp: defer \"DMARC of ${from.domain} cannot be checked now\" when dmarc is temperror "
    "and message.id is present\n"
    "both: hold \"both\" when every dkim.domain is \"example.net\" and dmarc.aligned-by is spf\n"
    "file: hold \"file\" when any attachment.extension in { \"exe\" \"zip\" }\n",
    /* Scores, rules that are observed, relays, DNS lists. */
    "set authserv \"mx.example.org\"\n"
    "set mixed message\n"
    "set relays inner\n"
    "set dmarc.discovery psl\n"
    "table inner networks { 192.0.2.0/24 }\n"
    "table local domains { example.org example.net }\n"
    "add authentication-results\n"
    "sum: score 2.5 when spf in { fail softfail } or origin.helo is \"bad.example\"\n"
    "list: score list 1.5 when dnsbl(\"bl.example\") is present or rhsbl(\"rbl.example\", "
    "sender.domain) is present\n"
    "less: score -1 when dkim.aligned or any recipient in { <postmaster@example.org> }\n"
    "tried: observe reject \"tried ${subject}\" when score.list >= 1 and header.count(\"X-A\") < "
    "3\n"
    "seen: observe add header \"X-Seen: ${origin.ip}\", hold \"seen\" when hops > 3\n"
    "mark: add header \"X-Score: ${score} ${score.list}\", log \"score ${score} of ${sender}\" "
    "when score > 0\n"
    "spam: reject \"Too much: ${score}\" when score >= 4\n"
    "kind: discard \"void\" when recipient.tag is \"void\" or recipient.routed\n"
    "gone: defer \"no such domain\" when resolves(sender.domain) is false unless "
    "nullmx(recipient.domain)\n",
    /* Nothing is done; recipients of several kinds; logins. */
    "set authserv \"mx.example.org\"\n"
    "set mixed first\n"
    "set mode observe\n"
    "set spf.received yes\n"
    "table local domains { example.org }\n"
    "user: accept when auth.user is present and tls.verified\n"
    "add authentication-results\n"
    "subject: prefix subject \"[${auth.user}] \", replace header \"X-R: ${client.name} "
    "${helo.name} ${tls.cipher}\" when subject is present\n"
    "spf: reject 550 5.7.23 \"${spf.explanation} ${spf.helo}\" when spf is fail and spf.helo is "
    "not pass\n"
    "long: reject \"long\" when line.longest > 998 or size > 1KB or time.hour < 3\n"
    "other: defer \"later\" when recipient.domain not in local or any attempted is "
    "<a@example.org>\n",
};

#define POLICIES (sizeof(policy_texts) / sizeof(policy_texts[0]))

static const char policy_records[] =
    "example.net TXT \"v=spf1 a mx include:b.example ?exists:%{l}.c.example -all exp=e.example\"\n"
    "b.example TXT \"v=spf1 ip4:192.0.2.0/24 ptr ~all\"\n"
    "e.example TXT \"%{s} is not %{h}\"\n"
    "slow.example TIMEOUT\n"
    "s._domainkey.example.net TXT \"v=DKIM1; p=\"\n"
    "_dmarc.example.net TXT \"v=DMARC1; p=reject; sp=quarantine\"\n"
    "_dmarc.b.example TXT \"v=DMARC1; p=quarantine; adkim=s; t=y\"\n"
    "_dmarc.slow.example SERVFAIL\n"
    "1.2.0.192.bl.example A 127.0.0.2\n"
    "example.net.rbl.example A 127.0.0.9\n"
    "1.2.0.192.in-addr.arpa PTR mail.example.net.\n"
    "mail.example.net A 192.0.2.1\n"
    "b.example MX 0 .\n"
    "example.net MX 10 mail.example.net.\n";

#endif
