import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { AgentStatus, InterfaceStatus } from '../../agent/telemetry/agent-status.ts';
import { AgentProcess } from '../support/agent-process.ts';
import type { StoredLog } from '../support/log-service-process.ts';
import { browse, converse, endsText, recordsOf, resolveName } from '../support/nat-conversations.ts';
import { ADDRESS, NatGateway, natGatewayMissing } from '../support/nat-gateway.ts';
import { commandMissing } from '../support/network-namespace.ts';
import { type Observation, observe } from '../support/observation.ts';
import { isFlow } from '../support/stored-flows.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const missing = natGatewayMissing();
const setprivMissing = missing ?? commandMissing('setpriv');
for (const reason of new Set([missing, setprivMissing])) {
  if (reason !== undefined) process.stderr.write(`nat: ${reason}\n`);
}

/** A window that hardly ends within a test. */
const LONG_SECONDS = 600;
/** More connections than the kernel keeps events of. */
const EVENTS_LOST_AT = 55_000;
const ICMPV6 = 58;

/** One of each side, as a configuration has them. */
function flowLogs(windowSeconds: number): string {
  const fields = '[nat, translation, initiator, initiator-evidence]';
  const each = ['inside', 'outside'].map(
    (name) =>
      `{ name: ${name}, resourceType: NAT, interfaces: [${name}], interfaceId: ${name}, windowSeconds: ${windowSeconds}, fields: ${fields} }`,
  );
  return `[${each.join(', ')}]`;
}

function endsOf(log: StoredLog, prefix: '' | 'pkt-'): string {
  return endsText({
    source: String(log[`${prefix}srcaddr`]),
    destination: String(log[`${prefix}dstaddr`]),
    sourcePort: Number(log[`${prefix}srcport`]),
    destinationPort: Number(log[`${prefix}dstport`]),
  });
}

/** Where a record was seen and how, and what it says of the other side. */
function lineOf(log: StoredLog): [string, string] {
  const [seen, other] = [endsOf(log, ''), endsOf(log, 'pkt-')];
  const key = `${log['interface-id']} ${log['protocol']} ${seen}`;
  if (log['translation'] === 'unmatched' && log['pkt-srcaddr'] === undefined) return [key, 'unmatched'];
  const translated = log['translation'] === 'same' && other === seen ? 'same' : other;
  expect(log['initiator-evidence']).toBe('conntrack');
  return [key, `${translated}, begun by its ${log['initiator']}`];
}

/** A flow over several windows once, and none of the hosts' neighbour discovery. */
function recordLines(logs: readonly StoredLog[]): string[] {
  return lines(new Map(logs.filter((log) => isFlow(log) && log['protocol'] !== ICMPV6).map(lineOf)));
}

/** An agent on the gateway, not yet started, with a log service beside it. */
function observeGateway(hosts: NatGateway, windowSeconds: number): Promise<Observation> {
  return observe(hosts.gateway, { windowSeconds, flowLogs: flowLogs(windowSeconds) });
}

/** Waits until both sides are captured. */
async function start(agent: AgentProcess): Promise<void> {
  const running = await agent.start();
  await running.until(({ stderr }) => stderr.split('"capturing"').length > 2);
}

function lookedUp({ translations }: AgentStatus): number {
  return translations === null ? 0 : translations.matched + translations.same + translations.unmatched;
}

