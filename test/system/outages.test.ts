/**
 * The observed interface taken away under live traffic, at random moments and for random times. The oracle is the sender's own
 * account: of every hundredth of a second it knows how many packets left, and no more can have left than the interface counted.
 * Those that are not in the log service were sent in a time that a ledger there calls a gap, and a gap is not much longer
 * than the interface was away.
 *
 * FLOWLOGD_SOAK_ROUNDS makes it longer: `scripts/soak.sh 60`.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { InterfaceStatus } from '../../agent/telemetry/agent-status.ts';
import { startProgram } from '../support/command.ts';
import { compiled } from '../support/compiled.ts';
import { NetworkNamespace } from '../support/network-namespace.ts';
import { ObservedHost } from '../support/observed-host.ts';
import { isLedger, ledgerSum } from '../support/stored-flows.ts';
import { compareTicks, sentThrough } from '../support/tick-account.ts';
import { TICK_SECONDS, type Tick, TickSender } from '../support/ticks.ts';
import { type TwoHosts, twoHostsMissing } from '../support/two-hosts.ts';

const missing = twoHostsMissing();
if (missing !== undefined) process.stderr.write(`outages: ${missing}\n`);

const ROUNDS = Number(process.env['FLOWLOGD_SOAK_ROUNDS'] ?? 4);
const WINDOW_SECONDS = 2;
const PACKETS_PER_TICK = 30;
/**
 * A gap begins with what was surely read, up to 0.75 s before the interface went: a round without packets, and what the kernel
 * may hold back. It ends when the interface is opened again, up to a second after its return: the last look at the old capture,
 * and a try twice a second. The rest is for a machine that is busy.
 */
const ALLOWANCE_SECONDS = 2;

/** What a backlog of the kernel's holds (net.core.netdev_max_backlog): packets that an interface counted, and nobody saw, when it goes. */
const BACKLOG_PACKETS = 1000;

/** What the kernel had counted on an interface that was about to be deleted, asked between these two moments. */
interface LastReading {
  readonly fromSeconds: number;
  readonly toSeconds: number;
  readonly packets: number;
}

/** One way to lose an interface. */
interface Outage {
  readonly name: string;
  /** Whether a capture must be opened again. */
  readonly endsCapture: boolean;
  begin(hosts: TwoHosts, elsewhere: NetworkNamespace): void;
  end(hosts: TwoHosts, elsewhere: NetworkNamespace): void;
}

const OUTAGES: readonly Outage[] = [
  {
    name: 'deleted',
    endsCapture: true,
    begin: (hosts) => hosts.cut(),
    end: (hosts) => hosts.join(),
  },
  {
    name: 'down',
    endsCapture: false,
    begin: ({ observed }) => observed.ip('link', 'set', 'obs0', 'down'),
    end: ({ observed }) => observed.ip('link', 'set', 'obs0', 'up'),
  },
  {
    name: 'renamed',
    endsCapture: true,
    begin: ({ observed }) => observed.ip('link', 'set', 'obs0', 'name', 'other0'),
    end: ({ observed }) => observed.ip('link', 'set', 'other0', 'name', 'obs0'),
  },
  {
    name: 'in another namespace',
    endsCapture: true,
    begin: ({ observed }, elsewhere) => {
      observed.ip('link', 'set', 'obs0', 'netns', elsewhere.name);
      elsewhere.ip('link', 'set', 'obs0', 'up');
    },
    end: ({ observed }, elsewhere) => {
      elsewhere.ip('link', 'set', 'obs0', 'netns', observed.name);
      observed.ip('link', 'set', 'obs0', 'up');
    },
  },
];

/** The counters go with their interface, so they are compared as of just before. */
function lastReading(hosts: TwoHosts): LastReading {
  const fromSeconds = Date.now() / 1000;
  const { packets } = hosts.counters().rx;
  return { fromSeconds, packets, toSeconds: (Date.now() + 1) / 1000 };
}

function expectAgreed(sent: readonly Tick[], readings: readonly LastReading[]): void {
  const indexes = [...new Set(sent.map(({ interfaceIndex }) => interfaceIndex))].filter((index) => index !== 0);
  expect(indexes.length).toBe(readings.length + 1);
  for (const [number, { fromSeconds, toSeconds, packets }] of readings.entries()) {
    const before = sent.filter((tick) => tick.toSeconds < fromSeconds);
    const until = sent.filter((tick) => tick.fromSeconds <= toSeconds);
    expect(packets).toBeGreaterThanOrEqual(sentThrough(before, indexes[number]!));
    expect(packets).toBeLessThanOrEqual(sentThrough(until, indexes[number]!));
  }
}

