/** Interfaces captured by the addon: opened, waited for together, and closed beside this thread. How one is opened differs by engine. */
import type { LinkChanges } from '../model/link-changes.ts';
import { OperationalError } from '../model/operational-error.ts';
import type { LiveEngine, LiveOptions, OpenOptions, PacketSource } from '../model/packet-source.ts';
import type { CaptureAddon, CaptureHandle } from '../native/addon.ts';
import { interfaceDown, interfaceNames, liveError, noInterface } from './live-refusal.ts';
import { HOLD_MS, LiveSource } from './live-source.ts';

/** The interfaces that are named to who asks for another are at most so old. */
const NAMES_KEPT_MS = 5_000;
/** Devices of libpcap's that are no interfaces of the kernel's. */
const NO_INTERFACE = /^(any$|nflog|nfqueue|usbmon|bluetooth|dbus-)/;

/** @throws Error with libpcap's words and a code */
export type OpenHandle = (options: LiveOptions) => CaptureHandle;

/** A capture that was closed, whose ring the kernel has not let go of yet. */
interface Closing {
  readonly handle: CaptureHandle;
  readonly onClosed: () => void;
}

/** An engine whose captures are the addon's. */
export class AddonEngine implements LiveEngine {
  readonly name: string;
  readonly limits: readonly string[] = [];
  readonly holdMs = HOLD_MS;
  readonly #addon: CaptureAddon;
  readonly #openHandle: OpenHandle;
  readonly #awakeMs: () => number;
  readonly #wakers: CaptureHandle[] = [];
  readonly #open = new Set<LiveSource>();
  /** What is waited for, in the order of `#handles`; and the rest, whose time is nearly over. */
  readonly #polled: LiveSource[] = [];
  readonly #ending: LiveSource[] = [];
  readonly #handles: CaptureHandle[] = [];
  #ready = new Uint8Array(64);
  #areNamesFollowed = false;
  #closing: Closing[] = [];
  #names: { readonly text: string; readonly atMs: number } | undefined;

  constructor(name: string, addon: CaptureAddon, openHandle: OpenHandle, awakeMs: () => number) {
    this.name = name;
    this.#addon = addon;
    this.#openHandle = openHandle;
    this.#awakeMs = awakeMs;
  }

  open(options: OpenOptions): PacketSource {
    this.#refuseAtOnce(options.interfaceName);
    const handle = this.#openOrRefuse(options);
    const close = () => {
      this.#open.delete(source);
      this.#close({ handle, onClosed: options.onClosed ?? (() => undefined) });
    };
    const isFollowed = () => this.#areNamesFollowed;
    const source = new LiveSource(this.#addon, handle, { ...options, awakeMs: this.#awakeMs, isFollowed, close });
    this.#open.add(source);
    return source;
  }

  /** Captures that may be concerned are read after the next wait, which is short. */
  followNames(): (changes: LinkChanges) => void {
    this.#areNamesFollowed = true;
    return (changes) => {
      for (const source of this.#open) source.linksChanged(changes);
    };
  }

  alsoWaitFor(fileDescriptor: number): void {
    this.#wakers.push(this.#addon.pollDescriptor(fileDescriptor));
  }

  wait(sources: readonly PacketSource[], timeoutMs: number): void {
    this.#tellClosed();
    const restMs = this.#enlist(sources);
    if (this.#handles.length > this.#ready.length) this.#ready = new Uint8Array(2 * this.#handles.length);
    this.#addon.wait(this.#handles, Math.ceil(Math.min(timeoutMs, restMs)), this.#ready);
    for (const [at, source] of this.#polled.entries()) {
      source.isReady = source.mayHold || source.mayBeRenamed || this.#ready[at] === 1;
    }
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
      restMs = Math.min(restMs, source.mayBeRenamed ? 0 : source.restMs);
      if (source.isEnding) this.#ending.push(source);
      else {
        this.#polled.push(source);
        this.#handles.push(source.handle);
      }
    }
    this.#handles.push(...this.#wakers);
    return restMs;
  }

  #openOrRefuse(options: LiveOptions): CaptureHandle {
    try {
      return this.#openHandle(options);
    } catch (error) {
      throw error instanceof OperationalError ? error : liveError(options, () => this.#interfaceNames(), error);
    }
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
