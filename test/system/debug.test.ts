import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createCapEngine } from '../../agent/capture/cap.ts';
import { type CommandOptions, FLOWLOGD, type RunningCommand, startCommand, startProgram } from '../support/command.ts';
import { ledgerPackets } from '../support/ledger-lines.ts';
import { canonicalAddress, parseRecords } from '../support/ndjson-records.ts';
import { commandMissing } from '../support/network-namespace.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { addCount, addCounts, Burst, type Counts, countLines } from '../support/traffic.ts';
import { TwoHosts, twoHostsMissing } from '../support/two-hosts.ts';

const missing = twoHostsMissing();
const scriptMissing = missing ?? commandMissing('script');
const capMissing = missing ?? missingCap();
for (const reason of new Set([missing, scriptMissing, capMissing])) {
  if (reason !== undefined) process.stderr.write(`debug: ${reason}\n`);
}

/** The package is optional, and its build is good for one major version of Node.js only. */
function missingCap(): string | undefined {
  try {
    createCapEngine();
    return undefined;
  } catch (error) {
    return `skipped: ${(error as Error).message}`;
  }
}

const NO_STACK = /^ {4}at |this is a bug/m;
const CLEAR_SCREEN = '\u001b[2J';

function countsOfNdjson(stdout: string): Counts {
  const counts: Counts = new Map();
  for (const record of parseRecords(stdout)) {
    const [source, destination] = [record.srcaddr, record.dstaddr].map(canonicalAddress);
    const flow = `${source} ${destination} ${record.srcport} ${record.dstport} ${record.protocol}`;
    addCount(counts, flow, record.packets, record.bytes);
  }
  return counts;
}

function countsOfBursts(bursts: readonly Burst[]): Counts {
  const counts: Counts = new Map();
  for (const burst of bursts) addCounts(counts, burst.counts);
  return counts;
}

const isCapturing = ({ stderr }: RunningCommand) => stderr.includes('Capturing on ');

