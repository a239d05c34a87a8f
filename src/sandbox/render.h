#ifndef TILL_SANDBOX_RENDER_H
#define TILL_SANDBOX_RENDER_H

#include "sandbox/failure.h"
#include "sandbox/store.h"

/* An object of the store as the call's API version and key see it. A new reference. */
json_t *render(const struct call *call, json_t *object);

/* The same with the paths of the parameter expand put in place of ids: at most four levels. */
struct failure *render_answer(struct call *call, json_t *object, json_t **out);

/* What a handler answers with: a record as it is. */
struct failure *answer(struct call *call, const struct record *record);

/* A page of a list, newest first, by limit, starting_after, ending_before and created. `matches` may be NULL. */
typedef bool matches(const struct call *call, const struct record *record);
struct failure *answer_list(struct call *call, enum kind kind, struct records records, matches *matches);

/* The records that a list is about: those with the parameter's value in this member, else all of the kind. */
struct records listed(const struct call *call, enum kind kind, const char *member);

/* Whether a record has, for each of these members, the value that a parameter of the same name asks for. */
bool matches_params(const struct call *call, const struct record *record, const char *const *members);

#endif
