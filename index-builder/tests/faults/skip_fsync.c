/* A planted bug: fsync does nothing for files whose path contains $CERTQ_SKIP_FSYNC, and says
 * that all is well. Loaded in front of the C library, it makes of the program under test the
 * same program with one fsync removed; the power-cut harness must notice. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int fsync(int fd) {
    const char *skipped = getenv("CERTQ_SKIP_FSYNC");
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (skipped != NULL && length > 0) {
        path[length] = '\0';
        if (strstr(path, skipped) != NULL) return 0;
    }
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    return real(fd);
}
