/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ARC verification after RFC 8617 5.2. All that can be judged without the DNS is judged first, then
 * all keys are asked for at once; the signatures are verified when the keys are there, those that
 * the chain rests on before those that only tell how far back the message is unchanged.
 */

#include "postern/arc.h"

#include "filter/auth/arcbody.h"
#include "filter/auth/arcset.h"
#include "filter/auth/dkimkey.h"
#include "postern/arena.h"
#include "postern/meter.h"

struct arc_verifier {
	struct arena *arena;
	struct dkim_options options;
	int64_t now;
	struct arcfield_list fields;
	bool header_ended, body_ended, done;
	bool too_dear;              /* not all of the body was looked at */
	struct arcset_chain *chain; /* NULL: there is nothing to verify, `outcome` holds */
	unsigned walk;              /* the oldest instance whose message signature is looked at */
	int hashes[LIMIT_ARC_SETS + 1]; /* of the body, by instance */
	struct str keys[LIMIT_ARC_KEYS];
	size_t key_count;
	struct arcbody *body;
	struct arccrypt_hash *hash;
	struct arc_outcome outcome;
};

const char *arc_result_name(enum arc_result result)
{
	static const char *const names[] = {
	    [ARC_RESULT_NONE] = "none",
	    [ARC_RESULT_PASS] = "pass",
	    [ARC_RESULT_FAIL] = "fail",
	    [ARC_RESULT_TEMPERROR] = "temperror",
	};

	return names[result];
}

struct arc_verifier *arc_verifier_new(struct arena *arena, const struct dkim_options *options,
				      int64_t now)
{
	struct arc_verifier *v = arena_new_of(arena, struct arc_verifier);

	v->arena = v->fields.arena = arena;
	v->options = *options;
	v->now = now;
	return v;
}

void arc_verifier_header(struct arc_verifier *v, struct str name, struct str value)
{
	/* A field after the end of the header is none. */
	if (!v->header_ended)
		arcfield_add(&v->fields, name, value);
}

/* ---- the end of the header ---- */

static struct str key_name(struct arena *arena, const struct dkimsig *signature)
{
	return str_printf(arena, STR_FMT "._domainkey." STR_FMT, STR_ARG(signature->selector),
			  STR_ARG(signature->domain));
}

/* Notes the key among those to ask for; false where there is no room for one more. */
static bool note_key(struct arc_verifier *v, const struct dkimsig *signature)
{
	struct str name = key_name(v->arena, signature);

	for (size_t i = 0; i < v->key_count; i++)
		if (str_eq(v->keys[i], name))
			return true;
	if (v->key_count == LIMIT_ARC_KEYS)
		return false;
	v->keys[v->key_count++] = name;
	return true;
}

static bool want_body(struct arc_verifier *v, unsigned instance)
{
	const struct dkimsig *message = &v->chain->sets[instance].message;

	v->hashes[instance] =
	    arcbody_want(v->body, message->relaxed_body, message->partial, message->length);
	return v->hashes[instance] >= 0;
}

/* The keys that the chain rests on; then those of older message signatures, as far back as there is
 * room for them. */
static bool plan(struct arc_verifier *v)
{
	unsigned newest = v->chain->instance;

	if (!note_key(v, &v->chain->sets[newest].message) || !want_body(v, newest))
		return false;
	for (unsigned i = newest; i >= 1; i--)
		if (!note_key(v, &v->chain->sets[i].seal))
			return false;
	v->walk = newest;
	while (v->walk > 1) {
		const struct arcset *older = &v->chain->sets[v->walk - 1];

		if (older->message_fault || !note_key(v, &older->message) ||
		    !want_body(v, v->walk - 1))
			break;
		v->walk--;
	}
	return true;
}

static const char *read_chain(struct arc_verifier *v)
{
	struct arcset_chain *chain;
	const char *why;

	if (v->fields.arc > LIMIT_ARC_FIELDS)
		return "too many ARC fields";
	if (v->fields.overflow)
		return "header too large";
	chain = arena_new_of(v->arena, struct arcset_chain);
	if (!arcset_read(&v->fields, v->options.allow_partial, v->now, chain, &why)) {
		v->outcome.instance = chain->instance;
		return why;
	}
	v->outcome.instance = chain->instance;
	v->chain = chain;
	v->body = arcbody_new(v->arena);
	v->hash = arccrypt_hash_new(v->arena);
	return plan(v) ? NULL : "too many keys";
}

void arc_verifier_eoh(struct arc_verifier *v, struct lookups *lookups)
{
	if (v->header_ended)
		return;
	v->header_ended = true;
	if (v->fields.arc == 0)
		return;
	v->outcome.reason = read_chain(v);
	if (v->outcome.reason) {
		v->outcome.result = ARC_RESULT_FAIL;
		v->chain = NULL;
		return;
	}
	for (size_t i = 0; i < v->key_count; i++)
		lookups_get(lookups, v->keys[i], DNS_TXT, LOOKUP_OTHER);
}

