/* SPDX-License-Identifier: BSD-2-Clause */
/* What a session knows and did, for those who keep a record of it. Nothing is looked up for that.
 */

#include "filter/session/private.h"

static void each_of_scope(struct session *s, enum scope scope, const struct cell *cells,
			  int recipient, session_fact_visit *visit, void *ctx)
{
	for (size_t i = 0; i < s->policy->slot_count; i++) {
		const struct slot *slot = &s->policy->slots[i];
		const struct value *value;

		if (slot->scope != scope || slot->def->internal ||
		    slot->def->type.base == TYPE_OPAQUE)
			continue;
		value = &cells[slot->index].value;
		if (value_known(value))
			visit(ctx, slot, value, recipient);
	}
}

void session_each_fact(const struct session *session, session_fact_visit *visit, void *ctx)
{
	struct session *s = (struct session *)(uintptr_t)session;

	for (int scope = SCOPE_CONNECTION; scope < SCOPE_RECIPIENT; scope++)
		each_of_scope(s, (enum scope)scope, s->cells[scope], -1, visit, ctx);
	if (s->report.refused >= 0) {
		if (s->view.cells[SCOPE_RECIPIENT])
			each_of_scope(s, SCOPE_RECIPIENT, s->view.cells[SCOPE_RECIPIENT],
				      s->report.refused, visit, ctx);
		return;
	}
	for (size_t i = 0; i < s->recipients.count; i++)
		each_of_scope(s, SCOPE_RECIPIENT, s->recipients.items[i].cells,
			      (int)s->recipients.items[i].report, visit, ctx);
}

struct rule_visit {
	session_rule_visit *visit;
	void *ctx;
};

static void visit_rule(void *ctx, const struct plan_rule *rule, cond_set state)
{
	const struct rule_visit *to = ctx;

	to->visit(to->ctx, rule, cond_name(state));
}

void session_each_rule(const struct session *session, session_rule_visit *visit, void *ctx)
{
	struct session *s = (struct session *)(uintptr_t)session;
	struct arena *scratch = arena_new(s->arena);
	struct rule_visit to = {visit, ctx};
	struct decision d;

	engine_decide(&s->view, scratch, visit_rule, &to, &d);
	arena_free(&scratch);
}

const struct lookups *session_lookups(const struct session *s)
{
	return s->view.lookups;
}

int64_t session_duration(const struct session *s)
{
	return s->began == 0 ? 0 : clock_now(s->env.clock) - s->began;
}
