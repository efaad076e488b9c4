import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type RunningCommand, startCommand } from '../support/command.ts';
import { ledgerPackets } from '../support/ledger-lines.ts';
import { parseRecords, recordLines } from '../support/ndjson-records.ts';
import { concat, ethernet, ipv4, ipv6, PROTOCOL, tcp, udp, type VlanTag } from '../support/packet-builder.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { TwoHosts, twoHostsMissing } from '../support/two-hosts.ts';

const missing = twoHostsMissing();
if (missing !== undefined) process.stderr.write(`capture-tags: ${missing}\n`);

/** Priority and id of a tag such that it passes for the first bytes of an IPv4 or IPv6 header. */
const LIKE_IPV4 = 0x4508;
const LIKE_IPV6 = 0x6008;
const service = 0x88a8;

const STACKS: readonly (readonly VlanTag[])[] = [
  [],
  [{ id: 7 }],
  [{ id: 7, tagProtocol: service }, { id: 8 }],
  [{ id: 7 }, { id: LIKE_IPV4 }],
  [{ id: 7, tagProtocol: service }, { id: LIKE_IPV6 }],
  [{ id: 7, tagProtocol: service }, { id: LIKE_IPV4 }, { id: LIKE_IPV6 }],
  [{ id: 7, tagProtocol: service }, { id: 8, tagProtocol: service }, { id: LIKE_IPV4 }, { id: 9 }],
];

/** One frame for each stack of tags and kind of payload, each of a flow of its own. */
function taggedFrames(): Uint8Array[] {
  let port = 1000;
  const datagram = () => udp({ sourcePort: port++, destinationPort: 2000 }, new Uint8Array(10));
  const v4 = () => ipv4({ source: '10.2.8.1', destination: '10.2.8.2', protocol: PROTOCOL.udp }, datagram());
  const v6 = () => ipv6({ source: '2001:db8::1', destination: '2001:db8::2', nextHeader: PROTOCOL.udp }, datagram());
  return STACKS.flatMap((vlans) => {
    const unsummed = v4();
    unsummed.set([0, 0], 10);
    const long = ipv4(
      { source: '10.2.8.1', destination: '10.2.8.3', protocol: PROTOCOL.tcp },
      tcp({ sourcePort: port++, destinationPort: 80 }, new Uint8Array(1400)),
    );
    return [
      ...[v4(), unsummed, v6(), long].map((packet) => ethernet({ vlans }, packet)),
      ethernet({ vlans, etherType: 0x8847 }, concat(Uint8Array.of(0, 1, 0x21, 0x40), v4())),
      ethernet({ vlans, etherType: 0x8864 }, concat(Uint8Array.of(0x11, 0, 0, 1, 0, 0, 0x21), v4())),
      ethernet({ vlans, etherType: 0x0806 }, new Uint8Array(46)),
    ];
  });
}

describe.skipIf(missing !== undefined)('frames with VLAN tags that arrive', { timeout: 180_000 }, () => {
  let hosts: TwoHosts;
  beforeEach(() => {
    hosts = new TwoHosts();
  });
  afterEach(() => hosts.remove());

  async function startDebug(device: string): Promise<RunningCommand> {
    const words = ['debug', '-i', device, '--window', '1m', '--duration', '10s', '--format', 'ndjson'];
    const running = startCommand(words, { namespace: hosts.observed, folder: temporaryFolder() });
    await running.until(({ stderr }) => stderr.includes('Capturing on '));
    return running;
  }

  test('give on any the same records as on the interface, all of them', async () => {
    const runs = [await startDebug('obs0'), await startDebug('any')];
    const frames = taggedFrames();
    hosts.send(frames);
    const [named, any] = await Promise.all(runs.map((run) => run.ended));
    const lines = ({ stdout }: { stdout: string }) => recordLines(parseRecords(stdout));
    expect(lines(any!)).toEqual(lines(named!));
    expect(lines(named!).length).toBe(STACKS.length * 6);
    for (const { stderr } of [named!, any!]) {
      expect(ledgerPackets(stderr)).toMatchObject({ offered: frames.length, 'not IP': STACKS.length, malformed: 0 });
    }
  });
});
