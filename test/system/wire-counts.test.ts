/** Segmentation offload: the packets on the wire, as the kernel's own connections count them, beside the frames of the host. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type RunningCommand, runCommand, startCommand, startProgram } from '../support/command.ts';
import { compiled } from '../support/compiled.ts';
import { type PlainRecord, parseRecords } from '../support/ndjson-records.ts';
import { TwoHosts, twoHostsMissing } from '../support/two-hosts.ts';

const missing = twoHostsMissing();
if (missing !== undefined) process.stderr.write(`wire-counts: ${missing}\n`);

const PORT = 7000;
const BYTES = 3_000_000;
/** Which kernels send when they want. */
const ICMPV6 = 58;
/** Of a SYN, options included, and of what follows it: with IPv4, then IPv6. */
const OVER_IPV4 = { own: '10.9.0.1', other: '10.9.0.2', syn: 60, later: 52 };
const OVER_IPV6 = { own: 'fd09::1', other: 'fd09::2', syn: 80, later: 72 };

/** Both numbers in each record. */
const BOTH = 'protocol srcport dstport packets bytes wire-packets wire-bytes';

interface BothRecord extends PlainRecord {
  readonly 'wire-packets': number;
  readonly 'wire-bytes': number;
}

type Counters = Readonly<Record<string, number>>;

/** Records by protocol and the port that they go to or come from. */
type Totals = Readonly<Record<string, { readonly packets: number; readonly bytes: number }>>;

