// Anonymous memory with a descriptor: what guest RAM is made of.
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cinttypes>

#include "args.hpp"
#include "errors.hpp"
#include "functions.hpp"

namespace baton {

napi_value createMemfd(napi_env env, napi_callback_info info) {
  Args args(env, info);
  std::string name;
  int64_t sizeBytes = 0;
  if (!args.string(0, "name", &name) || !args.int64(1, "sizeBytes", &sizeBytes)) return nullptr;
  const std::string attempt = format("create memfd '%s' of %" PRId64 " bytes", name.c_str(), sizeBytes);
  int fd = memfd_create(name.c_str(), MFD_CLOEXEC);
  if (fd < 0) return throwErrno(env, errno, "memfd_create", attempt);
  if (ftruncate(fd, sizeBytes) != 0) {
    int error = errno;
    close(fd);
    return throwErrno(env, error, "ftruncate", attempt);
  }
  return number(env, fd);
}

}  // namespace baton
