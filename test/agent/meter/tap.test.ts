import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { logStatus, offeredPackets } from '../../../agent/model/ledger.ts';
import type { LiveFigures } from '../../../agent/model/live-figures.ts';
import { OperationalError } from '../../../agent/model/operational-error.ts';
import { createNflogPacket } from '../../../agent/packet/nflog.ts';
import { FakeEngine, interfaceGone } from '../../support/fake-engine.ts';
import type { BatchPacket } from '../../support/packet-batch.ts';
import { ethernet, ipv4, udp } from '../../support/packet-builder.ts';
import { type Clock, TappedInterface } from '../../support/tapping.ts';

const FRAME = ethernet(
  {},
  ipv4({ source: '10.0.0.1', destination: '10.0.0.2', protocol: 17 }, udp({ sourcePort: 1, destinationPort: 2 })),
);
const at = (seconds: number): BatchPacket => ({ seconds, bytes: FRAME });
const many = (count: number, seconds: number): BatchPacket[] => new Array(count).fill(at(seconds));

/** A tap that is attached at second 0. */
function attached(options: ConstructorParameters<typeof TappedInterface>[0] = {}): TappedInterface {
  const tapped = new TappedInterface(options);
  tapped.tap.attach();
  return tapped;
}

/** The interface, which was idle until this second, goes. */
async function vanish(tapped: TappedInterface, seconds: number, failure = interfaceGone('eth0')): Promise<void> {
  await tapped.round(seconds);
  tapped.engine.newest.failure = failure;
  await tapped.round(seconds);
}

const packetsByWindow = (tapped: TappedInterface) =>
  tapped.closed.map(({ start, ledger }) => [start, ledger.metered.packets]);
const gapsByWindow = (tapped: TappedInterface) =>
  tapped.closed.map(({ start, ledger }) => [
    start,
    ...ledger.gaps.map(({ fromSeconds, toSeconds }) => [fromSeconds, toSeconds]),
  ]);

describe('attaching a tap', () => {
  it('opens its interface and tells so', () => {
    const tapped = attached({ interfaceName: 'veth7' });
    expect(tapped.tap.source).toBe(tapped.engine.newest);
    expect(tapped.tap.source?.name).toBe('veth7');
    expect(tapped.events).toEqual([{ kind: 'attached' }]);
  });

  it('fails as the engine fails', () => {
    const tapped = new TappedInterface();
    tapped.engine.refusal = new OperationalError('capture.permission', 'no.');
    expect(() => tapped.tap.attach()).toThrow(tapped.engine.refusal);
    expect(tapped.tap.source).toBeUndefined();
    expect(tapped.events).toEqual([]);
  });

  it('refuses an interface whose link type cannot be decoded, by name and number, and closes it', () => {
    const tapped = new TappedInterface({ interfaceName: 'wlan0mon' });
    tapped.engine.linkType = 127;
    expect(() => tapped.tap.attach()).toThrow(/wlan0mon has link type 127/);
    expect(tapped.engine.newest.closed).toBe(true);
    expect(tapped.tap.source).toBeUndefined();
  });
});

describe('a tap whose interface cannot be captured yet', () => {
  const refusal = (text: string) => new OperationalError('capture.no-interface', text);

  it('waits for it and says why, and its windows have the gap until then', async () => {
    const tapped = new TappedInterface();
    tapped.engine.refusal = refusal('eth0 is down.');
    tapped.tap.attachOrRetry();
    await tapped.round(59);
    tapped.engine.refusal = refusal('there is no eth0.');
    await tapped.round(61);
    tapped.engine.refusal = undefined;
    await tapped.round(70);
    await tapped.round(121);
    expect(gapsByWindow(tapped)).toEqual([
      [0, [0, 60]],
      [60, [60, 70]],
    ]);
    expect(tapped.closed.flatMap(({ ledger }) => ledger.gaps.map(({ reason }) => reason))).toEqual([
      'interface-gone',
      'interface-gone',
    ]);
    expect(tapped.events).toEqual([
      { kind: 'waiting', reason: 'eth0 is down.' },
      { kind: 'waiting', reason: 'there is no eth0.' },
      { kind: 'attached' },
    ]);
  });

  it('waits while the kernel refuses for a moment', () => {
    const tapped = new TappedInterface();
    tapped.engine.refusal = new OperationalError('capture.failed', 'out of memory.');
    tapped.tap.attachOrRetry();
    expect(tapped.events).toEqual([{ kind: 'waiting', reason: 'out of memory.' }]);
  });

  it('is refused for what does not pass by itself', () => {
    for (const code of ['capture.permission', 'capture.filter'] as const) {
      const tapped = new TappedInterface();
      tapped.engine.refusal = new OperationalError(code, 'no.');
      expect(() => tapped.tap.attachOrRetry()).toThrow(tapped.engine.refusal);
    }
  });
});

