/**
 * How much memory the cgroup of this process may take, of version 1 or 2 of cgroups(7). A limit of any cgroup above holds, too, of
 * which `process.constrainedMemory()` knows nothing: a service has its limit often from its slice, a container from its pod.
 *
 *     /proc/self/cgroup      4:memory:/a/b          version 1: its memory controller
 *                            0::/a/b                version 2: all controllers
 *     /proc/self/mountinfo   ... /a /sys/fs/cgroup/memory ... - cgroup cgroup rw,memory
 *
 * A mount shows the hierarchy from its root (here /a) on; in a container that is often its own cgroup, and what is above is
 * not to be seen. Version 1 knows the least limit above all the same.
 */
import { join, relative } from 'node:path';

/** Reads a small file; undefined where there is none. */
export type ReadText = (path: string) => string | undefined;

/** Bytes; infinite where there is no limit. */
export function cgroupMemoryLimit(readText: ReadText): number {
  const paths = pathsOf(readText('/proc/self/cgroup') ?? '');
  const mounts = mountsOf(readText('/proc/self/mountinfo') ?? '');
  const limits = mounts.flatMap((mount) => {
    const path = paths.get(mount.version);
    return path === undefined ? [] : foldersOf(mount, path).map((folder) => limitOf(folder, mount.version, readText));
  });
  return Math.min(Number.POSITIVE_INFINITY, ...limits);
}

type Version = 1 | 2;

/** Where the process is in each hierarchy that may bound its memory. */
function pathsOf(text: string): Map<Version, string> {
  const paths = new Map<Version, string>();
  for (const line of text.split('\n')) {
    const [, hierarchy, controllers = '', path = ''] = /^(\d+):([^:]*):(\/.*)$/.exec(line) ?? [];
    if (controllers.split(',').includes('memory')) paths.set(1, path);
    else if (hierarchy === '0' && controllers === '') paths.set(2, path);
  }
  return paths;
}

interface Mount {
  readonly version: Version;
  readonly root: string;
  readonly at: string;
}

/** proc_pid_mountinfo(5): root and mount point are the fourth and fifth field, the type follows a dash. */
function mountsOf(text: string): Mount[] {
  return text.split('\n').flatMap((line): Mount[] => {
    const [before = '', after = ''] = line.split(' - ');
    const [, , , root = '', at = ''] = before.split(' ');
    const [type, , options = ''] = after.split(' ');
    if (type === 'cgroup2') return [{ version: 2, root, at }];
    if (type === 'cgroup' && options.split(',').includes('memory')) return [{ version: 1, root, at }];
    return [];
  });
}

/** The folder of the cgroup and those above it, as far as the mount shows them; only the mount's own where it is not below. */
function foldersOf({ root, at }: Mount, path: string): string[] {
  const below = relative(root, path);
  const names = below === '' || below.startsWith('..') ? [] : below.split('/');
  return [at, ...names.map((_, index) => join(at, ...names.slice(0, index + 1)))];
}

function limitOf(folder: string, version: Version, readText: ReadText): number {
  if (version === 2) return bytesIn(readText(join(folder, 'memory.max')));
  const [, hierarchical] = /^hierarchical_memory_limit (\d+)$/m.exec(readText(join(folder, 'memory.stat')) ?? '') ?? [];
  return Math.min(bytesIn(readText(join(folder, 'memory.limit_in_bytes'))), bytesIn(hierarchical));
}

/** `max`, or nothing at all, is no limit. */
function bytesIn(text: string | undefined): number {
  const bytes = Number.parseInt(text ?? '', 10);
  return Number.isNaN(bytes) ? Number.POSITIVE_INFINITY : bytes;
}
