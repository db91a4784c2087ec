/* Counts the calls that may fail for want of space, of files below one folder, and at the n-th one
 * lets the disk be full or the process stop. Loaded by LD_PRELOAD; idle until faults_arm.
 *
 * With `stay` the disk is full from that call on, and a write that meets it first takes half of its
 * bytes, as real disks do; else that one call fails. Names that hold one of the words in `skip` (between
 * bars: |a|b|) are left alone.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { IDLE, COUNT, FULL, STOP };

struct told { volatile long calls; char what[248]; volatile long used; char all[1 << 20]; };

static struct told *told;
static int mode = IDLE, stay;
static long nth;
static char root[4096], skip[512];

void faults_arm(struct told *where, int how, long n, int forever, const char *folder, const char *not)
{
    mode = IDLE;
    told = where;
    nth = n;
    stay = forever;
    snprintf(root, sizeof root, "%s", folder);
    snprintf(skip, sizeof skip, "%s", not);
    if (told)
        told->calls = told->used = 0;
    mode = how;
}

static int left_alone(const char *path)
{
    char words[sizeof skip], *rest, *word;
    strcpy(words, skip);
    for (word = strtok_r(words, "|", &rest); word; word = strtok_r(NULL, "|", &rest))
        if (strstr(path, word))
            return 1;
    return 0;
}

/* Where calls are counted, each is told as well: a line "number call name", while there is room. */
static void tell(long number, const char *call, const char *path)
{
    char line[300];
    const char *name = strrchr(path, '/');
    int size = snprintf(line, sizeof line, "%ld %s %s\n", number, call, name ? name + 1 : path);
    long at;
    if (size >= (int) sizeof line)
        return;
    at = __sync_fetch_and_add(&told->used, size);
    if (at + size <= (long) sizeof told->all)
        memcpy(told->all + at, line, size);
}

/* 1: this call is the one (or a later one, where the disk stays full). */
static int due(const char *call, const char *path)
{
    long now;
    if (mode == IDLE || !path || strncmp(path, root, strlen(root)) || left_alone(path))
        return 0;
    now = __sync_add_and_fetch(&told->calls, 1);
    if (mode == COUNT)
        tell(now, call, path);
    if (mode == COUNT || now < nth)
        return 0;
    /* A full disk takes no new bytes and names; names that were there a moment ago it takes back. */
    if (now > nth && (mode != FULL || !stay || !strcmp(call, "rename") || !strcmp(call, "fsync")))
        return 0;
    if (now == nth) {
        const char *name = strrchr(path, '/');
        snprintf(told->what, sizeof told->what, "%s %s", call, name ? name + 1 : path);
    }
    if (mode == STOP) {
        kill(getpid(), SIGSTOP);
        return 0;
    }
    errno = ENOSPC;
    return 1;
}

static const char *of_fd(int fd, char *buffer, size_t size)
{
    char link[64];
    ssize_t n;
    if (mode == IDLE)
        return NULL;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = readlink(link, buffer, size - 1);
    if (n < 0)
        return NULL;
    buffer[n] = 0;
    return buffer;
}

static const char *absolute(int folder, const char *path, char *buffer, size_t size)
{
    if (mode == IDLE || !path)
        return NULL;
    if (path[0] == '/')
        return path;
    if (folder == AT_FDCWD) {
        if (!getcwd(buffer, size))
            return NULL;
    } else if (!of_fd(folder, buffer, size))
        return NULL;
    snprintf(buffer + strlen(buffer), size - strlen(buffer), "/%s", path);
    return buffer;
}

/* Opening what is there takes no space, whatever the flags. */
static int is_new(const char *path)
{
    struct stat found;
    return path && lstat(path, &found) != 0;
}

#define REAL(type, name, arguments) \
    static type (*real) arguments; \
    if (!real) *(void **) &real = dlsym(RTLD_NEXT, name)

