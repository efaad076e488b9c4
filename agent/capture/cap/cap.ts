/**
 * The compatibility engine: the npm package cap, an optional dependency. It calls back once per packet with the packet in one
 * shared buffer and tells neither its time nor its original length; this adapter stamps the time of arrival and collects the
 * packets in a bounded buffer of the batch layout until the meter asks for them.
 *
 * The package polls on the main thread's loop and can be loaded there only. When its link goes down or its interface is
 * removed it aborts the process; no adapter can prevent that, so the limits below are logged at start.
 */
import type { EventEmitter } from 'node:events';
import { createRequire } from 'node:module';
import { isMainThread } from 'node:worker_threads';
import { OperationalError } from '../../model/operational-error.ts';
import { nextRecord, type PacketBatch } from '../../model/packet-batch.ts';
import {
  CAPTURED_LENGTH,
  NANOSECONDS,
  RECORD_HEADER_BYTES,
  SECONDS,
  WIRE_LENGTH,
} from '../../model/packet-batch-layout.ts';
import {
  type CaptureStatistics,
  type LiveEngine,
  type LiveOptions,
  type OpenOptions,
  type PacketSource,
  READ,
  type ReadStatus,
} from '../../model/packet-source.ts';

const LIMITS: readonly string[] = [
  'The cap engine gives each packet the time of its arrival in this process, in milliseconds, not the time of its capture.',
  'The cap engine takes the captured length for the length of the frame, because the package does not tell it.',
  'The cap engine has no drop counters: what the kernel dropped cannot be known.',
  'The cap engine runs one callback per packet, several times the cost of libpcap, and drops packets far earlier.',
  'The cap engine works on the main thread only, and always in promiscuous mode.',
  'The cap engine ends the whole process when its link goes down or its interface is removed.',
];

/** The package captures at most this much of a frame, and writes it into the buffer it was given. */
const FRAME_BUFFER_BYTES = 65_535;
/** Packets wait here between two reads; at 128 bytes each, about 55,000. What finds it full is counted and lost. */
const WAITING_BYTES = 8 * 1024 * 1024;

/** The part of cap 0.2.1 used here; it ships no types. */
interface CapHandle extends EventEmitter {
  open(device: string, filter: string, bufferBytes: number, frame: Buffer): string;
  close(): boolean;
}
export interface CapPackage {
  readonly Cap: new () => CapHandle;
  deviceList(): { readonly name: string }[];
}

const LINK_TYPES: ReadonlyMap<string, number> = new Map([
  ['NULL', 0],
  ['ETHERNET', 1],
  ['IEEE802_11_RADIO', 127],
  ['LINKTYPE_LINUX_SLL', 113],
  ['RAW', 101],
]);

/** The package names five link types and gives the others as `Unknown linktype N`; N is a savefile's number from 104 on. */
function linkTypeOf(answer: string): number {
  return LINK_TYPES.get(answer) ?? Number(/\d+$/.exec(answer)?.[0] ?? Number.NaN);
}

function openError(options: LiveOptions, error: unknown): OperationalError {
  const name = options.interfaceName;
  const text = (error as Error).message;
  if (/not permitted|permission|CAP_NET_RAW/i.test(text)) {
    return new OperationalError(
      'capture.permission',
      `Capturing on ${name} needs CAP_NET_RAW: run as root, or: sudo setcap cap_net_raw+ep $(readlink -f $(which node))`,
      error,
    );
  }
  if (/filter|syntax|illegal|unknown|parse/i.test(text) && options.filter !== '') {
    return new OperationalError(
      'capture.filter',
      `The filter "${options.filter}" for ${name} is not a pcap-filter(7) expression for its link type: ${text}.`,
      error,
    );
  }
  return new OperationalError('capture.failed', `Capturing on ${name} failed: ${text}.`, error);
}

/** @throws OperationalError `capture.no-interface` */
function refuseUnknown(cap: CapPackage, name: string): void {
  const names = cap.deviceList().map((device) => device.name);
  if (names.includes(name)) return;
  throw new OperationalError(
    'capture.no-interface',
    `Capturing on ${name} failed, there is no such interface: the interfaces here are ${names.join(', ')}.`,
  );
}

/**
 * Every handle that was ever made. The package embeds libuv's poll in it, stops that and never closes it: a handle that is collected
 * as garbage is freed while the event loop still has it in its lists, which may end the process by a signal. One that could not be
 * opened must not be closed or opened again either: its poll never began. So all stay; they hold a few hundred bytes each. An
 * interface that is waited for is looked for first, and makes none.
 */
const HANDLES: CapHandle[] = [];

class CapSource implements PacketSource {
  readonly name: string;
  readonly linkType: number;
  failure: OperationalError | undefined;
  readonly #handle: CapHandle;
  readonly #snapBytes: number;
  readonly #now: () => number;
  readonly #onPacket: () => void;
  readonly #frame = Buffer.alloc(FRAME_BUFFER_BYTES);
  readonly #waiting = new DataView(new ArrayBuffer(WAITING_BYTES));
  readonly #waitingBytes = new Uint8Array(this.#waiting.buffer);
  /** Waiting records lie from `#start` to `#end`. */
  #start = 0;
  #end = 0;
  #received = 0;
  #droppedByEngine = 0;
  #closed = false;
  readonly #onClosed: (() => void) | undefined;

