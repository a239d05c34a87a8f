#ifndef TILL_BASE_CSV_H
#define TILL_BASE_CSV_H

#include "base/buf.h"
#include "base/money.h"

/* A quoted cell and what follows it ("," or "\r\n"); NULL is an empty one. A spreadsheet runs what begins like a formula, so
 * that gets an apostrophe before it; amounts below zero begin so, too, and are none. */
void csv_cell(struct buf *out, const char *text, const char *end);

/* Two cells, each with a comma after it: the decimal amount and its currency. */
void csv_money(struct buf *out, struct money money);

#endif