/* ---- the body ---- */

bool arc_verifier_wants_body(const struct arc_verifier *v)
{
	return v->chain && !v->too_dear && arcbody_wants(v->body);
}

void arc_verifier_body(struct arc_verifier *v, struct str chunk)
{
	v->too_dear |= arc_verifier_wants_body(v) && meter_over();
	if (v->chain && !v->body_ended && !v->too_dear)
		arcbody_add(v->body, chunk);
}

/* ---- the end of the message ---- */

/* One signature over what v->hash has taken in. PASS, or FAIL or TEMPERROR and *why_r. */
static enum arc_result verify(struct arc_verifier *v, const struct dkimsig *signature,
			      struct lookups *lookups, const char **why_r)
{
	const struct dns_answer *answer =
	    lookups_get(lookups, key_name(v->arena, signature), DNS_TXT, LOOKUP_OTHER);
	struct dkimkey key;
	enum dkim_result found =
	    dkimkey_choose(v->arena, answer, signature, &v->options, &key, why_r);
	struct arccrypt_digest digest;
	struct str bytes;
	int good = -1;

	if (found != DKIM_RESULT_PASS)
		return found == DKIM_RESULT_TEMPERROR ? ARC_RESULT_TEMPERROR : ARC_RESULT_FAIL;
	if (!dkimtag_base64(v->arena, signature->b, &bytes))
		bytes = STR("");
	if (arccrypt_hash_read(v->hash, &digest))
		good = arccrypt_verify(key.bytes, signature->algorithm == DKIMSIG_ED25519_SHA256,
				       &digest, bytes);
	if (good > 0)
		return ARC_RESULT_PASS;
	*why_r = good == 0 ? "signature mismatch" : "OpenSSL failed";
	return good == 0 ? ARC_RESULT_FAIL : ARC_RESULT_TEMPERROR;
}

static void hash_line(struct arccrypt_hash *hash, struct str canon)
{
	arccrypt_hash_add(hash, canon);
	arccrypt_hash_add(hash, STR("\r\n"));
}

static enum arc_result check_body(struct arc_verifier *v, unsigned i, const char **why_r)
{
	struct str hash;

	if (!dkimtag_base64(v->arena, v->chain->sets[i].message.body_hash, &hash))
		hash = STR("");
	switch (arcbody_compare(v->body, v->hashes[i], hash)) {
	case ARCBODY_MATCHES:
		return ARC_RESULT_PASS;
	case ARCBODY_DIFFERS:
		*why_r = "body hash mismatch";
		return ARC_RESULT_FAIL;
	case ARCBODY_TOO_SHORT:
		*why_r = "l= is longer than the body";
		return ARC_RESULT_FAIL;
	default:
		*why_r = "OpenSSL failed";
		return ARC_RESULT_TEMPERROR;
	}
}

/* An ARC-Message-Signature: the body, then the fields that h= names and its own (4.1.2). */
static enum arc_result check_message(struct arc_verifier *v, unsigned i, struct lookups *lookups,
				     const char **why_r)
{
	const struct arcset *set = &v->chain->sets[i];
	struct arcfield *self = set->fields[ARCFIELD_MESSAGE], *picked[DKIMSIG_HEADERS_MAX];
	bool relaxed = set->message.relaxed_header;
	enum arc_result result = check_body(v, i, why_r);
	size_t count;

	if (result != ARC_RESULT_PASS)
		return result;
	count = arcfield_pick(&v->fields, set->message.headers, set->message.header_count, self,
			      picked);
	arccrypt_hash_restart(v->hash);
	for (size_t j = 0; j < count; j++)
		hash_line(v->hash, arcfield_canon(v->arena, picked[j], relaxed));
	arccrypt_hash_add(v->hash, arcfield_canon_without(v->arena, self, relaxed, set->message_b));
	return verify(v, &set->message, lookups, why_r);
}

/* A finding that outdoes what was found so far: a fail any other, the first of several stays. */
static void note(struct arc_verifier *v, enum arcfield_kind kind, unsigned i,
		 enum arc_result result, const char *why)
{
	if (result == ARC_RESULT_PASS || v->outcome.result == ARC_RESULT_FAIL ||
	    v->outcome.result == result)
		return;
	v->outcome.result = result;
	v->outcome.reason = str_printf(v->arena, "%s %u: %s", arcfield_kind_name(kind), i, why).s;
}

/*
 * All ARC-Seals (4.1.3, 5.1.1): each covers the sets up to its own, so one hash runs over all of
 * them in the order in which they were made, and branches off at each.
 */
