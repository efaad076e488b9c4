import { EventEmitter } from 'node:events';
import { describe, expect, test } from 'vitest';
import { type CapPackage, createCapEngine } from '../../../../agent/capture/cap/cap.ts';
import { createPacketBatch } from '../../../../agent/model/packet-batch.ts';
import { type LiveOptions, READ } from '../../../../agent/model/packet-source.ts';
import { packetsOf, SMALLEST_BATCH_BYTES } from '../../../support/packet-batch.ts';
import { arp, LINK_TYPE } from '../../../support/packet-builder.ts';

const OPTIONS: LiveOptions = {
  interfaceName: 'eth0',
  snapBytes: 128,
  bufferBytes: 1 << 20,
  promiscuous: true,
  filter: '',
};

/** The package with one interface whose packets a test makes up; opening fails with `failure`, if given. */
function fakeCap(linkType = 'ETHERNET', failure?: string) {
  const state = { closed: 0, deliver: (_bytes: Uint8Array): void => undefined };
  class Cap extends EventEmitter {
    open(_device: string, _filter: string, _bufferBytes: number, frame: Buffer): string {
      if (failure !== undefined) throw new Error(failure);
      state.deliver = (bytes) => {
        frame.set(bytes);
        this.emit('packet', bytes.length, false);
      };
      return linkType;
    }
    close(): boolean {
      state.closed++;
      return true;
    }
  }
  const cap: CapPackage = { Cap, deviceList: () => [{ name: 'eth0' }, { name: 'lo' }] };
  return { cap, state };
}

describe('the cap engine', () => {
  test('stamps packets with the time of their arrival and hands them over in order', () => {
    const { cap, state } = fakeCap();
    let now = 1_700_000_000_250;
    const source = createCapEngine(() => now, cap).open(OPTIONS);
    const batch = createPacketBatch(1 << 20);
    expect(source.read(batch)).toBe(READ.idle);
    state.deliver(arp());
    now += 1000;
    state.deliver(new Uint8Array(500).fill(3));
    expect(source.read(batch)).toBe(READ.packets);
    expect(packetsOf(batch)).toEqual([
      { seconds: 1_700_000_000, nanoseconds: 250_000_000, wireLength: arp().length, bytes: arp() },
      { seconds: 1_700_000_001, nanoseconds: 250_000_000, wireLength: 500, bytes: new Uint8Array(128).fill(3) },
    ]);
    expect(source.read(batch)).toBe(READ.idle);
    expect(source.statistics()).toMatchObject({ received: 2, droppedByKernel: undefined, droppedByEngine: 0 });
  });

  test('counts the packets that find its buffer full, and loses no other', () => {
    const { cap, state } = fakeCap();
    const source = createCapEngine(() => 0, cap).open({ ...OPTIONS, snapBytes: 65_535 });
    const batch = createPacketBatch(SMALLEST_BATCH_BYTES);
    let sent = 0;
    let read = 0;
    const send = (count: number) => {
      for (let i = 0; i < count; i++) state.deliver(new Uint8Array(60_000).fill(sent++ % 251));
    };
    send(100);
    expect(source.read(batch)).toBe(READ.packets);
    read += batch.count;
    send(100);
    while (source.read(batch) === READ.packets) read += batch.count;
    const { droppedByEngine = 0 } = source.statistics();
    expect(droppedByEngine).toBeGreaterThan(0);
    expect(read + droppedByEngine).toBe(200);
    send(1);
    expect(source.read(batch)).toBe(READ.packets);
    expect(packetsOf(batch)[0]?.bytes[0]).toBe(200);
  });

  test.each([
    ['ETHERNET', LINK_TYPE.ethernet],
    ['RAW', LINK_TYPE.raw],
    ['NULL', 0],
    ['LINKTYPE_LINUX_SLL', LINK_TYPE.linuxSll],
    ['Unknown linktype 276', LINK_TYPE.linuxSll2],
  ])('knows link type %s as %i', (name, linkType) => {
    expect(createCapEngine(() => 0, fakeCap(name).cap).open(OPTIONS).linkType).toBe(linkType);
  });

  test.each([
    ['eth0', '', 'socket: Operation not permitted', 'capture.permission'],
    ['eth9', '', 'eth9: No such device exists', 'capture.no-interface'],
    ['eth0', 'tcp prot', "can't parse filter expression: syntax error", 'capture.filter'],
    ['eth0', '', 'Unable to set buffer size', 'capture.failed'],
  ])('refuses %s with filter "%s" and "%s" as %s', (interfaceName, filter, text, code) => {
    const engine = createCapEngine(() => 0, fakeCap('', text).cap);
    expect(() => engine.open({ ...OPTIONS, interfaceName, filter })).toThrow(expect.objectContaining({ code }));
  });

  test('wakes at the first packet and at the timeout', async () => {
    const { cap, state } = fakeCap();
    const engine = createCapEngine(() => 0, cap);
    const source = engine.open(OPTIONS);
    await engine.wait([source], 1);
    const woken = engine.wait([source], 2 ** 30);
    state.deliver(arp());
    await woken;
    await engine.wait([source], 2 ** 30);
    expect(source.read(createPacketBatch(1 << 20))).toBe(READ.packets);
  });

  test('closes once', () => {
    const { cap, state } = fakeCap();
    const source = createCapEngine(() => 0, cap).open(OPTIONS);
    source.close();
    source.close();
    expect(state.closed).toBe(1);
  });

  test('tells its limits', () => {
    const limits = createCapEngine(() => 0, fakeCap().cap).limits.join(' ');
    for (const words of ['arrival', 'drop counters', 'one callback per packet', 'main thread', 'link goes down']) {
      expect(limits).toContain(words);
    }
  });
});