describe.skipIf(missing !== undefined)('under segmentation offload', { timeout: 60_000 }, () => {
  let hosts: TwoHosts;
  beforeEach(() => {
    hosts = new TwoHosts();
  });
  afterEach(() => hosts.remove());

  const program = (host: 'observed' | 'peer', ...words: string[]) =>
    startProgram([compiled('send-segments.c'), ...words], { namespace: hosts[host] });

  async function run(host: 'observed' | 'peer', ...words: string[]): Promise<string> {
    const { code, stdout, stderr } = await program(host, ...words).ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return stdout;
  }

  /** Sends over one connection to the peer; answers what the sender's TCP_INFO says of it at its end. */
  async function transfer(address: string, bytes = BYTES): Promise<Counters> {
    const receiver = program('peer', 'tcp-receive', address, String(PORT));
    await receiver.until(({ stdout }) => stdout.includes('ready'));
    const sent = countersOf(await run('observed', 'tcp-send', address, String(PORT), String(bytes)));
    const received = countersOf((await receiver.ended).stdout);
    expect(received['data_segs_in']).toBe(sent['data_segs_out']);
    return sent;
  }

  async function capture(host: 'observed' | 'peer', ...options: string[]): Promise<RunningCommand> {
    const device = host === 'observed' ? 'obs0' : 'peer0';
    const words = ['debug', '-i', device, '--window', '10m', '--format', 'ndjson', ...options];
    const running = startCommand(words, { namespace: hosts[host] });
    await running.until(({ stderr }) => stderr.includes('Capturing on'));
    return running;
  }

  async function recordsOf(running: RunningCommand): Promise<PlainRecord[]> {
    const { code, stdout, stderr } = await running.stop('SIGINT');
    expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.not.stringContaining('dropped') });
    return parseRecords(stdout).filter(({ protocol }) => protocol !== ICMPV6);
  }

  async function totalsOf(running: RunningCommand): Promise<Totals> {
    return totalsBy(await recordsOf(running), totalOf);
  }

  test.each([OVER_IPV4, OVER_IPV6])('records from $own have both where fields ask for both', async (ends) => {
    if (ends === OVER_IPV6) addIpv6(hosts);
    const [both, plain, wire, host] = await Promise.all([
      capture('observed', '--fields', BOTH),
      capture('observed', '--fields', BOTH, '--no-wasm'),
      capture('observed', '--count', 'wire', '--fields', BOTH),
      capture('observed', '--engine', 'libpcap'),
    ]);
    const { segs_out, segs_in, bytes_sent } = await transfer(ends.other);
    const records = (await recordsOf(both)) as BothRecord[];
    const onWire = totalsBy(records, (record) => ({
      packets: record['wire-packets'],
      bytes: record['wire-bytes'],
    }));
    expect(onWire[`6 to ${PORT}`]).toEqual({
      packets: segs_out,
      bytes: bytes_sent! + ends.syn + (segs_out! - 1) * ends.later,
    });
    expect(onWire[`6 from ${PORT}`]).toEqual({ packets: segs_in, bytes: ends.syn + (segs_in! - 1) * ends.later });
    expect(totalsBy(records, totalOf)).toEqual(await totalsOf(host));
    expect(records.find(({ dstport }) => dstport === PORT)!.packets).toBeLessThan(segs_out! / 4);
    expect(sorted(await recordsOf(plain))).toEqual(sorted(records));
    const counted = (await recordsOf(wire)) as BothRecord[];
    expect(totalsBy(counted, totalOf)).toEqual(onWire);
    for (const record of counted) {
      expect([record['wire-packets'], record['wire-bytes']]).toEqual([record.packets, record.bytes]);
    }
  });

  test.each([OVER_IPV4, OVER_IPV6])('the segments of a connection from $own are what TCP_INFO says', async (ends) => {
    if (ends === OVER_IPV6) addIpv6(hosts);
    const [wire, plain, host, libpcap] = await Promise.all([
      capture('observed', '--count', 'wire'),
      capture('observed', '--count', 'wire', '--no-wasm'),
      capture('observed'),
      capture('observed', '--engine', 'libpcap'),
    ]);
    const { segs_out, segs_in, bytes_sent, data_segs_out } = await transfer(ends.other);
    const onWire = await totalsOf(wire);
    expect(onWire[`6 to ${PORT}`]).toEqual({
      packets: segs_out,
      bytes: bytes_sent! + ends.syn + (segs_out! - 1) * ends.later,
    });
    expect(onWire[`6 from ${PORT}`]).toEqual({ packets: segs_in, bytes: ends.syn + (segs_in! - 1) * ends.later });
    expect(await totalsOf(plain)).toEqual(onWire);
    const onHost = await totalsOf(host);
    expect(await totalsOf(libpcap)).toEqual(onHost);
    // The frames were large, so the host handled few of them.
    expect(onHost[`6 to ${PORT}`]!.packets).toBeLessThan(data_segs_out! / 4);
    expect(onHost[`6 to ${PORT}`]!.bytes).toBeLessThan(onWire[`6 to ${PORT}`]!.bytes);
  });

  test('the datagrams of UDP_SEGMENT count one by one', async () => {
    const [wire, host] = await Promise.all([capture('observed', '--count', 'wire'), capture('observed')]);
    await run('observed', 'udp-send', '10.9.0.2', '9999', '9999', '1000');
    expect((await totalsOf(wire))['17 to 9999']).toEqual({ packets: 10, bytes: 9999 + 10 * 28 });
    expect((await totalsOf(host))['17 to 9999']).toEqual({ packets: 1, bytes: 9999 + 28 });
  });

  test('of a tunnel all headers count with each segment', async () => {
    for (const [namespace, device, local, remote, own] of [
      [hosts.observed, 'obs0', '10.9.0.1', '10.9.0.2', '10.8.0.1'],
      [hosts.peer, 'peer0', '10.9.0.2', '10.9.0.1', '10.8.0.2'],
    ] as const) {
      namespace.ip(
        ...`link add tunnel0 type vxlan id 5 dstport 4789 local ${local} remote ${remote} dev ${device}`.split(' '),
      );
      namespace.ip('address', 'add', `${own}/24`, 'dev', 'tunnel0');
      namespace.ip('link', 'set', 'tunnel0', 'up');
    }
    const wire = await capture('observed', '--count', 'wire', '--filter', 'src host 10.9.0.1 and greater 140');
    const { data_segs_out, bytes_sent } = await transfer('10.8.0.2');
    const total = Object.values(await totalsOf(wire));
    // Outer IPv4, UDP and VXLAN, inner Ethernet, IPv4 and TCP with its time stamps.
    const headers = 20 + 8 + 8 + 14 + 20 + 32;
    expect(total).toEqual([{ packets: data_segs_out, bytes: bytes_sent! + data_segs_out! * headers }]);
  });

  test('what the receiver puts together counts as it came, and without offload both counts are the same', async () => {
    await run('observed', 'offload', 'obs0', 'off');
    await run('peer', 'offload', 'peer0', 'gro');
    const sides = ['observed', 'peer'] as const;
    const wires = await Promise.all(sides.map((host) => capture(host, '--count', 'wire')));
    const plain = await Promise.all(sides.map((host) => capture(host)));
    const { segs_out } = await transfer('10.9.0.2');
    const [wireOfSender, wireOfReceiver] = await Promise.all(wires.map(totalsOf));
    const [hostOfSender, hostOfReceiver] = await Promise.all(plain.map(totalsOf));
    expect(wireOfSender![`6 to ${PORT}`]!.packets).toBe(segs_out);
    expect(hostOfSender).toEqual(wireOfSender);
    expect(wireOfReceiver).toEqual(wireOfSender);
    expect(hostOfReceiver![`6 to ${PORT}`]!.packets).toBeLessThan(segs_out! / 2);
  });

  test('packets of more than 64 KiB count as those that they become', async () => {
    addIpv6(hosts);
    for (const [namespace, device] of [
      [hosts.observed, 'obs0'],
      [hosts.peer, 'peer0'],
    ] as const) {
      namespace.ip('link', 'set', device, 'gso_max_size', '180000', 'gro_max_size', '180000');
    }
    const [wire, host] = await Promise.all([capture('observed', '--count', 'wire'), capture('observed')]);
    const { segs_out, bytes_sent } = await transfer(OVER_IPV6.other, 20_000_000);
    const bytes = bytes_sent! + OVER_IPV6.syn + (segs_out! - 1) * OVER_IPV6.later;
    expect((await totalsOf(wire))[`6 to ${PORT}`]).toEqual({ packets: segs_out, bytes });
    const { packets } = (await totalsOf(host))[`6 to ${PORT}`]!;
    expect(bytes / packets).toBeGreaterThan(66_000);
  });

  test.each(['libpcap', 'any'])('%s cannot tell, and debug says what to do instead', async (what) => {
    const options = what === 'any' ? ['-i', 'any'] : ['-i', 'obs0', '--engine', what];
    const end = await runCommand(['debug', '--count', 'wire', ...options], { namespace: hosts.observed });
    expect(end.stderr).toMatch(/^flowlogd: Counting on (obs0|any) as on the wire .*: .*set count to host.*\.$/m);
    expect(end.code).toBe(78);
    const fields = await runCommand(['debug', '--fields', 'srcaddr wire-bytes', ...options], {
      namespace: hosts.observed,
    });
    expect({ code: fields.code, stderr: fields.stderr }).toEqual({ code: end.code, stderr: end.stderr });
  });

  test('a capture file cannot tell either, and replay refuses the fields before it reads', async () => {
    const { code, stdout, stderr } = await runCommand(['replay', '--fields', 'srcaddr wire-packets', '/nowhere.pcap']);
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
    expect(stderr).toContain("replay: --fields: 'wire-packets' is not supported");
  });
});

