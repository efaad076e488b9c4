import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { duration, formatStatus as statusText } from '../../../agent/commands/status-text.ts';
import { openControlSocket } from '../../../agent/control/control-socket.ts';
import { NOTHING_RECORDED } from '../../../agent/telemetry/status-collector.ts';
import { terminalText } from '../../../agent/terminal/styled-text.ts';
import {
  ETH0,
  plainLedger,
  START_SECONDS,
  StatusWorld,
  TRANSLATIONS,
  variedLedger,
} from '../../support/agent-status.ts';
import { runInProcess } from '../../support/in-process.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const formatStatus = (...words: Parameters<typeof statusText>) => terminalText(statusText(...words));
const statusCommand = (words: readonly string[], env: Record<string, string> = {}) =>
  runInProcess(['status', ...words], { env });

describe('the screen of flowlogd status', () => {
  test('of an agent that does well is exactly this', () => {
    const world = new StatusWorld();
    const ring = { interfaceName: 'eth0', ringBytes: 2 ** 26, refusal: undefined, bytes: 2 ** 26, rings: 1 };
    world.collector.rings.changed(ring);
    world.pass(7500);
    for (const window of [0, 1, 2, 3]) world.close(window, plainLedger(1200 + window), 312);
    Object.assign(world.exporter, { deliveredBatches: 4, attempts: 4 });
    Object.assign(world.exporter, { deliveredUntilSeconds: START_SECONDS + 240, clockAheadSeconds: -3.2 });
    world.collector.observe();
    world.pass(5);
    world.live.write({
      packets: 6170,
      bytes: 3_250_000,
      lostPackets: 0,
      flows: 312,
      memoryOnlyTables: 0,
      unwrittenWindows: 0,
      openPackets: 1364,
    });
    world.collector.observe();
    const text = formatStatus(world.collector.read(), START_SECONDS + 7512, false);
    expect(text).toBe(`flowlogd 1.2.3 on web-1 is healthy: pid 812, up 2 h 5 min, 70.0 MB of memory
  state in /var/lib/flowlogd, run c0ffee

INTERFACE  STATE      SINCE      OFFERED  METERED  EXCLUDED  NON-IP/MALFORMED  LOST  RECORDS
eth0       capturing  2 h 5 min    4,806    4,806         0                 0     0    1,248
Totals of closed windows; open windows are under LIVE.

LIVE  PACKETS/S    BITS/S  LOST/S  PACKETS  FLOWS    RING  TABLE USE
eth0      1,234  5.2 Mb/s       0    1,364    312  64 MiB       31 %

WINDOWS OF eth0 (60 s)  STATUS  OFFERED  METERED     BYTES  LOST  RECORDS
2023-11-14 22:16:20Z    OK        1,203    1,203  120.3 kB     0      312
2023-11-14 22:15:20Z    OK        1,202    1,202  120.2 kB     0      312
2023-11-14 22:14:20Z    OK        1,201    1,201  120.1 kB     0      312

Rings     1 ring, 64 MiB of 1024 MiB
Recorder  0 windows written, 0 pending
Spool     empty (limit 1.0 MB)
Exporter  idle for 12 s, to topic flowlog at http://127.0.0.1:9514
          4 batches delivered in 4 uploads, the last one 12 s ago
          windows delivered until 2023-11-14 22:17:20Z, its clock is 3.2 s behind ours
Sandbox   user flowlogd, CAP_NET_RAW, files limited (Landlock 7), system calls limited
`);
  });

  test('does not call delivered what a protocol acknowledges nothing of', () => {
    const world = new StatusWorld();
    Object.assign(world.exporter, { sentBatches: 3, attempts: 5, deliveredBatches: 0 });
    const text = () => formatStatus(world.collector.read(), START_SECONDS, false);
    expect(text()).toContain('\n          3 batches sent without acknowledgement in 5 uploads');
    Object.assign(world.exporter, { deliveredBatches: 1 });
    expect(text()).toContain('\n          1 batch delivered and 3 batches sent without acknowledgement in 5 uploads');
  });

  test('names what exclusion rules kept out of the records, and who exchanged most of it', () => {
    const world = new StatusWorld();
    world.close(0, variedLedger());
    expect(formatStatus(world.collector.read(), START_SECONDS, false)).toContain(`
EXCLUDED ON eth0  PACKETS  BYTES  LARGEST PEERS
dhcp                    3  300 B  0.0.0.0 > 255.255.255.255 udp/67 (300 B)
back"up                 5  500 B
`);
  });

  test('of a gateway says what is known of its translations', () => {
    const world = new StatusWorld();
    world.collector.translations(TRANSLATIONS);
    const text = formatStatus(world.collector.read(), START_SECONDS, false);
    expect(text).toContain('NAT       101 records translated, 103 not, 107 unmatched; 109 connections known\n');
  });

  test('says how far spool index read', () => {
    const world = new StatusWorld();
    Object.assign(world.spool, { isReadingIndex: true });
    expect(formatStatus(world.collector.read(), START_SECONDS, false)).toContain('Spool     reading index; ');
    Object.assign(world.spool, { batches: 700_000, unmeasuredBatches: 650_000 });
    expect(formatStatus(world.collector.read(), START_SECONDS, false)).toContain(
      'Spool     reading index: 50,000 of 700,000 batches measured; ',
    );
  });

  test('says what the recorder and the spool evicted', () => {
    const world = new StatusWorld();
    world.collector.recorder({ ...NOTHING_RECORDED, pendingWindows: 3, heldBytes: 8_000_000, windowsEvicted: 2 });
    Object.assign(world.spool, { evicted: { batches: 3, records: 6, packets: 1200, bytes: 9 } });
    const text = formatStatus(world.collector.read(), START_SECONDS, false);
    expect(text).toContain('3 pending (8.0 MB of memory), records of 2 windows evicted\n');
    expect(text).toContain('Spool     empty (limit 1.0 MB); 3 batches evicted (1,200 packets)\n');
  });

  test('of one in trouble says what is wrong and what to do, the gravest first', () => {
    const world = new StatusWorld();
    world.close(0, variedLedger());
    world.collector.captured(ETH0, { kind: 'detached', reason: 'it went away' });
    Object.assign(world.spool, { batches: 1, bytes: 4096, oldestAgeSeconds: 61, quarantinedBatches: 2 });
    Object.assign(world.exporter, { state: 'blocked', lastError: 'the topic is gone' });
    const text = formatStatus(world.collector.read(), START_SECONDS + 5, false);
    expect(text).toContain('flowlogd 1.2.3 on web-1 is NOT healthy');
    expect(text).toMatch(/^eth0 +detached +5 s +1,091 +1,000 +8 +24 +59 +2$/m);
    expect(text).toContain(
      'Spool     1 batch pending: 4.1 kB of 1.0 MB, the oldest for 1 min; 2 batches quarantined\n',
    );
    expect(text).toContain('          last error: the topic is gone\n');
    const marks = [...text.matchAll(/^(ERROR|WARNING) {2}(.*)\n {2}-> (.*)$/gm)].map(
      ([, mark, what]) => `${mark} ${what}`,
    );
    expect(marks[0]).toBe('ERROR eth0 not captured: it went away.');
    expect(marks.at(-1)).toMatch(
      /^WARNING The sink cls rejects uploads; operator action required; .*the topic is gone$/,
    );
    expect(marks).toHaveLength(8);
    expect(text).not.toContain('\u001b');
    expect(formatStatus(world.collector.read(), START_SECONDS, true)).toContain('\u001b[1;31mERROR\u001b[0m');
  });

  test.each([
    [-5, '0 s'],
    [59.9, '59 s'],
    [60, '1 min'],
    [3599, '59 min'],
    [3600, '1 h'],
    [7500, '2 h 5 min'],
    [86_400, '1 d'],
    [100_000, '1 d 3 h'],
  ])('writes %d seconds as %s', (seconds, text) => {
    expect(duration(seconds)).toBe(text);
  });
});

