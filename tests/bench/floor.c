/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The floor under every figure of the bench: a filter on libmilter that asks for the steps a
 * verifier needs (no HELO, no DATA), answers MAIL so that the envelope arrives early, leaves the
 * other steps unanswered as far as the MTA allows it, reads everything and decides nothing.
 *
 *   floor [-a] SOCKET        -a: adds one header field at the end of each message
 */
#include <libmilter/mfapi.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* What the filter would like; floor_negotiate() keeps what the MTA offers of it. */
#define FLOOR_UNSEEN (SMFIP_NOHELO | SMFIP_NODATA | SMFIP_NOUNKNOWN)
#define FLOOR_UNANSWERED                                                                           \
	(SMFIP_NR_CONN | SMFIP_NR_RCPT | SMFIP_NR_HDR | SMFIP_NR_EOH | SMFIP_NR_BODY)

static bool add_field;

static sfsistat floor_negotiate(SMFICTX *session, unsigned long actions, unsigned long steps,
				unsigned long unused2, unsigned long unused3,
				unsigned long *actions_r, unsigned long *steps_r,
				unsigned long *unused2_r, unsigned long *unused3_r)
{
	unsigned long granted = steps & (FLOOR_UNSEEN | FLOOR_UNANSWERED);

	(void)unused2;
	(void)unused3;
	if ((granted & FLOOR_UNANSWERED) != FLOOR_UNANSWERED)
		granted &= ~(unsigned long)FLOOR_UNANSWERED;
	smfi_setpriv(session, granted & FLOOR_UNANSWERED ? &add_field : NULL);
	*actions_r = actions & SMFIF_ADDHDRS;
	*steps_r = granted;
	*unused2_r = 0;
	*unused3_r = 0;
	return SMFIS_CONTINUE;
}

/* The session's private pointer says whether the MTA waits for an answer to these steps. */
static sfsistat floor_step(SMFICTX *session)
{
	return smfi_getpriv(session) ? SMFIS_NOREPLY : SMFIS_CONTINUE;
}

static sfsistat floor_connect(SMFICTX *session, char *name, _SOCK_ADDR *address)
{
	(void)name;
	(void)address;
	return floor_step(session);
}

static sfsistat floor_mail(SMFICTX *session, char **arguments)
{
	(void)session;
	(void)arguments;
	return SMFIS_CONTINUE;
}

static sfsistat floor_rcpt(SMFICTX *session, char **arguments)
{
	(void)arguments;
	return floor_step(session);
}

static sfsistat floor_header(SMFICTX *session, char *name, char *value)
{
	(void)name;
	(void)value;
	return floor_step(session);
}

static sfsistat floor_body(SMFICTX *session, unsigned char *bytes, size_t length)
{
	(void)bytes;
	(void)length;
	return floor_step(session);
}

static sfsistat floor_end(SMFICTX *session)
{
	if (add_field && smfi_insheader(session, 0, "Authentication-Results",
					"mx.example.net; none") == MI_FAILURE)
		return SMFIS_TEMPFAIL;
	return SMFIS_CONTINUE;
}

static sfsistat floor_close(SMFICTX *session)
{
	smfi_setpriv(session, NULL);
	return SMFIS_CONTINUE;
}

int main(int argc, char **argv)
{
	struct smfiDesc filter = {
	    .xxfi_name = "floor",
	    .xxfi_version = SMFI_VERSION,
	    .xxfi_flags = SMFIF_ADDHDRS,
	    .xxfi_negotiate = floor_negotiate,
	    .xxfi_connect = floor_connect,
	    .xxfi_envfrom = floor_mail,
	    .xxfi_envrcpt = floor_rcpt,
	    .xxfi_header = floor_header,
	    .xxfi_eoh = floor_step,
	    .xxfi_body = floor_body,
	    .xxfi_eom = floor_end,
	    .xxfi_close = floor_close,
	};

	add_field = argc == 3 && strcmp(argv[1], "-a") == 0;
	if (argc != 2 + add_field) {
		fprintf(stderr, "usage: floor [-a] SOCKET\n");
		return 2;
	}
	if (smfi_setconn(argv[argc - 1]) == MI_FAILURE || smfi_register(filter) == MI_FAILURE ||
	    smfi_opensocket(true) == MI_FAILURE || smfi_main() == MI_FAILURE)
		return 1;
	return 0;
}
