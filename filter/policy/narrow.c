/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Narrows what is left of a frame: a constraint leaves to each part of its condition what can
 * still make it as it is wanted, a subject leaves to its conditions what one of its cases has.
 * Both go on until nothing changes. The truth tables are the evaluator's.
 */

#include "filter/policy/prove.h"

static struct frame *top(const struct prover *p)
{
	return &p->frames.items[p->depth];
}

/* ---- what has to be looked at again ---- */

void subject_touch(struct prover *p, size_t at)
{
	if (p->subject_dirty[at])
		return;
	p->subject_dirty[at] = true;
	*vec_push(p->arena, &p->subjects_waiting) = at;
}

void constraint_touch(struct prover *p, size_t at)
{
	if (p->constraints[at].dirty || p->constraints[at].wanted == 0)
		return;
	p->constraints[at].dirty = true;
	*vec_push(p->arena, &p->waiting) = at;
}

/* ---- frames ---- */

static void frame_new(struct prover *p)
{
	struct frame *frame = vec_push(p->arena, &p->frames);

	*frame = (struct frame){0};
	frame->states = arena_array(p->arena, p->elementary.count + 1, sizeof(cond_set));
	frame->cases = arena_array(p->arena, p->words + 1, sizeof(uint64_t));
}

static void use_top(struct prover *p)
{
	for (unsigned side = 0; side < SIDES; side++)
		p->assumed[side].states = top(p)->states;
}

struct frame *narrow_root(struct prover *p)
{
	struct frame *frame;

	p->depth = 0;
	if (p->frames.count == 0)
		frame_new(p);
	frame = top(p);
	for (size_t i = 0; i < p->elementary.count; i++)
		frame->states[i] = COND_FALSE | COND_TRUE | COND_FAILED;
	for (size_t i = 0; i < p->subjects.count; i++) {
		const struct subject *subject = &p->subjects.items[i];

		for (size_t n = 0; n < subject->cases.count; n++)
			frame->cases[subject->at + n / 64] |= UINT64_C(1) << n % 64;
		subject_touch(p, i);
	}
	use_top(p);
	return frame;
}

struct frame *narrow_push(struct prover *p)
{
	const struct frame *below;
	struct frame *frame;

	if (++p->depth == p->frames.count)
		frame_new(p);
	below = &p->frames.items[p->depth - 1];
	frame = top(p);
	memcpy(frame->states, below->states, p->elementary.count * sizeof(cond_set));
	memcpy(frame->cases, below->cases, p->words * sizeof(uint64_t));
	use_top(p);
	return frame;
}

void narrow_pop(struct prover *p)
{
	p->depth--;
	use_top(p);
	/* What a contradiction left undone belonged to the frame that is gone. */
	while (p->waiting.count > 0)
		p->constraints[p->waiting.items[--p->waiting.count]].dirty = false;
	while (p->subjects_waiting.count > 0)
		p->subject_dirty[p->subjects_waiting.items[--p->subjects_waiting.count]] = false;
}

/* ---- subjects ---- */

static void touch(struct prover *p, uint32_t variable)
{
	const struct elementary *one = &p->elementary.items[variable];

	for (size_t i = 0; i < one->constraints.count; i++)
		constraint_touch(p, one->constraints.items[i]);
}

bool narrow_variable(struct prover *p, uint32_t variable, cond_set states)
{
	cond_set *own = &top(p)->states[variable];

	states &= *own;
	if (states == *own)
		return true;
	*own = states;
	touch(p, variable);
	subject_touch(p, p->elementary.items[variable].subject);
	return states != 0;
}

static const uint64_t *with(const struct subject *subject, size_t column, unsigned state)
{
	return subject->with + (column * 4 + state) * subject->words;
}

/* Leaves the cases that have a state which is left, in each column. */
static bool leave_cases(const struct subject *subject, const struct frame *frame, uint64_t *cases)
{
	uint64_t any = 0;

	for (size_t w = 0; w < subject->words; w++) {
		for (size_t c = 0; c < subject->conditions.count; c++) {
			cond_set states = frame->states[subject->conditions.items[c]];
			uint64_t have = 0;

			for (unsigned state = 0; state < 4; state++)
				if (states & 1u << state)
					have |= with(subject, c, state)[w];
			cases[w] &= have;
		}
		any |= cases[w];
	}
	return any != 0;
}

