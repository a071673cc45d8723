/* SPDX-License-Identifier: BSD-2-Clause */
/* What is agreed on with an MTA, and how a session's reply becomes one that it takes. */

#include "unit.h"

#include "filter/milter/conn.h"
#include "postern/str.h"

static char text[REPLY_TEXT_MAX + 1];

static void texts(void)
{
	char raw[2 * REPLY_TEXT_MAX];

	reply_text("", text);
	CHECK_STR(str_of(text), "");
	reply_text("100% of %s", text);
	CHECK_STR(str_of(text), "100%% of %%s");
	reply_text("a\r\nb\tc\x7f\xc3\xa4", text);
	CHECK_STR(str_of(text), "a??b?c???");
	memset(raw, 'x', sizeof(raw));
	raw[sizeof(raw) - 1] = '\0';
	reply_text(raw, text);
	CHECK_INT(strlen(text), REPLY_TEXT_MAX);
	/* A doubled '%' is not cut in two. */
	raw[REPLY_TEXT_MAX - 1] = '%';
	reply_text(raw, text);
	CHECK_INT(strlen(text), REPLY_TEXT_MAX - 1);
	memset(raw, '%', sizeof(raw) - 1);
	reply_text(raw, text);
	CHECK_INT(strlen(text), REPLY_TEXT_MAX);
}

static void codes(void)
{
	static const struct {
		enum reply_kind kind;
		int code;
		const char *enhanced, *code_told, *enhanced_told;
	} cases[] = {
	    {REPLY_REJECT, 554, "5.7.23", "554", "5.7.23"},
	    {REPLY_TEMPFAIL, 421, "4.3.2", "421", "4.3.2"},
	    {REPLY_REJECT, 451, "4.7.1", "550", "5.7.1"},
	    {REPLY_TEMPFAIL, 550, "5.7.1", "451", "4.7.1"},
	    {REPLY_TEMPFAIL, 0, NULL, "451", "4.7.1"},
	    {REPLY_REJECT, 5500, "", "550", "5.7.1"},
	    {REPLY_REJECT, 550, "5.7", "550", "5.7.1"},
	    {REPLY_REJECT, 550, "5.7.", "550", "5.7.1"},
	    {REPLY_REJECT, 550, "5.7.1000", "550", "5.7.1"},
	    {REPLY_REJECT, 550, "5.7.1 x", "550", "5.7.1"},
	    {REPLY_REJECT, 550, "5.999.999", "550", "5.999.999"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct reply reply = {
		    .kind = cases[i].kind, .code = cases[i].code, .enhanced = cases[i].enhanced};
		const char *enhanced;
		char code[4];

		reply_codes(&reply, code, &enhanced);
		CHECK_STR(str_of(code), cases[i].code_told);
		CHECK_STR(str_of(enhanced), cases[i].enhanced_told);
	}
}

static void needs_and_offers(void)
{
	struct session_needs needs = {.headers = true, .eoh = true, .eoh_reply = true};
	struct agreement agreement;

	agreement_make(&needs, SMFI_CURR_ACTS, SMFI_CURR_PROT, &agreement);
	CHECK_INT(agreement.actions, SMFIF_SETSYMLIST);
	CHECK_INT(agreement.missing, 0);
	CHECK(!(agreement.steps & (SMFIP_NOHDRS | SMFIP_NOEOH | SMFIP_NR_EOH | SMFIP_NR_MAIL |
				   SMFIP_NOCONNECT | SMFIP_NOMAIL | SMFIP_RCPT_REJ)));
	CHECK((agreement.steps & SMFIP_NOBODY) && (agreement.steps & SMFIP_NR_HDR) &&
	      (agreement.steps & SMFIP_HDR_LEADSPC));

	/* Never more than is offered; an old MTA awaits every reply. */
	for (unsigned bit = 0; bit < 21; bit++) {
		agreement_make(&needs, 0, 1UL << bit, &agreement);
		CHECK_INT(agreement.steps & ~(1UL << bit), 0);
		CHECK_INT(agreement.actions, 0);
	}
	agreement_make(&needs, SMFI_CURR_ACTS, SMFI_CURR_PROT & ~(unsigned long)SMFIP_SKIP,
		       &agreement);
	CHECK(!(agreement.steps & (SMFIP_NR_HDR | SMFIP_NR_BODY | SMFIP_NR_CONN)));

	needs =
	    (struct session_needs){.edits_headers = true, .edits_recipients = true, .holds = true};
	agreement_make(&needs, SMFIF_ADDHDRS | SMFIF_CHGBODY, 0, &agreement);
	CHECK_INT(agreement.actions, SMFIF_ADDHDRS);
	CHECK_INT(agreement.missing,
		  SMFIF_CHGHDRS | SMFIF_ADDRCPT | SMFIF_DELRCPT | SMFIF_QUARANTINE);
}

static void macro_lists(void)
{
	char list[MACRO_LIST_MAX], many[1024] = "";

	CHECK(agreement_macro_list("i j client_addr", "", list));
	CHECK_STR(str_of(list), "i j {client_addr}");
	CHECK(agreement_macro_list("i", " {i}  j\t{client_addr} client_addr {j} ", list));
	CHECK_STR(str_of(list), "i j {client_addr}");
	CHECK(agreement_macro_list("", "", list));
	CHECK_STR(str_of(list), "");

	for (int i = 0; i < MACRO_COUNT_MAX + 5; i++)
		snprintf(many + strlen(many), sizeof(many) - strlen(many), "name%d ", i);
	CHECK(!agreement_macro_list("i", many, list));
	CHECK(str_ends(str_of(list), STR("{name48}")));
	memset(many, 'x', sizeof(many) - 1);
	CHECK(!agreement_macro_list("i", many, list));
	CHECK_STR(str_of(list), "i");
}

static void what_ends_a_message(void)
{
	struct reply go_on = {.kind = REPLY_CONTINUE}, refusal = {.kind = REPLY_REJECT};

	CHECK(!reply_is_final(STEP_MAIL, &go_on));
	CHECK(reply_is_final(STEP_MAIL, &refusal));
	CHECK(!reply_is_final(STEP_RCPT, &refusal));
	CHECK(reply_is_final(STEP_DATA, &refusal));
	CHECK(reply_is_final(STEP_EOM, &go_on));
}

int main(void)
{
	RUN(texts);
	RUN(codes);
	RUN(needs_and_offers);
	RUN(macro_lists);
	RUN(what_ends_a_message);
	return unit_done();
}
