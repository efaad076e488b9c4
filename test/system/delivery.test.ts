import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ObservedHost } from '../support/observed-host.ts';
import { countsOf, isFlow, storedTwice } from '../support/stored-flows.ts';
import { countLines } from '../support/traffic.ts';
import { twoHostsMissing } from '../support/two-hosts.ts';

const missing = twoHostsMissing();
if (missing !== undefined) process.stderr.write(`delivery: ${missing}\n`);

const WINDOW_SECONDS = 1;

describe.skipIf(missing !== undefined)('an agent in trouble', { timeout: 180_000 }, () => {
  let host: ObservedHost;
  beforeEach(async () => {
    host = await ObservedHost.start(WINDOW_SECONDS);
  });
  afterEach(() => host.hosts.remove());

  test('loses nothing and stores nothing twice while the log service stops, starts and is killed', async () => {
    await host.agent.start();
    const send = async (bursts: number) => {
      for (let burst = 0; burst < bursts; burst++) {
        host.sendBurst();
        await sleep(150);
      }
    };
    await send(5);
    await host.service.stop();
    await send(12);
    await host.service.start();
    await send(5);
    // Killed while the waiting batches are being uploaded, mostly.
    await host.service.stop('SIGKILL');
    await send(3);
    await host.service.start();
    await host.untilArrived();
    expect((await host.agent.stop()).code).toBe(0);
    expect(host.agent.spooled).toEqual([]);
    const logs = await host.service.query();
    expect(countLines(countsOf(logs))).toEqual(countLines(host.counts));
    expect(storedTwice(logs)).toEqual([]);
    await host.service.stop();
  });

  test('delivers a backlog exactly once although it is killed while it waits and while it drains', async () => {
    await host.service.stop();
    await host.agent.start();
    for (let round = 0; round < 5; round++) {
      await host.windowBegin();
      host.sendBurst();
    }
    const kernel = host.hosts.counters();
    // The fifth window is recorded while the sixth, or one after it, is open.
    await expect.poll(() => host.agent.spooled.length).toBeGreaterThan(5);
    const backlog = host.agent.spooled;
    await host.agent.stop('SIGKILL');
    expect(host.agent.spooled).toEqual(backlog);
    const state = host.agent.stateDigests;
    expect(Object.keys(state).some((path) => path.includes('/tables/'))).toBe(true);
    expect((await host.agent.launchMisconfigured()).code).toBe(78);
    expect(host.agent.stateDigests).toEqual(state);
    expect(host.agent.spooled).toEqual(backlog);

    await host.service.start();
    for (const delayMs of [0, 5, 20]) {
      const running = host.agent.launch();
      await running.until(({ stderr }) => /"delivered"|"capturing"/.test(stderr));
      await sleep(delayMs);
      await host.agent.stop('SIGKILL');
    }
    await host.agent.start();
    await host.untilArrived();
    expect((await host.agent.stop()).code).toBe(0);
    expect(host.agent.spooled).toEqual([]);
    expect(host.hosts.counters()).toMatchObject({ rx: kernel.rx, tx: kernel.tx });
    const logs = await host.service.query();
    expect(countLines(countsOf(logs))).toEqual(countLines(host.counts));
    expect(storedTwice(logs.filter(isFlow))).toEqual([]);
    await host.service.stop();
  });
});
