/**
 * The system calls that no flowlogd needs once it runs: what a program that took over a thread would ask for next. The kernel
 * refuses them as it refuses who lacks the privilege, so a library that tries one takes its other way. Numbers are the kernel's, of
 * x86_64 and of aarch64; null: that architecture has no such call.
 */

/** What of one argument has a call refused; a call without a condition always is. */
export type Condition = {
  /** From 0. */
  readonly argument: number;
  /** Considered only where the first argument is this. */
  readonly whereFirst?: number;
} & (
  | { readonly is: readonly number[] }
  | { readonly isNot: readonly number[] }
  | { readonly hasAnyOf: number }
  | { readonly lacks: number }
);

export interface Refusal {
  readonly why: string;
  readonly calls: readonly SystemCall[];
  readonly when?: Condition;
  /** EPERM when absent. */
  readonly error?: number;
}

export type SystemCall = keyof typeof NUMBERS;

/** linux/errno.h. */
const ENOSYS = 38;
const EPROTONOSUPPORT = 93;
const EAFNOSUPPORT = 97;
/** linux/sched.h: the flags of clone(2) that make a namespace (time, mount, cgroup, UTS, IPC, user, process, network), and a thread. */
const CLONE_NEW_ANY = 0x7e020080;
const CLONE_THREAD = 0x10000;
/** asm/ioctls.h: text put into a terminal as if it was typed, the console's own, and another line discipline. */
const TERMINAL_REQUESTS = [0x5412, 0x541c, 0x5423];
/** asm-generic/fcntl.h: F_SETOWN, F_SETOWN_EX; asm/sockios.h: FIOSETOWN, SIOCSPGRP. */
const FCNTL_OWNERS = [8, 15];
const IOCTL_OWNERS = [0x8901, 0x8902];
/** sys/socket.h: UNIX, INET, INET6, NETLINK, PACKET. */
const AF_NETLINK = 16;
const FAMILIES = [1, 2, 10, AF_NETLINK, 17];
/** linux/netlink.h: ROUTE for interfaces, NETFILTER for NFLOG and connections. */
const NETLINK_PROTOCOLS = [0, 12];

