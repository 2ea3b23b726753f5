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
  bool withHeader = false;
  if (!args.string(0, "name", &name) || !args.boolean(1, "withHeader", &withHeader)) return nullptr;
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
  // SAFETY: the length of a header is a property of the interface, not of the descriptor, and not set here: a
  // second VMM that sets its own would garble the frames of the first one.
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  if (withHeader) request.ifr_flags |= IFF_VNET_HDR;
  if (ioctl(fd, TUNSETIFF, &request) == 0) return number(env, fd);
  const int error = errno;
  close(fd);
  return throwErrno(env, error, "ioctl", attempt);
}

napi_value describeTap(napi_env env, napi_callback_info info) {
  Args args(env, info);
  int fd = -1;
  if (!args.int32(0, "fd", &fd)) return nullptr;
  struct ifreq request;
  memset(&request, 0, sizeof request);
  if (ioctl(fd, TUNGETIFF, &request) != 0) {
    return throwErrno(env, errno, "ioctl", format("find the interface of descriptor %d", fd));
  }
  request.ifr_name[IFNAMSIZ - 1] = '\0';
  napi_value name = nullptr;
  napi_value description = nullptr;
  napi_create_string_utf8(env, request.ifr_name, NAPI_AUTO_LENGTH, &name);
  napi_create_object(env, &description);
  setProperty(env, description, "name", name);
  setProperty(env, description, "isTap", boolean(env, (request.ifr_flags & IFF_TAP) != 0));
  setProperty(env, description, "hasHeader", boolean(env, (request.ifr_flags & IFF_VNET_HDR) != 0));
  return description;
}

napi_value setTapHeaderBytes(napi_env env, napi_callback_info info) {
  Args args(env, info);
  int fd = -1;
  int sizeBytes = 0;
  if (!args.int32(0, "fd", &fd) || !args.int32(1, "sizeBytes", &sizeBytes)) return nullptr;
  if (ioctl(fd, TUNSETVNETHDRSZ, &sizeBytes) == 0) return nullptr;
  return throwErrno(env, errno, "ioctl", format("set the length of headers of descriptor %d", fd));
}

napi_value setTapOffloads(napi_env env, napi_callback_info info) {
  Args args(env, info);
  int fd = -1;
  int offloads = 0;
  if (!args.int32(0, "fd", &fd) || !args.int32(1, "offloads", &offloads)) return nullptr;
  if (ioctl(fd, TUNSETOFFLOAD, static_cast<unsigned long>(offloads)) == 0) return nullptr;
  return throwErrno(env, errno, "ioctl", format("set offloads 0x%x of descriptor %d", offloads, fd));
}

napi_value setTapSendBuffer(napi_env env, napi_callback_info info) {
  Args args(env, info);
  int fd = -1;
  int sizeBytes = 0;
  if (!args.int32(0, "fd", &fd) || !args.int32(1, "sizeBytes", &sizeBytes)) return nullptr;
  if (ioctl(fd, TUNSETSNDBUF, &sizeBytes) == 0) return nullptr;
  return throwErrno(env, errno, "ioctl", format("set the send buffer of descriptor %d", fd));
}

}  // namespace baton
