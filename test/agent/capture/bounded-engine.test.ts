import { describe, expect, it } from 'vitest';
import { boundedEngine } from '../../../agent/capture/bounded-engine.ts';
import type { RingChange } from '../../../agent/model/ring-change.ts';
import { FakeEngine } from '../../support/fake-engine.ts';

const MEBIBYTE = 2 ** 20;
const LIVE = { snapBytes: 128, bufferBytes: 64 * MEBIBYTE, promiscuous: false, filter: '' };

function bounded({ ringBytesMax = 1024 * MEBIBYTE, descriptorsMax = 100 } = {}) {
  const inner = new FakeEngine();
  const changes: RingChange[] = [];
  const onRing = (change: RingChange) => void changes.push(change);
  const engine = boundedEngine(inner, { ringBytesMax, onRing, descriptorsMax });
  return { inner, changes, open: (interfaceName: string) => engine.open({ ...LIVE, interfaceName }) };
}

const noRoom = (message: RegExp) =>
  expect.objectContaining({ code: 'capture.no-room', message: expect.stringMatching(message) as string });

describe('an engine with a bound', () => {
  it('opens with what the budget gives, and has it back when the capture is closed', () => {
    const { inner, changes, open } = bounded({ ringBytesMax: 128 * MEBIBYTE });
    const eth0 = open('eth0');
    open('eth1');
    eth0.close();
    expect(inner.bufferBytes).toEqual([64 * MEBIBYTE, 8 * MEBIBYTE]);
    expect(
      changes.map(({ interfaceName, ringBytes, bytes, rings }) => [interfaceName, ringBytes, bytes, rings]),
    ).toEqual([
      ['eth0', 64 * MEBIBYTE, 64 * MEBIBYTE, 1],
      ['eth1', 8 * MEBIBYTE, 72 * MEBIBYTE, 2],
      ['eth0', 0, 8 * MEBIBYTE, 1],
    ]);
  });

  it('refuses a ring that does not fit, with what to do, and opens it when there is room', () => {
    const { inner, changes, open } = bounded({ ringBytesMax: MEBIBYTE });
    const eth0 = open('eth0');
    expect(() => open('eth1')).toThrow(noRoom(/eth1 failed.*1 rings take 1 MiB of 1 MiB.*raise capture\.memoryMax/));
    expect(changes.at(-1)).toMatchObject({
      interfaceName: 'eth1',
      ringBytes: 0,
      refusal: expect.any(String) as string,
    });
    expect(inner.attempts).toBe(1);
    eth0.close();
    expect(open('eth1').name).toBe('eth1');
  });

  it('leaves descriptors for tables and uploads', () => {
    const { inner, open } = bounded({ descriptorsMax: 4 });
    const [eth0] = [open('eth0'), open('eth1')] as const;
    expect(() => open('eth2')).toThrow(noRoom(/half of the 4 file descriptors.*LimitNOFILE=/));
    expect(inner.attempts).toBe(2);
    eth0.close();
    open('eth2');
  });

  it('counts a netlink socket with what the kernel takes for it', () => {
    const { inner, changes, open } = bounded();
    open('nflog:5');
    expect(inner.bufferBytes).toEqual([64 * MEBIBYTE]);
    expect(changes[0]).toMatchObject({ bytes: 128 * MEBIBYTE });
  });

  it('keeps nothing of a capture that fails', () => {
    const { inner, changes, open } = bounded();
    inner.refusal = new Error('no such device');
    expect(() => open('eth0')).toThrow('no such device');
    expect(changes).toEqual([]);
    inner.refusal = undefined;
    open('eth0');
    expect(changes[0]).toMatchObject({ bytes: 64 * MEBIBYTE, rings: 1 });
  });
});
