import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { JoinedRegions, joinedRegionsMissing } from '../support/joined-regions.ts';
import type { StoredLog } from '../support/log-service-process.ts';
import type { NetworkNamespace } from '../support/network-namespace.ts';
import { observe } from '../support/observation.ts';
import { ask, TalkServer } from '../support/talk.ts';

const missing = joinedRegionsMissing('tun');
if (missing !== undefined) process.stderr.write(`conversations: ${missing}\n`);

/** Of the tunnel, in each direction. */
const DELAY_MS = 30;
const WINDOW_SECONDS = 600;
const FIELDS =
  'interface-id, srcaddr, dstaddr, srcport, dstport, protocol, start-ns, end-ns, direction, initiator, initiator-evidence, handshake-rtt';

/** The client's port is one that servers have: a guess by ports would be wrong. */
const TCP = { protocol: 'tcp', clientPort: 1000, serverPort: 50_000 } as const;
const UDP = { protocol: 'udp', clientPort: 40_000, serverPort: 53 } as const;
const IPV4 = { client: '10.1.0.2', server: '10.2.0.2' };
const IPV6 = { client: '2001:db8:1::2', server: '2001:db8:2::2' };

type Talk = (typeof TCP | typeof UDP) & typeof IPV4;
const TALKS: readonly Talk[] = [
  { ...TCP, ...IPV4 },
  { ...TCP, ...IPV6 },
  { ...UDP, ...IPV4 },
];

async function talk({ near, far }: JoinedRegions, { protocol, clientPort, serverPort, server }: Talk): Promise<void> {
  const at = { address: server, port: serverPort };
  const serving = await TalkServer.start(far.host, protocol, at);
  await ask(near.host, protocol, at, clientPort);
  await serving.stop();
}

/** An agent with its log service, and what it recorded once both have ended. */
interface Observer {
  end(): Promise<StoredLog[]>;
}

async function observeInterfaces(namespace: NetworkNamespace, interfaces: readonly string[]): Promise<Observer> {
  const flowLogs = interfaces.map(
    (name) =>
      `{ name: ${name}, interfaces: [${name}], interfaceId: ${name}, windowSeconds: ${WINDOW_SECONDS}, fields: [${FIELDS}] }`,
  );
  const options = { windowSeconds: WINDOW_SECONDS, flowLogs: `[${flowLogs.join(', ')}]` };
  const { service, agent } = await observe(namespace, options);
  const running = await agent.start();
  await running.until(({ stderr }) => stderr.split('"capturing"').length > interfaces.length);
  return {
    async end() {
      expect((await agent.stop()).code).toBe(0);
      const logs = await service.query();
      await service.stop();
      return logs;
    },
  };
}

interface Seen {
  readonly question: StoredLog;
  readonly answer: StoredLog;
}

const INTERFACES = ['eth0', 'lan', 'tunnel0'];

/** Both directions of a conversation at an interface, as they began: a window's end may cut them apart. */
function seenAt(interfaceId: string, logs: readonly StoredLog[], one: Talk): Seen {
  const find = (srcaddr: string, dstaddr: string, dstport: number) => {
    const flow = Object.entries({ 'interface-id': interfaceId, srcaddr, dstaddr, dstport });
    const records = logs.filter((log) => flow.every(([name, value]) => log[name] === value));
    return records.toSorted((left, right) => Number(left['start-ns']) - Number(right['start-ns']))[0];
  };
  const question = find(one.client, one.server, one.serverPort);
  const answer = find(one.server, one.client, one.clientPort);
  expect([question, answer]).not.toContain(undefined);
  return { question: question!, answer: answer! };
}

/** Of a handshake as both directions tell it, which is shorter than the conversation. */
function roundTripMs({ question, answer }: Seen): number {
  const milliseconds = Number(question['handshake-rtt']) / 1000;
  expect(answer['handshake-rtt']).toBe(question['handshake-rtt']);
  const [start, end] = [question['start-ns'], answer['end-ns']].map((text) => BigInt(String(text)));
  expect(milliseconds).toBeLessThan(Number(end! - start!) / 1e6);
  return milliseconds;
}

const hasRoundTrip = ({ question }: Seen) => (question['handshake-rtt'] ?? null) !== null;

const told = ({ question, answer }: Seen) =>
  [question, answer].map((log) => [log['direction'], log['initiator'], log['initiator-evidence']].join(' '));

describe.skipIf(missing !== undefined)('a conversation through a gateway', { timeout: 180_000 }, () => {
  let regions: JoinedRegions;
  beforeEach(async () => {
    regions = await JoinedRegions.start('tun', DELAY_MS);
  });
  afterEach(() => regions.remove());

  test('is told with direction, initiator and handshake, at the client and wherever the gateway sees it', async () => {
    const { host, gateway } = regions.near;
    const observers = await Promise.all([
      observeInterfaces(host, ['eth0']),
      observeInterfaces(gateway, ['lan', 'tunnel0']),
    ]);
    for (const one of TALKS) await talk(regions, one);
    const logs = (await Promise.all(observers.map((observer) => observer.end()))).flat();

    for (const one of TALKS) {
      const evidence = one.protocol === 'tcp' ? 'syn' : 'port';
      const outward = [`egress source ${evidence}`, `ingress destination ${evidence}`];
      const inward = [`ingress source ${evidence}`, `egress destination ${evidence}`];
      const seen = INTERFACES.map((name) => seenAt(name, logs, one));
      expect(seen.map(told)).toEqual([outward, inward, outward]);
      expect(seen.map(hasRoundTrip)).toEqual(seen.map(() => one.protocol === 'tcp'));
      if (one.protocol !== 'tcp') continue;
      // The nearer to the server, the less of the way is in it; the tunnel lies beyond all three.
      const trips = seen.map(roundTripMs);
      expect(trips).toEqual(trips.toSorted((left, right) => right - left));
      expect(trips.at(-1)).toBeGreaterThanOrEqual(2 * DELAY_MS);
    }
  });
});
