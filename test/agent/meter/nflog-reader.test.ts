import { beforeEach, describe, expect, test } from 'vitest';
import { NflogReader } from '../../../agent/meter/nflog-reader.ts';
import { logStatus, offeredPackets } from '../../../agent/model/ledger.ts';
import { OperationalError } from '../../../agent/model/operational-error.ts';
import { EXCLUDE_DEFAULTS, Exclusion } from '../../../agent/packet/exclusion.ts';
import { FakeEngine } from '../../support/fake-engine.ts';
import { type NflogFields, nflogRecord } from '../../support/nflog-record.ts';
import { arp, ethernet, ipv4, ipv6, PROTOCOL, udp } from '../../support/packet-builder.ts';
import { findLeftWindows, journalIn, recordsOf } from '../../support/persisted-windows.ts';
import { TappedInterface } from '../../support/tapping.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const INDEX = 7;
const IN = { indexIn: INDEX };
const OUT = { indexOut: INDEX };

const ports = (destinationPort: number) => udp({ sourcePort: 4000, destinationPort });
const packet4 = (port: number) =>
  ipv4({ source: '10.0.0.1', destination: '10.0.0.2', protocol: PROTOCOL.udp }, ports(port));
const packet6 = (port: number) =>
  ipv6({ source: '2001:db8::1', destination: '2001:db8::2', nextHeader: PROTOCOL.udp }, ports(port));
const dhcp = ipv4(
  { source: '0.0.0.0', destination: '255.255.255.255', protocol: PROTOCOL.udp },
  udp({ sourcePort: 68, destinationPort: 67 }),
);

/** A tap on interface 7 and the group's log, on a fake kernel; windows of 60 s that outlive them. */
class Filtered {
  readonly folder = temporaryFolder();
  readonly tap: TappedInterface;
  readonly log: NflogReader;
  readonly #engine = new FakeEngine();
  #sequence = 0;

