/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_POLICY_WORDS_H
#define TESTS_POLICY_WORDS_H

/* The actions of the language, for tests of the parser alone. */

#include "postern/tree.h"

static const char *const test_actions[] = {"accept",
					   "reject",
					   "defer",
					   "discard",
					   "hold",
					   "greylist",
					   "add header",
					   "insert header",
					   "replace header",
					   "remove header",
					   "prefix subject",
					   "add authentication-results",
					   "remove authentication-results",
					   "add recipient",
					   "remove recipient",
					   "redirect",
					   "score",
					   "remember",
					   "forget",
					   "log",
					   "sign",
					   "seal",
					   NULL};

static const struct tree_words test_words = {test_actions};

#endif