const ALWAYS: readonly Refusal[] = [
  {
    why: 'memory and descriptors of other processes',
    calls: [
      'ptrace',
      'process_vm_readv',
      'process_vm_writev',
      'process_madvise',
      'process_mrelease',
      'kcmp',
      'pidfd_getfd',
      'move_pages',
      'migrate_pages',
    ],
  },
  {
    why: 'file systems, swap and quota',
    calls: [
      'mount',
      'umount2',
      'pivot_root',
      'chroot',
      'move_mount',
      'open_tree',
      'open_tree_attr',
      'mount_setattr',
      'fsopen',
      'fsconfig',
      'fsmount',
      'fspick',
      'swapon',
      'swapoff',
      'quotactl',
      'quotactl_fd',
      'acct',
    ],
  },
  {
    why: 'files past the permissions of their folders, and what others do with files',
    calls: ['name_to_handle_at', 'open_by_handle_at', 'fanotify_init'],
  },
  { why: 'namespaces, in which a process has all capabilities', calls: ['unshare', 'setns'] },
  { why: 'the same', calls: ['clone'], when: { argument: 0, hasAnyOf: CLONE_NEW_ANY } },
  {
    why: 'the same, with flags that no filter can read; the C library takes clone instead',
    calls: ['clone3'],
    error: ENOSYS,
  },
  {
    why: 'programs in the kernel',
    calls: [
      'bpf',
      'perf_event_open',
      'init_module',
      'finit_module',
      'delete_module',
      'create_module',
      'kexec_load',
      'kexec_file_load',
    ],
  },
  { why: 'keys of the kernel', calls: ['add_key', 'request_key', 'keyctl'] },
  {
    why: 'a large surface of the kernel, and no use here',
    calls: [
      'userfaultfd',
      'modify_ldt',
      'uselib',
      'personality',
      'lookup_dcookie',
      'remap_file_pages',
      'vmsplice',
      'memfd_secret',
      'nfsservctl',
    ],
  },
  {
    why: 'the same, as a kernel without it: libuv works without rings',
    calls: ['io_uring_setup', 'io_uring_register'],
    error: ENOSYS,
  },
  {
    why: 'memory, messages and semaphores of other programs',
    calls: [
      'shmget',
      'shmat',
      'shmctl',
      'msgget',
      'msgsnd',
      'msgrcv',
      'msgctl',
      'semget',
      'semop',
      'semtimedop',
      'semctl',
      'mq_open',
      'mq_unlink',
    ],
  },
  {
    why: 'clock, name, log, ports and power of the host',
    calls: [
      'settimeofday',
      'clock_settime',
      'clock_adjtime',
      'adjtimex',
      'sethostname',
      'setdomainname',
      'syslog',
      'vhangup',
      'iopl',
      'ioperm',
      'reboot',
    ],
  },
  {
    why: 'another user',
    calls: ['setuid', 'setgid', 'setreuid', 'setregid', 'setresuid', 'setresgid', 'setgroups', 'setfsuid', 'setfsgid'],
  },
  { why: 'signals with forged senders', calls: ['tkill', 'rt_sigqueueinfo', 'rt_tgsigqueueinfo', 'pidfd_send_signal'] },
  {
    why: 'commands typed into the terminal from which it was started',
    calls: ['ioctl'],
    when: { argument: 1, is: TERMINAL_REQUESTS },
  },
  {
    why: 'sockets that are neither for capture nor for delivery',
    calls: ['socket', 'socketpair'],
    when: { argument: 0, isNot: FAMILIES },
    error: EAFNOSUPPORT,
  },
  {
    why: 'parts of the kernel that netlink reaches besides',
    calls: ['socket'],
    when: { argument: 2, whereFirst: AF_NETLINK, isNot: NETLINK_PROTOCOLS },
    error: EPROTONOSUPPORT,
  },
];

/** Of a process without a ring. libuv ends one that has a ring and cannot use it. */
const USES_NO_RING: readonly Refusal[] = [{ why: 'the same', calls: ['io_uring_enter'], error: ENOSYS }];

/** Before the program starts anew: libuv of Node 22 makes rings before any line of ours. */
export const MAKES_NO_RING: readonly Refusal[] = [
  { why: 'rings that would outlast the other refusals', calls: ['io_uring_setup'], error: ENOSYS },
];

/** Of a run that starts no other program. */
function startsNothing(pid: number): readonly Refusal[] {
  return [
    { why: 'other programs', calls: ['execve', 'execveat', 'fork', 'vfork'] },
    { why: 'other processes; threads are no processes', calls: ['clone'], when: { argument: 0, lacks: CLONE_THREAD } },
    { why: 'signals to other processes', calls: ['kill', 'tgkill'], when: { argument: 0, isNot: [pid] } },
    { why: 'signals by way of descriptors that change', calls: ['fcntl'], when: { argument: 1, is: FCNTL_OWNERS } },
    { why: 'the same', calls: ['ioctl'], when: { argument: 1, is: IOCTL_OWNERS } },
    { why: 'limits of other processes', calls: ['prlimit64'], when: { argument: 0, isNot: [0, pid] } },
  ];
}

export interface Running {
  readonly pid: number;
  /** The embedded log service, then and again. */
  readonly startsPrograms: boolean;
  /** Whether libuv made rings of io_uring before. */
  readonly hasRings: boolean;
}

/** What a run of flowlogd is refused. */
export function refusals({ pid, startsPrograms, hasRings }: Running): readonly Refusal[] {
  return [...ALWAYS, ...(hasRings ? [] : USES_NO_RING), ...(startsPrograms ? [] : startsNothing(pid))];
}

