/* SPDX-License-Identifier: BSD-2-Clause */
/* The envelope: sender and recipients with their parts and parameters. */

#include "postern/fact.h"

/* NAME or NAME=VALUE among the ESMTP parameters (RFC 5321 4.1.1.11). */
static enum fact_state parameter_provide(const struct fact_call *call, struct value *value_r)
{
	struct str name = call->arguments[0]->text;

	if (call->inputs[0]->state != FACT_PRESENT)
		return FACT_ABSENT;
	for (const char *const *p = call->inputs[0]->opaque; *p; p++) {
		struct str parameter = str_of(*p);

		if (!str_casestarts(parameter, name))
			continue;
		parameter = str_sub(parameter, name.n, parameter.n);
		if (parameter.n > 0 && parameter.s[0] != '=')
			continue;
		*value_r = value_text(str_sub(parameter, 1, parameter.n));
		return FACT_PRESENT;
	}
	return FACT_ABSENT;
}

static const struct type name_parameter[] = {{TYPE_TEXT, false, NULL}, {TYPE_OPAQUE, false, NULL}};

#define RECIPIENT(fact, base, present, text)                                                       \
	{                                                                                          \
		.name = fact, .type = {base, false, NULL}, .stage = STAGE_RCPT,                    \
		.scope = SCOPE_RECIPIENT, .always = present, .help = text                          \
	}

static const struct fact_def facts[] = {
    {.name = "sender",
     .type = {TYPE_ADDRESS, false, NULL},
     .stage = STAGE_MAIL,
     .scope = SCOPE_MESSAGE,
     .trust = TRUST_FORGEABLE,
     .vouched = NAMES("spf"),
     .help = "Envelope sender; <> is the null sender of bounces."},
    {.name = "sender.local",
     .type = {TYPE_TEXT, false, NULL},
     .stage = STAGE_MAIL,
     .scope = SCOPE_MESSAGE,
     .trust = TRUST_FORGEABLE,
     .vouched = NAMES("spf"),
     .help = "Local part of the envelope sender, without quotes."},
    {.name = "sender.domain",
     .type = {TYPE_DOMAIN, false, NULL},
     .stage = STAGE_MAIL,
     .scope = SCOPE_MESSAGE,
     .trust = TRUST_FORGEABLE,
     .vouched = NAMES("spf"),
     .help = "Domain of the envelope sender; absent for the null sender."},
    {.name = "sender.ambiguous",
     .type = {TYPE_BOOLEAN, false, NULL},
     .stage = STAGE_MAIL,
     .scope = SCOPE_MESSAGE,
     .internal = true,
     .help = "The command's argument and what the MTA made of it differ."},
    {.name = "sender.parameters",
     .type = {TYPE_OPAQUE, false, NULL},
     .stage = STAGE_MAIL,
     .scope = SCOPE_MESSAGE,
     .internal = true,
     .help = "ESMTP parameters of MAIL."},
    {.name = "sender.parameter",
     .type = {TYPE_TEXT, false, NULL},
     .stage = STAGE_MAIL,
     .scope = SCOPE_MESSAGE,
     .inputs = NAMES("sender.parameters"),
     .parameters = name_parameter,
     .provide = parameter_provide,
     .trust = TRUST_FORGEABLE,
     .help = "ESMTP parameter of MAIL: SIZE, BODY, SMTPUTF8, RET, ENVID."},
    {.name = "recipient",
     .always = true,
     .type = {TYPE_ADDRESS, false, NULL},
     .stage = STAGE_RCPT,
     .scope = SCOPE_RECIPIENT,
     .plural = "recipients",
     .help = "The recipient being judged."},
    RECIPIENT("recipient.local", TYPE_TEXT, true, "Local part of the recipient."),
    {.name = "recipient.domain",
     .always = true,
     .type = {TYPE_DOMAIN, false, NULL},
     .stage = STAGE_RCPT,
     .scope = SCOPE_RECIPIENT,
     .plural = "recipients.domain",
     .help = "Domain of the recipient; <postmaster> alone is in every table of domains."},
    RECIPIENT("recipient.tag", TYPE_TEXT, false, "What follows the first + of the local part."),
    RECIPIENT("recipient.routed", TYPE_BOOLEAN, true,
	      "The recipient asks for a detour: %, ! or @ in the local part, or a source route."),
    {.name = "recipient.parameters",
     .type = {TYPE_OPAQUE, false, NULL},
     .stage = STAGE_RCPT,
     .scope = SCOPE_RECIPIENT,
     .internal = true,
     .help = "ESMTP parameters of RCPT."},
    {.name = "recipient.parameter",
     .type = {TYPE_TEXT, false, NULL},
     .stage = STAGE_RCPT,
     .scope = SCOPE_RECIPIENT,
     .inputs = NAMES("recipient.parameters"),
     .parameters = name_parameter,
     .provide = parameter_provide,
     .help = "ESMTP parameter of RCPT: NOTIFY, ORCPT."},
    {.name = "recipients",
     .type = {TYPE_ADDRESS, true, NULL},
     .stage = STAGE_RCPT,
     .scope = SCOPE_MESSAGE,
     .internal = true,
     .help = "All recipients taken so far."},
    {.name = "recipients.domain",
     .type = {TYPE_DOMAIN, true, NULL},
     .stage = STAGE_RCPT,
     .scope = SCOPE_MESSAGE,
     .internal = true,
     .help = "Domains of all recipients taken so far."},
    {.name = "recipient.count",
     .always = true,
     .type = {TYPE_NUMBER, false, NULL},
     .stage = STAGE_RCPT,
     .scope = SCOPE_MESSAGE,
     .help = "Number of recipients taken so far, this one included."},
    {.name = "attempted",
     .type = {TYPE_ADDRESS, true, NULL},
     .stage = STAGE_RCPT,
     .scope = SCOPE_MESSAGE,
     .help = "All recipients named so far, the refused included."},
    {.name = NULL},
};

const struct family family_envelope = {.name = "envelope", .facts = facts};