describe('a tap for which there is no room', () => {
  const noRoom = new OperationalError('capture.no-room', 'Capturing on eth0 failed, no memory is left.');

  it('says so in its windows and captures as soon as there is', async () => {
    const tapped = new TappedInterface();
    tapped.engine.refusal = noRoom;
    tapped.tap.attachOrRetry();
    await tapped.round(30);
    tapped.engine.refusal = undefined;
    await tapped.round(40);
    await tapped.round(61);
    expect(tapped.events).toEqual([{ kind: 'waiting', reason: noRoom.message }, { kind: 'attached' }]);
    expect(gapsByWindow(tapped)).toEqual([[0, [0, 40]]]);
    expect(tapped.closed[0]!.ledger.gaps.map(({ reason }) => reason)).toEqual(['capture-failed']);
  });

  it('has no part in what the packet filter rejects elsewhere', () => {
    const tapped = new TappedInterface();
    tapped.engine.refusal = noRoom;
    tapped.tap.attachOrRetry();
    expect(tapped.tap.verdicts.sideOf({ ...createNflogPacket(), indexIn: 2, indexOut: 0 })).toBe('elsewhere');
    expect(tapped.tap.verdicts.sideOf({ ...createNflogPacket(), indexIn: 0, indexOut: 3 })).toBe('elsewhere');
  });
});

describe('an interface that appeared while the agent ran', () => {
  const appeared = (packetsOf: () => number) =>
    new TappedInterface({ clock: { seconds: 70 }, appearedAtSeconds: 58, packetsOf });

  it('has what it carried before its capture said, and a gap in each window since its appearance', async () => {
    const tapped = appeared(() => 9);
    tapped.engine.received = 2;
    tapped.tap.attach();
    await tapped.round(121);
    expect(tapped.events).toEqual([{ kind: 'before-attach', packets: 7, gapSeconds: 12 }, { kind: 'attached' }]);
    expect(gapsByWindow(tapped)).toEqual([
      [0, [58, 60]],
      [60, [60, 70]],
    ]);
    expect(tapped.closed[0]!.ledger.gaps[0]!.reason).toBe('before-attach');
    expect(tapped.closed.map(({ ledger }) => [ledger.beforeAttach, offeredPackets(ledger)])).toEqual([
      [0, 0],
      [7, 0],
    ]);
  });

  it('has no gap where it carried nothing until then, down as it was made', async () => {
    const tapped = appeared(() => 0);
    tapped.engine.refusal = new OperationalError('capture.no-interface', 'it is down.');
    tapped.tap.attachOrRetry();
    tapped.engine.refusal = undefined;
    tapped.tap.retryNow();
    await tapped.round(121);
    expect(tapped.events.map(({ kind }) => kind)).toEqual(['waiting', 'attached']);
    expect(tapped.closed.map(({ ledger }) => logStatus(ledger))).toEqual(['NODATA']);
  });

  it('counts only what it carried since it is waited for, where it was there before', () => {
    let packets = 1000;
    const tapped = new TappedInterface({ packetsOf: () => packets });
    tapped.engine.refusal = new OperationalError('capture.no-interface', 'it is down.');
    tapped.tap.attachOrRetry();
    packets = 1003;
    tapped.engine.refusal = undefined;
    tapped.clock.seconds = 10;
    tapped.tap.retryNow();
    expect(tapped.events.at(-2)).toEqual({ kind: 'before-attach', packets: 3, gapSeconds: 10 });
    tapped.tap.end();
    expect(gapsByWindow(tapped)).toEqual([[0, [0, 10]]]);
    expect(tapped.closed.map(({ ledger }) => ledger.beforeAttach)).toEqual([3]);
  });

  it('has nothing missed where it was there before the agent', () => {
    const tapped = new TappedInterface({ packetsOf: () => 1000 });
    tapped.tap.attach();
    expect(tapped.events).toEqual([{ kind: 'attached' }]);
  });
});

