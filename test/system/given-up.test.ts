/**
 * An outage that the spool cannot hold: the built agent evicts what goes over its limits and what is damaged, is killed while
 * it does, and tells the log service when that is back. Whoever adds up there what arrived and what was evicted must find what
 * the writer of the backlog wrote.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SPOOL_HEADER_BYTES } from '../../agent/spool/spool-file.ts';
import { contextFlow } from '../../agent/wire/context-flow.ts';
import { FlowBatchReader, sumRecords } from '../../agent/wire/flow-batch-reader.ts';
import { AgentProcess } from '../support/agent-process.ts';
import { BACKLOG_INTERFACE, type Backlog, storedBatches, writeBacklog } from '../support/backlog.ts';
import { type RunningCommand, runCommand } from '../support/command.ts';
import { ObservedHost } from '../support/observed-host.ts';
import { twoHostsMissing } from '../support/two-hosts.ts';

const missing = twoHostsMissing();
if (missing !== undefined) process.stderr.write(`given-up: ${missing}\n`);

const WINDOW_SECONDS = 2;
/** Four batches of two blocks a window: 17 MiB, over the smallest bound that can be configured. */
const OUTAGE = { windows: 540, windowSeconds: 60, flowsPerWindow: 640, recordsPerBatch: 160 };
const BATCHES = 4 * OUTAGE.windows;
const FULL = 'spool full, evicting the oldest batches';
const OLD = 'evicting batches over the age limit of the spool';
const WITHIN = 'the spool is within its limits again';

/** What a batch was, before it was damaged. */
interface Damaged {
  readonly id: string;
  readonly packets: number;
  readonly bytes: number;
  readonly metered: number;
}

