// Bytes with descriptors beside them (SCM_RIGHTS). Neither call blocks nor raises SIGPIPE, whatever the mode
// of the socket. A received descriptor is closed on exec; when a call fails none stays open.
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <new>

#include "args.hpp"
#include "errors.hpp"
#include "functions.hpp"

namespace baton {

namespace {

// The kernel's own limit per message, SCM_MAX_FD. N.B. Keep in sync with native/index.ts.
constexpr size_t MAX_FDS = 253;

struct Control {
  alignas(cmsghdr) char bytes[CMSG_SPACE(MAX_FDS * sizeof(int))];
};

// Descriptors received and not yet handed to JavaScript: closed unless released.
class ReceivedFds {
 public:
  ~ReceivedFds() {
    for (int fd : fds_) close(fd);
  }
  void collect(msghdr* message) {
    for (cmsghdr* header = CMSG_FIRSTHDR(message); header != nullptr; header = CMSG_NXTHDR(message, header)) {
      if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
      const size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      for (size_t i = 0; i < count; i += 1) {
        int fd;
        memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof fd);
        fds_.push_back(fd);
      }
    }
  }
  const std::vector<int>& list() const { return fds_; }
  void release() { fds_.clear(); }

 private:
  std::vector<int> fds_;
};

// The result object, or nullptr with an exception pending.
napi_value makeMessage(napi_env env, const uint8_t* data, size_t length, const std::vector<int>& fds) {
  void* copy = nullptr;
  napi_value buffer = nullptr;
  napi_value view = nullptr;
  napi_value list = nullptr;
  napi_value message = nullptr;
  if (napi_create_arraybuffer(env, length, &copy, &buffer) != napi_ok) return nullptr;
  if (length > 0) memcpy(copy, data, length);
  if (napi_create_typedarray(env, napi_uint8_array, length, buffer, 0, &view) != napi_ok) return nullptr;
  if (napi_create_array_with_length(env, fds.size(), &list) != napi_ok) return nullptr;
  for (uint32_t i = 0; i < fds.size(); i += 1) {
    if (napi_set_element(env, list, i, number(env, fds[i])) != napi_ok) return nullptr;
  }
  if (napi_create_object(env, &message) != napi_ok) return nullptr;
  setProperty(env, message, "data", view);
  setProperty(env, message, "fds", list);
  return message;
}

}  // namespace

napi_value sendMessage(napi_env env, napi_callback_info info) {
  Args args(env, info);
  int fd = -1;
  Bytes data;
  std::vector<int> fds;
  if (!args.int32(0, "fd", &fd) || !args.bytes(1, "data", &data) || !args.int32s(2, "fds", &fds)) return nullptr;
  const std::string attempt =
      format("send %zu bytes and %zu descriptors on descriptor %d", data.length, fds.size(), fd);
  if (fds.size() > MAX_FDS) {
    return throwRefusal(env, EINVAL, "sendmsg", attempt, format("at most %zu descriptors fit", MAX_FDS));
  }
  iovec part = {data.data, data.length};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  Control control;
  if (!fds.empty()) {
    memset(&control, 0, sizeof control);  // the padding goes to the kernel too
    message.msg_control = control.bytes;
    message.msg_controllen = CMSG_SPACE(fds.size() * sizeof(int));
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
    memcpy(CMSG_DATA(header), fds.data(), fds.size() * sizeof(int));
  }
  ssize_t sent;
  do {
    sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) return throwErrno(env, errno, "sendmsg", attempt);
  return number(env, sent);
}

napi_value receiveMessage(napi_env env, napi_callback_info info) {
  Args args(env, info);
  int fd = -1;
  int maxBytes = 0;
  int maxFds = 0;
  if (!args.int32(0, "fd", &fd) || !args.int32(1, "maxBytes", &maxBytes) || !args.int32(2, "maxFds", &maxFds)) {
    return nullptr;
  }
  const std::string attempt =
      format("receive at most %d bytes and %d descriptors on descriptor %d", maxBytes, maxFds, fd);
  if (maxBytes < 1 || maxFds < 0 || static_cast<size_t>(maxFds) > MAX_FDS) {
    return throwRefusal(env, EINVAL, "recvmsg", attempt, format("at most %zu descriptors fit", MAX_FDS));
  }
  std::unique_ptr<uint8_t[]> data(new (std::nothrow) uint8_t[static_cast<size_t>(maxBytes)]);
  if (data == nullptr) return throwRefusal(env, ENOMEM, "recvmsg", attempt, "there is no memory for them");
  iovec part = {data.get(), static_cast<size_t>(maxBytes)};
  Control control;
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes;
  // SAFETY: CMSG_LEN and not CMSG_SPACE: in the padding of an odd number the kernel would place one more.
  message.msg_controllen = maxFds == 0 ? 0 : CMSG_LEN(static_cast<size_t>(maxFds) * sizeof(int));
  ssize_t received;
  do {
    received = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  } while (received < 0 && errno == EINTR);
  if (received < 0 && errno == EAGAIN) return null(env);
  if (received < 0) return throwErrno(env, errno, "recvmsg", attempt);
  ReceivedFds fds;
  fds.collect(&message);
  if ((message.msg_flags & MSG_CTRUNC) != 0) {
    return throwRefusal(env, EMSGSIZE, "recvmsg", attempt,
                        "the sender passed more descriptors than that, or this process may open no more; "
                        "all that came are closed");
  }
  napi_value result = makeMessage(env, data.get(), static_cast<size_t>(received), fds.list());
  if (result != nullptr) fds.release();
  return result;
}

}  // namespace baton
