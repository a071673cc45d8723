/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tags of a DKIM-Signature field. libopendkim does not look at q=, takes signs and empty
 * values in l=, subtracts times without regard to their size and more; so a field that is not
 * what RFC 6376 asks for never gets that far. ARC's two signatures are made of the same tags.
 */

#include "filter/auth/dkimsig.h"

#include "postern/arena.h"
#include "postern/mail.h"

static bool is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Letters, digits, hyphens and underscores in labels of 1 to 63, at most 253 in all. */
static bool host_name_ok(struct str name, size_t least_labels)
{
	size_t label = 0, labels = 1;

	for (size_t i = 0; i < name.n; i++) {
		char c = name.s[i];

		if (c == '.') {
			if (label == 0)
				return false;
			label = 0;
			labels++;
		} else if (!(is_alpha(c) || is_digit(c) || c == '-' || c == '_') || ++label > 63) {
			return false;
		}
	}
	return label > 0 && name.n <= 253 && labels >= least_labels;
}

/* 6.1.1 wants FWS as the only white space; libopendkim takes the octets up to a NUL. */
static bool octets_ok(struct str value)
{
	for (size_t i = 0; i < value.n; i++) {
		unsigned char c = (unsigned char)value.s[i];
		char next;

		if (c >= 32 && c <= 126)
			continue;
		next = i + 1 < value.n ? value.s[i + 1] : ' ';
		if (c == '\r'   ? next != '\n'
		    : c == '\n' ? next != ' ' && next != '\t'
				: (c < 32 && c != '\t') || c > 126)
			return false;
	}
	return true;
}

static const char *const algorithm_names[] = {
    [DKIMSIG_UNKNOWN] = "",
    [DKIMSIG_RSA_SHA256] = "rsa-sha256",
    [DKIMSIG_RSA_SHA1] = "rsa-sha1",
    [DKIMSIG_ED25519_SHA256] = "ed25519-sha256",
};

const char *dkimsig_algorithm_name(enum dkimsig_algorithm algorithm)
{
	return algorithm_names[algorithm];
}

static const char *read_algorithm(const struct str *value, struct dkimsig *signature)
{
	if (!value)
		return "a= is missing";
	for (int i = DKIMSIG_RSA_SHA256; i <= DKIMSIG_ED25519_SHA256; i++) {
		if (str_caseeq(*value, str_of(algorithm_names[i]))) {
			signature->algorithm = (enum dkimsig_algorithm)i;
			return NULL;
		}
	}
	return "unknown algorithm";
}

static bool read_canon(struct str value, bool *relaxed_r)
{
	*relaxed_r = str_caseeq(value, STR("relaxed"));
	return *relaxed_r || str_caseeq(value, STR("simple"));
}

/* c=: header/body; simple where one is not named. */
static const char *read_canons(const struct str *value, struct dkimsig *signature)
{
	ptrdiff_t slash;
	bool ok = true;

	if (value) {
		slash = str_chr(*value, '/');
		ok = read_canon(str_sub(*value, 0, slash < 0 ? value->n : (size_t)slash),
				&signature->relaxed_header);
		if (slash >= 0)
			ok &= read_canon(str_sub(*value, (size_t)slash + 1, value->n),
					 &signature->relaxed_body);
	}
	return ok ? NULL : "unknown canonicalization";
}

static const char *read_domain(struct arena *arena, const struct str *value,
			       struct dkimsig *signature)
{
	if (!value)
		return "d= is missing";
	if (!host_name_ok(*value, 2))
		return "d= is not a domain name";
	signature->domain = str_lower(arena, *value);
	return NULL;
}

static const char *read_selector(struct arena *arena, const struct str *value,
				 struct dkimsig *signature)
{
	if (!value)
		return "s= is missing";
	if (!host_name_ok(*value, 1))
		return "s= is not a selector";
	signature->selector = str_lower(arena, *value);
	if (signature->selector.n + signature->domain.n + sizeof("._domainkey.") - 1 > 253)
		return "the name of the key is too long";
	return NULL;
}

static bool field_name_in_h_ok(struct str name)
{
	for (size_t i = 0; i < name.n; i++)
		if (name.s[i] <= ' ' || name.s[i] > 126)
			return false;
	return name.n > 0;
}

/* Of an ARC-Message-Signature: a name may be empty, as signers leave it and its validators take. */
static const char *read_names(struct arena *arena, const struct str *value, bool arc,
			      struct dkimsig *signature)
{
	VEC(struct str) names = {0};
	size_t at = 0;

