/**
 * A disk in memory that can fill, fail and lose power at any operation.
 *
 * It knows two states of the folders: what every process sees, and what is surely on the platter. Until a folder is synced,
 * a power cut keeps any subset of its changes, in no order that could be relied on; a file whose content was not synced may
 * come back with any beginning of it. A rename between folders is one change: journaling file systems make it so.
 */
import type { Disk } from '../../agent/spool/disk.ts';

/** Power is gone: nothing of this disk answers until `restart`. Not an error that a file system throws. */
export class PowerCut extends Error {}

interface Node {
  content: Uint8Array;
}

interface Change {
  readonly add?: readonly [path: string, node: Node];
  readonly drop?: string;
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}

export class CrashingDisk implements Disk {
  /** What processes see. */
  #seen = new Map<string, Node>();
  /** What is surely on the platter, and what may be. */
  readonly #kept = new Map<string, Node>();
  #pending: Change[] = [];
  #dead = false;
  readonly #random: () => number;
  /** Operations until the power goes; -1 for never. */
  operationsLeft = -1;
  /** Called before each operation; may throw what a file system throws. */
  fault: (operation: keyof Disk, path: string) => void = () => {};

  /** @param seed makes its choices repeatable. */
  constructor(seed: number) {
    let state = seed >>> 0;
    this.#random = () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state / 2 ** 32;
    };
  }

  makeFolder(): void {}

  removeFolder(): void {}

  /** A folder is there while anything is in it. */
  list(folder: string): string[] {
    this.#look('list', folder);
    const inside = [...this.#seen.keys()].filter((path) => path.startsWith(`${folder}/`));
    const names = new Set(inside.map((path) => path.slice(folder.length + 1).split('/')[0]!));
    return [...names].sort(() => this.#random() - 0.5);
  }

  names(folder: string): string[] {
    return this.list(folder);
  }

  size(path: string): number {
    this.#look('size', path);
    return this.#node(path).content.length;
  }

  create(path: string, pieces: readonly Uint8Array[]): void {
    const content = Uint8Array.from(Buffer.concat(pieces));
    this.#mutate('create', path, () => {
      if (this.#seen.has(path)) throw fileSystemError('EEXIST', path);
      const node: Node = { content };
      if (this.#dead) node.content = content.subarray(0, Math.floor(this.#random() * content.length));
      this.#change({ add: [path, node] });
    });
  }

  syncFolder(folder: string): void {
    this.#mutate('syncFolder', folder, () => {
      if (this.#dead) return;
      const isHere = (path: string | undefined) => path !== undefined && folderOf(path) === folder;
      const synced = this.#pending.filter(({ add, drop }) => isHere(add?.[0]) || isHere(drop));
      for (const change of synced) apply(this.#kept, change);
      this.#pending = this.#pending.filter((change) => !synced.includes(change));
    });
  }

  rename(from: string, to: string): void {
    this.#mutate('rename', from, () => this.#change({ add: [to, this.#node(from)], drop: from }));
  }

  link(from: string, to: string): void {
    this.#mutate('link', to, () => {
      if (this.#seen.has(to)) throw fileSystemError('EEXIST', to);
      this.#change({ add: [to, this.#node(from)] });
    });
  }

  unlink(path: string): void {
    this.#mutate('unlink', path, () => {
      this.#node(path);
      this.#change({ drop: path });
    });
  }

  async read(path: string): Promise<Uint8Array> {
    return this.readNow(path);
  }

  readNow(path: string, bytesMax = Number.POSITIVE_INFINITY, position = 0): Uint8Array {
    this.#look('read', path);
    return this.#node(path).content.slice(position, position + bytesMax);
  }

  /** Power is back: what the platter held, and any of what had not been synced. */
  restart(): void {
    for (const change of this.#pending) if (this.#random() < 0.5) apply(this.#kept, change);
    this.#pending = [];
    this.#seen = new Map(this.#kept);
    this.#dead = false;
    this.operationsLeft = -1;
  }

  /** The process was killed, and the machine was not: whatever it did is seen. */
  revive(): void {
    this.#dead = false;
    this.operationsLeft = -1;
  }

  /** The contents behind these paths, each file once however many names it has. */
  contents(paths: readonly string[]): readonly Uint8Array[] {
    return [...new Set(paths.map((path) => this.#node(path)))].map(({ content }) => content);
  }

  /** Changes a byte of a file, on the platter too. */
  damage(path: string, at: number): void {
    this.rewrite(path, (content) => {
      content[at % content.length]! ^= 0x10;
      return content;
    });
  }

  /** Puts other content in the place of a file's, on the platter too. */
  rewrite(path: string, change: (content: Uint8Array) => Uint8Array): void {
    const node = this.#node(path);
    node.content = change(node.content.slice());
  }

  /** Paths of everything that processes see. */
  paths(): string[] {
    return [...this.#seen.keys()].sort();
  }

  #node(path: string): Node {
    const node = this.#seen.get(path);
    if (node === undefined) throw fileSystemError('ENOENT', path);
    return node;
  }

  #change(change: Change): void {
    apply(this.#seen, change);
    this.#pending.push(change);
  }

  /** Answers whether the power goes at this very operation. */
  #isLast(operation: keyof Disk, path: string): boolean {
    if (this.#dead) throw new PowerCut();
    this.fault(operation, path);
    if (this.operationsLeft < 0) return false;
    this.#dead = this.operationsLeft === 0;
    this.operationsLeft--;
    return this.#dead;
  }

  #look(operation: keyof Disk, path: string): void {
    if (this.#isLast(operation, path)) throw new PowerCut();
  }

  /** The operation at which the power goes may have come through, in part or whole. */
  #mutate(operation: keyof Disk, path: string, action: () => void): void {
    if (this.#isLast(operation, path)) {
      if (this.#random() < 0.5) tryTo(action);
      throw new PowerCut();
    }
    action();
  }
}

function tryTo(action: () => void): void {
  try {
    action();
  } catch {
    // It would have failed, and nobody is there to hear it.
  }
}

function apply(files: Map<string, Node>, { add, drop }: Change): void {
  if (drop !== undefined) files.delete(drop);
  if (add !== undefined) files.set(add[0], add[1]);
}

/** An error as the file system throws it. */
export function fileSystemError(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code, errno: -5 });
}
