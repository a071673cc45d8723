/* SPDX-License-Identifier: BSD-2-Clause */
/* The one message of the verifier's tests. */

#include "tests/unit/dkim_mail.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/rsa.h>

struct mail mail;
EVP_PKEY *mail_rsa, *mail_rsa512, *mail_ed25519;

bool mail_init(void)
{
	const char *why = "";

	if (dkim_verifier_init(&why) != 0) {
		printf("%s\n", why);
		return false;
	}
	mail_rsa = EVP_RSA_gen(1024);
	mail_rsa512 = EVP_RSA_gen(512);
	mail_ed25519 = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	return mail_rsa && mail_rsa512 && mail_ed25519;
}

void mail_close(void)
{
	EVP_PKEY_free(mail_rsa);
	EVP_PKEY_free(mail_rsa512);
	EVP_PKEY_free(mail_ed25519);
}

void mail_begin(void)
{
	mail.arena = arena_new(NULL);
	mail.lookups = dkim_lookups_new(mail.arena, false);
	mail.options = (struct dkim_options){.minimum_bits = 1024, .max_signatures = 10};
	mail.count = 0;
	mail_add("From", STR(" Jo <jo@example.org>"));
	mail_add("Subject", STR(" A  tale\r\n\tof two  cities "));
	mail.body = STR("It was  the best of times,\r\nit was \t the worst\t\r\n\r\n\r\n");
	mail_publish("s._domainkey.example.org", "v=DKIM1; k=rsa; ",
		     signer_public(mail.arena, mail_rsa, false));
	mail_publish("ed._domainkey.example.org", "v=DKIM1; k=ed25519; ",
		     signer_public(mail.arena, mail_ed25519, false));
}

void mail_end(void)
{
	arena_free(&mail.arena);
}

void mail_add(const char *name, struct str value)
{
	mail.fields[mail.count++] = (struct signer_field){str_of(name), value};
}

void mail_publish(const char *name, const char *tags, struct str key)
{
	dkim_lookups_txt(mail.lookups, name,
			 str_printf(mail.arena, "%sp=" STR_FMT, tags, STR_ARG(key)));
}

struct signer mail_signer(void)
{
	return (struct signer){.key = mail_rsa,
			       .a = "rsa-sha256",
			       .c = "relaxed/relaxed",
			       .d = "example.org",
			       .s = "s",
			       .h = "From:Subject",
			       .signed_body = -1};
}

void mail_put_on_top(struct str value)
{
	memmove(mail.fields + 1, mail.fields, mail.count * sizeof(mail.fields[0]));
	mail.fields[0] = (struct signer_field){STR("DKIM-Signature"), value};
	mail.count++;
}

void mail_sign(const struct signer *s)
{
	mail_put_on_top(signer_sign(mail.arena, s, mail.fields, mail.count, mail.body));
}

const struct dkim_outcome *mail_verify_in(size_t chunk, bool *wanted_r)
{
	struct dkim_verifier *v = dkim_verifier_new(mail.arena, &mail.options, MAIL_NOW);
	const struct dkim_outcome *outcome;

	for (size_t i = 0; i < mail.count; i++)
		dkim_verifier_header(v, mail.fields[i].name, mail.fields[i].value);
	dkim_verifier_eoh(v, mail.lookups);
	*wanted_r = dkim_verifier_wants_body(v);
	for (size_t at = 0; at < mail.body.n; at += chunk)
		dkim_verifier_body(v, str_sub(mail.body, at, chunk));
	while (dkim_verifier_finish(v, mail.lookups, &outcome) == STEP_PENDING)
		if (!lookups_wait(mail.lookups, 0))
			abort();
	return outcome;
}

const struct dkim_outcome *mail_verify(void)
{
	bool wanted;
	const struct dkim_outcome *whole = mail_verify_in((size_t)1 << 20, &wanted);

	for (size_t chunk = 1; chunk < 4 && mail.body.n < 10000; chunk++) {
		const struct dkim_outcome *one = mail_verify_in(chunk, &wanted);
		bool same = one->count == whole->count && one->best == whole->best;

		for (size_t i = 0; same && i < one->count; i++)
			same = one->signatures[i].result == whole->signatures[i].result;
		if (!same) {
			printf("the result depends on the size of the pieces\n");
			exit(1);
		}
	}
	return whole;
}

enum dkim_result mail_result(void)
{
	return mail_verify()->signatures[0].result;
}

const char *mail_reason(void)
{
	const char *text = mail_verify()->signatures[0].reason;

	return text ? text : "";
}
