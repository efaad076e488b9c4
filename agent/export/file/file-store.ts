/**
 * Batches appended to files, each exactly once. The order is what makes it so: bytes on the disk, the manifest on the disk, the
 * acknowledgement. Whatever fails in between, the store is closed and opened again, which cuts every file back to what the manifest
 * acknowledged, completes it and begins new ones: one way back from a kill, a full disk and an error.
 */
import { OperationalError } from '../../model/operational-error.ts';
import { contextFlow } from '../../wire/context-flow.ts';
import { BatchText, fieldsKey, type PrintedBatch, TEXT_FORMATS } from '../batch-text.ts';
import { completeName, type FileFormat, isOwnPartial, MANIFEST, PARTS, partialName, stemOf } from './file-names.ts';
import { cutBack, FilePair, nameComplete } from './file-pair.ts';
import { apply, emptyState, lineOf, type ManifestState, manifestOf, type PairState, readManifest } from './manifest.ts';
import type { Folder, OutputFile } from './output-folder.ts';

export interface FileStoreOptions {
  readonly format: FileFormat;
  readonly rotateMs: number;
  readonly rotateBytes: number;
  readonly ledgerLog: boolean;
  /** The wall clock, Unix milliseconds. */
  readonly nowMs: () => number;
}

/** Flow logs whose files are open at once, at most; beyond, the oldest pair is completed. */
export const PAIRS_MAX = 64;
/** Beyond, the manifest is written anew. */
const MANIFEST_BYTES_MAX = 1024 * 1024;
const NEW_MANIFEST = `${MANIFEST}.new`;

export class FileStore {
  readonly #folder: Folder;
  readonly #options: FileStoreOptions;
  readonly #text: BatchText;
  readonly #state: ManifestState;
  /** By the flow log and its fields, the oldest first. */
  readonly #pairs = new Map<string, FilePair>();
  #manifest: OutputFile | undefined;
  #manifestBytes = 0;

  private constructor(folder: Folder, options: FileStoreOptions, state: ManifestState) {
    this.#folder = folder;
    this.#options = options;
    this.#state = state;
    this.#text = new BatchText(options.format === 'text' ? 'text' : TEXT_FORMATS[0], options.ledgerLog);
  }

