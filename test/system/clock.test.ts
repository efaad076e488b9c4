/**
 * The agent's clock set forward and back under live traffic, by libfaketime; the kernel's time of the packets stays. Whatever
 * windows the agent then makes of them, each packet is counted once.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { AgentProcess } from '../support/agent-process.ts';
import { compiled } from '../support/compiled.ts';
import { ObservedHost } from '../support/observed-host.ts';
import { isLedger, ledgerSum } from '../support/stored-flows.ts';
import { storedTicks, TickSender } from '../support/ticks.ts';
import { twoHostsMissing } from '../support/two-hosts.ts';

const LIBRARY = '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1';
const missing =
  twoHostsMissing() ?? (existsSync(LIBRARY) ? undefined : 'skipped: needs libfaketime (apt install faketime)');
if (missing !== undefined) process.stderr.write(`clock: ${missing}\n`);

const WINDOW_SECONDS = 2;

describe.skipIf(missing !== undefined)('an agent whose clock is set', { timeout: 180_000 }, () => {
  test.each([3600, -7200])('by %i s counts every packet once', async (stepSeconds) => {
    const host = await ObservedHost.start(WINDOW_SECONDS);
    onTestFinished(() => host.hosts.remove());
    const { hosts, service } = host;
    const folder = dirname(host.agent.stateFolder);
    const offset = join(folder, 'offset');
    writeFileSync(offset, '+0');
    const fake = ['FAKETIME_NO_CACHE=1', 'FAKETIME_DONT_FAKE_MONOTONIC=1', 'DONT_FAKE_MONOTONIC=1'];
    // The library keeps a semaphore in /dev/shm, which the sandbox of an agent has no use for.
    const through = [
      compiled('without-landlock.c'),
      'env',
      `LD_PRELOAD=${LIBRARY}`,
      `FAKETIME_TIMESTAMP_FILE=${offset}`,
      ...fake,
    ];
    const options = { namespace: hosts.observed, folder, service, windowSeconds: WINDOW_SECONDS, through };
    const agent = new AgentProcess(options);
    await agent.start();
    const sender = new TickSender(hosts, 20);
    await sleep(3000);
    writeFileSync(offset, stepSeconds > 0 ? `+${stepSeconds}` : String(stepSeconds));
    await sleep(4000);
    writeFileSync(offset, '+0');
    await sleep(3000);
    const sent = await sender.stop();
    const { code, stderr } = await agent.stop();
    expect(code).toBe(0);
    const saidAt = [...stderr.matchAll(/"time":"([^"]+)"/g)].map(([, time]) => Date.parse(time!) / 1000);
    const asStepped = saidAt.filter((seconds) => Math.abs(seconds - Date.now() / 1000 - stepSeconds) < 60);
    expect(asStepped.length, 'the agent has seen its clock step').toBeGreaterThan(0);
    expect(agent.spooled).toEqual([]);
    const stored = await storedTicks(service, sent.length);
    for (const [number, { packets }] of sent.entries()) expect(stored.get(number), `tick ${number}`).toEqual(packets);
    const ledgers = (await service.query('ledger-status:*')).filter(isLedger);
    expect(ledgerSum(ledgers, 'ledger-metered-packets')).toBe(hosts.counters().rx.packets);
    await service.stop();
  });
});
