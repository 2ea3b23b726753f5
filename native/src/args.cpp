#include "args.hpp"

#include <climits>

#include "errors.hpp"

namespace baton {

Args::Args(napi_env env, napi_callback_info info) : env_(env) {
  size_t count = MAX_ARGUMENTS;
  napi_get_cb_info(env, info, &count, values_, nullptr, nullptr);
}

bool Args::expected(const char* name, const char* what) const {
  return throwType(env_, format("expected %s to be %s", name, what));
}

bool Args::readInt32(napi_value value, int* out) const {
  int64_t wide = 0;
  if (napi_get_value_int64(env_, value, &wide) != napi_ok) return false;
  if (wide < INT_MIN || wide > INT_MAX) return false;
  *out = static_cast<int>(wide);
  return true;
}

bool Args::readString(napi_value value, std::string* out) const {
  size_t length = 0;
  if (napi_get_value_string_utf8(env_, value, nullptr, 0, &length) != napi_ok) return false;
  // One byte more: N-API writes a terminating zero.
  out->resize(length + 1);
  if (napi_get_value_string_utf8(env_, value, out->data(), length + 1, &length) != napi_ok) return false;
  out->resize(length);
  return out->find('\0') == std::string::npos;
}

bool Args::arrayLength(size_t index, uint32_t* out) const {
  bool isArray = false;
  napi_is_array(env_, values_[index], &isArray);
  return isArray && napi_get_array_length(env_, values_[index], out) == napi_ok;
}

bool Args::int64(size_t index, const char* name, int64_t* out) const {
  if (napi_get_value_int64(env_, values_[index], out) == napi_ok) return true;
  return expected(name, "a number");
}

bool Args::int32(size_t index, const char* name, int* out) const {
  return readInt32(values_[index], out) || expected(name, "a number of 32 bits");
}

bool Args::boolean(size_t index, const char* name, bool* out) const {
  if (napi_get_value_bool(env_, values_[index], out) == napi_ok) return true;
  return expected(name, "a boolean");
}

bool Args::string(size_t index, const char* name, std::string* out) const {
  return readString(values_[index], out) || expected(name, "a string without NUL");
}

bool Args::readBytes(napi_value value, Bytes* out) const {
  bool isTypedArray = false;
  napi_is_typedarray(env_, value, &isTypedArray);
  if (!isTypedArray) return false;
  napi_typedarray_type type = napi_int8_array;
  void* data = nullptr;
  // SAFETY: napi_get_arraybuffer_info refuses a SharedArrayBuffer; a typed array over one is accepted here.
  // The pointer is not kept beyond the call: the garbage collector may move small buffers afterwards.
  if (napi_get_typedarray_info(env_, value, &type, &out->length, &data, nullptr, &out->byteOffset) != napi_ok) {
    return false;
  }
  out->data = static_cast<uint8_t*>(data);
  return type == napi_uint8_array;
}

bool Args::bytes(size_t index, const char* name, Bytes* out) const {
  return readBytes(values_[index], out) || expected(name, "a Uint8Array");
}

bool Args::bytesList(size_t index, const char* name, std::vector<Bytes>* out) const {
  uint32_t length = 0;
  if (!arrayLength(index, &length)) return expected(name, "an array of Uint8Arrays");
  out->resize(length);
  for (uint32_t i = 0; i < length; i += 1) {
    napi_value value = nullptr;
    if (napi_get_element(env_, values_[index], i, &value) != napi_ok) return false;
    if (!readBytes(value, &(*out)[i])) return expected(name, "an array of Uint8Arrays");
  }
  return true;
}

bool Args::function(size_t index, const char* name, napi_value* out) const {
  napi_valuetype type = napi_undefined;
  *out = values_[index];
  if (napi_typeof(env_, *out, &type) == napi_ok && type == napi_function) return true;
  return expected(name, "a function");
}

bool Args::external(size_t index, const char* name, void** out) const {
  if (napi_get_value_external(env_, values_[index], out) == napi_ok) return true;
  return expected(name, "what an earlier call returned");
}

bool Args::strings(size_t index, const char* name, std::vector<std::string>* out) const {
  uint32_t length = 0;
  if (!arrayLength(index, &length)) return expected(name, "an array of strings");
  out->resize(length);
  for (uint32_t i = 0; i < length; i += 1) {
    napi_value value = nullptr;
    if (napi_get_element(env_, values_[index], i, &value) != napi_ok) return false;
    if (!readString(value, &(*out)[i])) return expected(name, "an array of strings without NUL");
  }
  return true;
}

bool Args::int32s(size_t index, const char* name, std::vector<int>* out) const {
  uint32_t length = 0;
  if (!arrayLength(index, &length)) return expected(name, "an array of descriptors");
  out->resize(length);
  for (uint32_t i = 0; i < length; i += 1) {
    napi_value value = nullptr;
    if (napi_get_element(env_, values_[index], i, &value) != napi_ok) return false;
    if (!readInt32(value, &(*out)[i])) return expected(name, "an array of descriptors");
  }
  return true;
}

napi_value number(napi_env env, int64_t value) {
  napi_value result = nullptr;
  napi_create_int64(env, value, &result);
  return result;
}

napi_value boolean(napi_env env, bool value) {
  napi_value result = nullptr;
  napi_get_boolean(env, value, &result);
  return result;
}

napi_value null(napi_env env) {
  napi_value result = nullptr;
  napi_get_null(env, &result);
  return result;
}

void setProperty(napi_env env, napi_value object, const char* name, napi_value value) {
  napi_set_named_property(env, object, name, value);
}

}  // namespace baton
