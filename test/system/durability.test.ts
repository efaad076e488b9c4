/**
 * The agent killed at random moments under live traffic. The oracle is the sender's own account: of every hundredth of a
 * second it knows how many packets left, and the kernel says how many of them arrived at the interface. What is not in the log service
 * must have been sent in a time that a ledger there calls a gap; what is in it must be there once.
 *
 * FLOWLOGD_SOAK_ROUNDS makes it longer: `scripts/soak.sh 60`.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AgentProcess } from '../support/agent-process.ts';
import { compiled } from '../support/compiled.ts';
import { makeDisk, mountDisk, mountMemory } from '../support/mounted-disk.ts';
import { commandMissing } from '../support/network-namespace.ts';
import { ObservedHost } from '../support/observed-host.ts';
import { countsOf } from '../support/stored-flows.ts';
import { compareTicks } from '../support/tick-account.ts';
import { storedTicks, TICK_SECONDS, TickSender } from '../support/ticks.ts';
import { countLines } from '../support/traffic.ts';
import { twoHostsMissing } from '../support/two-hosts.ts';

const missing = twoHostsMissing();
const mountsMissing = missing ?? commandMissing('mkfs.ext4') ?? commandMissing('mount') ?? commandMissing('unshare');
for (const reason of new Set([missing, mountsMissing])) {
  if (reason !== undefined) process.stderr.write(`durability: ${reason}\n`);
}

const ROUNDS = Number(process.env['FLOWLOGD_SOAK_ROUNDS'] ?? 4);
/** Of a gap longer than ten windows only the first and the last have a row, and a busy machine takes its time for a start. */
const WINDOW_SECONDS = 5;
const PACKETS_PER_TICK = 20;
/** A kill costs its gap, and what the agent allows for the kernel's holding back and for the time between two rounds. */
const ALLOWANCE_SECONDS = 4;

const tablesIn = (agent: AgentProcess): string[] =>
  readdirSync(join(agent.stateFolder, 'tables')).filter((name) => !name.endsWith('.seen'));

describe.skipIf(missing !== undefined)('an agent that is killed', { timeout: 120_000 + ROUNDS * 20_000 }, () => {
  let host: ObservedHost;
  beforeEach(async () => {
    host = await ObservedHost.start(WINDOW_SECONDS);
  });
  afterEach(() => host.hosts.remove());

  async function killAfter(delayMs: number): Promise<void> {
    await sleep(delayMs);
    await host.agent.stop('SIGKILL');
  }

  test(`loses no packet but those of its gaps, and counts none twice, ${ROUNDS} times`, async () => {
    await host.agent.start();
    const sender = new TickSender(host.hosts, PACKETS_PER_TICK);
    let outageSeconds = 0;
    let kills = 0;
    for (let round = 0; round < ROUNDS; round++) {
      await killAfter(Math.random() * 1.5 * WINDOW_SECONDS * 1000);
      const killedAt = Date.now();
      expect(tablesIn(host.agent).some((name) => name.endsWith('.window'))).toBe(true);
      // Some starts are killed themselves, in the middle of the recovery as a rule.
      for (let start = Math.floor(Math.random() * 3); start > 0; start--, kills++) {
        host.agent.launch();
        await killAfter(Math.random() * 900);
      }
      await host.agent.start();
      outageSeconds += (Date.now() - killedAt) / 1000;
      kills += 1;
    }
    await sleep(500);
    const sent = await sender.stop();
    expect((await host.agent.stop()).code).toBe(0);
    expect([host.agent.spooled, tablesIn(host.agent)]).toEqual([[], []]);
    const { gapSeconds: gaps, absentSeconds: absent } = await compareTicks(host, sent, WINDOW_SECONDS);
    process.stderr.write(
      `durability: ${kills} kills, ${sent.length} ticks, of which ${Math.round(absent / TICK_SECONDS)} not whole, ` +
        `${gaps.toFixed(1)} s of gaps, ${outageSeconds.toFixed(1)} s without the agent\n`,
    );
    // A gap that said too much would hide a loss.
    expect(gaps).toBeLessThanOrEqual(outageSeconds + kills * ALLOWANCE_SECONDS);
    await host.service.stop();
  });
});

