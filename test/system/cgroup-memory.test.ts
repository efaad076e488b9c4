/** The default of `capture.memoryMax` in a cgroup with a limit of the kernel's, its own or of the one above. */
import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runCommand } from '../support/command.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const MEMORY = '/sys/fs/cgroup/memory';
const OUTER = join(MEMORY, `flowlogd-${process.pid}`);
const INNER = join(OUTER, 'inner');
const LIMIT_MIB = 256;
const CONFIGURATION = `
flowLogs: [{ interfaces: [lo], windowSeconds: 60 }]
cls: { endpoint: 'https://127.0.0.1:9', topicId: topic, secretId: id, secretKey: key }
`;

/** Why no cgroup of version 1 can be made here, in one line; undefined when it can. */
function cgroupsMissing(): string | undefined {
  try {
    mkdirSync(OUTER);
    rmdirSync(OUTER);
    return undefined;
  } catch {
    return 'skipped: needs root and the memory controller of cgroups of version 1';
  }
}

const missing = cgroupsMissing();
if (missing !== undefined) process.stderr.write(`cgroup-memory: ${missing}\n`);

describe.skipIf(missing !== undefined)('the bound of all packet rings in a cgroup', { timeout: 60_000 }, () => {
  beforeEach(() => {
    mkdirSync(INNER, { recursive: true });
    writeFileSync(join(OUTER, 'memory.limit_in_bytes'), `${LIMIT_MIB}M`);
  });
  afterEach(() => {
    rmdirSync(INNER);
    rmdirSync(OUTER);
  });

  test.each([
    ['with a limit', OUTER],
    ['below one with a limit', INNER],
  ])('%s is half of that limit', async (_, cgroup) => {
    const path = join(temporaryFolder(), 'flowlogd.yaml');
    writeFileSync(path, CONFIGURATION, { mode: 0o600 });
    const through = ['sh', '-c', `echo $$ >${cgroup}/cgroup.procs; exec "$@"`, 'sh'];
    const { stdout } = await runCommand(['check', '--config', path], { through });
    expect(stdout).toContain(`of ${LIMIT_MIB / 2} MiB (capture.memoryMax)`);
  });
});
