/* SPDX-License-Identifier: BSD-2-Clause */
/* Stretches of trouble: begun by the first failure, over when none has come for a while. */

#include "postern/stretch.h"

bool stretch_failed(struct stretch *stretch, int64_t now)
{
	bool news = !stretch->lasts;

	*stretch = (struct stretch){.lasts = true, .failed = now};
	return news;
}

bool stretch_over(struct stretch *stretch, int64_t now)
{
	if (!stretch->lasts || now - stretch->failed < STRETCH_CALM)
		return false;
	stretch->lasts = false;
	return true;
}
