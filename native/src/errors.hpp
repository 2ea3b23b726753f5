// errno becomes a JavaScript NativeError here and nowhere else. The class itself is native/error.ts; the
// loader hands it over once per environment (main thread, each worker) with setErrorClass.
#pragma once

#include <node_api.h>

#include <string>

namespace baton {

napi_value setErrorClass(napi_env env, napi_callback_info info);

// Makes the error without throwing it, for promises. `attempt` completes the sentence "cannot …".
napi_value makeErrno(napi_env env, int error, const char* syscall, const std::string& attempt);

// Throws for a system call that failed with `error`. Returns nullptr, so that a caller can return it.
napi_value throwErrno(napi_env env, int error, const char* syscall, const std::string& attempt);

// Throws for a call that was not made because it could only fail or do harm; `reason` says why.
napi_value throwRefusal(napi_env env, int error, const char* syscall, const std::string& attempt,
                        const std::string& reason);

// Throws a TypeError: the caller passed something of the wrong type. Returns false for argument readers.
bool throwType(napi_env env, const std::string& message);

// printf into a string.
std::string format(const char* pattern, ...) __attribute__((format(printf, 1, 2)));

}  // namespace baton
