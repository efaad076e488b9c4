/**
 * An agent that is ended in good order, again and again, under numbered traffic. The oracle is the sender's own account: what
 * is in no record must have been sent while, by what the agent wrote down at its end, nobody captured.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { UNTIL_AT } from '../../agent/meter/observed-until.ts';
import type { RunningCommand } from '../support/command.ts';
import { ObservedHost } from '../support/observed-host.ts';
import { isLedger } from '../support/stored-flows.ts';
import { storedTicks, TickSender, total } from '../support/ticks.ts';
import { twoHostsMissing } from '../support/two-hosts.ts';

const missing = twoHostsMissing();
if (missing !== undefined) process.stderr.write(`stopping: ${missing}\n`);

const STOPS = Number(process.env['FLOWLOGD_SOAK_ROUNDS'] ?? 6);
const WINDOW_SECONDS = 3;
/** In ten milliseconds: 5,000 a second. */
const PACKETS_PER_TICK = 50;
/** Between a packet's leaving the sender and its arrival the kernel may be busy with others. */
const UNDER_WAY_SECONDS = 0.025;

interface Outage {
  readonly fromSeconds: number;
  readonly toSeconds: number;
}

describe.skipIf(missing !== undefined)('an agent that SIGTERM ends', { timeout: 120_000 + STOPS * 10_000 }, () => {
  let host: ObservedHost;
  afterEach(() => host.hosts.remove());

  /** Until when the interface was observed, by the file that the next start reads. */
  function observedUntil(): number {
    const folder = join(host.agent.stateFolder, 'tables');
    const [name] = readdirSync(folder).filter((file) => file.endsWith('.seen'));
    return readFileSync(join(folder, name!)).readDoubleLE(UNTIL_AT);
  }

  /** For how long nobody captured, as the start says. */
  async function gapSeconds(running: RunningCommand): Promise<number> {
    await running.until(({ stderr }) => stderr.includes('"gapSeconds":'));
    return Number(/"gapSeconds":([0-9.]+)/.exec(running.stderr)![1]);
  }

  test(`counts every packet until the gap begins, ${STOPS} times`, async () => {
    host = await ObservedHost.start(WINDOW_SECONDS);
    await host.agent.start();
    const sender = new TickSender(host.hosts, PACKETS_PER_TICK);
    const outages: Outage[] = [];
    for (let stop = 0; stop < STOPS; stop++) {
      await sleep(100 + Math.random() * 1000);
      expect((await host.agent.stop()).code).toBe(0);
      const fromSeconds = observedUntil();
      outages.push({ fromSeconds, toSeconds: fromSeconds + (await gapSeconds(await host.agent.start())) });
    }
    await sleep(500);
    const sent = await sender.stop();
    expect((await host.agent.stop()).code).toBe(0);

    const stored = await storedTicks(host.service, sent.length);
    const absent = sent.filter(({ packets }, number) => total(stored.get(number) ?? { 4: 0, 6: 0 }) !== total(packets));
    const isExplained = (fromSeconds: number, toSeconds: number) =>
      outages.some(
        (outage) =>
          toSeconds > outage.fromSeconds - UNDER_WAY_SECONDS && fromSeconds < outage.toSeconds + UNDER_WAY_SECONDS,
      );
    expect(absent.filter((tick) => !isExplained(tick.fromSeconds, tick.toSeconds))).toEqual([]);
    const ledgers = (await host.service.query('ledger-status:*')).filter(isLedger);
    const gaps = ledgers.reduce((sum, ledger) => sum + Number(ledger['ledger-gap-seconds']), 0);
    const away = outages.reduce((sum, { fromSeconds, toSeconds }) => sum + toSeconds - fromSeconds, 0);
    expect(gaps).toBeCloseTo(away, 1);
    await host.service.stop();
  });
});