#define OPENS(name) \
int name(const char *path, int flags, ...) \
{ \
    char buffer[4096]; \
    mode_t bits = 0; \
    REAL(int, #name, (const char *, int, ...)); \
    if (flags & (O_CREAT | O_TMPFILE)) { \
        va_list more; va_start(more, flags); bits = va_arg(more, mode_t); va_end(more); \
    } \
    if ((flags & O_CREAT) && is_new(absolute(AT_FDCWD, path, buffer, sizeof buffer)) \
        && due("open", absolute(AT_FDCWD, path, buffer, sizeof buffer))) return -1; \
    return real(path, flags, bits); \
}
OPENS(open)
OPENS(open64)

#define OPENS_AT(name) \
int name(int folder, const char *path, int flags, ...) \
{ \
    char buffer[4096]; \
    mode_t bits = 0; \
    REAL(int, #name, (int, const char *, int, ...)); \
    if (flags & (O_CREAT | O_TMPFILE)) { \
        va_list more; va_start(more, flags); bits = va_arg(more, mode_t); va_end(more); \
    } \
    if ((flags & O_CREAT) && is_new(absolute(folder, path, buffer, sizeof buffer)) \
        && due("open", absolute(folder, path, buffer, sizeof buffer))) return -1; \
    return real(folder, path, flags, bits); \
}
OPENS_AT(openat)
OPENS_AT(openat64)

ssize_t write(int fd, const void *data, size_t size)
{
    char buffer[4096];
    REAL(ssize_t, "write", (int, const void *, size_t));
    if (!due("write", of_fd(fd, buffer, sizeof buffer))) return real(fd, data, size);
    if (stay && size > 1 && told->calls == nth) return real(fd, data, size / 2);
    return -1;
}

#define WRITES_AT(name) \
ssize_t name(int fd, const void *data, size_t size, off_t at) \
{ \
    char buffer[4096]; \
    REAL(ssize_t, #name, (int, const void *, size_t, off_t)); \
    if (!due("pwrite", of_fd(fd, buffer, sizeof buffer))) return real(fd, data, size, at); \
    if (stay && size > 1 && told->calls == nth) real(fd, data, size / 2, at); \
    return -1; \
}
WRITES_AT(pwrite)
WRITES_AT(pwrite64)

#define ON_FD(name, call, declared, given) \
int name declared \
{ \
    char buffer[4096]; \
    REAL(int, #name, declared); \
    if (due(call, of_fd(fd, buffer, sizeof buffer))) return -1; \
    return real given; \
}
ON_FD(fsync, "fsync", (int fd), (fd))
ON_FD(fdatasync, "fsync", (int fd), (fd))
ON_FD(ftruncate, "ftruncate", (int fd, off_t size), (fd, size))
ON_FD(ftruncate64, "ftruncate", (int fd, off_t size), (fd, size))
ON_FD(fallocate, "fallocate", (int fd, int how, off_t from, off_t size), (fd, how, from, size))
ON_FD(fallocate64, "fallocate", (int fd, int how, off_t from, off_t size), (fd, how, from, size))

#define ALLOCATES(name) \
int name(int fd, off_t from, off_t size) \
{ \
    char buffer[4096]; \
    REAL(int, #name, (int, off_t, off_t)); \
    if (due("fallocate", of_fd(fd, buffer, sizeof buffer))) return ENOSPC; \
    return real(fd, from, size); \
}
ALLOCATES(posix_fallocate)
ALLOCATES(posix_fallocate64)

#define ON_PATH(name, call, at, path, declared, given) \
int name declared \
{ \
    char buffer[4096]; \
    REAL(int, #name, declared); \
    if (due(call, absolute(at, path, buffer, sizeof buffer))) return -1; \
    return real given; \
}
ON_PATH(rename, "rename", AT_FDCWD, to, (const char *from, const char *to), (from, to))
ON_PATH(renameat, "rename", b, to, (int a, const char *from, int b, const char *to), (a, from, b, to))
ON_PATH(renameat2, "rename", b, to,
        (int a, const char *from, int b, const char *to, unsigned how), (a, from, b, to, how))
ON_PATH(link, "link", AT_FDCWD, to, (const char *from, const char *to), (from, to))
ON_PATH(linkat, "link", b, to,
        (int a, const char *from, int b, const char *to, int how), (a, from, b, to, how))
ON_PATH(mkdir, "mkdir", AT_FDCWD, path, (const char *path, mode_t bits), (path, bits))
ON_PATH(mkdirat, "mkdir", a, path, (int a, const char *path, mode_t bits), (a, path, bits))

/* Locking and taking a name away need no space: they are moments to stop at, and never fail. */
int flock(int fd, int how)
{
    char buffer[4096];
    REAL(int, "flock", (int, int));
    if (mode == STOP || mode == COUNT) due("lock", of_fd(fd, buffer, sizeof buffer));
    return real(fd, how);
}

#define TAKES_AWAY(name, at, declared, given) \
int name declared \
{ \
    char buffer[4096]; \
    REAL(int, #name, declared); \
    if (mode == STOP || mode == COUNT) due("unlink", absolute(at, path, buffer, sizeof buffer)); \
    return real given; \
}
TAKES_AWAY(unlink, AT_FDCWD, (const char *path), (path))
TAKES_AWAY(unlinkat, a, (int a, const char *path, int how), (a, path, how))