static bool narrow_subject(struct prover *p, const struct subject *subject)
{
	struct frame *frame = top(p);
	uint64_t *cases = frame->cases + subject->at;

	/* A subject with very many cases is much more work than a rule. */
	p->steps += subject->conditions.count * subject->words / 16;
	if (!leave_cases(subject, frame, cases))
		return false;
	for (size_t c = 0; c < subject->conditions.count; c++) {
		uint32_t variable = subject->conditions.items[c];
		cond_set left = 0;

		for (unsigned state = 0; state < 4; state++)
			for (size_t w = 0; w < subject->words; w++)
				if (with(subject, c, state)[w] & cases[w])
					left |= (cond_set)(1u << state);
		left &= frame->states[variable];
		if (left == 0)
			return false;
		if (left != frame->states[variable]) {
			frame->states[variable] = left;
			touch(p, variable);
		}
	}
	return true;
}

/* ---- conditions ---- */

static cond_set possible(struct prover *p, unsigned side, const struct cond *cond)
{
	return evaluate(&p->views[side], cond, NULL).possible;
}

/* Those states of a part that together with one of the others' give what is wanted. */
static cond_set useful(enum cond_kind kind, cond_set part, cond_set others, cond_set wanted)
{
	cond_set kept = 0;

	for (unsigned i = 0; i < 4; i++) {
		cond_set one = (cond_set)(1u << i);

		if (part & one &&
		    (kind == COND_AND ? cond_and(one, others) : cond_or(one, others)) & wanted)
			kept |= one;
	}
	return kept;
}

static bool narrow_cond(struct prover *p, unsigned side, const struct cond *cond, cond_set wanted);

static bool narrow_parts(struct prover *p, unsigned side, const struct cond *cond, cond_set wanted)
{
	for (size_t i = 0; i < cond->count; i++) {
		cond_set part = possible(p, side, cond->parts[i]), kept;
		cond_set others = cond->kind == COND_AND ? COND_TRUE : COND_FALSE;

		for (size_t j = 0; j < cond->count; j++)
			if (j != i)
				others = cond->kind == COND_AND
					     ? cond_and(others, possible(p, side, cond->parts[j]))
					     : cond_or(others, possible(p, side, cond->parts[j]));
		kept = useful(cond->kind, part, others, wanted);
		if (kept == 0 || (kept != part && !narrow_cond(p, side, cond->parts[i], kept)))
			return false;
	}
	return true;
}

static bool narrow_cond(struct prover *p, unsigned side, const struct cond *cond, cond_set wanted)
{
	switch (cond->kind) {
	case COND_TEST:
		if (p->tests[side][cond->number] != ASSUMED_NOT)
			return narrow_variable(p, p->tests[side][cond->number], wanted);
		return (possible(p, side, cond) & wanted) != 0;
	case COND_NOT:
		return narrow_cond(p, side, cond->parts[0], cond_not(wanted));
	case COND_AND:
	case COND_OR:
		break;
	}
	/* A part of very many is not worth looking at against all the others. */
	if (cond->count > 100)
		return (possible(p, side, cond) & wanted) != 0;
	return narrow_parts(p, side, cond, wanted);
}

/* ---- rules ---- */

cond_set narrow_state(struct prover *p, const struct constraint *constraint)
{
	p->steps++;
	if (constraint->sums)
		engine_place(&p->views[constraint->side], constraint->rule);
	return constraint->rule ? engine_rule(&p->views[constraint->side], constraint->rule)
				: possible(p, constraint->side, constraint->cond);
}

static bool narrow_constraint(struct prover *p, const struct constraint *constraint)
{
	cond_set state = narrow_state(p, constraint), wanted = constraint->wanted, cond;

	if ((state & wanted) == 0)
		return false;
	if ((state & ~wanted) == 0 || !constraint->cond)
		return true;
	/* Where the condition is true the rule's state is that of its texts. */
	cond = possible(p, constraint->side, constraint->cond);
	if (cond & COND_TRUE && constraint->rule) {
		cond_set texts =
		    evaluate_texts(&p->views[constraint->side], constraint->rule, NULL).possible;

		wanted = (cond_set)((wanted & ~COND_TRUE) | (texts & wanted ? COND_TRUE : 0));
	}
	return narrow_cond(p, constraint->side, constraint->cond, wanted);
}

void narrow_touch(struct prover *p)
{
	for (size_t i = 0; i < p->constraint_count; i++)
		constraint_touch(p, i);
}

bool narrow(struct prover *p)
{
	/* Subjects first: they are cheap, and leave the constraints less to look at. */
	while (p->subjects_waiting.count > 0 || p->waiting.count > 0) {
		struct constraint *constraint;

		if (p->subjects_waiting.count > 0) {
			size_t at = p->subjects_waiting.items[--p->subjects_waiting.count];

			p->subject_dirty[at] = false;
			if (!narrow_subject(p, &p->subjects.items[at]))
				return false;
			continue;
		}
		constraint = &p->constraints[p->waiting.items[--p->waiting.count]];
		constraint->dirty = false;
		if (constraint->wanted != 0 && !narrow_constraint(p, constraint))
			return false;
	}
	return true;
}
