import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { missingCap } from '../support/cap-missing.ts';
import { pcapFile } from '../support/capture-file.ts';
import { startProgram } from '../support/command.ts';
import { commandMissing, LineProcess, NetworkNamespace, namespacesMissing } from '../support/network-namespace.ts';
import { arp, ethernet, icmpEcho, ipv4, ipv6, LINK_TYPE, PROTOCOL, tcp, udp } from '../support/packet-builder.ts';
import { CaptureFolder } from '../support/read-source.ts';

type ProbeLine =
  | { event: 'open'; linkType: number }
  | { event: 'packet'; seconds: number; nanoseconds: number; wireLength: number; frame: string }
  | { event: 'failed' | 'refused'; code: string; message: string }
  | { event: 'pause' | 'resume' }
  | { event: 'statistics'; waits: number; received: number; droppedByKernel?: number; droppedByInterface?: number };
type Packet = Extract<ProbeLine, { event: 'packet' }>;
type Statistics = Extract<ProbeLine, { event: 'statistics' }>;

const missing = namespacesMissing();
const replayMissing = missing ?? commandMissing('tcpreplay');
const capMissing = missing ?? missingCap();
const engines = ['libpcap', 'ring', ...(capMissing === undefined ? (['cap'] as const) : [])] as const;
for (const reason of new Set([replayMissing, capMissing])) {
  if (reason !== undefined) process.stderr.write(`capture-live: ${reason}\n`);
}

const packets = (lines: readonly ProbeLine[]) => lines.filter((line): line is Packet => line.event === 'packet');
const has = (event: ProbeLine['event'], code?: string) => (lines: readonly ProbeLine[]) =>
  lines.some((line) => line.event === event && (code === undefined || (line as { code?: string }).code === code));
/** The number that a datagram of `sendDatagrams` carries. */
const numberIn = (packet: Packet) =>
  Number(
    Buffer.from(packet.frame, 'hex')
      .subarray(14 + 20 + 8)
      .toString(),
  );
const numbers = (lines: readonly ProbeLine[]) => packets(lines).map(numberIn);
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);

