#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/config.h"
#include "base/crypto.h"
#include "base/log.h"
#include "cli/cli.h"
#include "db/db.h"
#include "http/client.h"

#define POOL 2

const struct command commands[] = {
    { "migrate", "", cli_migrate, CLI_NOTHING, "Bring the database's schema up to date." },
    { "config", "", cli_config, CLI_NOTHING, "Print every setting, what it means and its value." },
    { "doctor", "", cli_doctor, CLI_NOTHING, "Look for what is wrong and say how to mend it." },
    { "key create", "FILE", cli_key_create, CLI_NOTHING, "Make a new encryption key, the newest of FILE." },
    { "key list", "[FILE]", cli_key_list, CLI_NOTHING, "Name the encryption keys, without showing them." },
    { "api-key create", "", cli_api_key_create, CLI_KEYS, "Make an API key and print it, this once." },
    { "api-key list", "", cli_api_key_list, CLI_DATABASE, "List the API keys." },
    { "api-key revoke", "ID", cli_api_key_revoke, CLI_DATABASE, "Refuse an API key from now on." },
    { "user add", "", cli_user_add, CLI_KEYS, "Make a user of the dashboard." },
    { "user list", "", cli_user_list, CLI_KEYS, "List the users of the dashboard." },
    { "user role", "USER ROLE", cli_user_role, CLI_KEYS, "Give a user another role." },
    { "user disable", "USER", cli_user_disable, CLI_KEYS, "Let a user in no more." },
    { "user enable", "USER", cli_user_enable, CLI_KEYS, "Let a user in again." },
    { "user reset-password", "USER", cli_user_reset_password, CLI_KEYS, "Give a user a new password." },
    { "user reset-second-factor", "USER", cli_user_reset_second_factor, CLI_KEYS, "Forget a user's app and codes." },
    { "job list", "", cli_job_list, CLI_DATABASE, "List the jobs that wait, run or are out of tries." },
    { "job run", "[KIND]", cli_job_run, CLI_KEYS, "Work what is due; with KIND, that periodic job too." },
    { "job retry", "ID|all", cli_job_retry, CLI_DATABASE, "Give a job that is out of tries another go." },
    { "payment show", "PAYMENT", cli_payment_show, CLI_KEYS, "Print what Till knows of a payment, as JSON." },
    { "payment sync", "PAYMENT", cli_payment_sync, CLI_KEYS, "Ask the provider about a payment, and print it." },
    { "payment refund", "PAYMENT", cli_payment_refund, CLI_KEYS, "Give money back to whoever paid." },
    { "event list", "", cli_event_list, CLI_KEYS, "List the events that providers sent." },
    { "event replay", "EVENT", cli_event_replay, CLI_KEYS, "Process a provider's event again." },
    { "stripe setup", "", cli_stripe_setup, CLI_KEYS, "Have Stripe send its events here; keep the secret." },
    { "listen", "", cli_listen, CLI_KEYS, "Print what the merchant's endpoints hear of, as it happens." },
    { "audit verify", "", cli_audit_verify, CLI_DATABASE, "Check the audit log's chain of hashes." },
    { "ledger check", "", cli_ledger_check, CLI_DATABASE, "Check what must hold of the books; print the balances." },
    { "ledger balances", "", cli_ledger_balances, CLI_DATABASE, "Print what each account held, and what a day moved." },
    { "ledger opening", "AMOUNT CURRENCY", cli_ledger_opening, CLI_DATABASE, "Book what a provider held before Till." },
    { "reconcile", "", cli_reconcile, CLI_KEYS, "Compare the books with the providers'." },
};
const size_t command_count = sizeof commands / sizeof *commands;

/* Help ------------------------------------------------------------------------------------------------------------ */

static void print_usage(FILE *out)
{
    fprintf(out, "Usage: till [--config FILE] COMMAND [OPTION]… [ARGUMENT]…\n\n");
    for (size_t i = 0; i < command_count; i++) {
        int used = fprintf(out, "  %s %s", commands[i].name, commands[i].arguments);
        fprintf(out, "%*s%s\n", used < 26 ? 26 - used : 1, "", commands[i].summary);
    }
    fprintf(out, "\n  --config FILE           settings, as NAME=value lines; %s where it exists\n", TILL_CONFIG_FILE);
    fprintf(out, "  --help                  this, or what a command takes: till COMMAND --help\n");
    fprintf(out, "  --version               name and version\n");
    fprintf(out,
        "\nThe environment wins over the file. Exit status: 0 done, 1 something is wrong, 2 called wrongly,\n"
        "78 the configuration is not valid.\n");
}

