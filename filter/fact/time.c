/* SPDX-License-Identifier: BSD-2-Clause */
/* The time of day and the day of the week at which a client came, by the server's local time. */

#include "postern/fact.h"

#include <time.h>

static const char *const weekdays[] = {"monday", "tuesday",  "wednesday", "thursday",
				       "friday", "saturday", "sunday",    NULL};
static const struct enum_def weekday_enum = {"weekday", weekdays};

static bool local_time(const struct fact_call *call, struct tm *tm_r, struct value *value_r)
{
	time_t now = clock_time(call->clock);

	if (localtime_r(&now, tm_r))
		return true;
	*value_r = value_failed("the clock is past all years");
	return false;
}

static enum fact_state hour_provide(const struct fact_call *call, struct value *value_r)
{
	struct tm tm;

	if (!local_time(call, &tm, value_r))
		return FACT_FAILED;
	*value_r = value_number(tm.tm_hour * 1000);
	return FACT_PRESENT;
}

static enum fact_state weekday_provide(const struct fact_call *call, struct value *value_r)
{
	struct tm tm;

	if (!local_time(call, &tm, value_r))
		return FACT_FAILED;
	/* struct tm counts from Sunday. */
	*value_r = value_enum((tm.tm_wday + 6) % 7);
	return FACT_PRESENT;
}

static const char *const no_inputs[] = {NULL};

static const struct fact_def facts[] = {
    {.name = "time.hour",
     .always = true,
     .type = {TYPE_NUMBER, false, NULL},
     .stage = STAGE_CONNECT,
     .scope = SCOPE_CONNECTION,
     .inputs = no_inputs,
     .provide = hour_provide,
     .on_failure = FAILURE_DEFER,
     .help = "Hour at which the client came, 0 to 23, by the server's local time."},
    {.name = "time.weekday",
     .always = true,
     .type = {TYPE_ENUM, false, &weekday_enum},
     .stage = STAGE_CONNECT,
     .scope = SCOPE_CONNECTION,
     .inputs = no_inputs,
     .provide = weekday_provide,
     .on_failure = FAILURE_DEFER,
     .help = "Day on which the client came, by the server's local time."},
    {.name = NULL},
};

const struct family family_time = {.name = "time", .facts = facts};