describe('draining a tap', () => {
  it('takes in everything that waits, and says that nothing more does', async () => {
    const tapped = attached();
    tapped.engine.newest.waiting = many(250, 0);
    expect(await tapped.tap.drain(tapped.batch)).toBe(true);
    tapped.tap.end();
    expect(packetsByWindow(tapped)).toEqual([[0, 250]]);
  });

  it('leaves the rest for the next round after 64 batches, so that other taps have their turn', async () => {
    const tapped = attached();
    tapped.engine.newest.waiting = many(6500, 0);
    expect(await tapped.tap.drain(tapped.batch)).toBe(false);
    expect(tapped.engine.newest.reads).toBe(64);
    expect(tapped.engine.newest.waiting.length).toBe(100);
    expect(await tapped.tap.drain(tapped.batch)).toBe(true);
  });
});

describe('the windows of a tap', () => {
  it('appear without a packet too, one after the other, with the status NODATA', async () => {
    const tapped = attached();
    for (let seconds = 0; seconds <= 181; seconds += 0.25) await tapped.round(seconds);
    expect(tapped.starts).toEqual([0, 60, 120]);
    for (const { ledger, records } of tapped.closed) {
      expect(logStatus(ledger)).toBe('NODATA');
      expect(offeredPackets(ledger)).toBe(0);
      expect(records).toEqual([]);
    }
  });

  it('stay open for as long as packets of theirs may still wait', async () => {
    const tapped = attached();
    tapped.engine.newest.waiting = [...many(6450, 59), ...many(10, 60)];
    await tapped.round(61.5);
    expect(tapped.starts).toEqual([]);
    await tapped.round(61.6);
    expect(packetsByWindow(tapped)).toEqual([[0, 6450]]);
  });

  it('close in a backlog when a packet of a later window was seen, and only those before it', async () => {
    const tapped = attached();
    tapped.engine.newest.waiting = [...many(100, 10), ...many(100, 70), ...many(6300, 130)];
    await tapped.round(200);
    expect(packetsByWindow(tapped)).toEqual([
      [0, 100],
      [60, 100],
    ]);
    await tapped.round(200.1);
    expect(packetsByWindow(tapped)).toEqual([
      [0, 100],
      [60, 100],
      [120, 6300],
    ]);
  });

  it('do not close in a backlog before they are due', async () => {
    const tapped = attached();
    tapped.engine.newest.waiting = [...many(100, 59), ...many(6400, 60)];
    await tapped.round(60.5);
    expect(tapped.starts).toEqual([]);
    await tapped.round(61);
    expect(packetsByWindow(tapped)).toEqual([[0, 100]]);
  });

  it('take a packet that comes after they were closed into a further part', async () => {
    const tapped = attached();
    tapped.engine.newest.waiting = many(5, 59);
    await tapped.round(61);
    tapped.engine.newest.waiting = many(2, 59);
    await tapped.round(62);
    expect(packetsByWindow(tapped)).toEqual([
      [0, 5],
      [0, 2],
    ]);
  });

  it('close all at the end, and the capture with them', async () => {
    const tapped = attached();
    const { newest } = tapped.engine;
    newest.waiting = [at(10), at(70)];
    await tapped.tap.drain(tapped.batch);
    tapped.tap.end();
    expect(packetsByWindow(tapped)).toEqual([
      [0, 1],
      [60, 1],
    ]);
    expect(newest.closed).toBe(true);
    expect(tapped.tap.source).toBeUndefined();
  });
});

