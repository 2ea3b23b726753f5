// Waits for a descriptor on the event loop of the calling thread. Not on Node's thread pool: a wait there cannot
// be ended, so that four of them (the size of the pool) would hold up every file operation of the process, and
// process.exit and worker.terminate would stand still until the last has timed out.
//
// The loop watches an epoll descriptor of the wait's own, with the caller's descriptor inside. So the caller's
// descriptor can be watched by others too, is not made non-blocking by libuv, and may be closed meanwhile.
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

static_assert(EPOLLIN == POLLIN && EPOLLPRI == POLLPRI && EPOLLOUT == POLLOUT && EPOLLERR == POLLERR &&
              EPOLLHUP == POLLHUP && EPOLLRDHUP == POLLRDHUP);

struct Wait {
  napi_env env = nullptr;
  napi_deferred deferred = nullptr;
  napi_async_cleanup_hook_handle cleanup = nullptr;
  int epollFd = -1;
  // SAFETY: allocated with the size that the running libuv says, and used only through its functions: the
  // addon may have been compiled with the headers of another version.
  void* poll = nullptr;
  void* timer = nullptr;
  int openHandles = 0;
  bool closing = false;
};

int readyEvents(const Wait* wait) {
  epoll_event event = {};
  return epoll_wait(wait->epollFd, &event, 1, 0) > 0 ? static_cast<int>(event.events) : 0;
}

// SAFETY: the cleanup hook stays until libuv has let go of both handles. An environment that ends in between
// waits for it; without, Node would find open handles in the loop and abort.
void freeWhenClosed(uv_handle_t* handle) {
  auto* wait = static_cast<Wait*>(uv_handle_get_data(handle));
  wait->openHandles -= 1;
  if (wait->openHandles > 0) return;
  napi_remove_async_cleanup_hook(wait->cleanup);
  free(wait->poll);
  free(wait->timer);
  delete wait;
}

void end(Wait* wait) {
  if (wait->closing) return;
  wait->closing = true;
  uv_close(static_cast<uv_handle_t*>(wait->poll), freeWhenClosed);
  uv_close(static_cast<uv_handle_t*>(wait->timer), freeWhenClosed);
  close(wait->epollFd);
}

// The environment ends with the wait under way: nobody is left to be told.
void abandon(napi_async_cleanup_hook_handle /*handle*/, void* data) { end(static_cast<Wait*>(data)); }

void resolve(Wait* wait, int events) {
  const napi_env env = wait->env;
  const napi_deferred deferred = wait->deferred;
  end(wait);
  napi_handle_scope handles = nullptr;
  if (napi_open_handle_scope(env, &handles) != napi_ok) return;
  napi_value name = nullptr;
  napi_value resource = nullptr;
  napi_async_context context = nullptr;
  napi_callback_scope callback = nullptr;
  napi_create_string_utf8(env, "baton.pollFd", NAPI_AUTO_LENGTH, &name);
  napi_create_object(env, &resource);
  // What awaits the promise runs when the callback scope closes.
  if (napi_async_init(env, resource, name, &context) == napi_ok) {
    if (napi_open_callback_scope(env, resource, context, &callback) == napi_ok) {
      napi_resolve_deferred(env, deferred, number(env, events));
      napi_close_callback_scope(env, callback);
    }
    napi_async_destroy(env, context);
  }
  napi_close_handle_scope(env, handles);
}

void onReady(uv_poll_t* handle, int /*status*/, int /*events*/) {
  auto* wait = static_cast<Wait*>(uv_handle_get_data(reinterpret_cast<uv_handle_t*>(handle)));
  const int events = readyEvents(wait);
  if (events != 0) resolve(wait, events);  // else somebody took what was there: wait on
}

void onTimeout(uv_timer_t* handle) {
  auto* wait = static_cast<Wait*>(uv_handle_get_data(reinterpret_cast<uv_handle_t*>(handle)));
  resolve(wait, readyEvents(wait));
}

