import type { BatchStore } from '../../agent/model/batch-store.ts';

/** A store in memory that remembers what was done to it and can be told to fail. */
export class FakeStore implements BatchStore {
  readonly waiting = new Map<string, Uint8Array>();
  readonly removed: string[] = [];
  /** Read, and not given back. */
  readonly lent = new Set<string>();
  /** Names with the reason. */
  readonly quarantined = new Map<string, string>();
  readonly quarantinedBytes: Uint8Array[] = [];
  /** Called before each operation; may throw what a file system throws. */
  fault: (operation: 'read' | 'remove' | 'quarantine' | 'replace', name: string) => void = () => {};
  readonly held = new Set<string>();
  /** Names that `read` finds damaged. */
  readonly damaged = new Set<string>();

  constructor(batches: Iterable<readonly [string, Uint8Array]> = []) {
    for (const [name, bytes] of batches) this.waiting.set(name, bytes);
  }

  oldest(limit: number): readonly string[] {
    return [...this.waiting.keys()]
      .filter((name) => !this.held.has(name))
      .sort()
      .slice(0, limit);
  }

  async read(name: string): Promise<Uint8Array | undefined> {
    this.fault('read', name);
    if (this.damaged.has(name)) {
      this.waiting.delete(name);
      this.quarantined.set(name, 'damaged');
      return undefined;
    }
    this.lent.add(name);
    return this.waiting.get(name);
  }

  release(name: string): void {
    this.lent.delete(name);
  }

  hold(name: string): void {
    this.held.add(name);
  }

  async remove(name: string): Promise<void> {
    this.fault('remove', name);
    if (!this.waiting.delete(name)) throw new Error(`removed ${name}, which does not wait`);
    this.removed.push(name);
  }

  async quarantine(name: string, reason: string): Promise<void> {
    this.fault('quarantine', name);
    const bytes = this.waiting.get(name);
    if (bytes === undefined) throw new Error(`quarantined ${name}, which does not wait`);
    this.waiting.delete(name);
    this.quarantinedBytes.push(bytes);
    this.quarantined.set(name, reason);
  }

  async replace(name: string, parts: readonly Uint8Array[]): Promise<void> {
    this.fault('replace', name);
    if (!this.waiting.delete(name)) throw new Error(`replaced ${name}, which does not wait`);
    for (const [index, part] of parts.entries()) this.waiting.set(`${name}.${index}`, part);
  }

  backlog(): { batches: number; bytes: number } {
    let bytes = 0;
    for (const batch of this.waiting.values()) bytes += batch.length;
    return { batches: this.waiting.size, bytes };
  }
}

/** An error as the file system throws it. */
export function fileSystemError(code: string): Error {
  return Object.assign(new Error(`${code}: the disk says no`), { code, errno: -5 });
}
