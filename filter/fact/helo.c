/* SPDX-License-Identifier: BSD-2-Clause */
/* What the client says of itself, the encryption it uses, and who it has logged in as. */

#include "postern/fact.h"

static enum fact_state literal_provide(const struct fact_call *call, struct value *value_r)
{
	struct str name = call->inputs[0]->text;
	struct ip ip;

	if (call->inputs[0]->state != FACT_PRESENT)
		return call->inputs[0]->state;
	*value_r = value_boolean((name.n > 0 && name.s[0] == '[') || ip_parse(name, &ip));
	return FACT_PRESENT;
}

/* Sendmail says so; Postfix names a subject only if it trusts the certificate. */
static enum fact_state verified_provide(const struct fact_call *call, struct value *value_r)
{
	const struct value *verify = call->inputs[0], *subject = call->inputs[1];

	*value_r = value_boolean(verify->state == FACT_PRESENT ? str_eq(verify->text, STR("OK"))
							       : subject->state == FACT_PRESENT);
	return FACT_PRESENT;
}

#define TLS(fact, base, of, text)                                                                  \
	{                                                                                          \
		.name = fact, .type = {base, false, NULL}, .stage = STAGE_HELO,                    \
		.scope = SCOPE_HELO, .macro = of, .help = text                                     \
	}

static const struct fact_def facts[] = {
    {.name = "helo.name",
     .type = {TYPE_TEXT, false, NULL},
     .stage = STAGE_HELO,
     .scope = SCOPE_HELO,
     .reported = true,
     .trust = TRUST_FORGEABLE,
     .vouched = NAMES("spf.helo"),
     .help = "What the client said in HELO or EHLO, in lower case."},
    {.name = "helo.literal",
     .type = {TYPE_BOOLEAN, false, NULL},
     .stage = STAGE_HELO,
     .scope = SCOPE_HELO,
     .inputs = NAMES("helo.name"),
     .provide = literal_provide,
     .trust = TRUST_FORGEABLE,
     .help = "The HELO name is an address, in brackets or not."},
    TLS("tls.version", TYPE_TEXT, "tls_version", "TLS version of the connection."),
    TLS("tls.cipher", TYPE_TEXT, "cipher", "Cipher of the connection."),
    TLS("tls.bits", TYPE_NUMBER, "cipher_bits", "Bits of the cipher's key."),
    {.name = "tls.subject",
     .type = {TYPE_TEXT, false, NULL},
     .stage = STAGE_HELO,
     .scope = SCOPE_HELO,
     .macro = "cert_subject",
     .trust = TRUST_FORGEABLE,
     .vouched = NAMES("tls.verified"),
     .help = "Subject of the client's certificate."},
    {.name = "tls.verify",
     .type = {TYPE_TEXT, false, NULL},
     .stage = STAGE_HELO,
     .scope = SCOPE_HELO,
     .macro = "verify",
     .internal = true,
     .help = "Sendmail's word on the client's certificate."},
    {.name = "tls.verified",
     .always = true,
     .type = {TYPE_BOOLEAN, false, NULL},
     .stage = STAGE_HELO,
     .scope = SCOPE_HELO,
     .inputs = NAMES("tls.verify", "tls.subject"),
     .provide = verified_provide,
     .trust = TRUST_PROVED,
     .help = "The MTA trusts the client's certificate."},
    {.name = "auth.user",
     .type = {TYPE_TEXT, false, NULL},
     .stage = STAGE_MAIL,
     .scope = SCOPE_MESSAGE,
     .macro = "auth_authen",
     .reported = true,
     .trust = TRUST_PROVED,
     .help = "Name that the client logged in with (SASL); never a certificate's."},
    {.name = "auth.method",
     .type = {TYPE_TEXT, false, NULL},
     .stage = STAGE_MAIL,
     .scope = SCOPE_MESSAGE,
     .macro = "auth_type",
     .trust = TRUST_PROVED,
     .help = "SASL mechanism of the login."},
    {.name = NULL},
};

const struct family family_helo = {.name = "helo", .facts = facts};
