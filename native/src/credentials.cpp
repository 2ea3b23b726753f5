// Who is at the other end of a unix socket, as the kernel knows it from the time of connect or listen.
#include <sys/socket.h>

#include <cerrno>
#include <vector>

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

napi_value peerGroups(napi_env env, napi_callback_info info) {
  Args args(env, info);
  int fd = -1;
  if (!args.int32(0, "fd", &fd)) return nullptr;
  std::vector<gid_t> groups(32);
  socklen_t length = groups.size() * sizeof(gid_t);
  int result = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &length);
  if (result != 0 && errno == ERANGE) {
    // The kernel has said how many bytes it takes; the groups of a connection never change.
    groups.resize(length / sizeof(gid_t));
    result = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &length);
  }
  if (result != 0) {
    const int error = errno;
    return throwErrno(env, error, "getsockopt", format("read the groups of the peer of descriptor %d", fd));
  }
  groups.resize(length / sizeof(gid_t));
  napi_value list = nullptr;
  if (napi_create_array_with_length(env, groups.size(), &list) != napi_ok) return nullptr;
  for (uint32_t i = 0; i < groups.size(); i += 1) {
    if (napi_set_element(env, list, i, number(env, groups[i])) != napi_ok) return nullptr;
  }
  return list;
}

}  // namespace baton
