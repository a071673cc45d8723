/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_POLICY_PROPERTY_H
#define TESTS_POLICY_PROPERTY_H

/*
 * The property test's own idea of a policy and of a dialogue. A case is flat: no pointers but to
 * constant texts, so that shrinking copies it whole. Three files work on it and share nothing with
 * the engine: one makes cases at random, one writes them as policy text, one says what the
 * definition wants. What the engine sees is the text, and facts that read their values from here.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/fact.h"
#include "postern/tree.h"

/* ---- facts ---- */

enum kind { BOOL, ENUM, NUM, TEXT, LIST, ADDRESS, DOMAIN, ADDRESSES, DOMAINS, ADDRESS_OF_IP };

/* id, name, kind, stage, scope, cost, on failure: made up, values from the case's tables. */
#define MADE_UP(X)                                                                                 \
	X(C_FLAG, "connect.flag", BOOL, CONNECT, CONNECTION, FREE, NEVER)                          \
	X(C_COLOR, "connect.color", ENUM, CONNECT, CONNECTION, FREE, NEVER)                        \
	X(C_TEXT, "connect.text", TEXT, CONNECT, CONNECTION, DNS, DEFER)                           \
	X(C_LIST, "connect.list", LIST, CONNECT, CONNECTION, DNS, SKIP)                            \
	X(H_FLAG, "helo.flag", BOOL, HELO, HELO, FREE, NEVER)                                      \
	X(H_TEXT, "helo.text", TEXT, HELO, HELO, DNS, SKIP)                                        \
	X(H_NUM, "helo.number", NUM, HELO, HELO, FREE, DEFER)                                      \
	X(M_FLAG, "mail.flag", BOOL, MAIL, MESSAGE, FREE, NEVER)                                   \
	X(M_COLOR, "mail.color", ENUM, MAIL, MESSAGE, DNS, NEVER)                                  \
	X(M_TEXT, "mail.text", TEXT, MAIL, MESSAGE, DNS, DEFER)                                    \
	X(M_NUM, "mail.number", NUM, MAIL, MESSAGE, DNS, SKIP)                                     \
	X(M_LIST, "mail.list", LIST, MAIL, MESSAGE, FREE, NEVER)                                   \
	X(P_FLAG, "rcpt.flag", BOOL, RCPT, MESSAGE, FREE, NEVER)                                   \
	X(P_NUM, "rcpt.number", NUM, RCPT, MESSAGE, DNS, DEFER)                                    \
	X(D_FLAG, "data.flag", BOOL, DATA, MESSAGE, FREE, NEVER)                                   \
	X(D_TEXT, "data.text", TEXT, DATA, MESSAGE, DNS, SKIP)                                     \
	X(D_COLOR, "data.color", ENUM, DATA, MESSAGE, FREE, DEFER)                                 \
	X(E_FLAG, "headers.flag", BOOL, HEADERS, MESSAGE, FREE, NEVER)                             \
	X(E_LIST, "headers.list", LIST, HEADERS, MESSAGE, DNS, DEFER)                              \
	X(E_NUM, "headers.number", NUM, HEADERS, MESSAGE, CPU, SKIP)                               \
	X(B_FLAG, "message.flag", BOOL, MESSAGE, MESSAGE, FREE, NEVER)                             \
	X(B_COLOR, "message.color", ENUM, MESSAGE, MESSAGE, DNS, NEVER)                            \
	X(B_LIST, "message.list", LIST, MESSAGE, MESSAGE, DNS, SKIP)                               \
	X(B_NUM, "message.number", NUM, MESSAGE, MESSAGE, FREE, NEVER)                             \
	X(U_FLAG, "user.flag", BOOL, RCPT, RECIPIENT, FREE, NEVER)                                 \
	X(U_COLOR, "user.color", ENUM, RCPT, RECIPIENT, FREE, NEVER)                               \
	X(U_NUM, "user.number", NUM, RCPT, RECIPIENT, DNS, DEFER)                                  \
	X(U_TEXT, "user.text", TEXT, RCPT, RECIPIENT, DNS, SKIP)                                   \
	X(U_LIST, "user.list", LIST, RCPT, RECIPIENT, FREE, NEVER)                                 \
	X(U_DATA, "user.data-flag", BOOL, DATA, RECIPIENT, FREE, NEVER)                            \
	X(U_HEADER, "user.header-text", TEXT, HEADERS, RECIPIENT, DNS, DEFER)                      \
	X(U_BODY, "user.body-color", ENUM, MESSAGE, RECIPIENT, FREE, SKIP)

