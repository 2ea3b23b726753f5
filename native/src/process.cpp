// Processes known by descriptor: the number of a process that ended is reused, its pidfd is not.
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "args.hpp"
#include "errors.hpp"
#include "functions.hpp"

namespace baton {

// The C library's own wrappers are younger than the distributions we build on, hence syscall(). The kernel
// sets close-on-exec on what pidfd_open and pidfd_getfd return.

napi_value pidfdOpen(napi_env env, napi_callback_info info) {
  Args args(env, info);
  int pid = 0;
  if (!args.int32(0, "pid", &pid)) return nullptr;
  const long fd = syscall(SYS_pidfd_open, pid, 0);
  if (fd >= 0) return number(env, fd);
  const int error = errno;
  return throwErrno(env, error, "pidfd_open", format("open process %d", pid));
}

napi_value pidfdSendSignal(napi_env env, napi_callback_info info) {
  Args args(env, info);
  int pidfd = -1;
  int signal = 0;
  if (!args.int32(0, "pidfd", &pidfd) || !args.int32(1, "signal", &signal)) return nullptr;
  if (syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0) == 0) return nullptr;
  const int error = errno;
  return throwErrno(env, error, "pidfd_send_signal", format("send signal %d to process descriptor %d", signal, pidfd));
}

napi_value pidfdGetFd(napi_env env, napi_callback_info info) {
  Args args(env, info);
  int pidfd = -1;
  int fd = -1;
  if (!args.int32(0, "pidfd", &pidfd) || !args.int32(1, "fd", &fd)) return nullptr;
  const long copy = syscall(SYS_pidfd_getfd, pidfd, fd, 0);
  if (copy >= 0) return number(env, copy);
  const int error = errno;
  return throwErrno(env, error, "pidfd_getfd", format("take descriptor %d of process descriptor %d", fd, pidfd));
}

}  // namespace baton
