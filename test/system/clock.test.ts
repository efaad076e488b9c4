/**
 * The agent's clock set forward and back under live traffic, by libfaketime; the kernel's time of the packets stays. Whatever
 * windows the agent then makes of them, each packet is counted once.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { AgentProcess } from '../support/agent-process.ts';
import type { RunningCommand } from '../support/command.ts';
import { ObservedHost } from '../support/observed-host.ts';
import { isLedger, ledgerSum } from '../support/stored-flows.ts';
import { storedTicks, TickSender } from '../support/ticks.ts';
import { twoHostsMissing } from '../support/two-hosts.ts';

const LIBRARY = '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1';
const missing =
  twoHostsMissing() ?? (existsSync(LIBRARY) ? undefined : 'skipped: needs libfaketime (apt install faketime)');
if (missing !== undefined) process.stderr.write(`clock: ${missing}\n`);

const WINDOW_SECONDS = 1;
/** Before a step, and after it. */
const WINDOWS = 3;

/** Waits until it has recorded so many windows by a clock that is so far off. */
async function recorded(windows: number, running: RunningCommand, offSeconds: number): Promise<void> {
  const from = running.stderr.length;
  const isOff = (time: string) => Math.abs(Date.parse(time) / 1000 - Date.now() / 1000 - offSeconds) < 60;
  await running.until(({ stderr }) => {
    const lines = stderr.slice(from).matchAll(/"time":"([^"]+)".*"message":"a window is in the spool"/g);
    return [...lines].filter(([, time]) => isOff(time!)).length >= windows;
  });
}

describe.skipIf(missing !== undefined)('an agent whose clock is set', { timeout: 180_000 }, () => {
  test.each([3600, -7200])('by %i s counts every packet once', async (stepSeconds) => {
    const host = await ObservedHost.start(WINDOW_SECONDS);
    onTestFinished(() => host.hosts.remove());
    const { hosts, service } = host;
    const folder = dirname(host.agent.stateFolder);
    const offset = join(folder, 'offset');
    writeFileSync(offset, '+0');
    const fake = ['FAKETIME_NO_CACHE=1', 'FAKETIME_DONT_FAKE_MONOTONIC=1', 'DONT_FAKE_MONOTONIC=1'];
    const through = ['env', `LD_PRELOAD=${LIBRARY}`, `FAKETIME_TIMESTAMP_FILE=${offset}`, ...fake];
    const options = { namespace: hosts.observed, folder, service, windowSeconds: WINDOW_SECONDS, through };
    const agent = new AgentProcess(options);
    const running = await agent.start();
    const sender = new TickSender(hosts, 20);
    for (const step of [0, stepSeconds, 0]) {
      writeFileSync(offset, step < 0 ? String(step) : `+${step}`);
      await recorded(WINDOWS, running, step);
    }
    const sent = await sender.stop();
    expect((await agent.stop()).code).toBe(0);
    expect(agent.spooled).toEqual([]);
    const stored = await storedTicks(service, sent.length);
    for (const [number, { packets }] of sent.entries()) expect(stored.get(number), `tick ${number}`).toEqual(packets);
    const ledgers = (await service.query('ledger-status:*')).filter(isLedger);
    expect(ledgerSum(ledgers, 'ledger-metered-packets')).toBe(hosts.counters().rx.packets);
    await service.stop();
  });
});