  /** Takes the folder as a run before has left it. @throws OperationalError `sink.refused`, and what the file system throws */
  static async open(folder: Folder, options: FileStoreOptions): Promise<FileStore> {
    const store = new FileStore(folder, options, await stateOf(folder));
    try {
      await store.#recover();
      return store;
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  /** When the oldest pair is due; undefined without one. */
  get dueMs(): number | undefined {
    const [oldest] = this.#pairs.values();
    return oldest && oldest.openedMs + this.#options.rotateMs;
  }

  /**
   * Batches that are on the disk, whole and once, when this returns; answers for each why it cannot be printed, or undefined.
   *
   * @throws what the file system throws; then the store is to be closed and opened again
   */
  async append(batches: readonly Uint8Array[]): Promise<readonly (OperationalError | undefined)[]> {
    await this.completeDue();
    const identities: string[] = [];
    const touched = new Set<FilePair>();
    const refusals: (OperationalError | undefined)[] = [];
    for (const batch of batches) {
      const printed = this.#print(batch);
      refusals.push(printed instanceof OperationalError ? printed : undefined);
      if (printed instanceof OperationalError) continue;
      const identity = contextFlow(printed.header);
      if (this.#state.batches.has(identity) || identities.includes(identity)) continue;
      identities.push(identity);
      const pair = await this.#write(printed, identity);
      if (pair.bytes > 0) touched.add(pair);
    }
    if (identities.length > 0) await this.#acknowledge(identities, touched);
    return refusals;
  }

  /** Completes what has been open long enough, or has a time to come: then the clock was set. */
  async completeDue(): Promise<void> {
    const { nowMs, rotateMs } = this.#options;
    for (const [key, pair] of this.#pairs) {
      const ageMs = nowMs() - pair.openedMs;
      if (ageMs >= rotateMs || ageMs < 0) await this.#complete(key, pair);
    }
  }

  /** Completes every file. */
  async finish(): Promise<void> {
    for (const [key, pair] of this.#pairs) await this.#complete(key, pair);
  }

  /** Leaves everything as it is; the folder stays open. */
  async close(): Promise<void> {
    const files = [...this.#pairs.values(), this.#manifest];
    await Promise.allSettled(files.map((file) => file?.close()));
  }

  async #recover(): Promise<void> {
    for (const [stem, pair] of this.#state.open) {
      await cutBack(this.#folder, pair);
      apply(this.#state, { complete: stem });
    }
    const remembered = new Set([...this.#state.complete.values()].flatMap(namesOf));
    for (const name of await this.#folder.names()) {
      if (isOwnPartial(name) && !remembered.has(name)) await this.#folder.remove(name);
    }
    await this.#folder.remove(NEW_MANIFEST);
    const complete = [...this.#state.complete.values()];
    await this.#rewrite(complete);
    for (const pair of complete) await nameComplete(this.#folder, pair);
    await this.#folder.sync();
    this.#state.complete.clear();
  }

  #print(batch: Uint8Array): PrintedBatch | OperationalError {
    try {
      return this.#text.print(batch);
    } catch (error) {
      if (error instanceof OperationalError) return error;
      throw error;
    }
  }

  /** The bytes of a printed batch are good until the next is printed. */
  async #write(printed: PrintedBatch, identity: string): Promise<FilePair> {
    const pair = await this.#pairOf(printed, identity);
    await pair.append('flows', printed.rows, printed.titles);
    await pair.append('ledger', printed.ledger);
    return pair;
  }

  async #pairOf({ header }: PrintedBatch, identity: string): Promise<FilePair> {
    const key = `${header.flowLogId} ${fieldsKey(header)}`;
    const found = this.#pairs.get(key);
    if (found !== undefined) return found;
    const { format, nowMs } = this.#options;
    const pair = new FilePair(this.#folder, await this.#freeStem(stemOf(header, identity)), format, nowMs());
    this.#pairs.set(key, pair);
    return pair;
  }

  /** A batch that goes again after it was forgotten must not replace a file. */
  async #freeStem(stem: string): Promise<string> {
    const { format } = this.#options;
    for (let count = 1; ; count++) {
      const tried = count === 1 ? stem : `${stem}-${count}`;
      const taken = await Promise.all(PARTS.map((part) => this.#folder.has(completeName(tried, part, format))));
      if (!taken.includes(true)) return tried;
    }
  }

  async #acknowledge(batches: readonly string[], touched: ReadonlySet<FilePair>): Promise<void> {
    for (const pair of touched) await pair.sync();
    await this.#folder.sync();
    const line = { batches, pairs: [...touched].map(({ state }) => state) };
    await this.#note(lineOf(line));
    apply(this.#state, line);
    const { rotateBytes } = this.#options;
    for (const [key, pair] of this.#pairs) {
      if (pair.bytes >= rotateBytes || this.#pairs.size > PAIRS_MAX) await this.#complete(key, pair);
    }
  }

  async #complete(key: string, pair: FilePair): Promise<void> {
    const { state } = pair;
    if (pair.bytes > 0) {
      const line = { complete: pair.stem };
      await this.#note(lineOf(line));
      apply(this.#state, line);
      await nameComplete(this.#folder, state);
      await this.#folder.sync();
      this.#state.complete.delete(pair.stem);
    }
    this.#pairs.delete(key);
    await pair.close();
    if (this.#manifestBytes > MANIFEST_BYTES_MAX) await this.#rewrite([]);
  }

  async #note(line: string): Promise<void> {
    const bytes = Buffer.from(line);
    for (let at = 0; at < bytes.length; ) {
      const { bytesWritten } = await this.#manifest!.write(bytes, at);
      at += bytesWritten;
    }
    await this.#manifest!.datasync();
    this.#manifestBytes += bytes.length;
  }

  /** @param complete pairs that may lack their last names */
  async #rewrite(complete: readonly { readonly stem: string }[]): Promise<void> {
    const { open, batches } = this.#state;
    const all = new Map([...open, ...this.#state.complete]);
    const text = manifestOf({ open: all, batches }) + complete.map(({ stem }) => lineOf({ complete: stem })).join('');
    const before = this.#manifest;
    this.#manifest = await this.#folder.create(NEW_MANIFEST);
    await before?.close();
    this.#manifestBytes = 0;
    await this.#note(text);
    await this.#folder.rename(NEW_MANIFEST, MANIFEST);
    await this.#folder.sync();
  }
}

/** As of the manifest, which is there before the first file: files without one are not new, and what of them was acknowledged is unknown. */
async function stateOf(folder: Folder): Promise<ManifestState> {
  const known = readManifest(await folder.read(MANIFEST));
  if (known !== undefined) return known;
  const partial = (await folder.names()).find(isOwnPartial);
  if (partial === undefined) return emptyState();
  throw new OperationalError(
    'sink.refused',
    `the manifest ${MANIFEST} is missing or cut short, so what was acknowledged of ${partial} is unknown: restore it, or move the *.partial files away`,
  );
}

function namesOf({ stem, format }: PairState): readonly string[] {
  return PARTS.map((part) => partialName(stem, part, format));
}
