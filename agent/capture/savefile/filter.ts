/**
 * A pcap-filter(7) expression over packets that are read here: libpcap compiles it, once for each link type and byte order that a
 * file has, and the addon leaves the packets that match in the batch.
 */
import { OperationalError } from '../../model/operational-error.ts';
import { framesOf, type PacketBatch } from '../../model/packet-batch.ts';
import { type PacketSource, READ, type ReadStatus } from '../../model/packet-source.ts';
import type { CaptureAddon, CaptureHandle } from '../../native/addon.ts';
import { badFilter } from '../bad-filter.ts';
import { displayName, SAVEFILE_STATISTICS } from '../byte-source.ts';
import { pcapHeader } from '../pcap.ts';
import type { SavefileSource } from '../savefile-input.ts';

/** Programs kept; a file with more link types takes longer. */
const PROGRAMS_MAX = 16;

export class FilteredSource implements PacketSource {
  readonly #inner: SavefileSource;
  readonly #filter: string;
  readonly #addon: CaptureAddon;
  readonly #programs = new Map<string, CaptureHandle>();
  #failure: OperationalError | undefined;

  constructor(inner: SavefileSource, filter: string, addon: CaptureAddon) {
    this.#inner = inner;
    this.#filter = filter;
    this.#addon = addon;
  }

  get name(): string {
    return this.#inner.name;
  }

  get linkType(): number {
    return this.#inner.linkType;
  }

  get fileBytes(): number | undefined {
    return this.#inner.fileBytes;
  }

  get failure(): OperationalError | undefined {
    return this.#failure ?? this.#inner.failure;
  }

  /** Compiles the filter for the packets that come first. @throws OperationalError `capture.filter` */
  prepare(): CaptureHandle {
    const { linkType, littleEndian } = this.#inner;
    const key = `${linkType} ${littleEndian}`;
    const known = this.#programs.get(key);
    if (known !== undefined) return known;
    if (this.#programs.size === PROGRAMS_MAX) this.#forgetPrograms();
    const program = this.#compile(linkType, littleEndian);
    this.#programs.set(key, program);
    return program;
  }

  /** A batch of packets may be empty: none of those that were read matched. */
  read(batch: PacketBatch): ReadStatus | Promise<ReadStatus> {
    const status = this.#inner.read(batch);
    return typeof status === 'number' ? this.#match(status, batch) : status.then((later) => this.#match(later, batch));
  }

  statistics() {
    return SAVEFILE_STATISTICS;
  }

  close(): void {
    this.#forgetPrograms();
    this.#inner.close();
  }

  #match(status: ReadStatus, batch: PacketBatch): ReadStatus {
    if (this.#failure !== undefined) return READ.failed;
    if (status !== READ.packets) return status;
    try {
      batch.count = this.#addon.filterBatch(this.prepare(), batch.view, framesOf(batch), batch.count);
      return READ.packets;
    } catch (error) {
      batch.count = 0;
      if (!(error instanceof OperationalError)) throw error;
      this.#failure = error;
      return READ.failed;
    }
  }

  #compile(linkType: number, littleEndian: boolean): CaptureHandle {
    try {
      return this.#addon.openFilter(pcapHeader(linkType, littleEndian), this.#filter);
    } catch (error) {
      throw badFilter(displayName(this.name), this.#filter, error);
    }
  }

  #forgetPrograms(): void {
    for (const program of this.#programs.values()) this.#addon.close(program);
    this.#programs.clear();
  }
}
