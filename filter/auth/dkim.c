/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DKIM verification through libopendkim, which is only called for a message that has a signature
 * worth trying, sees only signatures that dkimsig.c has read and keys that dkimkey.c has
 * written, and is believed only where its three separate answers agree. What it is known to
 * get wrong is kept from it here: the reasons stand where the repairs are.
 */

#include "postern/dkim.h"

#include <opendkim/dkim.h>

#include "filter/auth/dkimbody.h"
#include "filter/auth/dkimcache.h"
#include "filter/auth/dkimfield.h"
#include "filter/auth/dkimkey.h"
#include "filter/auth/dkimpick.h"
#include "filter/auth/dkimsig.h"
#include "postern/arena.h"
#include "postern/limits.h"
#include "postern/meter.h"

#define AHEAD_MAX 5 /* keys asked for before it is known which are tried; real mail has 1 to 3 */

/*
 * libopendkim judges t= and x= by the machine's clock, we by `now`. With this drift its checks
 * (t - drift > clock, x + drift <= clock) pass for all times since 2001, and only ours counts.
 */
#define LIBRARY_DRIFT ((uint64_t)1000000000)

struct dkim_verifier {
	struct arena *arena;
	struct dkim_options options;
	int64_t now;
	struct dkimfield_list fields;
	VEC(struct dkimpick) picks; /* one for each DKIM-Signature field that was read */
	size_t read;                /* fields that were looked at for them */
	size_t ahead;               /* picks that may have been asked about ahead */
	size_t tried;
	bool header_ended;
	/* libopendkim's side; NULL where no signature is worth trying */
	DKIM *dkim;
	const char *broken; /* why it could not go on */
	struct dkimpick *fed[LIMIT_SIGNATURES];
	DKIM_SIGINFO *infos[LIMIT_SIGNATURES];
	struct dkimkey keys[LIMIT_SIGNATURES];
	size_t fed_count;
	struct dkimbody body;
	struct dkim_outcome outcome;
	bool done;
};

static DKIM_LIB *library; /* one for all threads, made before they start */

/* ---- the library ---- */

/* Called within dkim_eom(): the keys are there. Must not leave through the arena's way out. */
static DKIM_CBSTAT key_lookup(DKIM *dkim, DKIM_SIGINFO *info, unsigned char *out, size_t size)
{
	const struct dkim_verifier *v = dkim_get_user_context(dkim);

	for (size_t i = 0; i < v->fed_count; i++) {
		const struct str *record = &v->keys[i].record;

		if (v->infos[i] != info || record->n == 0 || record->n >= size)
			continue;
		memcpy(out, record->s, record->n + 1);
		return DKIM_CBSTAT_CONTINUE;
	}
	return DKIM_CBSTAT_NOTFOUND; /* never DEFAULT: that would be its own resolver, or abort() */
}

int dkim_verifier_init(const char **why_r)
{
	unsigned flags = DKIM_LIBFLAGS_DELAYSIGPROC | DKIM_LIBFLAGS_BADSIGHANDLES, bits = 0;
	uint64_t drift = LIBRARY_DRIFT;
	DKIM_LIB *handle;

	dkimcache_clear();
	if (library)
		return 0;
	handle = dkim_init(NULL, NULL);
	if (!handle) {
		*why_r = "libopendkim does not start";
		return -1;
	}
	if (!dkim_libfeature(handle, DKIM_FEATURE_SHA256) ||
	    !dkim_libfeature(handle, DKIM_FEATURE_ED25519)) {
		*why_r = "libopendkim was built without SHA-256 or Ed25519";
		return -1;
	}
	if (dkim_options(handle, DKIM_OP_SETOPT, DKIM_OPTS_FLAGS, &flags, sizeof(flags)) ||
	    dkim_options(handle, DKIM_OP_SETOPT, DKIM_OPTS_MINKEYBITS, &bits, sizeof(bits)) ||
	    dkim_options(handle, DKIM_OP_SETOPT, DKIM_OPTS_CLOCKDRIFT, &drift, sizeof(drift)) ||
	    dkim_set_key_lookup(handle, key_lookup)) {
		*why_r = "libopendkim refuses an option";
		return -1;
	}
	library = handle;
	return 0;
}

/* ---- the header ---- */

struct dkim_verifier *dkim_verifier_new(struct arena *arena, const struct dkim_options *options,
					int64_t now)
{
	struct dkim_verifier *v = arena_new_of(arena, struct dkim_verifier);

	v->arena = v->fields.arena = arena;
	v->options = *options;
	if (v->options.max_signatures > LIMIT_SIGNATURES)
		v->options.max_signatures = LIMIT_SIGNATURES;
	v->now = now;
	return v;
}

void dkim_verifier_header(struct dkim_verifier *v, struct str name, struct str value)
{
	/* A field after the end of the header is none. */
	if (!v->header_ended)
		dkimfield_add(&v->fields, name, value);
}

