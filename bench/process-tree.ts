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

/** Of the resident size, what packet rings take: the kernel's memory, of a configured size, mapped through a socket. */
export function ringKib(root: number): number {
  let kibibytes = 0;
  for (const processId of descendants(root)) {
    const mappings = read(`/proc/${processId}/smaps`).matchAll(
      /^[0-9a-f]+-[0-9a-f]+ .*socket:\[\d+\]\n(?:.*\n)*?Rss:\s+(\d+) kB/gm,
    );
    for (const [, resident] of mappings) kibibytes += Number(resident);
  }
  return kibibytes;
}

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
