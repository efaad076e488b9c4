/** Pages of tables as the addon gives them. What the kernel has of them is asked in processes of their own, which have no others. */
import { execFile } from 'node:child_process';
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { loadCaptureAddon, type MemoryPlace, packageRoot } from '../../../agent/native/addon.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const addon = loadCaptureAddon();
const PAGE = addon.pageBytes();
const MIB = 1024 * 1024;
const HUGE = 2 * MIB;
const HAS_HUGE_PAGES = !readFileSync('/sys/kernel/mm/transparent_hugepage/enabled', 'utf8').includes('[never]');

function newFile(): number {
  return openSync(join(temporaryFolder(), 'table'), 'wx+');
}

describe('a file', () => {
  test('that is mapped twice has the same pages', () => {
    const file = newFile();
    addon.reserveFile(file, MIB);
    expect(fstatSync(file).size).toBe(MIB);
    const one = addon.map(file, MIB);
    const other = addon.map(file, MIB);
    closeSync(file);
    new Uint32Array(one)[1000] = 42;
    expect(new Uint32Array(other)[1000]).toBe(42);
    addon.unmap(one);
    expect(one.byteLength).toBe(0);
    addon.unmap(one);
    expect(new Uint32Array(other)[1000]).toBe(42);
    addon.unmap(other);
  });

  test('has a range allocated and mapped where it begins, and what is before it left alone', () => {
    expect(Math.log2(PAGE) % 1).toBe(0);
    const file = newFile();
    addon.reserveFile(file, 2 * PAGE, 3 * PAGE);
    expect([fstatSync(file).size, fstatSync(file).blocks * 512]).toEqual([5 * PAGE, 2 * PAGE]);
    const range = addon.map(file, PAGE, 4 * PAGE);
    const whole = addon.map(file, 5 * PAGE);
    new Uint8Array(range)[7] = 42;
    expect(new Uint8Array(whole).findIndex((byte) => byte !== 0)).toBe(4 * PAGE + 7);
    addon.unmap(range);
    addon.unmap(whole);
    expect(() => addon.map(file, PAGE, 5 * PAGE)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    expect(() => addon.map(file, PAGE, 1)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    expect(() => addon.map(file, PAGE, 0.5)).toThrow(TypeError);
    closeSync(file);
  });

  test('that is large holds what was written through a mapping that was made ready meanwhile', () => {
    const file = newFile();
    addon.reserveFile(file, PAGE + 2 * HUGE);
    const table = addon.map(file, 2 * HUGE, PAGE);
    addon.prepare(table);
    for (let at = 0; at < 2 * HUGE; at += PAGE) new Uint8Array(table)[at] = 7;
    addon.unmap(table);
    const bytes = readFileSync(`/proc/self/fd/${file}`);
    closeSync(file);
    expect(bytes.filter((byte) => byte !== 0).length).toBe((2 * HUGE) / PAGE);
    expect([bytes[0], bytes[PAGE], bytes.at(-PAGE)]).toEqual([0, 7, 7]);
  });
});

describe('memory', () => {
  test('comes zeroed, small or large', () => {
    for (const bytes of [3 * PAGE, HUGE, HUGE + PAGE, 3 * HUGE]) {
      const memory = addon.map(-1, bytes);
      expect(memory.byteLength).toBe(bytes);
      expect(new BigUint64Array(memory).every((word) => word === 0n)).toBe(true);
      new Uint8Array(memory).fill(1);
      addon.unmap(memory);
    }
  });

  test('that the machine cannot give is refused with the code of the kernel', () => {
    const file = newFile();
    expect(() => addon.map(file, 4096)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    for (const bytes of [2 ** 46, 2 ** 52]) {
      expect(() => addon.map(-1, bytes)).toThrow(expect.objectContaining({ code: 'ENOMEM' }));
    }
    expect(() => addon.map(-1, 0)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    expect(() => addon.map(-1, -1)).toThrow(TypeError);
    closeSync(file);
    expect(() => addon.reserveFile(file, 4096)).toThrow(expect.objectContaining({ code: 'EBADF' }));
  });

  test('that is none of this thread is neither unmapped, prepared nor shared', () => {
    for (const call of [addon.unmap, addon.prepare, addon.share]) {
      expect(() => call(new ArrayBuffer(64))).toThrow(/not a mapping/);
      expect(() => call({} as ArrayBuffer)).toThrow(TypeError);
    }
  });

  test('is adopted once, in the thread that shared it, too', () => {
    const memory = addon.map(-1, PAGE);
    new Uint8Array(memory)[5] = 42;
    const promise = addon.share(memory);
    const adopted = addon.adopt(promise);
    addon.unmap(memory);
    expect(new Uint8Array(adopted)[5]).toBe(42);
    expect(() => addon.adopt(promise)).toThrow(expect.objectContaining({ code: 'ENOENT' }));
    expect(() => addon.adopt(2 ** 40)).toThrow(expect.objectContaining({ code: 'ENOENT' }));
    addon.unmap(adopted);
  });

  test('that a thread adopts more than once is there until each of its buffers is given back', () => {
    const first = addon.map(-1, PAGE);
    new Uint8Array(first)[5] = 42;
    const buffers = [first];
    for (let i = 0; i < 3; i++) buffers.push(addon.adopt(addon.share(buffers[i]!)));
    for (const buffer of buffers) {
      expect(new Uint8Array(buffer)[5]).toBe(42);
      addon.unmap(buffer);
      expect(buffer.byteLength).toBe(0);
    }
  });
});

/**
 * What a program prints as JSON. It has the addon, `kib(field)` of its address space as in proc_pid_smaps(5), `threads()`,
 * `thread(code, data)` that ends with the answer of another thread, whatever becomes of that, and `settled(condition)`.
 */
async function run(program: string): Promise<unknown> {
  const path = JSON.stringify(join(packageRoot(), 'agent/native/build/Release/capture.node'));
  const text = `
    const { readFileSync, readdirSync } = require('node:fs');
    const { Worker, MessageChannel } = require('node:worker_threads');
    const addon = require(${path});
    const MIB = 1024 * 1024;
    const kib = (field) => Number(new RegExp('^' + field + ': *(\\\\d+)', 'm').exec(readFileSync('/proc/self/smaps_rollup', 'utf8'))[1]);
    const threads = () => readdirSync('/proc/self/task').map((id) => readFileSync('/proc/self/task/' + id + '/comm', 'utf8').trim());
    const thread = (code, data) => new Promise((resolve) => {
      const worker = new Worker("const { parentPort, workerData } = require('node:worker_threads'); const addon = require(" + JSON.stringify(${path}) + "); const MIB = 1024 * 1024;" + code, { eval: true, workerData: data });
      let answer;
      worker.on('message', (message) => { answer = message; });
      worker.on('error', () => undefined);
      worker.on('exit', () => resolve(answer));
    });
    const settled = async (condition) => {
      for (let i = 0; i < 2000 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 5));
      return condition();
    };
    (async () => { ${program} })().then((result) => console.log(JSON.stringify(result)));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', text]);
  return JSON.parse(stdout);
}

describe('pages', () => {
  test.skipIf(!HAS_HUGE_PAGES)('of a table of 2 MiB or more are huge, and go with it', async () => {
    const found = await run(`
      const before = kib('AnonHugePages');
      const table = addon.map(-1, 64 * MIB);
      new Uint8Array(table).fill(1);
      const during = kib('AnonHugePages') - before;
      addon.unmap(table);
      return { huge: during / 1024, gone: await settled(() => kib('AnonHugePages') <= before) };
    `);
    expect(found).toEqual({ huge: 64, gone: true });
  });

  test('that are prepared are there before anybody touches them, in a thread of the addon that began with them', async () => {
    const found = await run(`
      const without = threads().filter((name) => name === 'table-pages').length;
      const before = kib('Anonymous');
      const table = addon.map(-1, 64 * MIB);
      const mapped = kib('Anonymous') - before < 8 * 1024;
      addon.prepare(table);
      const ready = await settled(() => kib('Anonymous') - before >= 64 * 1024);
      const zeroed = new Uint32Array(table).every((word) => word === 0);
      addon.unmap(table);
      const gone = await settled(() => kib('Anonymous') - before < 8 * 1024);
      return { without, mapped, ready, zeroed, gone, threads: threads().filter((name) => name === 'table-pages').length };
    `);
    expect(found).toEqual({ without: 0, mapped: true, ready: true, zeroed: true, gone: true, threads: 1 });
  });

  test('are prepared by a kernel without MADV_POPULATE_WRITE, too, and keep what is written meanwhile', async () => {
    const found = await run(`
      // seccomp(2): madvise with the advice 23 answers EINVAL, as before Linux 5.14.
      const MADVISE = process.arch === 'arm64' ? 233 : 28;
      const program = Buffer.alloc(48);
      [[0x20, 0, 0, 0], [0x15, 0, 3, MADVISE], [0x20, 0, 0, 32], [0x15, 0, 1, 23], [0x06, 0, 0, 0x00050016], [0x06, 0, 0, 0x7fff0000]].forEach(([code, yes, no, k], i) => {
        program.writeUInt16LE(code, i * 8); program[i * 8 + 2] = yes; program[i * 8 + 3] = no; program.writeUInt32LE(k, i * 8 + 4);
      });
      addon.filterSystemCalls(program);
      const before = kib('Rss');
      const table = addon.map(-1, 64 * MIB);
      addon.prepare(table);
      const words = new Uint32Array(table);
      for (let at = words.length - 1024; at >= words.length - 1024 * 1024; at -= 1024) words[at] = 7;
      const ready = await settled(() => kib('Rss') - before >= 64 * 1024);
      return { ready, written: words.filter((word) => word !== 0).length, sevens: words.filter((word) => word === 7).length };
    `);
    expect(found).toEqual({ ready: true, written: 1024, sevens: 1024 });
  });

  test('that are given back while they are prepared do not come again', async () => {
    const found = await run(`
      const before = kib('Rss');
      for (let i = 0; i < 20; i++) {
        const tables = [1, 2, 3].map(() => addon.map(-1, 64 * MIB));
        for (const table of tables) addon.prepare(table);
        for (const table of tables.reverse()) addon.unmap(table);
      }
      // The queue of the addon is empty once this is ready.
      const last = addon.map(-1, 2 * MIB);
      addon.prepare(last);
      const small = () => kib('Rss') - before < 16 * 1024;
      return { gone: await settled(small), stays: small() };
    `);
    expect(found).toEqual({ gone: true, stays: true });
  });
});

describe('pages of a thread', () => {
  const FILLED = `
    const table = addon.map(-1, 64 * MIB);
    new Uint32Array(table).fill(workerData);
    addon.prepare(table);
    parentPort.postMessage(addon.share(table));
  `;

  test('that ended are there for the thread that adopts them, and go with its mapping', async () => {
    const found = await run(`
      const before = kib('Rss');
      const promise = await thread(${JSON.stringify(FILLED)}, 42);
      const table = addon.adopt(promise);
      const isWhole = table.byteLength === 64 * MIB && new Uint32Array(table).every((word) => word === 42);
      const held = kib('Rss') - before >= 64 * 1024;
      addon.unmap(table);
      return { isWhole, held, gone: await settled(() => kib('Rss') - before < 32 * 1024) };
    `);
    expect(found).toEqual({ isWhole: true, held: true, gone: true });
  });

  test('that ended without sharing them go with it, those that are still being prepared included', async () => {
    const found = await run(`
      await thread('', 0);
      const before = kib('Rss');
      for (let i = 0; i < 5; i++) {
        await thread("for (let i = 0; i < 4; i++) addon.prepare(addon.map(-1, 64 * MIB)); new Uint8Array(addon.map(-1, 64 * MIB)).fill(1);", 0);
      }
      return { gone: await settled(() => kib('Rss') - before < 32 * 1024) };
    `);
    expect(found).toEqual({ gone: true });
  });

  test('that crashes after it adopted them stay with the thread that shared them, and else go', async () => {
    const found = await run(`
      const crash = "const table = addon.adopt(workerData); parentPort.postMessage(new Uint32Array(table)[9]); throw new Error('crash');";
      await thread('', 0);
      const before = kib('Rss');
      const table = addon.map(-1, 64 * MIB);
      new Uint32Array(table).fill(42);
      const read = await thread(crash, addon.share(table));
      const isWhole = new Uint32Array(table).every((word) => word === 42);
      const other = await thread(crash, await thread(${JSON.stringify(FILLED)}, 43));
      const held = kib('Rss') - before;
      addon.unmap(table);
      return { read, isWhole, other, alone: held < 96 * 1024, gone: await settled(() => kib('Rss') - before < 32 * 1024) };
    `);
    expect(found).toEqual({ read: 42, isWhole: true, other: 43, alone: true, gone: true });
  });

  test('are given back by either of two, and go with the last', async () => {
    const found = await run(`
      const before = kib('Rss');
      const table = addon.map(-1, 64 * MIB);
      new Uint32Array(table).fill(42);
      const promise = addon.share(table);
      addon.unmap(table);
      const held = kib('Rss') - before >= 64 * 1024;
      const read = await thread("const table = addon.adopt(workerData); parentPort.postMessage(new Uint32Array(table)[9]); addon.unmap(table);", promise);
      return { held, read, gone: await settled(() => kib('Rss') - before < 32 * 1024) };
    `);
    expect(found).toEqual({ held: true, read: 42, gone: true });
  });
});

describe('a place in the memory of a WebAssembly module', () => {
  /** The types of Node.js leave it out. */
  const { Memory } = (globalThis as unknown as { WebAssembly: WebAssemblyMemories }).WebAssembly;
  interface WebAssemblyMemories {
    readonly Memory: new (size: {
      readonly initial: number;
      readonly maximum: number;
    }) => { readonly buffer: ArrayBuffer };
  }

  function moduleMemory() {
    const { buffer: memory } = new Memory({ initial: 256, maximum: 1024 });
    return { memory, byteOffset: addon.hugePageOffset(memory) };
  }

  test('is where a table lies, as long as it is mapped', () => {
    const place = moduleMemory();
    expect(place.byteOffset).toBeLessThan(HUGE);
    const inside = new Uint32Array(place.memory, place.byteOffset, HUGE / 4);
    inside.fill(1);
    const table = new Uint32Array(addon.map(-1, HUGE, 0, place));
    expect([table.length, inside.every((word) => word === 0)]).toEqual([HUGE / 4, true]);
    addon.prepare(table.buffer);
    table[1000] = 42;
    inside[1001] = 43;
    expect([inside[1000], table[1001]]).toEqual([42, 43]);
    addon.unmap(table.buffer);
    expect(inside.every((word) => word === 0)).toBe(true);
  });

  test('holds a file, whose pages stay in the file', () => {
    const { memory, byteOffset } = moduleMemory();
    const file = newFile();
    addon.reserveFile(file, 3 * PAGE);
    const table = addon.map(file, 2 * PAGE, PAGE, { memory, byteOffset: byteOffset + PAGE });
    new Uint8Array(memory)[byteOffset + 2 * PAGE] = 42;
    addon.unmap(table);
    expect(new Uint8Array(memory).every((byte) => byte === 0)).toBe(true);
    expect(readFileSync(`/proc/self/fd/${file}`).findIndex((byte) => byte !== 0)).toBe(2 * PAGE);
    closeSync(file);
  });

  test('is free again as soon as its table is shared, and what was in it goes with the table', () => {
    const place = moduleMemory();
    const table = addon.map(-1, HUGE, 0, place);
    addon.prepare(table);
    new Uint32Array(table).fill(42);
    const adopted = addon.adopt(addon.share(table));
    addon.unmap(table);
    new Uint32Array(addon.map(-1, HUGE, 0, place)).fill(43);
    expect(new Uint32Array(adopted).every((word) => word === 42)).toBe(true);
    addon.unmap(adopted);
  });

  test('keeps its memory for as long as a table lies in it', async () => {
    const found = await run(`
      require('node:v8').setFlagsFromString('--expose-gc');
      const gc = require('node:vm').runInNewContext('gc');
      const collected = new FinalizationRegistry(() => { isGone = true; });
      let isGone = false;
      let table = (() => {
        const { buffer } = new WebAssembly.Memory({ initial: 256, maximum: 256 });
        collected.register(buffer, 1);
        return addon.map(-1, 2 * MIB, 0, { memory: buffer, byteOffset: addon.hugePageOffset(buffer) });
      })();
      const collect = async (condition) => { for (let i = 0; i < 50 && !condition(); i++) { gc(); await new Promise((resolve) => setTimeout(resolve, 5)); } };
      await collect(() => false);
      const during = isGone;
      addon.unmap(table);
      table = undefined;
      await collect(() => isGone);
      return { during, after: isGone };
    `);
    expect(found).toEqual({ during: false, after: true });
  });

  test('is refused where it is no whole page of that memory', () => {
    const { memory, byteOffset } = moduleMemory();
    const refused = (bytes: number, offset: number) =>
      expect(() => addon.map(-1, bytes, 0, { memory, byteOffset: offset })).toThrow(
        expect.objectContaining({ code: 'EINVAL' }),
      );
    refused(PAGE, byteOffset + 1);
    refused(PAGE - 1, byteOffset);
    refused(PAGE, memory.byteLength);
    refused(memory.byteLength, PAGE);
    expect(() => addon.map(-1, PAGE, 0, { memory: {} as ArrayBuffer, byteOffset: 0 })).toThrow(TypeError);
    expect(() => addon.map(-1, PAGE, 0, { memory, byteOffset: -1 })).toThrow(TypeError);
    expect(() => addon.map(-1, PAGE, 0, 7 as unknown as MemoryPlace)).toThrow(TypeError);
  });
});