describe('drops that the kernel counts', () => {
  it('belong to the window in which they were counted, each drop once', async () => {
    const tapped = attached();
    const { newest } = tapped.engine;
    newest.counted = { received: 100, droppedByKernel: 7, droppedByInterface: 1 };
    await tapped.round(30);
    await tapped.round(60);
    newest.counted = { received: 300, droppedByKernel: 10, droppedByInterface: 1 };
    await tapped.round(60.5);
    expect(tapped.closed).toEqual([]);
    for (const seconds of [61, 120, 121, 180, 181]) await tapped.round(seconds);
    const drops = tapped.closed.map(({ ledger }) => [ledger.droppedByKernel, ledger.droppedByInterface]);
    expect(drops).toEqual([
      [7, 1],
      [3, 0],
      [0, 0],
    ]);
    expect(tapped.closed.map(({ ledger }) => logStatus(ledger))).toEqual(['SKIPDATA', 'SKIPDATA', 'NODATA']);
    expect(gapsByWindow(tapped)).toEqual([[0], [60], [120]]);
  });

  it('mark each window between two looks, and are counted in the last', async () => {
    const tapped = attached();
    await tapped.round(59.5);
    tapped.engine.newest.counted = { received: 9, droppedByKernel: 5, droppedByInterface: 2 };
    await tapped.round(130);
    for (const seconds of [180, 181, 240, 241]) await tapped.round(seconds);
    expect(
      tapped.closed.map(({ start, ledger }) => [start, ledger.droppedByKernel, ledger.droppedByInterface]),
    ).toEqual([
      [0, 0, 0],
      [60, 0, 0],
      [120, 5, 2],
      [180, 0, 0],
    ]);
    expect(gapsByWindow(tapped)).toEqual([[0, [59.5, 60]], [60, [60, 120]], [120, [120, 130]], [180]]);
    expect(tapped.closed.flatMap(({ ledger }) => ledger.gaps.map(({ reason }) => reason))).toEqual(
      new Array(3).fill('drops-undated'),
    );
    expect(tapped.closed.map(({ ledger }) => logStatus(ledger))).toEqual([
      'SKIPDATA',
      'SKIPDATA',
      'SKIPDATA',
      'NODATA',
    ]);
  });

  it('are looked for between two batches where a border of a window passes meanwhile', async () => {
    const tapped = attached();
    const { newest } = tapped.engine;
    await tapped.round(59.9);
    newest.waiting = many(200, 59);
    const read = newest.read.bind(newest);
    newest.read = (batch) => {
      const status = read(batch);
      if (newest.waiting.length === 100) newest.counted = { received: 200, droppedByKernel: 4, droppedByInterface: 0 };
      else tapped.clock.seconds = 60;
      return status;
    };
    tapped.clock.seconds = 59.99;
    await tapped.tap.drain(tapped.batch);
    newest.counted = { received: 200, droppedByKernel: 5, droppedByInterface: 0 };
    await tapped.round(60.2);
    await tapped.round(61);
    tapped.tap.end();
    expect(tapped.closed.map(({ ledger }) => ledger.droppedByKernel)).toEqual([0, 5]);
    expect(gapsByWindow(tapped)).toEqual([[0, [59.9, 60]], [60]]);
  });

  it('keep their mark in a window that is open longer than a later one', async () => {
    const tapped = attached();
    await tapped.round(50);
    tapped.engine.newest.counted = { received: 9, droppedByKernel: 5, droppedByInterface: 0 };
    await tapped.round(60.5);
    tapped.clock.setSeconds = -30;
    await tapped.round(30.5);
    await tapped.round(61);
    expect(gapsByWindow(tapped).filter(([, gap]) => gap !== undefined)).toEqual([
      [60, [60, 60.5]],
      [0, [50, 60]],
    ]);
  });

  it('are unknown where the engine does not count them, and the ledger says so', async () => {
    const tapped = attached();
    tapped.engine.newest.counted = { received: undefined, droppedByKernel: undefined, droppedByInterface: undefined };
    await tapped.round(61);
    expect(tapped.closed[0]!.ledger).toMatchObject({ dropsUnknown: true, droppedByKernel: 0, droppedByInterface: 0 });
  });

  it('are not lost when the capture fails, nor counted again by the next capture', async () => {
    const tapped = attached();
    const first = tapped.engine.newest;
    first.counted = { received: 9, droppedByKernel: 4, droppedByInterface: 0 };
    first.failure = interfaceGone('eth0');
    await tapped.round(10);
    await tapped.round(11);
    tapped.engine.newest.counted = { received: 2, droppedByKernel: 2, droppedByInterface: 0 };
    await tapped.round(59);
    await tapped.round(61);
    expect(tapped.closed.map(({ ledger }) => ledger.droppedByKernel)).toEqual([6]);
  });
});

describe('a tap whose intake was stopped', () => {
  function stopped(tapped: TappedInterface, seconds: number): void {
    tapped.engine.newest.canStop = true;
    tapped.clock.seconds = seconds;
    tapped.tap.stopIntake();
  }

  it('takes in what had arrived, and drops of later belong to nobody', async () => {
    const tapped = attached();
    await tapped.round(30);
    tapped.engine.newest.counted = { received: 3, droppedByKernel: 3, droppedByInterface: 1 };
    stopped(tapped, 30.05);
    tapped.engine.newest.counted = { received: 3, droppedByKernel: 3, droppedByInterface: 9 };
    tapped.engine.newest.waiting = many(5, 30);
    await tapped.round(30.3);
    tapped.tap.end();
    expect(
      tapped.closed.map(({ ledger }) => [ledger.metered.packets, ledger.droppedByKernel, ledger.droppedByInterface]),
    ).toEqual([[5, 3, 1]]);
  });

  it('opens no window that began later', async () => {
    const tapped = attached();
    await tapped.round(59);
    stopped(tapped, 59.9);
    await tapped.round(60.2);
    await tapped.round(61.2);
    tapped.tap.end();
    expect(tapped.starts).toEqual([0]);
  });

  it('does not open its interface again', async () => {
    const tapped = attached();
    stopped(tapped, 10);
    tapped.engine.newest.failure = interfaceGone('eth0');
    await tapped.round(11);
    await tapped.round(12);
    expect(tapped.engine.opened).toHaveLength(1);
  });
});

