import { afterEach, describe, expect, test } from 'vitest';
import { ROW_FORMATS } from '../../agent/record/row-formats.ts';
import { GATEWAY_MAC, JoinedRegions, joinedRegionsMissing, SILENT } from '../support/joined-regions.ts';
import type { StoredLog } from '../support/log-service-process.ts';
import { observe } from '../support/observation.ts';
import { ethernet, icmpEcho, ipv4, ipv6, PROTOCOL, tcp, udp } from '../support/packet-builder.ts';
import { isFlow, isLedger } from '../support/stored-flows.ts';
import { ask, TalkServer } from '../support/talk.ts';
import { addCount, type Counts, countLines } from '../support/traffic.ts';

const TUNNELS = (['veth', 'vxlan', 'tun'] as const).map((tunnel) => ({
  tunnel,
  missing: joinedRegionsMissing(tunnel),
}));
for (const reason of new Set(TUNNELS.map(({ missing }) => missing))) {
  if (reason !== undefined) process.stderr.write(`ccn: ${reason}\n`);
}

const WINDOW_SECONDS = 60;
/** As many prefixes of 8 addresses as one region may have, in turn for two regions. */
const PREFIXES = 8192;
const ICMPV6 = 58;

function manyNetworks(remainder: 0 | 1): string[] {
  const numbers = Array.from({ length: PREFIXES }, (_, number) => number).filter((number) => number % 2 === remainder);
  return numbers.map((number) => `198.18.${number >>> 5}.${(number & 31) << 3}/29`);
}

const REGIONS = `
regions:
  - { id: ap-guangzhou, networks: [10.1.0.0/16, '2001:db8:1::/48'] }
  - { id: ap-shenzhen, networks: [10.1.0.64/26, '2001:db8:1::80/121'] }
  - { id: ap-shanghai, networks: [10.2.0.0/16, '2001:db8:2::/48'] }
  - { id: ap-nanjing, networks: [10.2.0.64/26, '2001:db8:2::80/121'] }
  - { id: eu-frankfurt, networks: [${manyNetworks(0).join(', ')}] }
  - { id: sa-saopaulo, networks: [${manyNetworks(1).join(', ')}] }
`;

const FLOW_LOG =
  '[{ name: joined, resourceType: CCN, interfaces: [tunnel0], constants: { ccnId: ccn-0a1b2c3d, regionId: ap-guangzhou } }]';

/** One flow without an answer. */
interface Flow {
  readonly from: 'near' | 'far';
  readonly protocol: 'icmp' | 'tcp' | 'udp';
  readonly source: string;
  readonly destination: string;
  /** As the records must say: of source and destination. */
  readonly regions: string;
}

const FLOWS: readonly Flow[] = [
  {
    from: 'near',
    protocol: 'udp',
    source: '10.1.0.2',
    destination: SILENT.ipv4(2),
    regions: 'ap-guangzhou ap-nanjing',
  },
  {
    from: 'near',
    protocol: 'tcp',
    source: '10.1.0.77',
    destination: SILENT.ipv4(2),
    regions: 'ap-shenzhen ap-nanjing',
  },
  {
    from: 'near',
    protocol: 'icmp',
    source: '10.1.0.2',
    destination: SILENT.ipv4(2),
    regions: 'ap-guangzhou ap-nanjing',
  },
  {
    from: 'near',
    protocol: 'udp',
    source: '10.1.0.2',
    destination: '198.18.77.8',
    regions: 'ap-guangzhou sa-saopaulo',
  },
  {
    from: 'near',
    protocol: 'udp',
    source: '10.1.0.2',
    destination: '198.18.77.7',
    regions: 'ap-guangzhou eu-frankfurt',
  },
  { from: 'near', protocol: 'udp', source: '10.1.0.2', destination: '198.19.0.1', regions: 'ap-guangzhou -' },
  {
    from: 'near',
    protocol: 'tcp',
    source: '2001:db8:1::2',
    destination: SILENT.ipv6(2),
    regions: 'ap-guangzhou ap-nanjing',
  },
  { from: 'far', protocol: 'udp', source: '10.2.0.2', destination: SILENT.ipv4(1), regions: 'ap-shanghai ap-shenzhen' },
  {
    from: 'far',
    protocol: 'udp',
    source: '2001:db8:2::99',
    destination: SILENT.ipv6(1),
    regions: 'ap-nanjing ap-shenzhen',
  },
];

const PORTS = { sourcePort: 40_000, destinationPort: 443 };
const BODY = {
  icmp: (bytes: number) => icmpEcho(8, 1, new Uint8Array(bytes)),
  tcp: (bytes: number) => tcp(PORTS, new Uint8Array(bytes)),
  udp: (bytes: number) => udp(PORTS, new Uint8Array(bytes)),
} as const;

function packetOf({ protocol, source, destination }: Flow, payloadBytes: number): Uint8Array {
  const [body, number] = [BODY[protocol](payloadBytes), PROTOCOL[protocol]];
  if (source.includes(':')) return ipv6({ source, destination, nextHeader: number }, body);
  return ipv4({ source, destination, protocol: number }, body);
}

/** How a record of the flow is called, by everything that it must say of where it went. */
function lineOf({ protocol, source, destination, regions }: Flow): string {
  const ports = protocol === 'icmp' ? '- -' : `${PORTS.sourcePort} ${PORTS.destinationPort}`;
  return `${regions} ${source} ${destination} ${ports} ${PROTOCOL[protocol]}`;
}

