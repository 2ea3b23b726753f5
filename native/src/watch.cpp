// Watches a descriptor on the event loop of the calling thread until it is told to end; poll.cpp waits once.
//
// As there, the loop watches an epoll descriptor of the watch's own with the caller's descriptor inside: so that can
// be watched by others too and is not made non-blocking by libuv. It must stay open until the watch has ended.
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <uv.h>

#include <cerrno>
#include <cstdlib>

#include "args.hpp"
#include "errors.hpp"
#include "functions.hpp"

namespace baton {

namespace {

struct Watch {
  napi_env env = nullptr;
  napi_ref callback = nullptr;
  napi_async_context context = nullptr;
  napi_async_cleanup_hook_handle cleanup = nullptr;
  int fd = -1;
  int epollFd = -1;
  // SAFETY: allocated with the size that the running libuv says, as in poll.cpp.
  void* poll = nullptr;
  bool isInside = false;  // `fd` is in the epoll descriptor
  bool closing = false;
  int owners = 2;  // the loop, and JavaScript's value
};

void release(Watch* watch) {
  watch->owners -= 1;
  if (watch->owners == 0) delete watch;
}

void letGo(Watch* watch) {
  if (watch->callback != nullptr) napi_delete_reference(watch->env, watch->callback);
  if (watch->context != nullptr) napi_async_destroy(watch->env, watch->context);
  watch->callback = nullptr;
  watch->context = nullptr;
}

void releaseExternal(napi_env /*env*/, void* data, void* /*hint*/) { release(static_cast<Watch*>(data)); }

// SAFETY: the cleanup hook stays until libuv has let go of the handle, as in poll.cpp.
void freeWhenClosed(uv_handle_t* handle) {
  auto* watch = static_cast<Watch*>(uv_handle_get_data(handle));
  letGo(watch);  // not before: the watch may be ended from inside its own callback
  napi_remove_async_cleanup_hook(watch->cleanup);
  free(watch->poll);
  release(watch);
}

void end(Watch* watch) {
  if (watch->closing) return;
  watch->closing = true;
  uv_close(static_cast<uv_handle_t*>(watch->poll), freeWhenClosed);
  close(watch->epollFd);
}

// The environment ends with the watch open: nobody is left to be told, and what it held goes with it.
void abandon(napi_async_cleanup_hook_handle /*handle*/, void* data) {
  letGo(static_cast<Watch*>(data));
  end(static_cast<Watch*>(data));
}

void tell(Watch* watch, int events) {
  const napi_env env = watch->env;
  napi_handle_scope handles = nullptr;
  if (watch->closing || napi_open_handle_scope(env, &handles) != napi_ok) return;
  napi_value callback = nullptr;
  napi_value receiver = nullptr;
  napi_get_reference_value(env, watch->callback, &callback);
  napi_get_global(env, &receiver);
  napi_value argument = number(env, events);
  // After this the watch may have been ended.
  if (napi_make_callback(env, watch->context, receiver, callback, 1, &argument, nullptr) ==
      napi_pending_exception) {
    napi_value error = nullptr;
    if (napi_get_and_clear_last_exception(env, &error) == napi_ok) napi_fatal_exception(env, error);
  }
  napi_close_handle_scope(env, handles);
}

void onReady(uv_poll_t* handle, int /*status*/, int /*events*/) {
  auto* watch = static_cast<Watch*>(uv_handle_get_data(reinterpret_cast<uv_handle_t*>(handle)));
  epoll_event event = {};
  if (epoll_wait(watch->epollFd, &event, 1, 0) > 0) tell(watch, static_cast<int>(event.events));
}

// The handle in the loop; from here on end() undoes it. Else an error number and nothing done.
int start(Watch* watch, uv_loop_t* loop) {
  watch->poll = malloc(uv_handle_size(UV_POLL));
  if (watch->poll == nullptr) return ENOMEM;
  auto* poll = static_cast<uv_poll_t*>(watch->poll);
  if (napi_add_async_cleanup_hook(watch->env, abandon, watch, &watch->cleanup) != napi_ok) return ECANCELED;
  const int status = uv_poll_init(loop, poll, watch->epollFd);
  if (status != 0) {
    napi_remove_async_cleanup_hook(watch->cleanup);
    return -status;
  }
  uv_handle_set_data(static_cast<uv_handle_t*>(watch->poll), watch);
  uv_poll_start(poll, UV_READABLE, onReady);
  // SAFETY: added here and not by libuv, which aborts the process if the kernel refuses: see poll.cpp.
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.fd = watch->epollFd;
  epoll_ctl(uv_backend_fd(loop), EPOLL_CTL_ADD, watch->epollFd, &event);
  return 0;
}

napi_value abort(Watch* watch, int error, const std::string& attempt) {
  const napi_env env = watch->env;
  letGo(watch);
  free(watch->poll);
  close(watch->epollFd);
  delete watch;
  return throwErrno(env, error, "epoll_ctl", attempt);
}

bool hold(Watch* watch, napi_value callback) {
  const napi_env env = watch->env;
  napi_value name = nullptr;
  napi_value resource = nullptr;
  return napi_create_string_utf8(env, "baton.watchFd", NAPI_AUTO_LENGTH, &name) == napi_ok &&
         napi_create_object(env, &resource) == napi_ok &&
         napi_async_init(env, resource, name, &watch->context) == napi_ok &&
         napi_create_reference(env, callback, 1, &watch->callback) == napi_ok;
}

// Takes `fd` in and out again: what cannot be watched is refused here, and a watch for nothing hears of nothing.
int probe(const Watch* watch) {
  epoll_event event = {};
  if (epoll_ctl(watch->epollFd, EPOLL_CTL_ADD, watch->fd, &event) != 0) return errno;
  return epoll_ctl(watch->epollFd, EPOLL_CTL_DEL, watch->fd, &event) == 0 ? 0 : errno;
}

}  // namespace

napi_value watchFd(napi_env env, napi_callback_info info) {
  Args args(env, info);
  int fd = -1;
  napi_value callback = nullptr;
  if (!args.int32(0, "fd", &fd) || !args.function(1, "onReady", &callback)) return nullptr;
  const std::string attempt = format("watch descriptor %d", fd);
  uv_loop_t* loop = nullptr;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) {
    return throwRefusal(env, ECANCELED, "epoll_ctl", attempt, "the thread is ending");
  }
  const int epollFd = epoll_create1(EPOLL_CLOEXEC);
  if (epollFd < 0) return throwErrno(env, errno, "epoll_create1", attempt);
  auto* watch = new Watch();
  watch->env = env;
  watch->fd = fd;
  watch->epollFd = epollFd;
  int error = probe(watch);
  if (error == 0 && !hold(watch, callback)) error = ECANCELED;
  if (error == 0) error = start(watch, loop);
  if (error != 0) return abort(watch, error, attempt);
  napi_value external = nullptr;
  if (napi_create_external(env, watch, releaseExternal, nullptr, &external) == napi_ok) return external;
  release(watch);
  end(watch);
  return nullptr;
}

