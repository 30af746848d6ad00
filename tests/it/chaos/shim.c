/* Lets the disk, the power and the process fail on command, for a program that knows nothing of it.
 *
 * Loaded with LD_PRELOAD it stands between the program and libc. Only files under CHAOS_DIR and connections to
 * CHAOS_PORT are looked at. What passes is a call with a name; CHAOS_CONTROL is a folder with
 *
 *   log    one name a line, in order (appended to, where it exists)
 *   full   while it exists, a write that needs a new block fails with ENOSPC
 *   plan   ACTION NAME COUNT: what is done at the COUNT-th call of that name after the plan was written
 *            kill-before, kill-after   SIGKILL: nothing of the program runs any more
 *            stop-before, stop-after   SIGSTOP: it stands still until somebody wakes it
 *            cut-before                the same, and the write-ahead log loses what no fsync has confirmed: power fails
 *            fail                      the call fails with EIO
 *            fill-after                the disk is full from then on
 *
 * The names: write-KIND and sync-KIND with KIND one of wal, db, emergency; sync-again, of a write-ahead log that has
 * nothing new, as a checkpoint does it; connect, send-buy (the first bytes of a buy), recv-buy (the first bytes of its
 * answer are there and the program has not seen them).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define NEXT(name) ((__typeof__(name) *)dlsym(RTLD_NEXT, #name))
#define SOCKETS 65536

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char plan[128];
static long seen;
/* What the write-ahead log had where it was written since its last fsync, newest first. */
static struct undo {
    struct undo *older;
    off_t offset, size_before;
    ssize_t length;
    char bytes[];
} *unconfirmed;
static enum { OTHER, UPSTREAM, BUY, ANSWERED } sockets[SOCKETS];

/* Files of the control folder, past our own wrappers. */
static int control(const char *name, int flags) {
    const char *folder = getenv("CHAOS_CONTROL");
    char path[PATH_MAX];
    if (!folder) return -1;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return syscall(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, 0600);
}

static int is_full(void) {
    int fd = control("full", O_RDONLY);
    if (fd >= 0) syscall(SYS_close, fd);
    return fd >= 0;
}

static void tell(const char *name) {
    char line[64];
    int fd = control("log", O_WRONLY | O_APPEND);
    if (fd < 0) return;
    syscall(SYS_write, fd, line, snprintf(line, sizeof line, "%s\n", name));
    syscall(SYS_close, fd);
}

static void die(void) {
    for (;;) syscall(SYS_kill, getpid(), SIGKILL);
}

static void stand_still(void) { syscall(SYS_kill, getpid(), SIGSTOP); }

/* The write-ahead log is about to change here. */
static void remember(int wal, off_t offset, size_t length, off_t size) {
    struct undo *undo = malloc(sizeof *undo + length);
    if (!undo) abort();
    pthread_mutex_lock(&lock);
    *undo = (struct undo){.older = unconfirmed, .offset = offset, .size_before = size};
    undo->length = syscall(SYS_pread64, wal, undo->bytes, length, offset);
    unconfirmed = undo;
    pthread_mutex_unlock(&lock);
}

static void confirm(void) {
    pthread_mutex_lock(&lock);
    while (unconfirmed) {
        struct undo *older = unconfirmed->older;
        free(unconfirmed);
        unconfirmed = older;
    }
    pthread_mutex_unlock(&lock);
}

/* Power fails: none of it reached the disk. */
static void cut(int wal) {
    for (struct undo *undo = unconfirmed; undo; undo = undo->older) {
        if (undo->length > 0) syscall(SYS_pwrite64, wal, undo->bytes, undo->length, undo->offset);
        syscall(SYS_ftruncate, wal, undo->size_before);
    }
}

/* Whether the plan wants this action now. A plan that changed counts from its beginning. */
static int wanted(const char *action, const char *name, long count) {
    char planned[32], what[32];
    long at;
    return sscanf(plan, "%31s %31s %ld", planned, what, &at) == 3 && !strcmp(planned, action) &&
           !strcmp(what, name) && at == count;
}

/* A call begins. Its number, for `ends`; negative when it is to fail. */
static long begins(const char *name, int wal) {
    char now[sizeof plan] = "", planned[32], what[32];
    int saved = errno, fd = control("plan", O_RDONLY);
    pthread_mutex_lock(&lock);
    if (fd >= 0) {
        ssize_t size = syscall(SYS_read, fd, now, sizeof now - 1);
        now[size > 0 ? size : 0] = 0;
        syscall(SYS_close, fd);
    }
    if (strcmp(now, plan)) {
        strcpy(plan, now);
        seen = 0;
    }
    tell(name);
    long count = sscanf(plan, "%31s %31s", planned, what) == 2 && !strcmp(what, name) ? ++seen : 0;
    if (wanted("kill-before", name, count)) die();
    if (wanted("cut-before", name, count)) {
        cut(wal);
        die();
    }
    if (wanted("fail", name, count)) count = -1;
    pthread_mutex_unlock(&lock);
    if (wanted("stop-before", name, count)) stand_still();
    errno = saved;
    return count;
}

static void ends(const char *name, long count) {
    pthread_mutex_lock(&lock);
    if (count > 0 && wanted("kill-after", name, count)) die();
    if (count > 0 && wanted("fill-after", name, count)) syscall(SYS_close, control("full", O_WRONLY | O_CREAT));
    pthread_mutex_unlock(&lock);
    if (count > 0 && wanted("stop-after", name, count)) stand_still();
}

