/**
 * A thousand interfaces that come, are captured, go at once and come again, while numbered traffic is on one that stays: of
 * that not a packet is lost, and nothing of those that went is left.
 */
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { AgentStatus } from '../../agent/telemetry/agent-status.ts';
import { ManyInterfaces } from '../support/many-interfaces.ts';
import { ObservedHost } from '../support/observed-host.ts';
import { ethernet, ipv4, PROTOCOL, udp } from '../support/packet-builder.ts';
import { compareTicks } from '../support/tick-account.ts';
import { TickSender } from '../support/ticks.ts';
import { sendFrames, twoHostsMissing } from '../support/two-hosts.ts';

const missing = twoHostsMissing();
if (missing !== undefined) process.stderr.write(`interface-storm: ${missing}\n`);

const INTERFACES = 1000;
const WINDOW_SECONDS = 5;
/** Some two thousand packets a second: the ring of 8 MiB holds those of half a minute, whatever else the machine does. */
const PACKETS_PER_TICK = 20;
/** Of the thousand, so many have packets. */
const BUSY = [0, 499, 999];
const FRAMES = 50;
const STORM_PORT = 4_242;
/** A status of a thousand interfaces takes its time, too. */
const STATUS_EVERY_MS = 500;
/** What the collectors of Node.js and of the C library may be late with, for each interface that came and went. */
const SLACK_BYTES = 64 * 1024;

/** Memory of the process that no file and no packet ring backs. */
function anonymousBytes(pid: number): number {
  const [, kibibytes] = /^Anonymous:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1')) ?? [];
  return Number(kibibytes) * 1024;
}

const FRAME = ethernet(
  {},
  ipv4(
    { source: '10.8.0.1', destination: '10.8.0.2', protocol: PROTOCOL.udp },
    udp({ sourcePort: 1, destinationPort: STORM_PORT }),
  ),
);

describe.skipIf(missing !== undefined)(
  'a thousand interfaces that come, go and come again',
  { timeout: 600_000 },
  () => {
    let host: ObservedHost;
    let many: ManyInterfaces;
    beforeEach(async () => {
      host = await ObservedHost.start(WINDOW_SECONDS, '', '{ interfaces: [storm*], windowSeconds: 300 }');
      many = new ManyInterfaces(host.hosts.observed);
    });
    afterEach(() => host.hosts.remove());

    /** The first status of so many interfaces, all of them captured, and no ring but theirs. */
    function statusOf(count: number): Promise<AgentStatus> {
      const areAll = ({ interfaces, rings }: AgentStatus) =>
        interfaces.length === count && interfaces.every(({ state }) => state === 'capturing') && rings.rings === count;
      return host.agent.untilStatus(areAll, STATUS_EVERY_MS);
    }

    async function comeAndGo(): Promise<void> {
      many.add('storm', 'far', 0, INTERFACES);
      const { rings, interfaces } = await statusOf(INTERFACES + 1);
      expect(rings.refused).toBe(0);
      expect(rings.bytes).toBe(interfaces.reduce((sum, { ringBytes }) => sum + ringBytes, 0));
      for (const number of BUSY) sendFrames(host.hosts.observed, `far${number}`, Array<Uint8Array>(FRAMES).fill(FRAME));
      many.removeAll();
    }

    test('cost the one that stays no packet, and leave nothing behind', async () => {
      await host.agent.start();
      const sender = new TickSender(host.hosts, PACKETS_PER_TICK);
      await comeAndGo();
      const { rings } = await statusOf(1);
      const bytesOnce = anonymousBytes(host.agent.pid);
      await comeAndGo();
      expect((await statusOf(1)).rings).toEqual(rings);
      // Garbage goes when it is collected, a leak stays.
      await expect
        .poll(() => anonymousBytes(host.agent.pid), { interval: 1000 })
        .toBeLessThan(bytesOnce + INTERFACES * SLACK_BYTES);
      // A thousand interfaces have windows to deliver, for which an end has no time.
      await host.agent.untilDelivered();
      const sent = await sender.stop();
      expect((await host.agent.stop()).code).toBe(0);
      const { gapSeconds, absentSeconds } = await compareTicks(host, sent, WINDOW_SECONDS);
      expect({ gapSeconds, absentSeconds }).toEqual({ gapSeconds: 0, absentSeconds: 0 });
      const stormed = await host.service.query(`dstport:${STORM_PORT} | select sum(packets) as packets`);
      expect(Number(stormed[0]!['packets'])).toBe(2 * BUSY.length * FRAMES);
      await host.service.stop();
    });
  },
);
