import { describe, expect, test } from 'vitest';
import { cgroupMemoryLimit } from '../../../agent/capture/cgroup-memory.ts';

const V2 = '30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n';
const V1 = '36 30 0:31 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n';
const CPU = '37 30 0:32 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct\n';
/** What the kernel says of no limit. */
const NO_LIMIT = '9223372036854771712\n';

const limitOf = (files: Record<string, string>) => cgroupMemoryLimit((path) => files[path]);

describe('the memory limit of a cgroup', () => {
  test('of version 2 is the least of its own and those above', () => {
    const files = {
      '/proc/self/cgroup': '0::/system.slice/flowlogd.service\n',
      '/proc/self/mountinfo': V2,
      '/sys/fs/cgroup/system.slice/memory.max': '1073741824\n',
      '/sys/fs/cgroup/system.slice/flowlogd.service/memory.max': 'max\n',
    };
    expect(limitOf(files)).toBe(2 ** 30);
    expect(limitOf({ ...files, '/sys/fs/cgroup/system.slice/flowlogd.service/memory.max': '536870912\n' })).toBe(
      2 ** 29,
    );
  });

  test('of version 2 in a container is that of the root that it sees', () => {
    const files = {
      '/proc/self/cgroup': '0::/\n',
      '/proc/self/mountinfo': V2,
      '/sys/fs/cgroup/memory.max': '268435456\n',
    };
    expect(limitOf(files)).toBe(2 ** 28);
  });

  test('of version 1 is the least of its own and those above, told by the kernel', () => {
    const folder = '/sys/fs/cgroup/memory/a/b';
    const files = {
      '/proc/self/cgroup': '5:cpu,cpuacct:/x\n4:memory:/a/b\n0::/\n',
      '/proc/self/mountinfo': CPU + V1,
      [`${folder}/memory.limit_in_bytes`]: NO_LIMIT,
      [`${folder}/memory.stat`]: 'cache 0\nhierarchical_memory_limit 536870912\nhierarchical_memsw_limit 1\n',
    };
    expect(limitOf(files)).toBe(2 ** 29);
    expect(limitOf({ ...files, [`${folder}/memory.limit_in_bytes`]: '1048576\n' })).toBe(2 ** 20);
  });

  test('of version 1 in a container whose mount begins at its own cgroup', () => {
    const files = {
      '/proc/self/cgroup': '4:memory:/docker/0123\n',
      '/proc/self/mountinfo': '36 30 0:31 /docker/0123 /sys/fs/cgroup/memory ro master:11 - cgroup cgroup rw,memory\n',
      '/sys/fs/cgroup/memory/memory.limit_in_bytes': '134217728\n',
    };
    expect(limitOf(files)).toBe(2 ** 27);
  });

  test.each([
    {},
    { '/proc/self/cgroup': '0::/\n' },
    { '/proc/self/cgroup': 'nonsense', '/proc/self/mountinfo': 'more of it - cgroup2' },
    { '/proc/self/cgroup': '0::/\n', '/proc/self/mountinfo': V2, '/sys/fs/cgroup/memory.max': 'max\n' },
  ])('is none where none is to be seen: %j', (files) => {
    expect(limitOf(files as Record<string, string>)).toBe(Number.POSITIVE_INFINITY);
  });
});
