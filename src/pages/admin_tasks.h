#ifndef TILL_PAGES_ADMIN_TASKS_H
#define TILL_PAGES_ADMIN_TASKS_H

#include "base/field.h"

#include <jansson.h>

struct request;

/* The task inbox: what a person must decide. */
struct error *admin_tasks(struct request *r);
struct error *admin_task(struct request *r);
struct error *admin_task_assign(struct request *r);
struct error *admin_task_resolve(struct request *r);
struct error *admin_task_retry(struct request *r); // work that was given up

/* Views of a list of struct task_item, as the inbox shows them. Belongs to ctx->arena. */
json_t *admin_task_views(struct request *r, const struct field_list *items);

extern const struct field admin_tasks_query[], admin_task_assign_asked[], admin_task_resolve_asked[],
    admin_task_retry_asked[];

#endif
