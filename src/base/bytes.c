#include "base/bytes.h"

#include <string.h>

struct bytes bytes_of(const char *text)
{
    return text ? (struct bytes){ (const uint8_t *)text, strlen(text) } : (struct bytes){ NULL, 0 };
}
