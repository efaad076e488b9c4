/*
 * generator METHOD INTERFACE PACKETS_PER_SECOND SECONDS FLOWS: makes small UDP packets, 80 % over IPv4 and 20 % over IPv6,
 * of uniformly random flows. A rate of 0 is as fast as it goes. Afterwards some thousand frames of no known protocol follow,
 * which push out what a tool's ring would keep; they are not counted.
 *
 *   xdp     injects frames into the receive path of INTERFACE, the one that is observed (BPF_PROG_TEST_RUN with live
 *           frames, Linux 5.18): the fastest, as nothing has to be transmitted first
 *   socket  sends through INTERFACE, the other end of the pair, with sendmmsg and without a queueing discipline
 *   steady  sends as socket does, but sleeps between two messages and takes no precedence: for hours at a bounded rate
 *
 * The receive half of the kernel's work is done on the generator's processor, never on the tool's. Prints one line of JSON.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define FRAME_BYTES 64
#define IPV4_SOURCE 26
/* The last word of the source address. */
#define IPV6_SOURCE 34
#define FILLERS 6000
#define MESSAGES 64
#define BATCH 64
#define STEADY_SLEEP_NS 500000

/* What the XDP program works from, in a map that it shares with this process. */
struct control {
  uint64_t sent, max;
  /* Nanoseconds of the monotonic clock, and packets in 2^30 of them; a rate of 0 is as fast as it goes. */
  uint64_t start, rate;
  uint8_t ipv4[FRAME_BYTES], ipv6[FRAME_BYTES];
};

static unsigned interface_index;
static uint32_t flows;
static double rate, seconds;
static int is_steady;

static void fail(const char *what) {
  fprintf(stderr, "generator: %s: %s\n", what, strerror(errno));
  exit(69);
}

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void put16(uint8_t *at, unsigned value) { at[0] = (uint8_t)(value >> 8), at[1] = (uint8_t)value; }

/* Addressed to another host, so that the kernel's own IP leaves the packets alone. */
static void write_ethernet(uint8_t *frame, unsigned type) {
  memset(frame, 0, FRAME_BYTES);
  frame[0] = 2, frame[5] = 0x99, frame[6] = 2, frame[11] = 1;
  put16(frame + 12, type);
}

static void write_udp(uint8_t *at, unsigned length) { put16(at, 40000), put16(at + 2, 443), put16(at + 4, length); }

static void write_ipv4(uint8_t *frame) {
  write_ethernet(frame, 0x0800);
  frame[14] = 0x45, put16(frame + 16, FRAME_BYTES - 14), frame[22] = 64, frame[23] = 17;
  frame[30] = 192, frame[31] = 168, frame[33] = 1;
  write_udp(frame + 34, FRAME_BYTES - 34);
}

static void write_ipv6(uint8_t *frame) {
  write_ethernet(frame, 0x86dd);
  frame[14] = 0x60, put16(frame + 18, FRAME_BYTES - 54), frame[20] = 17, frame[21] = 64;
  put16(frame + 22, 0x2001), put16(frame + 24, 0x0db8), put16(frame + 38, 0x2001), put16(frame + 40, 0x0db8);
  frame[53] = 1;
  write_udp(frame + 54, FRAME_BYTES - 54);
}

/* ---- xdp: a call into the kernel takes some 20 ms to set up, so one call does it all and the program itself keeps pace ---- */

static struct bpf_insn code[80];
static int length, to_drop[8], drops;

static void emit(int operation, int destination, int source, int offset, int immediate) {
  code[length++] = (struct bpf_insn){.code = (uint8_t)operation,
                                     .dst_reg = (uint8_t)(destination & 15),
                                     .src_reg = (uint8_t)(source & 15),
                                     .off = (int16_t)offset,
                                     .imm = immediate};
}

static void move(int destination, int source) { emit(BPF_ALU64 | BPF_MOV | BPF_X, destination, source, 0, 0); }
static void add(int destination, int value) { emit(BPF_ALU64 | BPF_ADD | BPF_K, destination, 0, 0, value); }
static void load64(int destination, int base, int offset) { emit(BPF_LDX | BPF_MEM | BPF_DW, destination, base, offset, 0); }
static void store64(int base, int offset, int source) { emit(BPF_STX | BPF_MEM | BPF_DW, base, source, offset, 0); }
static void call(int function) { emit(BPF_JMP | BPF_CALL, 0, 0, 0, function); }
static void drop_if(int comparison, int left, int right, int immediate) {
  to_drop[drops++] = length;
  emit(BPF_JMP | comparison, left, right, 0, immediate);
}