describe.skipIf(mountsMissing !== undefined)('an agent whose disk', { timeout: 120_000 }, () => {
  let host: ObservedHost;
  afterEach(() => host.hosts.remove());

  test('is full counts on in memory, says so once, and loses nothing when there is room again', async () => {
    host = await ObservedHost.start(WINDOW_SECONDS);
    mkdirSync(host.agent.stateFolder);
    mountMemory(4 * 1024 ** 2, host.agent.stateFolder);
    const running = await host.agent.start();
    const filler = join(host.agent.stateFolder, 'filler');
    expect(() => {
      for (let bytes = 0; ; bytes += 4096) writeFileSync(filler, Buffer.alloc(4096), { flag: bytes === 0 ? 'w' : 'a' });
    }).toThrow('ENOSPC');
    for (let window = 0; window < 2; window++) {
      await host.windowBegin();
      host.sendBurst();
    }
    await running.until(
      ({ stderr }) => stderr.includes('open windows not persisted') && stderr.includes('spool.unusable'),
    );
    unlinkSync(filler);
    await running.until(({ stderr }) => stderr.includes('persisted again'));
    host.sendBurst();
    const { code, stderr } = await host.agent.stop();
    expect(code).toBe(0);
    expect(stderr.match(/open windows not persisted/g)?.length).toBe(1);
    expect([host.agent.spooled, tablesIn(host.agent)]).toEqual([[], []]);
    expect(countLines(countsOf(await host.service.query()))).toEqual(countLines(host.counts));
    await host.service.stop();
  });

  test('loses power keeps what was counted until the last sync, and says from when on it does not know', async () => {
    host = await ObservedHost.start(60);
    const { stateFolder } = host.agent;
    const folder = dirname(stateFolder);
    const image = join(folder, 'disk.img');
    makeDisk(image, stateFolder);

    await host.agent.start();
    const sender = new TickSender(host.hosts, PACKETS_PER_TICK);
    const seen = () => {
      const [name] = readdirSync(join(stateFolder, 'tables')).filter((each) => each.endsWith('.seen'));
      return readFileSync(join(stateFolder, 'tables', name!)).readDoubleLE(4104);
    };
    const startedAt = Date.now() / 1000;
    while (seen() < startedAt + 2) await sleep(100);
    await sleep(1500);
    await host.agent.stop('SIGKILL');
    const synced = seen();
    execFileSync(compiled('cut-power.c'), [stateFolder]);
    // What the disk has, on a file system that other namespaces do not keep alive.
    copyFileSync(image, `${image}.kept`);
    mountDisk(`${image}.kept`, stateFolder);

    // Another boot, as far as this process can see.
    const bootId = join(folder, 'boot-id');
    writeFileSync(bootId, '00000000-1111-2222-3333-444444444444\n');
    const script = `mount --bind ${bootId} /proc/sys/kernel/random/boot_id && exec "$@"`;
    const through = ['unshare', '--mount', 'sh', '-c', script, 'sh'];
    const { hosts, service } = host;
    const after = new AgentProcess({ namespace: hosts.observed, folder, service, windowSeconds: 60, through });
    await after.start();
    const capturing = Date.now() / 1000;
    await sleep(500);
    const sent = await sender.stop();
    expect((await after.stop()).code).toBe(0);
    expect([after.spooled, tablesIn(after)]).toEqual([[], []]);

    const stored = await storedTicks(service, sent.length);
    // Whatever arrived a second before the sync had been taken in by then.
    const old = [...sent.entries()].filter(([, { toSeconds }]) => toSeconds < synced - 1);
    expect(old.length).toBeGreaterThan(100);
    for (const [number, { packets }] of old) expect(stored.get(number), `tick ${number}`).toEqual(packets);
    const { gapSeconds: gaps } = await compareTicks(host, sent, 60);
    expect(gaps).toBeGreaterThan(1.5);
    expect(gaps).toBeLessThanOrEqual(capturing - synced + 1.5);
    await service.stop();
  });
});
