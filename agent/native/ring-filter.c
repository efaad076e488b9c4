/*
 * Filters in the kernel. libpcap compiles an expression for the frames that it hands out; those of a cooked ring have no header
 * yet when the kernel's filter sees them, so what looks at one asks for what the kernel knows instead (linux/filter.h).
 */
#include "ring.h"

#include <errno.h>
#include <linux/filter.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define SLL_HEADER_BYTES 16
#define SLL2_HEADER_BYTES 20

_Static_assert(sizeof(struct bpf_insn) == sizeof(struct sock_filter), "libpcap's instructions are the kernel's");

/* What the kernel has for a field of the header at this offset; 0 where it has nothing. */
static uint32_t known_to_kernel(int data_link, uint32_t offset) {
  if (data_link == DLT_LINUX_SLL2) {
    switch (offset) {
      case 0: return (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL);
      case 4: return (uint32_t)(SKF_AD_OFF + SKF_AD_IFINDEX);
      case 10: return (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE);
      default: return 0;
    }
  }
  if (offset == 0) return (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE);
  return offset == SLL_HEADER_BYTES - 2 ? (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL) : 0;
}

/* Answers 0, or -1 where the instruction looks at what the kernel's filter cannot see. */
static int adapt(struct sock_filter *instruction, int data_link) {
  uint16_t kind = BPF_CLASS(instruction->code);
  uint16_t mode = BPF_MODE(instruction->code);
  if (kind != BPF_LD && kind != BPF_LDX) return 0;
  if (mode != BPF_ABS && mode != BPF_IND && mode != BPF_MSH) return 0;
  if (instruction->k >= (uint32_t)SKF_AD_OFF) return 0;
  uint32_t header_bytes = data_link == DLT_LINUX_SLL2 ? SLL2_HEADER_BYTES : SLL_HEADER_BYTES;
  if (instruction->k >= header_bytes) {
    instruction->k -= header_bytes;
    return 0;
  }
  uint32_t known = known_to_kernel(data_link, instruction->k);
  if (known == 0) return -1;
  instruction->k = known;
  return 0;
}

static int attach(int fd, struct sock_filter *instructions, size_t count) {
  struct sock_fprog program = {.len = (unsigned short)count, .filter = instructions};
  return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

static int attach_adapted(int fd, const struct link *link, const struct bpf_program *program) {
  struct sock_filter *instructions = calloc(program->bf_len, sizeof *instructions);
  if (instructions == NULL) return -1;
  memcpy(instructions, program->bf_insns, program->bf_len * sizeof *instructions);
  int status = 0;
  for (size_t i = 0; i < program->bf_len && status == 0 && link->is_cooked; i++) {
    status = adapt(&instructions[i], link->data_link);
  }
  if (status == 0) status = attach(fd, instructions, program->bf_len);
  free(instructions);
  return status;
}

int attach_filter(int fd, const struct link *link, int snapshot, const struct bpf_program *program, struct ring_error *error) {
  struct sock_filter everything = BPF_STMT(BPF_RET | BPF_K, (uint32_t)snapshot);
  int status = 0;
  if (program == NULL) status = attach(fd, &everything, 1);
  else status = program->bf_len > UINT16_MAX ? -1 : attach_adapted(fd, link, program);
  if (status == 0) return 0;
  ring_refusal(error, RING_UNSUPPORTED, "setting the filter", errno);
  return -1;
}
