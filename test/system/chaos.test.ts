/**
 * Everything at once, at random, under live traffic: the agent killed, ended and stopped for a while, its log service killed,
 * interfaces that come by the hundred and go. The oracle is the sender's own account: of every hundredth of a second it knows
 * how many packets left. What is not in the log service was sent in a time that a ledger there calls a gap; what is in it is
 * there once.
 *
 * FLOWLOGD_SOAK_ROUNDS makes it longer: `scripts/soak.sh 60`.
 */
import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ObservedHost } from '../support/observed-host.ts';
import { compareTicks } from '../support/tick-account.ts';
import { TickSender } from '../support/ticks.ts';
import { twoHostsMissing } from '../support/two-hosts.ts';

const missing = twoHostsMissing();
if (missing !== undefined) process.stderr.write(`chaos: ${missing}\n`);

const ROUNDS = Number(process.env['FLOWLOGD_SOAK_ROUNDS'] ?? 6);
/** A thousand in a soak. */
const STORM_INTERFACES = Math.min(1000, ROUNDS * 17);
/** Of a gap longer than ten windows only the first and the last have a row, and a busy machine takes its time for a start. */
const WINDOW_SECONDS = 5;
const PACKETS_PER_TICK = 20;
/** What a kill may say too much: what the kernel held back, and the time between two rounds. */
const ALLOWANCE_SECONDS = 4;

describe.skipIf(missing !== undefined)('an agent and all around it', { timeout: 180_000 + ROUNDS * 30_000 }, () => {
  let host: ObservedHost;
  let outageSeconds: number;
  beforeEach(async () => {
    outageSeconds = 0;
    host = await ObservedHost.start(WINDOW_SECONDS, '', `{ interfaces: ['storm*'], windowSeconds: ${WINDOW_SECONDS} }`);
  });
  afterEach(() => host.hosts.remove());

  async function restart(signal: NodeJS.Signals): Promise<void> {
    const endedAt = Date.now();
    await host.agent.stop(signal);
    await host.agent.start();
    outageSeconds += (Date.now() - endedAt) / 1000;
  }

  async function standStill(): Promise<void> {
    process.kill(host.agent.pid, 'SIGSTOP');
    await sleep(Math.random() * 1500);
    process.kill(host.agent.pid, 'SIGCONT');
  }

  async function killService(): Promise<void> {
    await host.service.stop('SIGKILL');
    await sleep(Math.random() * 2000);
    await host.service.start();
  }

  async function storm(): Promise<void> {
    const numbers = Array.from({ length: STORM_INTERFACES }, (_, number) => number);
    const batch = (line: (number: number) => string) =>
      execFileSync('ip', ['-n', host.hosts.observed.name, '-batch', '-'], {
        input: numbers.map((number) => `${line(number)}\n`).join(''),
      });
    batch((number) => `link add storm${number} up type veth peer name far${number}`);
    await sleep(Math.random() * 1500);
    batch((number) => `link delete storm${number}`);
  }

  const EVENTS: readonly (() => Promise<void>)[] = [
    () => restart('SIGKILL'),
    () => restart('SIGTERM'),
    standStill,
    killService,
    storm,
  ];

  test(`lose no packet that no ledger explains, ${ROUNDS} times`, async () => {
    await host.agent.start();
    const sender = new TickSender(host.hosts, PACKETS_PER_TICK);
    for (let round = 0; round < ROUNDS; round++) {
      await sleep(Math.random() * WINDOW_SECONDS * 1000);
      await EVENTS[round < EVENTS.length ? round : Math.floor(Math.random() * EVENTS.length)]!();
    }
    await sleep(500);
    const sent = await sender.stop();
    expect((await host.agent.stop()).code).toBe(0);
    // What a dead log service had not taken is delivered by the next run.
    if (host.agent.spooled.length > 0) await deliverRest();
    const { gapSeconds, absentSeconds } = await compareTicks(host, sent, WINDOW_SECONDS);
    process.stderr.write(
      `chaos: ${ROUNDS} rounds, ${STORM_INTERFACES} interfaces a storm, ${absentSeconds.toFixed(2)} s missing, ` +
        `${gapSeconds.toFixed(2)} s of gaps\n`,
    );
    expect(gapSeconds).toBeLessThanOrEqual(outageSeconds + ROUNDS * ALLOWANCE_SECONDS);
    await host.service.stop();
  });

  async function deliverRest(): Promise<void> {
    const startedAt = Date.now();
    await host.agent.start();
    await host.agent.untilDelivered();
    expect((await host.agent.stop()).code).toBe(0);
    outageSeconds += (Date.now() - startedAt) / 1000;
  }
});