static void print_command_help(const struct command *command, const struct cli_option *options)
{
    printf("Usage: till %s%s%s%s\n\n%s\n", command->name, options->name ? " [OPTION]…" : "",
        *command->arguments ? " " : "", command->arguments, command->summary);
    for (const struct cli_option *option = options; option->name; option++) {
        int used = printf("\n  --%s%s", option->name, option->text ? " VALUE" : "");
        printf("%*s%s", used < 25 ? 25 - used : 1, "", option->summary);
    }
    printf("%s", options->name ? "\n" : "");
}

/* Complaints ------------------------------------------------------------------------------------------------------ */

enum cli_status cli_complain(struct cli *cli, const char *format, ...)
{
    va_list arguments;

    fprintf(stderr, "till %s: ", cli->command->name);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return CLI_WRONG;
}

enum cli_status cli_failed(struct cli *cli, const struct error *error)
{
    cli_complain(cli, "%s", error->detail);
    if (error->cause)
        fprintf(stderr, "  %s\n", error->cause);
    for (size_t i = 0; i < error->field_count; i++)
        fprintf(stderr, "  %s %s\n", error->fields[i].pointer, error->fields[i].detail);
    return CLI_WRONG;
}

static bool misused(struct cli *cli)
{
    fprintf(stderr, "Try: till %s --help\n", cli->command->name);
    cli->status = CLI_USAGE;
    return false;
}

/* Options --------------------------------------------------------------------------------------------------------- */

static struct option *long_options(struct cli *cli, const struct cli_option *options)
{
    size_t count = 0;

    while (options[count].name)
        count++;
    struct option *out = arena_array(cli->ctx.arena, count + 2, sizeof *out);
    for (size_t i = 0; i < count; i++)
        out[i] =
            (struct option){ options[i].name, options[i].text ? required_argument : no_argument, NULL, (int)i + 1 };
    out[count] = (struct option){ "help", no_argument, NULL, 'h' + 256 };
    return out;
}

bool cli_parse(struct cli *cli, int argc, char **argv, const struct cli_option *options, int least, int most,
    char ***arguments)
{
    const struct option *all = long_options(cli, options);
    int found;

    argv[0] = arena_printf(cli->ctx.arena, "till %s", cli->command->name); // getopt says it
    optind = 0;
    while ((found = getopt_long(argc, argv, "", all, NULL)) != -1) {
        if (found == '?')
            return misused(cli);
        if (found == 'h' + 256) {
            print_command_help(cli->command, options);
            cli->status = CLI_OK;
            return false;
        }
        if (options[found - 1].text)
            *options[found - 1].text = optarg;
        else
            *options[found - 1].there = true;
    }
    *arguments = argv + optind;
    if (argc - optind >= least && argc - optind <= most)
        return true;
    cli_complain(cli, argc - optind < least ? "%s is missing" : "\"%s\" is too much",
        argc - optind < least ? cli->command->arguments : argv[optind + most]);
    return misused(cli);
}

bool cli_number(struct cli *cli, const char *name, const char *text, int64_t *out)
{
    size_t digits = strspn(text, "0123456789");

    *out = digits < 16 ? strtoll(text, NULL, 10) : 0;
    if (digits && !text[digits] && *out > 0)
        return true;
    cli_complain(cli, "%s must be a whole number above zero", name);
    return misused(cli);
}

/* What a command works with ---------------------------------------------------------------------------------------- */

static const char *login_name(void)
{
    // who typed it, not who it runs as
    const char *sudo = getenv("SUDO_USER");
    const struct passwd *user = getpwuid(getuid());

    return sudo && *sudo ? sudo : user ? user->pw_name : "unknown";
}

static void close_db(void *db)
{
    db_close(db);
}

static void close_http(void *http)
{
    http_close(http);
}

void cli_connect(struct cli *cli)
{
    struct ctx *ctx = &cli->ctx;

    ctx->db = db_open(ctx->config->database_url, POOL);
    arena_defer(ctx->arena, close_db, ctx->db);
    ctx->http = http_open();
    arena_defer(ctx->arena, close_http, ctx->http);
}