describe('an interface that goes away', () => {
  it('is told with the reason, after what was captured was taken in', async () => {
    const tapped = attached();
    tapped.engine.newest.waiting = many(150, 5);
    tapped.engine.newest.failure = interfaceGone('eth0');
    await tapped.round(6);
    expect(tapped.events.at(-1)).toEqual({ kind: 'detached', reason: 'eth0 disappeared.' });
    expect(tapped.engine.newest.closed).toBe(true);
    tapped.tap.end();
    expect(packetsByWindow(tapped)).toEqual([[0, 150]]);
  });

  it('leaves a gap in every window that it misses, to the second of its return', async () => {
    const tapped = attached();
    await vanish(tapped, 50);
    tapped.engine.refusal = new OperationalError('capture.no-interface', 'not there.');
    for (let seconds = 50.25; seconds < 190; seconds += 0.25) await tapped.round(seconds);
    tapped.engine.refusal = undefined;
    for (let seconds = 190; seconds <= 301; seconds += 0.25) await tapped.round(seconds);
    expect(gapsByWindow(tapped)).toEqual([[0, [50, 60]], [60, [60, 120]], [120, [120, 180]], [180, [180, 190]], [240]]);
    expect(tapped.closed.map(({ ledger }) => logStatus(ledger))).toEqual([
      'SKIPDATA',
      'SKIPDATA',
      'SKIPDATA',
      'SKIPDATA',
      'NODATA',
    ]);
    expect(tapped.closed[0]!.ledger.gaps[0]!.reason).toBe('interface-gone');
    expect(tapped.events.map(({ kind }) => kind)).toEqual(['attached', 'detached', 're-attached']);
    expect(tapped.events.at(-1)).toEqual({ kind: 're-attached', gapSeconds: 140 });
  });

  it('leaves a gap from when its capture was last idle, less what the kernel may have held back', async () => {
    const tapped = attached();
    tapped.engine.holdMs = 250;
    await tapped.round(40);
    tapped.engine.newest.failure = interfaceGone('eth0');
    await tapped.round(50);
    await tapped.round(55);
    await tapped.round(61);
    expect(gapsByWindow(tapped)).toEqual([[0, [39.75, 55]]]);
  });

  it('under a backlog leaves a gap from the packets that were read last', async () => {
    const tapped = attached();
    await tapped.round(20);
    tapped.engine.newest.waiting = [...many(100, 30), ...many(50, 45)];
    tapped.engine.newest.failure = interfaceGone('eth0');
    await tapped.round(50);
    await tapped.round(55);
    await tapped.round(61);
    expect(gapsByWindow(tapped)).toEqual([[0, [45, 55]]]);
  });

  it('while the machine slept leaves a gap of its own only from then on', async () => {
    const tapped = attached();
    await tapped.round(10);
    tapped.clock.sleptSeconds = 30;
    tapped.engine.newest.failure = interfaceGone('eth0');
    await tapped.round(40.5);
    await tapped.round(45);
    await tapped.round(61);
    expect(gapsByWindow(tapped)).toEqual([[0, [10, 40.5], [40.5, 45]]]);
  });

  it('twice in one window leaves two gaps there', async () => {
    const tapped = attached();
    for (const seconds of [10, 30]) {
      await vanish(tapped, seconds);
      await tapped.round(seconds + 5);
    }
    await tapped.round(61);
    expect(gapsByWindow(tapped)).toEqual([[0, [10, 15], [30, 35]]]);
  });

  it('and returns before the window it left is closed leaves its part in each of the two', async () => {
    const tapped = attached();
    await vanish(tapped, 50);
    await tapped.round(60.5);
    await tapped.round(61);
    await tapped.round(121);
    expect(gapsByWindow(tapped)).toEqual([
      [0, [50, 60]],
      [60, [60, 60.5]],
    ]);
  });

  it('leaves no gap in a window that had ended before', async () => {
    const tapped = attached();
    await vanish(tapped, 60.25);
    await tapped.round(61);
    await tapped.round(121);
    expect(gapsByWindow(tapped)).toEqual([[0], [60, [60.25, 61]]]);
  });

  it('for good leaves a gap up to the end', async () => {
    const tapped = attached();
    await vanish(tapped, 50);
    tapped.clock.seconds = 55;
    tapped.tap.end();
    expect(gapsByWindow(tapped)).toEqual([[0, [50, 55]]]);
  });

  it('is tried again every half second and not more often', async () => {
    const tapped = attached();
    tapped.engine.newest.failure = interfaceGone('eth0');
    await tapped.round(10);
    tapped.engine.refusal = new OperationalError('capture.no-interface', 'not there.');
    const attempts: number[] = [];
    for (let hundredths = 1000; hundredths <= 1120; hundredths += 10) {
      const before = tapped.engine.attempts;
      await tapped.round(hundredths / 100);
      if (tapped.engine.attempts > before) attempts.push(hundredths / 100);
    }
    expect(attempts).toEqual([10.5, 11]);
  });

  it('is captured again once it is back, with the decoder of its new link type', async () => {
    const tapped = attached();
    tapped.engine.newest.failure = interfaceGone('eth0');
    await tapped.round(10);
    tapped.engine.linkType = 101;
    tapped.clock.seconds = 10.5;
    await tapped.tap.drain(tapped.batch);
    tapped.engine.newest.waiting = [{ seconds: 11, bytes: FRAME.subarray(14) }];
    await tapped.round(12);
    tapped.tap.end();
    expect(packetsByWindow(tapped)).toEqual([[0, 1]]);
  });

  it('is called a failed capture when the interface is still there', async () => {
    const tapped = attached();
    await vanish(tapped, 50, new OperationalError('capture.failed', 'the network is down.'));
    await tapped.round(61);
    expect(tapped.closed[0]!.ledger.gaps).toEqual([{ fromSeconds: 50, toSeconds: 60, reason: 'capture-failed' }]);
  });

  it('does not hide a bug in the engine', async () => {
    const tapped = attached();
    tapped.engine.newest.failure = interfaceGone('eth0');
    await tapped.round(50);
    tapped.engine.refusal = new TypeError('a bug');
    await expect(tapped.round(51)).rejects.toThrow(TypeError);
  });
});