/* Copies a template from the map (r9) to the frame (r2), puts the flow's number (r8) into its source, and passes it on. */
static void emit_frame(int template, int source_at) {
  for (int at = 0; at < FRAME_BYTES; at += 8) load64(1, 9, template + at), store64(2, at, 1);
  emit(BPF_ALU64 | BPF_OR | BPF_K, 8, 0, 0, 0x0a000000);
  emit(BPF_ALU | BPF_END | BPF_TO_BE, 8, 0, 0, 32);
  emit(BPF_STX | BPF_MEM | BPF_W, 2, 8, source_at, 0);
  emit(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, XDP_PASS);
  emit(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static void assemble(int map) {
  move(6, 1);
  emit(BPF_ST | BPF_MEM | BPF_W, 10, 0, -4, 0);
  emit(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0, map), emit(0, 0, 0, 0, 0);
  move(2, 10), add(2, -4), call(BPF_FUNC_map_lookup_elem);
  drop_if(BPF_JEQ | BPF_K, 0, 0, 0);
  move(9, 0);
  load64(7, 9, offsetof(struct control, sent)), load64(1, 9, offsetof(struct control, max));
  drop_if(BPF_JGE | BPF_X, 7, 1, 0);
  load64(8, 9, offsetof(struct control, rate));
  int unpaced = length;
  emit(BPF_JMP | BPF_JEQ | BPF_K, 8, 0, 0, 0);
  call(BPF_FUNC_ktime_get_ns);
  load64(1, 9, offsetof(struct control, start));
  emit(BPF_ALU64 | BPF_SUB | BPF_X, 0, 1, 0, 0), emit(BPF_ALU64 | BPF_MUL | BPF_X, 0, 8, 0, 0);
  emit(BPF_ALU64 | BPF_RSH | BPF_K, 0, 0, 0, 30);
  drop_if(BPF_JGE | BPF_X, 7, 0, 0);
  code[unpaced].off = (int16_t)(length - unpaced - 1);
  call(BPF_FUNC_get_prandom_u32);
  emit(BPF_ALU | BPF_MOV | BPF_X, 8, 0, 0, 0);
  emit(BPF_ALU64 | BPF_MUL | BPF_K, 8, 0, 0, (int)flows), emit(BPF_ALU64 | BPF_RSH | BPF_K, 8, 0, 0, 32);
  emit(BPF_LDX | BPF_MEM | BPF_W, 2, 6, offsetof(struct xdp_md, data), 0);
  emit(BPF_LDX | BPF_MEM | BPF_W, 3, 6, offsetof(struct xdp_md, data_end), 0);
  move(1, 2), add(1, FRAME_BYTES);
  drop_if(BPF_JGT | BPF_X, 1, 3, 0);
  add(7, 1), store64(9, offsetof(struct control, sent), 7);
  int is_ipv6 = length;
  emit(BPF_JMP | BPF_JLT | BPF_K, 8, 0, 0, (int)flows / 5);
  emit_frame(offsetof(struct control, ipv4), IPV4_SOURCE);
  code[is_ipv6].off = (int16_t)(length - is_ipv6 - 1);
  emit_frame(offsetof(struct control, ipv6), IPV6_SOURCE);
  for (int i = 0; i < drops; i++) code[to_drop[i]].off = (int16_t)(length - to_drop[i] - 1);
  emit(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, XDP_DROP);
  emit(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static int bpf(int command, union bpf_attr *attributes) {
  return (int)syscall(SYS_bpf, command, attributes, sizeof *attributes);
}

static void on_alarm(int signal_number) { (void)signal_number; }

/* Runs the program over one recycled set of frames until the time is over. */
static void inject(int program, double for_seconds) {
  static uint8_t frame[FRAME_BYTES];
  struct xdp_md context = {.data_end = FRAME_BYTES, .ingress_ifindex = interface_index};
  union bpf_attr run = {.test = {.prog_fd = (uint32_t)program,
                                 .data_in = (uintptr_t)frame,
                                 .data_size_in = FRAME_BYTES,
                                 .ctx_in = (uintptr_t)&context,
                                 .ctx_size_in = sizeof context,
                                 .repeat = UINT32_MAX,
                                 .flags = BPF_F_TEST_XDP_LIVE_FRAMES,
                                 .batch_size = BATCH}};
  struct itimerval timer = {.it_value = {(time_t)for_seconds, (suseconds_t)((for_seconds - (time_t)for_seconds) * 1e6)}};
  struct sigaction action = {.sa_handler = on_alarm};
  sigaction(SIGALRM, &action, NULL);
  setitimer(ITIMER_REAL, &timer, NULL);
  if (bpf(BPF_PROG_TEST_RUN, &run) != 0 && errno != EINTR) fail("injecting frames");
}

static uint64_t run_xdp(void) {
  static char log[65536];
  union bpf_attr make = {.map_type = BPF_MAP_TYPE_ARRAY,
                         .key_size = 4,
                         .value_size = sizeof(struct control),
                         .max_entries = 1,
                         .map_flags = BPF_F_MMAPABLE};
  int map = bpf(BPF_MAP_CREATE, &make);
  if (map < 0) fail("a BPF map");
  volatile struct control *control = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);
  if (control == MAP_FAILED) fail("mapping the BPF map");
  assemble(map);
  union bpf_attr load = {.prog_type = BPF_PROG_TYPE_XDP,
                         .insns = (uintptr_t)code,
                         .insn_cnt = (uint32_t)length,
                         .license = (uintptr_t) "GPL",
                         .log_buf = (uintptr_t)log,
                         .log_size = sizeof log,
                         .log_level = 1};
  int program = bpf(BPF_PROG_LOAD, &load);
  if (program < 0) fprintf(stderr, "%s", log), fail("the XDP program");
  write_ipv4((uint8_t *)control->ipv4), write_ipv6((uint8_t *)control->ipv6);
  control->rate = (uint64_t)(rate * 1.073741824);
  control->start = now();
  control->max = UINT64_MAX;
  inject(program, seconds);
  uint64_t sent = control->sent;
  write_ethernet((uint8_t *)control->ipv4, 0x88b5), write_ethernet((uint8_t *)control->ipv6, 0x88b5);
  control->rate = 0;
  control->max = sent + FILLERS;
  inject(program, 0.1);
  return sent;
}

/* ---- socket ---- */

static uint32_t random_below(uint32_t bound) {
  static uint64_t state = 0x9e3779b97f4a7c15ULL;
  state ^= state << 13, state ^= state >> 7, state ^= state << 17;
  return (uint32_t)((state >> 32) * bound >> 32);
}

static int open_socket(void) {
  int on = 1;
  struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = (int)interface_index};
  int sock = socket(AF_PACKET, SOCK_RAW, 0);
  if (sock < 0) fail("a packet socket");
  setsockopt(sock, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on);
  if (bind(sock, (struct sockaddr *)&address, sizeof address) != 0) fail("binding to the interface");
  return sock;
}

static void send_messages(int sock, const uint8_t *ipv4, const uint8_t *ipv6) {
  static uint8_t frames[MESSAGES][FRAME_BYTES];
  static struct iovec pieces[MESSAGES];
  static struct mmsghdr messages[MESSAGES];
  for (int i = 0; i < MESSAGES; i++) {
    uint32_t flow = random_below(flows);
    uint32_t source = htonl(0x0a000000 | flow);
    int is_ipv6 = flow < flows / 5;
    memcpy(frames[i], is_ipv6 ? ipv6 : ipv4, FRAME_BYTES);
    memcpy(frames[i] + (is_ipv6 ? IPV6_SOURCE : IPV4_SOURCE), &source, 4);
    pieces[i] = (struct iovec){frames[i], FRAME_BYTES};
    messages[i].msg_hdr = (struct msghdr){.msg_iov = &pieces[i], .msg_iovlen = 1};
  }
  for (int sent = 0; sent < MESSAGES;) {
    int done = sendmmsg(sock, messages + sent, (unsigned)(MESSAGES - sent), 0);
    if (done < 0 && errno != ENOBUFS && errno != EAGAIN) fail("sending");
    if (done > 0) sent += done;
  }
}

static uint64_t run_socket(void) {
  uint8_t ipv4[FRAME_BYTES], ipv6[FRAME_BYTES], filler[FRAME_BYTES];
  int sock = open_socket();
  write_ipv4(ipv4), write_ipv6(ipv6), write_ethernet(filler, 0x88b5);
  uint64_t sent = 0, start = now();
  for (double elapsed = 0; elapsed < seconds; elapsed = (double)(now() - start) / 1e9) {
    if (rate != 0 && (double)sent > elapsed * rate) {
      if (is_steady) nanosleep(&(struct timespec){.tv_nsec = STEADY_SLEEP_NS}, NULL);
      continue;
    }
    send_messages(sock, ipv4, ipv6);
    sent += MESSAGES;
  }
  for (int i = 0; i < FILLERS; i += MESSAGES) send_messages(sock, filler, filler);
  return sent;
}

/* Ahead of whatever else the machine does, where that is allowed. */
static void take_precedence(void) {
  setsid();
  FILE *group = fopen("/proc/self/autogroup", "w");
  if (group != NULL) fprintf(group, "-15\n"), fclose(group);
  setpriority(PRIO_PROCESS, 0, -15);
}

int main(int argc, char **argv) {
  if (argc != 6) return 64;
  is_steady = strcmp(argv[1], "steady") == 0;
  if (!is_steady) take_precedence();
  rate = atof(argv[3]), seconds = atof(argv[4]), flows = (uint32_t)atoi(argv[5]);
  interface_index = if_nametoindex(argv[2]);
  if (interface_index == 0) fail(argv[2]);
  uint64_t sent = strcmp(argv[1], "xdp") == 0 ? run_xdp() : run_socket();
  printf("{\"sent\":%lu}\n", sent);
  return 0;
}