/* Reads the signatures among the fields that came since the last time. */
static void picks_read(struct dkim_verifier *v)
{
	for (; v->read < v->fields.all.count; v->read++) {
		const struct dkimfield *field = &v->fields.all.items[v->read];

		if (!field->signature)
			continue;
		*vec_push(v->arena, &v->picks) = (struct dkimpick){.result = DKIM_RESULT_NONE};
		dkimpick_read(v->arena, &v->picks.items[v->picks.count - 1], field, &v->options,
			      v->now);
	}
}

/* Is a DKIM-Signature field shown to libopendkim though it is not tried? Where one is signed. */
static bool wants_untried(const struct dkim_verifier *v)
{
	for (size_t i = 0; i < v->fields.signatures; i++)
		if (v->picks.items[i].tried &&
		    dkimsig_covers(&v->picks.items[i].tags, STR(DKIM_SIGNHEADER)))
			return true;
	return false;
}

static void feed_header(struct dkim_verifier *v)
{
	struct buf scratch = {.arena = v->arena};
	size_t spare = wants_untried(v) ? LIMIT_SIGNATURES - v->tried : 0, next = 0;

	for (size_t i = 0; i < v->fields.all.count; i++) {
		struct dkimfield *field = &v->fields.all.items[i];
		struct dkimpick *pick = field->signature ? &v->picks.items[next++] : NULL;
		DKIM_STAT status; /* matters for signatures only */

		if (pick && !pick->tried) {
			if (spare == 0 || !pick->tags.safe)
				continue;
			spare--;
		}
		dkimfield_wire(field, &scratch);
		status = dkim_header(v->dkim, (unsigned char *)scratch.s, scratch.n);
		if (!pick)
			continue;
		v->fed[v->fed_count++] = pick;
		if (status != DKIM_STAT_OK && status != DKIM_STAT_SYNTAX)
			v->broken = "libopendkim failed";
	}
	/* A slot of slack: an h= that names more fields than there are writes one too far. */
	dkim_header(v->dkim, (unsigned char *)"X X: x", 6);
}

/* libopendkim's list has the signatures in the order in which they were fed. */
static void take_infos(struct dkim_verifier *v)
{
	DKIM_SIGINFO **infos;
	int count;

	if (dkim_getsiglist(v->dkim, &infos, &count) != DKIM_STAT_OK ||
	    (size_t)count != v->fed_count) {
		v->broken = "libopendkim failed";
		return;
	}
	for (size_t i = 0; i < v->fed_count; i++) {
		v->infos[i] = infos[i];
		if (!v->fed[i]->tried)
			dkim_sig_ignore(infos[i]);
	}
}

static void free_handle(void *handle)
{
	DKIM **dkim = handle;

	if (*dkim)
		dkim_free(*dkim);
}

static void open_handle(struct dkim_verifier *v)
{
	DKIM_STAT status;

	arena_cleanup(v->arena, free_handle, &v->dkim);
	v->dkim = dkim_verify(library, (const unsigned char *)"postern", NULL, &status);
	if (!v->dkim) {
		v->broken = "libopendkim failed";
		return;
	}
	dkim_set_user_context(v->dkim, v);
	feed_header(v);
	if (v->broken)
		return;
	if (dkim_eoh(v->dkim) != DKIM_STAT_OK)
		v->broken = "libopendkim failed";
	else
		take_infos(v);
}

void dkim_verifier_ahead(struct dkim_verifier *v, struct lookups *lookups)
{
	if (v->header_ended)
		return;
	picks_read(v);
	for (; v->ahead < v->picks.count && v->ahead < AHEAD_MAX; v->ahead++)
		if (v->picks.items[v->ahead].result == DKIM_RESULT_NONE)
			dkimkey_answer(v->arena, &v->picks.items[v->ahead].tags, lookups);
}

void dkim_verifier_eoh(struct dkim_verifier *v, struct lookups *lookups)
{
	if (v->header_ended)
		return;
	v->header_ended = true;
	picks_read(v);
	if (v->picks.count == 0)
		return;
	if (v->fields.overflow)
		dkimpick_overflow(v->picks.items, v->picks.count);
	dkimpick_choose(v->arena, v->picks.items, v->picks.count, &v->options,
			dkimfield_from(&v->fields));
	for (size_t i = 0; i < v->picks.count; i++) {
		if (v->picks.items[i].tried) {
			v->tried++;
			v->picks.items[i].added =
			    dkimfield_added(&v->fields, &v->picks.items[i].tags);
			v->body.watch_lf |= !v->picks.items[i].tags.relaxed_body;
			dkimkey_answer(v->arena, &v->picks.items[i].tags, lookups);
		}
	}
	if (v->tried > 0)
		open_handle(v);
}

/* ---- the body ---- */

bool dkim_verifier_wants_body(const struct dkim_verifier *v)
{
	return v->dkim && !v->broken && dkim_minbody(v->dkim) > 0;
}

static void feed_body(void *ctx, const char *bytes, size_t n)
{
	struct dkim_verifier *v = ctx;

	if (dkim_body(v->dkim, (unsigned char *)bytes, n) != DKIM_STAT_OK)
		v->broken = "libopendkim failed";
}