napi_value setWatch(napi_env env, napi_callback_info info) {
  Args args(env, info);
  void* data = nullptr;
  int events = 0;
  if (!args.external(0, "watch", &data) || !args.int32(1, "events", &events)) return nullptr;
  auto* watch = static_cast<Watch*>(data);
  const std::string attempt = format("watch descriptor %d", watch->fd);
  if (watch->closing) return throwRefusal(env, EBADF, "epoll_ctl", attempt, "the watch has ended");
  epoll_event event = {};
  event.events = static_cast<uint32_t>(events);
  // Without events it must be outside: errors and hang-ups would be told all the same, again and again.
  const int operation = events == 0 ? EPOLL_CTL_DEL : watch->isInside ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  if (events == 0 && !watch->isInside) return nullptr;
  if (epoll_ctl(watch->epollFd, operation, watch->fd, &event) != 0) {
    return throwErrno(env, errno, "epoll_ctl", attempt);
  }
  watch->isInside = events != 0;
  return nullptr;
}

napi_value endWatch(napi_env env, napi_callback_info info) {
  Args args(env, info);
  void* data = nullptr;
  if (!args.external(0, "watch", &data)) return nullptr;
  auto* watch = static_cast<Watch*>(data);
  if (watch->closing) return nullptr;
  end(watch);
  return nullptr;
}

}  // namespace baton