// Both handles in the loop, not yet active; from here on end() undoes it. Else an error number and nothing done.
int open(Wait* wait, uv_loop_t* loop) {
  wait->poll = malloc(uv_handle_size(UV_POLL));
  wait->timer = malloc(uv_handle_size(UV_TIMER));
  if (wait->poll == nullptr || wait->timer == nullptr) return ENOMEM;
  if (napi_add_async_cleanup_hook(wait->env, abandon, wait, &wait->cleanup) != napi_ok) return ECANCELED;
  const int status = uv_poll_init(loop, static_cast<uv_poll_t*>(wait->poll), wait->epollFd);
  if (status != 0) {
    napi_remove_async_cleanup_hook(wait->cleanup);
    return -status;
  }
  uv_timer_init(loop, static_cast<uv_timer_t*>(wait->timer));
  uv_handle_set_data(static_cast<uv_handle_t*>(wait->poll), wait);
  uv_handle_set_data(static_cast<uv_handle_t*>(wait->timer), wait);
  wait->openHandles = 2;
  return 0;
}

int start(Wait* wait, uv_loop_t* loop, int timeoutMs) {
  // The loop's idea of now is from before the JavaScript that runs; a timer would come too early by that.
  uv_update_time(loop);
  uv_timer_start(static_cast<uv_timer_t*>(wait->timer), onTimeout, static_cast<uint64_t>(timeoutMs), 0);
  uv_poll_start(static_cast<uv_poll_t*>(wait->poll), UV_READABLE, onReady);
  // SAFETY: libuv adds the descriptor to the loop's epoll only when the loop runs, and aborts the process if the
  // kernel refuses: it allows 500 nested watches of one file. So it is added here, where a refusal is an error
  // of this call; libuv then finds it there already (EEXIST), which it expects. After uv_poll_start, which
  // removes what it finds.
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.fd = wait->epollFd;  // what libuv sets
  return epoll_ctl(uv_backend_fd(loop), EPOLL_CTL_ADD, wait->epollFd, &event) == 0 ? 0 : errno;
}

napi_value throwNoWait(napi_env env, int error, const std::string& attempt) {
  if (error != EINVAL) return throwErrno(env, error, "epoll_ctl", attempt);
  return throwRefusal(env, EAGAIN, "epoll_ctl", attempt, "the kernel allows 500 waits for one file at a time");
}

napi_value waitOnLoop(napi_env env, int fd, int events, int timeoutMs) {
  const std::string attempt = format("wait for descriptor %d", fd);
  uv_loop_t* loop = nullptr;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) {
    return throwRefusal(env, ECANCELED, "epoll_ctl", attempt, "the thread is ending");
  }
  const int epollFd = epoll_create1(EPOLL_CLOEXEC);
  if (epollFd < 0) return throwErrno(env, errno, "epoll_create1", attempt);
  auto* wait = new Wait();
  wait->env = env;
  wait->epollFd = epollFd;
  epoll_event event = {};
  event.events = static_cast<uint32_t>(events);
  int error = epoll_ctl(epollFd, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : errno;
  if (error == 0) error = open(wait, loop);
  if (error != 0) {
    close(epollFd);
    free(wait->poll);
    free(wait->timer);
    delete wait;
    return throwNoWait(env, error, attempt);
  }
  error = start(wait, loop, timeoutMs);
  napi_value promise = nullptr;
  if (error == 0 && napi_create_promise(env, &wait->deferred, &promise) != napi_ok) error = ECANCELED;
  if (error == 0) return promise;
  end(wait);
  return throwNoWait(env, error, attempt);
}

}  // namespace

napi_value pollFd(napi_env env, napi_callback_info info) {
  Args args(env, info);
  int fd = -1;
  int events = 0;
  int timeoutMs = 0;
  if (!args.int32(0, "fd", &fd) || !args.int32(1, "events", &events) ||
      !args.int32(2, "timeoutMs", &timeoutMs)) {
    return nullptr;
  }
  pollfd entry = {fd, static_cast<short>(events), 0};
  int ready;
  do {
    ready = poll(&entry, 1, 0);
  } while (ready < 0 && errno == EINTR);
  int error = ready < 0 ? errno : 0;
  if (ready > 0 && (entry.revents & POLLNVAL) != 0) error = EBADF;
  if (error != 0) return throwErrno(env, error, "poll", format("wait for descriptor %d", fd));
  if (ready > 0 || timeoutMs == 0) return number(env, entry.revents);
  return waitOnLoop(env, fd, events, timeoutMs);
}

}  // namespace baton
