/* A disk that breaks below SQLite: LD_PRELOAD puts these in front of the C library's calls.

   Steps (writes, syncs, truncations) on the files that are watched are counted in a page of memory that the test maps
   too, and the n-th fails, or all from the n-th on. See broken_disk.py for what the test says and hears.

   A file in the folder SEALMQ_SYNCED holds what a power failure would leave: only what a sync that went well has
   brought there. What was written before a sync that failed is never brought by a later one, because Linux calls such
   pages clean: whoever believes the second fsync has lost them. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WRITE = 1, SYNC = 2, TRUNCATE = 4 };

struct control {
    int64_t armed;    /* 0: nothing is counted and nothing fails */
    int64_t n;        /* the step that fails */
    int64_t for_good; /* and all behind it */
    int64_t error;    /* errno */
    int64_t kinds;    /* which kinds of steps are counted */
    int64_t halves;   /* a write that fails has written its first half, and says so; its second half fails */
    int64_t steps;    /* counted so far */
    int64_t failed;   /* how many failed */
};

struct range { int64_t begin, end; };

struct watched {
    const char *name;
    struct range *dirty; /* written, and not synced */
    size_t count, room;
    int known;
};

static struct watched files[] = {{.name = "messages.db"}, {.name = "messages.db-wal"}};
static const char *shared_memory = "messages.db-shm"; /* counted; no power failure leaves anything of it */
static struct control *control;
static const char *synced;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_ftruncate)(int, off_t);
static int (*real_fallocate)(int, off_t, off_t);
static int (*real_unlink)(const char *);

__attribute__((constructor)) static void begin(void)
{
    real_write = dlsym(RTLD_NEXT, "write");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
    real_fallocate = dlsym(RTLD_NEXT, "posix_fallocate64");
    real_unlink = dlsym(RTLD_NEXT, "unlink");
    const char *path = getenv("SEALMQ_DISK");
    synced = getenv("SEALMQ_SYNCED");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *page = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (page != MAP_FAILED)
        control = page;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* What the descriptor's file is called; "" when nobody watches it. */
static const char *name_of(int fd, char *path, size_t size)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = control ? readlink(link, path, size - 1) : -1;
    if (length < 0)
        return "";
    path[length] = 0;
    const char *name = base_name(path);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (!strcmp(name, files[i].name))
            return name;
    return strcmp(name, shared_memory) ? "" : name;
}

static struct watched *watched(const char *name)
{
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (synced && !strcmp(name, files[i].name))
            return &files[i];
    return NULL;
}

/* Does this step fail? */
static int fails(int kind)
{
    if (!control->armed || !(control->kinds & kind))
        return 0;
    int64_t step = ++control->steps;
    if (step != control->n && !(control->for_good && step > control->n))
        return 0;
    control->failed++;
    errno = (int)control->error;
    return 1;
}

/* -- what a power failure leaves ---------------------------------------------------------------------------------- */

static void copy(int from, int to, int64_t begin, int64_t end)
{
    char piece[65536];
    while (begin < end) {
        size_t most = end - begin < (int64_t)sizeof piece ? (size_t)(end - begin) : sizeof piece;
        ssize_t got = pread(from, piece, most, begin);
        if (got <= 0)
            return;
        if (real_pwrite(to, piece, (size_t)got, begin) != got)
            abort();
        begin += got;
    }
}

