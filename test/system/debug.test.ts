import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { missingCap } from '../support/cap-missing.ts';
import {
  type CommandOptions,
  FLOWLOGD,
  type RunningCommand,
  runCommand,
  startCommand,
  startProgram,
} from '../support/command.ts';
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

const NO_STACK = /^ {4}at |this is a bug/m;
const HOME = '\u001b[H';
const INVERSE = '\u001b[7m';
const LEAVE_SCREEN = '\u001b[?1049l';

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

/** A length above four seconds of which the second is a multiple, or one of the next. */
function windowWithBorderAt(second: number): number {
  for (let seconds = 5; seconds <= 600; seconds++) if (second % seconds === 0) return seconds;
  return windowWithBorderAt(second + 1);
}

const isCapturing = ({ stderr }: RunningCommand) => stderr.includes('Capturing on ');

/** Every folder that it could think of leaving something in is the test's own. */
function contextOf(hosts: TwoHosts, folder: string): CommandOptions {
  const env = {
    HOME: folder,
    TMPDIR: folder,
    XDG_RUNTIME_DIR: folder,
    XDG_CACHE_HOME: folder,
    XDG_STATE_HOME: folder,
  };
  return { namespace: hosts.observed, folder, env };
}

describe.skipIf(missing !== undefined)('debug', { timeout: 180_000 }, () => {
  let hosts: TwoHosts;
  let folder: string;
  beforeEach(() => {
    hosts = new TwoHosts();
    folder = temporaryFolder();
  });
  afterEach(() => hosts.remove());

  const context = () => contextOf(hosts, folder);

  async function startDebug(...words: string[]): Promise<RunningCommand> {
    const running = startCommand(['debug', '-i', 'obs0', ...words], context());
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
    const [header, ...rows] = stdout.trim().split('\n');
    expect(header).toMatch(/^version account-id interface-id srcaddr .* action log-status$/);
    for (const row of rows) {
      expect(row).toMatch(/^2 - obs0 \S+ \S+ \S+ \S+ \S+ \S+ \S+ \d+ \d+ (ACCEPT OK|- (NODATA|SKIPDATA))$/);
    }
    const flows = rows.filter((row) => row.endsWith('ACCEPT OK'));
    const packets = flows.reduce((sum, row) => sum + Number(row.split(' ')[8]), 0);
    expect(packets).toBe([...burst!.counts.values()].reduce((sum, count) => sum + count.packets, 0));
  });

  /** Under a terminal of its own, on which keys can be pressed. */
  async function startOnTerminal(...words: string[]): Promise<RunningCommand> {
    const line = [
      'stty cols 120 rows 40;',
      process.execPath,
      FLOWLOGD,
      'debug',
      '-i',
      'obs0',
      '--window',
      '1s',
      ...words,
    ];
    const running = startProgram(['script', '-qefc', line.join(' '), join(folder, 'typescript')], {
      ...context(),
      openInput: true,
    });
    await running.until(isCapturingOnTerminal);
    return running;
  }
  const isCapturingOnTerminal = ({ stdout }: RunningCommand) => stdout.includes('Capturing on ');
  const lastScreen = ({ stdout }: RunningCommand) => stdout.slice(stdout.lastIndexOf(HOME));

  test.skipIf(scriptMissing !== undefined)(
    'draws one table again and again on a terminal, and leaves the last one there',
    async () => {
      const running = await startOnTerminal('--duration', '4s');
      send([0]);
      const { code, stdout } = await running.ended;
      expect(code).toBe(0);
      expect(stdout.split(HOME).length).toBeGreaterThan(2);
      const [screen = '', after = ''] = stdout.split(LEAVE_SCREEN);
      const row = /UDP\s+192\.0\.2\.1:10000\s+198\.51\.100\.2:53\s+[\d.]+ k?\s+[\d.]+\s+4\s/;
      expect(screen).toMatch(row);
      expect(screen).toMatch(/0:0\d left/);
      expect(after).toMatch(row);
      expect(ledgerPackets(after.replaceAll('\r', ''))).toMatchObject({ offered: new Burst(0).frames.length });
      expect(hosts.observed.processes()).toEqual([]);
    },
  );

  test.skipIf(scriptMissing !== undefined)('sorts, filters and quits by its keys', async () => {
    const running = await startOnTerminal('--duration', '1h');
    send([0]);
    await running.until((each) => lastScreen(each).includes('198.51.100.2:53'));
    const press = (keys: string) => running.child.stdin!.write(keys);
    press('p');
    await running.until((each) => lastScreen(each).includes('packets\u25be'));
    press('g');
    await running.until((each) => /initiator +responder/.test(lastScreen(each)));
    expect(lastScreen(running)).toMatch(/total: [\d,]+ conversations of [\d,]+ flows/);
    press('gg');
    await running.until((each) => /UDP domain/.test(lastScreen(each)));
    press('g');
    press('/dstport:53 and udp');
    await running.until((each) => lastScreen(each).includes('filter: dstport:53 and udp_'));
    await running.until((each) => lastScreen(each).includes('total: 1 flow,'));
    press('\r?');
    await running.until((each) => lastScreen(each).includes('sort by bytes, packets, rate'));
    press('q');
    const { code, stdout } = await running.ended;
    expect(code).toBe(0);
    expect(stdout.split(LEAVE_SCREEN)[1]).toContain('filter: dstport:53 and udp');
    expect(ledgerPackets(stdout.replaceAll('\r', ''))).toMatchObject({ offered: new Burst(0).frames.length });
  });

  test.skipIf(scriptMissing !== undefined)('scrolls, selects and opens a flow by its keys', async () => {
    const running = await startOnTerminal('--duration', '1h');
    send([0, 1, 2, 3, 4, 5, 6, 7]);
    const press = (keys: string) => running.child.stdin!.write(keys);
    const screenHas = (text: RegExp) => running.until((each) => text.test(lastScreen(each)));
    const selectedIn = (each: RunningCommand) =>
      lastScreen(each)
        .split('\n')
        .find((line) => line.includes(`${INVERSE}UDP`));
    await screenHas(/1-\d+ of \d+/);
    // In pieces, as it may come from afar.
    press('\u001b[');
    press('6~');
    await running.until((each) => selectedIn(each) !== undefined);
    press('\u001b[F');
    await screenHas(/ (\d+)-(\d+) of \2/);
    const [, address] = /UDP +(\S+)/.exec(selectedIn(running)!)!;
    press('\r');
    await screenHas(/first packet/);
    expect(lastScreen(running)).toMatch(/initiator .* by (?:its SYN|the lower port|the earlier packet)/);
    expect(lastScreen(running)).toContain(address);
    press('\u001b');
    await screenHas(/ (\d+)-(\d+) of \2/);
    press('q');
    expect((await running.ended).code).toBe(0);
  });

  test.skipIf(scriptMissing !== undefined)('is without colours where NO_COLOR says so', async () => {
    const running = startProgram(
      ['script', '-qefc', `${process.execPath} ${FLOWLOGD} debug -i obs0 --duration 1s`, '/dev/null'],
      { ...context(), env: { ...context().env, NO_COLOR: '1' } },
    );
    const { stdout } = await running.ended;
    expect(stdout).toContain(LEAVE_SCREEN);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is meant
    expect(stdout).not.toMatch(/\u001b\[[\d;]*m/);
  });

  test('says in JSON what its screen says', async () => {
    const running = await startDebug('--window', '1s', '--duration', '1h', '--json');
    const [burst] = send([0]);
    await running.until(({ stdout }) => stdout.includes('"kind":"refresh"'));
    const { code, stdout } = await running.stop('SIGINT');
    expect(code).toBe(0);
    const screens = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(screens.map(({ kind }) => kind).slice(-2)).toEqual(['refresh', 'end']);
    const { total, ledger, flows } = screens.at(-1);
    expect(ledger).toMatchObject({ offered_packets: burst!.frames.length, lost_packets: 0 });
    expect(total).toMatchObject({ flows: burst!.counts.size, packets: ledger.metered.packets });
    const sum = flows.reduce((packets: number, flow: { packets: number }) => packets + flow.packets, 0);
    expect(sum).toBe(total.packets);
  });

  test('prints one table for a run shorter than its window, also over a border, with rates of the time that passed', async () => {
    const window = windowWithBorderAt(Math.ceil(Date.now() / 1000) + 2);
    const running = await startDebug('--window', `${window}s`, '--duration', '4s', '--format', 'table');
    const [burst] = send([0]);
    const { code, stdout } = await running.ended;
    expect(code).toBe(0);
    const totals = [...stdout.matchAll(/^total: \d+ flows, (\d+) packets, .* ([\d.]+) pkt\/s$/gm)];
    const packets = [...burst!.counts.values()].reduce((sum, count) => sum + count.packets, 0);
    expect(totals.map(([, count]) => Number(count))).toEqual([packets]);
    expect(packets / Number(totals[0]![2])).toBeGreaterThan(3.5);
  });

  test('says of a window that the end cuts off the rate of the time that passed', async () => {
    const running = await startDebug('--window', '10m', '--duration', '2s', '--json');
    send([0]);
    const { stdout } = await running.ended;
    const { kind, window, total } = JSON.parse(stdout.split('\n').at(-3)!);
    expect(kind).toBe('refresh');
    expect(window.observed_seconds).toBeGreaterThan(0);
    expect(window.observed_seconds).toBeLessThan(60);
    expect(total.packets_per_second).toBeCloseTo(total.packets / window.observed_seconds, 1);
  });

  test('watches while a program runs, and ends with its output and exit code', async () => {
    const words = [
      'debug',
      '-i',
      'obs0',
      '--write',
      'run.pcap',
      '--',
      'sh',
      '-c',
      'echo out; read line; echo $line >&2; exit 7',
    ];
    const running = startCommand(words, { ...context(), openInput: true });
    await running.until(({ stdout }) => stdout === 'out\n');
    const [burst] = send([0]);
    running.child.stdin!.end('done\n');
    const { code, stdout, stderr } = await running.ended;
    expect({ code, stdout }).toEqual({ code: 7, stdout: 'out\n' });
    expect(stderr).toMatch(/^done$/m);
    expect(stderr).toMatch(/^UDP +192\.0\.2\.1:10000 +198\.51\.100\.2:53 /m);
    expect(ledgerPackets(stderr)).toMatchObject({ offered: burst!.frames.length });
    const replayed = await runCommand(['replay', 'run.pcap'], { folder });
    expect(countLines(countsOfNdjson(replayed.stdout))).toEqual(countLines(burst!.counts));
    expect(statSync(join(folder, 'run.pcap')).mode & 0o777).toBe(0o600);
  });

  test.each([
    ['is not there', 'no-such-program', 127, "Starting 'no-such-program' failed: no such program."],
    ['has no name', '', 127, "Starting '' failed: no such program."],
    ['is not executable', '/etc/passwd', 126, "Starting '/etc/passwd' failed: it is not executable."],
    ['is below a file', '/etc/passwd/x', 126, "Starting '/etc/passwd/x' failed: spawn ENOTDIR."],
  ])('ends as a shell does, without any table or file, when the program %s', async (_, program, code, sentence) => {
    const files = ['--html', 'none.html', '--write', 'none.pcap'];
    for (const words of [[], ['--json'], files]) {
      const end = await startCommand(['debug', '-i', 'obs0', ...words, '--', program], context()).ended;
      expect(end).toMatchObject({ code, stdout: '' });
      expect(end.stderr.trimEnd().split('\n')).toEqual([expect.stringContaining(`flowlogd: ${sentence}`)]);
    }
    expect(readdirSync(folder).filter((name) => name.startsWith('none'))).toEqual([]);
  });

  test('leaves the report of the run before where only the kernel knows that the program cannot run', async () => {
    const [program, report] = ['interpreted', 'report.html'].map((name) => join(folder, name));
    writeFileSync(program!, '#!/no/such/interpreter\n', { mode: 0o755 });
    writeFileSync(report!, 'the run before');
    const words = ['debug', '-i', 'obs0', '--html', report!, '--', program!];
    expect((await startCommand(words, context()).ended).code).toBe(127);
    expect(readFileSync(report!, 'utf8')).toBe('the run before');
  });

  test('says beside a program that the traffic is that of the whole host', async () => {
    const title = 'All traffic on obs0 while sleep ran, including other programs.';
    const words = ['debug', '-i', 'obs0', '--html', 'report.html'];
    const running = startCommand([...words, '--', 'sleep', '1'], context());
    await running.until(isCapturing);
    send([0]);
    const { code, stderr } = await running.ended;
    expect(code).toBe(0);
    const lines = stderr.split('\n');
    expect(lines[lines.findIndex((line) => line.startsWith('proto ')) - 1]).toBe(title);
    expect(readFileSync(join(folder, 'report.html'), 'utf8')).toContain(title);
    const json = await startCommand(['debug', '-i', 'obs0', '--json', '--', 'sleep', '0'], context()).ended;
    const last = json.stderr.split('\n').findLast((line) => line.startsWith('{'));
    expect(JSON.parse(last!)).toMatchObject({
      kind: 'end',
      notes: [title],
    });
  });

  test('writes a report that holds its flows', async () => {
    const running = await startDebug('--window', '1s', '--duration', '1h', '--html', 'report.html');
    const [burst] = send([0]);
    const { code } = await running.stop('SIGINT');
    expect(code).toBe(0);
    const page = readFileSync(join(folder, 'report.html'), 'utf8');
    expect(page).toContain('192.0.2.1:10000 → 198.51.100.2:53 UDP');
    expect(page).toContain(`<th scope="row">offered</th><td>${burst!.frames.length}</td>`);
  });

  test('ends a file of packets before its limit, and says what is not in it', async () => {
    const running = await startDebug('--duration', '1h', '--write', 'small.pcap', '--write-max', '1024');
    const bursts = send([0, 1, 2]);
    const { code, stderr } = await running.stop('SIGINT');
    expect(code).toBe(0);
    const [, written, leftOut] =
      /Wrote (\d+) packets.* to small\.pcap, .*--write-max.*; (\d+) packets not written/.exec(stderr) ?? [];
    const offered = bursts.reduce((sum, burst) => sum + burst.frames.length, 0);
    expect(Number(written) + Number(leftOut)).toBe(offered);
    expect(statSync(join(folder, 'small.pcap')).size).toBeLessThanOrEqual(1024);
    const replayed = await runCommand(['replay', 'small.pcap'], { folder });
    expect(ledgerPackets(replayed.stderr)).toMatchObject({ offered: Number(written) });
  });

  test('captures only what the filter lets through', async () => {
    const running = await startDebug(
      '--window',
      '1s',
      '--duration',
      '1h',
      '--format',
      'ndjson',
      '--filter',
      'udp port 53',
    );
    const [burst] = send([0]);
    const { code, stdout, stderr } = await running.stop('SIGINT');
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

  test.each(['text', 'table', 'json'])(
    'ends at once where its %s finds a full disk, and leaves no report',
    async (format) => {
      const output = format === 'json' ? ['--json'] : ['--format', format];
      const words = ['debug', '-i', 'obs0', '--window', '1s', '--duration', '1h', ...output, '--html', 'report.html'];
      const running = startProgram(
        ['sh', '-c', '"$0" "$@" > /dev/full', process.execPath, FLOWLOGD, ...words],
        context(),
      );
      const { code, stderr } = await running.ended;
      expect(stderr).toMatch(/^flowlogd: Writing to standard output failed: ENOSPC.*\.$/m);
      expect(stderr).not.toMatch(NO_STACK);
      expect(code).toBe(74);
      expect(readdirSync(folder)).not.toContain('report.html');
    },
  );

  test('says that the interface went and came back, and writes the gap down', async () => {
    const running = await startDebug('--window', '2s', '--duration', '1h');
    const bursts = send([0]);
    await sleep(300);
    hosts.cut();
    await running.until(({ stderr }) => /Capture resumes when obs0 returns/.test(stderr));
    hosts.join();
    await running.until(({ stderr }) => /Capture on obs0 resumed, after a gap of [\d.]+ s/.test(stderr));
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
      expect(ends[1]!.stderr).toMatch(/Drops unknown/);
    },
  );
});

/** Nothing is captured, so one pair of hosts is enough. */
describe.skipIf(missing !== undefined)('debug', { timeout: 180_000 }, () => {
  let hosts: TwoHosts;
  beforeAll(() => {
    hosts = new TwoHosts();
  });
  afterAll(() => hosts.remove());

  test.each([
    ['an interface that is not there', ['-i', 'obs9'], 66, /obs9/],
    ['a filter that is none', ['-i', 'obs0', '--filter', 'tcp prot 5'], 64, /tcp prot 5/],
    ['a duration of no length', ['-i', 'obs0', '--duration', '0'], 64, /--duration '0'/],
    [
      'two formats at once',
      ['-i', 'obs0', '--json', '--format', 'table'],
      64,
      /--json cannot be combined with --format/,
    ],
    [
      'fields of a screen',
      ['-i', 'obs0', '--json', '--fields', 'eni'],
      64,
      /--json cannot be combined with --format or --fields/,
    ],
    ['a field that is not there', ['-i', 'obs0', '--fields', 'srcadr'], 64, /did you mean srcaddr/],
    ['a report that cannot be written', ['-i', 'obs0', '--html', '/nowhere/report.html'], 74, /nowhere/],
    ['a file of packets that cannot be written', ['-i', 'obs0', '--write', '/nowhere/a.pcap'], 74, /nowhere/],
    ['a format that is not there', ['-i', 'obs0', '--format', 'batch'], 64, /--format 'batch'/],
  ])('refuses %s in a sentence, and leaves no file', async (_what, words, exitCode, message) => {
    const folder = temporaryFolder();
    const files = words.includes('--html') ? [] : ['--html', 'report.html'];
    const { code, stdout, stderr } = await startCommand(['debug', ...files, ...words], contextOf(hosts, folder)).ended;
    expect(readdirSync(folder)).toEqual([]);
    expect({ code, stdout }).toEqual({ code: exitCode, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(NO_STACK);
  });
});
