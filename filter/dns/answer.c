/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Answers: one block of memory each, with the records and their data behind the head, shared by
 * counting references. The usual failures are constants, so that they can be given even when
 * memory has ended.
 */

#include "filter/dns/answer.h"

#include <stdlib.h>

static const struct answer failures[] = {
    [PROBLEM_TIMEOUT] = {.public = {.status = DNS_FAILED, .problem = "timed out"}},
    [PROBLEM_SERVFAIL] = {.public = {.status = DNS_FAILED, .problem = "SERVFAIL"}},
    [PROBLEM_REFUSED] = {.public = {.status = DNS_FAILED, .problem = "REFUSED"}},
    [PROBLEM_RCODE] = {.public = {.status = DNS_FAILED, .problem = "error reply"}},
    [PROBLEM_BOGUS] = {.public = {.status = DNS_FAILED, .problem = "bogus"}},
    [PROBLEM_MALFORMED] = {.public = {.status = DNS_FAILED, .problem = "malformed reply"}},
    [PROBLEM_CHAIN] = {.public = {.status = DNS_FAILED, .problem = "too many CNAMEs"}},
    [PROBLEM_SIZE] = {.public = {.status = DNS_FAILED,
				 .problem = "answer too large",
				 .oversize = true}},
    [PROBLEM_BUDGET] = {.public = {.status = DNS_FAILED, .problem = "too many lookups"}},
    [PROBLEM_CROWDED] = {.public = {.status = DNS_FAILED, .problem = "resolver overloaded"}},
    [PROBLEM_STOPPED] = {.public = {.status = DNS_FAILED, .problem = "resolver stopped"}},
    [PROBLEM_UPSTREAM] = {.public = {.status = DNS_FAILED, .problem = "resolver error"}},
    [PROBLEM_MEMORY] = {.public = {.status = DNS_FAILED, .problem = "out of memory"}},
};

static const struct answer nxdomain = {.public = {.status = DNS_NXDOMAIN}};

const struct answer *answer_failed(enum answer_problem problem)
{
	return &failures[problem];
}

const struct answer *answer_nxdomain(void)
{
	return &nxdomain;
}

const char *dns_outcome_name(enum dns_outcome outcome)
{
	static const char *const names[] = {
	    [DNS_OUTCOME_FOUND] = "found",       [DNS_OUTCOME_NODATA] = "nodata",
	    [DNS_OUTCOME_NXDOMAIN] = "nxdomain", [DNS_OUTCOME_TIMEOUT] = "timeout",
	    [DNS_OUTCOME_SERVFAIL] = "servfail", [DNS_OUTCOME_BOGUS] = "bogus",
	    [DNS_OUTCOME_FAILED] = "failed",
	};

	return names[outcome];
}

enum dns_outcome answer_outcome(const struct answer *answer)
{
	switch (answer->public.status) {
	case DNS_FOUND:
		return DNS_OUTCOME_FOUND;
	case DNS_NODATA:
		return DNS_OUTCOME_NODATA;
	case DNS_NXDOMAIN:
		return DNS_OUTCOME_NXDOMAIN;
	case DNS_FAILED:
		break;
	}
	return answer == &failures[PROBLEM_TIMEOUT]    ? DNS_OUTCOME_TIMEOUT
	       : answer == &failures[PROBLEM_SERVFAIL] ? DNS_OUTCOME_SERVFAIL
	       : answer == &failures[PROBLEM_BOGUS]    ? DNS_OUTCOME_BOGUS
						       : DNS_OUTCOME_FAILED;
}

/* Only the count of an answer ever changes; those of malloc() are not really const. */
static struct answer *counted(const struct answer *answer)
{
	return answer && answer->size > 0 ? (struct answer *)(uintptr_t)answer : NULL;
}

const struct answer *answer_hold(const struct answer *answer)
{
	struct answer *a = counted(answer);

	if (a)
		atomic_fetch_add_explicit(&a->refs, 1, memory_order_relaxed);
	return answer;
}

void answer_drop(const struct answer *answer)
{
	struct answer *a = counted(answer);

	if (a && atomic_fetch_sub_explicit(&a->refs, 1, memory_order_acq_rel) == 1)
		free(a);
}

void draft_record(struct draft *draft, uint16_t preference)
{
	if (draft->spoilt)
		return;
	if (draft->count == draft->room) {
		size_t room = draft->room > 0 ? 2 * draft->room : 8;
		struct dns_record *records = realloc(draft->records, room * sizeof(*records));

		if (!records) {
			draft->spoilt = true;
			return;
		}
		draft->records = records;
		draft->room = room;
	}
	draft->records[draft->count++] = (struct dns_record){.preference = preference};
}

void draft_add(struct draft *draft, const void *data, size_t n)
{
	/* Data past the limit need not be kept: the answer will not be given. */
	if (draft->spoilt || n == 0 || draft->used > ANSWER_DATA_MAX)
		return;
	if (n > draft->size - draft->used) {
		size_t size = 2 * (draft->used + n);
		char *bytes = realloc(draft->bytes, size);

		if (!bytes) {
			draft->spoilt = true;
			return;
		}
		draft->bytes = bytes;
		draft->size = size;
	}
	memcpy(draft->bytes + draft->used, data, n);
	draft->used += n;
	draft->records[draft->count - 1].data.n += n;
}

static struct answer *draft_pack(const struct draft *draft)
{
	size_t records_size = draft->count * sizeof(*draft->records);
	size_t size = sizeof(struct answer) + records_size + draft->used + 1;
	struct answer *answer = calloc(1, size);
	struct dns_record *records;
	char *bytes;

	if (!answer)
		return NULL;
	records = (struct dns_record *)(void *)(answer + 1);
	bytes = (char *)(answer + 1) + records_size;
	answer->size = size;
	atomic_init(&answer->refs, 1);
	if (draft->used > 0)
		memcpy(bytes, draft->bytes, draft->used);
	for (size_t i = 0; i < draft->count; i++) {
		records[i] = draft->records[i];
		records[i].data.s = bytes;
		bytes += records[i].data.n;
	}
	answer->public.count = draft->count;
	answer->public.records = records;
	return answer;
}

const struct answer *draft_finish(struct draft *draft, enum dns_type type,
				  enum dns_status otherwise, uint32_t ttl, bool secure)
{
	struct answer *answer = NULL;
	enum answer_problem problem = PROBLEM_MEMORY;

	if (draft->used > (type == DNS_TXT ? ANSWER_TXT_MAX : ANSWER_DATA_MAX))
		problem = PROBLEM_SIZE;
	else if (!draft->spoilt)
		answer = draft_pack(draft);
	draft_drop(draft);
	if (!answer)
		return answer_failed(problem);
	answer->public.status = answer->public.count > 0 ? DNS_FOUND : otherwise;
	answer->public.ttl = ttl;
	answer->public.secure = secure;
	return answer;
}

void draft_drop(struct draft *draft)
{
	free(draft->records);
	free(draft->bytes);
	*draft = (struct draft){0};
}