  constructor(interfaceIndex = INDEX) {
    const ruleNames = new Exclusion(EXCLUDE_DEFAULTS).ruleNames;
    const engine = new FakeEngine();
    engine.interfaceIndex = interfaceIndex;
    this.tap = new TappedInterface({
      engine,
      journal: journalIn({ folder: this.folder, ruleNames }),
      clock: { seconds: 600 },
    });
    const now = () => this.tap.clock.seconds * 1000;
    this.log = new NflogReader({ engine: this.#engine, group: 5, snapBytes: 128, now });
    this.log.attach();
    this.tap.tap.attach();
    this.log.addTap(this.tap.tap);
  }

  get kernel(): FakeEngine {
    return this.#engine;
  }

  see(seconds: number, ...packets: Uint8Array[]): void {
    this.tap.engine.newest.waiting.push(...packets.map((packet) => ({ seconds, bytes: ethernet({}, packet) })));
  }

  /** @param readSeconds when the agent reads it */
  logged(readSeconds: number, fields: NflogFields, ...packets: Uint8Array[]): void {
    for (const packet of packets) {
      const bytes = nflogRecord({ prefix: 'deny ', sequence: this.#sequence++, ...fields }, packet);
      this.kernel.newest.waiting.push({ seconds: readSeconds, nanoseconds: 250_000_000, bytes });
    }
  }

  loseLogged(packets: number): void {
    this.#sequence += packets;
  }

  async round(seconds: number): Promise<void> {
    this.tap.clock.seconds = seconds;
    await this.log.drain(this.tap.batch);
    await this.tap.round(seconds);
  }

  /** What a start after a kill finds, as `port action rule packets` in order, and the ledgers. */
  get found() {
    const { windows } = findLeftWindows(this.folder);
    const lines = windows.flatMap((window) =>
      recordsOf(window).map(({ family, destinationPort, packets, isAnnotated, annotations }) => {
        const { action, rejectRule } = annotations;
        expect(isAnnotated).toBe(action === 'REJECT');
        return `${window.header.windowStart} IPv${family} ${destinationPort} ${action} ${rejectRule} ${packets}`;
      }),
    );
    return { lines: lines.sort(), ledgers: windows.map(({ ledger }) => ledger) };
  }
}

let host: Filtered;
beforeEach(() => {
  host = new Filtered();
});

describe('what the packet filter rejects', () => {
  test('is taken from what the tap saw of it, and stands beside it where the tap never saw it', async () => {
    host.see(601, packet4(1), packet4(1), packet4(2), packet6(1), packet6(3));
    host.logged(601, IN, packet4(1), packet6(3));
    host.logged(601, { ...OUT, prefix: 'deny-out' }, packet4(9), packet6(9));
    await host.round(602);
    expect(host.found.lines).toEqual([
      '600 IPv4 1 ACCEPT  1',
      '600 IPv4 1 REJECT deny 1',
      '600 IPv4 2 ACCEPT  1',
      '600 IPv4 9 REJECT deny-out 1',
      '600 IPv6 1 ACCEPT  1',
      '600 IPv6 3 REJECT deny 1',
      '600 IPv6 9 REJECT deny-out 1',
    ]);
    const [ledger] = host.found.ledgers;
    expect(ledger).toMatchObject({
      metered: { packets: 7 },
      rejected: { packets: 4 },
      rejectsUnmatched: { packets: 0 },
    });
    expect(offeredPackets(ledger!)).toBe(7);
  });

  test('is of the interface that it came in through or would have gone out of, bridge ports included', async () => {
    const fields = [
      { indexIn: 6 },
      { indexOut: 6 },
      {},
      { indexIn: 6, physicalIn: INDEX },
      { indexIn: 6, indexOut: INDEX },
    ];
    for (const [port, each] of fields.entries()) host.logged(601, each, packet4(port));
    await host.round(602);
    expect(host.found.lines).toEqual(['600 IPv4 3 REJECT deny 1', '600 IPv4 4 REJECT deny 1']);
    expect(host.found.ledgers[0]).toMatchObject({ rejected: { packets: 1 }, rejectsUnmatched: { packets: 1 } });
  });

  test('is of the device that sees every interface, whichever it was', async () => {
    host = new Filtered(0);
    host.see(601, packet4(1));
    host.logged(601, { indexIn: 3, indexOut: 4 }, packet4(1));
    host.logged(601, { indexOut: 4 }, packet4(2));
    await host.round(602);
    expect(host.found.lines).toEqual(['600 IPv4 1 REJECT deny 1', '600 IPv4 2 REJECT deny 1']);
  });

  test('lands in the window in which it arrived, however late it is read', async () => {
    host.see(659, packet4(1));
    host.logged(660, { ...IN, seconds: 659.999 }, packet4(1));
    host.logged(660, OUT, packet4(2));
    await host.round(660.5);
    expect(host.found.lines).toEqual(['600 IPv4 1 REJECT deny 1', '660 IPv4 2 REJECT deny 1']);
  });

  test('does not hide that older packets wait: the tap’s own window stays where it was', async () => {
    host.see(659, packet4(1));
    await host.round(659.5);
    host.logged(660, OUT, packet4(2));
    await host.log.drain(host.tap.batch);
    host.tap.tap.closeBefore(660, false);
    expect(host.tap.closed).toEqual([]);
  });

  test('is excluded, not IP or malformed in the ledger where the tap did not see it, and only once where it did', async () => {
    host.see(601, dhcp);
    for (const fields of [IN, OUT]) {
      host.logged(601, fields, dhcp);
      host.logged(601, { ...fields, family: 3, etherType: 0x0806 }, arp());
      host.logged(601, fields, packet4(1).subarray(0, 9));
    }
    await host.round(602);
    const { lines, ledgers } = host.found;
    expect(lines).toEqual([]);
    expect(ledgers[0]).toMatchObject({
      excluded: { dhcp: { packets: 2 } },
      notIp: { packets: 1 },
      malformed: { packets: 1 },
      metered: { packets: 0 },
    });
  });

  test('goes on being counted where the interface is gone: nothing of it was seen by the tap then', async () => {
    host.tap.engine.newest.failure = new OperationalError('capture.gone', 'eth0 disappeared.');
    host.tap.engine.refusal = new OperationalError('capture.no-interface', 'there is no eth0.');
    await host.round(601);
    host.logged(602, IN, packet4(1));
    await host.round(602);
    expect(host.found.lines).toEqual(['600 IPv4 1 REJECT deny 1']);
    expect(host.found.ledgers[0]).toMatchObject({ metered: { packets: 1 }, rejectsUnmatched: { packets: 0 } });
  });
});

describe('the log of the packet filter', () => {
  test('marks both windows where what was lost may lie in either', async () => {
    host.logged(659, IN, packet4(1));
    await host.round(659.9);
    host.loseLogged(4);
    host.logged(661, IN, packet4(2));
    await host.round(662);
    await host.round(720);
    await host.round(722);
    const reasons = host.tap.closed.map(({ start, ledger }) => [
      start,
      ledger.rejectsLost,
      logStatus(ledger),
      ...ledger.gaps.map(({ reason }) => reason),
    ]);
    expect(reasons).toEqual([
      [600, 0, 'SKIPDATA', 'verdicts-unknown'],
      [660, 4, 'SKIPDATA', 'verdicts-unknown'],
    ]);
  });

  test('says by number what of it was lost, and the window says SKIPDATA', async () => {
    host.loseLogged(2);
    host.logged(601, OUT, packet4(1));
    host.loseLogged(3);
    host.logged(602, OUT, packet4(1));
    await host.round(603);
    const [ledger] = host.found.ledgers;
    expect(ledger!.rejectsLost).toBe(5);
    expect(logStatus({ ...ledger!, gaps: [] })).toBe('SKIPDATA');
  });

  test('that cannot be read any more leaves a gap, and is read again when it can be', async () => {
    host.kernel.newest.failure = new OperationalError('capture.failed', 'the netlink socket failed.');
    host.kernel.refusal = new OperationalError('capture.failed', 'somebody else has the group.');
    await host.round(610);
    await host.round(630);
    host.kernel.refusal = undefined;
    await host.round(650);
    await host.round(662);
    const gap = { fromSeconds: 610, toSeconds: 650, reason: 'verdicts-unknown' };
    expect(host.tap.closed.map(({ ledger }) => ledger.gaps)).toEqual([[gap]]);
    expect(host.tap.events.filter(({ kind }) => kind.startsWith('verdicts'))).toEqual([
      { kind: 'verdicts-lost', reason: 'the netlink socket failed.' },
      { kind: 'verdicts-back', gapSeconds: 40 },
    ]);
  });

  test('passes over what is no record of it', async () => {
    host.kernel.newest.waiting.push({ seconds: 601, bytes: Uint8Array.of(2, 9, 9) });
    host.logged(601, OUT, packet4(1));
    await host.round(602);
    expect(host.found.lines).toEqual(['600 IPv4 1 REJECT deny 1']);
  });

  test('names rules by their prefix as text, whatever bytes it has', async () => {
    const prefixes = ['', 'a  ', 'tab\there', 'größe', Uint8Array.of(0xff, 0x41)];
    for (const [port, prefix] of prefixes.entries()) host.logged(601, { ...OUT, prefix }, packet4(port), packet4(port));
    await host.round(602);
    expect(host.found.lines.map((line) => line.slice('600 IPv4 0 REJECT '.length))).toEqual([
      ' 2',
      'a 2',
      'tab?here 2',
      'größe 2',
      '?A 2',
    ]);
  });
});
