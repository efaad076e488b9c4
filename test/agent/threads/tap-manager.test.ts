import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { HASH_SEED_WORDS } from '../../../agent/flow/hash.ts';
import type { Tap } from '../../../agent/meter/tap.ts';
import type { ClosedWindow } from '../../../agent/model/closed-window.ts';
import { OperationalError } from '../../../agent/model/operational-error.ts';
import type { LiveEngine } from '../../../agent/model/packet-source.ts';
import { loadCaptureAddon } from '../../../agent/native/addon.ts';
import { EXCLUDE_DEFAULTS } from '../../../agent/packet/exclusion.ts';
import { TapManager, type TapManagerOptions, type TapSetup } from '../../../agent/threads/tap-manager.ts';
import { POINT } from '../../support/closed-windows.ts';
import { FakeEngine } from '../../support/fake-engine.ts';
import { emptyBatch } from '../../support/packet-batch.ts';
import { ethernet, ipv4, udp } from '../../support/packet-builder.ts';

let engine: FakeEngine;
let set: TapManager;

const setOn = (live: LiveEngine, options: Partial<TapManagerOptions> = {}) =>
  new TapManager({
    exclusion: EXCLUDE_DEFAULTS,
    flowsMax: 1024,
    hashSeed: new Int32Array(HASH_SEED_WORDS),
    engine: live,
    mapper: loadCaptureAddon(),
    onClosed: () => undefined,
    onEvent: () => undefined,
    ...options,
  });
const tapOn = (interfaceName: string, filter = ''): TapSetup => ({
  point: { ...POINT, interfaceId: `eni-${interfaceName}`, interfaceName },
  capture: { interfaceName, snapBytes: 128, bufferBytes: 1 << 20, promiscuous: false, filter },
  rejectGroup: 5,
});
const names = () => engine.opened.map(({ name }) => name);
const groupsClosed = () => engine.opened.filter(({ name }) => name === 'nflog:5').map(({ closed }) => closed);

beforeEach(() => {
  engine = new FakeEngine();
  set = setOn(engine);
});
afterEach(() => set.end());

describe('taps that ask the packet filter', () => {
  test('share the log of a group, which ends with the last of them', async () => {
    const [first, second] = [tapOn('eth0'), tapOn('eth1')];
    set.observe(first);
    set.observe(second);
    expect(names()).toEqual(['nflog:5', 'eth0', 'eth1']);
    expect(set.nflogReaders).toHaveLength(1);
    await set.leave(first.point, emptyBatch());
    expect(groupsClosed()).toEqual([false]);
    await set.leave(second.point, emptyBatch());
    expect(groupsClosed()).toEqual([true]);
    expect(set.nflogReaders).toHaveLength(0);
  });

  test('leave no log behind where their interface cannot be captured', () => {
    const refusal = new OperationalError('capture.no-interface', 'there is no eth0.');
    const open = engine.open.bind(engine);
    engine.open = (options) => {
      if (options.interfaceName === 'eth0') throw refusal;
      return open(options);
    };
    expect(() => set.observe(tapOn('eth0'))).toThrow(refusal);
    expect(groupsClosed()).toEqual([true]);
    expect(set.nflogReaders).toHaveLength(0);
  });

  test('are refused where NFLOG cannot be had as they need it', () => {
    expect(() => set.observe(tapOn('eth0', 'tcp'))).toThrow(/no capture.filter, which NFLOG does not know/);
    const other = setOn({ ...engine, name: 'cap', open: engine.open.bind(engine), wait: () => undefined });
    expect(() => other.observe(tapOn('eth0'))).toThrow(/takes the engine libpcap/);
    expect(names()).toEqual([]);
  });
});