describe.skipIf(missing !== undefined)('a NAT flow log of a gateway', { timeout: 180_000 }, () => {
  let hosts: NatGateway;
  beforeEach(() => {
    hosts = new NatGateway();
  });
  afterEach(() => hosts.remove());

  test('records both sides of what the gateway translates, and says and counts what it does not know', async () => {
    const { agent, service } = await observeGateway(hosts, 2);
    await start(agent);
    const conversations = await converse(hosts);
    const { masqueraded, masqueraded6, pooled, published, hairpin, routed } = conversations;
    expect(masqueraded.after.source).toBe(ADDRESS.outside);
    expect(masqueraded6.after.source).toBe(ADDRESS.outside6);
    expect(pooled.after.source).toBe(ADDRESS.pool);
    expect(published.after.destinationPort).toBe(8080);
    expect(hairpin.after).toMatchObject({ source: ADDRESS.inside, destination: ADDRESS.client });
    expect(routed.after).toEqual(routed.before);

    const expected = Object.values(conversations).flatMap(recordsOf);
    const { translations } = await agent.untilStatus((status) => lookedUp(status) >= expected.length);
    expect(translations).toMatchObject({ ambiguous: 0, refused: 0, overruns: 0, partialLists: 0, malformed: 0 });
    expect(translations!.unmatched).toBeGreaterThanOrEqual(4);
    expect((await agent.stop()).code).toBe(0);
    expect(recordLines(await service.query())).toEqual(lines(expected));
    await service.stop();
  });

  test('remembers what the kernel has forgotten until the window is recorded', async () => {
    hosts.forgetUdpSoon();
    const { agent, service } = await observeGateway(hosts, LONG_SECONDS);
    await start(agent);
    const conversation = await resolveName(hosts);
    await hosts.untilUdpForgotten();
    expect((await agent.stop()).code).toBe(0);
    expect(recordLines(await service.query())).toEqual(lines(recordsOf(conversation)));
    await service.stop();
  });

  test('that stood still while the kernel lost events asks for what it missed', async () => {
    const { agent, service } = await observeGateway(hosts, 2);
    const { child } = await agent.start();
    child.kill('SIGSTOP');
    hosts.sendDatagrams(1, EVENTS_LOST_AT + 5000);
    child.kill('SIGCONT');
    hosts.sendDatagrams(EVENTS_LOST_AT, EVENTS_LOST_AT + 5000);
    const late = `interface-id:inside AND srcport>=${EVENTS_LOST_AT}`;
    const logs = await service.until((found) => found.length >= 5000, late);
    expect(new Set(logs.map((log) => log['translation']))).toEqual(new Set(['matched']));
    const { translations } = await agent.untilStatus((status) => lookedUp(status) >= 5000);
    expect(translations!.overruns).toBeGreaterThan(0);
    expect((await agent.stop()).code).toBe(0);
    await service.stop();
  });

  test('that was killed knows of its last window as much as the kernel still knows', async () => {
    hosts.forgetUdpSoon();
    const { agent, service } = await observeGateway(hosts, LONG_SECONDS);
    await start(agent);
    const [web, name] = [await browse(hosts), await resolveName(hosts)];
    const isTaken = ({ live }: InterfaceStatus) => live.flows >= 4;
    await agent.untilStatus(({ interfaces }) => interfaces.every(isTaken));
    await agent.stop('SIGKILL');
    await hosts.untilUdpForgotten();
    await start(agent);
    expect((await agent.stop()).code).toBe(0);
    const expected = [web, { ...name, isTracked: false }].flatMap(recordsOf);
    expect(recordLines(await service.query())).toEqual(lines(expected));
    await service.stop();
  });

  test.skipIf(setprivMissing !== undefined)(
    'does not start without CAP_NET_ADMIN, and says how to get it',
    async () => {
      const [namespace, folder] = [hosts.gateway, temporaryFolder()];
      const agent = new AgentProcess({
        namespace,
        folder,
        service: { url: 'http://127.0.0.1:9', keys: { secretId: 'id', secretKey: 'key' } },
        windowSeconds: 60,
        flowLogs: flowLogs(60),
        through: ['setpriv', '--bounding-set=-net_admin', '--inh-caps=-net_admin'],
      });
      const { code, stdout, stderr } = await agent.launch().ended;
      expect({ code, stdout }).toEqual({ code: 77, stdout: '' });
      expect(stderr.trim().split('\n')).toEqual([
        expect.stringMatching(/^flowlogd: .*CAP_NET_ADMIN.*sudo setcap cap_net_raw,cap_net_admin\+ep/),
      ]);
    },
  );
});

function lines(records: Iterable<readonly [string, string]>): string[] {
  return [...records].map(([seen, other]) => `${seen} is ${other}`).sort();
}
