import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createSavefileEngine } from '../../../agent/capture/savefile/savefile.ts';
import { RANGES, RECORD } from '../../../agent/kernel/layout.ts';
import { privateTableMemory } from '../../../agent/meter/table-memory.ts';
import { WindowFile } from '../../../agent/meter/window-file.ts';
import { createPacketBatch, FRAME_BYTES_MAX } from '../../../agent/model/packet-batch.ts';
import type { TablePages } from '../../../agent/model/table-memory.ts';
import { captureAddonIfBuilt, loadCaptureAddon } from '../../../agent/native/addon.ts';
import { replay } from '../../../agent/replay/replay.ts';
import { pcapFile } from '../../support/capture-file.ts';
import { POINT } from '../../support/closed-windows.ts';
import { kernelForTests } from '../../support/kernel.ts';
import { meterOptions } from '../../support/metering.ts';
import { ethernet, ipv4, udp } from '../../support/packet-builder.ts';

const kernel = kernelForTests();

describe('the memory of the kernel', () => {
  it('has batches and tables of any size side by side, zeroed', () => {
    const batch = createPacketBatch(2 * FRAME_BYTES_MAX, kernel);
    const allocate = privateTableMemory(captureAddonIfBuilt(), kernel);
    const tables = [4096, 65_536, 4 * 1024 * 1024].map((bytes) => allocate(bytes)!);
    expect(kernel.holds(batch.view)).toBe(true);
    for (const { words } of tables) {
      expect(kernel.holds(words)).toBe(true);
      expect(words.byteOffset).toBeGreaterThanOrEqual(RANGES);
      expect(words.every((word) => word === 0)).toBe(true);
      words.fill(-1);
    }
    for (const table of tables) table.release();
    const again = [4096, 65_536, 4 * 1024 * 1024].map((bytes) => allocate(bytes)!);
    for (const table of again) {
      expect(kernel.holds(table.words)).toBe(true);
      expect(table.words.every((word) => word === 0)).toBe(true);
      table.release();
    }
    kernel.giveBack(new Uint8Array(batch.view.buffer, batch.view.byteOffset).fill(0, 0, 1));
  });

  it('leaves to others what does not fit', () => {
    const table = privateTableMemory(undefined, kernel)(kernel.buffer.byteLength / 2);
    const other = privateTableMemory(undefined, kernel)(kernel.buffer.byteLength / 2);
    expect([table, other].map((memory) => kernel.holds(memory!.words))).toEqual([true, false]);
    table!.release();
  });

  it('has tables that are files, and gives their places back', () => {
    const folder = mkdtempSync(join(tmpdir(), 'flowlogd-kernel-'));
    const addon = loadCaptureAddon();
    const window = {
      hostId: 'host',
      runId: '0123456789abcdef',
      point: POINT,
      windowStart: 0,
      revision: 0,
      ruleNames: [],
    };
    try {
      const file = new WindowFile(folder, window, 0, addon, kernel);
      const free = kernel.take(4096)!;
      kernel.giveBack(free);
      const tables = [1, 2].map(() => file.allocate(4096, { windowStart: 0, revision: 0, family: 4 }));
      for (const [index, { words }] of tables.entries()) words.fill(0x0101_0101 * (index + 1));
      expect(tables.map(({ words }) => kernel.holds(words))).toEqual([true, true]);
      const bytes = readFileSync(file.path);
      for (const [index, { handOver }] of tables.entries()) {
        const pages = handOver();
        const { offset } = pages as Extract<TablePages, { kind: 'file' }>;
        expect(bytes.subarray(offset, offset + 4096).every((byte) => byte === index + 1)).toBe(true);
      }
      for (const { release } of tables) release();
      expect(kernel.take(4096)!.every((byte) => byte === 0)).toBe(true);
      expect(readFileSync(file.path).equals(bytes)).toBe(true);
      kernel.giveBack(free);
      file.unmapHead();
      file.close();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('has the packets of a file that is replayed, and what they are read into', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'flowlogd-kernel-'));
    try {
      const path = join(folder, 'one.pcap');
      const datagram = udp({ sourcePort: 40_000, destinationPort: 53 });
      const bytes = ethernet({}, ipv4({ source: '10.0.0.1', destination: '10.0.0.2', protocol: 17 }, datagram));
      writeFileSync(path, pcapFile([{ bytes }, { bytes }]));
      kernel.words[RECORD / 4] = 0;
      const report = await replay({
        files: [path, path],
        engine: createSavefileEngine(),
        filter: '',
        meter: { ...meterOptions(), windowSeconds: 60, windowsMax: 2, kernel },
        output: { write: async () => undefined, end: async () => undefined, abandon: async () => undefined },
        onProgress: () => undefined,
        linkTypeName: String,
        signal: new AbortController().signal,
      });
      expect(report.ledger.metered.packets).toBe(4);
      expect(kernel.words[RECORD / 4]).toBeGreaterThan(RANGES);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
