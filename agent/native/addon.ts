/**
 * The native addon as TypeScript sees it, and its loader. The addon is literal: it opens, reads, waits and counts as asked and
 * throws libpcap's own words with a `code`; what they mean for the user is decided in capture/live-refusal.ts.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { OperationalError } from '../model/operational-error.ts';

/** An open capture; only the thread that opened it may use it. */
export type CaptureHandle = object & { readonly __captureHandle: unique symbol };

export interface LiveParameters {
  readonly device: string;
  /** Bytes of each frame that the kernel keeps. */
  readonly snapBytes: number;
  /** Size of the kernel's ring, below 2 GiB. */
  readonly bufferBytes: number;
  /** How long the kernel may hold back a partly filled block. */
  readonly timeoutMs: number;
  readonly immediate: boolean;
  readonly promiscuous: boolean;
  /** A pcap-filter(7) expression, at most 64 KiB. */
  readonly filter: string;
  /** The DLT_ wanted where the device offers a choice, or -1. */
  readonly dataLink: number;
}

export interface CaptureDescription {
  /** LINKTYPE_ value, as in a savefile (not libpcap's platform-dependent DLT_). */
  readonly linkType: number;
  readonly linkTypeName: string;
  readonly snapshot: number;
  readonly nanosecond: boolean;
}

/** A range of a memory that somebody owns, such as that of a WebAssembly module. */
export interface MemoryPlace {
  readonly memory: ArrayBuffer;
  /** Of a whole page. */
  readonly byteOffset: number;
}

export interface CaptureInterface {
  readonly name: string;
  readonly description: string;
  readonly addresses: readonly string[];
  readonly loopback: boolean;
  readonly up: boolean;
  readonly running: boolean;
}

/** What `readBatch` answers when it brought no packets. */
export const READ_END = -1;
export const READ_FAILED = -2;

export interface CaptureAddon {
  libraryVersion(): string;
  /** Interfaces of this network namespace, libpcap's pseudo-devices (`any`, `nflog`) included. */
  interfaces(): CaptureInterface[];
  /** The kernel’s number for an interface, 0 when none has that name, -1 when it cannot be asked now. */
  interfaceIndex(name: string): number;
  /** False where the kernel says that the interface is down. */
  isInterfaceUp(name: string): boolean;
  /** @throws Error with code `PCAP_ERROR...` as in pcap_activate(3), or `PCAP_FILTER`. */
  openLive(parameters: LiveParameters): CaptureHandle;
  /**
   * A ring of our own instead of libpcap's, in blocks of so many bytes, a multiple of the page. @throws Error with the codes of
   * `openLive`, or `RING_UNSUPPORTED` where libpcap is to be asked
   *
   * @param tellsSegments whether records tell the segmentation of their frames
   */
  openRing(parameters: LiveParameters, blockBytes: number, tellsSegments: boolean): CaptureHandle;
  /**
   * Opens a file; what it begins with decides whether its bytes are read here or libpcap takes it over. `-` is standard
   * input. @throws Error with an errno code.
   */
  openFile(path: string): CaptureHandle;
  /** The first byte of a file not yet read from, which stays to be read; -1 when there is none. */
  firstByte(file: CaptureHandle): number;
  /** Fills `bytes` from a file and answers how many came: fewer than asked at its end only. @throws Error with an errno code. */
  readBytes(file: CaptureHandle, bytes: Uint8Array): number;
  /** Hands an opened file over to libpcap; a failure closes it. @throws Error with code `PCAP_FORMAT` or `PCAP_FILTER`. */
  startSavefile(file: CaptureHandle, filter: string): void;
  /**
   * Compiles a filter for files that begin with `header`, that of a classic savefile. Close it as a capture. @throws Error with
   * code `PCAP_FILTER`
   */
  openFilter(header: Uint8Array, filter: string): CaptureHandle;
  /** Moves the records of the packets that match to the front of a batch whose frames are in `frames`; answers how many. */
  filterBatch(filter: CaptureHandle, records: DataView, frames: DataView, count: number): number;
  /**
   * What a capture on `nflog:GROUP` needs beyond libpcap: the kernel copies `copyBytes` of each packet, holds it back for at
   * most `flushCentiseconds`, numbers it, stamps it with its arrival, and queues `receiveBytes`. @throws Error with an errno code.
   */
  tuneNflog(
    handle: CaptureHandle,
    group: number,
    copyBytes: number,
    flushCentiseconds: number,
    receiveBytes: number,
  ): void;
  /** Why the kernel makes no such ring, whatever the interface; undefined where it does, or one may not ask. */
  ringRefusal(): string | undefined;
  describe(handle: CaptureHandle): CaptureDescription;
  /**
   * Fills the batch with at most `copyBytes` of each frame, waiting up to `timeoutMs` for the first packet (live only).
   * Answers the number of packets, `READ_END` or `READ_FAILED`; packets before an end or a failure come first. After the failure
   * of a live capture there may be more, when the kernel hands over the last that its ring holds.
   */
  readBatch(handle: CaptureHandle, batch: DataView, copyBytes: number, timeoutMs: number): number;
  /** Waits until a capture has packets or has failed; answers how many, and sets in `ready` the byte of each to 1, of the others to 0. */
  wait(handles: readonly CaptureHandle[], timeoutMs: number, ready: Uint8Array): number;
  /**
   * From now on the kernel puts no packet into the capture's ring; what it holds stays to be read. False where the device has no
   * such ring.
   */
  stopIntake(handle: CaptureHandle): boolean;
  /** Packets since open: received, dropped by the kernel, dropped by the interface; undefined for a savefile. */
  statistics(handle: CaptureHandle): [number, number, number] | undefined;
  /** Why `readBatch` answered `READ_FAILED`, in libpcap's words. */
  errorText(handle: CaptureHandle): string;
  /** A capture without packets for `wait`: what waits wakes when this file descriptor can be read. It stays the caller's to close. */
  pollDescriptor(fileDescriptor: number): CaptureHandle;
  /** A new eventfd(2) that never waits: eight bytes written make it readable, and one read clears it. Close it with `fs.closeSync`. */
  openEvent(): number;
  /**
   * Closes; closing again does nothing, any other use afterwards throws. The kernel's ring takes longer to go, which is waited
   * for beside this thread.
   */
  close(handle: CaptureHandle): void;
  /** Whether what a closed capture took of the kernel is still to go. */
  isClosing(handle: CaptureHandle): boolean;

