/* The plumbing between JavaScript values and C: arguments taken, results and errors made. */
#include "addon.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

struct instance *arguments_of(napi_env env, napi_callback_info info, size_t count, napi_value *arguments) {
  void *data = NULL;
  if (napi_get_cb_info(env, info, &count, arguments, NULL, &data) != napi_ok || data == NULL) {
    napi_throw_error(env, NULL, "the capture addon lost its environment");
    return NULL;
  }
  return data;
}

static int wrong_type(napi_env env, const char *name, const char *wanted) {
  char message[128];
  snprintf(message, sizeof message, "%s must be %s", name, wanted);
  napi_throw_type_error(env, NULL, message);
  return -1;
}

int take_int32(napi_env env, napi_value value, const char *name, int32_t *out) {
  double number = 0;
  if (napi_get_value_double(env, value, &number) != napi_ok) return wrong_type(env, name, "a number");
  if (!(number >= INT32_MIN && number <= INT32_MAX) || number != floor(number)) {
    return wrong_type(env, name, "a 32-bit integer");
  }
  *out = (int32_t)number;
  return 0;
}

int take_size(napi_env env, napi_value value, const char *name, size_t *out) {
  double number = 0;
  if (napi_get_value_double(env, value, &number) != napi_ok) return wrong_type(env, name, "a number");
  if (!(number >= 0 && number <= 9007199254740991.0) || number != floor(number)) {
    return wrong_type(env, name, "a whole number of bytes");
  }
  *out = (size_t)number;
  return 0;
}

int take_string(napi_env env, napi_value value, const char *name, char *out, size_t out_bytes) {
  size_t length = 0;
  if (napi_get_value_string_utf8(env, value, NULL, 0, &length) != napi_ok) return wrong_type(env, name, "a string");
  if (length >= out_bytes) return wrong_type(env, name, "shorter");
  if (napi_get_value_string_utf8(env, value, out, out_bytes, &length) != napi_ok || strlen(out) != length) {
    return wrong_type(env, name, "a string without a zero character");
  }
  return 0;
}

napi_value number_of(napi_env env, double value) {
  napi_value result = NULL;
  napi_create_double(env, value, &result);
  return result;
}

napi_value string_of(napi_env env, const char *text) {
  napi_value result = NULL;
  napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &result);
  return result;
}

void set_property(napi_env env, napi_value object, const char *name, napi_value value) {
  if (value != NULL) napi_set_named_property(env, object, name, value);
}

napi_value throw_coded(napi_env env, const char *code, const char *message) {
  napi_throw_error(env, code, message);
  return NULL;
}

static const char *errno_name(int number) {
  switch (number) {
    case EACCES: return "EACCES";
    case EAFNOSUPPORT: return "EAFNOSUPPORT";
    case EAGAIN: return "EAGAIN";
    case EBADF: return "EBADF";
    case ECONNREFUSED: return "ECONNREFUSED";
    case EDQUOT: return "EDQUOT";
    case EFBIG: return "EFBIG";
    case EINVAL: return "EINVAL";
    case EIO: return "EIO";
    case EISDIR: return "EISDIR";
    case ELOOP: return "ELOOP";
    case EMFILE: return "EMFILE";
    case ENAMETOOLONG: return "ENAMETOOLONG";
    case ENFILE: return "ENFILE";
    case ENOBUFS: return "ENOBUFS";
    case ENODEV: return "ENODEV";
    case ENOENT: return "ENOENT";
    case ENOLCK: return "ENOLCK";
    case ENOMEM: return "ENOMEM";
    case ENOSPC: return "ENOSPC";
    case ENOTDIR: return "ENOTDIR";
    case ENXIO: return "ENXIO";
    case EOPNOTSUPP: return "EOPNOTSUPP";
    case EPERM: return "EPERM";
    case EPROTONOSUPPORT: return "EPROTONOSUPPORT";
    case ESPIPE: return "ESPIPE";
    default: return "ERRNO";
  }
}

napi_value throw_errno(napi_env env, int number, const char *doing) {
  char message[256];
  snprintf(message, sizeof message, "%s: %s", doing, strerror(number));
  return throw_coded(env, errno_name(number), message);
}
