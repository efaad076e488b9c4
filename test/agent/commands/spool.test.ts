/** `flowlogd spool` over a folder of a real spool, with no agent, and through the control socket of one. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { ProcessContext } from '../../../agent/cli/command.ts';
import { dispatch } from '../../../agent/commands/dispatch.ts';
import type { SpoolList } from '../../../agent/commands/spool-text.ts';
import { openControlSocket } from '../../../agent/control/control-socket.ts';
import { type RetryAnswer, spoolRoutes } from '../../../agent/control/spool-routes.ts';
import { spoolControl } from '../../../agent/daemon/spool-control.ts';
import { createLedger, type Ledger } from '../../../agent/model/ledger.ts';
import { loadCaptureAddon } from '../../../agent/native/addon.ts';
import { nodeDisk } from '../../../agent/spool/disk.ts';
import type { Spool } from '../../../agent/spool/spool.ts';
import { lockSpool } from '../../../agent/spool/spool-lock.ts';
import { createLog } from '../../../agent/telemetry/log.ts';
import { FlowBatchReader } from '../../../agent/wire/flow-batch-reader.ts';
import { StatusWorld, spoolSink } from '../../support/agent-status.ts';
import { openSpool } from '../../support/open-spool.ts';
import { UNCONFINED } from '../../support/sandbox.ts';
import { batchOf, identityOf } from '../../support/spool-batches.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

class Collected extends Writable {
  readonly chunks: Buffer[] = [];
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.chunks.push(Buffer.from(chunk));
    done();
  }
  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }
}

let state: string;
beforeEach(() => {
  state = join(temporaryFolder(), 'state');
});

function open(sinks: readonly string[] = ['cls', 'other']): Spool {
  return openSpool({
    disk: nodeDisk,
    folder: join(state, 'spool'),
    sinks,
    bytesMax: 1e9,
    quarantineBytesMax: 1e9,
    now: () => Date.now() - 180_000,
    lock: (folder) => lockSpool(folder, loadCaptureAddon().lockFile),
    events: { onEvicting: () => {}, onEvicted: () => {}, onQuarantined: () => {} },
  });
}

const metered = (packets: number): Ledger => ({ ...createLedger([]), metered: { packets, bytes: 60 * packets } });

/** Two pending batches for both sinks, and one that the first can never deliver. */
async function fill(): Promise<readonly string[]> {
  const spool = open();
  const names = spool.writeAll([batchOf(0, 3, metered(3)), batchOf(1, 4), batchOf(2, 5)]);
  await spool.queue('cls').quarantine(names[0]!, 'InvalidContent: the key is empty');
  spool.close();
  return names;
}

async function run(...words: readonly string[]) {
  const { code, stdout, stderr } = await runRaw(words);
  return { code, stdout: stdout.bytes.toString(), stderr: stderr.bytes.toString() };
}

async function runRaw(words: readonly string[]) {
  const context: ProcessContext & { stdout: Collected; stderr: Collected } = {
    stdin: Readable.from([]),
    stdout: new Collected(),
    stderr: new Collected(),
    env: {},
    signal: new AbortController().signal,
    onHangUp: () => undefined,
    onStatusRequest: () => undefined,
    confine: async () => UNCONFINED,
    limitFiles: async () => undefined,
  };
  const where = words.includes('--socket') ? [] : ['--state-directory', state];
  const code = await dispatch(['spool', ...words, ...where], context);
  return { code, stdout: context.stdout, stderr: context.stderr };
}

async function list(...words: readonly string[]): Promise<SpoolList> {
  const { code, stdout, stderr } = await run('list', '--json', ...words);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as SpoolList;
}

const briefly = ({ batches }: SpoolList) => batches.map(({ sink, batch, state: is }) => [sink, batch, is]);

