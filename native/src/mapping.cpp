// Puts the pages of a descriptor under a range of a WebAssembly memory, and takes them away again. The range
// keeps its address; what was there before is gone. Guarantee: after an error every page of the range is
// still mapped and writable, so that no later access of the engine can fault.
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cinttypes>
#include <cstdint>

#include "args.hpp"
#include "errors.hpp"
#include "functions.hpp"

namespace baton {

namespace {

constexpr int READ_WRITE = PROT_READ | PROT_WRITE;

// Says why the range cannot be mapped, or nothing when it can.
std::string refusalOf(const Bytes& view) {
  const auto pageSize = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const auto address = reinterpret_cast<uintptr_t>(view.data);
  if (view.length == 0) return "the view is empty or its buffer is detached";
  if (address % pageSize != 0 || view.length % pageSize != 0) {
    return format("its address %p and length %zu must be multiples of the page size %zu",
                  static_cast<void*>(view.data), view.length, pageSize);
  }
  // SAFETY: only memory that the engine itself took from mmap may be mapped over. A WebAssembly memory
  // begins on a page; a buffer from malloc has its header before it, and free() would find strange pages.
  if (view.byteOffset % pageSize != 0) return "the view is not over the memory of a WebAssembly.Memory";
  return "";
}

// SAFETY: an access beyond the end of a file is SIGBUS, which would end the process.
std::string refusalOf(int fd, int64_t offsetBytes, size_t length) {
  const auto pageSize = static_cast<int64_t>(sysconf(_SC_PAGESIZE));
  if (offsetBytes % pageSize != 0) {
    return format("the offset must be a multiple of the page size %" PRId64, pageSize);
  }
  struct stat status;
  if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return "";  // mmap will name the error
  const auto end = static_cast<uint64_t>(offsetBytes) + length;
  if (end <= static_cast<uint64_t>(status.st_size)) return "";
  return format("the file has %" PRId64 " bytes, the mapping would end at byte %" PRIu64,
                static_cast<int64_t>(status.st_size), end);
}

}  // namespace

napi_value mapShared(napi_env env, napi_callback_info info) {
  Args args(env, info);
  Bytes view;
  int fd = -1;
  int64_t offsetBytes = 0;
  if (!args.bytes(0, "view", &view) || !args.int32(1, "fd", &fd) ||
      !args.int64(2, "fdOffsetBytes", &offsetBytes)) {
    return nullptr;
  }
  const std::string attempt =
      format("map %zu bytes at offset %" PRId64 " of descriptor %d", view.length, offsetBytes, fd);
  std::string refusal = refusalOf(view);
  if (refusal.empty()) refusal = refusalOf(fd, offsetBytes, view.length);
  if (!refusal.empty()) return throwRefusal(env, EINVAL, "mmap", attempt, refusal);

  // SAFETY: mmap with MAP_FIXED may already have removed the old pages when it fails, which leaves a hole
  // that V8 believes to be memory. So everything that can fail is done at another address, and the finished
  // mapping is moved.
  void* mapped = mmap(nullptr, view.length, READ_WRITE, MAP_SHARED, fd, offsetBytes);
  if (mapped == MAP_FAILED) return throwErrno(env, errno, "mmap", attempt);
  if (mremap(mapped, view.length, view.length, MREMAP_MAYMOVE | MREMAP_FIXED, view.data) == MAP_FAILED) {
    int error = errno;
    munmap(mapped, view.length);
    // SAFETY: fills the hole if the failed move left one; with NOREPLACE it cannot touch pages that are there.
    mmap(view.data, view.length, READ_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE,
         -1, 0);
    return throwErrno(env, error, "mremap", attempt);
  }
  return nullptr;
}

napi_value unmapShared(napi_env env, napi_callback_info info) {
  Args args(env, info);
  Bytes view;
  if (!args.bytes(0, "view", &view)) return nullptr;
  const std::string attempt = format("put zero pages under %zu bytes", view.length);
  const std::string refusal = refusalOf(view);
  if (!refusal.empty()) return throwRefusal(env, EINVAL, "mmap", attempt, refusal);
  // SAFETY: anonymous pages and not munmap: the range still belongs to V8, which may touch or free it.
  void* mapped = mmap(view.data, view.length, READ_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  if (mapped == MAP_FAILED) return throwErrno(env, errno, "mmap", attempt);
  return nullptr;
}

napi_value discardPages(napi_env env, napi_callback_info info) {
  Args args(env, info);
  Bytes view;
  if (!args.bytes(0, "view", &view)) return nullptr;
  const std::string attempt = format("give %zu bytes of memory back", view.length);
  const std::string refusal = refusalOf(view);
  if (!refusal.empty()) return throwRefusal(env, EINVAL, "madvise", attempt, refusal);
  // A shared mapping loses the pages of its file, for all who have it mapped. A private one is EINVAL or EACCES.
  if (madvise(view.data, view.length, MADV_REMOVE) == 0) return nullptr;
  if (errno == EINVAL || errno == EACCES) {
    if (madvise(view.data, view.length, MADV_DONTNEED) == 0) return nullptr;
  }
  return throwErrno(env, errno, "madvise", attempt);
}

}  // namespace baton