describe('a tap whose windows are closed early', () => {
  it('keeps its ledger whole over all parts', async () => {
    const engine = new FakeEngine();
    const tapped = attached({ engine, meter: { windowsMax: 1 } });
    engine.newest.counted = { received: 6, droppedByKernel: 3, droppedByInterface: 0 };
    engine.newest.waiting = [at(0), at(60), at(0), at(60), at(0)];
    await tapped.tap.drain(tapped.batch);
    tapped.tap.end();
    expect(packetsByWindow(tapped)).toEqual([
      [0, 1],
      [60, 1],
      [0, 1],
      [60, 1],
      [0, 1],
    ]);
    expect(tapped.closed.reduce((sum, { ledger }) => sum + offeredPackets(ledger), 0)).toBe(5 + 3);
  });
});

describe('windows that nobody looked at', () => {
  const seen = (tapped: TappedInterface) =>
    tapped.closed.map(({ start, ledger }) => [
      start,
      logStatus(ledger),
      ...ledger.gaps.map(({ fromSeconds, toSeconds, reason }) => `${fromSeconds}-${toSeconds} ${reason}`),
    ]);

  async function jumped(toSeconds: number, jump: Partial<Clock>): Promise<TappedInterface> {
    const tapped = attached();
    await tapped.round(30);
    Object.assign(tapped.clock, jump);
    await tapped.round(toSeconds);
    await tapped.round(toSeconds + 61);
    return tapped;
  }

  it('because the data plane stood still have the status of what the ring had kept for them', async () => {
    const tapped = attached();
    await tapped.round(30);
    tapped.engine.newest.waiting = [...many(5, 130), ...many(7, 250)];
    await tapped.round(250);
    await tapped.round(301);
    expect(seen(tapped)).toEqual([
      [0, 'NODATA'],
      [60, 'NODATA'],
      [120, 'OK'],
      [180, 'NODATA'],
      [240, 'OK'],
    ]);
  });

  it.each([
    ['the machine slept', { sleptSeconds: 170 }, 'suspended'],
    ['the clock was set', { setSeconds: 170 }, 'clock-jumped'],
  ])('because %s have a gap, and so have those before and after', async (_, jump, reason) => {
    const tapped = await jumped(200, jump);
    expect(seen(tapped)).toEqual([
      [0, 'SKIPDATA', `30-60 ${reason}`],
      [60, 'SKIPDATA', `60-120 ${reason}`],
      [120, 'SKIPDATA', `120-180 ${reason}`],
      [180, 'SKIPDATA', `180-200 ${reason}`],
    ]);
    expect(tapped.events).toContainEqual({ kind: 'jumped', reason, gapSeconds: 170 });
  });

  it.each([{ sleptSeconds: 6000 }, { setSeconds: 6000 }, {}])(
    'for long are told by the first and the last (%o)',
    async (jump) => {
      const tapped = await jumped(6030, jump);
      expect(tapped.starts).toEqual([0, 60, 5940, 6000]);
      expect(tapped.closed.slice(1).map(({ ledger }) => logStatus(ledger))).toEqual([
        'SKIPDATA',
        'SKIPDATA',
        'SKIPDATA',
      ]);
    },
  );

  it('are none where the machine slept within a window, which has its gap', async () => {
    const tapped = await jumped(45, { sleptSeconds: 14 });
    expect(seen(tapped)[0]).toEqual([0, 'SKIPDATA', '30-45 suspended']);
  });

  it('are none where a clock is corrected by a moment, or set back', async () => {
    const tapped = attached();
    await tapped.round(30);
    tapped.clock.setSeconds = 1.5;
    await tapped.round(32);
    tapped.clock.setSeconds = -100;
    await tapped.round(20);
    await tapped.round(61);
    expect(seen(tapped)).toEqual([[0, 'NODATA']]);
  });

  it('whatever the clocks do: every window from the first to the last has its status, or lies in a gap', async () => {
    const step = fc.record({
      seconds: fc.oneof(fc.integer({ min: 1, max: 90 }), fc.integer({ min: 1, max: 1500 })),
      kind: fc.constantFrom('awake', 'slept', 'set'),
      packets: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const tapped = attached();
        const { clock } = tapped;
        for (const { seconds, kind, packets } of steps) {
          const now = clock.seconds + seconds;
          if (kind === 'slept') clock.sleptSeconds = (clock.sleptSeconds ?? 0) + seconds;
          if (kind === 'set') clock.setSeconds = (clock.setSeconds ?? 0) + seconds;
          if (packets) tapped.engine.newest.waiting = many(3, now - 1);
          await tapped.round(now);
        }
        tapped.tap.end();
        const windows = tapped.closed.toSorted((left, right) => left.start - right.start);
        for (const [index, { start, ledger }] of windows.entries()) {
          const before = windows[index - 1];
          if (before === undefined || start === before.start + 60) continue;
          // Nobody has a row for what is between: the gap reaches from the one to the other, and no window comes twice.
          expect(start).toBeGreaterThan(before.start);
          expect(before.ledger.gaps.map(({ toSeconds }) => toSeconds)).toContain(before.start + 60);
          expect(ledger.gaps.map(({ fromSeconds }) => fromSeconds)).toContain(start);
        }
      }),
      { numRuns: 100 },
    );
  });
});

