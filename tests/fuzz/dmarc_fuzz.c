/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DMARC of any bytes: the first is a record alone; all of them, cut at zero bytes, are what the
 * DNS says of the names above a domain, and what two identifiers are. Checks what must hold of any
 * record, walk and verdict.
 */

#include "postern/arena.h"
#include "postern/diag.h"
#include "postern/dmarc.h"
#include "postern/mail.h"

#include "tests/fuzz/input.h"

#define PIECES 12

/* ---- a DNS of made-up answers ---- */

/* The first byte of a piece says how a name is answered: failed, empty, twice, or with the rest. */
static void add_name(struct buf *zone, struct str domain, struct str piece)
{
	char how = piece.n > 0 ? piece.s[0] : '0';

	if (how == '0')
		return;
	if (how == '1' || how == '2') {
		buf_printf(zone, "_dmarc." STR_FMT " %s\n", STR_ARG(domain),
			   how == '1' ? "NODATA" : "SERVFAIL");
		return;
	}
	buf_printf(zone, "_dmarc." STR_FMT " TXT \"", STR_ARG(domain));
	for (size_t i = 1; i < piece.n; i++)
		buf_printf(zone, "%s\\%03u", i % 200 == 0 ? "\" \"" : "",
			   (unsigned)(unsigned char)piece.s[i]);
	buf_puts(zone, "\"\n");
	if (how == '3')
		buf_printf(zone, "_dmarc." STR_FMT " TXT \"v=DMARC1; p=none\"\n", STR_ARG(domain));
}

/* Each name above a domain gets one of the pieces behind the first two. */
static void add_names(struct buf *zone, struct str domain, const struct str *pieces, size_t count)
{
	for (size_t i = 0; domain.n > 0; domain = domain_parent(domain), i++)
		add_name(zone, domain,
			 count > 2 ? pieces[2 + (domain.n + i) % (count - 2)] : STR(""));
}

/* ---- what must hold ---- */

static void check_record(struct str text)
{
	struct dmarc_record r;

	if (!dmarc_record_parse(text, &r))
		return;
	require(text.n >= 8 && (text.s[0] == 'v' || text.s[0] == 'V'));
	require(r.p <= DMARC_POLICY_REJECT && r.sp <= DMARC_POLICY_REJECT &&
		r.np <= DMARC_POLICY_REJECT);
	require(r.psd == 'y' || r.psd == 'n' || r.psd == 'u');
	require(r.has_np || r.np == r.sp);
}

static void check_domain(struct arena *arena, struct lookups *lookups, struct str author,
			 struct str identifier, enum dmarc_discovery discovery)
{
	struct spf_outcome spf = {.result = SPF_PASS_, .domain = identifier};
	struct dkim_signature signature = {.result = DKIM_RESULT_TEMPERROR, .domain = identifier};
	struct dkim_outcome dkim = {.signatures = &signature, .count = 1};
	struct dmarc_author found;
	enum dmarc_alignment by_spf, by_dkim, there, back;
	struct dmarc_verdict early, v;
	struct str org;
	bool failed;

	require(orgdomain_step(arena, author, discovery, lookups, &org, &failed) == STEP_DONE);
	require(lookups_asked(lookups) <= 8);
	require(failed || domain_within(author, org));
	require(dmarc_discover(arena, author, discovery, lookups, &found) == STEP_DONE);
	require(lookups_asked(lookups) <= 9);
	require(!found.found || (!found.failed && domain_within(author, found.source)));
	dmarc_spf_aligned(arena, &found, &spf, discovery, lookups, &by_spf);
	dmarc_dkim_aligned(arena, &found, &dkim, false, discovery, lookups, &by_dkim);
	require(by_dkim != DMARC_ALIGNED);
	require(!str_eq(author, identifier) || !found.found || by_spf == DMARC_ALIGNED);
	dmarc_judge(&found, 1, &by_spf, NULL, &early);
	dmarc_judge(&found, 1, &by_spf, &by_dkim, &v);
	/* What was told early stays; a lookup that failed is never a fail that asks for something.
	 */
	require(early.result_settled == DMARC_OPEN || early.result == v.result);
	require(early.disposition_settled != DMARC_SETTLED ||
		(v.disposition_settled == DMARC_SETTLED && early.disposition == v.disposition));
	require(v.result != DMARC_RESULT_FAIL ||
		(by_spf == DMARC_UNALIGNED && by_dkim == DMARC_UNALIGNED));
	require(v.disposition_settled != DMARC_SETTLED || v.disposition == DMARC_POLICY_NONE ||
		v.result == DMARC_RESULT_FAIL);
	orgdomain_aligned(arena, author, identifier, discovery, lookups, &there);
	orgdomain_aligned(arena, identifier, author, discovery, lookups, &back);
	require(there == back || there == DMARC_UNSURE || back == DMARC_UNSURE);
}

static void check_walks(struct arena *arena, struct str author, struct str identifier,
			const struct str *pieces, size_t count)
{
	static const enum dmarc_discovery ways[] = {DMARC_TREEWALK, DMARC_PSL};
	struct clock clock = {.manual = true};
	struct diag *diag = diag_new(arena);
	struct buf zone = {.arena = arena};
	struct source source = {.name = "zone"};
	struct resolver *resolver;

	buf_puts(&zone, "\n");
	add_names(&zone, author, pieces, count);
	if (!domain_within(author, identifier) && !domain_within(identifier, author))
		add_names(&zone, identifier, pieces, count);
	source.text = buf_str(&zone);
	require(resolver_from_source(&source, &clock, diag, &resolver) == 0);
	for (size_t i = 0; i < 2; i++)
		check_domain(arena, lookups_new(arena, resolver, &clock), author, identifier,
			     ways[i]);
	check_domain(arena, lookups_new(arena, resolver, &clock), author, author, DMARC_TREEWALK);
	arena_free(&arena);
	resolver_free(&resolver);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = {(const char *)data, size}, author, identifier, pieces[PIECES];
	struct arena *arena = arena_new(NULL);
	size_t count = 0;

	check_record(text);
	for (; count < PIECES && text.n > 0; count++) {
		ptrdiff_t end = str_chr(text, '\0');

		pieces[count] = end < 0 ? text : str_sub(text, 0, (size_t)end);
		check_record(str_sub(pieces[count], 1, text.n));
		text = str_sub(text, pieces[count].n + 1, text.n);
	}
	if (count >= 2 && domain_normal(arena, pieces[0], &author) &&
	    domain_normal(arena, pieces[1], &identifier) && author.n < 240 && identifier.n < 240)
		check_walks(arena, author, identifier, pieces, count);
	else
		arena_free(&arena);
	return 0;
}
