import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { OperationalError } from '../../../agent/model/operational-error.ts';
import { FRAME_BYTES_MAX } from '../../../agent/model/packet-batch.ts';
import { type CaptureHandle, loadCaptureAddon, READ_END } from '../../../agent/native/addon.ts';
import { pcapFile, pcapHeader } from '../../support/capture-file.ts';
import { arp } from '../../support/packet-builder.ts';
import { CaptureFolder, openWithLibpcap } from '../../support/read-source.ts';

const addon = loadCaptureAddon();
const folder = new CaptureFolder();
afterAll(() => folder.remove());
const batchOf = (bytes: number) => new DataView(new ArrayBuffer(bytes));

describe('loading', () => {
  test('says how to build an addon that is not there', () => {
    const missing = join(folder.path, 'capture.node');
    expect(() => loadCaptureAddon(missing)).toThrow(OperationalError);
    expect(() => loadCaptureAddon(missing)).toThrow(/not built.*npm run build:native/);
  });

  test('says what is wrong with an addon that cannot be loaded', () => {
    const broken = folder.write(new TextEncoder().encode('no shared object'));
    expect(() => loadCaptureAddon(broken)).toThrow(/cannot be loaded/);
  });

  test('knows its libpcap and the loopback interface', () => {
    expect(addon.libraryVersion()).toMatch(/^libpcap version \d/);
    expect(addon.interfaces()).toContainEqual(expect.objectContaining({ name: 'lo', loopback: true }));
    expect(addon.interfaceIndex('lo')).toBe(1);
    expect(addon.interfaceIndex('no-such-device')).toBe(0);
  });
});

