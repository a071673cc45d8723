/* SPDX-License-Identifier: BSD-2-Clause */
/* The sealer of ARC's tests. */

#include "tests/unit/arc_mail.h"

#include <stdio.h>
#include <stdlib.h>

#define SETS_MAX 60

/* The sets in the order in which they were made: results, message signature, seal. */
static struct signer_field sets[SETS_MAX][3];
static unsigned set_count;

void arc_mail_begin(void)
{
	mail_begin();
	set_count = 0;
}

struct sealer arc_mail_sealer(void)
{
	return (struct sealer){.by = mail_signer(), .results = "example.org; spf=pass"};
}

static void put_on_top(struct signer_field field)
{
	memmove(mail.fields + 1, mail.fields, mail.count * sizeof(mail.fields[0]));
	mail.fields[0] = field;
	mail.count++;
}

static void add_line(struct buf *out, struct signer_field field)
{
	buf_add(out, signer_canon_field(mail.arena, field.name, field.value, true));
	buf_puts(out, "\r\n");
}

static struct str signed_by(const struct signer *by, struct str field, struct str text)
{
	return str_printf(
	    mail.arena, STR_FMT STR_FMT, STR_ARG(field),
	    STR_ARG(signer_base64(mail.arena, signer_signature(mail.arena, by, text))));
}

static struct str message_signature(const struct signer *by, unsigned instance)
{
	const char *c = by->c ? by->c : "relaxed/relaxed";
	bool relaxed = strncmp(c, "relaxed", 7) == 0;
	struct str body = signer_canon_body(mail.arena, mail.body, strstr(c, "/relaxed") != NULL);
	struct buf text = {.arena = mail.arena};
	struct str field;

	if (by->signed_body >= 0)
		body = str_sub(body, 0, (size_t)by->signed_body);
	field = str_printf(
	    mail.arena, " i=%u; a=%s; %s%s%sd=%s; s=%s;\r\n\th=%s;%s%s%s %s%s bh=" STR_FMT "%s",
	    instance, by->a, by->c ? "c=" : "", by->c ? by->c : "", by->c ? "; " : "", by->d, by->s,
	    by->h, by->l ? " l=" : "", by->l ? by->l : "", by->l ? ";" : "",
	    by->more ? by->more : "", by->more ? ";" : "",
	    STR_ARG(signer_base64(mail.arena, signer_digest(mail.arena, body, by->a))),
	    by->q ? by->q : "; b=");
	signer_add_fields(&text, by, mail.fields, mail.count, relaxed);
	buf_add(&text,
		signer_canon_field(mail.arena, STR("ARC-Message-Signature"), field, relaxed));
	return signed_by(by, field, buf_str(&text));
}

static struct str seal(const struct sealer *sealer, unsigned instance)
{
	struct buf text = {.arena = mail.arena};
	struct str field;

	field =
	    str_printf(mail.arena, " i=%u; a=%s; cv=%s; d=%s; s=%s;%s%s b=", instance, sealer->by.a,
		       sealer->cv      ? sealer->cv
		       : instance == 1 ? "none"
				       : "pass",
		       sealer->domain ? sealer->domain : sealer->by.d,
		       sealer->selector ? sealer->selector : sealer->by.s,
		       sealer->more ? sealer->more : "", sealer->more ? ";" : "");
	for (unsigned i = 0; i < set_count; i++)
		for (unsigned j = 0; j < 3; j++)
			if (i + 1 < set_count || j < 2)
				add_line(&text, sets[i][j]);
	buf_add(&text, signer_canon_field(mail.arena, STR("ARC-Seal"), field, true));
	return signed_by(&sealer->by, field, buf_str(&text));
}

void arc_mail_seal(const struct sealer *sealer)
{
	struct signer_field *set = sets[set_count];
	unsigned instance = sealer->instance ? sealer->instance : set_count + 1;

	set[0] =
	    (struct signer_field){STR("ARC-Authentication-Results"),
				  str_printf(mail.arena, " i=%u; %s", instance, sealer->results)};
	set[1] = (struct signer_field){STR("ARC-Message-Signature"),
				       message_signature(&sealer->by, instance)};
	set_count++;
	set[2] = (struct signer_field){STR("ARC-Seal"), seal(sealer, instance)};
	for (int i = 0; i < 3; i++)
		put_on_top(set[i]);
}

void arc_mail_chain(unsigned count)
{
	struct sealer sealer = arc_mail_sealer();

	while (count-- > 0)
		arc_mail_seal(&sealer);
}

void arc_mail_unseal(void)
{
	mail.count -= 3;
	set_count--;
	memmove(mail.fields, mail.fields + 3, mail.count * sizeof(mail.fields[0]));
}

struct str *arc_mail_value(const char *name)
{
	for (size_t i = 0; i < mail.count; i++)
		if (str_caseeq(mail.fields[i].name, str_of(name)))
			return &mail.fields[i].value;
	abort();
}

static const struct arc_outcome *verify_in(size_t chunk)
{
	struct arc_verifier *v = arc_verifier_new(mail.arena, &mail.options, MAIL_NOW);
	const struct arc_outcome *outcome;

	for (size_t i = 0; i < mail.count; i++)
		arc_verifier_header(v, mail.fields[i].name, mail.fields[i].value);
	arc_verifier_eoh(v, mail.lookups);
	for (size_t at = 0; at < mail.body.n; at += chunk)
		arc_verifier_body(v, str_sub(mail.body, at, chunk));
	while (arc_verifier_finish(v, mail.lookups, &outcome) == STEP_PENDING)
		if (!lookups_wait(mail.lookups, 0))
			abort();
	return outcome;
}

const struct arc_outcome *arc_mail_verify(void)
{
	const struct arc_outcome *whole = verify_in((size_t)1 << 20);

	for (size_t chunk = 1; chunk < 4 && mail.body.n < 10000; chunk++) {
		const struct arc_outcome *one = verify_in(chunk);

		if (one->result != whole->result || one->vouching != whole->vouching) {
			printf("the result depends on the size of the pieces\n");
			exit(1);
		}
	}
	return whole;
}

enum arc_result arc_mail_result(void)
{
	return arc_mail_verify()->result;
}

struct str arc_mail_reason(void)
{
	return str_of(arc_mail_verify()->reason);
}
