/**
 * The clock of the whole machine set under live traffic, the kernel's time of the packets with it; and the machine put to
 * sleep. Every packet is counted once, in windows that come to the log service while the agent runs, and the gaps say what was
 * jumped over. Runs only where that does no harm: scripts/test-clock.sh.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { StoredLog } from '../support/log-service-process.ts';
import { clockMissing, MachineClock } from '../support/machine-clock.ts';
import { ObservedHost } from '../support/observed-host.ts';
import { isLedger, ledgerSum } from '../support/stored-flows.ts';
import { storedTicks, type Tick, TickSender, total } from '../support/ticks.ts';
import { twoHostsMissing } from '../support/two-hosts.ts';

const missing = twoHostsMissing() ?? clockMissing();
if (missing !== undefined) process.stderr.write(`clock-step: ${missing}\n`);

const IS_LEDGER = 'ledger-status:*';
/** What the clock of a machine without a battery may show at its start. */
const YEAR_2000 = Date.UTC(2000, 0, 1) / 1000;

let clock: MachineClock;

describe.skipIf(missing !== undefined)('a machine', { timeout: 170_000 }, () => {
  beforeEach(() => {
    clock = new MachineClock();
  });
  afterEach(() => {
    clock.restore();
  });

  test.each([
    { windowSeconds: 2, steps: [3600, -7200, 5, -3, 3600, -2] },
    { windowSeconds: 2, steps: [0.5, -0.5, 1.5, -1.5, 0.9, -2.5] },
    { windowSeconds: 60, steps: [61, -61, 20, -10, 3600, -7200] },
  ])('whose clock is set by $steps s counts every packet once in windows of $windowSeconds s', async (given) => {
    const { windowSeconds, steps } = given;
    const host = await observed(windowSeconds);
    const sender = new TickSender(host.hosts, 3);
    await sleep(3000);
    for (const seconds of steps) {
      clock.step(seconds);
      await sleep(3000);
    }
    const ledgers = await compare(host, await sender.stop());
    report('steps', ledgers);
    // A window each time that the clock stands in it, those that were jumped over, and the strays of each step.
    const lived = ((steps.length + 1) * 4) / windowSeconds + 2;
    expect(ledgers.length).toBeLessThan(lived + 16 * steps.length);
  });

  test('whose clock runs faster, then slower, misses nothing and has no gap', async () => {
    const host = await observed(2);
    const sender = new TickSender(host.hosts, 3);
    clock.slew(0.5);
    await sleep(6000);
    clock.slew(-0.5);
    await sleep(6000);
    const ledgers = await compare(host, await sender.stop());
    report('slew', ledgers);
    expect(gapsOf(ledgers).reasons).toEqual([]);
  });

  test('whose clock is set two hours back goes on sending windows, each once', async () => {
    const host = await observed(2);
    const sender = new TickSender(host.hosts, 3);
    await sleep(4000);
    clock.step(-7200);
    const steppedTo = Date.now() / 1000;
    await sleep(1000);
    const later = (log: StoredLog) => startOf(log) >= steppedTo + 4 && startOf(log) < steppedTo + 3600;
    await host.service.until((logs) => logs.filter(later).length >= 2, IS_LEDGER);
    const ledgers = await compare(host, await sender.stop());
    report('back', ledgers);
    const starts = ledgers.filter(later).map(startOf);
    expect(starts.length).toBe(new Set(starts).size);
    expect(gapsOf(ledgers).reasons).toEqual([]);
  });

  test('that starts in the year 2000, and then learns the time, goes on at once and tells the gap in a few rows', async () => {
    const years = Date.now() / 1000 - YEAR_2000;
    clock.step(-years);
    const host = await observed(2);
    const sender = new TickSender(host.hosts, 3);
    await sleep(4000);
    clock.step(years);
    const steppedTo = Date.now() / 1000;
    await host.service.until((logs) => logs.some((log) => startOf(log) >= steppedTo + 2), IS_LEDGER);
    const ledgers = await compare(host, await sender.stop());
    report('year 2000', ledgers);
    expect(ledgers.length).toBeLessThan(20);
    expect(gapsOf(ledgers).reasons).toEqual(['clock-jumped']);
  });

  test('whose interface is away when its clock is set back captures again at once, and has the gap', async () => {
    const host = await observed(2);
    const first = new TickSender(host.hosts, 3);
    await sleep(2000);
    const sent = [...(await first.stop())];
    const received = host.hosts.counters().rx.packets;
    await sleep(500);
    host.hosts.cut();
    await sleep(2000);
    clock.step(-3600);
    await sleep(2000);
    host.hosts.join();
    await sleep(1500);
    const before = host.hosts.counters().rx.packets;
    const second = new TickSender(host.hosts, 5);
    await sleep(2000);
    sent.push(...(await second.stop()));
    const { code } = await host.agent.stop();
    expect(code).toBe(0);
    const ledgers = (await host.service.query(IS_LEDGER)).filter(isLedger);
    report('away', ledgers);
    expect(ledgerSum(ledgers, 'ledger-metered-packets')).toBe(received + host.hosts.counters().rx.packets - before);
    expect(sum(sent)).toBe(ledgerSum(ledgers, 'ledger-metered-packets'));
    const gaps = gapsOf(ledgers);
    expect(gaps.reasons).toEqual(['interface-gone']);
    expect(gaps.seconds).toBeGreaterThan(3.5);
    expect(gaps.seconds).toBeLessThan(6);
    await host.service.stop();
  });

  test('that sleeps says for how long, and counts what came before and after', async () => {
    const host = await observed(2);
    const sender = new TickSender(host.hosts, 3);
    await sleep(3000);
    const slept = clock.suspend();
    await sleep(3000);
    const ledgers = await compare(host, await sender.stop());
    report(`slept ${slept.toFixed(1)} s`, ledgers);
    const gaps = gapsOf(ledgers);
    expect(slept).toBeGreaterThan(2);
    expect(gaps.reasons).toEqual(['suspended']);
    expect(gaps.seconds).toBeGreaterThan(slept - 0.5);
    expect(gaps.seconds).toBeLessThan(slept + 2);
  });
});

