/* SPDX-License-Identifier: BSD-2-Clause */
/* The policy and the names that the messages of memory_ends_test.c are judged with. */

#include "tests/unit/memory_ends.h"

#include "postern/arena.h"
#include "postern/diag.h"
#include "postern/dkim.h"
#include "postern/dns.h"
#include "postern/mime.h"
#include "postern/policy.h"
#include "postern/spf.h"

static const char policy_text[] =
    "table aliases map { \"team@example.org alice@example.org bob@example.org\" }\n"
    "set authserv \"mx.example.org\"\n"
    "no:     reject 550 5.7.1 \"No such user ${recipient}\" when recipient.local is \"nobody\"\n"
    "spf:    reject \"forged ${sender}\" when spf is fail\n"
    "signed: reject \"broken\" when dkim is fail\n"
    "parts:  reject \"No ${attachment.extension}\" when any attachment.extension in { exe scr }\n"
    "subj:   reject \"No ${subject}\" when subject matches /casino/ and spf is pass\n"
    "        add authentication-results\n"
    "        add header \"X-To: ${recipient} ${subject} ${from}\"\n"
    "        redirect \"${aliases(recipient)}\"\n";

static const char dns_text[] = "example.net. TXT \"v=spf1 ip4:203.0.113.9 -all\"\n"
			       "forged.example. TXT \"v=spf1 a:mail.forged.example -all\"\n"
			       "mail.forged.example. A 192.0.2.1\n"
			       "_dmarc.example.net. TXT \"v=DMARC1; p=none\"\n"
			       "client.example. TXT \"v=spf1 -all\"\n"
			       "s1._domainkey.example.net. TXT \"v=DKIM1; p=MIIB\"\n";

bool memory_ends_begin(void)
{
	const char *why;

	spf_init();
	mime_init();
	return dkim_verifier_init(&why) >= 0;
}

bool memory_ends_serve(struct milter_policy *served_r, struct clock *clock)
{
	struct source policy = {"policy", str_of(policy_text)}, records = {"dns", str_of(dns_text)};
	struct arena *arena = arena_new(NULL);
	struct diag *diag = diag_new(arena);
	bool ok;

	served_r->policy = policy_compile(&policy, ".", NULL, diag);
	ok = served_r->policy &&
	     resolver_from_source(&records, clock, diag, &served_r->resolver) == 0;
	diag_print(diag, stdout);
	arena_free(&arena);
	return ok;
}
