/* SPDX-License-Identifier: BSD-2-Clause */
/* The three fields and the structure of their sets; fields found by name and in canonical form. */

#include "filter/auth/arcset.h"
#include "postern/arena.h"
#include "tests/unit/unit.h"

#define NOW 1700000000
#define AAR "ARC-Authentication-Results"
#define AMS "ARC-Message-Signature"
#define AS "ARC-Seal"
#define MESSAGE_TAGS "a=rsa-sha256; d=example.org; s=s; h=from:to; bh=AAAA; b=AAAA"
#define SEAL_TAGS "a=rsa-sha256; d=example.org; s=s; b=AAAA"

static struct arena *arena;
static struct arcfield_list fields;
static struct arcset_chain chain;

static void begin(void)
{
	arena = arena_new(NULL);
	fields = (struct arcfield_list){.arena = arena};
	chain = (struct arcset_chain){0};
}

static void end(void)
{
	arena_free(&arena);
}

static void add(const char *name, const char *value)
{
	arcfield_add(&fields, str_of(name), str_of(value));
}

static void add_set(unsigned i, const char *cv)
{
	add(AAR, str_printf(arena, " i=%u; example.org; spf=pass", i).s);
	add(AMS, str_printf(arena, " i=%u; " MESSAGE_TAGS, i).s);
	add(AS, str_printf(arena, " i=%u; cv=%s; " SEAL_TAGS, i, cv).s);
}

/* "" where the structure is right. */
static struct str fault(void)
{
	const char *why;

	return arcset_read(&fields, false, NOW, &chain, &why) ? STR("") : str_of(why);
}

/* The fault of a chain of one set in which one field is another. */
static struct str fault_of(const char *name, const char *value)
{
	static char kept[200];
	struct str why;

	begin();
	add(AAR, strcmp(name, AAR) == 0 ? value : "i=1; example.org; none");
	add(AMS, strcmp(name, AMS) == 0 ? value : "i=1; " MESSAGE_TAGS);
	add(AS, strcmp(name, AS) == 0 ? value : "i=1; cv=none; " SEAL_TAGS);
	why = fault();
	snprintf(kept, sizeof(kept), STR_FMT, STR_ARG(why));
	end();
	return str_of(kept);
}

static void test_results(void)
{
	static const char *const right[] = {"i=1; x", " i=1; a.example; none", "\r\n\ti = 1 ; x",
					    "(c) i (a(b\\)) =) = 1 (x) ; x", "i=01; x"};
	static const char *const wrong[][2] = {
	    {"", "does not begin with i="},       {"x; i=1", "does not begin with i="},
	    {"i", "does not begin with i="},      {"(i=1; x", "does not begin with i="},
	    {"i=; x", "i= is malformed"},         {"i=-1; x", "i= is malformed"},
	    {"i=0; x", "i= is malformed"},        {"i=001; x", "i= is malformed"},
	    {"i=51; x", "i= is over 50"},         {"i=9999; x", "i= is malformed"},
	    {"i=1", "no result follows i="},      {"i=1;", "no result follows i="},
	    {"i=1 x", "no result follows i="},    {"i=1; (only", "no result follows i="},
	    {"I=1; x", "does not begin with i="},
	};

	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++)
		CHECK_STR(fault_of(AAR, right[i]), "");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char whole[100];

		snprintf(whole, sizeof(whole), AAR ": %s", wrong[i][1]);
		CHECK_STR(fault_of(AAR, wrong[i][0]), whole);
	}
}

