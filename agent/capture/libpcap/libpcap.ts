/**
 * The default engine: libpcap through our own addon, live and from savefiles, save that pcapng without a filter is read by
 * pcapng.ts: libpcap stops where the interfaces of a file differ. This file holds the policy (how a device is opened, what an
 * error means to the user); the addon only does as told.
 */

import { OperationalError } from '../../model/operational-error.ts';
import type { PacketBatch } from '../../model/packet-batch.ts';
import { FRAME_BYTES_MAX } from '../../model/packet-batch.ts';
import type {
  CaptureStatistics,
  LiveEngine,
  LiveOptions,
  OpenOptions,
  PacketSource,
  ReadStatus,
  SavefileEngine,
  SavefileOptions,
} from '../../model/packet-source.ts';
import { READ } from '../../model/packet-source.ts';
import type { CaptureAddon, CaptureHandle } from '../../native/addon.ts';
import { READ_END, READ_FAILED } from '../../native/addon.ts';
import { badFilter } from '../bad-filter.ts';
import { type ByteSource, damagedAfter, displayName, SAVEFILE_STATISTICS } from '../byte-source.ts';
import { exhaustedText } from '../exhausted.ts';
import { openPcapng, PCAPNG_MAGIC } from '../pcapng.ts';
import { HOLD_MS, LiveSource, RETIRE_TIMEOUT_MS } from './live-source.ts';

/** Cooked capture with the interface index in it, for the device `any`; the first version says less. */
const DLT_LINUX_SLL2 = 276;
/** The interfaces that are named to who asks for another are at most so old. */
const NAMES_KEPT_MS = 5_000;
/** Interfaces named in a message at most. */
const INTERFACES_NAMED_MAX = 20;

/** What libpcap reads of a netlink socket at once, in which the kernel puts several packets: cut, it would lose all but the first. */
const NFLOG_READ_BYTES = 65_535;
/** How long the kernel may hold back logged packets: a wake-up for several, and long over when their window closes. */
const NFLOG_FLUSH_CENTISECONDS = 2;
const NFLOG_DEVICE = /^nflog:(\d+)$/;

/** The kernel lets one socket listen to a group; who may not listen at all is known before. */
const GROUP_TAKEN = /listen on group/i;
const NOT_PERMITTED = /not permitted|permission/i;
/** Devices of libpcap's that are no interfaces of the kernel's. */
const NO_INTERFACE = /^(any$|nflog|nfqueue|usbmon|bluetooth|dbus-)/;
/** Devices that libpcap offers everywhere and that are not meant when a name was mistyped. */
const PSEUDO_DEVICE = /^(any|nflog|nfqueue|usbmon\d*|bluetooth.*|dbus-.*)$/;

