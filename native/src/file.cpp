// What Node's own files lack: FIFOs and holes.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cinttypes>

#include "args.hpp"
#include "errors.hpp"
#include "functions.hpp"

namespace baton {

napi_value makeFifo(napi_env env, napi_callback_info info) {
  Args args(env, info);
  std::string path;
  if (!args.string(0, "path", &path)) return nullptr;
  if (mkfifo(path.c_str(), S_IRUSR | S_IWUSR) == 0) return nullptr;
  const int error = errno;
  return throwErrno(env, error, "mkfifo", format("make FIFO '%s'", path.c_str()));
}

napi_value punchHole(napi_env env, napi_callback_info info) {
  Args args(env, info);
  int fd = -1;
  int64_t startBytes = 0;
  int64_t lengthBytes = 0;
  if (!args.int32(0, "fd", &fd) || !args.int64(1, "startBytes", &startBytes) ||
      !args.int64(2, "lengthBytes", &lengthBytes)) {
    return nullptr;
  }
  int result;
  do {
    result = fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, startBytes, lengthBytes);
  } while (result != 0 && errno == EINTR);
  if (result == 0) return nullptr;
  const int error = errno;
  return throwErrno(env, error, "fallocate",
                    format("punch %" PRId64 " bytes from %" PRId64 " out of descriptor %d", lengthBytes,
                           startBytes, fd));
}

napi_value findData(napi_env env, napi_callback_info info) {
  Args args(env, info);
  int fd = -1;
  int64_t fromBytes = 0;
  if (!args.int32(0, "fd", &fd) || !args.int64(1, "fromBytes", &fromBytes)) return nullptr;
  // SAFETY: this moves the descriptor's own offset; its owners read and write at offsets of their own.
  const off_t found = lseek(fd, fromBytes, SEEK_DATA);
  if (found >= 0) return number(env, found);
  const int error = errno;
  if (error == ENXIO) return null(env);
  return throwErrno(env, error, "lseek", format("find data from %" PRId64 " in descriptor %d", fromBytes, fd));
}

}  // namespace baton