/** A host whose agent captures. */
async function observed(windowSeconds: number): Promise<ObservedHost> {
  const host = await ObservedHost.start(windowSeconds);
  onTestFinished(() => host.hosts.remove());
  await host.agent.start();
  return host;
}

/** Ends the agent and holds what the log service has against the sender's account and the kernel's; answers the ledgers. */
async function compare({ agent, hosts, service }: ObservedHost, sent: readonly Tick[]): Promise<StoredLog[]> {
  const { code } = await agent.stop();
  expect(code).toBe(0);
  expect(agent.spooled).toEqual([]);
  const stored = await storedTicks(service, sent.length);
  for (const [number, { packets }] of sent.entries()) expect(stored.get(number), `tick ${number}`).toEqual(packets);
  const ledgers = (await service.query(IS_LEDGER)).filter(isLedger);
  expect(ledgerSum(ledgers, 'ledger-metered-packets')).toBe(hosts.counters().rx.packets);
  expect(ledgerSum(ledgers, 'ledger-offered-packets')).toBe(hosts.counters().rx.packets);
  await service.stop();
  return ledgers;
}

function startOf(ledger: StoredLog): number {
  return Number(ledger['start']);
}

function sum(sent: readonly Tick[]): number {
  return sent.reduce((all, { packets }) => all + total(packets), 0);
}

/** What the gaps of all windows come to, and every reason that one of them has. */
function gapsOf(ledgers: readonly StoredLog[]): { readonly seconds: number; readonly reasons: readonly string[] } {
  const reasons = ledgers.flatMap((ledger) => String(ledger['ledger-gap-reasons'] ?? '').split(','));
  const told = new Set(reasons.filter((reason) => reason !== ''));
  return { seconds: ledgerSum(ledgers, 'ledger-gap-seconds'), reasons: [...told].sort() };
}

/** What scripts/test-clock.sh shows beside the names of the tests. */
function report(what: string, ledgers: readonly StoredLog[]): void {
  const { seconds, reasons } = gapsOf(ledgers);
  const packets = ledgerSum(ledgers, 'ledger-metered-packets');
  const gaps = `gaps of ${seconds.toFixed(1)} s (${reasons.join(', ') || 'none'})`;
  process.stderr.write(`${what}: ${packets} packets in ${ledgers.length} windows, ${gaps}\n`);
}