  /** Of a page of this kernel's memory; `map` takes offsets that are multiples of it. */
  pageBytes(): number;
  /** Allocates the pages of a range of a file, from its beginning unless `offset` says otherwise. @throws Error with an errno code, such as `ENOSPC`. */
  reserveFile(fileDescriptor: number, bytes: number, offset?: number): void;
  /**
   * Maps a range of a file, shared and page-aligned; -1 as the file gives zeroed memory of this process. From 2 MiB on it asks for
   * huge pages.
   *
   * @param place where it lies, instead of an address that the kernel chooses. The memory around it must outlive the mapping, and
   *   has zeros there afterwards.
   */
  map(fileDescriptor: number, bytes: number, offset?: number, place?: MemoryPlace): ArrayBuffer;
  /**
   * Detaches the buffer and gives its pages back, unless another thread has them; many of them beside this thread. A mapping
   * forgotten without it is given back by the collector.
   */
  unmap(buffer: ArrayBuffer): void;
  /** Begins to make the pages of a mapping ready, beside this thread, so that a first touch does not wait for them. */
  prepare(buffer: ArrayBuffer): void;
  /**
   * Promises the pages of a mapping to another thread of this process, under a number that is taken once. They live until then, whether
   * this thread does or not. Those that lie in a place move away from it: there are zeros now.
   */
  share(buffer: ArrayBuffer): number;
  /** The same pages, for this thread, too. @throws Error with code `ENOENT` where nobody promised them, or they were taken */
  adopt(promise: number): ArrayBuffer;
  /** The first offset in a memory at which a huge page can begin. */
  hugePageOffset(memory: ArrayBuffer): number;
}

