/** Interfaces that are not there, or down, when the agent starts: it captures the others, and these once they are. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { AgentStatus } from '../../agent/telemetry/agent-status.ts';
import type { AgentProcess } from '../support/agent-process.ts';
import type { LogServiceProcess } from '../support/log-service-process.ts';
import { NetworkNamespace, namespacesMissing } from '../support/network-namespace.ts';
import { observe } from '../support/observation.ts';
import { isFlow, isLedger } from '../support/stored-flows.ts';

const missing = namespacesMissing();
if (missing !== undefined) process.stderr.write(`waiting: ${missing}\n`);

const PORT = 9999;

describe.skipIf(missing !== undefined)('an agent that starts before its interfaces', { timeout: 180_000 }, () => {
  let namespace: NetworkNamespace;
  let service: LogServiceProcess;
  let agent: AgentProcess;
  beforeEach(async () => {
    namespace = new NetworkNamespace();
    namespace.ip('link', 'add', 'near0', 'type', 'veth', 'peer', 'name', 'far0');
    const flowLogs = `[{ id: fl-up, interfaces: [lo], windowSeconds: 1 }, { id: fl-down, interfaces: [near0], windowSeconds: 1 },
      { id: fl-late, interfaces: [late0], windowSeconds: 1 }]`;
    ({ service, agent } = await observe(namespace, { windowSeconds: 1, flowLogs }));
  });
  afterEach(() => namespace.remove());

  const statesOf = ({ interfaces }: AgentStatus): Readonly<Record<string, string>> =>
    Object.fromEntries(interfaces.map(({ interface: name, state, reason }) => [name, `${state} ${reason ?? ''}`]));
  /** By interface, when they are as wanted. */
  const states = async (areWanted: (all: Readonly<Record<string, string>>) => boolean) =>
    statesOf(await agent.untilStatus((status) => areWanted(statesOf(status))));

  test('captures those that it can, and the others as they come, with their gap', async () => {
    const running = await agent.start();
    await running.until(({ stderr }) => stderr.includes('no such interface; capture starts when it appears'));
    expect(await states((all) => all['near0'] !== undefined)).toEqual({
      lo: 'capturing ',
      near0: expect.stringMatching(/^waiting .*near0 failed, the interface is down: bring it up/),
    });

    namespace.ip('address', 'add', '10.9.0.1/24', 'dev', 'near0');
    namespace.ip('link', 'set', 'far0', 'up');
    namespace.ip('link', 'set', 'near0', 'up');
    namespace.ip('neighbour', 'replace', '10.9.0.2', 'lladdr', '02:00:00:00:00:02', 'dev', 'near0');
    await states(({ near0 }) => near0 === 'capturing ');
    namespace.sendDatagrams(20, 0, PORT);
    namespace.ip('link', 'add', 'late0', 'type', 'veth', 'peer', 'name', 'late1');
    namespace.ip('link', 'set', 'late0', 'up');
    await states(({ late0 }) => late0 === 'capturing ');

    expect((await agent.stop()).code).toBe(0);
    const logs = await service.query();
    const flows = logs.filter((log) => isFlow(log) && log['dstport'] === PORT);
    expect(flows.reduce((sum, log) => sum + Number(log['packets']), 0)).toBe(20);
    const gaps = logs.filter((log) => isLedger(log) && String(log['ledger-gap-reasons']).includes('interface-gone'));
    expect(gaps.length).toBeGreaterThan(0);
    expect(new Set(gaps.map((log) => log['ledger-status']))).toEqual(new Set(['SKIPDATA']));
    expect(new Set(gaps.map((log) => log['interface-id'])).size).toBe(1);
    await service.stop();
  });
});