function codeOf(error: unknown): string {
  return String((error as { code?: unknown }).code ?? '');
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Those that a user may have meant, as a list. */
function interfaceNames(addon: CaptureAddon): string {
  try {
    const names = addon.interfaces().map((each) => each.name);
    const real = names.filter((name) => !PSEUDO_DEVICE.test(name));
    const shown = real.slice(0, INTERFACES_NAMED_MAX).join(', ');
    return real.length > INTERFACES_NAMED_MAX ? `${shown}, ...` : shown;
  } catch {
    return '';
  }
}

function noInterface(name: string, names: string, cause?: unknown): OperationalError {
  const hint = names === '' ? 'see flowlogd interfaces' : `the interfaces here are ${names}`;
  return new OperationalError(
    'capture.no-interface',
    `Capturing on ${name} failed, there is no such interface: ${hint}.`,
    cause,
  );
}

function interfaceDown(name: string, cause?: unknown): OperationalError {
  return new OperationalError(
    'capture.no-interface',
    `Capturing on ${name} failed, the interface is down: bring it up with ip link set ${name} up.`,
    cause,
  );
}

/** The group of an NFLOG device, which is no interface. */
function nflogGroup(device: string): number | undefined {
  const [, group] = NFLOG_DEVICE.exec(device) ?? [];
  return group === undefined ? undefined : Number(group);
}

function permission(name: string, cause: unknown): OperationalError {
  const asksFilter = name.startsWith('nflog') || name.startsWith('nfqueue');
  const capability = asksFilter ? 'CAP_NET_ADMIN' : 'CAP_NET_RAW';
  const granted = asksFilter ? 'cap_net_raw,cap_net_admin' : 'cap_net_raw';
  return new OperationalError(
    'capture.permission',
    `Capturing on ${name} needs ${capability}: run as root, or: sudo setcap ${granted}+ep $(readlink -f $(which node))`,
    cause,
  );
}

/** What a failed pcap_activate means. A device that is down cannot be opened, which for its user is a device to wait for. */
function liveError(options: LiveOptions, names: () => string, error: unknown): OperationalError {
  const name = options.interfaceName;
  const text = textOf(error);
  switch (codeOf(error)) {
    case 'PCAP_FILTER':
      return badFilter(name, options.filter, error);
    case 'PCAP_ERROR_PERM_DENIED':
    case 'PCAP_ERROR_PROMISC_PERM_DENIED':
      return permission(name, error);
    case 'PCAP_ERROR_NO_SUCH_DEVICE':
      return noInterface(name, names(), error);
    case 'PCAP_ERROR_IFACE_NOT_UP':
      return interfaceDown(name, error);
  }
  if (GROUP_TAKEN.test(text)) {
    return new OperationalError(
      'capture.failed',
      `Listening to the packet filter on ${name} failed, another program has the group: end that one (ulogd, tcpdump), or choose ` +
        'another group here and in the rules.',
      error,
    );
  }
  if (NOT_PERMITTED.test(text)) return permission(name, error);
  const exhausted = exhaustedText(text);
  if (exhausted !== undefined)
    return new OperationalError('capture.no-room', `Capturing on ${name} failed, ${exhausted}`, error);
  return new OperationalError('capture.failed', `Capturing on ${name} failed: ${text}.`, error);
}

/** A capture that was closed, whose ring the kernel has not let go of yet. */
interface Closing {
  readonly handle: CaptureHandle;
  readonly onClosed: () => void;
}

class LibpcapLiveEngine implements LiveEngine {
  readonly name = 'libpcap';
  readonly limits: readonly string[] = [];
  readonly holdMs = HOLD_MS;
  readonly #addon: CaptureAddon;
  readonly #awakeMs: () => number;
  readonly #wakers: CaptureHandle[] = [];
  /** What is waited for, in the order of `#handles`; and the rest, whose time is nearly over. */
  readonly #polled: LiveSource[] = [];
  readonly #ending: LiveSource[] = [];
  readonly #handles: CaptureHandle[] = [];
  #ready = new Uint8Array(64);
  #closing: Closing[] = [];
  #names: { readonly text: string; readonly atMs: number } | undefined;

  constructor(addon: CaptureAddon, awakeMs: () => number) {
    this.#addon = addon;
    this.#awakeMs = awakeMs;
  }

  open(options: OpenOptions): PacketSource {
    this.#refuseAtOnce(options.interfaceName);
    const group = nflogGroup(options.interfaceName);
    let handle: CaptureHandle | undefined;
    try {
      handle = this.#addon.openLive({
        device: options.interfaceName,
        snapBytes: group === undefined ? options.snapBytes : NFLOG_READ_BYTES,
        bufferBytes: options.bufferBytes,
        timeoutMs: RETIRE_TIMEOUT_MS,
        immediate: false,
        promiscuous: options.promiscuous,
        filter: options.filter,
        dataLink: options.interfaceName === 'any' ? DLT_LINUX_SLL2 : -1,
      });
      if (group !== undefined) {
        this.#addon.tuneNflog(handle, group, options.snapBytes, NFLOG_FLUSH_CENTISECONDS, options.bufferBytes);
      }
    } catch (error) {
      if (handle !== undefined) this.#addon.close(handle);
      throw liveError(options, () => this.#interfaceNames(), error);
    }
    const opened = handle;
    const close = () => this.#close({ handle: opened, onClosed: options.onClosed ?? (() => undefined) });
    return new LiveSource(this.#addon, handle, { ...options, awakeMs: this.#awakeMs, close });
  }

  alsoWaitFor(fileDescriptor: number): void {
    this.#wakers.push(this.#addon.pollDescriptor(fileDescriptor));
  }

  wait(sources: readonly PacketSource[], timeoutMs: number): void {
    this.#tellClosed();
    const restMs = this.#enlist(sources);
    if (this.#handles.length > this.#ready.length) this.#ready = new Uint8Array(2 * this.#handles.length);
    this.#addon.wait(this.#handles, Math.ceil(Math.min(timeoutMs, restMs)), this.#ready);
    for (const [at, source] of this.#polled.entries()) source.isReady = source.mayHold || this.#ready[at] === 1;
    for (const source of this.#ending) source.isReady = source.mayHold || source.restMs === 0;
  }

  /** Answers how long nothing need be read of those that are ending. */
  #enlist(sources: readonly PacketSource[]): number {
    let restMs = Number.POSITIVE_INFINITY;
    this.#polled.length = 0;
    this.#ending.length = 0;
    this.#handles.length = 0;
    for (const source of sources) {
      if (!(source instanceof LiveSource)) continue;
      restMs = Math.min(restMs, source.restMs);
      if (source.isEnding) this.#ending.push(source);
      else {
        this.#polled.push(source);
        this.#handles.push(source.handle);
      }
    }
    this.#handles.push(...this.#wakers);
    return restMs;
  }

  /** A capture takes the kernel tens of milliseconds to open, even where that fails. */
  #refuseAtOnce(name: string): void {
    if (NO_INTERFACE.test(name)) return;
    const index = this.#addon.interfaceIndex(name);
    if (index === 0) throw noInterface(name, this.#interfaceNames());
    if (index > 0 && !this.#addon.isInterfaceUp(name)) throw interfaceDown(name);
  }

  #interfaceNames(): string {
    const nowMs = this.#awakeMs();
    if (this.#names === undefined || nowMs > this.#names.atMs + NAMES_KEPT_MS) {
      this.#names = { text: interfaceNames(this.#addon), atMs: nowMs };
    }
    return this.#names.text;
  }

  #close(closing: Closing): void {
    this.#addon.close(closing.handle);
    this.#closing.push(closing);
    this.#tellClosed();
  }

  #tellClosed(): void {
    if (this.#closing.length === 0) return;
    const isOver = ({ handle }: Closing) => !this.#addon.isClosing(handle);
    const over = this.#closing.filter(isOver);
    this.#closing = this.#closing.filter((closing) => !over.includes(closing));
    for (const { onClosed } of over) onClosed();
  }
}

/** What a failed open of a savefile means. */
function savefileError(options: SavefileOptions, error: unknown): OperationalError {
  const name = displayName(options.path);
  const text = textOf(error);
  switch (codeOf(error)) {
    case 'PCAP_FILTER':
      return badFilter(name, options.filter, error);
    case 'PCAP_FORMAT':
      if (/^error reading dump file/.test(text)) break;
      return new OperationalError(
        'savefile.format',
        `Reading ${name} failed, it is not a capture file that libpcap knows (pcap or pcapng): ${text}. Compressed files need ` +
          '--engine savefile.',
        error,
      );
  }
  return new OperationalError(
    'savefile.unreadable',
    `Reading ${name} failed: ${text.replace(/^(opening|reading) a savefile: /, '')}.`,
    error,
  );
}

/** A pcapng of several kinds of interface is whole, but libpcap gives each capture one link type and one snapshot length. */
const NOT_ONE_KIND = /different from the (type|snapshot length)/;

/** One savefile, whole frames: a record in the batch is exactly the record in the file. */
class SavefileSource implements PacketSource {
  readonly name: string;
  readonly linkType: number;
  failure: OperationalError | undefined;
  readonly #addon: CaptureAddon;
  readonly #handle: CaptureHandle;
  #packets = 0;

  constructor(addon: CaptureAddon, handle: CaptureHandle, path: string) {
    this.#addon = addon;
    this.#handle = handle;
    this.name = path;
    this.linkType = addon.describe(handle).linkType;
  }

  read(batch: PacketBatch): ReadStatus {
    batch.count = 0;
    batch.frames = undefined;
    if (this.failure !== undefined) return READ.failed;
    const count = this.#addon.readBatch(this.#handle, batch.view, FRAME_BYTES_MAX, 0);
    if (count === READ_END) return READ.end;
    if (count === READ_FAILED) return this.#fail(this.#addon.errorText(this.#handle));
    this.#packets += count;
    batch.count = count;
    return READ.packets;
  }

  #fail(text: string): ReadStatus {
    this.failure = NOT_ONE_KIND.test(text)
      ? new OperationalError(
          'savefile.format',
          `Reading ${displayName(this.name)} with a filter stopped after ${this.#packets} packets, a filter is for one kind of interface ` +
            `per file (${text}): read it without --filter.`,
        )
      : damagedAfter(this.name, this.#packets, text);
    return READ.failed;
  }

  statistics(): CaptureStatistics {
    return SAVEFILE_STATISTICS;
  }

  close(): void {
    this.#addon.close(this.#handle);
  }
}

export function createLibpcapEngine(addon: CaptureAddon, awakeMs = () => performance.now()): LiveEngine {
  return new LibpcapLiveEngine(addon, awakeMs);
}

/** The bytes of a file that libpcap does not take over. */
function bytesOf(addon: CaptureAddon, file: CaptureHandle): ByteSource {
  return {
    read: (buffer, offset, length) => addon.readBytes(file, buffer.subarray(offset, offset + length)),
    close: () => addon.close(file),
  };
}

function startSavefile(addon: CaptureAddon, file: CaptureHandle, options: SavefileOptions) {
  /* No classic capture begins with this byte; of a pipe, no more than one can be looked at and left there. */
  if (options.filter === '' && addon.firstByte(file) === PCAPNG_MAGIC[0]) {
    return openPcapng(options.path, bytesOf(addon, file));
  }
  addon.startSavefile(file, options.filter);
  return new SavefileSource(addon, file, options.path);
}

export function createLibpcapSavefileEngine(addon: CaptureAddon): SavefileEngine {
  return {
    name: 'libpcap',
    async open(options) {
      let file: CaptureHandle | undefined;
      try {
        file = addon.openFile(options.path);
        return await startSavefile(addon, file, options);
      } catch (error) {
        if (file !== undefined) addon.close(file);
        throw error instanceof OperationalError ? error : savefileError(options, error);
      }
    },
  };
}