describe.skipIf(missing !== undefined).each(['libpcap', 'ring'] as const)(
  'live capture through %s',
  { timeout: 180_000 },
  (own) => {
    let namespace: NetworkNamespace;
    beforeEach(() => {
      namespace = new NetworkNamespace();
      namespace.addPair('near0', 'far0');
    });
    afterEach(() => namespace.remove());

    async function probe(
      engine: 'libpcap' | 'ring' | 'cap',
      device: string,
      ...more: string[]
    ): Promise<LineProcess<ProbeLine>> {
      const child = namespace.start(process.execPath, 'test/support/capture-probe.mjs', engine, device, ...more);
      onTestFinished(() => {
        child.kill('SIGKILL');
      });
      const process_ = new LineProcess<ProbeLine>(child);
      await process_.until(has('open'));
      return process_;
    }

    async function statisticsOf(process_: LineProcess<ProbeLine>): Promise<Statistics> {
      const before = process_.lines.length;
      process_.tell('statistics');
      await process_.until((lines) => has('statistics')(lines.slice(before)));
      return process_.lines.slice(before).find((line): line is Statistics => line.event === 'statistics')!;
    }

    test.skipIf(replayMissing !== undefined)('gives exactly the frames that were sent', async () => {
      const v4 = { source: '10.1.0.1', destination: '10.1.0.2' };
      const ports = { sourcePort: 40_000, destinationPort: 53 };
      const frames = [
        ethernet({}, ipv4({ ...v4, protocol: PROTOCOL.udp }, udp(ports, new Uint8Array(1472).fill(1)))),
        ethernet({}, ipv4({ ...v4, protocol: PROTOCOL.tcp }, tcp(ports, new Uint8Array(6)))),
        ethernet({ vlans: [{ id: 7 }] }, ipv4({ ...v4, protocol: PROTOCOL.icmp }, icmpEcho(8, 1, new Uint8Array(56)))),
        ethernet(
          {},
          ipv6({ source: 'fd00::1', destination: 'fd00::2', nextHeader: PROTOCOL.udp }, udp(ports, new Uint8Array(20))),
        ),
        arp(),
      ];
      const folder = new CaptureFolder();
      onTestFinished(() => folder.remove());
      const file = folder.write(pcapFile(frames.map((bytes, index) => ({ bytes, seconds: index }))));
      const whole = await probe(own, 'far0', '65535', '4194304', '');
      const cut = await probe(own, 'far0', '64', '4194304', '');
      namespace.run('tcpreplay', '-q', '--topspeed', '-i', 'near0', file);
      for (const [process_, snapBytes] of [
        [whole, 65_535],
        [cut, 64],
      ] as const) {
        await process_.until((lines) => packets(lines).length === frames.length);
        expect(packets(process_.lines).map(({ frame, wireLength }) => ({ frame, wireLength }))).toEqual(
          frames.map((bytes) => ({
            frame: Buffer.from(bytes.subarray(0, snapBytes)).toString('hex'),
            wireLength: bytes.length,
          })),
        );
        expect((await process_.stop()).code).toBe(0);
      }
    });

    test('goes silent with a link that goes down, does not spin, and resumes when it is up again', async () => {
      const process_ = await probe(own, 'far0');
      namespace.sendDatagrams(3);
      await process_.until((lines) => packets(lines).length === 3);
      namespace.ip('link', 'set', 'far0', 'down');
      const before = await statisticsOf(process_);
      namespace.sendDatagrams(2, 100);
      const after = await statisticsOf(process_);
      namespace.ip('link', 'set', 'far0', 'up');
      namespace.sendDatagrams(3, 3);
      await process_.until((lines) => packets(lines).length >= 6);
      expect(numbers(process_.lines)).toEqual(range(0, 6));
      expect(has('failed')(process_.lines)).toBe(false);
      expect(after.waits - before.waits).toBeLessThan(1000);
      expect((await process_.stop()).code).toBe(0);
    });

    test('says that a removed interface is gone, and finds it again by name', async () => {
      const process_ = await probe(own, 'far0');
      namespace.sendDatagrams(5);
      namespace.ip('link', 'delete', 'far0');
      await process_.until(has('failed', 'capture.gone'));
      await process_.until(has('refused', 'capture.no-interface'));
      expect(numbers(process_.lines)).toEqual(range(0, 5));
      namespace.addPair('near0', 'far0');
      await process_.until((lines) => lines.filter((line) => line.event === 'open').length === 2);
      namespace.sendDatagrams(2, 5);
      await process_.until((lines) => packets(lines).length === 7);
      expect(numbers(process_.lines)).toEqual(range(0, 7));
      expect((await process_.stop()).code).toBe(0);
    });

    test('says that a renamed interface is gone, and takes the next one of that name', async () => {
      const process_ = await probe(own, 'far0');
      namespace.sendDatagrams(1);
      await process_.until((lines) => packets(lines).length === 1);
      namespace.ip('link', 'set', 'far0', 'name', 'other0');
      await process_.until(has('failed', 'capture.gone'));
      await process_.until(has('refused', 'capture.no-interface'));
      namespace.sendDatagrams(1, 100);
      namespace.ip('link', 'set', 'other0', 'name', 'far0');
      await process_.until((lines) => lines.filter((line) => line.event === 'open').length === 2);
      namespace.sendDatagrams(1, 1);
      await process_.until((lines) => packets(lines).length === 2);
      expect(numbers(process_.lines)).toEqual([0, 1]);
      expect((await process_.stop()).code).toBe(0);
    });

    test('counts every packet that found the ring full', async () => {
      const sent = 30_000;
      const process_ = await probe(own, 'far0', '128', '262144');
      process_.tell('pause');
      await process_.until(has('pause'));
      namespace.sendDatagrams(sent);
      const full = await statisticsOf(process_);
      expect(full.received).toBe(sent);
      expect(full.droppedByKernel).toBeGreaterThan(0);
      process_.tell('resume');
      await process_.until((lines) => packets(lines).length + full.droppedByKernel! === sent);
      namespace.sendDatagrams(10, sent);
      await process_.until((lines) => packets(lines).length + full.droppedByKernel! === sent + 10);
      expect(await statisticsOf(process_)).toMatchObject({
        received: sent + 10,
        droppedByKernel: full.droppedByKernel,
      });
      expect((await process_.stop()).code).toBe(0);
    });

    test('sees the cooked second format on any', async () => {
      const process_ = await probe(own, 'any');
      namespace.sendDatagrams(1);
      await process_.until((lines) => packets(lines).length === 2);
      expect(process_.lines[0]).toEqual({ event: 'open', linkType: LINK_TYPE.linuxSll2 });
      expect((await process_.stop()).code).toBe(0);
    });

    test.skipIf(capMissing !== undefined)('gives through cap the same packets, times apart', async () => {
      const libpcap = await probe(own, 'far0');
      /* The package's ring holds one packet per 64 KiB of it. */
      const cap = await probe('cap', 'far0', '65535', String(64 << 20));
      namespace.sendDatagrams(300);
      for (const process_ of [libpcap, cap]) {
        await process_.until((lines) => packets(lines).length === 300);
        expect(numbers(process_.lines)).toEqual(range(0, 300));
      }
      const frames = (process_: LineProcess<ProbeLine>) =>
        packets(process_.lines).map(({ frame, wireLength }) => ({ frame, wireLength }));
      expect(frames(cap)).toEqual(frames(libpcap));
      expect(cap.lines[0]).toEqual(libpcap.lines[0]);
      expect(await statisticsOf(cap)).toMatchObject({ received: 300 });
      expect((await cap.stop()).code).toBe(0);
      expect((await libpcap.stop()).code).toBe(0);
    });

    test('says what grants the right to capture', async () => {
      const script = ['test/support/capture-probe.mjs', own, 'far0'];
      const child = namespace.start(
        'setpriv',
        '--bounding-set=-net_raw',
        '--inh-caps=-net_raw',
        process.execPath,
        ...script,
      );
      const process_ = new LineProcess<ProbeLine>(child);
      await process_.until(has('refused', 'capture.permission'));
      const line = process_.lines[0] as { message: string };
      expect(line.message).toContain('sudo setcap cap_net_raw+ep $(readlink -f $(which node))');
      expect((await process_.stop()).code).toBe(0);
    });
  },
);

