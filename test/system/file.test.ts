/**
 * Records to files of a folder, read back: every one once, with the same sums as those of a log service beside it, whoever is killed in between,
 * whatever the disk has no room or no right for. FLOWLOGD_SOAK_ROUNDS makes it longer: `scripts/soak.sh --sink file 50`.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, readFileSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import { describe, expect, test } from 'vitest';
import { AgentProcess } from '../support/agent-process.ts';
import { pcapFile } from '../support/capture-file.ts';
import { runCommand } from '../support/command.ts';
import { ObservedHost } from '../support/observed-host.ts';
import { complete, namesIn, rowsIn } from '../support/output-files.ts';
import { countsOf, ledgerSum, storedTwice } from '../support/stored-flows.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { storedTicks, TickSender, ticksOf, total } from '../support/ticks.ts';
import { Burst, countLines } from '../support/traffic.ts';
import { twoHostsMissing } from '../support/two-hosts.ts';

const noHosts = twoHostsMissing();
if (noHosts !== undefined) process.stderr.write(`file: ${noHosts}\n`);

const ROUNDS = Number(process.env['FLOWLOGD_SOAK_ROUNDS'] ?? 2);
const WINDOW_SECONDS = 2;
const PACKETS_PER_TICK = 20;
const OTHER_USER = 61_999;

/** As a log service has them. */
const texts = (rows: ReturnType<typeof rowsIn>): Record<string, string>[] =>
  rows.map((row) => Object.fromEntries(Object.entries(row).map(([key, value]) => [key, String(value)])));

/** In any order, without the names that a replay to standard output does not have. */
function flowLines(text: string): readonly string[] {
  const lines = text.trimEnd().split('\n');
  const ofText = (line: string) => line.split(' ').slice(3).join(' ');
  const ofJson = (line: string) => JSON.stringify({ ...JSON.parse(line), 'account-id': 0, 'interface-id': 0 });
  return lines.map((line) => (line.startsWith('{') ? sortedKeys(ofJson(line)) : ofText(line))).sort();
}

/** Packets and bytes, as DuckDB reads them: of all flows, and of all ledgers. */
async function duckdbSums(folder: string, format: string): Promise<readonly (readonly number[])[]> {
  const connection = await (await DuckDBInstance.create()).connect();
  const flows =
    format === 'text'
      ? `read_csv('${folder}/*.flows.log', delim = ' ', header = true, nullstr = '-')`
      : `read_json('${folder}/*.flows.ndjson')`;
  const sums = [
    `SELECT sum(packets), sum(bytes) FROM ${flows}`,
    `SELECT sum("ledger-metered-packets"), sum("ledger-metered-bytes") FROM read_json('${folder}/*.ledger.ndjson')`,
  ];
  const rows: number[][] = [];
  for (const sql of sums) rows.push((await connection.runAndReadAll(sql)).getRowsJson()[0]!.map(Number));
  connection.closeSync();
  return rows;
}

const sortedKeys = (json: string) => JSON.stringify(Object.entries(JSON.parse(json)).sort());

function captureFile(folder: string): string {
  const path = join(folder, 'capture.pcap');
  const bursts = Array.from({ length: 20 }, (_, number) => new Burst(number));
  const packets = bursts.flatMap(({ frames }, second) =>
    frames.map((bytes) => ({ bytes, seconds: 1_700_000_000 + 7 * second })),
  );
  writeFileSync(path, pcapFile(packets));
  return path;
}

describe('a replay into a folder', () => {
  test.each(['ndjson', 'text'])('has the records of a replay to standard output, in the format %s', async (format) => {
    const folder = temporaryFolder();
    const capture = captureFile(folder);
    const words = ['replay', capture, '--window', '30s'];
    const own = await runCommand([...words, '--format', format, '--fields', 'eni']);
    for (let time = 0; time < 2; time++) {
      const sent = await runCommand([...words, '--to', `file://${folder}/flows?format=${format}`]);
      expect(sent.code, sent.stderr).toBe(0);
    }
    const files = complete(join(folder, 'flows')).map((name) => readFileSync(join(folder, 'flows', name), 'utf8'));
    const expected = flowLines(own.stdout);
    expect(expected.length).toBeGreaterThan(20);
    // A run of its own has records of its own, so there are two of each.
    expect(files.map(flowLines)).toEqual([expected, expected]);
    const [ofFlows, ofLedgers] = await duckdbSums(join(folder, 'flows'), format);
    expect(ofFlows).toEqual(ofLedgers);
    expect(ofFlows?.[0]).toBeGreaterThan(0);
    expect(namesIn(join(folder, 'flows')).filter((name) => name.endsWith('.partial'))).toEqual([]);
    expect(ledgerSum(texts(rowsIn(join(folder, 'flows'), 'ledger')), 'ledger-offered-packets')).toBeGreaterThan(0);
  });

  test('is refused by what can be no folder', async () => {
    for (const url of ['file://host/flows', 'file:///', 'file:///flows?format=csv']) {
      const { code, stderr } = await runCommand(['replay', 'a.pcap', '--to', url]);
      expect(code).toBe(64);
      expect(stderr).toContain("invalid --to 'file://");
    }
    const link = await runCommand(['replay', captureFile(temporaryFolder()), '--to', 'file:///proc/self/cwd']);
    expect(link).toMatchObject({ code: 69, stderr: expect.stringContaining('is a symbolic link') });
  });
});