/* What a file of ours is called, or nothing. */
static const char *kind(int fd) {
    const char *folder = getenv("CHAOS_DIR");
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = folder ? readlink(link, path, sizeof path - 1) : -1;
    if (size < 0) return NULL;
    path[size] = 0;
    if (strncmp(path, folder, strlen(folder))) return NULL;
    if (size > 4 && !strcmp(path + size - 4, "-wal")) return "wal";
    if (size > 10 && !strcmp(path + size - 10, ".emergency")) return "emergency";
    if (size > 3 && !strcmp(path + size - 3, ".db")) return "db";
    return "other";
}

/* A write to a file of ours: 0, or the error that it fails with. A full disk still takes what is allocated. */
static int refused(int fd, off_t offset, size_t length) {
    char name[32];
    struct stat file;
    const char *which = kind(fd);
    if (!which || fstat(fd, &file)) return 0;
    off_t end = offset + (off_t)length, allocated = (off_t)file.st_blocks * 512;
    if ((end > file.st_size || end > allocated) && is_full()) return ENOSPC;
    if (!strcmp(which, "other")) return 0;
    snprintf(name, sizeof name, "write-%s", which);
    if (begins(name, fd) < 0) return EIO;
    if (!strcmp(which, "wal")) remember(fd, offset, length, file.st_size);
    return 0;
}

#define PWRITE(name, offset_type)                                                          \
    ssize_t name(int fd, const void *bytes, size_t length, offset_type offset) {           \
        int error = refused(fd, offset, length);                                           \
        if (error) return errno = error, -1;                                               \
        return NEXT(name)(fd, bytes, length, offset);                                      \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

#define FTRUNCATE(name, offset_type)                                                       \
    int name(int fd, offset_type length) {                                                 \
        struct stat file;                                                                  \
        if (kind(fd) && !fstat(fd, &file) && length > file.st_size && is_full())           \
            return errno = ENOSPC, -1;                                                     \
        return NEXT(name)(fd, length);                                                     \
    }
FTRUNCATE(ftruncate, off_t)
FTRUNCATE(ftruncate64, off64_t)

#define SYNC(name)                                                                         \
    int name(int fd) {                                                                     \
        char called[32];                                                                   \
        const char *which = kind(fd);                                                      \
        if (!which || !strcmp(which, "other")) return NEXT(name)(fd);                      \
        if (!strcmp(which, "wal") && !unconfirmed) which = "again";                        \
        snprintf(called, sizeof called, "sync-%s", which);                                 \
        long count = begins(called, fd);                                                   \
        if (count < 0) return errno = EIO, -1;                                             \
        int result = NEXT(name)(fd);                                                       \
        if (!strcmp(which, "wal") && !result) confirm();                                   \
        ends(called, count);                                                               \
        return result;                                                                     \
    }
SYNC(fsync)
SYNC(fdatasync)

int connect(int fd, const struct sockaddr *address, socklen_t length) {
    const char *port = getenv("CHAOS_PORT");
    const struct sockaddr_in *to = (const struct sockaddr_in *)address;
    if (!port || fd < 0 || fd >= SOCKETS || address->sa_family != AF_INET || ntohs(to->sin_port) != atoi(port))
        return NEXT(connect)(fd, address, length);
    sockets[fd] = UPSTREAM;
    long count = begins("connect", -1);
    int result = NEXT(connect)(fd, address, length), saved = errno;
    ends("connect", count);
    errno = saved;
    return result;
}

int close(int fd) {
    if (fd >= 0 && fd < SOCKETS) sockets[fd] = OTHER;
    return NEXT(close)(fd);
}

static long sends(int fd, const void *bytes, size_t length) {
    static const char buy[] = "POST /v3/numbers/buy/";
    if (fd < 0 || fd >= SOCKETS || sockets[fd] != UPSTREAM || length < sizeof buy - 1) return 0;
    if (memcmp(bytes, buy, sizeof buy - 1)) return 0;
    sockets[fd] = BUY;
    return begins("send-buy", -1);
}

static void received(int fd, ssize_t size) {
    if (size <= 0 || fd < 0 || fd >= SOCKETS || sockets[fd] != BUY) return;
    sockets[fd] = ANSWERED;
    begins("recv-buy", -1);
}

ssize_t write(int fd, const void *bytes, size_t length) {
    int error = refused(fd, lseek(fd, 0, SEEK_CUR), length);
    if (error) return errno = error, -1;
    long count = sends(fd, bytes, length);
    ssize_t result = NEXT(write)(fd, bytes, length);
    ends("send-buy", count);
    return result;
}

ssize_t send(int fd, const void *bytes, size_t length, int flags) {
    long count = sends(fd, bytes, length);
    ssize_t result = NEXT(send)(fd, bytes, length, flags);
    ends("send-buy", count);
    return result;
}

ssize_t writev(int fd, const struct iovec *parts, int count_of_parts) {
    long count = count_of_parts > 0 ? sends(fd, parts[0].iov_base, parts[0].iov_len) : 0;
    ssize_t result = NEXT(writev)(fd, parts, count_of_parts);
    ends("send-buy", count);
    return result;
}

ssize_t recv(int fd, void *bytes, size_t length, int flags) {
    ssize_t result = NEXT(recv)(fd, bytes, length, flags);
    received(fd, result);
    return result;
}

ssize_t read(int fd, void *bytes, size_t length) {
    ssize_t result = NEXT(read)(fd, bytes, length);
    received(fd, result);
    return result;
}
