import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadCaptureAddon } from '../../../agent/capture/addon.ts';
import { HASH_SEED_WORDS } from '../../../agent/flow/hash.ts';
import { OperationalError } from '../../../agent/model/operational-error.ts';
import type { LiveEngine } from '../../../agent/model/packet-source.ts';
import { EXCLUDE_DEFAULTS } from '../../../agent/packet/exclusion.ts';
import { TapSet, type TapSetup } from '../../../agent/threads/tap-set.ts';
import { POINT } from '../../support/closed-windows.ts';
import { FakeEngine } from '../../support/fake-engine.ts';
import { emptyBatch } from '../../support/packet-batch.ts';

let engine: FakeEngine;
let set: TapSet;

const setOn = (live: LiveEngine) =>
  new TapSet({
    exclusion: EXCLUDE_DEFAULTS,
    flowsMax: 1024,
    hashSeed: new Int32Array(HASH_SEED_WORDS),
    engine: live,
    mapper: loadCaptureAddon(),
    onClosed: () => undefined,
    onEvent: () => undefined,
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
    expect(set.rejectLogs).toHaveLength(1);
    await set.leave(first.point, emptyBatch());
    expect(groupsClosed()).toEqual([false]);
    await set.leave(second.point, emptyBatch());
    expect(groupsClosed()).toEqual([true]);
    expect(set.rejectLogs).toHaveLength(0);
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
    expect(set.rejectLogs).toHaveLength(0);
  });

  test('are refused where NFLOG cannot be had as they need it', () => {
    expect(() => set.observe(tapOn('eth0', 'tcp'))).toThrow(/no capture.filter, which NFLOG does not know/);
    const other = setOn({ ...engine, name: 'cap', open: engine.open.bind(engine), wait: () => undefined });
    expect(() => other.observe(tapOn('eth0'))).toThrow(/takes the engine libpcap/);
    expect(names()).toEqual([]);
  });
});
