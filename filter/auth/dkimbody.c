/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The octets of a body, made safe for libopendkim's canonicalizers: their result depends on
 * where a chunk ends when that is at a CR, a last line without CRLF fails every signature, and
 * bare CRs and LFs open gaps in what is hashed, which the caller has to know of.
 */

#include "filter/auth/dkimbody.h"

static bool at_line_start(const struct dkimbody *body)
{
	return !body->any || body->ended;
}

/* Looks for line ends that are not CRLF. `before` is the byte before the piece. */
static void watch(struct dkimbody *body, char before, struct str piece)
{
	const char *end = piece.s + piece.n, *p = piece.s;
	char many[DKIMBODY_CR_MAX + 1];

	while (body->watch_lf && !body->bare_lf &&
	       (p = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		body->bare_lf = (p == piece.s ? before : p[-1]) != '\r';
		p++;
	}
	p = piece.s;
	while (!body->bare_cr && (p = memchr(p, '\r', (size_t)(end - p))) != NULL) {
		p++;
		body->bare_cr = p < end && *p != '\n';
	}
	if (body->bare_cr && !body->blank_cr)
		body->blank_cr =
		    memmem(piece.s, piece.n, "\n\r\r", 3) != NULL ||
		    (body->held == 0 && at_line_start(body) && str_starts(piece, STR("\r\r")));
	/* Whole here, and yet not to be kept where a piece ends in it. */
	if (body->bare_cr && !body->too_many_cr) {
		memset(many, '\r', sizeof(many));
		body->too_many_cr = memmem(piece.s, piece.n, many, sizeof(many)) != NULL;
	}
}

/* Passes on the held CRs together with the first byte that follows them. */
static void release(struct dkimbody *body, char next, dkimbody_feed *feed, void *ctx)
{
	char glued[DKIMBODY_CR_MAX + 2];

	memset(glued, '\r', body->held);
	glued[body->held] = next;
	feed(ctx, glued, body->held + 1);
	body->bare_cr |= body->held > 1 || next != '\n';
	body->blank_cr |= body->held > 1 && at_line_start(body);
	body->any = true;
	body->ended = next == '\n';
	body->held = 0;
}

static void hold(struct dkimbody *body, size_t count)
{
	body->held += count;
	if (body->held > DKIMBODY_CR_MAX) {
		body->held = DKIMBODY_CR_MAX;
		body->too_many_cr = true;
	}
}

void dkimbody_add(struct dkimbody *body, struct str chunk, dkimbody_feed *feed, void *ctx)
{
	size_t leading = 0, trailing = 0;
	struct str piece;

	while (body->held > 0 && leading < chunk.n && chunk.s[leading] == '\r')
		leading++;
	hold(body, leading);
	chunk = str_sub(chunk, leading, chunk.n);
	while (trailing < chunk.n && chunk.s[chunk.n - 1 - trailing] == '\r')
		trailing++;
	piece = str_sub(chunk, 0, chunk.n - trailing);
	if (piece.n > 0) {
		watch(body, body->held > 0 ? '\r' : 0, piece);
		if (body->held > 0) {
			release(body, piece.s[0], feed, ctx);
			piece = str_sub(piece, 1, piece.n);
		} else {
			body->ended = false;
		}
	}
	if (piece.n > 0) {
		feed(ctx, piece.s, piece.n);
		body->any = true;
		body->ended =
		    piece.n > 1 && piece.s[piece.n - 1] == '\n' && piece.s[piece.n - 2] == '\r';
	}
	hold(body, trailing);
}

void dkimbody_end(struct dkimbody *body, dkimbody_feed *feed, void *ctx)
{
	if (body->held > 0) {
		body->held++;
		release(body, '\n', feed, ctx);
	} else if (body->any && !body->ended) {
		feed(ctx, "\r\n", 2);
	}
}

const char *dkimbody_blind(const struct dkimbody *body, bool relaxed)
{
	if (body->too_many_cr || (relaxed ? body->bare_cr : body->blank_cr))
		return "bare CR in the body";
	return body->bare_lf && !relaxed ? "bare LF in the body" : NULL;
}