describe.skipIf(noHosts !== undefined)('an agent', { timeout: 120_000 + ROUNDS * 30_000 }, () => {
  function agentFor(host: ObservedHost, folder: string, options = ''): AgentProcess {
    const { observed: namespace } = host.hosts;
    const sinks = { cls: host.service, files: `type: file, folder: '${folder}', rotateSeconds: 3s${options}` };
    return new AgentProcess({
      namespace,
      folder: dirname(host.agent.stateFolder),
      service: host.service,
      windowSeconds: WINDOW_SECONDS,
      sinks,
    });
  }

  test(`has every record in complete files once, over ${ROUNDS} kills`, async ({ onTestFinished }) => {
    const host = await ObservedHost.start(WINDOW_SECONDS);
    onTestFinished(() => host.hosts.remove());
    const folder = join(dirname(host.agent.stateFolder), 'log/flows');
    const agent = agentFor(host, folder);
    await agent.start();
    const sender = new TickSender(host.hosts, PACKETS_PER_TICK);
    const shipped = new Map<string, string>();
    /** What a shipper takes is never written to again. */
    const ship = () => {
      for (const name of complete(folder)) {
        const text = readFileSync(join(folder, name), 'utf8');
        expect(shipped.get(name) ?? text).toBe(text);
        shipped.set(name, text);
      }
    };
    for (let round = 0; round < ROUNDS; round++) {
      await sleep(WINDOW_SECONDS * 1000 * (0.5 + 2 * Math.random()));
      ship();
      await agent.stop('SIGKILL');
      await agent.start();
    }
    await host.windowBegin();
    const sent = await sender.stop();
    await host.windowBegin();
    await host.windowBegin();
    await agent.untilDelivered();
    expect((await agent.stop()).code).toBe(0);
    await agent.start();
    await agent.untilDelivered();
    expect((await agent.stop()).code).toBe(0);
    ship();
    const rows = texts(rowsIn(folder)).filter(({ srcaddr }) => srcaddr !== undefined);
    process.stderr.write(`file: ${rows.length} records in ${complete(folder).length} files\n`);
    expect(storedTwice(rows)).toEqual([]);
    const stored = await storedTicks(host.service, sent.length);
    expect([...stored.values()].reduce((sum, packets) => sum + total(packets), 0)).toBeGreaterThan(0);
    expect(ticksOf(rows)).toEqual(stored);
    const ledgers = await host.service.query('ledger-status:*');
    for (const sum of ['ledger-offered-packets', 'ledger-metered-packets']) {
      expect(ledgerSum(texts(rowsIn(folder, 'ledger')), sum)).toBe(ledgerSum(ledgers, sum));
    }
    expect(statSync(folder).mode & 0o777).toBe(0o750);
    await host.service.stop();
  });

  test('says that its right or the room is missing, what to do, loses nothing, and delivers when it is back', async ({
    onTestFinished,
  }) => {
    const host = await ObservedHost.start(WINDOW_SECONDS);
    onTestFinished(() => host.hosts.remove());
    const mount = join(temporaryFolder(), 'disk');
    mkdirSync(mount);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', mount]);
    onTestFinished(() => void execFileSync('umount', ['-l', mount]));
    const folder = join(mount, 'flows');
    const agent = agentFor(host, folder);
    const running = await agent.start();
    const words = ['--state-directory', agent.stateFolder];
    host.sendBurst();
    await expect.poll(() => namesIn(folder).length).toBeGreaterThan(0);
    const { uid, gid } = statSync(folder);

    // An agent that stays root has no capability to write where other users alone may.
    chownSync(folder, OTHER_USER, OTHER_USER);
    chmodSync(folder, 0o700);
    host.sendBurst();
    const isBlocked = ({ sinks }: { sinks: readonly { state: string }[] }) =>
      sinks.some(({ state }) => state === 'blocked');
    const { problems } = await agent.untilStatus(isBlocked);
    const sentence = /EACCES: the user of flowlogd \(\d+\) lacks the right to write to .*: chown it to that user/;
    expect(problems.find(({ code }) => code === 'exporter-blocked')).toMatchObject({
      sink: 'files',
      message: expect.stringMatching(sentence),
    });
    expect(running.stderr).toMatch(sentence);
    const { stdout: list } = await runCommand(['flow-logs', 'list', '--json', ...words]);
    const [{ id }] = JSON.parse(list).flowLogs ?? JSON.parse(list);
    expect((await runCommand(['flow-logs', 'describe', id, ...words])).stdout).toMatch(sentence);
    chownSync(folder, uid, gid);
    chmodSync(folder, 0o750);

    const retry = () => runCommand(['spool', 'retry', ...words]);
    await host.untilArrived();
    await retry();
    await agent.untilDelivered();

    const filler = join(mount, 'filler');
    expect(() => writeFileSync(filler, Buffer.alloc(1024 * 1024))).toThrow(/ENOSPC/);
    for (let isFull = false; !isFull; ) {
      host.sendBurst();
      await host.untilArrived();
      await retry();
      const { sinks } = await agent.untilStatus();
      isFull = sinks.some(({ lastError }) => lastError?.includes('ENOSPC: no space left on the disk of') === true);
    }
    unlinkSync(filler);
    await retry();
    await agent.untilDelivered();
    expect((await agent.stop()).code).toBe(0);
    expect(countLines(countsOf(texts(rowsIn(folder))))).toEqual(countLines(host.counts));
    await host.service.stop();
  });
});
