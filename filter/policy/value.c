/* SPDX-License-Identifier: BSD-2-Clause */
/* Values: made from literals, compared, printed. */

#include "postern/value.h"

#include "postern/arena.h"
#include "postern/mail.h"

#define PRINT_MOST 300

struct str type_text(struct arena *arena, const struct type *type)
{
	static const char *const names[] = {"boolean", "number",  "duration", "size",
					    "text",    "address", "domain",   "IP address",
					    "network", "pattern", "value",    "internal"};
	struct buf out = {.arena = arena};

	if (type->list)
		buf_puts(&out, "list of ");
	if (type->base != TYPE_ENUM)
		buf_puts(&out, names[type->base]);
	else
		buf_puts(&out, "one of");
	if (type->base == TYPE_ENUM)
		for (const char *const *v = type->enumeration->values; *v; v++)
			buf_printf(&out, " %s", *v);
	return buf_str(&out);
}

struct value value_boolean(bool b)
{
	return (struct value){.state = FACT_PRESENT, .number = b};
}

struct value value_number(int64_t thousandths)
{
	return (struct value){.state = FACT_PRESENT, .number = thousandths};
}

struct value value_enum(int index)
{
	return (struct value){.state = FACT_PRESENT, .number = index};
}

struct value value_text(struct str text)
{
	return (struct value){.state = FACT_PRESENT, .text = text};
}

struct value value_ip(const struct ip *ip)
{
	return (struct value){.state = FACT_PRESENT, .network = {*ip, 128}};
}

struct value value_list(const struct value *items, size_t count)
{
	return (struct value){.state = FACT_PRESENT, .items = items, .count = count};
}

struct value value_absent(void)
{
	return (struct value){.state = FACT_ABSENT};
}

struct value value_failed(const char *why)
{
	return (struct value){.state = FACT_FAILED, .text = str_of(why)};
}

static bool parse_address(struct arena *arena, struct str text, struct value *value_r,
			  const char **why_r)
{
	struct path path;

	if (!path_parse(arena, text, true, &path, why_r))
		return false;
	*value_r = value_text(path.text);
	return true;
}

static bool parse_enum(const struct enum_def *enumeration, struct str text, struct value *value_r)
{
	for (int i = 0; enumeration->values[i]; i++) {
		if (str_eq(text, str_of(enumeration->values[i]))) {
			*value_r = value_enum(i);
			return true;
		}
	}
	return false;
}

bool value_parse(struct arena *arena, const struct type *type, struct str text,
		 struct value *value_r, const char **why_r)
{
	struct str domain;

	*value_r = (struct value){.state = FACT_PRESENT};
	switch (type->base) {
	case TYPE_BOOLEAN:
		value_r->number = str_eq(text, STR("true")) || str_eq(text, STR("yes"));
		*why_r = "not 'true' or 'false'";
		return value_r->number || str_eq(text, STR("false")) || str_eq(text, STR("no"));
	case TYPE_TEXT:
		value_r->text = str_dup(arena, text);
		return true;
	case TYPE_DOMAIN:
		*why_r = "not a domain name";
		if (text.n > 0 && text.s[0] == '[') {
			value_r->text = str_lower(arena, text);
			return true;
		}
		if (!domain_normal(arena, text, &domain))
			return false;
		value_r->text = domain;
		return true;
	case TYPE_ADDRESS:
		return parse_address(arena, text, value_r, why_r);
	case TYPE_IP:
		value_r->network.prefix = 128;
		*why_r = "not an IP address";
		return ip_parse(text, &value_r->network.ip);
	case TYPE_NETWORK:
		return ip_network_parse(text, &value_r->network, why_r);
	case TYPE_ENUM:
		*why_r = "not one of its values";
		return parse_enum(type->enumeration, text, value_r);
	case TYPE_NUMBER:
	case TYPE_DURATION:
	case TYPE_SIZE:
	case TYPE_PATTERN:
	case TYPE_OPAQUE:
		break;
	}
	*why_r = "not a value of this type";
	return false;
}

static int case_compare(struct str a, struct str b)
{
	size_t shorter = a.n < b.n ? a.n : b.n;

	for (size_t i = 0; i < shorter; i++) {
		int x = (unsigned char)a.s[i], y = (unsigned char)b.s[i];

		x = x >= 'A' && x <= 'Z' ? x + 32 : x;
		y = y >= 'A' && y <= 'Z' ? y + 32 : y;
		if (x != y)
			return x - y;
	}
	return a.n < b.n ? -1 : a.n > b.n;
}

int value_compare(enum type_base base, const struct value *a, const struct value *b)
{
	switch (base) {
	case TYPE_TEXT:
	case TYPE_ADDRESS:
	case TYPE_DOMAIN:
		return case_compare(a->text, b->text);
	case TYPE_IP:
	case TYPE_NETWORK:
		return memcmp(&a->network, &b->network, sizeof(a->network));
	default:
		return a->number < b->number ? -1 : a->number > b->number;
	}
}

static void print_number(struct buf *out, int64_t thousandths)
{
	uint64_t whole = thousandths < 0 ? -(uint64_t)thousandths : (uint64_t)thousandths;
	unsigned rest = (unsigned)(whole % 1000);

	buf_printf(out, "%s%llu", thousandths < 0 ? "-" : "", (unsigned long long)(whole / 1000));
	if (rest % 100 != 0)
		buf_printf(out, rest % 10 != 0 ? ".%03u" : ".%02u",
			   rest % 10 != 0 ? rest : rest / 10);
	else if (rest != 0)
		buf_printf(out, ".%u", rest / 100);
}

static void print_scalar(struct buf *out, const struct type *type, const struct value *value)
{
	char address[IP_TEXT_MAX];

	switch (type->base) {
	case TYPE_BOOLEAN:
		buf_puts(out, value->number ? "true" : "false");
		break;
	case TYPE_NUMBER:
		print_number(out, value->number);
		break;
	case TYPE_DURATION:
		print_number(out, value->number);
		buf_puts(out, "s");
		break;
	case TYPE_SIZE:
		buf_printf(out, "%lld", (long long)value->number);
		break;
	case TYPE_ENUM:
		buf_puts(out, type->enumeration->values[value->number]);
		break;
	case TYPE_IP:
		buf_puts(out, ip_text(&value->network.ip, address));
		break;
	case TYPE_NETWORK:
		buf_puts(out, ip_network_text(&value->network, address));
		break;
	case TYPE_ADDRESS:
		if (value->text.n == 0)
			buf_puts(out, "<>");
		else
			buf_add(out, str_clean(out->arena, value->text, PRINT_MOST));
		break;
	default:
		buf_add(out, str_clean(out->arena, value->text, PRINT_MOST));
		break;
	}
}

struct str value_print(struct arena *arena, const struct type *type, const struct value *value)
{
	struct buf out = {.arena = arena};

	if (value->state != FACT_PRESENT && value->state != FACT_GROWING)
		return STR("-");
	if (!type->list) {
		print_scalar(&out, type, value);
	} else {
		for (size_t i = 0; i < value->count && out.n < PRINT_MOST; i++) {
			if (i > 0)
				buf_puts(&out, " ");
			print_scalar(&out, type, &value->items[i]);
		}
		if (value->count == 0)
			buf_puts(&out, "-");
	}
	return str_sub(buf_str(&out), 0, PRINT_MOST);
}
