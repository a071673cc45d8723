/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FILTER_POLICY_WARN_H
#define FILTER_POLICY_WARN_H

/* Between the files that look for what is doubtful, one a theme: see postern/check.h. */

#include "postern/arena.h"
#include "postern/check.h"
#include "postern/engine.h"

struct checker {
	const struct policy *policy;
	struct diag *diag;
	struct arena *arena;
	VEC(struct span) warned; /* places, and names beside them */
	VEC(const char *) names;
};

/* A warning, once at a place. False: it stands there already, and wants no notes. */
bool warn_at(struct checker *checker, const char *name, struct span span, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* ---- warn.c: what several themes ask ---- */

const struct slot *warn_slot(const struct checker *checker, unsigned slot);
/* The last action of a rule that decides. */
struct span warn_verdict_span(const struct plan_rule *rule);
/* Calls fn for each test of a condition; `holds`: whether the condition is truer when it holds. */
void warn_tests(const struct cond *cond, bool holds,
		void (*fn)(void *ctx, const struct cond *test, bool holds), void *ctx);
/* Calls fn for each slot that a rule's condition names. */
void warn_slots(const struct cond *cond, void (*fn)(void *ctx, unsigned slot), void *ctx);
/* Is `value` what an enumeration is compared with, or among it? */
bool warn_names_value(const struct policy *policy, const struct cond *test, const char *value);
/* Has it a verdict that counts? Rules that are only observed have none. */
bool warn_decides(const struct plan_rule *rule);
/* A verdict that keeps a message from its recipient, or puts it aside. */
bool warn_stops(const struct plan_rule *rule);

/* ---- warnforge.c ---- */

/*
 * Does the condition hold only for clients that prove who they are by MAIL: by their address,
 * login or certificate? (`holds` false: does it fail only for them?)
 */
bool warn_own_clients(struct checker *checker, const struct cond *cond, bool holds);

/* ---- the themes ---- */

void warn_forgeable(struct checker *checker);
void warn_results(struct checker *checker);
void warn_replies(struct checker *checker);
void warn_recipients(struct checker *checker);
void warn_late(struct checker *checker);
void warn_cost(struct checker *checker);
void warn_unused(struct checker *checker);
void warn_items(struct checker *checker);
void warn_never(struct checker *checker);

#endif
