/**
 * An agent that is ended in good order, again and again, under numbered traffic. The oracle is the sender's own account: what
 * is in no record must have been sent while a ledger says that nobody captured.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { ObservedHost } from '../support/observed-host.ts';
import { compareTicks } from '../support/tick-account.ts';
import { TickSender } from '../support/ticks.ts';
import { twoHostsMissing } from '../support/two-hosts.ts';

const missing = twoHostsMissing();
if (missing !== undefined) process.stderr.write(`stopping: ${missing}\n`);

const STOPS = Number(process.env['FLOWLOGD_SOAK_ROUNDS'] ?? 6);
const WINDOW_SECONDS = 3;
/** In ten milliseconds: 5,000 a second. */
const PACKETS_PER_TICK = 50;

describe.skipIf(missing !== undefined)('an agent that SIGTERM ends', { timeout: 120_000 + STOPS * 10_000 }, () => {
  let host: ObservedHost;
  afterEach(() => host.hosts.remove());

  test(`counts every packet until the gap begins, ${STOPS} times`, async () => {
    host = await ObservedHost.start(WINDOW_SECONDS);
    await host.agent.start();
    const sender = new TickSender(host.hosts, PACKETS_PER_TICK);
    let outageSeconds = 0;
    for (let stop = 0; stop < STOPS; stop++) {
      await sleep(500 + Math.random() * 1000);
      const stoppedAt = Date.now();
      expect((await host.agent.stop()).code).toBe(0);
      await host.agent.start();
      outageSeconds += (Date.now() - stoppedAt) / 1000;
    }
    await sleep(500);
    const sent = await sender.stop();
    expect((await host.agent.stop()).code).toBe(0);
    const { gapSeconds, gapReasons, absentSeconds } = await compareTicks(host, sent, WINDOW_SECONDS);
    process.stderr.write(
      `stopping: ${STOPS} stops, ${absentSeconds.toFixed(2)} s missing, ${gapSeconds.toFixed(2)} s of gaps\n`,
    );
    expect(gapReasons).toEqual(['agent-not-running']);
    // A gap that said too much would hide a loss.
    expect(gapSeconds).toBeLessThanOrEqual(outageSeconds);
    await host.service.stop();
  });
});
