/**
 * The same loop as in packet-groups.ts, with the kernel for the packets (kernel/kernel.ts): it reads a group, up to where something
 * has to be decided here. Batches that do not lie in its memory, and link types that it does not know, are read by TypeScript, into the
 * same rows.
 */
import type { Window } from '../flow/window.ts';
import type { Kernel } from '../kernel/kernel.ts';
import {
  FRAMES,
  IPV4_COUNT,
  IPV4_MEMBERS,
  IPV6_COUNT,
  IPV6_MEMBERS,
  MALFORMED_BYTES,
  MALFORMED_PACKETS,
  NOT_IP_BYTES,
  NOT_IP_PACKETS,
  RECORD,
  RECORDS_LEFT,
  SEGMENTS_COUNTED,
  SEGMENTS_IGNORED,
  SEGMENTS_NOTED,
  STOP_SUSPECT,
  STOP_WINDOW,
  SUSPECT_FAMILY,
  SUSPECT_ROW,
} from '../kernel/layout.ts';
import { kernelLink } from '../kernel/link-type.ts';
import type { PacketBatch } from '../model/packet-batch.ts';
import { SECONDS } from '../model/packet-batch-layout.ts';
import type { Decoder } from '../packet/decode.ts';
import { KEEP } from '../packet/exclusion.ts';
import { forgetSegments } from '../packet/segments.ts';
import { type GroupOptions, type GroupOwner, PacketGroups } from './packet-groups.ts';

export class KernelGroups extends PacketGroups {
  readonly #kernel: Kernel;
  readonly #options: GroupOptions;
  readonly #owner: GroupOwner;

  constructor(options: GroupOptions, owner: GroupOwner, kernel: Kernel) {
    super(options, owner, kernel);
    this.#options = options;
    this.#owner = owner;
    this.#kernel = kernel;
  }

  override add(batch: PacketBatch, decode: Decoder): number {
    const link = kernelLink(decode);
    const { view, frames = view } = batch;
    const kernel = this.#kernel;
    if (link === undefined || !kernel.holds(view) || !kernel.holds(frames)) return super.add(batch, decode);
    const { words } = kernel;
    words[RECORD / 4] = view.byteOffset;
    words[RECORDS_LEFT / 4] = batch.count;
    words[FRAMES / 4] = frames === view ? 0 : frames.byteOffset;
    this.#forgetGroup();
    this.#read(link, view, this.#segments(frames === view));
    return words[RECORD / 4]! - view.byteOffset;
  }

  #segments(isInline: boolean): number {
    if (this.#options.countsWire === true) return SEGMENTS_COUNTED;
    return this.notesSegments(isInline) ? SEGMENTS_NOTED : SEGMENTS_IGNORED;
  }

  #read(link: number, view: DataView, segments: number): void {
    const { calls, words } = this.#kernel;
    const { windowSeconds, exclusion } = this.#options;
    let window = this.#owner.currentWindow;
    let isOpened = false;
    while (words[RECORDS_LEFT / 4]! > 0) {
      if (window === undefined) {
        window = this.#owner.open(view.getFloat64(words[RECORD / 4]! - view.byteOffset + SECONDS, true));
        isOpened = true;
      }
      const { start } = window;
      const stop = calls.readGroup(link, exclusion.hasRules, segments, start, start + windowSeconds, isOpened);
      isOpened = false;
      this.#enterRefusals(window);
      if (stop === STOP_SUSPECT) this.#judge(window);
      else this.#count(window);
      if (stop === STOP_WINDOW) window = undefined;
    }
    if (window !== undefined) this.#count(window);
  }

  /** A packet that a rule may exclude stands behind the group's rows. */
  #judge(window: Window): void {
    const { words, rows, ipv4Members, ipv6Members } = this.#kernel;
    const row = words[SUSPECT_ROW / 4]!;
    const family = words[SUSPECT_FAMILY / 4] === 4 ? 4 : 6;
    const rule = this.#options.exclusion.match(rows, row, family);
    if (rule !== KEEP) window.exclude(rule, rows, row, family);
    else if (family === 4) ipv4Members[words[IPV4_COUNT / 4]!++] = row;
    else ipv6Members[words[IPV6_COUNT / 4]!++] = row;
  }

  #count(window: Window): void {
    const { calls, words } = this.#kernel;
    const ipv4Count = words[IPV4_COUNT / 4]!;
    const ipv6Count = words[IPV6_COUNT / 4]!;
    this.#forgetGroup();
    if (this.#options.keysIcmp === true) {
      calls.keyByIcmp(IPV4_MEMBERS, ipv4Count);
      calls.keyByIcmp(IPV6_MEMBERS, ipv6Count);
    }
    this.#owner.count(window, ipv4Count, ipv6Count);
    if (this.#options.countsWire === true) forgetSegments(this.#kernel.rows);
  }

  #forgetGroup(): void {
    const { words } = this.#kernel;
    words[IPV4_COUNT / 4] = 0;
    words[IPV6_COUNT / 4] = 0;
  }

  /** What gave no row since the last time goes into the ledger. */
  #enterRefusals({ ledger }: Window): void {
    const { words, doubles } = this.#kernel;
    if ((words[NOT_IP_PACKETS / 4]! | words[MALFORMED_PACKETS / 4]!) === 0) return;
    ledger.notIp.packets += words[NOT_IP_PACKETS / 4]!;
    ledger.notIp.bytes += doubles[NOT_IP_BYTES / 8]!;
    ledger.malformed.packets += words[MALFORMED_PACKETS / 4]!;
    ledger.malformed.bytes += doubles[MALFORMED_BYTES / 8]!;
    words[NOT_IP_PACKETS / 4] = 0;
    words[MALFORMED_PACKETS / 4] = 0;
    doubles[NOT_IP_BYTES / 8] = 0;
    doubles[MALFORMED_BYTES / 8] = 0;
  }
}