#define FACT_ID(id, ...) F_##id,
enum {
	MADE_UP(FACT_ID) MADE_UP_COUNT,
	/* computed from others */
	F_PAIR = MADE_UP_COUNT, /* are mail.text and helo.number present? */
	F_LATE,                 /* are user.flag and headers.flag the same? */
	F_SOON, /* is data.text present? else, is message.color the first? told at headers if it is
		 */
	F_ECHO_MAIL,
	F_ECHO_USER,
	F_ECHO_DATA, /* a text through a fact with an argument */
	/* of the real families */
	F_CLIENT_IP,
	F_HELO_NAME,
	F_SENDER_DOMAIN,
	F_RECIPIENT,
	F_RECIPIENT_DOMAIN,
	F_RECIPIENTS,
	F_DOMAINS,
	F_COUNT,
	F_ATTEMPTED,
	F_HEADER,
	F_HEADER_COUNT,
	F_SUBJECT,
	/* sums of the scores above a rule: of all, and of two names */
	F_SCORE,
	F_SCORE_SPAM,
	F_SCORE_BULK,
	FACTS
};

struct fact_row {
	const char *name; /* as a policy writes it */
	enum kind kind;
	enum stage stage;
	enum scope scope;
	bool dns;
	bool defers, skips; /* what its failure, or that of what it rests on, may do */
	int inputs[2];      /* of computed ones; -1: none */
	bool plain;         /* may stand in a text of a refusal */
	enum stage early;   /* the first at which it may be told; 0: `stage` */
};
extern const struct fact_row fact_rows[FACTS];

/* What a fact is worth. GROWING: only of lists and counts of recipients. */
struct worth {
	enum fact_state state;
	long number; /* thousandths, 0 or 1, index of a colour */
	const char *text;
	const char *items[8];
	int count;
	bool incomplete;
};

#define ADDRESSES_MOST 6
#define HELOS 3
#define MAILS_MOST 3
#define RCPTS_MOST 5
extern const char *const addresses[ADDRESSES_MOST], *const address_domains[ADDRESSES_MOST];
extern const char *const colors[6]; /* NULL-terminated */

/* ---- the policy ---- */

#define EXPRS_MOST 320
#define RULES_MOST 12
#define GROUPS_MOST 4
#define DEFINES_MOST 3
#define PARTS_MOST 3

enum right { RIGHT_IS_VALUE, RIGHT_IS_FACT, RIGHT_IS_TEXT, RIGHT_IS_SET, RIGHT_IS_TABLE };

struct test {
	int left;
	enum quantifier quantifier;
	enum compare_op op; /* never a negated one */
	bool negated;
	enum right right;
	int fact;             /* on the right; of a text: in it */
	const char *suffix;   /* of a text */
	long numbers[3];      /* values of ENUM, NUM, BOOL */
	const char *texts[3]; /* of the others */
	int count;
};

enum node { NODE_AND, NODE_OR, NODE_NOT, NODE_TEST, NODE_DEFINE };
struct node_expr {
	enum node node;
	int parts[PARTS_MOST], count; /* of a define: parts[0] is its number */
	struct test test;
};

/* A condition and its exceptions; -1: none. */
struct clause {
	int when, unless[2];
};

enum act {
	ACT_ACCEPT,
	ACT_REJECT,
	ACT_DEFER,
	ACT_DISCARD,
	ACT_HOLD,
	ACT_ADD,
	ACT_INSERT,
	ACT_REPLACE,
	ACT_REMOVE,
	ACT_PREFIX,
	ACT_LOG,
	ACT_SCORE
};
struct act_row {
	enum act act;
	int code;         /* 0: the default */
	const char *name; /* of a field */
	const char *text;
	int facts[2]; /* interpolated behind the text; -1: none */
	int sum;      /* of a score: the fact that it adds to */
	long points;
};
struct gen_rule {
	bool off, labelled, observe;
	enum stage latest; /* when all is known that its condition and texts ask for */
	int group;         /* innermost; -1: none */
	struct clause clause;
	struct act_row acts[3];
	int count;
};

struct gen_policy {
	struct node_expr exprs[EXPRS_MOST];
	int expr_count;
	struct gen_rule rules[RULES_MOST];
	int rule_count;
	struct {
		int parent;
		struct clause clause;
	} groups[GROUPS_MOST];
	int group_count;
	int defines[DEFINES_MOST], define_count;
	bool early;
	const char *mixed; /* NULL: not set */
	bool observe;      /* set mode observe */
};

/* ---- the dialogue ---- */

