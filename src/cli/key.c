#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/config.h"
#include "base/crypto.h"
#include "cli/cli.h"

#define MAX_FILE (64 * 1024)

static bool read_keys(const char *path, char *text, size_t size, const char **why)
{
    FILE *file = fopen(path, "re");

    *why = NULL;
    text[0] = '\0';
    if (!file) {
        *why = errno == ENOENT ? NULL : strerror(errno); // a file that is not there has no keys
        return !*why;
    }
    size_t length = fread(text, 1, size - 1, file);
    text[length] = '\0';
    if (ferror(file) || !feof(file))
        *why = "it cannot be read whole";
    fclose(file);
    return !*why;
}

static bool write_all(int file, const char *text)
{
    size_t length = strlen(text);

    while (length) {
        ssize_t written = write(file, text, length);
        if (written < 0)
            return false;
        text += written;
        length -= (size_t)written;
    }
    return true;
}

/* A new file beside the old one, then in its place: whoever reads sees all keys or the keys as they were. It keeps the owner, who
 * may not be the one who runs this. */
static const char *replace(struct cli *cli, const char *path, const char *old, const char *line)
{
    const char *made = arena_printf(cli->ctx.arena, "%s.new", path);
    const char *why = NULL;
    struct stat before;
    int file = open(made, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);

    if (file < 0)
        return arena_printf(cli->ctx.arena, "%s: %s", made, strerror(errno));
    if (stat(path, &before) == 0 && fchown(file, before.st_uid, before.st_gid) != 0)
        why = "the owner cannot be kept";
    else if (!write_all(file, old) || (*old && old[strlen(old) - 1] != '\n' && !write_all(file, "\n"))
        || !write_all(file, line) || !write_all(file, "\n") || fsync(file) != 0 || rename(made, path) != 0)
        why = strerror(errno);
    close(file);
    if (why)
        unlink(made);
    return why;
}

enum cli_status cli_key_create(struct cli *cli, int argc, char **argv)
{
    static const struct cli_option options[] = { CLI_OPTIONS_END };
    char text[MAX_FILE];
    char **arguments;
    const char *why;

    if (!cli_parse(cli, argc, argv, options, 1, 1, &arguments))
        return cli->status;
    if (!read_keys(arguments[0], text, sizeof text, &why))
        return cli_complain(cli, "%s: %s", arguments[0], why);
    const char *line = keyring_new_line(cli->ctx.arena);
    why = replace(cli, arguments[0], text, arena_strndup(cli->ctx.arena, line, strcspn(line, "\n")));
    wipe(text, sizeof text);
    if (why)
        return cli_complain(cli, "%s: %s", arguments[0], why);
    printf("%.*s\n", (int)strcspn(line, ":"), line);
    return CLI_OK;
}

enum cli_status cli_key_list(struct cli *cli, int argc, char **argv)
{
    static const struct cli_option options[] = { CLI_OPTIONS_END };
    char text[MAX_FILE];
    char **arguments;
    const char *why;
    bool found = false;

    if (!cli_parse(cli, argc, argv, options, 0, 1, &arguments))
        return cli->status;
    if (!arguments[0] && !cli_open(cli, CLI_SETTINGS))
        return cli->status;
    const char *path = arguments[0] ? arguments[0] : cli->ctx.config->keys_file;
    if (!path)
        return cli_complain(cli, "TILL_KEYS_FILE is not set; name the file");
    if (!read_keys(path, text, sizeof text, &why))
        return cli_complain(cli, "%s: %s", path, why);
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        int length = (int)strcspn(line, ":\n");

        if (*line == '#' || line[length] != ':')
            continue;
        found = true;
        const char *next = line + strcspn(line, "\n");
        printf("%.*s%s\n", length, line, strchr(next, ':') ? "" : "  (encrypts)");
    }
    wipe(text, sizeof text);
    return found ? CLI_OK : cli_complain(cli, "%s has no keys; till key create %s makes one", path, path);
}