function lineOfLog(log: StoredLog): string {
  const names = ['srcregionid', 'dstregionid', 'srcaddr', 'dstaddr', 'srcport', 'dstport', 'protocol'];
  return names.map((name) => log[name] ?? '-').join(' ');
}

/** Sends bursts of all flows and keeps account of them. */
class Sender {
  readonly counts: Counts = new Map();
  readonly #regions: JoinedRegions;

  constructor(regions: JoinedRegions) {
    this.#regions = regions;
  }

  burst(packetsOfEach: number): void {
    for (const from of ['near', 'far'] as const) {
      const flows = FLOWS.filter((flow) => flow.from === from);
      const packets = flows.flatMap((flow, index) => this.#packets(flow, packetsOfEach, 100 * index));
      this.#regions.send(
        this.#regions[from],
        packets.map((packet) => ethernet({ destination: GATEWAY_MAC }, packet)),
      );
    }
  }

  /** A question from near to far and its answer: they come after all that was sent before. */
  async converse(family: 4 | 6, port: number): Promise<void> {
    const { near, far } = this.#regions;
    const [source, address] = family === 4 ? ['10.1.0.2', '10.2.0.2'] : ['2001:db8:1::2', '2001:db8:2::2'];
    const server = await TalkServer.start(far.host, 'udp', { address, port });
    await ask(near.host, 'udp', { address, port }, PORTS.sourcePort);
    await server.stop();
    const bytes = (family === 4 ? 20 : 40) + 8 + 'hello'.length;
    const ports = [PORTS.sourcePort, port];
    addCount(this.counts, `ap-guangzhou ap-shanghai ${source} ${address} ${ports.join(' ')} 17`, 1, bytes);
    addCount(this.counts, `ap-shanghai ap-guangzhou ${address} ${source} ${ports.reverse().join(' ')} 17`, 1, bytes);
  }

  #packets(flow: Flow, count: number, payloadBytes: number): Uint8Array[] {
    const packets = Array.from({ length: count }, (_, index) => packetOf(flow, payloadBytes + index));
    for (const { length } of packets) addCount(this.counts, lineOf(flow), 1, length);
    return packets;
  }
}

/** All but neighbour discovery. */
const isSent = (log: StoredLog) => isFlow(log) && log['protocol'] !== ICMPV6;

function countsOf(logs: readonly StoredLog[]): Counts {
  const counts: Counts = new Map();
  for (const log of logs) addCount(counts, lineOfLog(log), Number(log['packets']), Number(log['bytes']));
  return counts;
}

const secondNow = () => Math.floor(Date.now() / 1000);

async function nextSecond(): Promise<void> {
  for (const second = secondNow(); secondNow() === second; ) await new Promise((go) => setTimeout(go, 50));
}

/** The first and the last packet of each flow of the bursts, which a window's end may have cut apart. */
function lifetimes(logs: readonly StoredLog[]): { first: number; last: number }[] {
  return FLOWS.map((flow) => {
    const same = logs.filter((log) => lineOfLog(log) === lineOf(flow));
    const first = Math.min(...same.map(({ start }) => Number(start)));
    return { first, last: Math.max(...same.map(({ end }) => Number(end))) };
  });
}

describe.each(TUNNELS)(
  'a CCN flow log of a gateway whose tunnel is $tunnel',
  { timeout: 180_000 },
  ({ tunnel, missing }) => {
    let regions: JoinedRegions | undefined;
    afterEach(() => regions?.remove());

    test.skipIf(missing !== undefined)('records what the regions send each other, by region', async () => {
      regions = await JoinedRegions.start(tunnel);
      const { service, agent } = await observe(regions.near.gateway, {
        windowSeconds: WINDOW_SECONDS,
        flowLogs: FLOW_LOG,
        configuration: REGIONS,
      });
      await agent.start();

      const sender = new Sender(regions);
      const began = secondNow();
      sender.burst(3);
      // The gateways may have to look for each other first, by either family, and keep packets until then.
      await sender.converse(4, 5000);
      await sender.converse(6, 5000);
      await nextSecond();
      const again = secondNow();
      sender.burst(2);
      await sender.converse(4, 5001);
      expect((await agent.stop()).code).toBe(0);
      const ended = secondNow();
      const logs = await service.query();
      await service.stop();

      const records = logs.filter(isSent);
      expect(countLines(countsOf(records))).toEqual(countLines(sender.counts));
      for (const { first, last } of lifetimes(records)) {
        expect(first).toBeGreaterThanOrEqual(began);
        expect(first).toBeLessThan(again);
        expect(last).toBeGreaterThanOrEqual(again);
        expect(last).toBeLessThanOrEqual(ended);
      }
      for (const { start, end } of logs.filter(isLedger)) expect(Number(end) - Number(start)).toBe(WINDOW_SECONDS);
      const [web] = records.filter((log) => log['protocol'] === PROTOCOL.tcp);
      expect(Object.keys(web!)).toEqual(expect.arrayContaining([...ROW_FORMATS.ccn]));
      const constants = { 'ccn-id': 'ccn-0a1b2c3d', 'region-id': 'ap-guangzhou' };
      expect(web).toMatchObject({ version: '2', ...constants, action: 'ACCEPT', 'log-status': 'OK' });
    });
  },
);
