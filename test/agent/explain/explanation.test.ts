import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { explain, type Found, NUMBERS_MAX, type Wanted } from '../../../agent/explain/explanation.ts';
import { parseFlow } from '../../../agent/explain/flow-pattern.ts';
import { EXCLUDE_DEFAULTS, Exclusion } from '../../../agent/packet/exclusion.ts';
import { arp, ethernet, ipv4, PROTOCOL, TCP_FLAG, tcp, udp } from '../../support/packet-builder.ts';
import { damaged, type Read, ScriptedSavefile } from '../../support/scripted-savefile.ts';

const WINDOW_SECONDS = 60;

function segment(sourcePort: number, flags: number, payload = 0): Uint8Array {
  const header = { source: '10.0.0.1', destination: '10.0.0.2', protocol: PROTOCOL.tcp };
  return ethernet({}, ipv4(header, tcp({ sourcePort, destinationPort: 443, flags }, new Uint8Array(payload))));
}

const dhcp = ethernet(
  {},
  ipv4(
    { source: '0.0.0.0', destination: '255.255.255.255', protocol: PROTOCOL.udp },
    udp({ sourcePort: 68, destinationPort: 67 }, new Uint8Array(20)),
  ),
);
const cutIp = segment(1, 0).subarray(0, 30);

/** Frames by what becomes of them: of flows `1` and `2`, excluded, not IP, malformed. */
const FRAMES = {
  syn: segment(1, TCP_FLAG.syn),
  data: segment(1, TCP_FLAG.ack, 60),
  other: segment(2, 0),
  dhcp,
  arp: arp(),
  cutIp,
};
type FrameName = keyof typeof FRAMES;
const FATE: Readonly<Record<FrameName, string>> = {
  syn: 'flow 1',
  data: 'flow 1',
  other: 'flow 2',
  dhcp: 'excluded',
  arp: 'not-ip',
  cutIp: 'malformed',
};

const read = (...packets: readonly (readonly [seconds: number, name: FrameName])[]): Read => ({
  packets: packets.map(([seconds, name]) => ({ seconds, bytes: FRAMES[name] })),
});

async function explained(wanted: Wanted, ...reads: readonly Read[]): Promise<Found> {
  const opened: ScriptedSavefile[] = [];
  const open = async (): Promise<ScriptedSavefile> => {
    const file = new ScriptedSavefile('x.pcap', reads);
    opened.push(file);
    return file;
  };
  const exclusion = new Exclusion(EXCLUDE_DEFAULTS);
  try {
    return await explain({ wanted, windowSeconds: WINDOW_SECONDS, exclusion, open });
  } finally {
    expect(opened.every(({ isClosed }) => isClosed)).toBe(true);
  }
}

async function explanationOf(wanted: Wanted, ...reads: readonly Read[]) {
  const found = await explained(wanted, ...reads);
  if (found.kind !== 'explained') throw new Error(`it is ${found.kind}`);
  return found.explanation;
}

