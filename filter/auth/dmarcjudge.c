/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What DMARC says of a message: each author domain is judged with what is known, and the strictest
 * counts. What DKIM, or a lookup that failed, could still change is open or failed, nothing else.
 */

#include "postern/dmarc.h"

/* What one author domain comes to. */
struct judged {
	bool open; /* DKIM may make it pass or fail */
	enum dmarc_result result;
	enum dmarc_policy asked; /* of a fail, and the most that may be asked where that is open */
	bool asked_sure;
};

static struct judged judge_one(const struct dmarc_author *author, enum dmarc_alignment spf,
			       const enum dmarc_alignment *dkim)
{
	struct judged j = {.asked = author->policy, .asked_sure = !author->policy_unsure};

	if (author->failed) {
		j.result = DMARC_RESULT_TEMPERROR;
		j.asked = DMARC_POLICY_REJECT;
		j.asked_sure = false;
	} else if (!author->found) {
		j.result = DMARC_RESULT_NONE;
	} else if (spf == DMARC_ALIGNED || (dkim && *dkim == DMARC_ALIGNED)) {
		j.result = DMARC_RESULT_PASS;
	} else if (!dkim) {
		j.open = true;
	} else if (spf == DMARC_UNSURE || *dkim == DMARC_UNSURE) {
		j.result = DMARC_RESULT_TEMPERROR;
		j.asked_sure = false;
	} else {
		j.result = DMARC_RESULT_FAIL;
	}
	if (!j.open && (j.result == DMARC_RESULT_NONE || j.result == DMARC_RESULT_PASS)) {
		j.asked = DMARC_POLICY_NONE;
		j.asked_sure = true;
	}
	/* Nothing milder than none can come out. */
	if (j.asked == DMARC_POLICY_NONE)
		j.asked_sure = true;
	return j;
}

/* Which of two results speaks for the message. */
static int weight(const struct judged *j)
{
	static const int weights[] = {[DMARC_RESULT_NONE] = 1,
				      [DMARC_RESULT_PASS] = 0,
				      [DMARC_RESULT_TEMPERROR] = 2,
				      [DMARC_RESULT_FAIL] = 3};

	return weights[j->result] * 4 + (int)j->asked;
}

static const char *reason_of(const struct dmarc_author *author, const struct judged *j)
{
	if (author->failed)
		return "the DMARC record cannot be looked up";
	if (j->result == DMARC_RESULT_TEMPERROR)
		return "SPF, DKIM or alignment cannot be looked up";
	return author->testing && j->result == DMARC_RESULT_FAIL ? "test mode" : NULL;
}

void dmarc_judge(const struct dmarc_author *authors, size_t count, const enum dmarc_alignment *spf,
		 const enum dmarc_alignment *dkim, struct dmarc_verdict *v)
{
	struct judged worst = {.result = DMARC_RESULT_PASS};
	enum dmarc_policy open_up_to = DMARC_POLICY_NONE, unsure_up_to = DMARC_POLICY_NONE;
	bool open = false, first = true;

	*v = (struct dmarc_verdict){.disposition = DMARC_POLICY_NONE};
	for (size_t i = 0; i < count; i++) {
		struct judged j = judge_one(&authors[i], spf[i], dkim ? &dkim[i] : NULL);

		if (j.open && j.asked > open_up_to)
			open_up_to = j.asked;
		else if (!j.open && !j.asked_sure && j.asked > unsure_up_to)
			unsure_up_to = j.asked;
		else if (!j.open && j.asked_sure && j.asked > v->disposition)
			v->disposition = j.asked;
		open |= j.open;
		if (j.open || (!first && weight(&j) <= weight(&worst)))
			continue;
		worst = j;
		v->author = &authors[i];
		v->reason = reason_of(&authors[i], &j);
		first = false;
	}
	v->result = worst.result;
	if (open && worst.result != DMARC_RESULT_FAIL)
		v->result_settled = DMARC_OPEN;
	if (open_up_to > v->disposition)
		v->disposition_settled = DMARC_OPEN;
	else if (unsure_up_to > v->disposition)
		v->disposition_settled = DMARC_FAILED;
	/* Of one author the policy is known before what follows from it. */
	if (open)
		v->author = count == 1 ? &authors[0] : NULL;
}