/** The rest of the addon: what a daemon needs of Linux, for the calling thread. Each throws an Error with an errno code. */
export interface ProcessAddon {
  /** One datagram of at most 4095 bytes to a Unix socket; `@name` is an abstract one. Never waits. */
  sendDatagram(path: string, text: string): void;
  /**
   * Leaves this thread, and all that it executes, with no more than these capabilities for ever, root or not; as another user, and in
   * no other group than this, where they are not -1. Needs CAP_SETPCAP, and for another user CAP_SETUID and CAP_SETGID.
   */
  limitCapabilities(kept: readonly number[], uid: number, gid: number): void;
  /** Takes the others from this thread, and gives these, as far as it has them, to what it executes. */
  passCapabilities(kept: readonly number[]): void;
  /** Takes the others from this thread, and from what it executes all but those that are passed on. */
  keepCapabilities(kept: readonly number[], passed: readonly number[]): void;
  /**
   * All threads, and all that the process starts, run this program of classic BPF (linux/filter.h) at each system call from now on,
   * and take no new privileges from what they execute.
   */
  filterSystemCalls(program: Uint8Array): void;
  /** The process continues as this program, with its id and standard streams and without its other threads. */
  execute(path: string, words: readonly string[]): void;
  /**
   * flock(2), exclusive, without waiting: false where another open of the file has it. It goes when the descriptor is closed,
   * or the process dies.
   */
  lockFile(fileDescriptor: number): boolean;
}

/** Landlock, landlock(7): for this thread, or for all, and what they execute. */
export interface FilesAddon {
  /** 0 where the kernel has none. */
  landlockVersion(): number;
  /** Of the handled rights those of the rules are left, a rule being a path and its rights; paths that are not there need none. */
  limitFiles(
    handled: number,
    scoped: number,
    paths: readonly string[],
    rights: readonly number[],
    ofAllThreads: boolean,
  ): void;
}

/** Users of the host. */
export interface UserAddon {
  userNamed(name: string): { readonly uid: number; readonly gid: number } | undefined;
  /** Whether a user or a group has this number. */
  isIdTaken(id: number): boolean;
  /**
   * The index of the first path that the user, without any capability, could not reach in its mode, as in access(2), relative ones from here; -1 when it reaches
   * all. @throws Error with code EPERM where this process cannot be that user
   */
  firstOutOfReach(uid: number, gid: number, paths: readonly string[], modes: readonly number[]): number;
}

/** The part that speaks with the kernel over netlink(7), which Node.js cannot open; it can read and write what is open. */
export interface NetlinkAddon {
  /**
   * A new descriptor that never waits; one `fs.readSync` is one datagram, and `fs.closeSync` closes it.
   *
   * @param groups multicast groups to join, by number
   * @param receiveBytes of the kernel's queue for it; the kernel takes twice as much. Needs CAP_NET_ADMIN, but for 0, which leaves
   *   the queue as every socket has it.
   * @throws Error with an errno code
   */
  openNetlink(protocol: number, groups: readonly number[], receiveBytes: number): number;
  /** read(2) of a descriptor that never waits; 0 where there is nothing, which `fs.readSync` throws. @throws Error with an errno code */
  readNow(fileDescriptor: number, bytes: Uint8Array): number;
}

/** The package's folder, which has `proto/`: sources run from `agent/`, what is built from `dist/` or `dist/modules/`. */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'proto')) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}

/** @throws OperationalError `capture.engine-missing` when the addon was not built or cannot be loaded here. */
export function loadCaptureAddon(
  path = join(packageRoot(), 'agent/native/build/Release/capture.node'),
): CaptureAddon & ProcessAddon & FilesAddon & UserAddon & NetlinkAddon {
  if (!existsSync(path)) {
    throw new OperationalError(
      'capture.engine-missing',
      `The libpcap engine needs its native addon, which is not built (${path} does not exist): run npm run build:native in the flowlogd folder.`,
    );
  }
  try {
    return createRequire(import.meta.url)(path) as CaptureAddon & ProcessAddon & FilesAddon & UserAddon & NetlinkAddon;
  } catch (error) {
    throw new OperationalError(
      'capture.engine-missing',
      `The libpcap engine's native addon cannot be loaded (${(error as Error).message}): install libpcap (apt install libpcap0.8) or build it again with npm run build:native.`,
      error,
    );
  }
}

/** For what can do without it. */
export function captureAddonIfBuilt(): ReturnType<typeof loadCaptureAddon> | undefined {
  try {
    return loadCaptureAddon();
  } catch {
    return undefined;
  }
}
