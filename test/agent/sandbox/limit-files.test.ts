import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadCaptureAddon } from '../../../agent/native/addon.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const ADDON = 'agent/native/build/Release/capture.node';
/** linux/landlock.h: reading a file. */
const READ_FILE = 4;

/** Reads a file in a thread that was there before and in one that came after, and says which threads take new privileges. */
const PROGRAM = `
  const { readFileSync, readdirSync } = require('node:fs');
  const { Worker } = require('node:worker_threads');
  const [addonPath, readable, secret, ofAll] = process.argv.slice(1);
  const ask = "const { parentPort, workerData } = require('node:worker_threads'); const { readFileSync } = require('node:fs');" +
    "parentPort.on('message', () => { try { readFileSync(workerData); parentPort.postMessage('read'); }" +
    "catch ({ code }) { parentPort.postMessage(code); } }); parentPort.postMessage('ready');";
  const start = async (path) => {
    const worker = new Worker(ask, { eval: true, workerData: path });
    await new Promise((go) => worker.once('message', go));
    return () => new Promise((go) => { worker.once('message', (text) => { worker.terminate(); go(text); }); worker.postMessage(0); });
  };
  (async () => {
    const before = [await start(secret), await start(readable)];
    const addon = require(addonPath);
    addon.limitFiles(${READ_FILE}, 0, ['/proc', readable], [${READ_FILE}, ${READ_FILE}], ofAll === 'true');
    const free = readdirSync('/proc/self/task')
      .filter((id) => readFileSync('/proc/self/task/' + id + '/status', 'latin1').includes('NoNewPrivs:\\t0')).length;
    console.log(JSON.stringify([await before[0](), await before[1](), await (await start(secret))(), free]));
  })();
`;

function results(ofAll: boolean): unknown[] {
  const folder = temporaryFolder();
  const [readable, secret] = ['readable', 'secret'].map((name) => join(folder, name));
  for (const path of [readable!, secret!]) writeFileSync(path, '');
  const words = ['-e', PROGRAM, join(process.cwd(), ADDON), readable!, secret!, String(ofAll)];
  return JSON.parse(execFileSync(process.execPath, words, { encoding: 'utf8' }));
}

describe.skipIf(loadCaptureAddon().landlockVersion() === 0)('files that are limited', () => {
  test('in this thread are so in those that it starts, not in those that are there', () => {
    const [old, , young, free] = results(false);
    expect([old, young]).toEqual(['read', 'EACCES']);
    expect(free).toBeGreaterThan(0);
  });

  test('in all threads are so in each, also in one that blocks signals', () => {
    expect(results(true)).toEqual(['EACCES', 'read', 'EACCES', 0]);
  });
});

test('are limited by a list of paths and rights, in one thread or in all', () => {
  const addon = loadCaptureAddon();
  expect(() => addon.limitFiles(0, 0, ['/'], [0], 1 as unknown as boolean)).toThrow(TypeError);
});
