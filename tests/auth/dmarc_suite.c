/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dmarc_suite ZONE AUTHOR DKIM SPF [psl]: what DMARC says of a message of AUTHOR if the domains in
 * DKIM (separated by commas) and SPF (one) passed, by the records of the file ZONE. A name in DKIM
 * or SPF with a '?' in front had a temperror. Prints one line: result, policy, disposition, domain
 * of the record, whether SPF and DKIM align, questions asked.
 */

#include <stdio.h>
#include <string.h>

#include "postern/arena.h"
#include "postern/clock.h"
#include "postern/diag.h"
#include "postern/dmarc.h"
#include "postern/mail.h"

static struct str normal(struct arena *arena, struct str name)
{
	struct str domain;

	return domain_normal(arena, name, &domain) ? domain : STR("");
}

static bool temporary(struct str *name)
{
	if (!str_starts(*name, STR("?")))
		return false;
	*name = str_sub(*name, 1, name->n);
	return true;
}

static struct dkim_outcome signatures(struct arena *arena, struct str list)
{
	VEC(struct dkim_signature) items = {0};

	for (size_t at = 0; at < list.n;) {
		struct str rest = str_sub(list, at, list.n), one;
		ptrdiff_t comma = str_chr(rest, ',');
		struct dkim_signature *signature = vec_push(arena, &items);

		one = comma < 0 ? rest : str_sub(rest, 0, (size_t)comma);
		at += one.n + 1;
		signature->result = temporary(&one) ? DKIM_RESULT_TEMPERROR : DKIM_RESULT_PASS;
		signature->domain = normal(arena, one);
	}
	return (struct dkim_outcome){.signatures = items.items, .count = items.count};
}

static bool wait(struct lookups *lookups, struct clock *clock)
{
	return lookups_wait(lookups, clock_now(clock) + 60 * NS_PER_S);
}

static const char *aligned_name(enum dmarc_alignment aligned)
{
	static const char *const names[] = {"no", "yes", "unsure"};

	return names[aligned];
}

static void judge(struct arena *arena, struct resolver *resolver, struct clock *clock, char **argv,
		  enum dmarc_discovery discovery)
{
	struct lookups *lookups = lookups_new(arena, resolver, clock);
	struct dkim_outcome dkim = signatures(arena, str_of(argv[3]));
	struct str name = str_of(argv[4]);
	struct spf_outcome spf = {.result = temporary(&name) ? SPF_TEMPERROR_ : SPF_PASS_};
	struct dmarc_author author;
	enum dmarc_alignment by_spf, by_dkim;
	struct dmarc_verdict v;

	spf.domain = normal(arena, name);
	while (dmarc_discover(arena, normal(arena, str_of(argv[2])), discovery, lookups, &author) ==
		   STEP_PENDING &&
	       wait(lookups, clock))
		;
	while (dmarc_spf_aligned(arena, &author, &spf, discovery, lookups, &by_spf) ==
		   STEP_PENDING &&
	       wait(lookups, clock))
		;
	while (dmarc_dkim_aligned(arena, &author, &dkim, false, discovery, lookups, &by_dkim) ==
		   STEP_PENDING &&
	       wait(lookups, clock))
		;
	dmarc_judge(&author, 1, &by_spf, &by_dkim, &v);
	printf("%s %s %s " STR_FMT " %s %s %zu\n", dmarc_result_name(v.result),
	       author.found && !author.policy_unsure ? dmarc_policy_name(author.policy) : "-",
	       v.disposition_settled == DMARC_SETTLED ? dmarc_policy_name(v.disposition) : "failed",
	       STR_ARG(author.found ? author.source : STR("-")), aligned_name(by_spf),
	       aligned_name(by_dkim), lookups_asked(lookups));
}

int main(int argc, char **argv)
{
	struct arena *arena = arena_new(NULL);
	struct diag *diag = diag_new(arena);
	struct clock clock = {.manual = true};
	struct source source = {.name = "zone"};
	struct resolver *resolver;
	struct buf text = {.arena = arena};
	FILE *file = argc < 5 ? NULL : fopen(argv[1], "r");

	if (!file)
		return 2;
	for (int c; (c = getc(file)) != EOF;)
		buf_putc(&text, (char)c);
	fclose(file);
	source.text = buf_str(&text);
	if (resolver_from_source(&source, &clock, diag, &resolver) < 0) {
		diag_print(diag, stderr);
		return 2;
	}
	judge(arena, resolver, &clock, argv, argc > 5 ? DMARC_PSL : DMARC_TREEWALK);
	arena_free(&arena);
	resolver_free(&resolver);
	return 0;
}
