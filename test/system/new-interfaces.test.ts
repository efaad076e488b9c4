/**
 * Interfaces that are made while the agent runs. The oracle is what the interface itself counts as sent: each datagram is in a
 * record, or among those that passed before capture began, or on an interface that is said to be missed.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { AgentStatus } from '../../agent/telemetry/agent-status.ts';
import type { AgentProcess } from '../support/agent-process.ts';
import type { LogServiceProcess } from '../support/log-service-process.ts';
import { NetworkNamespace, namespacesMissing } from '../support/network-namespace.ts';
import { observe } from '../support/observation.ts';
import { isFlow, isLedger } from '../support/stored-flows.ts';

const missing = namespacesMissing();
if (missing !== undefined) process.stderr.write(`new-interfaces: ${missing}\n`);

const PORT = 9999;

describe.skipIf(missing !== undefined)('an interface that is made while the agent runs', { timeout: 180_000 }, () => {
  let namespace: NetworkNamespace;
  let service: LogServiceProcess;
  let agent: AgentProcess;
  beforeEach(async () => {
    namespace = new NetworkNamespace();
    const flowLogs = `[{ id: fl-lo, interfaces: [lo], windowSeconds: 5 }, { id: fl-new, interfaces: ['near*'], windowSeconds: 5 }]`;
    ({ service, agent } = await observe(namespace, { windowSeconds: 5, flowLogs }));
    await agent.start();
    await agent.untilStatus();
  });
  afterEach(() => namespace.remove());

  const near0 = ({ interfaces }: AgentStatus) => interfaces.find((one) => one.interface === 'near0');
  const interfaceStatus = async () => near0(await agent.untilStatus());
  const untilCapturing = () => agent.untilStatus((status) => near0(status)?.state === 'capturing');
  const carried = () => Number(namespace.run('cat', '/sys/class/net/near0/statistics/tx_packets'));
  /** Without starting a program for each: so they leave at once. Answers how many did: the kernel drops what comes before the carrier. */
  const send = (packets: number) => {
    const before = carried();
    namespace.run('bash', '-c', `for ((i = 0; i < ${packets}; i++)); do echo $i > /dev/udp/10.9.0.2/${PORT}; done`);
    return carried() - before;
  };
  /** Both ends are up, and the kernel has noticed. */
  const addPair = () => {
    namespace.addPair('near0', 'far0');
    namespace.untilUp('near0');
  };

  /** Datagrams in records, and how the windows are that had any or lost any, when the agent has ended. */
  async function stored() {
    const { interfaceId } = (await interfaceStatus())!;
    expect((await agent.stop()).code).toBe(0);
    const logs = await service.query();
    await service.stop();
    const flows = logs.filter((log) => isFlow(log) && log['dstport'] === PORT);
    const ledgers = logs.filter((log) => isLedger(log) && log['interface-id'] === interfaceId);
    return {
      packets: flows.reduce((sum, log) => sum + Number(log['packets']), 0),
      beforeAttach: ledgers.reduce((sum, log) => sum + Number(log['ledger-before-attach-packets']), 0),
      ledgers: [
        ...new Set(ledgers.map((log) => `${log['ledger-status']} ${log['ledger-gap-reasons'] ?? ''}`.trim())),
      ].filter((status) => status !== 'NODATA'),
    };
  }

  test('is captured from its first packet where that comes after its capture, and its window is whole', async () => {
    addPair();
    await untilCapturing();
    const packets = send(50);
    expect(await interfaceStatus()).toMatchObject({ beforeAttachPackets: 0 });
    expect(await stored()).toEqual({ packets, beforeAttach: 0, ledgers: ['OK'] });
  });

  test('has the packets that came before its capture said beside the sum, in a window that is not whole', async () => {
    process.kill(agent.pid, 'SIGSTOP');
    addPair();
    const early = send(20);
    process.kill(agent.pid, 'SIGCONT');
    await untilCapturing();
    const late = send(30);
    expect(await interfaceStatus()).toMatchObject({ beforeAttachPackets: early });
    const { packets, beforeAttach, ledgers } = await stored();
    expect([early, beforeAttach, packets]).toEqual([20, 20, late]);
    expect(ledgers).toContain('SKIPDATA before-attach');
  });

  test('has those packets in the ledger of its window also where the agent is killed before that ends', async () => {
    process.kill(agent.pid, 'SIGSTOP');
    addPair();
    const early = send(20);
    process.kill(agent.pid, 'SIGCONT');
    await untilCapturing();
    const late = send(30);
    await agent.untilStatus((status) => {
      const { live, ledger } = near0(status)!;
      return live.openPackets + ledger.metered.packets >= late;
    });
    await agent.stop('SIGKILL');
    await agent.start();
    await untilCapturing();
    const { packets, beforeAttach, ledgers } = await stored();
    expect([early, beforeAttach, packets]).toEqual([20, 20, late]);
    expect(ledgers.some((status) => status.startsWith('SKIPDATA') && status.includes('before-attach'))).toBe(true);
  });

  test('has each packet in a record or among those before its capture, however soon it comes', async () => {
    namespace.addPair('near0', 'far0');
    const sent = send(50);
    await untilCapturing();
    const { beforeAttachPackets } = (await interfaceStatus())!;
    const { packets, beforeAttach, ledgers } = await stored();
    expect(beforeAttach).toBe(beforeAttachPackets);
    expect(packets + beforeAttachPackets).toBe(sent);
    expect(ledgers.includes('SKIPDATA before-attach')).toBe(beforeAttachPackets > 0);
  });

  test('and goes before it could be captured is said with what it carried', async () => {
    process.kill(agent.pid, 'SIGSTOP');
    addPair();
    expect(send(20)).toBe(20);
    namespace.ip('link', 'delete', 'near0');
    process.kill(agent.pid, 'SIGCONT');
    const { missedInterfaces } = await agent.untilStatus((status) => status.missedInterfaces.interfaces > 0);
    expect(missedInterfaces).toEqual({ interfaces: 1, packets: 20 });
    const { code, stderr } = await agent.stop();
    expect(code).toBe(0);
    expect(stderr).toMatch(/"interface":"near0","packets":20,"message":"interface vanished before capture started"/);
    await service.stop();
  });
});
