// Reads the arguments of one call. TypeScript has validated them; the types are checked again because a wrong
// one would be undefined behaviour here. A reader that fails has thrown a TypeError and returns false.
#pragma once

#include <node_api.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace baton {

// The memory of a Uint8Array, over an ArrayBuffer or a SharedArrayBuffer. Valid until the call returns.
struct Bytes {
  uint8_t* data;
  size_t length;
  size_t byteOffset;
};

class Args {
 public:
  Args(napi_env env, napi_callback_info info);

  bool int64(size_t index, const char* name, int64_t* out) const;
  bool int32(size_t index, const char* name, int* out) const;
  bool boolean(size_t index, const char* name, bool* out) const;
  bool string(size_t index, const char* name, std::string* out) const;
  bool bytes(size_t index, const char* name, Bytes* out) const;
  bool bytesList(size_t index, const char* name, std::vector<Bytes>* out) const;
  bool strings(size_t index, const char* name, std::vector<std::string>* out) const;
  bool int32s(size_t index, const char* name, std::vector<int>* out) const;
  bool function(size_t index, const char* name, napi_value* out) const;
  bool external(size_t index, const char* name, void** out) const;

 private:
  static constexpr size_t MAX_ARGUMENTS = 4;

  bool expected(const char* name, const char* what) const;
  bool readInt32(napi_value value, int* out) const;
  bool readBytes(napi_value value, Bytes* out) const;
  bool readString(napi_value value, std::string* out) const;
  bool arrayLength(size_t index, uint32_t* out) const;

  napi_env env_;
  napi_value values_[MAX_ARGUMENTS];  // undefined for those that were not passed
};

// Results. Creating a number cannot fail while no exception is pending.
napi_value number(napi_env env, int64_t value);
napi_value boolean(napi_env env, bool value);
napi_value null(napi_env env);
void setProperty(napi_env env, napi_value object, const char* name, napi_value value);

}  // namespace baton
