/**
 * The observed-until watermark: how far an observation point has been observed, over all runs, in one small mapped file, POINT.seen.
 *
 *     0     header block: the point's key, and the boot in which the words were written
 *     4096  until    float64, Unix seconds: everything that arrived a grace earlier was taken in; written every round
 *     4104  synced   float64: `until` as of the last time that all tables were surely on the disk (table-sync.ts)
 *
 * At a start the time since then is the gap. After a kill that is `until`; after a reboot the page cache may have gone with
 * what was counted since `synced`, so the gap begins there.
 */
import { existsSync, readFileSync, renameSync } from 'node:fs';
import type { ObservationPoint } from '../model/flow-log.ts';
import { isPassing, isSystemError } from '../model/system-error.ts';
import { decodeHeader, encodeHeader, PAGE_BYTES } from './header-block.ts';
import { mapNewFile, unlinkIfThere } from './mapped-file.ts';
import type { PageMapper } from './table-memory.ts';
import { pointKey } from './window-file.ts';

export const UNTIL_AT = PAGE_BYTES;
export const SYNCED_AT = UNTIL_AT + 8;
export const OBSERVED_UNTIL_SUFFIX = '.seen';
const FILE_BYTES = 2 * PAGE_BYTES;
/** Other layouts of open windows have the same watermark, so those who read them read this. */
const LAYOUT = 3;

/** Where watermarks are, the one of memory first, and the boot that it is now. */
export interface WatermarkPlace {
  readonly folder: string;
  readonly copyFolder?: string | undefined;
  readonly bootId: string;
}

export class ObservedUntil {
  readonly #place: WatermarkPlace;
  readonly #point: string;
  readonly #mapper: PageMapper;
  #words: Float64Array<ArrayBuffer> | undefined;
  #absentSince: number | undefined;
  /** Whether what the run before left has been read: until then it is not replaced. */
  #isBeforeKnown = false;
  #untilSeconds: number | undefined;

  constructor(place: WatermarkPlace, point: ObservationPoint, mapper: PageMapper) {
    this.#place = place;
    this.#point = pointKey(point);
    this.#mapper = mapper;
  }

  /** Since when nobody observed the point: Unix seconds, undefined where it is unknown, or as long as the disk does not say. */
  get absentSince(): number | undefined {
    return this.#absentSince;
  }

  /** Whether this run has a file, and nobody has deleted it. */
  get isOpen(): boolean {
    return this.#words !== undefined && existsSync(this.#path);
  }

  /**
   * Makes the file anew. Until it can, an older one stays, which says that nobody has captured since: too long, but never too short.
   *
   * @throws what the system refuses
   */
  open(): void {
    this.close();
    if (!this.#isBeforeKnown) this.#absentSince = this.#readBefore();
    this.#isBeforeKnown = true;
    this.#words = new Float64Array(this.#create(), UNTIL_AT, 2);
  }

  set(seconds: number): void {
    if (this.#words === undefined) return;
    this.#untilSeconds = seconds;
    this.#words[0] = seconds;
  }

  close(): void {
    if (this.#words !== undefined) this.#mapper.unmap(this.#words.buffer);
    this.#words = undefined;
  }

  /** Nobody is to miss the point from now on: should it be observed again, the time until then is no gap. */
  forget(): void {
    this.close();
    for (const path of this.#paths) unlinkIfThere(path);
  }

  get #path(): string {
    return `${this.#place.folder}/${this.#point}${OBSERVED_UNTIL_SUFFIX}`;
  }

  /** A copy goes before what it was copied from: alone it would be taken for what a reboot left. */
  get #paths(): readonly string[] {
    const { folder, copyFolder = folder } = this.#place;
    return [copyFolder, folder].map((each) => `${each}/${this.#point}${OBSERVED_UNTIL_SUFFIX}`);
  }

  #readBefore(): number | undefined {
    const { bootId } = this.#place;
    const [onDisk, inMemory] = this.#paths.map((path) => absentSince(readIfThere(path), this.#point, bootId));
    return inMemory ?? onDisk;
  }

  #create(): ArrayBuffer {
    const fresh = `${this.#path}.new`;
    unlinkIfThere(fresh);
    const until = this.#untilSeconds ?? this.#absentSince ?? 0;
    const content = encodeObservedUntil(this.#point, this.#place.bootId, until);
    const buffer = mapNewFile(this.#mapper, fresh, FILE_BYTES, content);
    try {
      renameSync(fresh, this.#path);
    } catch (error) {
      this.#mapper.unmap(buffer);
      throw error;
    }
    return buffer;
  }
}

/** The content of a new file: observed so far until `untilSeconds`, 0 for never. */
export function encodeObservedUntil(point: string, bootId: string, untilSeconds: number): Uint8Array<ArrayBuffer> {
  const file = new Uint8Array(FILE_BYTES);
  file.set(encodeHeader({ point, bootId }, LAYOUT));
  new Float64Array(file.buffer, UNTIL_AT, 2).fill(untilSeconds);
  return file;
}

/** Since when the point is not observed: Unix seconds, undefined where unknown. */
export function absentSince(file: Uint8Array, point: string, bootId: string): number | undefined {
  const header = decodeHeader(file);
  if (header.kind !== 'header' || file.length < FILE_BYTES) return undefined;
  const found = header.value as { readonly point: string; readonly bootId: string };
  if (found.point !== point) return undefined;
  const [until = 0, synced = 0] = new Float64Array(new Uint8Array(file.subarray(UNTIL_AT, UNTIL_AT + 16)).buffer);
  const since = found.bootId === bootId ? until : Math.min(until, synced);
  return Number.isFinite(since) && since > 0 ? since : undefined;
}

/** Nothing where it cannot be read, now and later. @throws what refuses for now alone */
function readIfThere(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    if (!isSystemError(error) || isPassing(error)) throw error;
    return new Uint8Array(0);
  }
}
