/* SPDX-License-Identifier: MIT */
/* Output for people. What programs may have chosen never reaches the terminal as it is. */
#pragma once

#include "base/json.h"

#include <stdio.h>

/* On one line, as base/visible.h makes it. */
void show_text(FILE *out, struct span text);

/* A member of object t as text: strings without quotes, null and absent as "-", anything else as it
 * stands. */
void show_member(FILE *out, const struct json *j, uint32_t t, const char *key);

/* "name:   value" when the member is there and not null. */
void show_line(FILE *out, const struct json *j, uint32_t t, const char *key, const char *name);

/* A whole JSON answer as it came, and a newline. Returns CMD_OK, or CMD_FAILED when it cannot be
 * written. */
int show_json(struct span json);
