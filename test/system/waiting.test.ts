/** Interfaces that are not there, or down, when the agent starts: it captures the others, and these once they are. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { AgentStatus } from '../../agent/telemetry/agent-status.ts';
import { AgentProcess } from '../support/agent-process.ts';
import { askAgent } from '../support/agent-socket.ts';
import { LogServiceProcess } from '../support/log-service-process.ts';
import { NetworkNamespace, namespacesMissing } from '../support/network-namespace.ts';
import { LOG_SERVICE_PORT } from '../support/observed-host.ts';
import { isFlow, isLedger } from '../support/stored-flows.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const missing = namespacesMissing();
if (missing !== undefined) process.stderr.write(`waiting: ${missing}\n`);

const PORT = 9999;

describe.skipIf(missing !== undefined)('an agent that starts before its interfaces', { timeout: 180_000 }, () => {
  let namespace: NetworkNamespace;
  let service: LogServiceProcess;
  let agent: AgentProcess;
  beforeEach(async () => {
    namespace = new NetworkNamespace();
    const folder = temporaryFolder();
    service = new LogServiceProcess({ namespace, folder: `${folder}/store`, port: LOG_SERVICE_PORT });
    await service.start();
    namespace.ip('link', 'add', 'near0', 'type', 'veth', 'peer', 'name', 'far0');
    const flowLogs = `[{ id: fl-up, interfaces: [lo], windowSeconds: 1 }, { id: fl-down, interfaces: [near0], windowSeconds: 1 },
      { id: fl-late, interfaces: [late0], windowSeconds: 1 }]`;
    agent = new AgentProcess({ namespace, folder, service, windowSeconds: 1, flowLogs });
  });
  afterEach(() => namespace.remove());

  const states = async () => {
    const { interfaces = [] } = (await askAgent<AgentStatus>(agent.stateFolder, '/status')) ?? {};
    return Object.fromEntries(
      interfaces.map(({ interface: name, state, reason }) => [name, `${state} ${reason ?? ''}`]),
    );
  };
  const until = async (wanted: (all: Readonly<Record<string, string>>) => boolean) => {
    for (let all = await states(); !wanted(all); all = await states());
  };

  test('captures those that it can, and the others as they come, with their gap', async () => {
    const running = await agent.start();
    await running.until(({ stderr }) => stderr.includes('no such interface; capture begins when there is one'));
    await until((all) => all['near0'] !== undefined);
    expect(await states()).toEqual({
      lo: 'capturing ',
      near0: expect.stringMatching(/^waiting .*near0 failed, the interface is down: bring it up/),
    });

    namespace.ip('address', 'add', '10.9.0.1/24', 'dev', 'near0');
    namespace.ip('link', 'set', 'far0', 'up');
    namespace.ip('link', 'set', 'near0', 'up');
    namespace.ip('neighbour', 'replace', '10.9.0.2', 'lladdr', '02:00:00:00:00:02', 'dev', 'near0');
    await until(({ near0 }) => near0 === 'capturing ');
    namespace.sendDatagrams(20, 0, PORT);
    namespace.ip('link', 'add', 'late0', 'type', 'veth', 'peer', 'name', 'late1');
    namespace.ip('link', 'set', 'late0', 'up');
    await until(({ late0 }) => late0 === 'capturing ');

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