describe('handles', () => {
  test('a closed capture may be closed again and throws at any other use', () => {
    const handle = openWithLibpcap(addon, folder.write(pcapHeader()));
    addon.close(handle);
    addon.close(handle);
    const closed = expect.objectContaining({ code: 'ERR_CAPTURE_CLOSED' });
    expect(() => addon.describe(handle)).toThrow(closed);
    expect(() => addon.readBatch(handle, batchOf(1 << 20), 128, 0)).toThrow(closed);
    expect(() => addon.statistics(handle)).toThrow(closed);
    expect(() => addon.wait([handle], 0, new Uint8Array(1))).toThrow(closed);
    expect(addon.errorText(handle)).toBe('');
  });

  test('waits for more captures than any table of a fixed size would hold, and says which are ready', () => {
    const path = folder.write(pcapHeader());
    const handles = Array.from({ length: 1000 }, () => openWithLibpcap(addon, path));
    const ready = new Uint8Array(1000);
    expect(addon.wait(handles, 0, ready)).toBe(1000);
    expect(ready.every((byte) => byte === 1)).toBe(true);
    expect(() => addon.wait(handles, 0, new Uint8Array(999))).toThrow(/a byte for each handle/);
    for (const handle of handles.splice(0, 999)) addon.close(handle);
    expect(addon.wait(handles, 0, ready)).toBe(1);
  });

  test.each([undefined, null, 0, {}, () => 0, 'handle', new ArrayBuffer(8)])('%s is no capture', (value) => {
    expect(() => addon.describe(value as unknown as CaptureHandle)).toThrow(/handle must be a capture/);
  });

  test('refuses a batch that cannot hold one packet, and lengths out of range', () => {
    const handle = openWithLibpcap(addon, folder.write(pcapFile([{ bytes: arp() }])));
    expect(() => addon.readBatch(handle, batchOf(24 + 127), 128, 0)).toThrow(RangeError);
    expect(() => addon.readBatch(handle, batchOf(0), 128, 0)).toThrow(RangeError);
    expect(() => addon.readBatch(handle, batchOf(1 << 20), 0, 0)).toThrow(RangeError);
    expect(() => addon.readBatch(handle, batchOf(1 << 20), FRAME_BYTES_MAX + 1, 0)).toThrow(RangeError);
    expect(() => addon.readBatch(handle, batchOf(1 << 20), 1.5, 0)).toThrow(TypeError);
    expect(() => addon.readBatch(handle, batchOf(1 << 20), Number.NaN, 0)).toThrow(TypeError);
    expect(() => addon.readBatch(handle, new Uint8Array(1 << 20) as unknown as DataView, 128, 0)).toThrow(TypeError);
    expect(addon.readBatch(handle, batchOf(24 + 128), 128, 0)).toBe(1);
    expect(addon.readBatch(handle, batchOf(24 + 128), 128, 0)).toBe(READ_END);
    addon.close(handle);
  });

  test('writes only inside the view it was given', () => {
    const handle = openWithLibpcap(addon, folder.write(pcapFile([{ bytes: new Uint8Array(200).fill(9) }])));
    const memory = new Uint8Array(1024).fill(7);
    expect(addon.readBatch(handle, new DataView(memory.buffer, 256, 24 + 64), 64, 0)).toBe(1);
    expect(memory.subarray(0, 256).every((byte) => byte === 7)).toBe(true);
    expect(memory.subarray(256 + 24, 256 + 88).every((byte) => byte === 9)).toBe(true);
    expect(memory.subarray(256 + 88).every((byte) => byte === 7)).toBe(true);
    addon.close(handle);
  });

  test('gives the bytes of a file until libpcap takes it over', () => {
    const bytes = pcapFile([{ bytes: arp() }]);
    const path = folder.write(bytes);
    const whole = addon.openFile(path);
    const memory = new Uint8Array(1024).fill(7);
    expect(addon.firstByte(whole)).toBe(bytes[0]);
    expect(addon.readBytes(whole, memory.subarray(10, 11))).toBe(1);
    expect(addon.readBytes(whole, new Uint8Array(0))).toBe(0);
    expect(addon.readBytes(whole, memory.subarray(11, 500))).toBe(bytes.length - 1);
    expect(memory.subarray(10, 10 + bytes.length)).toEqual(bytes);
    expect(memory[9]).toBe(7);
    expect(memory.subarray(10 + bytes.length).every((byte) => byte === 7)).toBe(true);
    expect(addon.readBytes(whole, memory)).toBe(0);
    expect(addon.firstByte(whole)).toBe(-1);
    expect(() => addon.readBytes(whole, batchOf(8) as unknown as Uint8Array)).toThrow(TypeError);
    addon.close(whole);

    const handed = addon.openFile(path);
    expect(() => addon.describe(handed)).toThrow(expect.objectContaining({ code: 'ERR_CAPTURE_CLOSED' }));
    addon.startSavefile(handed, '');
    expect(addon.describe(handed).linkType).toBe(1);
    for (const file of [whole, handed]) {
      const closed = expect.objectContaining({ code: 'ERR_CAPTURE_CLOSED' });
      expect(() => addon.firstByte(file)).toThrow(closed);
      expect(() => addon.readBytes(file, memory)).toThrow(closed);
      expect(() => addon.startSavefile(file, '')).toThrow(closed);
    }
    addon.close(handed);
  });

  test('says why the bytes of a file cannot be read', () => {
    const file = addon.openFile('/');
    expect(addon.firstByte(file)).toBe(-1);
    expect(() => addon.readBytes(file, new Uint8Array(8))).toThrow(expect.objectContaining({ code: 'EISDIR' }));
    addon.close(file);
  });

  test('never waits without a bound', () => {
    expect(() => addon.wait([], -1, new Uint8Array(0))).toThrow(RangeError);
    expect(addon.wait([], 1, new Uint8Array(0))).toBe(0);
  });

  test('a savefile has no statistics', () => {
    const handle = openWithLibpcap(addon, folder.write(pcapHeader()));
    expect(addon.statistics(handle)).toBeUndefined();
    addon.close(handle);
  });
});