describe.skipIf(missing !== undefined)('debug', { timeout: 30_000 }, () => {
  let hosts: TwoHosts;
  let folder: string;
  beforeEach(() => {
    hosts = new TwoHosts();
    folder = temporaryFolder();
  });
  afterEach(() => hosts.remove());

  /** Every folder that it could think of leaving something in is the test's own. */
  function surroundings(): CommandOptions {
    const env = {
      HOME: folder,
      TMPDIR: folder,
      XDG_RUNTIME_DIR: folder,
      XDG_CACHE_HOME: folder,
      XDG_STATE_HOME: folder,
    };
    return { namespace: hosts.observed, folder, env };
  }

  async function startDebug(...words: string[]): Promise<RunningCommand> {
    const running = startCommand(['debug', '-i', 'obs0', ...words], surroundings());
    await running.until(isCapturing);
    return running;
  }

  function send(numbers: readonly number[]): Burst[] {
    const bursts = numbers.map((number) => new Burst(number));
    for (const burst of bursts) hosts.send(burst.frames);
    return bursts;
  }

  test('prints exactly what went over the interface as lines, stops by itself, and leaves nothing behind', async () => {
    const running = await startDebug('--window', '1s', '--duration', '4s', '--format', 'ndjson');
    const bursts = send([0, 1]);
    await sleep(1200);
    bursts.push(...send([2]));
    const kernel = hosts.counters();
    const { code, stdout, stderr } = await running.ended;
    expect(code).toBe(0);
    expect(countLines(countsOfNdjson(stdout))).toEqual(countLines(countsOfBursts(bursts)));
    const excluded = (name: Parameters<Burst['inLedger']>[0]) =>
      bursts.reduce((sum, burst) => sum + burst.inLedger(name), 0);
    expect(ledgerPackets(stderr)).toMatchObject({
      offered: kernel.rx.packets + kernel.tx.packets,
      dhcp: excluded('dhcp'),
      dhcpv6: excluded('dhcpv6'),
      'windows-activation': excluded('windows-activation'),
      'not IP': excluded('not-ip'),
      'dropped by kernel': 0,
    });
    expect(readdirSync(folder)).toEqual([]);
    expect(hosts.observed.processes()).toEqual([]);
  });

  test('prints one row a record when it is piped', async () => {
    const running = await startDebug('--window', '1s', '--duration', '2s');
    const [burst] = send([0]);
    const { code, stdout } = await running.ended;
    expect(code).toBe(0);
    expect(stdout).not.toContain('\u001b');
    const rows = stdout.trim().split('\n');
    for (const row of rows) {
      expect(row).toMatch(/^2 - obs0 \S+ \S+ \S+ \S+ \S+ \S+ \S+ \d+ \d+ (ACCEPT OK|- (NODATA|SKIPDATA))$/);
    }
    const flows = rows.filter((row) => row.endsWith('ACCEPT OK'));
    const packets = flows.reduce((sum, row) => sum + Number(row.split(' ')[8]), 0);
    expect(packets).toBe([...burst!.counts.values()].reduce((sum, count) => sum + count.packets, 0));
  });

  test.skipIf(scriptMissing !== undefined)('refreshes one table on a terminal', async () => {
    const words = ['debug', '-i', 'obs0', '--window', '1s', '--duration', '4s'];
    const line = [process.execPath, FLOWLOGD, ...words].join(' ');
    const running = startProgram(['script', '-qefc', line, join(folder, 'typescript')], {
      ...surroundings(),
      openInput: true,
    });
    await running.until(({ stdout }) => stdout.includes('Capturing on '));
    send([0]);
    const { code, stdout } = await running.ended;
    expect(code).toBe(0);
    expect(stdout.split(CLEAR_SCREEN).length).toBeGreaterThan(2);
    expect(stdout).toMatch(/UDP\s+192\.0\.2\.1:10000\s+198\.51\.100\.2:53\s+4\s/);
    expect(stdout).toMatch(/ends in \d+ s, Ctrl-C ends it now/);
    const afterTables = stdout.slice(stdout.lastIndexOf(CLEAR_SCREEN));
    expect(ledgerPackets(afterTables.replaceAll('\r', ''))).toMatchObject({ offered: new Burst(0).frames.length });
    expect(readFileSync(join(folder, 'typescript'), 'utf8')).toContain('Window ');
    expect(hosts.observed.processes()).toEqual([]);
  });

  test('captures only what the filter lets through', async () => {
    const running = await startDebug(
      '--window',
      '1s',
      '--duration',
      '2s',
      '--format',
      'ndjson',
      '--filter',
      'udp port 53',
    );
    const [burst] = send([0]);
    const { code, stdout, stderr } = await running.ended;
    expect(code).toBe(0);
    const dns = countLines(burst!.counts).filter((line) => / 53 17: /.test(line));
    expect(dns).toHaveLength(1);
    expect(countLines(countsOfNdjson(stdout))).toEqual(dns);
    expect(ledgerPackets(stderr)).toMatchObject({ offered: 4, metered: 4 });
  });

  test.each(['SIGINT', 'SIGTERM'] as const)('shows the open window when %s ends it', async (signal) => {
    const running = await startDebug('--window', '10m', '--duration', '1h', '--format', 'ndjson');
    const bursts = send([0]);
    const { code, stdout, stderr } = await running.stop(signal);
    expect(code).toBe(0);
    expect(countLines(countsOfNdjson(stdout))).toEqual(countLines(countsOfBursts(bursts)));
    expect(ledgerPackets(stderr)).toMatchObject({ offered: bursts[0]!.frames.length });
  });

  test('ends quietly when its reader goes away', async () => {
    const running = await startDebug('--window', '1s', '--duration', '1m', '--format', 'ndjson');
    send([0]);
    await running.until(({ stdout }) => stdout !== '');
    running.child.stdout!.destroy();
    send([1]);
    const { code, stderr } = await running.ended;
    expect(code).toBe(0);
    expect(stderr).not.toMatch(NO_STACK);
  });

  test('says that the interface went and came back, and writes the gap down', async () => {
    const running = await startDebug('--window', '2s', '--duration', '1h');
    const bursts = send([0]);
    await sleep(300);
    hosts.cut();
    await running.until(({ stderr }) => /Waiting for obs0 to come back/.test(stderr));
    hosts.join();
    await running.until(({ stderr }) => /Capturing on obs0 again, after [\d.]+ s without/.test(stderr));
    bursts.push(...send([1]));
    await running.until(({ stdout }) => stdout.includes('SKIPDATA'));
    const { code, stdout, stderr } = await running.stop('SIGINT');
    expect(code).toBe(0);
    expect(stderr).toMatch(/^NOT CAPTURING for [\d.]+ s from [^\n]*: interface-gone\.$/m);
    expect(ledgerPackets(stderr)).toMatchObject({
      offered: bursts.reduce((sum, burst) => sum + burst.frames.length, 0),
    });
    const packets = stdout
      .split('\n')
      .filter((row) => row.endsWith('ACCEPT OK'))
      .reduce((sum, row) => sum + Number(row.split(' ')[8]), 0);
    expect(packets).toBe([...countsOfBursts(bursts).values()].reduce((sum, count) => sum + count.packets, 0));
  });

  test.each([
    ['an interface that is not there', ['-i', 'obs9'], 66, /obs9/],
    ['a filter that is none', ['-i', 'obs0', '--filter', 'tcp prot 5'], 64, /tcp prot 5/],
    ['a duration of no length', ['-i', 'obs0', '--duration', '0'], 64, /--duration '0'/],
    ['a format that is not there', ['-i', 'obs0', '--format', 'batch'], 64, /--format 'batch'/],
  ])('refuses %s in a sentence', async (_what, words, exitCode, message) => {
    const { code, stdout, stderr } = await startCommand(['debug', ...words], surroundings()).ended;
    expect({ code, stdout }).toEqual({ code: exitCode, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(NO_STACK);
  });

  test.skipIf(capMissing !== undefined)(
    'gives the same records through cap as through libpcap, times apart',
    async () => {
      const words = ['--window', '10m', '--duration', '1h', '--format', 'ndjson'];
      const libpcap = await startDebug(...words);
      const cap = await startDebug(...words, '--engine', 'cap');
      const bursts = send([0, 1, 2]);
      // The package hands packets over when its thread's loop comes to them.
      await sleep(500);
      const ends = [await libpcap.stop('SIGINT'), await cap.stop('SIGINT')];
      for (const { code, stdout, stderr } of ends) {
        expect(code).toBe(0);
        expect(countLines(countsOfNdjson(stdout))).toEqual(countLines(countsOfBursts(bursts)));
        expect(ledgerPackets(stderr)).toMatchObject({ offered: hosts.counters().rx.packets });
      }
      const rest = (stdout: string) =>
        parseRecords(stdout)
          .map((record) => ({ ...record, start: 0, end: 0 }))
          .map((record) => JSON.stringify(record))
          .sort();
      expect(rest(ends[1]!.stdout)).toEqual(rest(ends[0]!.stdout));
      expect(ends[1]!.stderr).toMatch(/cannot count what the kernel or the interface dropped/);
    },
  );
});