describe.skipIf(missing !== undefined)('live capture', { timeout: 180_000 }, () => {
  let namespace: NetworkNamespace;
  beforeEach(() => {
    namespace = new NetworkNamespace();
    namespace.addPair('near0', 'far0');
  });
  afterEach(() => namespace.remove());

  test.skipIf(capMissing !== undefined)('leaves what the event loop still has of a closed cap in memory', async () => {
    const { stdout, code } = await startProgram(
      [process.execPath, '--expose-gc', 'test/support/cap-collected.mjs', '5'],
      { namespace, env: { MALLOC_PERTURB_: '165' } },
    ).ended;
    // The loop's list breaks off at a poll that was freed.
    expect({ stdout, code }).toEqual({ stdout: '5\n', code: 0 });
  });

  test.each(engines)('refuses what is not there and what is no filter, through %s', async (engine) => {
    for (const [device, filter, code] of [
      ['eth9', '', 'capture.no-interface'],
      ['far0', 'tcp prot 5', 'capture.filter'],
    ] as const) {
      const script = 'test/support/capture-probe.mjs';
      const child = namespace.start(process.execPath, script, engine, device, '128', '1048576', filter);
      const process_ = new LineProcess<ProbeLine>(child);
      await process_.until(has('refused', code));
      expect((await process_.stop()).code).toBe(0);
    }
  });
});
