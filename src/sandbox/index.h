#ifndef TILL_SANDBOX_INDEX_H
#define TILL_SANDBOX_INDEX_H

struct request;
struct sandbox;

/* The sandbox's own pages: what it is, its newest intents, its dials; and receipts. Called with the lock held. */
void index_show(struct sandbox *sandbox, struct request *r);
void index_style(struct sandbox *sandbox, struct request *r);
void index_receipt(struct sandbox *sandbox, struct request *r);

#endif
