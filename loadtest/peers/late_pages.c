/* A planted bug: blobs are mapped as if nobody had brought their pages into memory. Loaded in
 * front of the C library, it evicts the pages of a file that is to be mapped with MAP_POPULATE,
 * as memory pressure between the copy and the map may, and with CERTQ_LATE_PAGES=unpopulated it
 * takes that flag away. Everything else of the program is as shipped. */

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset) {
    if (fd >= 0 && (flags & MAP_POPULATE)) {
        const char *how = getenv("CERTQ_LATE_PAGES");
        /* Whole files only; 0 bytes means up to the end. */
        posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
        if (how != NULL && strcmp(how, "unpopulated") == 0) flags &= ~MAP_POPULATE;
    }
    return (void *)syscall(SYS_mmap, address, length, protection, flags, fd, offset);
}

void *mmap64(void *address, size_t length, int protection, int flags, int fd, off_t offset) {
    return mmap(address, length, protection, flags, fd, offset);
}
