import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { FlowLogView } from '../../agent/control/flow-log-view.ts';
import type { AgentProcess } from '../support/agent-process.ts';
import { runCommand, startProgram } from '../support/command.ts';
import type { LogServiceProcess, StoredLog } from '../support/log-service-process.ts';
import { commandMissing, NetworkNamespace, namespacesMissing } from '../support/network-namespace.ts';
import { observe } from '../support/observation.ts';
import { isFlow } from '../support/stored-flows.ts';

const missing = namespacesMissing();
const tunMissing = missing ?? commandMissing('python3');
for (const reason of new Set([missing, tunMissing])) {
  if (reason !== undefined) process.stderr.write(`interfaces: ${reason}\n`);
}

/** The far end of a tunnel, which takes in everything. */
const TUNNEL = `
import fcntl, os, struct
tun = os.open('/dev/net/tun', os.O_RDWR)
fcntl.ioctl(tun, 0x400454ca, struct.pack('16sH22s', b'tun0', 0x1001, b''))
print('open', flush=True)
while True: os.read(tun, 65536)
`;

const DATAGRAMS = 50;
const PORT = 9999;

/** Datagrams to 10.9.0.2 that the flow logs of these interfaces have. */
function packetsOf(logs: readonly StoredLog[], interfaceIds: readonly string[]): number {
  const mine = logs.filter(
    (log) => isFlow(log) && log['dstport'] === PORT && interfaceIds.includes(String(log['interface-id'])),
  );
  return mine.reduce((sum, log) => sum + Number(log['packets']), 0);
}

describe.skipIf(missing !== undefined)('a flow log of', { timeout: 180_000 }, () => {
  let namespace: NetworkNamespace;
  let service: LogServiceProcess;
  let agent: AgentProcess;

  beforeEach(async () => {
    namespace = new NetworkNamespace();
    namespace.ip('link', 'add', 'idle0', 'type', 'veth', 'peer', 'name', 'idle1');
    namespace.ip('link', 'set', 'idle0', 'up');
    ({ service, agent } = await observe(namespace, { windowSeconds: 1, interfaceName: 'idle0' }));
    await agent.start();
    await agent.untilStatus();
  });
  afterEach(() => namespace.remove());

  async function flowLogs(...words: string[]): Promise<FlowLogView> {
    const all = ['flow-logs', ...words, '--state-directory', agent.stateFolder, '--json'];
    const { code, stdout, stderr } = await runCommand(all, { namespace });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return JSON.parse(stdout) as FlowLogView;
  }
  const observed = (view: FlowLogView) => view.observed.map((one) => one.interface).sort();
  const idsOf = (view: FlowLogView) => view.observed.map((one) => one.interfaceId);

  /** What the flow log has of the datagrams, when the agent has ended. */
  async function counted(view: FlowLogView): Promise<number> {
    expect((await agent.stop()).code).toBe(0);
    const logs = await service.query(`dstport:${PORT}`);
    await service.stop();
    return packetsOf(logs, idsOf(view));
  }

  test('a bridge counts what its host sends through it', async () => {
    namespace.ip('link', 'add', 'br0', 'type', 'bridge');
    namespace.addPair('port0', 'far0');
    namespace.ip('address', 'flush', 'dev', 'port0');
    namespace.ip('link', 'set', 'port0', 'master', 'br0');
    namespace.ip('address', 'add', '10.9.0.1/24', 'dev', 'br0');
    namespace.ip('link', 'set', 'br0', 'up');
    namespace.untilUp('br0');
    namespace.ip('neighbour', 'replace', '10.9.0.2', 'lladdr', '02:00:00:00:00:02', 'dev', 'br0');
    const view = await flowLogs('create', '-i', 'br0', '--window', '1');
    namespace.sendDatagrams(DATAGRAMS, 0, PORT);
    expect(await counted(view)).toBe(DATAGRAMS);
  });

  test.skipIf(tunMissing !== undefined)('a tun device counts packets without a link layer', async () => {
    const tunnel = startProgram(['python3', '-c', TUNNEL], { namespace });
    await tunnel.until(({ stdout }) => stdout.includes('open'));
    namespace.ip('address', 'add', '10.9.0.1/24', 'dev', 'tun0');
    namespace.ip('link', 'set', 'tun0', 'up');
    const view = await flowLogs('create', '-i', 'tun0', '--window', '1');
    namespace.sendDatagrams(DATAGRAMS, 0, PORT);
    expect(await counted(view)).toBe(DATAGRAMS);
  });

  test('loopback counts each packet once', async () => {
    namespace.ip('address', 'add', '10.9.0.2/32', 'dev', 'lo');
    const view = await flowLogs('create', '-i', 'lo', '--window', '1');
    namespace.sendDatagrams(DATAGRAMS, 0, PORT);
    expect(await counted(view)).toBe(DATAGRAMS);
  });

  test('any counts what every interface sees, those that appear later too', async () => {
    const view = await flowLogs('create', '-i', 'any', '--window', '1');
    expect(observed(view)).toEqual(['any']);
    namespace.addPair('near0', 'far0');
    namespace.untilUp('near0');
    namespace.sendDatagrams(DATAGRAMS, 0, PORT);
    // Both ends of the pair are here: one sends, one receives.
    expect(await counted(view)).toBe(2 * DATAGRAMS);
  });

  test('a pattern picks up the interfaces that appear, and forgets those that are gone', async () => {
    const { id } = await flowLogs('create', '-i', 'near*', '--window', '1');
    expect(observed(await flowLogs('describe', id))).toEqual([]);
    namespace.addPair('near0', 'far0');
    let view = await flowLogs('describe', id);
    while (view.state !== 'capturing') view = await flowLogs('describe', id);
    expect(observed(view)).toEqual(['near0']);
    namespace.untilUp('near0');
    namespace.sendDatagrams(DATAGRAMS, 0, PORT);
    const ids = idsOf(view);
    await service.until((logs) => packetsOf(logs, ids) === DATAGRAMS, `dstport:${PORT}`);
    namespace.ip('link', 'delete', 'near0');
    while (observed(view).length > 0) view = await flowLogs('describe', id);
    expect(view).toMatchObject({ state: 'waiting', readiness: { state: 'waiting' } });
    expect((await agent.stop()).code).toBe(0);
    await service.stop();
  });

  test('the default route follows it to another interface', async () => {
    namespace.addPair('near0', 'far0');
    namespace.ip('route', 'add', 'default', 'via', '10.9.0.2');
    const { id } = await flowLogs('create', '--window', '1');
    expect(observed(await flowLogs('describe', id))).toEqual(['near0']);
    namespace.ip('address', 'add', '10.8.0.1/24', 'dev', 'idle1');
    namespace.ip('link', 'set', 'idle1', 'up');
    namespace.ip('route', 'replace', 'default', 'via', '10.8.0.2');
    let view = await flowLogs('describe', id);
    while (!observed(view).includes('idle1') || observed(view).includes('near0')) view = await flowLogs('describe', id);
    expect((await agent.stop()).code).toBe(0);
    await service.stop();
  });
});
