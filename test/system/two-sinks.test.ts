/**
 * An agent with two sinks, two log services on real sockets: each gets every batch, whatever becomes of the other, over kills at any
 * moment, an outage of one of them and a full disk. The oracle is the sender's own account, and the one store against the other; what a
 * kill costs is in test/system/durability.test.ts.
 */
import { mkdirSync, readFileSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AgentProcess } from '../support/agent-process.ts';
import { runCommand } from '../support/command.ts';
import { LogServiceProcess } from '../support/log-service-process.ts';
import { mountMemory } from '../support/mounted-disk.ts';
import { ObservedHost } from '../support/observed-host.ts';
import { countsOf } from '../support/stored-flows.ts';
import { storedTicks, TickSender, total } from '../support/ticks.ts';
import { countLines } from '../support/traffic.ts';
import { twoHostsMissing } from '../support/two-hosts.ts';

const missing = twoHostsMissing();
if (missing !== undefined) process.stderr.write(`two-sinks: ${missing}\n`);

const WINDOW_SECONDS = 2;
const PACKETS_PER_TICK = 20;
const ROUNDS = 4;
const OTHER_PORT = 9515;

describe.skipIf(missing !== undefined)('an agent with two sinks', { timeout: 240_000 }, () => {
  let host: ObservedHost;
  let other: LogServiceProcess;
  let agent: AgentProcess;
  beforeEach(async () => {
    host = await ObservedHost.start(WINDOW_SECONDS);
    const folder = dirname(host.agent.stateFolder);
    const { observed: namespace } = host.hosts;
    other = new LogServiceProcess({ namespace, folder: join(folder, 'other-store'), port: OTHER_PORT });
    await other.start();
    const sinks = { cls: host.service, other };
    agent = new AgentProcess({ namespace, folder, service: host.service, windowSeconds: WINDOW_SECONDS, sinks });
  });
  afterEach(() => host.hosts.remove());

  async function untilDelivered(): Promise<void> {
    while (agent.spooled.length > 0) await sleep(100);
  }

  /** What a stop leaves pending, because a sink is slow, goes at the next start. */
  async function stopAll(): Promise<void> {
    expect((await agent.stop()).code).toBe(0);
    if (agent.spooled.length === 0) return;
    await agent.start();
    await untilDelivered();
    expect((await agent.stop()).code).toBe(0);
  }

  test('brings every batch to both over kills, also while one is away', async () => {
    await agent.start();
    const sender = new TickSender(host.hosts, PACKETS_PER_TICK);
    for (let round = 0; round < ROUNDS; round++) {
      const away = round % 2 === 0 ? other : host.service;
      await away.stop();
      await sleep(Math.random() * 1.5 * WINDOW_SECONDS * 1000);
      await agent.stop('SIGKILL');
      // Some starts are killed themselves, in the middle of the recovery as a rule.
      if (round % 2 === 1) {
        agent.launch();
        await sleep(Math.random() * 900);
        await agent.stop('SIGKILL');
      }
      await agent.start();
      await away.start();
    }
    await host.windowBegin();
    const sent = await sender.stop();
    await stopAll();
    const stored = await storedTicks(host.service, sent.length);
    expect(stored.size).toBeGreaterThan(0);
    for (const [number, packets] of stored) expect(total(packets)).toBeLessThanOrEqual(total(sent[number]!.packets));
    expect(await storedTicks(other, sent.length)).toEqual(stored);
    await Promise.all([host.service.stop(), other.stop()]);
  });

  test('delivers to one while the other is away, for which one file of each batch is pending', async () => {
    await other.stop();
    await agent.start();
    for (let window = 0; window < 2; window++) {
      await host.windowBegin();
      host.sendBurst();
    }
    await host.untilArrived();
    await expect.poll(() => agent.spooledFor('cls')).toEqual([]);
    const pending = agent.spooledFor('other');
    expect(pending.length).toBeGreaterThan(0);
    expect(pending.map((name) => statSync(join(agent.sinkFolder('other'), name)).nlink)).toEqual(pending.map(() => 1));
    const status = await agent.status();
    expect(status!.spool.sinks).toMatchObject([
      { name: 'cls', configured: true, batches: 0 },
      { name: 'other', configured: true },
    ]);
    expect(status!.spool.sinks[1]!.batches).toBeGreaterThan(0);
    const list = await runCommand(['spool', 'list', '--state-directory', agent.stateFolder, '--sink', 'other']);
    for (const name of pending) expect(list.stdout).toContain(name);
    await other.start();
    await runCommand(['spool', 'retry', '--state-directory', agent.stateFolder]);
    await untilDelivered();
    await stopAll();
    const expected = countLines(host.counts);
    expect(countLines(countsOf(await host.service.query()))).toEqual(expected);
    expect(countLines(countsOf(await other.query()))).toEqual(expected);
    await Promise.all([host.service.stop(), other.stop()]);
  });

  test('that drains one delivers what is pending for it, and gives new records to the other alone', async () => {
    await other.stop();
    await agent.start();
    await host.windowBegin();
    host.sendBurst();
    await host.untilArrived();
    const before = countLines(host.counts);
    expect((await agent.stop()).code).toBe(0);
    expect(agent.spooledFor('other').length).toBeGreaterThan(0);
    const path = join(dirname(agent.stateFolder), 'flowlogd.yaml');
    writeFileSync(path, readFileSync(path, 'utf8').replace('other: { ', 'other: { drain: true, '));
    await other.start();
    await agent.start();
    const { sinks } = await agent.untilStatus();
    expect(sinks).toMatchObject([
      { name: 'cls', draining: false },
      { name: 'other', draining: true },
    ]);
    await host.windowBegin();
    host.sendBurst();
    await host.untilArrived();
    await untilDelivered();
    await stopAll();
    expect(countLines(countsOf(await host.service.query()))).toEqual(countLines(host.counts));
    expect(countLines(countsOf(await other.query()))).toEqual(before);
    await Promise.all([host.service.stop(), other.stop()]);
  });

  test('whose disk is full has a window for both sinks or for none, and delivers it to both when there is room', async () => {
    mkdirSync(agent.stateFolder);
    mountMemory(4 * 1024 ** 2, agent.stateFolder);
    const running = await agent.start();
    const filler = join(agent.stateFolder, 'filler');
    expect(() => {
      for (let bytes = 0; ; bytes += 4096) writeFileSync(filler, Buffer.alloc(4096), { flag: bytes === 0 ? 'w' : 'a' });
    }).toThrow('ENOSPC');
    await host.windowBegin();
    host.sendBurst();
    await running.until(({ stderr }) => stderr.includes('spool.unusable'));
    expect(agent.spooled).toEqual([]);
    unlinkSync(filler);
    await host.untilArrived();
    await stopAll();
    const expected = countLines(host.counts);
    expect(countLines(countsOf(await host.service.query()))).toEqual(expected);
    expect(countLines(countsOf(await other.query()))).toEqual(expected);
    await Promise.all([host.service.stop(), other.stop()]);
  });
});
