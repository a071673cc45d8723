/* SPDX-License-Identifier: BSD-2-Clause */
/* Errors, warnings and their notes as JSON objects, with the places that people are shown. */

#include "filter/command/findings.h"

static void set_place(json_t *object, struct span span)
{
	size_t line = 0, column = 0;

	if (span.source)
		span_place(span, &line, &column);
	json_object_set_new(object, "file", json_text(span.source ? span.source->name : NULL));
	json_object_set_new(object, "line",
			    span.source ? json_integer((json_int_t)line) : json_null());
	json_object_set_new(object, "column",
			    span.source ? json_integer((json_int_t)column) : json_null());
	json_object_set_new(object, "length",
			    span.source ? json_integer((json_int_t)(span.to - span.from))
					: json_null());
}

static void add(void *ctx, const struct diag_report *report)
{
	json_t *findings = ctx, *object = json_object(), *to = findings;
	size_t count = json_array_size(findings);

	if (report->level == DIAG_NOTE && count > 0) {
		to = json_object_get(json_array_get(findings, count - 1), "notes");
	} else {
		json_object_set_new(object, "level",
				    json_string(report->level == DIAG_ERROR ? "error" : "warning"));
		json_object_set_new(object, "name", json_text(report->name));
	}
	set_place(object, report->span);
	json_object_set_new(object, "text", json_str(report->text, false));
	if (to == findings)
		json_object_set_new(object, "notes", json_array());
	json_array_append_new(to, object);
}

json_t *findings_json(const struct diag *diag)
{
	json_t *findings = json_array();

	diag_each(diag, add, findings);
	return findings;
}
