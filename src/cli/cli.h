#ifndef TILL_CLI_CLI_H
#define TILL_CLI_CLI_H

#include "base/ctx.h"
#include "base/error.h"
#include "base/field.h"

#include <stdbool.h>
#include <stddef.h>

/* What the command ends with. */
enum cli_status {
    CLI_OK = 0,
    CLI_WRONG = 1,  // something is not as it should be, or could not be done
    CLI_USAGE = 2,  // called wrongly
    CLI_CONFIG = 78 // the configuration is not valid
};

/* What a command is given. */
struct cli {
    struct ctx ctx;
    const char *file; // of the configuration, or NULL
    const struct command *command;
    enum cli_status status; // set by cli_parse() when it says false
};

/* What must stand before a command runs. */
enum cli_need {
    CLI_NOTHING,
    CLI_SETTINGS, // a valid configuration
    CLI_DATABASE, // … and the application's database
    CLI_KEYS,     // … and the keys
};

/* One row of the table in main.c. */
struct command {
    const char *name;      // "api-key create"
    const char *arguments; // "PAYMENT"; "" for none
    enum cli_status (*run)(struct cli *cli, int argc, char **argv);
    enum cli_need need;
    const char *summary;
};

extern const struct command commands[];
extern const size_t command_count;

/* An option of a command: one that takes a text, or one that is there or not. */
struct cli_option {
    const char *name;
    const char **text;
    bool *there;
    const char *summary;
};
#define CLI_OPTIONS_END                                                                                                \
    {                                                                                                                  \
        NULL, NULL, NULL, NULL                                                                                         \
    }

/* Reads options and arguments; *arguments are what is left, ending with NULL. False when the command is to end with
 * cli->status: usage was wrong, and said so, or --help was asked for. */
bool cli_parse(struct cli *cli, int argc, char **argv, const struct cli_option *options, int least, int most,
    char ***arguments);

/* A whole number above zero from an option; false after saying what is wrong. */
bool cli_number(struct cli *cli, const char *name, const char *text, int64_t *out);

/* Says what went wrong, for a person; CLI_WRONG. */
enum cli_status cli_failed(struct cli *cli, const struct error *error);

/* Says a sentence on stderr, after the command's name; CLI_WRONG. */
enum cli_status cli_complain(struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints structs of `size` bytes as a table with a heading, or as a JSON array. */
void cli_print_list(struct cli *cli, const struct field *columns, size_t size, const struct field_list *list,
    bool json);

/* Fills cli->ctx from the configuration as far as `need` says; false after saying what is wrong. */
bool cli_open(struct cli *cli, enum cli_need need);

/* The database and the HTTP client of a ctx that has its configuration. */
void cli_connect(struct cli *cli);

/* The commands, each in the file of its first word. */
enum cli_status cli_api_key_create(struct cli *cli, int argc, char **argv);
enum cli_status cli_api_key_list(struct cli *cli, int argc, char **argv);
enum cli_status cli_api_key_revoke(struct cli *cli, int argc, char **argv);
enum cli_status cli_audit_verify(struct cli *cli, int argc, char **argv);
enum cli_status cli_config(struct cli *cli, int argc, char **argv);
enum cli_status cli_doctor(struct cli *cli, int argc, char **argv);
enum cli_status cli_event_list(struct cli *cli, int argc, char **argv);
enum cli_status cli_event_replay(struct cli *cli, int argc, char **argv);
enum cli_status cli_job_list(struct cli *cli, int argc, char **argv);
enum cli_status cli_job_retry(struct cli *cli, int argc, char **argv);
enum cli_status cli_job_run(struct cli *cli, int argc, char **argv);
enum cli_status cli_key_create(struct cli *cli, int argc, char **argv);
enum cli_status cli_key_list(struct cli *cli, int argc, char **argv);
enum cli_status cli_ledger_balances(struct cli *cli, int argc, char **argv);
enum cli_status cli_ledger_check(struct cli *cli, int argc, char **argv);
enum cli_status cli_ledger_opening(struct cli *cli, int argc, char **argv);
enum cli_status cli_listen(struct cli *cli, int argc, char **argv);
enum cli_status cli_migrate(struct cli *cli, int argc, char **argv);
enum cli_status cli_payment_refund(struct cli *cli, int argc, char **argv);
enum cli_status cli_payment_show(struct cli *cli, int argc, char **argv);
enum cli_status cli_payment_sync(struct cli *cli, int argc, char **argv);
enum cli_status cli_reconcile(struct cli *cli, int argc, char **argv);
enum cli_status cli_stripe_setup(struct cli *cli, int argc, char **argv);
enum cli_status cli_user_add(struct cli *cli, int argc, char **argv);
enum cli_status cli_user_list(struct cli *cli, int argc, char **argv);
enum cli_status cli_user_role(struct cli *cli, int argc, char **argv);
enum cli_status cli_user_disable(struct cli *cli, int argc, char **argv);
enum cli_status cli_user_enable(struct cli *cli, int argc, char **argv);
enum cli_status cli_user_reset_password(struct cli *cli, int argc, char **argv);
enum cli_status cli_user_reset_second_factor(struct cli *cli, int argc, char **argv);

#endif