/** Every second outage is over at once. */
const randomOutageMs = () => (Math.random() < 0.5 ? 0 : Math.random() * 1500);

describe.skipIf(missing !== undefined)('an interface', { timeout: 120_000 + ROUNDS * 20000 }, () => {
  let host: ObservedHost;
  let elsewhere: NetworkNamespace;
  beforeEach(async () => {
    elsewhere = new NetworkNamespace();
    host = await ObservedHost.start(WINDOW_SECONDS, 'table: { flowsMax: 20000 }');
  });
  afterEach(() => {
    host.hosts.remove();
    elsewhere.remove();
  });

  /** Waits until `flowlogd status` would say so. */
  const untilState = (state: InterfaceStatus['state']) =>
    host.agent.untilStatus(({ interfaces }) => interfaces[0]?.state === state);

  /** Answers for how many seconds it may not have been captured. */
  async function away(outage: Outage, readings: LastReading[]): Promise<number> {
    await sleep(Math.random() * 1.5 * WINDOW_SECONDS * 1000);
    if (outage.name === 'deleted') readings.push(lastReading(host.hosts));
    const began = Date.now();
    outage.begin(host.hosts, elsewhere);
    await sleep(randomOutageMs());
    outage.end(host.hosts, elsewhere);
    return outage.endsCapture ? (Date.now() - began) / 1000 + ALLOWANCE_SECONDS : 0;
  }

  test(`that goes and comes back misses no packet but those of its gaps, ${ROUNDS} times`, async () => {
    await host.agent.start();
    const sender = new TickSender(host.hosts, PACKETS_PER_TICK);
    const readings: LastReading[] = [];
    let gapSecondsMax = 0;
    for (let round = 0; round < ROUNDS; round++) {
      gapSecondsMax += await away(OUTAGES[round % OUTAGES.length]!, readings);
    }
    await sleep(1500);
    await untilState('capturing');
    const sent = await sender.stop();
    expect((await host.agent.stop()).code).toBe(0);
    expect(host.agent.spooled).toEqual([]);
    expectAgreed(sent, readings);
    const { gapSeconds, gapReasons, absentSeconds } = await compareTicks(host, sent, WINDOW_SECONDS);
    process.stderr.write(
      `outages: ${ROUNDS}, ${sent.length} ticks, of which ${Math.round(absentSeconds / TICK_SECONDS)} not whole, ` +
        `${gapSeconds.toFixed(1)} s of gaps, ${gapSecondsMax.toFixed(1)} s allowed\n`,
    );
    expect(gapReasons).toEqual(['interface-gone']);
    expect(gapSeconds).toBeLessThanOrEqual(gapSecondsMax);
    await host.service.stop();
  });

  /** Answers how many SYNs the interface took, which is deleted after a second of them. */
  async function floodUntilDeleted(program: string): Promise<number> {
    const flooding = startProgram([program, 'peer0', '10'], { namespace: host.hosts.peer });
    await sleep(1000);
    host.hosts.cut();
    const { code, stdout, stderr } = await flooding.ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return Number(stdout);
  }

  test('that is deleted under a SYN flood is counted to the last packet that it handed over', async () => {
    const program = compiled('send-flood.c');
    await host.agent.start();
    let sent = 0;
    for (let round = 0; round < 2; round++) {
      sent += await floodUntilDeleted(program);
      await untilState('detached');
      host.hosts.join();
      await untilState('capturing');
    }
    expect((await host.agent.stop()).code).toBe(0);
    const [stored] = await host.service.query('srcaddr:* | select sum(packets) as packets');
    const ledgers = (await host.service.query('ledger-status:*')).filter(isLedger);
    const dropped = ledgerSum(ledgers, 'ledger-dropped-by-kernel-packets');
    const excluded = ledgerSum(ledgers, 'ledger-excluded-windows-activation-packets');
    expect(ledgerSum(ledgers, 'ledger-metered-packets')).toBe(Number(stored!['packets']));
    const absent = sent - Number(stored!['packets']) - dropped - excluded;
    process.stderr.write(`outages: ${sent} SYNs, ${dropped} dropped by the kernel, ${absent} in gaps\n`);
    expect(absent).toBeGreaterThanOrEqual(0);
    expect(absent).toBeLessThanOrEqual(2 * BACKLOG_PACKETS);
    expect(ledgerSum(ledgers, 'ledger-gap-seconds')).toBeGreaterThan(0);
    await host.service.stop();
  });
});
