/** The two files that are being written for one flow log: its flows, and the ledgers of its windows. */
import { completeName, type FileFormat, PARTS, type Part, partialName } from './file-names.ts';
import type { PairState } from './manifest.ts';
import type { Folder, OutputFile } from './output-folder.ts';

interface OpenFile {
  readonly handle: OutputFile;
  bytes: number;
  isDirty: boolean;
}

export class FilePair {
  readonly stem: string;
  readonly format: FileFormat;
  /** Wall clock, Unix milliseconds. */
  readonly openedMs: number;
  readonly #folder: Folder;
  readonly #files = new Map<Part, OpenFile>();

  constructor(folder: Folder, stem: string, format: FileFormat, openedMs: number) {
    this.#folder = folder;
    this.stem = stem;
    this.format = format;
    this.openedMs = openedMs;
  }

  get bytes(): number {
    return this.#bytesOf('flows') + this.#bytesOf('ledger');
  }

  get state(): PairState {
    const { stem, format } = this;
    return { stem, format, flows: this.#bytesOf('flows'), ledger: this.#bytesOf('ledger') };
  }

  /** Answers whether that made a file. @param titles what a new file begins with */
  async append(part: Part, bytes: Uint8Array, titles = ''): Promise<boolean> {
    if (bytes.length === 0) return false;
    const found = this.#files.get(part);
    const file = found ?? (await this.#create(part));
    if (found === undefined && titles !== '') await this.#write(file, Buffer.from(titles));
    await this.#write(file, bytes);
    return found === undefined;
  }

  async sync(): Promise<void> {
    for (const file of this.#files.values()) {
      if (file.isDirty) await file.handle.datasync();
      file.isDirty = false;
    }
  }

  async close(): Promise<void> {
    const files = [...this.#files.values()];
    this.#files.clear();
    await Promise.allSettled(files.map(({ handle }) => handle.close()));
  }

  #bytesOf(part: Part): number {
    return this.#files.get(part)?.bytes ?? 0;
  }

  async #create(part: Part): Promise<OpenFile> {
    const handle = await this.#folder.create(partialName(this.stem, part, this.format));
    const file = { handle, bytes: 0, isDirty: true };
    this.#files.set(part, file);
    return file;
  }

  async #write(file: OpenFile, bytes: Uint8Array): Promise<void> {
    file.isDirty = true;
    for (let at = 0; at < bytes.length; ) {
      const { bytesWritten } = await file.handle.write(bytes, at);
      at += bytesWritten;
    }
    file.bytes += bytes.length;
  }
}

/** Cuts what a run before has left back to what is acknowledged; what its user removed or cut shorter stays so. */
export async function cutBack(folder: Folder, state: PairState): Promise<void> {
  for (const part of PARTS) {
    const name = partialName(state.stem, part, state.format);
    const file = await folder.reopen(name);
    if (file === undefined) continue;
    try {
      const { size } = await file.stat();
      if (size > state[part]) await file.truncate(state[part]);
      await file.sync();
    } finally {
      await file.close();
    }
    if (state[part] === 0) await folder.remove(name);
  }
}

/** Gives the files of a pair their last names, as far as they are still without; the manifest says already that it is complete. */
export async function nameComplete(folder: Folder, { stem, format }: PairState): Promise<void> {
  for (const part of PARTS) {
    const partial = partialName(stem, part, format);
    if (await folder.has(partial)) await folder.rename(partial, completeName(stem, part, format));
  }
}