describe('flowlogd status', () => {
  test('finds the agent by its socket, its state directory and its runtime folder', async () => {
    const folder = temporaryFolder();
    const world = new StatusWorld();
    world.close(0, plainLedger(5));
    const socket = join(folder, 'control.sock');
    const endpoint = await openControlSocket(socket, () => {
      const status = world.collector.read();
      return { ...status, agent: { ...status.agent, stateDirectory: folder } };
    });
    const bySocket = await statusCommand(['--socket', socket, '--json']);
    expect(bySocket).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(bySocket.stdout)).toMatchObject({ schema: 1, interfaces: [{ interface: 'eth0' }] });
    expect((await statusCommand(['--state-directory', folder])).stdout).toContain('is healthy');
    // The runtime folder is that of some agent: with a state directory named, it must be that one's.
    const env = { RUNTIME_DIRECTORY: folder };
    expect((await statusCommand([], env)).stdout).toContain('is healthy');
    expect((await statusCommand(['--state-directory', folder], env)).code).toBe(0);
    const other = await statusCommand(['--state-directory', '/elsewhere'], env);
    expect(other).toMatchObject({ code: 69, stdout: '' });
    expect(other.stderr).toContain(`uses state directory ${folder}`);
    await endpoint.stop();
  });

  test('says in one sentence that nobody answers', async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'state'));
    const { code, stdout, stderr } = await statusCommand(['--state-directory', join(folder, 'state')]);
    expect({ code, stdout }).toEqual({ code: 69, stdout: '' });
    expect(stderr.trim().split('\n')).toEqual([
      expect.stringMatching(
        /^flowlogd: No running flowlogd found: .*control\.sock does not exist.* Start it, or locate it/,
      ),
    ]);
  });

  test('does not take another service for an agent', async () => {
    const socket = join(temporaryFolder(), 'control.sock');
    const world = new StatusWorld();
    const endpoint = await openControlSocket(socket, () => ({ ...world.collector.read(), schema: 2 as 1 }));
    const { code, stderr } = await statusCommand(['--socket', socket]);
    expect(code).toBe(69);
    expect(stderr).toContain('another version of flowlogd');
    await endpoint.stop();
  });
});
