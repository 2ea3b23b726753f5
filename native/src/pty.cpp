// Pseudoterminals: our side of one. Its other side is a terminal with a path that programs open.
#include <fcntl.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>

#include "args.hpp"
#include "errors.hpp"
#include "functions.hpp"

namespace baton {

namespace {

// Bytes pass unchanged, and none come back as an echo. On Linux the settings are those of both sides.
int makeRaw(int fd) {
  termios settings;
  if (tcgetattr(fd, &settings) != 0) return -1;
  cfmakeraw(&settings);
  return tcsetattr(fd, TCSAFLUSH, &settings);
}

}  // namespace

napi_value openPty(napi_env env, napi_callback_info /*info*/) {
  const int fd = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return throwErrno(env, errno, "posix_openpt", "open a pseudoterminal");
  if (grantpt(fd) == 0 && unlockpt(fd) == 0 && makeRaw(fd) == 0) return number(env, fd);
  const int error = errno;
  close(fd);
  return throwErrno(env, error, "unlockpt", "open a pseudoterminal");
}

napi_value ptyPath(napi_env env, napi_callback_info info) {
  Args args(env, info);
  int fd = -1;
  if (!args.int32(0, "fd", &fd)) return nullptr;
  char path[64];
  const int error = ptsname_r(fd, path, sizeof path);
  if (error != 0) return throwErrno(env, error, "ptsname_r", format("name the terminal of descriptor %d", fd));
  napi_value text = nullptr;
  napi_create_string_utf8(env, path, NAPI_AUTO_LENGTH, &text);
  return text;
}

}  // namespace baton