const nameOf = ({ protocol, srcport, dstport }: PlainRecord) =>
  srcport === PORT ? `${protocol} from ${srcport}` : `${protocol} to ${dstport}`;

const sorted = (records: readonly PlainRecord[]) => records.map((record) => JSON.stringify(record)).sort();

type Total = Totals[string];

function totalsBy<Each extends PlainRecord>(records: readonly Each[], total: (record: Each) => Total): Totals {
  return Object.fromEntries(records.map((record) => [nameOf(record), total(record)]));
}

const totalOf = ({ packets, bytes }: PlainRecord) => ({ packets, bytes });

function countersOf(text: string): Counters {
  const lines = text.split('\n').map((line) => line.split(' '));
  return Object.fromEntries(
    lines.filter(([, number]) => number !== undefined).map(([name, number]) => [name, Number(number)]),
  );
}

function addIpv6({ observed, peer }: TwoHosts): void {
  for (const [namespace, device, own, other, mac] of [
    [observed, 'obs0', OVER_IPV6.own, OVER_IPV6.other, '02:00:00:00:00:0b'],
    [peer, 'peer0', OVER_IPV6.other, OVER_IPV6.own, '02:00:00:00:00:0a'],
  ] as const) {
    namespace.run('sh', '-c', `echo 0 > /proc/sys/net/ipv6/conf/${device}/disable_ipv6`);
    namespace.ip('address', 'add', `${own}/64`, 'dev', device, 'nodad');
    namespace.ip('neighbour', 'replace', other, 'lladdr', mac, 'nud', 'permanent', 'dev', device);
  }
}
