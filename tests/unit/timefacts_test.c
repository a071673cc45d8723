/* SPDX-License-Identifier: BSD-2-Clause */
/* Hour and weekday follow the zone of the server, over midnight and with daylight saving. */

#include <stdlib.h>
#include <time.h>

#include "postern/fact.h"
#include "tests/unit/unit.h"

/* 2023-11-15, a Wednesday; and 2024-07-07, a Sunday. */
#define WEDNESDAY_NOON INT64_C(1700049600)
#define SUNDAY_2359 INT64_C(1720396740)

static const struct value *at(const char *zone, int64_t wall, const char *fact)
{
	static struct value value;
	struct clock clock = {.manual = true, .wall = wall};
	struct fact_call call = {.clock = &clock};

	setenv("TZ", zone, 1);
	tzset();
	value = value_absent();
	value.state = registry_fact(str_of(fact))->provide(&call, &value);
	return &value;
}

static struct str weekday(const char *zone, int64_t wall)
{
	const struct fact_def *def = registry_fact(STR("time.weekday"));

	return str_of(def->type.enumeration->values[at(zone, wall, def->name)->number]);
}

static void test_hours(void)
{
	CHECK_INT(at("UTC0", WEDNESDAY_NOON, "time.hour")->state, FACT_PRESENT);
	CHECK_INT(at("UTC0", WEDNESDAY_NOON, "time.hour")->number, 12000);
	CHECK_INT(at("UTC0", WEDNESDAY_NOON - 1, "time.hour")->number, 11000);
	CHECK_INT(at("ZONE-5:30", WEDNESDAY_NOON, "time.hour")->number, 17000);
	CHECK_INT(at("ZONE-12", WEDNESDAY_NOON, "time.hour")->number, 0);
	CHECK_INT(at("UTC0", SUNDAY_2359, "time.hour")->number, 23000);
}

static void test_daylight_saving(void)
{
	const char *zone = "CET-1CEST,M3.5.0,M10.5.0/3";

	CHECK_INT(at(zone, WEDNESDAY_NOON, "time.hour")->number, 13000);
	CHECK_INT(at(zone, SUNDAY_2359, "time.hour")->number, 1000);
}

static void test_weekdays(void)
{
	static const char *const week[] = {"wednesday", "thursday", "friday", "saturday",
					   "sunday",    "monday",   "tuesday"};

	for (int day = 0; day < 7; day++)
		CHECK_STR(weekday("UTC0", WEDNESDAY_NOON + day * 86400), week[day]);
	CHECK_STR(weekday("ZONE-12", WEDNESDAY_NOON), "thursday");
	CHECK_STR(weekday("ZONE+12:01", WEDNESDAY_NOON), "tuesday");
	CHECK_STR(weekday("CET-1CEST,M3.5.0,M10.5.0/3", SUNDAY_2359), "monday");
}

static void test_a_clock_past_all_years(void)
{
	CHECK_INT(at("UTC0", INT64_MAX, "time.hour")->state, FACT_FAILED);
	CHECK_INT(at("UTC0", INT64_MAX, "time.weekday")->state, FACT_FAILED);
}

int main(void)
{
	RUN(test_hours);
	RUN(test_daylight_saving);
	RUN(test_weekdays);
	RUN(test_a_clock_past_all_years);
	return unit_done();
}