describe('a clock that is set back', () => {
  /** A tap that has run for half a minute when its clock shows 7230 and is set to 30. */
  async function setBack(): Promise<TappedInterface> {
    const tapped = attached({ clock: { seconds: 7200 } });
    tapped.engine.newest.waiting = many(5, 7225);
    await tapped.round(7230);
    tapped.clock.setSeconds = -7200;
    return tapped;
  }

  it('is told, and closes the windows that it left, also those that strays open again', async () => {
    const tapped = await setBack();
    tapped.engine.newest.waiting = [at(7230), at(31)];
    await tapped.round(31);
    expect(packetsByWindow(tapped)).toEqual([[7200, 6]]);
    expect(tapped.events.at(-1)).toEqual({ kind: 'set-back', seconds: 7200 });
    tapped.engine.newest.waiting = [at(7230), at(31.1)];
    await tapped.round(31.5);
    await tapped.round(32);
    expect(packetsByWindow(tapped)).toEqual([
      [7200, 6],
      [7200, 1],
    ]);
    await tapped.round(61);
    expect(packetsByWindow(tapped).at(-1)).toEqual([0, 2]);
    expect(new Set(tapped.closed.map(({ start, revision }) => `${start} ${revision}`)).size).toBe(3);
  });

  it('closes nothing more, whoever still says that later windows are due', async () => {
    const tapped = await setBack();
    await tapped.round(31);
    tapped.engine.newest.waiting = many(3, 32);
    tapped.clock.seconds = 32;
    for (let round = 0; round < 10; round++) tapped.tap.closeBefore(7229, await tapped.tap.drain(tapped.batch));
    expect(tapped.starts).toEqual([7200]);
    tapped.tap.end();
    expect(packetsByWindow(tapped).at(-1)).toEqual([0, 3]);
  });

  it('within its window closes none', async () => {
    const tapped = attached();
    await tapped.round(50);
    tapped.clock.setSeconds = -30;
    await tapped.round(21);
    await tapped.round(61);
    expect(tapped.starts).toEqual([0]);
    expect(logStatus(tapped.closed[0]!.ledger)).toBe('NODATA');
  });

  it('leaves the gap of an interface that is away in the windows before and after', async () => {
    const tapped = attached({ clock: { seconds: 7200 } });
    await vanish(tapped, 7220);
    tapped.engine.refusal = new OperationalError('capture.no-interface', 'not there.');
    for (let seconds = 7221; seconds <= 7230; seconds++) await tapped.round(seconds);
    tapped.clock.setSeconds = -7200;
    for (let seconds = 31; seconds <= 40; seconds++) await tapped.round(seconds);
    tapped.engine.refusal = undefined;
    await tapped.round(40.5);
    expect(tapped.events.at(-1)).toEqual({ kind: 're-attached', gapSeconds: 10 + 10.5 });
    await tapped.round(61);
    expect(gapsByWindow(tapped)).toEqual([
      [7200, [7220, 7231]],
      [0, [31, 40.5]],
    ]);
  });

  it('to where it was set forward from leaves no gap in the windows that come after all', async () => {
    const tapped = attached();
    await tapped.round(30);
    tapped.clock.setSeconds = 3600;
    await tapped.round(3631);
    tapped.clock.setSeconds = 0;
    for (let seconds = 32; seconds <= 190; seconds++) await tapped.round(seconds);
    const last = tapped.closed.slice(-3).map(({ start, ledger }) => [start, logStatus(ledger)]);
    expect(last).toEqual([
      [0, 'NODATA'],
      [60, 'NODATA'],
      [120, 'NODATA'],
    ]);
  });

  it('has the status of every window again', async () => {
    const tapped = await setBack();
    await tapped.round(31);
    await tapped.round(250);
    await tapped.round(301);
    expect(tapped.starts.slice(1)).toEqual([0, 60, 120, 180, 240]);
  });

  it('and forward, however often: each packet is counted once, and no window twice under one revision', async () => {
    const step = fc.record({
      seconds: fc.oneof(fc.integer({ min: 1, max: 90 }), fc.integer({ min: 1, max: 700 })),
      setSeconds: fc.oneof(fc.constant(0), fc.integer({ min: -90, max: 90 }), fc.integer({ min: -9000, max: 9000 })),
      packets: fc.integer({ min: 0, max: 3 }),
      strays: fc.integer({ min: 0, max: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const tapped = attached({ clock: { seconds: 1_000_000 } });
        const { clock } = tapped;
        let sent = 0;
        for (const { seconds, setSeconds, packets, strays } of steps) {
          const before = clock.seconds;
          clock.setSeconds = (clock.setSeconds ?? 0) + setSeconds;
          const now = before + setSeconds + seconds;
          tapped.engine.newest.waiting = [...many(strays, before), ...many(packets, now)];
          sent += packets + strays;
          await tapped.round(now);
        }
        tapped.tap.end();
        expect(tapped.closed.reduce((sum, { ledger }) => sum + ledger.metered.packets, 0)).toBe(sent);
        const identities = tapped.closed.map(({ start, revision }) => `${start} ${revision}`);
        expect(new Set(identities).size).toBe(identities.length);
        for (const { start, ledger } of tapped.closed) {
          for (const { fromSeconds, toSeconds } of ledger.gaps) {
            expect(fromSeconds).toBeGreaterThanOrEqual(start);
            expect(toSeconds).toBeLessThanOrEqual(start + 60);
          }
        }
      }),
      { numRuns: 100 },
    );
  });
});

describe('the figures of a tap', () => {
  it('are those of closed and open windows together, at most ten times a second', async () => {
    const figures: LiveFigures[] = [];
    const tapped = attached({ onFigures: (each) => figures.push(each) });
    tapped.engine.newest.waiting = many(5, 10);
    await tapped.round(10);
    tapped.engine.newest.waiting = many(7, 70);
    tapped.engine.newest.counted = { received: 12, droppedByKernel: 2, droppedByInterface: 1 };
    await tapped.round(70);
    await tapped.round(70.05);
    expect(figures).toEqual([
      { packets: 5, bytes: 5 * 28, lostPackets: 0, flows: 1, memoryOnlyTables: 0, unwrittenWindows: 0, openPackets: 5 },
      {
        packets: 15,
        bytes: 12 * 28,
        lostPackets: 3,
        flows: 1,
        memoryOnlyTables: 0,
        unwrittenWindows: 1,
        openPackets: 10,
      },
    ]);
  });
});