void dkim_verifier_body(struct dkim_verifier *v, struct str chunk)
{
	if (v->dkim && !v->broken && meter_over())
		v->broken = "the message costs too much to check";
	if (v->dkim && !v->broken)
		dkimbody_add(&v->body, chunk, feed_body, v);
}

/* ---- the end of the message ---- */

/* Decides what is left to libopendkim. False while a key is missing. */
static bool take_keys(struct dkim_verifier *v, struct lookups *lookups)
{
	bool all = true;

	for (size_t i = 0; i < v->fed_count; i++)
		if (v->fed[i]->tried)
			all &= dkimkey_answer(v->arena, &v->fed[i]->tags, lookups) != NULL;
	for (size_t i = 0; all && i < v->fed_count; i++) {
		struct dkimpick *pick = v->fed[i];
		const struct dns_answer *answer;
		enum dkim_result result;

		if (!pick->tried)
			continue;
		answer = dkimkey_answer(v->arena, &pick->tags, lookups);
		result = dkimkey_choose(v->arena, answer, &pick->tags, &v->options, &v->keys[i],
					&pick->reason);
		pick->bits = v->keys[i].bits;
		if (result != DKIM_RESULT_PASS) {
			pick->result = result;
			dkim_sig_ignore(v->infos[i]);
		}
	}
	return all;
}

/* What is wrong with the body, as far as libopendkim saw the body. */
static void settle_body(const struct dkim_verifier *v, struct dkimpick *pick,
			enum dkim_result result, const char *reason)
{
	const char *blind = dkimbody_blind(&v->body, pick->tags.relaxed_body);

	dkimpick_settle(pick, blind ? DKIM_RESULT_NEUTRAL : result, blind ? blind : reason);
}

/* Could text have been changed where libopendkim's hashes do not see it? */
static const char *blind_spot(const struct dkim_verifier *v, const struct dkimsig *tags)
{
	const char *blind = dkimbody_blind(&v->body, tags->relaxed_body);

	if (blind)
		return blind;
	return dkimfield_odd_covered(&v->fields, tags) ? "control character in a signed field"
						       : NULL;
}

/*
 * What libopendkim found. A signature that it refused early has a zeroed structure, which looks
 * like a matching body hash: only all three answers together are a pass.
 */
static void judge(const struct dkim_verifier *v, struct dkimpick *pick, DKIM_SIGINFO *info)
{
	bool passed = (dkim_sig_getflags(info) & DKIM_SIGFLAG_PASSED) != 0;
	int body = dkim_sig_getbh(info), error = dkim_sig_geterror(info);
	const char *text = dkim_sig_geterrorstr(error);

	if (passed && body == DKIM_SIGBH_MATCH && error == DKIM_SIGERROR_OK) {
		pick->reason = blind_spot(v, &pick->tags);
		pick->result = pick->reason ? DKIM_RESULT_NEUTRAL : DKIM_RESULT_PASS;
		if (pick->result != DKIM_RESULT_PASS)
			return;
		pick->reason = pick->added          ? "a field was added to those signed"
			       : pick->tags.partial ? "partial"
						    : NULL;
	} else if (error == DKIM_SIGERROR_TOOLARGE_L) {
		settle_body(v, pick, DKIM_RESULT_PERMERROR, "l= is longer than the body");
	} else if (body == DKIM_SIGBH_MISMATCH && (passed || error == DKIM_SIGERROR_BADSIG)) {
		settle_body(v, pick, DKIM_RESULT_FAIL, "body hash mismatch");
	} else if (error == DKIM_SIGERROR_BADSIG && pick->tags.awkward) {
		dkimpick_settle(pick, DKIM_RESULT_NEUTRAL,
				"b= laid out in a way that is not supported");
	} else if (error == DKIM_SIGERROR_BADSIG) {
		dkimpick_settle(pick, DKIM_RESULT_FAIL, "signature mismatch");
	} else {
		dkimpick_settle(pick, DKIM_RESULT_PERMERROR, text ? text : "libopendkim failed");
	}
}

static void conclude(struct dkim_verifier *v)
{
	if (!v->broken)
		dkimbody_end(&v->body, feed_body, v);
	if (!v->broken)
		dkim_eom(v->dkim, NULL); /* its result is that of "the" signature: of no use */
	for (size_t i = 0; i < v->fed_count && !v->broken; i++)
		if (v->fed[i]->result == DKIM_RESULT_NONE)
			judge(v, v->fed[i], v->infos[i]);
}

enum step dkim_verifier_finish(struct dkim_verifier *v, struct lookups *lookups,
			       const struct dkim_outcome **outcome_r)
{
	if (!v->done) {
		if (v->dkim && !v->broken) {
			if (!take_keys(v, lookups))
				return STEP_PENDING;
			conclude(v);
		}
		dkimpick_report(v->arena, v->picks.items, v->fields.signatures, v->broken,
				&v->outcome);
		v->done = true;
	}
	*outcome_r = &v->outcome;
	return STEP_DONE;
}
