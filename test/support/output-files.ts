/** What is in the folder of a sink of files, and a disk under it that fails. */
import { existsSync, readdirSync, readFileSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { type Folder, type OutputFile, OutputFolder } from '../../agent/export/file/output-folder.ts';

export const namesIn = (folder: string): readonly string[] =>
  existsSync(folder)
    ? readdirSync(folder)
        .sort()
        .filter((name) => !name.startsWith('.'))
    : [];

export const complete = (folder: string, part = 'flows'): readonly string[] =>
  namesIn(folder).filter((name) => name.includes(`.${part}.`) && !name.endsWith('.partial'));

/** The rows of complete files, one after the other; a line that is no object fails. */
export function rowsIn(folder: string, part = 'flows'): readonly Record<string, string | number>[] {
  return complete(folder, part).flatMap((name) =>
    readFileSync(join(folder, name), 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line)),
  );
}

export class DiskFailure extends Error {
  readonly code: string;
  readonly errno = -5;

  constructor(code: string) {
    super(`${code}: as the test has it`);
    this.code = code;
  }
}

/**
 * A folder of which the operation number `failAt` fails, before it is done or half-way, and with `isDeath` all that follow it, as of a process
 * that was killed: `loseUnsynced` then takes what was never synchronised away, as a loss of power may.
 */
export class FailingDisk {
  operations = 0;
  readonly #failAt: number;
  readonly #isDeath: boolean;
  readonly #code: string;
  #synced: { path: string; bytes: number }[] = [];

  constructor(failAt: number, isDeath: boolean, code = 'EIO') {
    this.#failAt = failAt;
    this.#isDeath = isDeath;
    this.#code = code;
  }

  readonly open = async (path: string): Promise<Folder> => {
    const folder = await OutputFolder.open(path);
    const gated = <Args extends unknown[], Result>(call: (...args: Args) => Promise<Result>) => {
      return async (...args: Args): Promise<Result> => {
        this.#check();
        return call(...args);
      };
    };
    const file = async (name: string, made: Promise<OutputFile | undefined>) => {
      const handle = await made;
      return handle && this.#file(join(path, name), handle);
    };
    return {
      path,
      isInPlace: () => folder.isInPlace(),
      create: gated(async (name: string) => (await file(name, folder.create(name)))!),
      reopen: gated((name: string) => file(name, folder.reopen(name))),
      read: gated((name: string) => folder.read(name)),
      has: gated((name: string) => folder.has(name)),
      names: gated(() => folder.names()),
      rename: gated(async (from: string, to: string) => {
        await folder.rename(from, to);
        // A rename replaces what was there, and an open file keeps its own.
        this.#synced = this.#synced.filter((each) => each.path !== join(path, to));
        for (const each of this.#synced) if (each.path === join(path, from)) each.path = join(path, to);
      }),
      remove: gated((name: string) => {
        this.#synced = this.#synced.filter((each) => each.path !== join(path, name));
        return folder.remove(name);
      }),
      sync: gated(() => folder.sync()),
      close: () => folder.close(),
    };
  };

  loseUnsynced(random: () => number): void {
    for (const { path, bytes: synced } of this.#synced) {
      if (!existsSync(path)) continue;
      const { size } = statSync(path);
      if (size > synced) truncateSync(path, synced + Math.floor(random() * (size - synced + 1)));
    }
  }

  #file(path: string, handle: OutputFile): OutputFile {
    // What was there before is as durable as it will be.
    const own = { path, bytes: statSync(path).size };
    this.#synced.push(own);
    const synced = async (sync: () => Promise<void>) => {
      this.#check();
      await sync();
      own.bytes = (await handle.stat()).size;
    };
    return {
      // Half of the bytes are there when it fails.
      write: (async (bytes: Uint8Array, at = 0) => {
        const fails = this.#fails();
        const written = await handle.write(bytes, at, fails ? (bytes.length - at) >> 1 : bytes.length - at);
        if (fails) throw new DiskFailure(this.#code);
        return written;
      }) as OutputFile['write'],
      datasync: () => synced(() => handle.datasync()),
      sync: () => synced(() => handle.sync()),
      stat: (() => handle.stat()) as OutputFile['stat'],
      truncate: async (length) => {
        this.#check();
        await handle.truncate(length);
      },
      close: () => handle.close(),
    };
  }

  #fails(): boolean {
    this.operations++;
    return this.#isDeath ? this.operations >= this.#failAt : this.operations === this.#failAt;
  }

  #check(): void {
    if (this.#fails()) throw new DiskFailure(this.#code);
  }
}
