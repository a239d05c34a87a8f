#ifndef TILL_PAGES_ADMIN_SETTINGS_H
#define TILL_PAGES_ADMIN_SETTINGS_H

#include "base/error.h"

struct request;

/* GET /admin/settings: providers, limits, roles; as configured, keys never shown. */
struct error *admin_settings_page(struct request *r);
/* GET and POST /admin/doctor: what is wrong, and how to mend it; looked at when asked for. */
struct error *admin_doctor_page(struct request *r);
struct error *admin_doctor(struct request *r);

#endif
