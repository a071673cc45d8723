/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whose turn it is. When a message for recipients of several kinds was deferred at its end, the
 * client brings all of them again; if the same kind always went first, the others would starve.
 * So the kind that was deferred is answered 452 once. A small table of fixed size: an entry that
 * is lost costs a retry, nothing else.
 */

#include <pthread.h>

#include "filter/session/private.h"

#define TURNS 1024
#define TURN_SECONDS (5 * 86400)

struct turn {
	uint64_t key, kind;
	int64_t until;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct turn turns[TURNS];

static uint64_t hash(uint64_t h, struct str text)
{
	for (size_t i = 0; i < text.n; i++)
		h = (h ^ (unsigned char)text.s[i]) * UINT64_C(0x100000001b3);
	return h;
}

uint64_t turn_key(const struct session *s)
{
	char ip[IP_TEXT_MAX];
	uint64_t h = hash(UINT64_C(0xcbf29ce484222325), str_of(s->policy->id));
	int client = policy_slot(s->policy, "client.ip");

	if (client >= 0) {
		const struct value *value =
		    &s->cells[SCOPE_CONNECTION][s->policy->slots[client].index].value;

		h = hash(h, str_of(ip_text(&value->network.ip, ip)));
	}
	return hash(h, s->sender.text);
}

void turn_deferred(uint64_t key, uint64_t kind, int64_t now)
{
	struct turn *turn = &turns[key % TURNS];

	pthread_mutex_lock(&lock);
	*turn = (struct turn){key, kind, now + TURN_SECONDS * NS_PER_S};
	pthread_mutex_unlock(&lock);
}

uint64_t turn_take(uint64_t key, int64_t now)
{
	struct turn *turn = &turns[key % TURNS];
	uint64_t kind = 0;

	pthread_mutex_lock(&lock);
	if (turn->key == key) {
		kind = now < turn->until ? turn->kind : 0;
		*turn = (struct turn){0};
	}
	pthread_mutex_unlock(&lock);
	return kind;
}

uint64_t turn_kind(uint64_t key, struct str residue)
{
	return hash(key, residue) | 1;
}