describe('taps that count as on the wire', () => {
  const counting = (count: 'wire' | undefined): TapSetup => {
    const { point, capture } = tapOn('eth0');
    const flowLog = { ...point.flowLog, ...(count === undefined ? {} : { count }) };
    return { point: { ...point, flowLog }, capture: { ...capture, tellsSegments: count === 'wire' } };
  };
  const open = (name: string): LiveEngine => ({
    ...{ name, limits: [], holdMs: 0 },
    open: (options) => engine.open(options),
    wait: () => undefined,
  });

  test('are refused by an engine that cannot tell, with what to do instead', () => {
    set = setOn(open('libpcap'));
    expect(() => set.observe(counting('wire'))).toThrow(
      'Counting on eth0 as on the wire takes the engine ring, and this is libpcap: change it, or set count to host and leave wire-packets and ' +
        'wire-bytes out of fields.',
    );
    expect(names()).toEqual([]);
    set.observe(counting(undefined));
    expect(names()).toEqual(['eth0']);
  });

  test('continue with the capture of a tap that counted alike, and open their own where it did not', async () => {
    set = setOn(open('ring'));
    set.observe(counting('wire'));
    await set.change(counting('wire'), emptyBatch());
    expect(engine.opened.map(({ closed }) => closed)).toEqual([false]);
    await set.change(counting(undefined), emptyBatch());
    expect(engine.opened.map(({ closed }) => closed)).toEqual([true, false]);
  });
});

describe('windows that the recorder does not let go of', () => {
  const FLOWS = 1000;
  const HELD_BYTES_MAX = 256 * 1024;
  const windows: ClosedWindow[] = [];

  const datagram = (sourcePort: number) =>
    ethernet(
      {},
      ipv4(
        { source: '192.0.2.1', destination: '198.51.100.2', protocol: 17 },
        udp({ sourcePort, destinationPort: 53 }),
      ),
    );

  /** One window, of which each packet is a flow of its own. */
  async function flood(tap: Tap, start: number): Promise<ClosedWindow> {
    engine.newest.waiting = Array.from({ length: FLOWS }, (_, flow) => ({
      seconds: start,
      bytes: datagram(1024 + flow),
    }));
    while (!(await tap.drain(emptyBatch())));
    tap.closeBefore(start + 60, true);
    return windows.at(-1)!;
  }

  test('leave less and less room to the next, which is coarsened early and stays exact', async () => {
    windows.length = 0;
    set = setOn(engine, { heldBytesMax: HELD_BYTES_MAX, onClosed: (window) => windows.push(window) });
    const { rejectGroup: _, ...setup } = tapOn('eth0');
    set.observe(setup);
    const [tap] = set.taps;
    const flows: number[] = [];
    for (let window = 0; window < 8; window++) {
      const { ledger, flows: counted } = await flood(tap!, window * 60);
      expect([ledger.metered.packets, ledger.overflowed.packets]).toEqual([FLOWS, 0]);
      flows.push(counted);
    }
    expect(flows[0]).toBe(FLOWS);
    expect(flows.at(-1)).toBeLessThan(200);
    expect(flows).toEqual([...flows].sort((left, right) => right - left));
    const held = windows.flatMap(({ tables }) => tables).reduce((sum, { bytes }) => sum + bytes, 0);
    expect(held).toBeLessThanOrEqual(HELD_BYTES_MAX + windows.length * 8192);

    for (const { id } of windows) set.released(id);
    expect((await flood(tap!, 480)).flows).toBe(FLOWS);
  });
});

describe('a point that comes back', () => {
  test('goes on with the revisions of its windows, wherever the clock was meanwhile', async () => {
    const closed: ClosedWindow[] = [];
    set = setOn(engine, { onClosed: (window) => closed.push(window) });
    const { rejectGroup, ...setup } = tapOn('eth0');
    const { rejectGroup: none, ...other } = tapOn('eth1');
    vi.useFakeTimers({ now: 600_000_000_000, toFake: ['Date'] });
    onTestFinished(() => void vi.useRealTimers());
    set.observe(setup);
    await set.leave(setup.point, emptyBatch());
    vi.setSystemTime(1_600_000_000_000);
    set.observe(other);
    vi.setSystemTime(600_000_000_000);
    set.observe(setup);
    await set.leave(setup.point, emptyBatch());
    expect(closed.map(({ windowStart, revision }) => [windowStart, revision])).toEqual([
      [600_000_000, 0],
      [600_000_000, 1],
    ]);
  });
});
