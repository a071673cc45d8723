/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DKIM of any message and any key record, through libopendkim. The input is cut at 0xff: switches,
 * the key record, a signature as it came, fields, the body, h= and further tags of a signature
 * that is made here with a key of ours. Only what was signed here may pass, and once the message
 * has grown no longer, but as partial where l= says so.
 */

#include "tests/fuzz/input.h"
#include "tests/unit/dkim_mail.h"

#define FIELDS_MOST 40

static bool begun;

static const char *text(struct str piece, const char *fallback)
{
	return piece.n > 0 ? str_dup(mail.arena, piece).s : fallback;
}

/* "Name: value" of a line; a line that begins with a blank goes on with the one above. */
static void add_fields(struct str lines)
{
	while (lines.n > 0 && mail.count < FIELDS_MOST) {
		struct str value = input_piece(&lines, '\n'), name = input_piece(&value, ':');

		while (lines.n > 0 && (lines.s[0] == ' ' || lines.s[0] == '\t')) {
			struct str more = input_piece(&lines, '\n');

			value.n = (size_t)(more.s + more.n - value.s);
		}
		mail_add(text(name, "X"), value);
	}
}

/* Signs with a key of ours, so that the input gets behind the checks of key and hashes. */
static void sign(unsigned switches, struct str covered, struct str tags)
{
	static const char *const forms[] = {"relaxed/relaxed", "relaxed/simple", "simple/relaxed",
					    "simple/simple"};
	struct signer signer = mail_signer();

	if (switches & 2) {
		signer.key = mail_ed25519;
		signer.a = "ed25519-sha256";
		signer.s = "ed";
	}
	signer.c = forms[switches >> 2 & 3];
	signer.h = text(covered, "From:Subject");
	signer.more = text(tags, NULL);
	if (switches & 16) {
		bool relaxed = (switches & 4) == 0;
		struct str body = signer_canon_body(mail.arena, mail.body, relaxed);

		signer.signed_body = (long)(body.n / 2);
		signer.l = str_printf(mail.arena, "%zu", body.n / 2).s;
	}
	mail_sign(&signer);
}

static size_t passed(const struct dkim_outcome *outcome, size_t *whole_r)
{
	size_t count = 0;

	*whole_r = 0;
	for (size_t i = 0; i < outcome->count; i++) {
		const struct dkim_signature *one = &outcome->signatures[i];

		count += one->result == DKIM_RESULT_PASS;
		*whole_r += one->result == DKIM_RESULT_PASS && !one->partial;
		require(one->result != DKIM_RESULT_NONE);
		require(one->domain.n < 256 && one->selector.n < 256 && one->b.n <= 8);
		require(one->result != DKIM_RESULT_PASS || one->domain.n > 0);
	}
	require((outcome->best == DKIM_RESULT_PASS) == (count > 0));
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = {(const char *)data, size}, first = input_piece(&rest, '\xff');
	struct str key = input_piece(&rest, '\xff'), raw = input_piece(&rest, '\xff');
	struct str fields = input_piece(&rest, '\xff'), covered, tags;
	unsigned switches = first.n > 0 ? (unsigned char)first.s[0] : 0;
	size_t passes, whole;
	bool wanted;

	begun = begun || mail_init();
	require(begun);
	mail_begin();
	mail.options.allow_partial = switches & 32;
	mail.options.allow_sha1 = switches & 64;
	dkim_lookups_txt(mail.lookups, "k._domainkey.example.org", key);
	add_fields(fields);
	mail.body = input_piece(&rest, '\xff');
	covered = input_piece(&rest, '\xff');
	tags = input_piece(&rest, '\xff');
	if (switches & 1)
		sign(switches, covered, tags);
	if (raw.n > 0)
		mail_put_on_top(raw);
	passes = passed(mail_verify(), &whole);
	require(passes <= ((switches & 1) != 0));
	if (passes > 0) {
		mail.body = str_printf(mail.arena, STR_FMT "\r\nx\r\n", STR_ARG(mail.body));
		(void)passed(mail_verify_in(1000, &wanted), &whole);
		require(whole == 0);
	}
	mail_end();
	return 0;
}