static void check_seals(struct arc_verifier *v, struct lookups *lookups)
{
	struct arccrypt_hash *sets = arccrypt_hash_new(v->arena);

	for (unsigned i = 1; i <= v->chain->instance; i++) {
		const struct arcset *set = &v->chain->sets[i];
		const char *why = NULL;
		enum arc_result result;

		hash_line(sets, arcfield_canon(v->arena, set->fields[ARCFIELD_RESULTS], true));
		hash_line(sets, arcfield_canon(v->arena, set->fields[ARCFIELD_MESSAGE], true));
		arccrypt_hash_branch(v->hash, sets);
		arccrypt_hash_add(v->hash,
				  arcfield_canon_without(v->arena, set->fields[ARCFIELD_SEAL], true,
							 set->seal_b));
		result = verify(v, &set->seal, lookups, &why);
		note(v, ARCFIELD_SEAL, i, result, why);
		hash_line(sets, arcfield_canon(v->arena, set->fields[ARCFIELD_SEAL], true));
	}
}

static bool keys_there(const struct arc_verifier *v, struct lookups *lookups)
{
	bool all = true;

	for (size_t i = 0; i < v->key_count; i++)
		all &= lookups_get(lookups, v->keys[i], DNS_TXT, LOOKUP_OTHER) != NULL;
	return all;
}

/* Steps 4, 6 and 7. */
static void check_chain(struct arc_verifier *v, struct lookups *lookups)
{
	unsigned newest = v->chain->instance;
	const char *why = NULL;
	enum arc_result result = check_message(v, newest, lookups, &why);

	v->outcome.result = ARC_RESULT_PASS;
	note(v, ARCFIELD_MESSAGE, newest, result, why);
	check_seals(v, lookups);
}

/*
 * Does a message signature that verifies speak for what readers see? Not where From is not signed,
 * nor where a field was added on top of one that is.
 */
static bool vouches(struct arc_verifier *v, unsigned i)
{
	const struct dkimsig *message = &v->chain->sets[i].message;

	return dkimsig_covers(message, STR("From")) && !arcfield_added(&v->fields, message);
}

/* Step 5, and which sealers of a chain that passed vouch for the message as it is. */
static void look_back(struct arc_verifier *v, struct lookups *lookups)
{
	unsigned newest = v->chain->instance, oldest = newest, silent;
	struct str *sealers = arena_array(v->arena, newest, sizeof(*sealers));
	enum arc_result result = ARC_RESULT_PASS;
	const char *why = NULL;

	for (unsigned i = newest; i >= 1; i--)
		sealers[newest - i] = v->chain->sets[i].seal.domain;
	while (oldest > v->walk && result == ARC_RESULT_PASS) {
		result = check_message(v, oldest - 1, lookups, &why);
		oldest -= result == ARC_RESULT_PASS;
	}
	if (result == ARC_RESULT_PASS && oldest > 1)
		why = v->chain->sets[oldest - 1].message_fault;
	v->outcome.sealers = sealers;
	v->outcome.count = newest;
	while (v->outcome.vouching < newest - oldest + 1 &&
	       vouches(v, newest - (unsigned)v->outcome.vouching))
		v->outcome.vouching++;
	v->outcome.vouching_open = result == ARC_RESULT_TEMPERROR;
	v->outcome.oldest_pass = oldest == 1 ? 0 : oldest;
	silent = newest - (unsigned)v->outcome.vouching;
	if (silent >= oldest)
		why = "From is not signed, or a field was added to those signed";
	if (silent > 0)
		v->outcome.reason = str_printf(v->arena, "ARC-Message-Signature %u: %s", silent,
					       why ? why : "not looked at")
					.s;
}

enum step arc_verifier_finish(struct arc_verifier *v, struct lookups *lookups,
			      const struct arc_outcome **outcome_r)
{
	const char *why = NULL;

	if (v->chain && v->too_dear && !v->done) {
		note(v, ARCFIELD_MESSAGE, v->chain->instance, ARC_RESULT_TEMPERROR,
		     "the message costs too much to check");
		v->done = true;
	}
	if (v->chain && !v->done && !v->body_ended) {
		v->body_ended = true;
		arcbody_end(v->body);
		/* A changed body needs no key: it fails whatever they say. */
		if (check_body(v, v->chain->instance, &why) == ARC_RESULT_FAIL) {
			note(v, ARCFIELD_MESSAGE, v->chain->instance, ARC_RESULT_FAIL, why);
			v->done = true;
		}
	}
	if (v->chain && !v->done) {
		if (!keys_there(v, lookups))
			return STEP_PENDING;
		check_chain(v, lookups);
		if (v->outcome.result == ARC_RESULT_PASS)
			look_back(v, lookups);
		v->done = true;
	}
	*outcome_r = &v->outcome;
	return STEP_DONE;
}