/** By architecture: x86_64, aarch64. */
const NUMBERS = {
  ptrace: [101, 117],
  process_vm_readv: [310, 270],
  process_vm_writev: [311, 271],
  process_madvise: [440, 440],
  process_mrelease: [448, 448],
  kcmp: [312, 272],
  pidfd_getfd: [438, 438],
  move_pages: [279, 239],
  migrate_pages: [256, 238],
  mount: [165, 40],
  umount2: [166, 39],
  pivot_root: [155, 41],
  chroot: [161, 51],
  move_mount: [429, 429],
  open_tree: [428, 428],
  open_tree_attr: [467, 467],
  mount_setattr: [442, 442],
  fsopen: [430, 430],
  fsconfig: [431, 431],
  fsmount: [432, 432],
  fspick: [433, 433],
  swapon: [167, 224],
  swapoff: [168, 225],
  quotactl: [179, 60],
  quotactl_fd: [443, 443],
  acct: [163, 89],
  name_to_handle_at: [303, 264],
  open_by_handle_at: [304, 265],
  fanotify_init: [300, 262],
  unshare: [272, 97],
  setns: [308, 268],
  clone: [56, 220],
  clone3: [435, 435],
  fork: [57, null],
  vfork: [58, null],
  execve: [59, 221],
  execveat: [322, 281],
  bpf: [321, 280],
  perf_event_open: [298, 241],
  init_module: [175, 105],
  finit_module: [313, 273],
  delete_module: [176, 106],
  create_module: [174, null],
  kexec_load: [246, 104],
  kexec_file_load: [320, 294],
  add_key: [248, 217],
  request_key: [249, 218],
  keyctl: [250, 219],
  userfaultfd: [323, 282],
  io_uring_setup: [425, 425],
  io_uring_enter: [426, 426],
  io_uring_register: [427, 427],
  modify_ldt: [154, null],
  uselib: [134, null],
  personality: [135, 92],
  lookup_dcookie: [212, 18],
  remap_file_pages: [216, 234],
  vmsplice: [278, 75],
  memfd_secret: [447, 447],
  shmget: [29, 194],
  shmat: [30, 196],
  shmctl: [31, 195],
  msgget: [68, 186],
  msgsnd: [69, 189],
  msgrcv: [70, 188],
  msgctl: [71, 187],
  semget: [64, 190],
  semop: [65, 193],
  semtimedop: [220, 192],
  semctl: [66, 191],
  mq_open: [240, 180],
  mq_unlink: [241, 181],
  settimeofday: [164, 170],
  clock_settime: [227, 112],
  clock_adjtime: [305, 266],
  adjtimex: [159, 171],
  sethostname: [170, 161],
  setdomainname: [171, 162],
  reboot: [169, 142],
  iopl: [172, null],
  ioperm: [173, null],
  syslog: [103, 116],
  vhangup: [153, 58],
  nfsservctl: [180, 42],
  setuid: [105, 146],
  setgid: [106, 144],
  setreuid: [113, 145],
  setregid: [114, 143],
  setresuid: [117, 147],
  setresgid: [119, 149],
  setgroups: [116, 159],
  setfsuid: [122, 151],
  setfsgid: [123, 152],
  kill: [62, 129],
  tkill: [200, 130],
  tgkill: [234, 131],
  rt_sigqueueinfo: [129, 138],
  rt_tgsigqueueinfo: [297, 240],
  pidfd_send_signal: [424, 424],
  prlimit64: [302, 261],
  ioctl: [16, 29],
  fcntl: [72, 25],
  socket: [41, 198],
  socketpair: [53, 199],
} as const;

export type Architecture = 'x64' | 'arm64';

/** Undefined where the architecture has no such call. */
export function numberOf(call: SystemCall, architecture: Architecture): number | undefined {
  const [x64, arm64] = NUMBERS[call];
  return (architecture === 'x64' ? x64 : arm64) ?? undefined;
}

/** For tests, which hold the numbers to the kernel's own headers. */
export const SYSTEM_CALLS = Object.keys(NUMBERS) as readonly SystemCall[];
