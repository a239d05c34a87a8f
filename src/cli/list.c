#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/utf8.h"
#include "cli/cli.h"

#define MAX_COLUMNS 16
#define GAP 2

/* A member as text: strings bare, nothing as "-", the rest as JSON. */
static const char *cell(struct cli *cli, const json_t *row, const char *name)
{
    const json_t *value = json_object_get(row, name);

    if (!value || json_is_null(value))
        return "-";
    return json_is_string(value) ? json_string_value(value) : json_text(&cli->ctx, value);
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static void print_cell(const char *text, size_t width, bool last)
{
    size_t missing = width > strlen(text) ? width - strlen(text) : 0;

    printf("%s%*s", text, last ? 0 : (int)(missing + GAP), "");
}

static json_t *rows_of(struct cli *cli, const struct field *columns, size_t size, const struct field_list *list)
{
    json_t *rows = json_in(cli->ctx.arena, json_array());

    for (size_t i = 0; i < list->count; i++)
        json_array_append(rows, field_write(&cli->ctx, columns, (const char *)list->items + i * size));
    return rows;
}

void cli_print_list(struct cli *cli, const struct field *columns, size_t size, const struct field_list *list, bool json)
{
    json_t *rows = rows_of(cli, columns, size, list);
    size_t widths[MAX_COLUMNS], count = 0, index;
    const json_t *row;

    if (json) {
        puts(json_text(&cli->ctx, rows));
        return;
    }
    for (; count < MAX_COLUMNS && columns[count].kind != FIELD_NONE; count++) {
        widths[count] = strlen(columns[count].name);
        json_array_foreach(rows, index, row) widths[count] =
            larger(widths[count], strlen(cell(cli, row, columns[count].name)));
    }
    for (size_t i = 0; i < count; i++)
        print_cell(columns[i].name, widths[i], i + 1 == count);
    putchar('\n');
    json_array_foreach(rows, index, row)
    {
        for (size_t i = 0; i < count; i++)
            print_cell(cell(cli, row, columns[i].name), widths[i], i + 1 == count);
        putchar('\n');
    }
}