struct gen_mail {
	bool helo; /* said before it */
	bool helo_again;
	int rcpts[RCPTS_MOST], rcpt_count;
	int abort_after;      /* events after which its first try is given up; 0: never */
	bool one_by_one;      /* those put off are brought one in a transaction */
	bool brings_deferred; /* and those deferred along with them */
	bool hides_data;      /* an MTA that shows no DATA */
	const char *domain;   /* of the sender; NULL: the null sender */
	const char *subject;
	const char *xa[2], *xb[2];
	int xa_count, xb_count;
	struct worth values[MADE_UP_COUNT];
};

struct gen_case {
	uint64_t seed;
	struct gen_policy policy;
	int delays[MADE_UP_COUNT]; /* how many slow answers its lookup waits for */
	struct worth connection[MADE_UP_COUNT];
	struct worth again[MADE_UP_COUNT]; /* what failed, after the first transaction */
	struct worth helo[HELOS][MADE_UP_COUNT];
	struct worth user[ADDRESSES_MOST][MADE_UP_COUNT];
	struct gen_mail mails[MAILS_MOST];
	int mail_count;
};

/* Where a dialogue stands, for those who look up values. */
struct place {
	const struct gen_case *c;
	int mail, transaction;
	int helo; /* of how many was said so far, the last; -1: none */
	int rcpt; /* address, or -1 */
};
/* The final value of a made-up fact. */
const struct worth *place_value(const struct place *place, int fact);
/* What the providers read: set by the driver. */
extern struct place place_now;

/* ---- property_gen.c ---- */

void case_make(struct gen_case *c, uint64_t seed);
/* The earliest stage at which the condition of a rule may be true: what its text may speak of. */
enum stage rule_first(const struct gen_policy *p, const struct gen_rule *rule);

/* ---- property_text.c ---- */

/* The policy as its author would write it; valid until the next call. */
const char *policy_text(const struct gen_policy *p);
/* Facts and dialogue, for a report. */
void case_print(const struct gen_case *c);
bool act_decisive(enum act act);
bool act_edits(enum act act);
/* What a rule adds to a sum. */
long rule_points(const struct gen_rule *rule, int sum);
/* Is the fact used by a rule that counts? (also through defines) */
bool policy_uses(const struct gen_policy *p, int fact);

/* ---- property_oracle.c ---- */

/* What is known at a moment, for one recipient or none. */
struct moment {
	struct place place;
	enum stage stage;
	bool waits;      /* lookups may be waited for */
	bool offline;    /* none was made */
	bool everything; /* as it ends up */
	int recipients[2 * RCPTS_MOST], recipient_count;
	int attempted[2 * RCPTS_MOST], attempted_count;
};

struct said {
	bool certain;
	enum verdict verdict;
	int rule;     /* the first certain one; -1: none */
	bool pending; /* an edit or log may still happen */
	bool text_known;
};
/* Certain by sets of possible values, rule by rule. */
void oracle_now(const struct moment *m, struct said *said_r);

struct final {
	enum verdict verdict;
	int rule;
	bool failure;
	bool applies[RULES_MOST]; /* edits and logs above it */
	long score;               /* of it and all above it */
};
/* Everything known: the first decisive rule whose condition is true. */
void oracle_final(const struct moment *m, struct final *final_r);
/* Is the rule's condition true with everything known? */
bool oracle_true(const struct moment *m, int rule);
/* Is there a decisive rule that cannot be judged, or may turn out so? */
bool oracle_fails(const struct moment *m);
/* What it comes to with everything known: 1 true, 0 false, -1 it failed and defers, -2 is skipped.
 */
int oracle_value(const struct moment *m, int rule);
/* Does the rule decide in any case, even if it cannot be judged? */
bool oracle_decides(const struct moment *m, int rule);
/* An action's text with its facts; valid until the eighth next call. */
const char *oracle_text(const struct moment *m, const struct act_row *act);

/* ---- property_header.c ---- */

#define HEADER_MOST 64
struct header_line {
	char name[24], value[400];
};
struct header {
	struct header_line lines[HEADER_MOST];
	int count;
};
void header_of(const struct gen_mail *mail, struct header *header_r);
/* What the definition makes of it. */
void header_expected(const struct moment *m, const struct final *final, struct header *header);
/* What an MTA makes of it when it carries out the edits; false: an edit that it cannot. */
struct edits;
bool header_apply(struct header *header, const struct edits *edits);
bool header_equal(const struct header *a, const struct header *b);
void header_print(const struct header *header);

/* ---- property_drive.c ---- */

/* Runs the dialogue against a session. NULL: all is as it should be; else what is not. */
const char *case_run(const struct gen_case *c, bool verbose);
/* How often a verdict was told late because of one slow lookup. */
extern unsigned drive_late;
void drive_begin(void);
void drive_end(void);

#endif
