/* A batch as agent/model/packet-batch.ts draws it, while it is filled. */
#ifndef FLOWLOGD_BATCH_H
#define FLOWLOGD_BATCH_H

#include <stddef.h>
#include <stdint.h>

#define RECORD_HEADER_BYTES 24
#define FRAME_BYTES_MAX 262144

struct batch {
  uint8_t *bytes;
  size_t size;
  size_t offset;
  uint32_t copy_bytes; /* of each frame, at most */
  uint32_t count;
};

struct record_header {
  double seconds;
  uint32_t nanoseconds;
  uint32_t captured_length;
  uint32_t wire_length;
  uint32_t frame; /* its segmentation, where the frame follows */
};
_Static_assert(sizeof(struct record_header) == RECORD_HEADER_BYTES, "the record header is 24 bytes");

static inline size_t record_bytes(uint32_t frame_bytes) {
  return (RECORD_HEADER_BYTES + (size_t)frame_bytes + 7) & ~(size_t)7;
}

#endif
