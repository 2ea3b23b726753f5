#include "errors.hpp"

#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace baton {

namespace {

// What belongs to one environment: freed by Node when the environment ends.
struct EnvironmentData {
  napi_ref errorClass = nullptr;
};

void freeEnvironmentData(napi_env env, void* data, void* /*hint*/) {
  auto* environment = static_cast<EnvironmentData*>(data);
  if (environment->errorClass != nullptr) napi_delete_reference(env, environment->errorClass);
  delete environment;
}

napi_value makeError(napi_env env, int error, const char* syscall, const std::string& message) {
  void* data = nullptr;
  napi_get_instance_data(env, &data);
  auto* environment = static_cast<EnvironmentData*>(data);
  napi_value errorClass = nullptr;
  if (environment != nullptr) napi_get_reference_value(env, environment->errorClass, &errorClass);
  napi_value arguments[3] = {nullptr, nullptr, nullptr};
  napi_create_string_utf8(env, message.data(), message.size(), &arguments[0]);
  napi_create_int32(env, error, &arguments[1]);
  napi_create_string_utf8(env, syscall, NAPI_AUTO_LENGTH, &arguments[2]);
  napi_value instance = nullptr;
  if (errorClass == nullptr) {
    napi_create_error(env, nullptr, arguments[0], &instance);
  } else {
    napi_new_instance(env, errorClass, 3, arguments, &instance);
  }
  return instance;
}

std::string reasonOf(int error) {
  char buffer[128];
  // The GNU strerror_r: returns the text, which need not be in the buffer.
  return strerror_r(error, buffer, sizeof buffer);
}

}  // namespace

napi_value setErrorClass(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value errorClass = nullptr;
  napi_get_cb_info(env, info, &count, &errorClass, nullptr, nullptr);
  napi_valuetype type = napi_undefined;
  napi_typeof(env, errorClass, &type);
  if (type != napi_function) {
    throwType(env, "expected setErrorClass to get a class");
    return nullptr;
  }
  auto* environment = new EnvironmentData();
  napi_create_reference(env, errorClass, 1, &environment->errorClass);
  napi_set_instance_data(env, environment, freeEnvironmentData, nullptr);
  return nullptr;
}

napi_value makeErrno(napi_env env, int error, const char* syscall, const std::string& attempt) {
  return makeError(env, error, syscall, "cannot " + attempt + ": " + syscall + ": " + reasonOf(error));
}

napi_value throwErrno(napi_env env, int error, const char* syscall, const std::string& attempt) {
  napi_value instance = makeErrno(env, error, syscall, attempt);
  if (instance != nullptr) napi_throw(env, instance);
  return nullptr;
}

napi_value throwRefusal(napi_env env, int error, const char* syscall, const std::string& attempt,
                        const std::string& reason) {
  napi_value instance = makeError(env, error, syscall, "cannot " + attempt + ": " + reason);
  if (instance != nullptr) napi_throw(env, instance);
  return nullptr;
}

bool throwType(napi_env env, const std::string& message) {
  napi_throw_type_error(env, nullptr, message.c_str());
  return false;
}

std::string format(const char* pattern, ...) {
  va_list arguments;
  va_start(arguments, pattern);
  char buffer[512];
  int length = vsnprintf(buffer, sizeof buffer, pattern, arguments);
  va_end(arguments);
  if (length < 0) return pattern;
  if (static_cast<size_t>(length) < sizeof buffer) return std::string(buffer, static_cast<size_t>(length));
  std::string text(static_cast<size_t>(length) + 1, '\0');
  va_start(arguments, pattern);
  vsnprintf(text.data(), text.size(), pattern, arguments);
  va_end(arguments);
  text.pop_back();
  return text;
}

}  // namespace baton