describe.skipIf(missing !== undefined)('an outage longer than the spool', { timeout: 240_000 }, () => {
  let host: ObservedHost;
  let folder: string;
  beforeEach(async () => {
    host = await ObservedHost.start(WINDOW_SECONDS);
    folder = host.agent.sinkFolder();
  });
  afterEach(() => host.hosts.remove());

  /** The same agent, with an option of the environment. */
  function agentWith(option: string): AgentProcess {
    return new AgentProcess({
      namespace: host.hosts.observed,
      folder: join(host.agent.stateFolder, '..'),
      service: host.service,
      windowSeconds: WINDOW_SECONDS,
      through: ['env', option],
    });
  }

  /** Where batches may wait no longer than so many windows of the backlog. */
  function agentThatKeeps(windows: number): AgentProcess {
    return agentWith(`FLOWLOGD_SPOOL_AGE_SECONDS_MAX=${windows * OUTAGE.windowSeconds}`);
  }

  /** Changes one byte, so far behind the header or, where negative, before the end. */
  function damage(name: string, at: number): Damaged {
    const path = join(folder, name);
    const file = readFileSync(path);
    const batch = new FlowBatchReader(file.subarray(SPOOL_HEADER_BYTES));
    const { packets, bytes } = sumRecords(batch);
    file[at < 0 ? file.length + at : SPOOL_HEADER_BYTES + at]! ^= 1;
    writeFileSync(path, file);
    return { id: contextFlow(batch.header), packets, bytes, metered: batch.ledger?.metered.packets ?? 0 };
  }

  /** Evicts batches over a limit, killed in the middle of it and then not; answers the second run. */
  async function giveUp(killed: AgentProcess, agent: AgentProcess, said: string): Promise<RunningCommand> {
    await killed.launch().until(({ stderr }) => stderr.includes(said));
    await sleep(Math.random() * 100);
    await killed.stop('SIGKILL');
    process.stderr.write(`given-up: killed with ${agent.spooled.length} batches left\n`);
    const running = await agent.start();
    await running.until(({ stderr }) => stderr.includes(said));
    const { stdout } = await runCommand(['status', '--state-directory', agent.stateFolder]);
    expect(stdout).toMatch(/Spool over its limit: \d+ batches with \d+ packets evicted/);
    return running;
  }

  /** Over the limit in bytes each window of its own pushes out an older batch. */
  async function giveUpForBytes(): Promise<void> {
    const agent = agentWith('FLOWLOGD_SPOOL_BYTES_MAX=16MiB');
    const running = await giveUp(agent, agent, FULL);
    await running.until(({ stderr }) => times(stderr, 'window written to the spool') > 1);
    await agent.stop('SIGKILL');
    expect(times(running.stderr, FULL)).toBe(1);
  }

  async function giveUpForAge(): Promise<void> {
    const agent = agentThatKeeps(40);
    const running = await giveUp(agentThatKeeps(300), agent, OLD);
    await running.until(({ stderr }) => stderr.includes(WITHIN));
    await agent.stop('SIGKILL');
    expect([times(running.stderr, OLD), times(running.stderr, WITHIN)]).toEqual([1, 1]);
  }

  async function deliver(): Promise<void> {
    for (let kill = 0; kill < 2; kill++) {
      await host.agent.launch().until(({ stderr }) => stderr.includes('"delivered"'));
      await sleep(Math.random() * 200);
      await host.agent.stop('SIGKILL');
    }
    await host.agent.start();
    while (readdirSync(folder).some((name) => /\.lost|\.flows$/.test(name))) await sleep(50);
    expect((await host.agent.stop()).code).toBe(0);
  }

  /** `untold`: those of which nobody can know anything. */
  async function compareSums(backlog: Backlog, untold: readonly Damaged[]): Promise<void> {
    const of = (key: string) => `sum("ledger-${key}")`;
    const [row] = await host.service.query(
      `interface-id:${BACKLOG_INTERFACE} | select sum(packets) as packets, sum(bytes) as bytes, ` +
        `${of('evicted-packets')} as lost, ${of('evicted-bytes')} as "lostBytes", ${of('metered-packets')} as metered`,
    );
    const told = (name: string) => Number(row![name]);
    expect({
      packets: told('packets') + told('lost'),
      bytes: told('bytes') + told('lostBytes'),
      metered: told('metered'),
    }).toEqual({
      packets: sum(backlog.windows, 'packets') - sum(untold, 'packets'),
      bytes: sum(backlog.windows, 'bytes') - sum(untold, 'bytes'),
      metered: sum(backlog.windows, 'packets') - sum(untold, 'metered'),
    });
    expect(told('packets')).toBeGreaterThan(0);
    expect(told('lost')).toBeGreaterThan(told('packets'));
  }

  /** Each batch that arrived is there once and whole; what is no batch of the backlog is an account: a row and a ledger. */
  async function compareBatches(backlog: Backlog, damaged: readonly Damaged[]): Promise<void> {
    const stored = await storedBatches(host.service);
    const expected = [...stored.keys()].map((id) => [id, backlog.batches.get(id) ?? 2] as const);
    expect([...stored]).toEqual(expected.map(([id, logs]) => [id, { logs, places: logs }]));
    expect(damaged.filter(({ id }) => stored.has(id))).toEqual([]);
  }

  test('ends with every packet told once, as a record or as given up, over kills and damage', async () => {
    const backlog = writeBacklog(join(host.agent.stateFolder, 'spool'), OUTAGE, Date.now() / 1000);
    const names = readdirSync(folder).sort();
    expect(names.length).toBe(BATCHES);
    // Of each kind some that go over a limit before they are sent, and one that is sent.
    const told = [20, 1000, BATCHES - 1].map((index) => damage(names[index]!, -1));
    const untold = [1003, BATCHES - 6].map((index) => damage(names[index]!, 10));
    await host.service.stop();
    await giveUpForBytes();
    await giveUpForAge();
    await host.service.start();
    await deliver();
    await compareSums(backlog, untold);
    await compareBatches(backlog, [...told, ...untold]);
    const reasons = readdirSync(join(folder, 'quarantine')).filter((name) => name.endsWith('.reason.txt'));
    const unknown = reasons.filter((name) =>
      readFileSync(join(folder, 'quarantine', name), 'utf8').includes('unknown'),
    );
    expect([reasons.length, unknown.length]).toEqual([3, 2]);
    await host.service.stop();
  });
});

function times(text: string, said: string): number {
  return text.split(said).length - 1;
}

function sum<Key extends string>(of: readonly Readonly<Record<Key, number>>[], key: Key): number {
  return of.reduce((total, each) => total + each[key], 0);
}
