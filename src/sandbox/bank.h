#ifndef TILL_SANDBOX_BANK_H
#define TILL_SANDBOX_BANK_H

struct request;
struct sandbox;

/* The page of the payer's bank: /sandbox/3ds/{intent}. Called with the lock held. */
void bank_ask(struct sandbox *sandbox, struct request *r);
void bank_decide(struct sandbox *sandbox, struct request *r);
void bank_style(struct sandbox *sandbox, struct request *r);
void bank_script(struct sandbox *sandbox, struct request *r);

#endif