describe('flowlogd spool list', () => {
  test('shows what is pending and quarantined for each sink, and why', async () => {
    const [first, second, third] = await fill();
    const found = await list();
    expect(found).toMatchObject({ schema: 1, folder: join(state, 'spool'), agentRunning: false, omitted: 0 });
    expect(briefly(found)).toEqual([
      ['cls', second, 'pending'],
      ['cls', third, 'pending'],
      ['cls', first, 'quarantined'],
      ['other', first, 'pending'],
      ['other', second, 'pending'],
      ['other', third, 'pending'],
    ]);
    expect(found.batches[2]).toMatchObject({
      flowLogId: 'fl-1',
      interfaceId: 'eni-1',
      windowStart: 1_700_000_040,
      windowSeconds: 60,
      records: 3,
      packets: 3,
      reason: 'InvalidContent: the key is empty',
    });
    const { stdout } = await run('list', '--sink', 'cls');
    expect(stdout).toMatch(/^SINK +BATCH +STATE +FLOW LOG +WINDOW +AGE +SIZE +RECORDS$/m);
    expect(stdout).toMatch(
      new RegExp(`^cls +${second} +pending +fl-1 +2023-11-14 22:14:00Z \\+60 s +3 min +\\d+ B +4$`, 'm'),
    );
    expect(stdout).toContain(`  ${first}: InvalidContent: the key is empty\n`);
    expect(briefly(await list('--quarantined'))).toEqual([['cls', first, 'quarantined']]);
  });

  test('shows what is corrupt or of a newer version as that, and how many there are beyond the limit', async () => {
    const [, second, third] = await fill();
    const path = (name: string) => join(state, 'spool', 'sinks', 'cls', name);
    writeFileSync(path(second!), 'x'.repeat(99));
    const newer = readFileSync(path(third!));
    newer.writeUInt32LE(3, 8);
    writeFileSync(path(third!), newer.fill(7, 12));
    const found = await list('--limit', '2');
    expect(found.batches.map(({ state: is, records }) => [is, records])).toEqual([
      ['corrupt', null],
      ['newer', null],
    ]);
    expect(found.omitted).toBe(4);
    expect((await run('list', '--limit', '2')).stdout).toContain('4 more: raise --limit, or name a --sink.');
  });

  test('of an empty spool, or none, says so', async () => {
    expect(await run('list')).toEqual({ code: 0, stdout: `No batches in ${join(state, 'spool')}.\n`, stderr: '' });
    await fill();
    expect(await run('list', '--sink', 'moon')).toMatchObject({
      code: 64,
      stderr: expect.stringContaining('unknown sink moon'),
    });
  });

  test('reads beside an agent that has the spool', async () => {
    await fill();
    const spool = open();
    onTestFinished(() => spool.close());
    expect(briefly(await list()).length).toBe(6);
  });
});

describe('flowlogd spool export', () => {
  test('writes the records of batches that several sinks owe once', async () => {
    const names = await fill();
    const { code, stdout } = await run('export', '--all', '--sink', 'other');
    expect(code).toBe(0);
    expect(stdout.trim().split('\n').length).toBe(3 + 4 + 5);
    const { stdout: one } = await run('export', names[1]!);
    const [record] = one
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(record).toMatchObject({ interface_id: 'eni-1', packets: 1, bytes: 60, window_start: 1_700_000_040 });
    expect(one.trim().split('\n').length).toBe(4);
    const file = join(dirname(state), 'quarantined.txt');
    expect((await run('export', '--quarantined', '--format', 'text', '-o', file)).code).toBe(0);
    expect(readFileSync(file, 'utf8').trim().split('\n').length).toBe(1 + 3);
  });

  test('writes batches as they are, with their length before each, or a file each', async () => {
    const names = await fill();
    const { stdout } = await runRaw(['export', names[1]!, names[2]!, '--format', 'batch']);
    const batch = Buffer.from(batchOf(1, 4));
    expect(stdout.bytes.subarray(2, 2 + batch.length)).toEqual(batch);
    const folder = join(dirname(state), 'out');
    mkdirSync(folder);
    expect((await run('export', '--all', '--sink', 'cls', '-o', folder)).code).toBe(0);
    expect(readdirSync(folder).sort()).toEqual(names.map((name) => `cls-${name}.ndjson`).sort());
  });

  test('exports what it can of damage, and says the rest', async () => {
    const [, second, third] = await fill();
    writeFileSync(join(state, 'spool', 'sinks', 'cls', second!), 'x'.repeat(99));
    const { code, stdout, stderr } = await run('export', second!, third!, '--sink', 'cls');
    expect([code, stdout.trim().split('\n').length]).toEqual([65, 5]);
    expect(stderr).toContain('it is corrupt: it does not begin as a spool file does');
  });
});

