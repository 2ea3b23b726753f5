// What any descriptor can do.
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "args.hpp"
#include "errors.hpp"
#include "functions.hpp"

namespace baton {

napi_value closeFd(napi_env env, napi_callback_info info) {
  Args args(env, info);
  int fd = -1;
  if (!args.int32(0, "fd", &fd)) return nullptr;
  // SAFETY: never retried. After EINTR Linux has closed the descriptor already, and its number may by now
  // belong to another thread.
  if (close(fd) == 0 || errno == EINTR) return nullptr;
  const int error = errno;
  return throwErrno(env, error, "close", format("close descriptor %d", fd));
}

napi_value readFd(napi_env env, napi_callback_info info) {
  Args args(env, info);
  int fd = -1;
  Bytes into;
  if (!args.int32(0, "fd", &fd) || !args.bytes(1, "into", &into)) return nullptr;
  ssize_t got;
  do {
    got = read(fd, into.data, into.length);
  } while (got < 0 && errno == EINTR);
  if (got >= 0) return number(env, got);
  const int error = errno;
  if (error == EAGAIN) return null(env);
  return throwErrno(env, error, "read", format("read from descriptor %d", fd));
}

napi_value writeFd(napi_env env, napi_callback_info info) {
  Args args(env, info);
  int fd = -1;
  Bytes data;
  if (!args.int32(0, "fd", &fd) || !args.bytes(1, "data", &data)) return nullptr;
  ssize_t written;
  do {
    // SAFETY: a peer that has gone is EPIPE and no signal: Node ignores SIGPIPE in the whole process.
    written = write(fd, data.data, data.length);
  } while (written < 0 && errno == EINTR);
  if (written >= 0) return number(env, written);
  const int error = errno;
  if (error == EAGAIN) return null(env);
  return throwErrno(env, error, "write", format("write to descriptor %d", fd));
}

napi_value writePieces(napi_env env, napi_callback_info info) {
  Args args(env, info);
  int fd = -1;
  std::vector<Bytes> pieces;
  if (!args.int32(0, "fd", &fd) || !args.bytesList(1, "pieces", &pieces)) return nullptr;
  std::vector<iovec> vectors;
  vectors.reserve(pieces.size());
  for (const Bytes& piece : pieces) vectors.push_back({piece.data, piece.length});
  ssize_t written;
  do {
    written = writev(fd, vectors.data(), static_cast<int>(vectors.size()));
  } while (written < 0 && errno == EINTR);
  if (written >= 0) return number(env, written);
  const int error = errno;
  if (error == EAGAIN) return null(env);
  return throwErrno(env, error, "writev", format("write to descriptor %d", fd));
}

napi_value createEventFd(napi_env env, napi_callback_info /*info*/) {
  const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) return throwErrno(env, errno, "eventfd", "create an event descriptor");
  return number(env, fd);
}

napi_value createTimerFd(napi_env env, napi_callback_info /*info*/) {
  const int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  if (fd < 0) return throwErrno(env, errno, "timerfd_create", "create a timer");
  return number(env, fd);
}

napi_value setTimerFd(napi_env env, napi_callback_info info) {
  constexpr int64_t NS_PER_SECOND = 1'000'000'000;
  Args args(env, info);
  int fd = -1;
  int64_t delayNs = 0;
  if (!args.int32(0, "fd", &fd) || !args.int64(1, "delayNs", &delayNs)) return nullptr;
  itimerspec time = {};
  time.it_value.tv_sec = delayNs / NS_PER_SECOND;
  time.it_value.tv_nsec = delayNs % NS_PER_SECOND;
  if (timerfd_settime(fd, 0, &time, nullptr) == 0) return nullptr;
  return throwErrno(env, errno, "timerfd_settime", format("set timer %d", fd));
}

napi_value setCloseOnExec(napi_env env, napi_callback_info info) {
  Args args(env, info);
  int fd = -1;
  bool on = false;
  if (!args.int32(0, "fd", &fd) || !args.boolean(1, "on", &on)) return nullptr;
  int flags = fcntl(fd, F_GETFD);
  if (flags >= 0) flags = fcntl(fd, F_SETFD, on ? flags | FD_CLOEXEC : flags & ~FD_CLOEXEC);
  if (flags >= 0) return nullptr;
  const int error = errno;
  return throwErrno(env, error, "fcntl", format("set close-on-exec of descriptor %d", fd));
}

napi_value setNonBlocking(napi_env env, napi_callback_info info) {
  Args args(env, info);
  int fd = -1;
  if (!args.int32(0, "fd", &fd)) return nullptr;
  int flags = fcntl(fd, F_GETFL);
  if (flags >= 0) flags = fcntl(fd, F_SETFL, flags | O_NONBLOCK);
  if (flags >= 0) return nullptr;
  const int error = errno;
  return throwErrno(env, error, "fcntl", format("make descriptor %d non-blocking", fd));
}

napi_value duplicateFd(napi_env env, napi_callback_info info) {
  Args args(env, info);
  int fd = -1;
  if (!args.int32(0, "fd", &fd)) return nullptr;
  // SAFETY: never 0, 1 or 2, which others take for the terminal even when they were closed.
  const int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  if (copy >= 0) return number(env, copy);
  const int error = errno;
  return throwErrno(env, error, "fcntl", format("duplicate descriptor %d", fd));
}

napi_value replaceInheritableFd(napi_env env, napi_callback_info info) {
  Args args(env, info);
  int fd = -1;
  int replaced = -1;
  if (!args.int32(0, "fd", &fd) || !args.int32(1, "replaced", &replaced)) return nullptr;
  // SAFETY: dup2 closes `replaced` and takes its number in one step, so no other thread can get the number between.
  if (dup2(fd, replaced) >= 0) return nullptr;
  const int error = errno;
  return throwErrno(env, error, "dup2", format("replace descriptor %d by %d", replaced, fd));
}

}  // namespace baton