static void test_message_signatures(void)
{
	CHECK_STR(fault_of(AMS, "i=1; x=1700000001; " MESSAGE_TAGS), "");
	CHECK_STR(fault_of(AMS, "i = 1 ; c=simple ;" MESSAGE_TAGS ";"), "");
	CHECK_STR(fault_of(AMS, "i=1; a=rsa-sha256; d=example.org; s=s; h=; bh=AAAA; b=AAAA"), "");
	CHECK_STR(fault_of(AMS, "i=1; a=rsa-sha256; d=example.org; s=s; h=to::cc; bh=AAAA; b=AA"),
		  "");
	CHECK_STR(fault_of(AMS, MESSAGE_TAGS), AMS ": i= is missing");
	CHECK_STR(fault_of(AMS, "i=1; i=1; " MESSAGE_TAGS), AMS ": a tag stands twice");
	CHECK_STR(fault_of(AMS, "i=1; ; " MESSAGE_TAGS), AMS ": not a tag list");
	CHECK_STR(fault_of(AMS, "i=1; x=\001; " MESSAGE_TAGS),
		  AMS ": an octet that cannot stand in a signature");
	CHECK_STR(fault_of(AMS, "i=1; l=3; " MESSAGE_TAGS),
		  AMS " 1: signs a part of the body only");
	CHECK_STR(fault_of(AMS, "i=1; x=1600000000; " MESSAGE_TAGS), AMS " 1: signature expired");
	CHECK_STR(fault_of(AMS, "i=1; q=http; " MESSAGE_TAGS), AMS " 1: unknown query method");
	CHECK_STR(fault_of(AMS, "i=1; a=rsa-sha1; d=example.org; s=s; h=to; bh=AAAA; b=AAAA"),
		  AMS " 1: rsa-sha1 is not accepted");
	CHECK_STR(fault_of(AMS, "i=1; a=rsa-sha256; d=a.example; s=s; h=to:arc-seal; bh=AA; b=AA"),
		  AMS " 1: h= names ARC-Seal");
	CHECK_STR(fault_of(AMS, "i=1; a=rsa-sha256; d=x; s=s; h=to; bh=AAAA; b=AAAA"),
		  AMS " 1: d= is not a domain name");
}

static void test_seals(void)
{
	CHECK_STR(fault_of(AS, "i=1; cv=NONE; t=1; " SEAL_TAGS), "");
	CHECK_STR(fault_of(AS, "i=1; " SEAL_TAGS), AS ": cv= is missing");
	CHECK_STR(fault_of(AS, "i=1; cv=; " SEAL_TAGS), AS " 1: wrong cv=");
	CHECK_STR(fault_of(AS, "i=1; cv=pass; " SEAL_TAGS), AS " 1: wrong cv=");
	CHECK_STR(fault_of(AS, "i=1; cv=fail; " SEAL_TAGS), AS " 1 says fail");
	CHECK_STR(fault_of(AS, "i=1; cv=none; h=from; " SEAL_TAGS), AS ": has an h=");
	CHECK_STR(fault_of(AS, "i=1; cv=none; t=; " SEAL_TAGS), AS ": t= is malformed");
	CHECK_STR(fault_of(AS, "i=1; cv=none; a=rsa-sha1; d=example.org; s=s; b=AAAA"),
		  AS ": rsa-sha1 is not accepted");
	CHECK_STR(fault_of(AS, "i=1; cv=none; a=rsa-sha256; d=a..b; s=s; b=AAAA"),
		  AS ": d= is not a domain name");
	CHECK_STR(fault_of(AS, "i=1; cv=none; a=rsa-sha256; d=a.example; s=s; b=!"),
		  AS ": b= or bh= is malformed");
	CHECK_STR(fault_of(AS, ""), AS ": i= is missing");
}

static void test_structure(void)
{
	begin();
	for (unsigned i = 1; i <= LIMIT_ARC_SETS; i++)
		add_set(i, i == 1 ? "none" : "pass");
	CHECK_STR(fault(), "");
	CHECK_INT(chain.instance, 50);
	end();
	begin();
	add_set(LIMIT_ARC_SETS + 1, "pass");
	add_set(1, "none");
	CHECK_STR(fault(), AAR ": i= is over 50");
	CHECK_INT(chain.instance, 1);
	end();
	begin();
	add_set(1, "none");
	add_set(3, "pass");
	CHECK_STR(fault(), AAR " 2 is missing");
	CHECK_INT(chain.instance, 3);
	end();
	begin();
	add_set(2, "pass");
	CHECK_STR(fault(), AAR " 1 is missing");
	end();
	begin();
	add_set(1, "none");
	add_set(2, "none");
	CHECK_STR(fault(), AS " 2: wrong cv=");
	end();
	begin();
	add_set(1, "fail");
	add_set(2, "pass");
	CHECK_STR(fault(), AS " 1: wrong cv=");
	end();
	begin();
	add_set(1, "none");
	add(AS, "i=1; cv=none; " SEAL_TAGS);
	CHECK_STR(fault(), AS ": there are two of one instance");
	end();
}

