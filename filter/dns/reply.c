/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a reply to an answer: one pass over the message, which follows the CNAMEs in the order in
 * which the resolver put them and keeps the records at their end. Every byte comes from somebody
 * else's name server, so every length is checked, and a reply with one bad record is no answer.
 */

#include "filter/dns/reply.h"

#define TYPE_SOA 6
#define CLASS_IN 1
#define HEADER_SIZE 12

struct reader {
	const uint8_t *message;
	size_t size, at;
};

struct record {
	struct name owner;
	uint16_t type, class;
	uint32_t ttl;
	size_t data, end; /* the record's own data in the message */
};

static uint16_t read16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t read32(const uint8_t *p)
{
	return (uint32_t)read16(p) << 16 | read16(p + 2);
}

static bool reader_record(struct reader *r, struct record *record_r)
{
	const uint8_t *fixed;

	if (!name_from_message(r->message, r->size, &r->at, &record_r->owner) ||
	    r->size - r->at < 10)
		return false;
	fixed = r->message + r->at;
	record_r->type = read16(fixed);
	record_r->class = read16(fixed + 2);
	record_r->ttl = read32(fixed + 4);
	if (record_r->ttl > INT32_MAX)
		record_r->ttl = 0; /* RFC 2181 section 8 */
	record_r->data = r->at + 10;
	record_r->end = record_r->data + read16(fixed + 8);
	r->at = record_r->end;
	return record_r->end <= r->size;
}

/* A name that begins at `at` and fills the rest of the record's data. */
static bool reader_name(const struct reader *r, const struct record *record, size_t at,
			struct name *name_r)
{
	return at < record->end && name_from_message(r->message, record->end, &at, name_r) &&
	       at == record->end;
}

static bool add_txt(const struct reader *r, const struct record *record, struct draft *draft)
{
	size_t at = record->data;

	draft_record(draft, 0);
	while (at < record->end) {
		size_t n = r->message[at++];

		if (n > record->end - at)
			return false;
		draft_add(draft, r->message + at, n);
		at += n;
	}
	return record->end > record->data;
}

static bool add_name(const struct reader *r, const struct record *record, size_t at,
		     uint16_t preference, struct draft *draft)
{
	struct name name;
	char buf[NAME_TEXT_MAX];
	struct str text;

	if (!reader_name(r, record, at, &name))
		return false;
	text = name_text(&name, buf);
	draft_record(draft, preference);
	draft_add(draft, text.s, text.n);
	return true;
}

static bool add_record(const struct reader *r, const struct record *record, struct draft *draft)
{
	size_t n = record->end - record->data;

	switch ((enum dns_type)record->type) {
	case DNS_A:
	case DNS_AAAA:
		if (n != (record->type == DNS_A ? 4 : 16))
			return false;
		draft_record(draft, 0);
		draft_add(draft, r->message + record->data, n);
		return true;
	case DNS_TXT:
		return add_txt(r, record, draft);
	case DNS_MX:
		return n > 2 && add_name(r, record, record->data + 2,
					 read16(r->message + record->data), draft);
	case DNS_CNAME:
	case DNS_PTR:
		return add_name(r, record, record->data, 0, draft);
	}
	return false;
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/*
 * The answer section. *owner is the name asked for, then what the CNAMEs lead to; *ttl becomes
 * the least of all records used.
 */
static const struct answer *read_answers(struct reader *r, size_t count, enum dns_type type,
					 struct name *owner, uint32_t *ttl, struct draft *draft)
{
	size_t hops = 0;

	while (count-- > 0) {
		struct record record;

		if (!reader_record(r, &record))
			return answer_failed(PROBLEM_MALFORMED);
		if (record.class != CLASS_IN || !name_eq(&record.owner, owner))
			continue;
		if (record.type == type) {
			if (!add_record(r, &record, draft))
				return answer_failed(PROBLEM_MALFORMED);
		} else if (record.type == DNS_CNAME && draft->count == 0) {
			if (++hops > ANSWER_CNAME_MAX)
				return answer_failed(PROBLEM_CHAIN);
			if (!reader_name(r, &record, record.data, owner))
				return answer_failed(PROBLEM_MALFORMED);
		} else {
			continue;
		}
		*ttl = least(*ttl, record.ttl);
	}
	return NULL;
}

/*
 * How long a negative answer holds is what the zone's SOA says, in its TTL and its last field;
 * without one it must not be kept (RFC 2308 section 5).
 */
static bool read_negative_ttl(struct reader *r, size_t count, uint32_t *ttl)
{
	bool seen = false;

	while (count-- > 0) {
		struct record record;
		struct name name;
		size_t at;

		if (!reader_record(r, &record))
			return false;
		if (record.type != TYPE_SOA || record.class != CLASS_IN)
			continue;
		at = record.data;
		if (!name_from_message(r->message, record.end, &at, &name) ||
		    !name_from_message(r->message, record.end, &at, &name) || record.end - at != 20)
			return false;
		*ttl = least(*ttl, least(record.ttl, read32(r->message + at + 16)));
		seen = true;
	}
	*ttl = seen ? least(*ttl, ANSWER_NEGATIVE_TTL_MAX) : 0;
	return true;
}

static bool read_question(struct reader *r, const struct dns_key *question)
{
	struct name name;

	if (!name_from_message(r->message, r->size, &r->at, &name) || r->size - r->at < 4 ||
	    !name_eq(&name, &question->name) ||
	    read16(r->message + r->at) != (uint16_t)question->type ||
	    read16(r->message + r->at + 2) != CLASS_IN)
		return false;
	r->at += 4;
	return true;
}

const struct answer *reply_read(const struct dns_key *question, const uint8_t *message, size_t size,
				bool secure)
{
	struct reader r = {.message = message, .size = size, .at = HEADER_SIZE};
	struct draft draft = {0};
	struct name owner = question->name;
	uint32_t ttl = ANSWER_TTL_MAX;
	const struct answer *failed;
	unsigned flags;

	if (size < HEADER_SIZE)
		return answer_failed(PROBLEM_MALFORMED);
	flags = read16(message + 2);
	/* QR set, QUERY, not truncated, one question. */
	if ((flags & 0xfa00) != 0x8000 || read16(message + 4) != 1 || !read_question(&r, question))
		return answer_failed(PROBLEM_MALFORMED);
	if ((flags & 15) != 0 && (flags & 15) != 3)
		return reply_error(flags & 15);
	failed = read_answers(&r, read16(message + 6), question->type, &owner, &ttl, &draft);
	if (!failed && draft.count == 0 && !read_negative_ttl(&r, read16(message + 8), &ttl))
		failed = answer_failed(PROBLEM_MALFORMED);
	/* A name cannot both have records and not exist. */
	if (!failed && draft.count > 0 && (flags & 15) == 3)
		failed = answer_failed(PROBLEM_MALFORMED);
	if (failed) {
		draft_drop(&draft);
		return failed;
	}
	return draft_finish(&draft, question->type, (flags & 15) == 3 ? DNS_NXDOMAIN : DNS_NODATA,
			    ttl, secure);
}

const struct answer *reply_error(unsigned rcode)
{
	switch (rcode) {
	case 2:
		return answer_failed(PROBLEM_SERVFAIL);
	case 3:
		return answer_nxdomain();
	case 5:
		return answer_failed(PROBLEM_REFUSED);
	default:
		return answer_failed(PROBLEM_RCODE);
	}
}
