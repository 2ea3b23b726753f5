// Who is at the other end of a unix socket, as the kernel knows it from the time of connect or listen.
#include <sys/socket.h>

#include <cerrno>

#include "args.hpp"
#include "errors.hpp"
#include "functions.hpp"

namespace baton {

napi_value peerCredentials(napi_env env, napi_callback_info info) {
  Args args(env, info);
  int fd = -1;
  if (!args.int32(0, "fd", &fd)) return nullptr;
  ucred peer = {};
  socklen_t length = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) {
    const int error = errno;
    return throwErrno(env, error, "getsockopt", format("read the credentials of the peer of descriptor %d", fd));
  }
  napi_value credentials = nullptr;
  if (napi_create_object(env, &credentials) != napi_ok) return nullptr;
  setProperty(env, credentials, "pid", number(env, peer.pid));
  setProperty(env, credentials, "uid", number(env, peer.uid));
  setProperty(env, credentials, "gid", number(env, peer.gid));
  return credentials;
}

}  // namespace baton
