#include "access/user.h"

#include <stdio.h>
#include <string.h>

#include "access/password.h"
#include "base/arena.h"
#include "base/crypto.h"
#include "cli/cli.h"

static const char roles[] = "owner, admin, finance, support, risk, developer or auditor";

/* The password from the first line of standard input, or a new one, which is then printed. */
static const char *password_of(struct cli *cli, bool from_stdin)
{
    char line[600];

    if (!from_stdin)
        return password_new(&cli->ctx);
    if (!fgets(line, sizeof(line), stdin))
        line[0] = '\0';
    line[strcspn(line, "\r\n")] = '\0';
    const char *copy = arena_strdup(cli->ctx.arena, line);
    wipe(line, sizeof(line));
    return copy;
}

static void show_password(const char *email, const char *password, bool from_stdin)
{
    if (from_stdin)
        return;
    fprintf(stderr, "Password of %s, shown this once:\n", email);
    printf("%s\n", password);
}

static bool role_of(struct cli *cli, const char *name, enum role *out)
{
    int index = name ? name_index(role_names, name) : -1;

    if (index < 0) {
        cli_complain(cli, name ? "a role is %s, not \"%s\"" : "--role is missing: %s", roles, name);
        return false;
    }
    *out = (enum role)index;
    return true;
}

/* By id or e-mail address. */
static struct error *find(struct cli *cli, const char *name, struct user *out)
{
    bool found = false;

    if (!strchr(name, '@'))
        return user_get(&cli->ctx, name, out);
    TRY(user_by_email(&cli->ctx, name, out, &found));
    return found ? NULL : error_new(&cli->ctx, E_NOT_FOUND, "There is no user %s.", name);
}

enum cli_status cli_user_add(struct cli *cli, int argc, char **argv)
{
    const char *email = NULL, *name = NULL, *role = NULL;
    bool from_stdin = false;
    const struct cli_option options[] = {
        { "email", &email, NULL, "what they sign in with" },
        { "name", &name, NULL, "what they are called" },
        { "role", &role, NULL, "owner, admin, finance, support, risk, developer or auditor" },
        { "password-stdin", NULL, &from_stdin, "their password is the first line of standard input; else one is made" },
        CLI_OPTIONS_END,
    };
    struct user_details details;
    char **arguments;
    struct user user;

    if (!cli_parse(cli, argc, argv, options, 0, 0, &arguments))
        return cli->status;
    if (!email || !name) {
        cli_complain(cli, "--email and --name are needed");
        return CLI_USAGE;
    }
    if (!role_of(cli, role, &details.role))
        return CLI_USAGE;
    details.email = email;
    details.name = name;
    details.password = password_of(cli, from_stdin);
    struct error *error = user_add(&cli->ctx, &details, &user);
    if (error)
        return cli_failed(cli, error);
    show_password(email, details.password, from_stdin);
    return CLI_OK;
}

enum cli_status cli_user_list(struct cli *cli, int argc, char **argv)
{
    bool json = false;
    const struct cli_option options[] = {
        { "json", NULL, &json, "as JSON" },
        CLI_OPTIONS_END,
    };
    char **arguments;
    struct field_list list;

    if (!cli_parse(cli, argc, argv, options, 0, 0, &arguments))
        return cli->status;
    struct error *error = user_list(&cli->ctx, &list);
    if (error)
        return cli_failed(cli, error);
    cli_print_list(cli, user_shown, sizeof(struct user), &list, json);
    return CLI_OK;
}

enum cli_status cli_user_role(struct cli *cli, int argc, char **argv)
{
    static const struct cli_option options[] = { CLI_OPTIONS_END };
    char **arguments;
    struct user user;
    enum role role;

    if (!cli_parse(cli, argc, argv, options, 2, 2, &arguments))
        return cli->status;
    if (!role_of(cli, arguments[1], &role))
        return CLI_USAGE;
    struct error *error = find(cli, arguments[0], &user);
    if (!error)
        error = user_set_role(&cli->ctx, user.id, role);
    return error ? cli_failed(cli, error) : CLI_OK;
}

static enum cli_status change(struct cli *cli, int argc, char **argv,
    struct error *(*work)(struct ctx *ctx, const char *id))
{
    static const struct cli_option options[] = { CLI_OPTIONS_END };
    char **arguments;
    struct user user;

    if (!cli_parse(cli, argc, argv, options, 1, 1, &arguments))
        return cli->status;
    struct error *error = find(cli, arguments[0], &user);
    if (!error)
        error = work(&cli->ctx, user.id);
    return error ? cli_failed(cli, error) : CLI_OK;
}

static struct error *disable(struct ctx *ctx, const char *id)
{
    return user_set_state(ctx, id, USER_DISABLED, NULL);
}

static struct error *enable(struct ctx *ctx, const char *id)
{
    return user_set_state(ctx, id, USER_ACTIVE, NULL);
}

enum cli_status cli_user_disable(struct cli *cli, int argc, char **argv)
{
    return change(cli, argc, argv, disable);
}

enum cli_status cli_user_enable(struct cli *cli, int argc, char **argv)
{
    return change(cli, argc, argv, enable);
}

enum cli_status cli_user_reset_second_factor(struct cli *cli, int argc, char **argv)
{
    return change(cli, argc, argv, user_reset_second_factor);
}

enum cli_status cli_user_reset_password(struct cli *cli, int argc, char **argv)
{
    bool from_stdin = false;
    const struct cli_option options[] = {
        { "password-stdin", NULL, &from_stdin, "the password is the first line of standard input; else one is made" },
        CLI_OPTIONS_END,
    };
    const char *password;
    char **arguments;
    struct user user;

    if (!cli_parse(cli, argc, argv, options, 1, 1, &arguments))
        return cli->status;
    struct error *error = find(cli, arguments[0], &user);
    if (error)
        return cli_failed(cli, error);
    password = password_of(cli, from_stdin);
    error = user_set_password(&cli->ctx, user.id, password);
    if (error)
        return cli_failed(cli, error);
    show_password(user.email, password, from_stdin);
    return CLI_OK;
}
