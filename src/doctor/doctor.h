#ifndef TILL_DOCTOR_DOCTOR_H
#define TILL_DOCTOR_DOCTOR_H

struct ctx;

/* What is wrong with an installation, and how to mend it: for `till doctor` and the dashboard's page. */

enum doctor_level { DOCTOR_FINE, DOCTOR_WARN, DOCTOR_FAIL };
extern const char *const doctor_level_names[]; // "ok", "warn", "FAIL"

struct doctor_finding {
    enum doctor_level level;
    const char *code; // never changes
    const char *what;
    const char *mend; // NULL where it is fine
};

/* Looks at keys, database, schema, jobs, audit log, provider and site, and calls found() for each finding as it is made. What needs
 * the database is left out where there is none. Asks the provider and the site: no transaction may be open. */
void doctor_run(struct ctx *ctx, void (*found)(void *shared, const struct doctor_finding *finding), void *shared);

#endif
