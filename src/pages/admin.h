#ifndef TILL_PAGES_ADMIN_H
#define TILL_PAGES_ADMIN_H

#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>

struct request;

/* What the dashboard's pages share. A page reads stores, makes a view whose texts are ready to read (pages/admin_view.h), and ends
 * with admin_page(). A
 * change reads its form, goes through the rules, and ends with admin_done(); when the rules refuse it, the same page is shown again
 * with admin_refused(). */

/* Renders templates/<template>.html, which begins with parts/admin_head and ends with parts/admin_foot. Adds title, nav (what the
 * role may see), user, csrf, mode, flash. */
struct error *admin_page(struct request *r, int status, const char *template, const char *title, json_t *view);

/* The same after the rules said no: the view gets `problem` (parts/admin_problem shows it) and `wrong` with what is wrong with each
 * field ("wrong.email"). An error that is not the person's (5xx) is returned. */
struct error *admin_refused(struct request *r, const struct error *error, const char *template, const char *title,
    json_t *view);

/* It is done: 303 to another page, which says the text once. Ids and amounts only. */
struct error *admin_done(struct request *r, const char *address, const char *text, ...)
    __attribute__((format(printf, 3, 4)));

/* An error of an operator's page in the dashboard's own frame. False where it is not one; the error then needs another answer. */
bool admin_error(struct request *r, const struct error *error);

/* Whether the person who asks may do this: for buttons that are not shown otherwise. */
bool admin_may(const struct request *r, const char *scope);

/* A path of ours from a `next` parameter, or `otherwise` for anything that would lead elsewhere. */
const char *admin_next(struct request *r, const char *next, const char *otherwise);

/* GET /admin: the first page that the role has. */
struct error *admin_home(struct request *r);

#endif
