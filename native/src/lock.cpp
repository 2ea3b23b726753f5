// Locks of an open file description: they belong to the description and not to the process, so they move with
// a descriptor that is passed on, and are released when its last copy is closed. No call waits.
#include <fcntl.h>

#include <cerrno>
#include <cinttypes>

#include "args.hpp"
#include "errors.hpp"
#include "functions.hpp"

namespace baton {

namespace {

// A range of bytes; a length of 0 reaches to the end of the file, however far it grows.
struct Range {
  int64_t startBytes = 0;
  int64_t lengthBytes = 0;

  bool read(const Args& args, size_t index) {
    return args.int64(index, "startBytes", &startBytes) && args.int64(index + 1, "lengthBytes", &lengthBytes);
  }
  struct flock as(short type) const {
    struct flock lock = {};
    lock.l_type = type;
    lock.l_whence = SEEK_SET;
    lock.l_start = startBytes;
    lock.l_len = lengthBytes;
    return lock;
  }
  std::string describe(const char* verb, int fd) const {
    return format("%s %" PRId64 " bytes from %" PRId64 " of descriptor %d", verb, lengthBytes, startBytes, fd);
  }
};

bool readArguments(const Args& args, int* fd, bool* exclusive, Range* range) {
  return args.int32(0, "fd", fd) && args.boolean(1, "exclusive", exclusive) && range->read(args, 2);
}

}  // namespace

napi_value lockOfd(napi_env env, napi_callback_info info) {
  Args args(env, info);
  int fd = -1;
  bool exclusive = false;
  Range range;
  if (!readArguments(args, &fd, &exclusive, &range)) return nullptr;
  struct flock lock = range.as(exclusive ? F_WRLCK : F_RDLCK);
  if (fcntl(fd, F_OFD_SETLK, &lock) == 0) return boolean(env, true);
  const int error = errno;
  if (error == EAGAIN || error == EACCES) return boolean(env, false);
  return throwErrno(env, error, "fcntl", range.describe(exclusive ? "write-lock" : "read-lock", fd));
}

napi_value unlockOfd(napi_env env, napi_callback_info info) {
  Args args(env, info);
  int fd = -1;
  Range range;
  if (!args.int32(0, "fd", &fd) || !range.read(args, 1)) return nullptr;
  struct flock lock = range.as(F_UNLCK);
  if (fcntl(fd, F_OFD_SETLK, &lock) == 0) return nullptr;
  const int error = errno;
  return throwErrno(env, error, "fcntl", range.describe("unlock", fd));
}

napi_value testOfd(napi_env env, napi_callback_info info) {
  Args args(env, info);
  int fd = -1;
  bool exclusive = false;
  Range range;
  if (!readArguments(args, &fd, &exclusive, &range)) return nullptr;
  struct flock lock = range.as(exclusive ? F_WRLCK : F_RDLCK);
  if (fcntl(fd, F_OFD_GETLK, &lock) != 0) {
    const int error = errno;
    return throwErrno(env, error, "fcntl", range.describe("test the lock of", fd));
  }
  if (lock.l_type == F_UNLCK) return null(env);
  napi_value holder = nullptr;
  if (napi_create_object(env, &holder) != napi_ok) return nullptr;
  setProperty(env, holder, "exclusive", boolean(env, lock.l_type == F_WRLCK));
  setProperty(env, holder, "startBytes", number(env, lock.l_start));
  setProperty(env, holder, "lengthBytes", number(env, lock.l_len));
  // The kernel says -1 for a lock of an open file description: it has no one process.
  setProperty(env, holder, "pid", lock.l_pid > 0 ? number(env, lock.l_pid) : null(env));
  return holder;
}

}  // namespace baton