/* What is wrong with an older message signature is known, and the chain does not rest on it. */
static void test_broken_older_message(void)
{
	begin();
	add(AMS, "i=1; a=unknown");
	add(AAR, "i=1; x");
	add(AS, "i=1; cv=none; " SEAL_TAGS);
	add_set(2, "pass");
	CHECK_STR(fault(), "");
	CHECK(chain.sets[1].message_fault != NULL && chain.sets[2].message_fault == NULL);
	end();
}

static void test_order_of_the_fields(void)
{
	begin();
	add(AS, "i=2; cv=pass; " SEAL_TAGS);
	add(AAR, "i=1; x");
	add("aRC-message-Signature ", "i=2; " MESSAGE_TAGS);
	add(AS, "i=1; cv=none; a=rsa-sha256; d=Other.Example; s=S; b=A A\r\n AA");
	add(AAR, "i=2; x");
	add(AMS, "i=1; " MESSAGE_TAGS);
	CHECK_STR(fault(), "");
	CHECK_STR(chain.sets[1].seal.domain, "other.example");
	CHECK_STR(chain.sets[1].seal_b, "A A\r\n AA");
	CHECK(chain.sets[2].message.relaxed_body && chain.sets[2].message.relaxed_header);
	end();
}

static void test_pick(void)
{
	static const char *const names[] = {"To", "nothing", "to", "X", "to", "to", "ARC-seal"};
	struct arcfield *picked[7];
	struct str wanted[7];
	size_t count;

	begin();
	for (size_t i = 0; i < 7; i++)
		wanted[i] = str_of(names[i]);
	add("TO", "1");
	add("tO ", "2");
	add("x", "3");
	add("ARC-Seal", "4");
	add("to", "5");
	count = arcfield_pick(&fields, wanted, 7, &fields.all.items[1], picked);
	CHECK_INT(count, 4);
	CHECK_STR(picked[0]->value, "5");
	CHECK_STR(picked[1]->value, "1");
	CHECK_STR(picked[2]->value, "3");
	CHECK_STR(picked[3]->value, "4");
	CHECK_INT(arcfield_pick(&fields, wanted, 1, NULL, picked), 1);
	CHECK_STR(picked[0]->value, "5");
	end();
}

static struct str canon(const char *name, struct str value, bool relaxed)
{
	fields.all.count = 0;
	arcfield_add(&fields, str_of(name), value);
	return arcfield_canon(arena, &fields.all.items[0], relaxed);
}

static void test_canonical_fields(void)
{
	begin();
	CHECK_STR(canon("SubJect ", STR(" a\t b\n\tc \r\n d  "), true), "subject:a b c d");
	CHECK_STR(canon("SubJect ", STR(" a\t b\n\tc \r\n d  "), false),
		  "SubJect : a\t b\r\n\tc \r\n d  ");
	CHECK_STR(canon("A", STR(""), true), "a:");
	CHECK_STR(canon("A", STR(" \n "), true), "a:");
	CHECK_STR(canon("A", STR("b\rc\vd"), true), "a:b\rc\vd");
	CHECK_STR(canon("A", STR("b\nc"), true), "a:b\nc");
	end();
}

static void test_canonical_without_a_tag(void)
{
	struct arcfield field = {.name = STR("ARC-Seal"),
				 .value = STR(" i=1; b =  AA\n\t BB  ; d=x; b2=AA")};

	begin();
	CHECK_STR(arcfield_canon_without(arena, &field, true, str_sub(field.value, 11, 6)),
		  "arc-seal:i=1; b =; d=x; b2=AA");
	CHECK_STR(arcfield_canon_without(arena, &field, false,
					 str_sub(field.value, field.value.n - 2, 2)),
		  "ARC-Seal: i=1; b =  AA\r\n\t BB  ; d=x; b2=");
	end();
}

int main(void)
{
	RUN(test_results);
	RUN(test_message_signatures);
	RUN(test_seals);
	RUN(test_structure);
	RUN(test_broken_older_message);
	RUN(test_order_of_the_fields);
	RUN(test_pick);
	RUN(test_canonical_fields);
	RUN(test_canonical_without_a_tag);
	return unit_done();
}
