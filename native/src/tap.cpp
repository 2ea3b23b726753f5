// Tap interfaces of the network namespace that the process is in.
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "args.hpp"
#include "errors.hpp"
#include "functions.hpp"

namespace baton {

napi_value openTap(napi_env env, napi_callback_info info) {
  Args args(env, info);
  std::string name;
  if (!args.string(0, "name", &name)) return nullptr;
  const std::string attempt = format("open tap interface '%s'", name.c_str());
  // TUNSETIFF makes an interface that it does not find; nobody would have configured that one.
  if (name.size() >= IFNAMSIZ || if_nametoindex(name.c_str()) == 0) {
    return throwErrno(env, name.size() >= IFNAMSIZ ? ENODEV : errno, "if_nametoindex", attempt);
  }
  const int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return throwErrno(env, errno, "open", attempt);
  struct ifreq request;
  memset(&request, 0, sizeof request);
  memcpy(request.ifr_name, name.data(), name.size());
  // SAFETY: no IFF_VNET_HDR. The length of that header is a property of the interface, not of the descriptor: a
  // second VMM that sets its own would garble the frames of the first one.
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  if (ioctl(fd, TUNSETIFF, &request) == 0) return number(env, fd);
  const int error = errno;
  close(fd);
  return throwErrno(env, error, "ioctl", attempt);
}

}  // namespace baton
