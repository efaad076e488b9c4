/**
 * The folder of a sink on its disk, held open: what becomes of its path later leads nowhere else, and no link in it is followed. Files are
 * for the owner and his group to read; the folder must not be one that every user may write.
 */
import { chmodSync, constants, lstatSync, mkdirSync } from 'node:fs';
import {
  access,
  type FileHandle,
  lstat,
  open,
  readdir,
  readFile,
  rename,
  stat,
  statfs,
  unlink,
} from 'node:fs/promises';
import { join } from 'node:path';
import { OperationalError } from '../../model/operational-error.ts';
import { isSystemError } from '../../model/system-error.ts';

const { O_APPEND, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY, W_OK, X_OK } = constants;
const FOLDER_MODE = 0o750;
const FILE_MODE = 0o640;
const WRITABLE_BY_ALL = 0o002;

/** What is done with a file: a test may fail it. */
export type OutputFile = Pick<FileHandle, 'write' | 'datasync' | 'sync' | 'stat' | 'truncate' | 'close'>;

export type Folder = Pick<
  OutputFolder,
  'path' | 'isInPlace' | 'create' | 'reopen' | 'read' | 'has' | 'names' | 'rename' | 'remove' | 'sync' | 'close'
>;

export class OutputFolder {
  readonly path: string;
  readonly #handle: FileHandle;

  private constructor(path: string, handle: FileHandle) {
    this.path = path;
    this.#handle = handle;
  }

  /** @throws OperationalError `sink.refused` for a folder that is not to be trusted, and what the file system throws */
  static async open(path: string): Promise<OutputFolder> {
    makeFolder(path);
    refuseUnsuitable(path);
    const folder = new OutputFolder(path, await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    if (await folder.isInPlace()) return folder;
    await folder.close();
    throw new OperationalError('sink.refused', `${path} was replaced while it was opened`);
  }

  /** Whether the path still leads here. */
  async isInPlace(): Promise<boolean> {
    const own = await this.#handle.stat();
    const found = await lstat(this.path).catch(() => undefined);
    return found !== undefined && found.dev === own.dev && found.ino === own.ino;
  }

  /** A new file that is written at its end. */
  async create(name: string): Promise<OutputFile> {
    const file = await open(this.#at(name), O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW, FILE_MODE);
    try {
      // The umask of a service may leave the group nothing.
      await file.chmod(FILE_MODE);
      return file;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** A file that is there, and nobody's other name for one elsewhere; undefined where none is. @throws OperationalError `sink.refused` */
  async reopen(name: string): Promise<OutputFile | undefined> {
    const file = await this.#existing(name, O_WRONLY | O_APPEND);
    if (file === undefined) return undefined;
    const status = await file.stat();
    if (status.isFile() && status.nlink === 1) return file;
    await file.close();
    throw this.#foreign(name);
  }

  /** Empty where there is none. */
  async read(name: string): Promise<string> {
    const file = await this.#existing(name, O_RDONLY);
    if (file === undefined) return '';
    try {
      return await readFile(file, 'utf8');
    } finally {
      await file.close();
    }
  }

  async has(name: string): Promise<boolean> {
    return (await lstat(this.#at(name)).catch(missing)) !== undefined;
  }

  names(): Promise<readonly string[]> {
    return readdir(this.#at('.'));
  }

  rename(from: string, to: string): Promise<void> {
    return rename(this.#at(from), this.#at(to));
  }

  async remove(name: string): Promise<void> {
    await unlink(this.#at(name)).catch(missing);
  }

  /** Has what was made, renamed and removed in it on the disk at return. */
  sync(): Promise<void> {
    return this.#handle.sync();
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  #at(name: string): string {
    return `/proc/self/fd/${this.#handle.fd}/${name}`;
  }

  async #existing(name: string, flags: number): Promise<FileHandle | undefined> {
    try {
      return await open(this.#at(name), flags | O_NOFOLLOW);
    } catch (error) {
      if (isSystemError(error) && error.code === 'ELOOP') throw this.#foreign(name);
      return missing(error);
    }
  }

  #foreign(name: string): OperationalError {
    return new OperationalError(
      'sink.refused',
      `${join(this.path, name)} is not the file that flowlogd made; remove it`,
    );
  }
}

/** Whether records could be written to a folder, without making any of it. @throws as `OutputFolder.open` */
export async function probeFolder(path: string): Promise<void> {
  const status = lstatSync(path, { throwIfNoEntry: false });
  if (status === undefined) return access(await nearestFolder(path), W_OK | X_OK);
  refuseUnsuitable(path);
  await access(path, W_OK | X_OK);
  const { bavail, blocks } = await statfs(path);
  if (blocks > 0 && bavail === 0) throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
}

async function nearestFolder(path: string): Promise<string> {
  const above = join(path, '..');
  return (await stat(above).catch(missing)) === undefined ? nearestFolder(above) : above;
}

/** With those above it. Node's own `recursive` never returns where a file system answers ENOENT to every mkdir. */
function makeFolder(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) return;
  const above = join(path, '..');
  if (above !== path) makeFolder(above);
  mkdirSync(path, FOLDER_MODE);
  chmodSync(path, FOLDER_MODE);
}

function refuseUnsuitable(path: string): void {
  const status = lstatSync(path);
  const refused = (what: string) => new OperationalError('sink.refused', `${path} ${what}`);
  if (status.isSymbolicLink()) throw refused('is a symbolic link, which is not followed: name the folder itself');
  if (!status.isDirectory()) throw refused('is no folder: name one, or remove it');
  if ((status.mode & WRITABLE_BY_ALL) !== 0) {
    throw refused(`is world-writable: every user can replace what is in it; run chmod o-w ${path}`);
  }
}

function missing(error: unknown): undefined {
  if (isSystemError(error) && error.code === 'ENOENT') return undefined;
  throw error;
}
