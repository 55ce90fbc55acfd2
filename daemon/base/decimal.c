/* SPDX-License-Identifier: MIT */
#include "base/decimal.h"

bool decimal_read(struct span text, uint64_t max, uint64_t *ret_value)
{
	uint64_t value = 0;

	if (!text.n || (text.n > 1 && text.p[0] == '0'))
		return false;
	for (size_t i = 0; i < text.n; i++) {
		uint64_t digit = (uint64_t)text.p[i] - '0';

		if (digit > 9 || digit > max || value > (max - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*ret_value = value;
	return true;
}