  constructor(cap: CapPackage, options: OpenOptions, now: () => number, onPacket: () => void) {
    this.#onClosed = options.onClosed;
    this.name = options.interfaceName;
    this.#snapBytes = Math.min(options.snapBytes, FRAME_BUFFER_BYTES);
    this.#now = now;
    this.#onPacket = onPacket;
    refuseUnknown(cap, options.interfaceName);
    this.#handle = new cap.Cap();
    HANDLES.push(this.#handle);
    this.#handle.on('packet', (bytes: number) => this.#collect(bytes));
    try {
      this.linkType = linkTypeOf(
        this.#handle.open(options.interfaceName, options.filter, options.bufferBytes, this.#frame),
      );
    } catch (error) {
      this.#handle.removeAllListeners();
      throw openError(options, error);
    }
  }

  get isWaiting(): boolean {
    return this.#start < this.#end;
  }

  /** Runs once per packet, in the package's callback. */
  #collect(bytes: number): void {
    this.#received++;
    const captured = Math.min(bytes, this.#snapBytes);
    if (this.#end + RECORD_HEADER_BYTES + captured > WAITING_BYTES) this.#makeRoom();
    const at = this.#end;
    if (at + RECORD_HEADER_BYTES + captured > WAITING_BYTES) {
      this.#droppedByEngine++;
      return;
    }
    const milliseconds = this.#now();
    const seconds = Math.floor(milliseconds / 1000);
    this.#waiting.setFloat64(at + SECONDS, seconds, true);
    this.#waiting.setUint32(at + NANOSECONDS, Math.floor((milliseconds - seconds * 1000) * 1e6), true);
    this.#waiting.setUint32(at + CAPTURED_LENGTH, captured, true);
    this.#waiting.setUint32(at + WIRE_LENGTH, bytes, true);
    this.#waiting.setUint32(at + WIRE_LENGTH + 4, 0, true);
    this.#waitingBytes.set(this.#frame.subarray(0, captured), at + RECORD_HEADER_BYTES);
    this.#end = nextRecord(at, captured);
    if (at === this.#start) this.#onPacket();
  }

  /** Moves what is pending to the front; what was read is gone from there. */
  #makeRoom(): void {
    this.#waitingBytes.copyWithin(0, this.#start, this.#end);
    this.#end -= this.#start;
    this.#start = 0;
  }

  read(batch: PacketBatch): ReadStatus {
    batch.count = 0;
    let at = this.#start;
    while (at < this.#end) {
      const next = nextRecord(at, this.#waiting.getUint32(at + CAPTURED_LENGTH, true));
      if (next - this.#start > batch.view.byteLength) break;
      at = next;
      batch.count++;
    }
    if (batch.count === 0) return READ.idle;
    const { buffer, byteOffset } = batch.view;
    new Uint8Array(buffer, byteOffset, at - this.#start).set(this.#waitingBytes.subarray(this.#start, at));
    this.#start = at;
    if (at === this.#end) {
      this.#start = 0;
      this.#end = 0;
    }
    return READ.packets;
  }

  statistics(): CaptureStatistics {
    return {
      received: this.#received,
      droppedByKernel: undefined,
      droppedByInterface: undefined,
      droppedByEngine: this.#droppedByEngine,
    };
  }

  close(): void {
    if (this.#closed) return;
    this.#handle.close();
    // Else it would hold this source, too.
    this.#handle.removeAllListeners();
    this.#closed = true;
    this.#onClosed?.();
  }
}

class CapEngine implements LiveEngine {
  readonly name = 'cap';
  readonly limits = LIMITS;
  readonly holdMs = 0;
  readonly #cap: CapPackage;
  readonly #now: () => number;
  #wake: () => void = () => undefined;

  constructor(cap: CapPackage, now: () => number) {
    this.#cap = cap;
    this.#now = now;
  }

  open(options: OpenOptions): PacketSource {
    return new CapSource(this.#cap, options, this.#now, () => this.#wake());
  }

  /** Gives the event loop a turn even when packets wait already: only there can the package deliver more. */
  wait(sources: readonly PacketSource[], timeoutMs: number): Promise<void> {
    const ready = sources.some((source) => source instanceof CapSource && source.isWaiting);
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ready ? 0 : timeoutMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

function loadCap(): CapPackage {
  if (!isMainThread) {
    throw new OperationalError('capture.engine-missing', 'The cap engine works on the main thread only: run it there.');
  }
  try {
    return createRequire(import.meta.url)('cap') as CapPackage;
  } catch (error) {
    const missing = (error as { code?: unknown }).code === 'MODULE_NOT_FOUND';
    const text = (error as Error).message.replace(/\s+/g, ' ');
    throw new OperationalError(
      'capture.engine-missing',
      missing
        ? 'The cap engine needs the npm package cap, which is not installed: run npm install cap, or use --engine libpcap.'
        : `The cap engine cannot load the npm package cap (${text}): run npm rebuild cap, or use --engine libpcap.`,
      error,
    );
  }
}

/**
 * `now` is Unix milliseconds. `cap` is the package, unless a test gives another.
 *
 * @throws OperationalError `capture.engine-missing` when the package is not installed, or on another than the main thread
 */
export function createCapEngine(now: () => number = Date.now, cap: CapPackage = loadCap()): LiveEngine {
  return new CapEngine(cap, now);
}
