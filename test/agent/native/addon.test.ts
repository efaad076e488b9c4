import { closeSync, fstatSync } from 'node:fs';
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

describe('memory', () => {
  test('two mappings of one memory file are the same pages', () => {
    const file = addon.memoryFile('flowlogd-test');
    addon.reserveFile(file, 1 << 20);
    expect(fstatSync(file).size).toBe(1 << 20);
    const one = addon.map(file, 1 << 20);
    const other = addon.map(file, 1 << 20);
    closeSync(file);
    new Uint32Array(one)[1000] = 42;
    expect(new Uint32Array(other)[1000]).toBe(42);
    addon.unmap(one);
    expect(one.byteLength).toBe(0);
    addon.unmap(one);
    expect(new Uint32Array(other)[1000]).toBe(42);
    addon.unmap(other);
  });

  test('a range of a file is allocated and mapped where it begins, and the file before it is left alone', () => {
    const page = addon.pageBytes();
    expect(Math.log2(page) % 1).toBe(0);
    const file = addon.memoryFile('flowlogd-test');
    addon.reserveFile(file, 2 * page, 3 * page);
    expect([fstatSync(file).size, fstatSync(file).blocks * 512]).toEqual([5 * page, 2 * page]);
    const range = addon.map(file, page, 4 * page);
    const whole = addon.map(file, 5 * page);
    new Uint8Array(range)[7] = 42;
    expect(new Uint8Array(whole).findIndex((byte) => byte !== 0)).toBe(4 * page + 7);
    addon.unmap(range);
    addon.unmap(whole);
    expect(() => addon.map(file, page, 5 * page)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    expect(() => addon.map(file, page, 1)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    expect(() => addon.map(file, page, 0.5)).toThrow(TypeError);
    closeSync(file);
  });

  test('memory of one thread comes zeroed', () => {
    const memory = addon.map(-1, 3 * 4096);
    expect(memory.byteLength).toBe(3 * 4096);
    expect(new Uint8Array(memory).every((byte) => byte === 0)).toBe(true);
    addon.unmap(memory);
  });

  test('refuses what the machine cannot give, with the code of the kernel', () => {
    const file = addon.memoryFile('flowlogd-test');
    expect(() => addon.map(file, 4096)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    expect(() => addon.map(-1, 2 ** 52)).toThrow(expect.objectContaining({ code: 'ENOMEM' }));
    expect(() => addon.map(-1, 0)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    expect(() => addon.map(-1, -1)).toThrow(TypeError);
    closeSync(file);
    expect(() => addon.reserveFile(file, 4096)).toThrow(expect.objectContaining({ code: 'EBADF' }));
    expect(() => addon.memoryFile('x'.repeat(300))).toThrow(TypeError);
  });

  test('unmaps only what it mapped', () => {
    expect(() => addon.unmap(new ArrayBuffer(64))).toThrow(/not a mapping/);
    expect(() => addon.unmap({} as ArrayBuffer)).toThrow(TypeError);
  });
});
