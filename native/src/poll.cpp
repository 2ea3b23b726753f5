// Waits for a descriptor on Node's thread pool. The wait is bounded by the caller's timeout, as one that is
// under way cannot be stopped.
#include <poll.h>

#include <cerrno>
#include <ctime>

#include "args.hpp"
#include "errors.hpp"
#include "functions.hpp"

namespace baton {

namespace {

struct PollRequest {
  napi_async_work work = nullptr;
  napi_deferred deferred = nullptr;
  pollfd entry = {};
  int timeoutMs = 0;
  int error = 0;
};

int64_t nowMs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000;
}

void waitForDescriptor(napi_env /*env*/, void* data) {
  auto* request = static_cast<PollRequest*>(data);
  const int64_t giveUpAtMs = nowMs() + request->timeoutMs;
  int64_t remainingMs = request->timeoutMs;
  for (;;) {
    if (poll(&request->entry, 1, static_cast<int>(remainingMs)) >= 0) return;
    if (errno != EINTR) {
      request->error = errno;
      return;
    }
    remainingMs = giveUpAtMs - nowMs();
    if (remainingMs < 0) remainingMs = 0;
  }
}

void settle(napi_env env, napi_status status, void* data) {
  auto* request = static_cast<PollRequest*>(data);
  int error = request->error;
  if (status == napi_cancelled) error = ECANCELED;
  if (error == 0 && (request->entry.revents & POLLNVAL) != 0) error = EBADF;
  if (error == 0) {
    napi_resolve_deferred(env, request->deferred, number(env, request->entry.revents));
  } else {
    const std::string attempt = format("wait for descriptor %d", request->entry.fd);
    napi_reject_deferred(env, request->deferred, makeErrno(env, error, "poll", attempt));
  }
  napi_delete_async_work(env, request->work);
  delete request;
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
  auto* request = new PollRequest();
  request->entry = {fd, static_cast<short>(events), 0};
  request->timeoutMs = timeoutMs;
  napi_value promise = nullptr;
  napi_value name = nullptr;
  napi_create_string_utf8(env, "baton.pollFd", NAPI_AUTO_LENGTH, &name);
  if (napi_create_async_work(env, nullptr, name, waitForDescriptor, settle, request, &request->work) != napi_ok ||
      napi_create_promise(env, &request->deferred, &promise) != napi_ok ||
      napi_queue_async_work(env, request->work) != napi_ok) {
    if (request->work != nullptr) napi_delete_async_work(env, request->work);
    delete request;
    return throwRefusal(env, EAGAIN, "poll", format("wait for descriptor %d", fd), "the work was not queued");
  }
  return promise;
}

}  // namespace baton
