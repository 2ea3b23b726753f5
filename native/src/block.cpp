// What disk images need beyond Node's files: reads that do not wait, ranges given back or zeroed, sizes of devices.
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cinttypes>

#include "args.hpp"
#include "errors.hpp"
#include "functions.hpp"

namespace baton {

namespace {

struct Clearing {
  napi_async_work work = nullptr;
  napi_deferred deferred = nullptr;
  int fd = -1;
  int how = 0;
  int64_t startBytes = 0;
  int64_t lengthBytes = 0;
  int error = 0;
};

// N.B. Keep in sync with CLEARINGS in native/index.ts.
int clear(const Clearing& clearing) {
  uint64_t range[2] = {static_cast<uint64_t>(clearing.startBytes), static_cast<uint64_t>(clearing.lengthBytes)};
  switch (clearing.how) {
    case 0:
      return fallocate(clearing.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, clearing.startBytes,
                       clearing.lengthBytes);
    case 1:
      return fallocate(clearing.fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, clearing.startBytes,
                       clearing.lengthBytes);
    case 2:
      return ioctl(clearing.fd, BLKDISCARD, range);
    default:
      return ioctl(clearing.fd, BLKZEROOUT, range);
  }
}

// On a thread of the pool.
void runClearing(napi_env /*env*/, void* data) {
  auto* clearing = static_cast<Clearing*>(data);
  int result;
  do {
    result = clear(*clearing);
  } while (result != 0 && errno == EINTR);
  if (result != 0) clearing->error = errno;
}

void endClearing(napi_env env, napi_status status, void* data) {
  auto* clearing = static_cast<Clearing*>(data);
  const int error = status == napi_ok ? clearing->error : ECANCELED;
  if (error == 0) {
    napi_resolve_deferred(env, clearing->deferred, null(env));
  } else {
    const std::string attempt = format("clear %" PRId64 " bytes from %" PRId64 " of descriptor %d",
                                       clearing->lengthBytes, clearing->startBytes, clearing->fd);
    const char* call = clearing->how < 2 ? "fallocate" : "ioctl";
    napi_reject_deferred(env, clearing->deferred, makeErrno(env, error, call, attempt));
  }
  napi_delete_async_work(env, clearing->work);
  delete clearing;
}

}  // namespace

napi_value preadvNowait(napi_env env, napi_callback_info info) {
  Args args(env, info);
  int fd = -1;
  std::vector<Bytes> views;
  int64_t fromBytes = 0;
  if (!args.int32(0, "fd", &fd) || !args.bytesList(1, "views", &views) ||
      !args.int64(2, "fromBytes", &fromBytes)) {
    return nullptr;
  }
  std::vector<iovec> parts(views.size());
  for (size_t i = 0; i < views.size(); i += 1) parts[i] = {views[i].data, views[i].length};
  ssize_t length;
  do {
    length = preadv2(fd, parts.data(), static_cast<int>(parts.size()), fromBytes, RWF_NOWAIT);
  } while (length < 0 && errno == EINTR);
  if (length >= 0) return number(env, length);
  const int error = errno;
  if (error == EAGAIN || error == EOPNOTSUPP) return null(env);
  return throwErrno(env, error, "preadv2", format("read from %" PRId64 " of descriptor %d", fromBytes, fd));
}

napi_value pwritevTimed(napi_env env, napi_callback_info info) {
  Args args(env, info);
  int fd = -1;
  std::vector<Bytes> views;
  int64_t fromBytes = 0;
  if (!args.int32(0, "fd", &fd) || !args.bytesList(1, "views", &views) ||
      !args.int64(2, "fromBytes", &fromBytes)) {
    return nullptr;
  }
  std::vector<iovec> parts(views.size());
  size_t total = 0;
  for (size_t i = 0; i < views.size(); i += 1) {
    parts[i] = {views[i].data, views[i].length};
    total += views[i].length;
  }
  // Time alone would blame the disk for another process that had the processor.
  rusage before = {};
  rusage after = {};
  timespec start = {};
  timespec end = {};
  getrusage(RUSAGE_THREAD, &before);
  clock_gettime(CLOCK_MONOTONIC, &start);
  const ssize_t length = pwritev(fd, parts.data(), static_cast<int>(parts.size()), fromBytes);
  clock_gettime(CLOCK_MONOTONIC, &end);
  getrusage(RUSAGE_THREAD, &after);
  if (length < 0 || static_cast<size_t>(length) < total) return null(env);
  if (after.ru_nvcsw == before.ru_nvcsw) return number(env, 0);
  return number(env, (end.tv_sec - start.tv_sec) * 1000000000LL + (end.tv_nsec - start.tv_nsec));
}

napi_value clearRange(napi_env env, napi_callback_info info) {
  Args args(env, info);
  auto* clearing = new Clearing();
  if (!args.int32(0, "fd", &clearing->fd) || !args.int32(1, "how", &clearing->how) ||
      !args.int64(2, "startBytes", &clearing->startBytes) ||
      !args.int64(3, "lengthBytes", &clearing->lengthBytes)) {
    delete clearing;
    return nullptr;
  }
  napi_value promise = nullptr;
  napi_value name = nullptr;
  napi_create_string_utf8(env, "baton.clearRange", NAPI_AUTO_LENGTH, &name);
  if (napi_create_promise(env, &clearing->deferred, &promise) != napi_ok ||
      napi_create_async_work(env, nullptr, name, runClearing, endClearing, clearing, &clearing->work) != napi_ok ||
      napi_queue_async_work(env, clearing->work) != napi_ok) {
    delete clearing;
    return throwRefusal(env, ECANCELED, "fallocate", "clear a range", "the thread is ending");
  }
  return promise;
}

napi_value endOfFile(napi_env env, napi_callback_info info) {
  Args args(env, info);
  int fd = -1;
  if (!args.int32(0, "fd", &fd)) return nullptr;
  // SAFETY: this moves the descriptor's own offset; its owners read and write at offsets of their own.
  const off_t end = lseek(fd, 0, SEEK_END);
  if (end >= 0) return number(env, end);
  const int error = errno;
  return throwErrno(env, error, "lseek", format("find the end of descriptor %d", fd));
}

napi_value misalignment(napi_env env, napi_callback_info info) {
  Args args(env, info);
  Bytes view = {};
  int64_t alignmentBytes = 1;
  if (!args.bytes(0, "view", &view) || !args.int64(1, "alignmentBytes", &alignmentBytes)) return nullptr;
  // SAFETY: only a number leaves; views of more than a page have memory of their own, which does not move.
  return number(env, static_cast<int64_t>(reinterpret_cast<uintptr_t>(view.data) %
                                          static_cast<uintptr_t>(alignmentBytes)));
}

}  // namespace baton
