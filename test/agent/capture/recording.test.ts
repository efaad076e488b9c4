import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createLibpcapSavefileEngine } from '../../../agent/capture/libpcap/libpcap.ts';
import { RecordingProgress, recordingEngine } from '../../../agent/capture/recording.ts';
import { READ } from '../../../agent/model/packet-source.ts';
import { loadCaptureAddon } from '../../../agent/native/addon.ts';
import { FakeEngine } from '../../support/fake-engine.ts';
import { type BatchPacket, emptyBatch } from '../../support/packet-batch.ts';
import { packetLines, readSavefile } from '../../support/read-source.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const LIVE = { interfaceName: 'eth0', snapBytes: 262_144, bufferBytes: 0, promiscuous: false, filter: '' };

/** A recording of an engine without a kernel. */
function recordingOf(bytesMax: number, path = join(temporaryFolder(), 'a.pcap')) {
  const fake = new FakeEngine();
  const progress = new RecordingProgress();
  const engine = recordingEngine(fake, { path, bytesMax, snapBytes: 262_144, shared: progress.shared });
  return { fake, progress, engine, path };
}

function record({ fake, engine }: ReturnType<typeof recordingOf>, packets: readonly BatchPacket[]): void {
  const source = engine.open(LIVE);
  fake.newest.waiting = [...packets];
  const batch = emptyBatch();
  while (source.read(batch) === READ.packets);
  source.close();
}

const packet = fc.record({
  seconds: fc.nat(0xffff_ffff),
  nanoseconds: fc.nat(999_999).map((microseconds) => microseconds * 1000),
  bytes: fc.uint8Array({ maxLength: 80 }),
});

describe('a recording', () => {
  test('is a pcap file of all packets, or of the first ones that its bound has room for', async () => {
    const savefiles = createLibpcapSavefileEngine(loadCaptureAddon());
    await fc.assert(
      fc.asyncProperty(
        fc.array(packet, { maxLength: 250 }),
        fc.integer({ min: 24, max: 20_000 }),
        async (sent, bytesMax) => {
          const recording = recordingOf(bytesMax);
          record(recording, sent);
          const { packets } = await readSavefile(savefiles, recording.path);
          const expected = sent.map((each) => ({ ...each, wireLength: each.bytes.length }));
          expect(packetLines(packets)).toEqual(packetLines(expected.slice(0, packets.length)));
          const { progress, path } = recording;
          expect(statSync(path).size).toBe(progress.bytes);
          expect(progress.bytes).toBeLessThanOrEqual(bytesMax);
          expect(progress.packets).toBe(packets.length);
          expect(progress.packets + progress.leftOut).toBe(sent.length);
          const next = sent[packets.length];
          if (next !== undefined) expect(progress.bytes + 16 + next.bytes.length).toBeGreaterThan(bytesMax);
        },
      ),
      { numRuns: 60 },
    );
  });

  test('goes on in the same file when an interface comes back', () => {
    const recording = recordingOf(10_000);
    record(recording, [{ seconds: 1, bytes: Uint8Array.of(1, 2, 3, 4) }]);
    record(recording, [{ seconds: 2, bytes: Uint8Array.of(5) }]);
    expect(recording.progress.packets).toBe(2);
    expect(readFileSync(recording.path)).toHaveLength(24 + 16 + 4 + 16 + 1);
  });

  test('refuses a second link type, and gives the capture back', () => {
    const { engine, fake } = recordingOf(10_000);
    engine.open(LIVE);
    fake.linkType = 101;
    expect(() => engine.open({ ...LIVE, interfaceName: 'wg0' })).toThrow(/wg0 has another link type/);
    expect(fake.newest.closed).toBe(true);
  });

  test('that cannot begin is an operational failure, and one that cannot go on is told', () => {
    expect(() => recordingOf(1000, '/nowhere/a.pcap').engine.open(LIVE)).toThrow(/Writing \/nowhere\/a\.pcap failed/);
    const full = recordingOf(10_000, '/dev/full');
    expect(() => full.engine.open(LIVE)).toThrow(/ENOSPC/);
  });

  test('hands the engine its own sources to wait for', () => {
    const { engine, fake } = recordingOf(1000);
    const source = engine.open(LIVE);
    let waitedFor: readonly unknown[] = [];
    fake.onWait = (sources) => {
      waitedFor = sources;
    };
    engine.wait([source], 5);
    expect(waitedFor).toEqual([fake.newest]);
  });
});