describe('the explanation of a packet', () => {
  test('has the record of its flow in its window, and its flow in the whole file', async () => {
    const explanation = await explanationOf(
      { number: 4 },
      read([59, 'data'], [60, 'syn'], [61, 'other']),
      read([62, 'data'], [63, 'dhcp']),
    );
    expect(explanation).toMatchObject({
      number: 4,
      seconds: 62,
      linkType: 1,
      captured: FRAMES.data.length,
      wire: FRAMES.data.length,
      decision: 'record',
      ruleName: undefined,
      windowStart: 60,
      record: { packets: 2, bytes: 40 + 100, tcpFlags: TCP_FLAG.syn | TCP_FLAG.ack, first: 60, last: 62 },
      inFile: { packets: 3, bytes: 40 + 2 * 100, windows: 2, numbers: [1, 2, 4] },
    });
    expect(explanation.trace.steps.map(({ layer }) => layer)).toEqual(['Ethernet', 'IPv4', 'length', 'TCP']);
  });

  test('has times to the fraction that they were captured with', async () => {
    const packets = [
      { seconds: 61, nanoseconds: 500_000_000, bytes: FRAMES.syn },
      { seconds: 60, nanoseconds: 250_000_000, bytes: FRAMES.data },
    ];
    const { record, nanoseconds } = await explanationOf({ number: 1 }, { packets });
    expect(nanoseconds).toBe(500_000_000);
    expect(record).toMatchObject({ first: 60.25, last: 61.5 });
  });

  test('finds the first packet of a flow by its key', async () => {
    const flow = parseFlow('10.0.0.1:2 > 10.0.0.2:443/tcp')!;
    const explanation = await explanationOf({ flow }, read([1, 'syn'], [2, 'arp'], [3, 'other'], [4, 'other']));
    expect([explanation.number, explanation.inFile.numbers]).toEqual([3, [3, 4]]);
  });

  test('adds an excluded packet up with those of its key, and a refused one with those of its fate', async () => {
    const reads = read([1, 'dhcp'], [2, 'arp'], [3, 'cutIp'], [70, 'dhcp'], [80, 'arp']);
    expect(await explanationOf({ number: 1 }, reads)).toMatchObject({
      decision: 'excluded',
      ruleName: 'dhcp',
      inFile: { packets: 2, bytes: 2 * 48, windows: 2, numbers: [1, 4] },
    });
    expect(await explanationOf({ number: 2 }, reads)).toMatchObject({
      decision: 'not-ip',
      record: undefined,
      inFile: { packets: 2, bytes: 2 * FRAMES.arp.length, numbers: [2, 5] },
    });
    expect(await explanationOf({ number: 3 }, reads)).toMatchObject({
      decision: 'malformed',
      record: undefined,
      inFile: { packets: 1, bytes: FRAMES.cutIp.length, numbers: [3] },
    });
  });

  test('lists the first numbers of a long flow, and counts all', async () => {
    const reads = Array.from({ length: 50 }, (_, index) => read([index, 'data']));
    const { inFile } = await explanationOf({ number: 50 }, ...reads);
    expect(inFile.packets).toBe(50);
    expect(inFile.numbers).toEqual(Array.from({ length: NUMBERS_MAX }, (_, index) => index + 1));
  });

  test('agrees with a list of all packets, whichever is asked for', async () => {
    const names = Object.keys(FRAMES) as FrameName[];
    const arbitraryPacket = fc.tuple(fc.nat({ max: 200 }), fc.constantFrom(...names));
    const arbitraryFile = fc.array(fc.array(arbitraryPacket, { minLength: 1, maxLength: 5 }), {
      minLength: 1,
      maxLength: 4,
    });
    await fc.assert(
      fc.asyncProperty(arbitraryFile, fc.nat(), async (file, pick) => {
        const all = file.flat();
        const index = pick % all.length;
        const [seconds, name] = all[index]!;
        const { inFile, record } = await explanationOf({ number: index + 1 }, ...file.map((each) => read(...each)));
        const alike = all.filter(([, other]) => FATE[other] === FATE[name]);
        const windowOf = (time: number) => Math.floor(time / WINDOW_SECONDS);
        expect(inFile.packets).toBe(alike.length);
        expect(inFile.windows).toBe(new Set(alike.map(([time]) => windowOf(time))).size);
        const together = alike.filter(([time]) => windowOf(time) === windowOf(seconds)).map(([time]) => time);
        expect(
          record ?? { packets: together.length, first: Math.min(...together), last: Math.max(...together) },
        ).toMatchObject({
          packets: together.length,
          first: Math.min(...together),
          last: Math.max(...together),
        });
      }),
      { numRuns: 100 },
    );
  });
});

describe('a file with an end', () => {
  test('has no packet behind it, and says how many it has', async () => {
    expect(await explained({ number: 3 }, read([1, 'syn'], [2, 'arp']))).toEqual({
      kind: 'absent',
      packets: 2,
      damage: undefined,
    });
    expect(await explained({ number: 1 })).toEqual({ kind: 'absent', packets: 0, damage: undefined });
  });

  test('that is damage explains a packet before it with those before it', async () => {
    const found = await explained({ number: 1 }, read([1, 'syn'], [2, 'data']), damaged('x.pcap'));
    expect(found).toMatchObject({ damage: damaged('x.pcap'), explanation: { inFile: { packets: 2 } } });
    expect(await explained({ number: 3 }, read([1, 'syn'], [2, 'data']), damaged('x.pcap'))).toEqual({
      kind: 'absent',
      packets: 2,
      damage: damaged('x.pcap'),
    });
  });

  test('is where a packet of an unknown link type stands', async () => {
    const unknown: Read = { linkType: 104, packets: [{ seconds: 3, bytes: FRAMES.syn }] };
    const reads = [read([1, 'syn']), unknown, read([4, 'data'])];
    expect(await explained({ number: 2 }, ...reads)).toEqual({ kind: 'unknown-link-type', linkType: 104 });
    expect(await explained({ number: 3 }, ...reads)).toEqual({ kind: 'unknown-link-type', linkType: 104 });
    expect((await explanationOf({ number: 1 }, ...reads)).inFile.packets).toBe(1);
  });

  test('is no excuse for a bug of ours', async () => {
    const bug = new TypeError('boom');
    class Broken extends ScriptedSavefile {
      override read(): never {
        throw bug;
      }
    }
    const open = async () => new Broken('x.pcap', []);
    const question = { wanted: { number: 1 }, windowSeconds: 60, exclusion: new Exclusion(EXCLUDE_DEFAULTS), open };
    await expect(explain(question)).rejects.toBe(bug);
  });

  test('that cannot be opened is not explained', async () => {
    const open = async () => Promise.reject(damaged('x.pcap'));
    const question = { wanted: { number: 1 }, windowSeconds: 60, exclusion: new Exclusion(EXCLUDE_DEFAULTS), open };
    await expect(explain(question)).rejects.toEqual(damaged('x.pcap'));
  });
});