static int open_synced(const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", synced, name);
    return open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

/* The file is met for the first time: what is in it has been there for long, unless a process before this one has left
   word of what it synced. The descriptor may be for writing alone. */
static void know(struct watched *file, const char *path)
{
    if (file->known)
        return;
    file->known = 1;
    char before[4096];
    snprintf(before, sizeof before, "%s/%s", synced, file->name);
    if (!access(before, F_OK))
        return;
    int from = open(path, O_RDONLY | O_CLOEXEC), to = open_synced(file->name);
    if (from < 0 || to < 0)
        abort();
    copy(from, to, 0, INT64_MAX);
    close(from);
    close(to);
}

static void soil(struct watched *file, int64_t begin, int64_t end)
{
    if (file->count == file->room) {
        file->room = file->room ? 2 * file->room : 256;
        file->dirty = realloc(file->dirty, file->room * sizeof *file->dirty);
        if (!file->dirty)
            abort();
    }
    file->dirty[file->count++] = (struct range){begin, end};
}

static void bring(struct watched *file, const char *path)
{
    struct stat now;
    int from = open(path, O_RDONLY | O_CLOEXEC), to = open_synced(file->name);
    if (from < 0 || to < 0 || fstat(from, &now))
        abort();
    for (size_t i = 0; i < file->count; i++)
        copy(from, to, file->dirty[i].begin, file->dirty[i].end);
    if (real_ftruncate(to, now.st_size))
        abort();
    file->count = 0;
    close(from);
    close(to);
}

/* -- in front of the C library ------------------------------------------------------------------------------------ */

static ssize_t write_at(int fd, const void *data, size_t size, off_t at, const char *name, const char *path)
{
    static int second_half;
    pthread_mutex_lock(&lock);
    struct watched *file = watched(name);
    if (file)
        know(file, path);
    ssize_t done = -1;
    int failed = second_half;
    if (second_half)
        errno = (int)control->error;
    else
        failed = fails(WRITE);
    second_half = 0;
    if (!failed)
        done = real_pwrite(fd, data, size, at);
    else if (control->halves && size > 1 && errno) {
        int error = errno;
        done = real_pwrite(fd, data, size / 2, at);
        second_half = 1;
        errno = error;
    }
    if (done > 0 && file)
        soil(file, at, at + done);
    pthread_mutex_unlock(&lock);
    return done;
}

ssize_t pwrite64(int fd, const void *data, size_t size, off_t at)
{
    char path[4096];
    const char *name = name_of(fd, path, sizeof path);
    return *name ? write_at(fd, data, size, at, name, path) : real_pwrite(fd, data, size, at);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at) { return pwrite64(fd, data, size, at); }

ssize_t write(int fd, const void *data, size_t size)
{
    char path[4096];
    const char *name = name_of(fd, path, sizeof path);
    if (!*name)
        return real_write(fd, data, size);
    ssize_t done = write_at(fd, data, size, lseek(fd, 0, SEEK_CUR), name, path);
    if (done > 0)
        lseek(fd, done, SEEK_CUR);
    return done;
}

static int sync_with(int (*real)(int), int fd)
{
    char path[4096];
    const char *name = name_of(fd, path, sizeof path);
    if (!*name)
        return real(fd);
    pthread_mutex_lock(&lock);
    struct watched *file = watched(name);
    if (file)
        know(file, path);
    int result = fails(SYNC) ? -1 : real(fd);
    if (file && result == 0)
        bring(file, path);
    else if (file)
        file->count = 0; /* what was written is called clean from now on, and never gets to the disk */
    pthread_mutex_unlock(&lock);
    return result;
}

int fsync(int fd) { return sync_with(real_fsync, fd); }

int fdatasync(int fd) { return sync_with(real_fdatasync, fd); }

int ftruncate64(int fd, off_t size)
{
    char path[4096];
    if (!*name_of(fd, path, sizeof path))
        return real_ftruncate(fd, size);
    pthread_mutex_lock(&lock);
    int result = fails(TRUNCATE) ? -1 : real_ftruncate(fd, size);
    pthread_mutex_unlock(&lock);
    return result;
}

int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

int posix_fallocate64(int fd, off_t at, off_t size)
{
    char path[4096];
    if (!*name_of(fd, path, sizeof path))
        return real_fallocate(fd, at, size);
    pthread_mutex_lock(&lock);
    int result = fails(TRUNCATE) ? (int)control->error : real_fallocate(fd, at, size);
    pthread_mutex_unlock(&lock);
    return result;
}

int posix_fallocate(int fd, off_t at, off_t size) { return posix_fallocate64(fd, at, size); }

int unlink(const char *path)
{
    struct watched *file = control && control->armed ? watched(base_name(path)) : NULL;
    if (file) {
        pthread_mutex_lock(&lock);
        char copied[4096];
        snprintf(copied, sizeof copied, "%s/%s", synced, file->name);
        real_unlink(copied);
        file->count = 0;
        file->known = 1;
        pthread_mutex_unlock(&lock);
    }
    return real_unlink(path);
}
