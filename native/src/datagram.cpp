// Datagrams to unix sockets, with a path or with an abstract name: how a service tells systemd of itself.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "args.hpp"
#include "errors.hpp"
#include "functions.hpp"

namespace baton {

napi_value sendDatagram(napi_env env, napi_callback_info info) {
  Args args(env, info);
  std::string address;
  Bytes data;
  if (!args.string(0, "address", &address) || !args.bytes(1, "data", &data)) return nullptr;
  const std::string attempt = format("send a datagram to '%s'", address.c_str());
  sockaddr_un name;
  memset(&name, 0, sizeof name);
  name.sun_family = AF_UNIX;
  if (address.size() >= sizeof name.sun_path) {
    return throwRefusal(env, ENAMETOOLONG, "sendto", attempt,
                        format("an address can have %zu bytes, this one has %zu", sizeof name.sun_path - 1, address.size()));
  }
  memcpy(name.sun_path, address.data(), address.size());
  // SAFETY: unix(7): an abstract name begins with a zero byte and has no end but the length.
  socklen_t length = offsetof(sockaddr_un, sun_path) + address.size();
  if (address[0] == '@') {
    name.sun_path[0] = '\0';
  } else {
    length += 1;
  }
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return throwErrno(env, errno, "socket", attempt);
  ssize_t sent;
  do {
    sent = sendto(fd, data.data, data.length, MSG_NOSIGNAL, reinterpret_cast<sockaddr*>(&name), length);
  } while (sent < 0 && errno == EINTR);
  const int error = errno;
  close(fd);
  if (sent < 0) return throwErrno(env, error, "sendto", attempt);
  return nullptr;
}

}  // namespace baton
