/** What a process and all its descendants use, read from /proc while they run. */
import { readdirSync, readFileSync } from 'node:fs';

export interface TreeUse {
  /** Of all their threads that still run; exact to nanoseconds (scheduler statistics), not to ticks. */
  readonly cpuMs: number;
  /** Resident size, and of it what is no file and no shared mapping: a mapped packet ring is not in the second. */
  readonly residentKib: number;
  readonly anonymousKib: number;
}

export function treeUse(root: number): TreeUse {
  const use = { cpuMs: 0, residentKib: 0, anonymousKib: 0 };
  for (const processId of [root, ...descendants(root)]) {
    for (const thread of list(`/proc/${processId}/task`)) {
      const [ran] = read(`/proc/${processId}/task/${thread}/schedstat`).split(' ');
      use.cpuMs += Number(ran || 0) / 1e6;
    }
    const status = read(`/proc/${processId}/status`);
    use.residentKib += Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0);
    use.anonymousKib += Number(/^RssAnon:\s+(\d+)/m.exec(status)?.[1] ?? 0);
  }
  return use;
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
