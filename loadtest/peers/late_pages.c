/* A planted bug: blobs are mapped as if nobody had brought their pages into memory. Loaded in
 * front of the C library, it evicts the pages of a file that is to be mapped with MAP_POPULATE,
 * as memory pressure between the copy and the map may. With CERTQ_LATE_PAGES=unpopulated it takes
 * that flag away, and with CERTQ_LATE_PAGES=scattered it also has the system read no more than the
 * page that is asked for, where it would read some megabytes around it. Everything else of the
 * program is as shipped. */

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset) {
    const char *how = getenv("CERTQ_LATE_PAGES");
    int is_blob = fd >= 0 && (flags & MAP_POPULATE);
    int is_scattered = is_blob && how != NULL && strcmp(how, "scattered") == 0;
    if (is_blob) {
        /* Whole files only; 0 bytes means up to the end. */
        posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
        if (is_scattered || (how != NULL && strcmp(how, "unpopulated") == 0)) flags &= ~MAP_POPULATE;
    }
    void *mapped = (void *)syscall(SYS_mmap, address, length, protection, flags, fd, offset);
    if (is_scattered && mapped != MAP_FAILED) madvise(mapped, length, MADV_RANDOM);
    return mapped;
}

void *mmap64(void *address, size_t length, int protection, int flags, int fd, off_t offset) {
    return mmap(address, length, protection, flags, fd, offset);
}
