// Replaces the program of this process. The new program gets what a freshly started one expects: descriptors
// 0, 1, 2 and the kept ones, no blocked and no ignored signal. When the exec fails everything is as before.
// All other threads end with a successful exec, in the kernel.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>

#include "args.hpp"
#include "errors.hpp"
#include "functions.hpp"

namespace baton {

namespace {

// What is changed for the new program, and put back if it never runs.
class Inheritance {
 public:
  ~Inheritance() {
    for (const auto& ignored : ignored_) sigaction(ignored.signal, &ignored.action, nullptr);
    if (maskSaved_) pthread_sigmask(SIG_SETMASK, &mask_, nullptr);
    for (const auto& flag : flags_) fcntl(flag.fd, F_SETFD, flag.flags);
  }

  // Clears close-on-exec; false with errno when `fd` is not open.
  bool keep(int fd) {
    const int flags = fcntl(fd, F_GETFD);
    if (flags < 0) return false;
    if ((flags & FD_CLOEXEC) == 0) return true;
    flags_.push_back({fd, flags});
    return fcntl(fd, F_SETFD, flags & ~FD_CLOEXEC) == 0;
  }

  // The kernel resets handled signals itself but lets ignored ones stay ignored: Node ignores SIGPIPE.
  // SAFETY: from here to the exec a thread that writes to a closed pipe ends the process. Nothing can set
  // dispositions and exec in one step, so this comes last.
  void resetSignals() {
    for (int signal = 1; signal <= SIGRTMAX; signal += 1) {
      struct sigaction action;
      // EINVAL for the signals that the C library keeps to itself.
      if (sigaction(signal, nullptr, &action) != 0 || action.sa_handler != SIG_IGN) continue;
      ignored_.push_back({signal, action});
      struct sigaction fresh = {};
      fresh.sa_handler = SIG_DFL;
      sigaction(signal, &fresh, nullptr);
    }
    sigset_t none;
    sigemptyset(&none);
    maskSaved_ = pthread_sigmask(SIG_SETMASK, &none, &mask_) == 0;
  }

 private:
  struct Flag {
    int fd;
    int flags;
  };
  struct Ignored {
    int signal;
    struct sigaction action;
  };
  std::vector<Flag> flags_;
  std::vector<Ignored> ignored_;
  sigset_t mask_ = {};
  bool maskSaved_ = false;
};

// The array that execve wants, valid as long as `strings`.
std::vector<char*> pointersTo(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (auto& string : strings) pointers.push_back(string.data());
  pointers.push_back(nullptr);
  return pointers;
}

size_t bytesOf(const std::vector<std::string>& strings) {
  size_t total = 0;
  for (const auto& string : strings) total += string.size() + 1;
  return total;
}

// What went wrong: only ever returns when the exec did not happen, with everything put back.
struct Failure {
  int error;
  const char* syscall;
  int fd;  // that could not be kept, or -1
};

Failure tryExec(const char* path, char* const* argv, char* const* envp, const std::vector<int>& keepFds) {
  Inheritance inheritance;
  for (int fd = 0; fd <= 2; fd += 1) {
    // A closed standard descriptor stays closed.
    if (!inheritance.keep(fd) && errno != EBADF) return {errno, "fcntl", fd};
  }
  for (int fd : keepFds) {
    if (!inheritance.keep(fd)) return {errno, "fcntl", fd};
  }
  inheritance.resetSignals();
  ::execve(path, argv, envp);
  return {errno, "execve", -1};
}

}  // namespace

napi_value execve(napi_env env, napi_callback_info info) {
  Args args(env, info);
  std::string path;
  std::vector<std::string> argv;
  std::vector<std::string> envp;
  std::vector<int> keepFds;
  if (!args.string(0, "path", &path) || !args.strings(1, "argv", &argv) || !args.strings(2, "envp", &envp) ||
      !args.int32s(3, "keepFds", &keepFds)) {
    return nullptr;
  }
  const Failure failure =
      tryExec(path.c_str(), pointersTo(argv).data(), pointersTo(envp).data(), keepFds);
  std::string attempt = format("execute '%s' with %zu arguments (%zu bytes) and %zu variables (%zu bytes)",
                               path.c_str(), argv.size(), bytesOf(argv), envp.size(), bytesOf(envp));
  if (failure.fd >= 0) attempt += format(", keeping descriptor %d", failure.fd);
  return throwErrno(env, failure.error, failure.syscall, attempt);
}

}  // namespace baton