	if (!value)
		return "h= is missing";
	if (dkimtag_compact(arena, *value).n > DKIMSIG_HEADERS_BYTES)
		return "h= is too long";
	while (at <= value->n) {
		struct str rest = str_sub(*value, at, value->n), name;
		ptrdiff_t colon = str_chr(rest, ':');

		name = colon < 0 ? rest : str_sub(rest, 0, (size_t)colon);
		at += name.n + 1;
		name = str_trim(name);
		if (arc && name.n == 0)
			continue;
		if (!field_name_in_h_ok(name))
			return "h= is malformed";
		if (names.count == DKIMSIG_HEADERS_MAX)
			return "h= names too many fields";
		*vec_push(arena, &names) = name;
	}
	signature->headers = names.items;
	signature->header_count = names.count;
	return NULL;
}

static const char *read_headers(struct arena *arena, const struct str *value,
				struct dkimsig *signature)
{
	const char *why = read_names(arena, value, false, signature);

	if (why)
		return why;
	return dkimsig_covers(signature, STR("From")) ? NULL : "From is not signed";
}

const char *const dkimsig_once[] = {"From",     "Subject",      "To",           "Cc", "Date",
				    "Reply-To", "Content-Type", "MIME-Version", NULL};

size_t dkimsig_times(const struct dkimsig *signature, struct str field_name)
{
	size_t times = 0;

	for (size_t i = 0; i < signature->header_count; i++)
		times += str_caseeq(signature->headers[i], field_name);
	return times;
}

bool dkimsig_covers(const struct dkimsig *signature, struct str field_name)
{
	return dkimsig_times(signature, field_name) > 0;
}

/* May this local part be printed as it is? A dot-atom may (RFC 5322 3.2.3), or nothing. */
static bool local_part_printable(struct str local)
{
	for (size_t i = 0; i < local.n; i++)
		if (!is_alpha(local.s[i]) && !is_digit(local.s[i]) &&
		    (local.s[i] == '\0' || !strchr("!#$%&'*+-/=?^_`{|}~.", local.s[i])))
			return false;
	return true;
}

/* i=: [ Local-part ] "@" domain-name; the domain is d= or below it. */
static const char *read_identity(struct arena *arena, const struct str *value,
				 struct dkimsig *signature)
{
	struct str identity, domain;
	ptrdiff_t at;

	if (!value) {
		signature->identity_domain = signature->domain;
		signature->identity = str_printf(arena, "@" STR_FMT, STR_ARG(signature->domain));
		return NULL;
	}
	if (!dkimtag_unquote(arena, dkimtag_compact(arena, *value), &identity))
		return "i= is malformed";
	at = str_chr(identity, '@');
	if (identity.n > DKIMSIG_IDENTITY_MAX || at < 0)
		return "i= is malformed";
	domain = str_sub(identity, (size_t)at + 1, identity.n);
	if (!host_name_ok(domain, 2))
		return "i= is malformed";
	signature->identity_domain = str_lower(arena, domain);
	if (!domain_within(signature->identity_domain, signature->domain))
		return "i= is not within d=";
	if (local_part_printable(str_sub(identity, 0, (size_t)at)))
		signature->identity = identity;
	return NULL;
}

/* q=: a list of query methods, of which dns/txt is the only one there is. */
static const char *check_query(struct arena *arena, const struct str *value)
{
	return !value || dkimtag_has(arena, *value, "dns/txt") ? NULL : "unknown query method";
}

/* 1 to 12 digits: seconds and lengths beyond that are nobody's. */
static bool read_number(const struct str *value, uint64_t *number_r)
{
	return value->n <= 12 && str_uint(*value, UINT64_MAX, number_r);
}

static const char *read_length(const struct str *value, struct dkimsig *signature)
{
	signature->partial = value != NULL;
	return !value || read_number(value, &signature->length) ? NULL : "l= is malformed";
}

static const char *check_times(const struct dkimtag_list *tags, int64_t now)
{
	const struct str *t = dkimtag_get(tags, "t"), *x = dkimtag_get(tags, "x");
	uint64_t made = 0, ends = 0;

	if (t && !read_number(t, &made))
		return "t= is malformed";
	if (x && !read_number(x, &ends))
		return "x= is malformed";
	if (t && x && ends <= made)
		return "x= is not after t=";
	if (x && (int64_t)ends + DKIMSIG_DRIFT <= now)
		return "signature expired";
	if (t && (int64_t)made - DKIMSIG_DRIFT > now)
		return "signature from the future";
	return NULL;
}

static const char *read_base64(struct arena *arena, const struct str *value, struct str *compact_r)
{
	struct str bytes, compact;

	if (!value)
		return "b= or bh= is missing";
	compact = dkimtag_compact(arena, *value);
	if (compact.n == 0 || compact.n > DKIMSIG_BASE64_MAX ||
	    !dkimtag_base64(arena, compact, &bytes))
		return "b= or bh= is malformed";
	*compact_r = compact;
	return NULL;
}

