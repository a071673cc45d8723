/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is agreed on with an MTA: only the steps that the policy needs are asked for, only those
 * answered whose reply can be anything but "continue", only the actions that edits need. The
 * lists of macros hold the MTAs' own defaults, since a list that is asked for replaces those.
 */

#include "filter/milter/conn.h"

#include <string.h>

#include "postern/log.h"

/*
 * libmilter offers every "no reply" bit and answers itself where the MTA lacks it. For that it
 * has no answer to a body chunk that comes with the end of the message, so old MTAs are answered
 * from here. One that knows SKIP has protocol version 6 and the bits with it.
 */
#define NO_REPLY                                                                                   \
	(SMFIP_NR_CONN | SMFIP_NR_HELO | SMFIP_NR_MAIL | SMFIP_NR_RCPT | SMFIP_NR_DATA |           \
	 SMFIP_NR_UNKN | SMFIP_NR_HDR | SMFIP_NR_EOH | SMFIP_NR_BODY)

void agreement_make(const struct session_needs *needs, unsigned long actions, unsigned long steps,
		    struct agreement *agreement_r)
{
	unsigned long want = SMFIP_NOUNKNOWN | SMFIP_NR_UNKN | SMFIP_NR_HDR | SMFIP_NR_BODY |
			     SMFIP_HDR_LEADSPC | SMFIP_SKIP;
	unsigned long need = 0;

	if (!(steps & SMFIP_SKIP))
		steps &= ~(unsigned long)NO_REPLY;
	if (!needs->helo)
		want |= SMFIP_NOHELO;
	if (!needs->rcpt)
		want |= SMFIP_NORCPT;
	if (!needs->data)
		want |= SMFIP_NODATA;
	if (!needs->headers)
		want |= SMFIP_NOHDRS;
	if (!needs->eoh)
		want |= SMFIP_NOEOH;
	if (!needs->body)
		want |= SMFIP_NOBODY;
	/* MAIL keeps its reply: it makes Postfix tell the envelope when lookups can still start. */
	if (!needs->connect_reply)
		want |= SMFIP_NR_CONN | SMFIP_NR_HELO;
	if (!needs->rcpt_reply)
		want |= SMFIP_NR_RCPT;
	if (!needs->data_reply)
		want |= SMFIP_NR_DATA;
	if (!needs->eoh_reply)
		want |= SMFIP_NR_EOH;
	if (needs->rejected_rcpt)
		want |= SMFIP_RCPT_REJ;

	if (needs->edits_headers)
		need |= SMFIF_ADDHDRS | SMFIF_CHGHDRS;
	if (needs->edits_recipients)
		need |= SMFIF_ADDRCPT | SMFIF_DELRCPT;
	if (needs->holds)
		need |= SMFIF_QUARANTINE;

	agreement_r->steps = want & steps;
	agreement_r->actions = (need | SMFIF_SETSYMLIST) & actions;
	agreement_r->missing = need & ~actions;
}

/* The next name of a blank-separated list without its braces; empty at the end. */
static struct str next_name(struct str *list)
{
	struct str name;
	size_t n = 0;

	*list = str_trim(*list);
	while (n < list->n && list->s[n] != ' ' && list->s[n] != '\t')
		n++;
	name = str_sub(*list, 0, n);
	*list = str_sub(*list, n, list->n);
	if (name.n > 2 && name.s[0] == '{' && name.s[name.n - 1] == '}')
		name = str_sub(name, 1, name.n - 2);
	return name;
}

static bool has_name(const char *list, struct str name)
{
	struct str rest = str_of(list), have;

	while ((have = next_name(&rest)).n > 0)
		if (str_eq(have, name))
			return true;
	return false;
}

bool agreement_macro_list(const char *usual, const char *more, char *list)
{
	struct str sources[2] = {str_of(usual), str_of(more)}, name;
	size_t n = 0, count = 0;

	list[0] = '\0';
	for (size_t i = 0; i < 2; i++) {
		while ((name = next_name(&sources[i])).n > 0) {
			bool braces = name.n > 1;

			if (has_name(list, name))
				continue;
			if (++count > MACRO_COUNT_MAX || n + name.n + 4 > MACRO_LIST_MAX)
				return false;
			if (n > 0)
				list[n++] = ' ';
			if (braces)
				list[n++] = '{';
			memcpy(list + n, name.s, name.n);
			n += name.n;
			if (braces)
				list[n++] = '}';
			list[n] = '\0';
		}
	}
	return true;
}

void agreement_macros_make(const struct session_needs *needs, struct macro_lists *lists_r)
{
	const struct {
		int where;
		const char *usual, *more;
	} stages[MACRO_STAGES] = {
	    {SMFIM_CONNECT, "j _ v daemon_name daemon_addr if_name if_addr", needs->connect_macros},
	    {SMFIM_HELO, "tls_version cipher cipher_bits cert_subject cert_issuer",
	     needs->helo_macros},
	    {SMFIM_ENVFROM,
	     "i auth_type auth_authen auth_author auth_ssf mail_addr mail_host mail_mailer",
	     needs->mail_macros},
	    {SMFIM_ENVRCPT, "i rcpt_addr rcpt_host rcpt_mailer", needs->rcpt_macros},
	    {SMFIM_DATA, "i", needs->data_macros},
	    {SMFIM_EOM, "i", needs->eom_macros},
	};

	lists_r->count = 0;
	for (size_t i = 0; i < MACRO_STAGES; i++) {
		struct macro_list *list = &lists_r->items[lists_r->count];

		if (str_trim(str_of(stages[i].more)).n == 0)
			continue;
		list->where = stages[i].where;
		if (!agreement_macro_list(stages[i].usual, stages[i].more, list->names))
			log_line(LOG_LEVEL_WARNING,
				 "the policy needs more than %d macros at a stage",
				 MACRO_COUNT_MAX);
		lists_r->count++;
	}
}

void agreement_macros(SMFICTX *ctx, const struct macro_lists *lists)
{
	for (size_t i = 0; i < lists->count; i++)
		if (smfi_setsymlist(ctx, lists->items[i].where, (char *)lists->items[i].names) !=
		    MI_SUCCESS)
			log_line(LOG_LEVEL_WARNING, "libmilter refuses the list of macros '%s'",
				 lists->items[i].names);
}