describe('flowlogd spool retry', () => {
  test('makes quarantined batches pending again where no agent runs, without the ledger that a report has', async () => {
    const [first] = await fill();
    const answer = await run('retry', '--quarantined', '--json');
    expect(answer).toEqual({
      code: 0,
      stdout: `${JSON.stringify({ restored: [{ sink: 'cls', batch: first }], refused: [] })}\n`,
      stderr: '',
    });
    const spool = open();
    const queue = spool.queue('cls');
    const batches = await Promise.all(
      queue.oldest(9).map(async (name) => new FlowBatchReader((await queue.read(name))!)),
    );
    expect(batches.map(({ header, records }) => [header.part, records])).toEqual([
      [0, 3],
      [1, 4],
      [2, 5],
    ]);
    expect(batches.map(({ ledger }) => ledger?.metered.packets)).toEqual([undefined, 0, 0]);
    expect([spool.quarantinedFiles, spool.backlog().batches]).toEqual([0, 4]);
    expect(identityOf((await spool.queue('other').read(first!))!)).toBe('0');
    spool.close();
    expect(open().queue('cls').backlog().batches).toBe(3);
  });

  test('leaves in quarantine what is corrupt, and says so', async () => {
    const [first] = await fill();
    writeFileSync(join(state, 'spool', 'sinks', 'cls', 'quarantine', first!), 'x'.repeat(99));
    const { code, stderr } = await run('retry', first!, '--sink', 'cls');
    expect(code).toBe(65);
    expect(stderr).toContain(`${first} of cls stays in quarantine: it is corrupt: it does not begin`);
    expect(briefly(await list('--quarantined'))).toEqual([['cls', first, 'quarantined']]);
  });

  test('is refused while another process has the spool and cannot be asked', async () => {
    await fill();
    const spool = open();
    onTestFinished(() => spool.close());
    expect(await run('retry', '--quarantined')).toMatchObject({
      code: 69,
      stderr: expect.stringContaining('is in use by process'),
    });
  });
});

describe('flowlogd spool remove', () => {
  test('deletes what is left of a sink, and nothing of others', async () => {
    await fill();
    expect(await run('remove', 'cls')).toEqual({ code: 0, stdout: '3 batches of cls deleted.\n', stderr: '' });
    expect(readdirSync(join(state, 'spool', 'sinks'))).toEqual(['other']);
    expect(briefly(await list()).map(([sink]) => sink)).toEqual(['other', 'other', 'other']);
    expect((await run('remove', 'cls')).code).toBe(64);
  });
});

describe('of a running agent', () => {
  /** A spool with its control socket: `cls` is in its configuration, `other` not. */
  async function running() {
    await fill();
    const spool = open(['cls']);
    const world = new StatusWorld([]);
    world.spool.sinks = [spoolSink('cls'), { ...spoolSink('other'), configured: false, batches: 3 }];
    let tries = 0;
    const log = createLog({ level: 'error', nowMs: Date.now, destination: { write: () => undefined } });
    const operate = spoolRoutes(
      spoolControl(spool, () => tries++),
      log,
    );
    const path = join(dirname(state), 'control.sock');
    const read = () => {
      const status = world.collector.read();
      return { ...status, agent: { ...status.agent, stateDirectory: state } };
    };
    const endpoint = await openControlSocket(path, read, { operate });
    onTestFinished(async () => {
      await endpoint.stop();
      spool.close();
    });
    return { spool, tries: () => tries, ask: (...words: readonly string[]) => run(...words, '--socket', path) };
  }

  test('batches of a sink that is not configured are told from others, and can be removed', async () => {
    const { spool, ask } = await running();
    const found = JSON.parse((await ask('list', '--json')).stdout) as SpoolList;
    expect(found.agentRunning).toBe(true);
    expect(found.batches.filter(({ state: is }) => is === 'unconfigured').length).toBe(3);
    expect(await ask('remove', 'cls')).toMatchObject({
      code: 64,
      stderr: expect.stringContaining('The sink cls is in the configuration: take it out first.'),
    });
    expect(await ask('remove', 'other')).toMatchObject({ code: 0, stdout: '3 batches of other deleted.\n' });
    expect(spool.queues.map(({ sink }) => sink)).toEqual(['cls']);
    expect(spool.backlog().batches).toBe(2);
  });

  test('pending batches are tried at once, and quarantined ones are pending again', async () => {
    const { spool, tries, ask } = await running();
    expect(await ask('retry')).toMatchObject({ code: 0, stdout: 'Pending batches are being sent.\n' });
    expect([tries(), spool.quarantinedFiles]).toEqual([1, 1]);
    const answer = JSON.parse((await ask('retry', '--quarantined', '--json')).stdout) as RetryAnswer;
    expect([answer.restored.length, answer.refused, tries(), spool.quarantinedFiles]).toEqual([1, [], 2, 0]);
    expect(spool.queue('cls').backlog().batches).toBe(3);
  });
});

describe('the command line of flowlogd spool', () => {
  test.each([
    ['sweep', "unknown action 'sweep'; expected one of list, retry, export, remove"],
    ['export', 'export: name batches, or give --all or --quarantined'],
    ['export x --all', 'export: batches cannot be combined with --all or --quarantined'],
    ['export --all --json', 'export: unexpected option --json; expected --format'],
    ['list --format text', 'unexpected option --format; expected list'],
    ['remove', 'unexpected arguments; expected remove SINK'],
    ['retry moon', 'unknown batch moon; flowlogd spool list shows all.'],
  ])('refuses %s', async (line, sentence) => {
    const { code, stderr } = await run(...line.split(' '));
    expect([code, stderr]).toEqual([64, expect.stringContaining(sentence)]);
  });
});
