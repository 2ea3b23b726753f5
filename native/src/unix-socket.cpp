// Stream sockets with a path: non-blocking and closed on exec. A socket file that is in the way is removed, as
// QEMU does: the newer listener wins. Anything else in the way is left alone and refused.
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "args.hpp"
#include "errors.hpp"
#include "functions.hpp"

namespace baton {

namespace {

constexpr size_t MAX_PATH_BYTES = sizeof(sockaddr_un::sun_path) - 1;  // 107, and a terminating zero

bool makeAddress(napi_env env, const std::string& path, const char* syscall, const std::string& attempt,
                 sockaddr_un* address) {
  if (path.size() > MAX_PATH_BYTES) {
    throwRefusal(env, ENAMETOOLONG, syscall, attempt,
                 format("a socket path can have %zu bytes, this one has %zu", MAX_PATH_BYTES, path.size()));
    return false;
  }
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  memcpy(address->sun_path, path.data(), path.size());
  return true;
}

int openSocket() { return socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); }

napi_value closeAndThrow(napi_env env, int fd, const char* syscall, const std::string& attempt) {
  int error = errno;
  close(fd);
  return throwErrno(env, error, syscall, attempt);
}

}  // namespace

napi_value listenUnix(napi_env env, napi_callback_info info) {
  Args args(env, info);
  std::string path;
  int backlog = 0;
  if (!args.string(0, "path", &path) || !args.int32(1, "backlog", &backlog)) return nullptr;
  const std::string attempt = format("listen on socket '%s'", path.c_str());
  sockaddr_un address;
  if (!makeAddress(env, path, "bind", attempt, &address)) return nullptr;
  struct stat status;
  // lstat, so that a symbolic link is in the way and is not followed.
  if (lstat(path.c_str(), &status) == 0) {
    if (!S_ISSOCK(status.st_mode)) {
      return throwRefusal(env, EADDRINUSE, "bind", attempt, "a file that is not a socket is in the way");
    }
    if (unlink(path.c_str()) != 0 && errno != ENOENT) return throwErrno(env, errno, "unlink", attempt);
  }
  int fd = openSocket();
  if (fd < 0) return throwErrno(env, errno, "socket", attempt);
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    return closeAndThrow(env, fd, "bind", attempt);
  }
  if (listen(fd, backlog) != 0) {
    int error = errno;
    unlink(path.c_str());
    errno = error;
    return closeAndThrow(env, fd, "listen", attempt);
  }
  return number(env, fd);
}

napi_value acceptUnix(napi_env env, napi_callback_info info) {
  Args args(env, info);
  int fd = -1;
  if (!args.int32(0, "fd", &fd)) return nullptr;
  int connection;
  do {
    connection = accept4(fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  } while (connection < 0 && errno == EINTR);
  if (connection >= 0) return number(env, connection);
  const int error = errno;
  if (error == EAGAIN) return null(env);
  return throwErrno(env, error, "accept4", format("accept a connection on descriptor %d", fd));
}

napi_value connectUnix(napi_env env, napi_callback_info info) {
  Args args(env, info);
  std::string path;
  if (!args.string(0, "path", &path)) return nullptr;
  const std::string attempt = format("connect to socket '%s'", path.c_str());
  sockaddr_un address;
  if (!makeAddress(env, path, "connect", attempt, &address)) return nullptr;
  int fd = openSocket();
  if (fd < 0) return throwErrno(env, errno, "socket", attempt);
  // A unix socket connects at once or not at all: EAGAIN means that the listener's backlog is full.
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    return closeAndThrow(env, fd, "connect", attempt);
  }
  return number(env, fd);
}

napi_value shutdownWrite(napi_env env, napi_callback_info info) {
  Args args(env, info);
  int fd = -1;
  if (!args.int32(0, "fd", &fd)) return nullptr;
  if (shutdown(fd, SHUT_WR) == 0) return nullptr;
  const int error = errno;
  return throwErrno(env, error, "shutdown", format("end the write side of descriptor %d", fd));
}

napi_value unreadBytes(napi_env env, napi_callback_info info) {
  Args args(env, info);
  int fd = -1;
  if (!args.int32(0, "fd", &fd)) return nullptr;
  int bytes = 0;
  // SAFETY: unix(7): for a stream socket SIOCOUTQ is what lies in the peer's receive queue, since there is no
  // other place between the two.
  if (ioctl(fd, SIOCOUTQ, &bytes) == 0) return number(env, bytes);
  const int error = errno;
  return throwErrno(env, error, "ioctl", format("see what the peer of descriptor %d has not read", fd));
}

napi_value readableBytes(napi_env env, napi_callback_info info) {
  Args args(env, info);
  int fd = -1;
  if (!args.int32(0, "fd", &fd)) return nullptr;
  int bytes = 0;
  if (ioctl(fd, FIONREAD, &bytes) == 0) return number(env, bytes);
  const int error = errno;
  return throwErrno(env, error, "ioctl", format("see what can be read from descriptor %d", fd));
}

}  // namespace baton
