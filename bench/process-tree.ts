/** What a measured command and all its descendants use, read from /proc while they run. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

export interface TreeUse {
  /** Of all their threads that still run; exact to nanoseconds (scheduler statistics), not to ticks. */
  readonly cpuMs: number;
  readonly residentKib: number;
}

/** @param root the process `measured`, which itself does not count */
export function treeUse(root: number): TreeUse {
  const use = { cpuMs: 0, residentKib: 0 };
  for (const processId of descendants(root)) {
    for (const thread of list(`/proc/${processId}/task`)) {
      const [ran] = read(`/proc/${processId}/task/${thread}/schedstat`).split(' ');
      use.cpuMs += Number(ran || 0) / 1e6;
    }
    use.residentKib += Number(/^VmRSS:\s+(\d+)/m.exec(read(`/proc/${processId}/status`))?.[1] ?? 0);
  }
  return use;
}

/** The resident size of the descendants of `root` by what it is for; kibibytes. */
export interface MemoryUse {
  readonly residentKib: number;
  /** Private pages of no file: JavaScript heaps, what the C library handed out, stacks. */
  readonly anonymousKib: number;
  /** Of it, what the C library's allocator took from the kernel for the first thread. */
  readonly mallocKib: number;
  /** Packet rings: the kernel's memory, of a configured size, mapped through a socket. */
  readonly ringKib: number;
  /** Flow tables: mapped files that threads share. */
  readonly sharedKib: number;
}

export function memoryUse(root: number): MemoryUse {
  const use = { residentKib: 0, anonymousKib: 0, mallocKib: 0, ringKib: 0, sharedKib: 0 };
  for (const processId of descendants(root)) {
    for (const [, name = '', resident] of read(`/proc/${processId}/smaps`).matchAll(MAPPING)) {
      const kibibytes = Number(resident);
      use.residentKib += kibibytes;
      if (name.startsWith('socket:')) use.ringKib += kibibytes;
      else if (name === '' || name.startsWith('[')) use.anonymousKib += kibibytes;
      else if (TABLE_FILE.test(name)) use.sharedKib += kibibytes;
      if (name === '[heap]') use.mallocKib += kibibytes;
    }
  }
  return use;
}

/** proc(5): addresses, permissions, offset, device, inode, name; then lines of figures. */
const MAPPING = /^[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \d+ *(.*)\n(?:.*\n)*?Rss:\s+(\d+) kB/gm;
const TABLE_FILE = /\/memfd:|\/tables\//;

/** Gives precedence again to a tool that became a daemon: its new session starts without (sched(7), autogroups). */
export function keepPrecedence(root: number): void {
  for (const processId of descendants(root)) {
    try {
      writeFileSync(`/proc/${processId}/autogroup`, '-15');
    } catch {
      // Not allowed, or no such grouping here: then nobody had precedence.
    }
  }
}

function descendants(root: number): number[] {
  const parents = new Map<number, number>();
  for (const name of list('/proc')) {
    const processId = Number(name);
    // proc(5): after the name in parentheses come the state and the parent.
    const stat = Number.isInteger(processId) ? read(`/proc/${name}/stat`) : '';
    if (stat !== '') parents.set(processId, Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
  }
  const found: number[] = [];
  for (let generation = [root]; generation.length > 0; ) {
    generation = [...parents].filter(([, parent]) => generation.includes(parent)).map(([processId]) => processId);
    found.push(...generation);
  }
  return found;
}

/** Processes end while one looks. */
function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
