/** The built agent that ships to a log service of its own address: it finds a port scan in its own windows, and remembers it over a kill. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Finding } from '../../detect/finding.ts';
import type { AgentProcess } from '../support/agent-process.ts';
import { askAgent } from '../support/agent-socket.ts';
import { runCommand } from '../support/command.ts';
import { NetworkNamespace, namespacesMissing } from '../support/network-namespace.ts';
import { observe } from '../support/observation.ts';

const missing = namespacesMissing();
if (missing !== undefined) process.stderr.write(`agent-findings: ${missing}\n`);

const WINDOW_SECONDS = 2;
const SUBJECT = { srcaddr: '10.9.0.1', dstaddr: '10.9.0.2' };

/** Opens connections to ports of a host that never answers, and leaves them. */
const SCANNER = `
  const { connect } = require('node:net');
  for (let port = 1000; port < 1040; port++) connect(port, '10.9.0.2').on('error', () => undefined);
  setTimeout(() => process.exit(), 300);
`;

/** @param holds of the one finding of the scan */
async function found(agent: AgentProcess, holds: (finding: Finding) => boolean = () => true): Promise<Finding> {
  for (;;) {
    const answer = await askAgent<{ findings: Finding[] }>(agent.stateFolder, '/findings?rule=scan-ports');
    const scans = answer?.findings ?? [];
    expect(scans.length).toBeLessThanOrEqual(1);
    if (scans[0] !== undefined && holds(scans[0])) return scans[0];
    await sleep(50);
  }
}

describe.skipIf(missing !== undefined)('an agent that ships elsewhere', { timeout: 120_000 }, () => {
  let namespace: NetworkNamespace;
  beforeAll(() => {
    namespace = new NetworkNamespace();
    namespace.addPair('obs0', 'far0');
    namespace.untilUp('obs0');
  });
  afterAll(() => namespace.remove());

  test('finds a scan of ports, shows it, and knows it again after kill -9', async () => {
    const { service, agent } = await observe(namespace, {
      windowSeconds: WINDOW_SECONDS,
      configuration: 'findings: { records: true }',
    });
    await agent.start();
    await agent.untilStatus();
    const following = askAgent<{ events: { change: string; finding: Finding }[] }>(
      agent.stateFolder,
      '/findings/events?after=0&wait=25',
    );
    namespace.run(process.execPath, '-e', SCANNER);
    const first = await found(agent);
    expect(first).toMatchObject({
      state: 'open',
      subject: SUBJECT,
      severity: 'medium',
      figures: { ports: 40 },
      times: 1,
    });
    expect((await following)?.events.map(({ change, finding }) => [change, finding.rule])).toContainEqual([
      'opened',
      'scan-ports',
    ]);

    const logs = await service.until((found) => found.length > 0, 'event:finding');
    expect(logs.map((log) => [log['finding-id'], log['finding-change'], log['finding-srcaddr']])).toContainEqual([
      ...[first.id, 'opened', SUBJECT.srcaddr],
    ]);
    const flows = await service.until((found) => found.length > 0, 'srcaddr:*');
    expect(flows.filter((log) => (log['event'] ?? '') !== '')).toEqual([]);

    const socket = join(agent.stateFolder, 'control.sock');
    const listed = await runCommand(['findings', '--socket', socket, '-o', 'json'], { namespace });
    expect([listed.code, listed.stderr]).toEqual([0, '']);
    expect(listed.stdout).toContain(first.id);

    await agent.stop('SIGKILL');
    await agent.start();
    expect(await found(agent)).toMatchObject({ id: first.id, openedAt: first.openedAt });
    namespace.run(process.execPath, '-e', SCANNER);
    const again = await found(agent, ({ windows }) => windows > first.windows);
    expect(again).toMatchObject({ id: first.id, state: 'open', times: 1, firstSeen: first.firstSeen });
    expect((await agent.stop()).code).toBe(0);
    await service.stop();
  });
});
