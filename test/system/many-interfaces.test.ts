/** Interfaces by the hundred: how much memory their packet rings may take, and what happens where the system has no more room. */
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { InterfaceStatus } from '../../agent/telemetry/agent-status.ts';
import { type AgentOptions, AgentProcess } from '../support/agent-process.ts';
import { ManyInterfaces } from '../support/many-interfaces.ts';
import { NetworkNamespace, namespacesMissing } from '../support/network-namespace.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const missing = namespacesMissing();
if (missing !== undefined) process.stderr.write(`many-interfaces: ${missing}\n`);

const MEBIBYTE = 2 ** 20;
/** Nothing is delivered: batches wait in the spool. */
const NO_SERVICE = { url: 'http://127.0.0.1:9', keys: { secretId: 'id', secretKey: 'key' } };

/** Resident memory of the kernel's packet rings that the process has mapped. */
function ringBytes(pid: number): number {
  const mappings = readFileSync(`/proc/${pid}/smaps`, 'latin1').matchAll(
    /^[0-9a-f]+-[0-9a-f]+ .*socket:\[\d+\]\n(?:.*\n)*?Rss:\s+(\d+) kB/gm,
  );
  return [...mappings].reduce((sum, [, kibibytes]) => sum + Number(kibibytes) * 1024, 0);
}

const capturing = ({ state }: InterfaceStatus) => state === 'capturing';

describe.skipIf(missing !== undefined)('many interfaces', { timeout: 300_000 }, () => {
  let namespace: NetworkNamespace;
  let many: ManyInterfaces;
  let agent: AgentProcess;

  beforeEach(() => {
    namespace = new NetworkNamespace();
    many = new ManyInterfaces(namespace);
  });
  afterEach(async () => {
    await agent.stop();
    namespace.remove();
  });

  function observe(options: Partial<AgentOptions>): void {
    const folder = temporaryFolder();
    agent = new AgentProcess({
      namespace,
      folder,
      service: NO_SERVICE,
      windowSeconds: 60,
      flowLogs: "[{ interfaces: ['obs*'], windowSeconds: 60 }]",
      ...options,
    });
    agent.launch();
  }

  test('share the bound of the packet rings, and the kernel has no more of them than the status says', async () => {
    many.add('obs', 'far', 0, 60);
    observe({ capture: '{ memoryMax: 256MiB }' });
    const { rings, interfaces } = await agent.untilStatus(
      (status) => status.interfaces.filter(capturing).length === 60,
    );
    expect(rings).toMatchObject({ rings: 60, bytesMax: 256 * MEBIBYTE, refused: 0 });
    expect(rings.bytes).toBeLessThan(256 * MEBIBYTE);
    expect(rings.bytes).toBe(interfaces.reduce((sum, one) => sum + one.ringBytes, 0));
    expect(ringBytes(agent.pid)).toBe(rings.bytes);
  });

  test('for which there is no memory are refused by name, and captured when there is', async () => {
    many.add('obs', 'far', 0, 20);
    observe({ capture: '{ memoryMax: 8MiB }' });
    const refused = await agent.untilStatus(
      ({ rings }) => rings.refused > 0 && rings.rings > 0 && rings.refused + rings.rings === 20,
    );
    expect(refused.rings.bytes).toBeLessThanOrEqual(8 * MEBIBYTE);
    expect(ringBytes(agent.pid)).toBe(refused.rings.bytes);
    expect(refused.problems.map(({ code }) => code)).toContain('rings-refused');
    expect(refused.interfaces.find((one) => one.refused)).toMatchObject({
      state: 'waiting',
      ringBytes: 0,
      reason: expect.stringMatching(/no memory is left for its packet ring.*raise capture\.memoryMax/) as string,
    });
    const first = refused.interfaces.filter(capturing).map((one) => one.interface);
    for (const name of first) namespace.ip('link', 'delete', name);
    const later = await agent.untilStatus(({ interfaces }) =>
      interfaces.some((one) => capturing(one) && !first.includes(one.interface)),
    );
    expect(later.rings.bytes).toBeLessThanOrEqual(8 * MEBIBYTE);
  });

  test('for which there is no file descriptor are refused, and the others go on', async () => {
    many.add('obs', 'far', 0, 80);
    observe({ capture: '{ bufferBytes: 1MiB }', through: ['prlimit', '--nofile=100:100'] });
    const { interfaces, rings, problems } = await agent.untilStatus(
      (status) => status.rings.refused + status.interfaces.filter(capturing).length === 80,
    );
    expect(interfaces.filter(capturing).length).toBe(50);
    expect(rings.refused).toBe(30);
    expect(problems.find(({ code }) => code === 'rings-refused')?.message).toMatch(
      /half of the 100 file descriptors.*LimitNOFILE=/,
    );
  });
});
