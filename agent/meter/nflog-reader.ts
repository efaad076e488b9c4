/**
 * What the packet filter rejects, for the taps of one flow log: an NFLOG group, to which the user's rules log just before
 * they drop or reject. Each logged packet goes to the taps whose interface it came in through (the tap has counted it) or
 * would have gone out of (the tap never saw it).
 *
 * Limits: the kernel queues a few megabytes for us and counts what it logs, so what is lost is known by number. Should the
 * group itself be lost, the windows until it is back say that verdicts are unknown.
 */
import { OperationalError } from '../model/operational-error.ts';
import { nextRecord, type PacketBatch } from '../model/packet-batch.ts';
import { CAPTURED_LENGTH, NANOSECONDS, RECORD_HEADER_BYTES, SECONDS } from '../model/packet-batch-layout.ts';
import { type LiveEngine, type PacketSource, READ } from '../model/packet-source.ts';
import { createNflogPacket, type NflogPacket, readNflog } from '../packet/nflog.ts';
import { RuleNames } from './rule-names.ts';
import type { Tap } from './tap.ts';

export interface NflogReaderOptions {
  readonly engine: LiveEngine;
  /** The NFLOG group. */
  readonly group: number;
  /** Of each packet, as of the taps'. */
  readonly snapBytes: number;
  /** Milliseconds, of a clock that nobody sets. */
  readonly now: () => number;
}

/** Attributes before the packet itself: prefix, link header and some numbers. */
const ATTRIBUTES_BYTES_MAX = 512;
/** What the kernel may queue for us: a burst of some hundred thousand packets. */
export const QUEUE_BYTES = 32 * 1024 * 1024;
/** The taps have their turn, too. */
const BATCHES_PER_ROUND = 64;
const REATTACH_MS = 500;
/** Longer than the kernel holds back what it has logged. */
const HELD_BACK_MS = 50;

export class NflogReader {
  readonly group: number;
  readonly #options: NflogReaderOptions;
  readonly #taps = new Set<Tap>();
  readonly #packet = createNflogPacket();
  readonly #rules = new RuleNames();
  #source: PacketSource | undefined;
  #sequence: number | undefined;
  /** Of the last packet that was read. */
  #lastSeconds = 0;
  #retryAtMs = 0;

  constructor(options: NflogReaderOptions) {
    this.#options = options;
    this.group = options.group;
  }

  /** @throws OperationalError when the group cannot be listened to now */
  attach(): void {
    const { engine, group, snapBytes } = this.#options;
    this.#sequence = undefined;
    this.#source = engine.open({
      interfaceName: `nflog:${group}`,
      snapBytes: snapBytes + ATTRIBUTES_BYTES_MAX,
      bufferBytes: QUEUE_BYTES,
      promiscuous: false,
      filter: '',
    });
  }

  get source(): PacketSource | undefined {
    return this.#source;
  }

  addTap(tap: Tap): void {
    this.#taps.add(tap);
  }

  /** Answers whether others are left. */
  removeTap(tap: Tap): boolean {
    this.#taps.delete(tap);
    return this.#taps.size > 0;
  }

  hasTap(tap: Tap): boolean {
    return this.#taps.has(tap);
  }

  /** Takes in what waits. */
  async drain(batch: PacketBatch): Promise<void> {
    if (this.#source === undefined) this.#reattach();
    for (let round = 0; round < BATCHES_PER_ROUND && this.#source !== undefined; round++) {
      const read = this.#source.read(batch);
      const status = typeof read === 'number' ? read : await read;
      if (status === READ.packets) this.#add(batch);
      else if (status === READ.idle) return;
      else this.#detach(this.#source.failure?.message ?? 'the capture ended');
    }
  }

  /** Takes in what waits and what the kernel still holds back, before a window that is not over is closed. */
  async drainLast(batch: PacketBatch): Promise<void> {
    if (this.#source !== undefined) await this.#options.engine.wait([this.#source], HELD_BACK_MS);
    await this.drain(batch);
  }

  end(): void {
    this.#source?.close();
    this.#source = undefined;
  }

  #add({ view, count }: PacketBatch): void {
    const packet = this.#packet;
    let at = 0;
    for (let left = count; left > 0; left--) {
      const captured = view.getUint32(at + CAPTURED_LENGTH, true);
      const record = at + RECORD_HEADER_BYTES;
      if (readNflog(view, record, captured, packet)) {
        if (packet.seconds === 0) {
          packet.seconds = view.getFloat64(at + SECONDS, true);
          packet.microseconds = Math.floor(view.getUint32(at + NANOSECONDS, true) / 1000);
        }
        this.#countLost(packet);
        this.#hand(packet, view, record);
      }
      at = nextRecord(at, captured);
    }
  }

  #hand(packet: NflogPacket, view: DataView, at: number): void {
    for (const tap of this.#taps) {
      const side = tap.verdicts.sideOf(packet);
      if (side === 'elsewhere') continue;
      const prefixAt = at + packet.prefixAt;
      tap.verdicts.reject(
        packet,
        view,
        at,
        this.#rules.rejection(view, prefixAt, packet.prefixBytes, side === 'came-in'),
      );
    }
  }

  /** The kernel numbers what it logs, 32 bits wide. */
  #countLost({ sequence, seconds }: NflogPacket): void {
    if (sequence === undefined) return;
    const lost = this.#sequence === undefined ? sequence : (sequence - this.#sequence - 1) >>> 0;
    const since = this.#sequence === undefined ? seconds : this.#lastSeconds;
    this.#sequence = sequence;
    this.#lastSeconds = seconds;
    if (lost > 0) for (const tap of this.#taps) tap.verdicts.lost(since, seconds, lost);
  }

  #detach(reason: string): void {
    this.end();
    this.#retryAtMs = this.#options.now() + REATTACH_MS;
    for (const tap of this.#taps) tap.verdicts.unknown(reason);
  }

  #reattach(): void {
    if (this.#options.now() < this.#retryAtMs) return;
    try {
      this.attach();
      for (const tap of this.#taps) tap.verdicts.knownAgain();
    } catch (error) {
      if (!(error instanceof OperationalError)) throw error;
      this.#retryAtMs = this.#options.now() + REATTACH_MS;
    }
  }
}