static const char *check_version(const struct str *value)
{
	if (!value)
		return "v= is missing";
	return str_eq(*value, STR("1")) ? NULL : "unknown version";
}

/* libopendkim blanks the value of every tag whose name ends in b, and of no "b =". */
static bool layout_awkward(const struct dkimtag_list *tags)
{
	for (size_t i = 0; i < tags->count; i++) {
		struct str name = tags->items[i].name;

		if (name.s[name.n - 1] == 'b' && (name.n > 1 || name.s[1] != '='))
			return true;
	}
	return false;
}

static const char *first_fault(const char *const *whys, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (whys[i])
			return whys[i];
	return NULL;
}

bool dkimsig_split(struct arena *arena, struct str value, struct dkimtag_list *tags_r,
		   const char **why_r)
{
	if (!octets_ok(value)) {
		*why_r = "an octet that cannot stand in a signature";
		return false;
	}
	return dkimtag_split(arena, value, tags_r, why_r);
}

bool dkimsig_read_arc_message(struct arena *arena, const struct dkimtag_list *tags, int64_t now,
			      struct dkimsig *signature_r, const char **why_r)
{
	struct dkimsig *s = signature_r;
	const char *whys[10];
	size_t count = 0;

	*s = (struct dkimsig){.relaxed_header = !dkimtag_get(tags, "c"),
			      .relaxed_body = !dkimtag_get(tags, "c")};
	whys[count++] = read_domain(arena, dkimtag_get(tags, "d"), s);
	whys[count++] = read_selector(arena, dkimtag_get(tags, "s"), s);
	whys[count++] = read_names(arena, dkimtag_get(tags, "h"), true, s);
	whys[count++] = read_length(dkimtag_get(tags, "l"), s);
	whys[count++] = read_base64(arena, dkimtag_get(tags, "b"), &s->b);
	whys[count++] = read_base64(arena, dkimtag_get(tags, "bh"), &s->body_hash);
	whys[count++] = read_algorithm(dkimtag_get(tags, "a"), s);
	whys[count++] = read_canons(dkimtag_get(tags, "c"), s);
	whys[count++] = check_query(arena, dkimtag_get(tags, "q"));
	whys[count++] = check_times(tags, now);
	s->identity_domain = s->domain;
	*why_r = first_fault(whys, count);
	return *why_r == NULL;
}

bool dkimsig_read_arc_seal(struct arena *arena, const struct dkimtag_list *tags,
			   struct dkimsig *signature_r, const char **why_r)
{
	const struct str *t = dkimtag_get(tags, "t");
	struct dkimsig *s = signature_r;
	const char *whys[5];
	size_t count = 0;
	uint64_t made;

	*s = (struct dkimsig){.relaxed_header = true};
	whys[count++] = read_domain(arena, dkimtag_get(tags, "d"), s);
	whys[count++] = read_selector(arena, dkimtag_get(tags, "s"), s);
	whys[count++] = read_base64(arena, dkimtag_get(tags, "b"), &s->b);
	whys[count++] = read_algorithm(dkimtag_get(tags, "a"), s);
	whys[count++] = t && !read_number(t, &made) ? "t= is malformed" : NULL;
	s->identity_domain = s->domain;
	*why_r = first_fault(whys, count);
	return *why_r == NULL;
}

bool dkimsig_read(struct arena *arena, struct str value, int64_t now, struct dkimsig *signature_r,
		  const char **why_r)
{
	struct dkimsig *s = signature_r;
	struct dkimtag_list tags;
	const char *whys[12];
	size_t count = 0;

	*s = (struct dkimsig){0};
	if (!dkimsig_split(arena, value, &tags, why_r))
		return false;
	s->awkward = layout_awkward(&tags);
	whys[count++] = read_domain(arena, dkimtag_get(&tags, "d"), s);
	whys[count++] = read_selector(arena, dkimtag_get(&tags, "s"), s);
	whys[count++] = read_headers(arena, dkimtag_get(&tags, "h"), s);
	whys[count++] = read_identity(arena, dkimtag_get(&tags, "i"), s);
	whys[count++] = read_length(dkimtag_get(&tags, "l"), s);
	whys[count++] = read_base64(arena, dkimtag_get(&tags, "b"), &s->b);
	whys[count++] = read_base64(arena, dkimtag_get(&tags, "bh"), &s->body_hash);
	s->safe = first_fault(whys, count) == NULL;
	whys[count++] = check_version(dkimtag_get(&tags, "v"));
	whys[count++] = read_algorithm(dkimtag_get(&tags, "a"), s);
	whys[count++] = read_canons(dkimtag_get(&tags, "c"), s);
	whys[count++] = check_query(arena, dkimtag_get(&tags, "q"));
	whys[count++] = check_times(&tags, now);
	*why_r = first_fault(whys, count);
	return *why_r == NULL;
}
