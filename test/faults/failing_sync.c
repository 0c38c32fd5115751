/*
 * A disk that does not make durable what it was given, to be preloaded (LD_PRELOAD). Calls of fsync and fdatasync, and writes
 * through a descriptor that syncs by itself, on files whose path has FAIL_PATH in it: the first FAIL_AFTER succeed, then
 * FAIL_TIMES (all, when negative) fail with EIO although the bytes have been written.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_int calls;

static int number(const char *name, int otherwise) {
  const char *text = getenv(name);
  return text ? atoi(text) : otherwise;
}

static int fails(int fd) {
  char link[64], path[4096];
  const char *part = getenv("FAIL_PATH");
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (!part || length < 0) return 0;
  path[length] = 0;
  if (!strstr(path, part)) return 0;
  int call = atomic_fetch_add(&calls, 1) - number("FAIL_AFTER", 0);
  int times = number("FAIL_TIMES", -1);
  return call >= 0 && (times < 0 || call < times);
}

static int refused(void) {
  errno = EIO;
  return -1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int fsync(int fd) { return fails(fd) ? refused() : REAL(fsync)(fd); }
int fdatasync(int fd) { return fails(fd) ? refused() : REAL(fdatasync)(fd); }

static int syncs(int fd) {
  int flags = fcntl(fd, F_GETFL);
  return flags >= 0 && (flags & O_DSYNC);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
  ssize_t written = REAL(pwrite)(fd, bytes, count, at);
  return written >= 0 && syncs(fd) && fails(fd) ? refused() : written;
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
  ssize_t written = REAL(pwrite64)(fd, bytes, count, at);
  return written >= 0 && syncs(fd) && fails(fd) ? refused() : written;
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) {
  ssize_t written = REAL(pwritev)(fd, parts, count, at);
  return written >= 0 && syncs(fd) && fails(fd) ? refused() : written;
}