bool cli_open(struct cli *cli, enum cli_need need)
{
    static const unsigned needs[] = {
        [CLI_NOTHING] = 0,
        [CLI_SETTINGS] = 0,
        [CLI_DATABASE] = CONFIG_DATABASE,
        [CLI_KEYS] = CONFIG_DATABASE | CONFIG_KEYS,
    };
    struct ctx *ctx = &cli->ctx;

    if (need == CLI_NOTHING)
        return true;
    ctx->config = config_load_for(ctx->arena, cli->file, needs[need], stderr);
    if (!ctx->config) {
        cli_complain(cli, "the configuration is not valid (till config explains each setting)");
        cli->status = CLI_CONFIG;
        return false;
    }
    if (need != CLI_SETTINGS)
        cli_connect(cli);
    return true;
}

/* Finding the command --------------------------------------------------------------------------------------------- */

/* How many of the words name the command, 0 when they do not. */
static int words_of(const struct command *command, int argc, char **argv)
{
    const char *second = strchr(command->name, ' ');

    if (!second)
        return strcmp(command->name, argv[0]) == 0 ? 1 : 0;
    size_t length = (size_t)(second - command->name);
    if (argc < 2 || strlen(argv[0]) != length || strncmp(command->name, argv[0], length) != 0)
        return 0;
    return strcmp(second + 1, argv[1]) == 0 ? 2 : 0;
}

/* The command, and where its own arguments begin: with the last word of its name. */
static const struct command *command_of(int argc, char **argv, int *place)
{
    for (size_t i = 0; i < command_count; i++) {
        int words = words_of(&commands[i], argc, argv);
        if (words) {
            *place = words - 1;
            return &commands[i];
        }
    }
    return NULL;
}

static enum cli_status unknown(int argc, char **argv)
{
    size_t length = strlen(argv[0]);
    bool begun = false;

    for (size_t i = 0; i < command_count; i++)
        if (strncmp(commands[i].name, argv[0], length) == 0 && commands[i].name[length] == ' ') {
            fprintf(stderr, "%s till %s", begun ? "," : "till: did you mean", commands[i].name);
            begun = true;
        }
    if (begun)
        fputs("?\n", stderr);
    else
        fprintf(stderr, "till: there is no command \"%s%s%s\"; till --help lists them\n", argv[0], argc > 1 ? " " : "",
            argc > 1 ? argv[1] : "");
    return CLI_USAGE;
}

static enum cli_status run(const char *file, const struct command *command, int argc, char **argv)
{
    struct cli cli = {
        .ctx = { .arena = arena_new(), .now = clock_now(), .deadline_ms = monotonic_ms() + 60000 },
        .file = file,
        .command = command,
    };
    bool helping = argc == 2 && strcmp(argv[1], "--help") == 0;

    cli.ctx.principal = (struct principal){ .kind = PRINCIPAL_COMMAND, .id = login_name(), .scopes = "*" };
    cli.ctx.trace = arena_printf(cli.ctx.arena, "till_%ld", (long)getpid());
    enum cli_status status =
        cli_open(&cli, helping ? CLI_NOTHING : command->need) ? command->run(&cli, argc, argv) : cli.status;
    arena_free(cli.ctx.arena);
    return status;
}

/* The file that was named, or the usual one where there is one. */
static const char *file_or_usual(const char *file)
{
    if (file)
        return file;
    return access(TILL_CONFIG_FILE, F_OK) == 0 ? TILL_CONFIG_FILE : NULL;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        { "config", required_argument, NULL, 'c' },
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'v' },
        { NULL, 0, NULL, 0 },
    };
    const char *file = NULL;
    int found, place;

    while ((found = getopt_long(argc, argv, "+", options, NULL)) != -1) {
        switch (found) {
        case 'c':
            file = optarg;
            break;
        case 'h':
            print_usage(stdout);
            return CLI_OK;
        case 'v':
            printf("till %s\n", TILL_VERSION);
            return CLI_OK;
        default:
            return CLI_USAGE;
        }
    }
    if (optind == argc) {
        print_usage(stderr);
        return CLI_USAGE;
    }
    argc -= optind;
    argv += optind;
    const struct command *command = command_of(argc, argv, &place);
    if (!command)
        return (int)unknown(argc, argv);

    log_set_level(LOG_ERROR);
    crypto_init();
    http_init();
    enum cli_status status = run(file_or_usual(file), command, argc - place, argv + place);
    return fflush(stdout) == 0 ? (int)status : CLI_WRONG;
}
