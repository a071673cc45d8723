/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POSTERN_OBSERVE_H
#define POSTERN_OBSERVE_H

/* What is told about decisions: one line a message, one a refused recipient. */

struct session;

/*
 * Writes the line of what session_report() says: "QUEUEID: verdict=reject stage=rcpt rule=relay
 * ...", key=value, values with blanks in double quotes. `ctx` is not used.
 */
void logline_write(void *ctx, const struct session *session);

#endif
