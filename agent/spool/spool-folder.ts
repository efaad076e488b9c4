/** The spool's folder on its disk, and the two ways in which its parts meet what the disk refuses. */
import { type Disk, isFileSystemError } from './disk.ts';
import { asUnusable } from './spool-writer.ts';

export class SpoolFolder {
  readonly disk: Disk;
  readonly path: string;

  constructor(disk: Disk, path: string) {
    this.disk = disk;
    this.path = path;
  }

  file(name: string): string {
    return `${this.path}/${name}`;
  }

  /** Has what was made, renamed and unlinked in it on the disk at return. @throws what the file system throws */
  sync(): void {
    this.disk.syncFolder(this.path);
  }

  /** False when the file system refuses. */
  attempt(action: () => void): boolean {
    try {
      action();
      return true;
    } catch (error) {
      if (!isFileSystemError(error)) throw error;
      return false;
    }
  }

  /** @throws OperationalError `spool.unusable` when the file system refuses */
  demand(action: () => void): void {
    try {
      action();
    } catch (error) {
      throw this.unusable(error);
    }
  }

  /** What the file system throws as `spool.unusable`; anything else as it is. */
  unusable(error: unknown): unknown {
    return asUnusable(this.path, error);
  }
}
