/** How captures end when nobody closes them: the worker or the whole process goes away in the middle of a read. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LineProcess, NetworkNamespace, namespacesMissing } from '../support/network-namespace.ts';

interface Line {
  readonly event: string;
  readonly sockets?: number;
  readonly counts?: readonly number[];
}

const missing = namespacesMissing();
if (missing !== undefined) process.stderr.write(`capture-ending: ${missing}\n`);

const WORKER = new URL('../support/capturing-worker.mjs', import.meta.url).href;
/** Workers that capture, and how many packet sockets this network namespace has. */
const MAIN = `
  import { readFileSync } from 'node:fs';
  import { createInterface } from 'node:readline';
  import { once } from 'node:events';
  import { Worker } from 'node:worker_threads';
  const say = (line) => process.stdout.write(JSON.stringify(line) + '\\n');
  const sockets = () => readFileSync('/proc/net/packet', 'utf8').trim().split('\\n').length - 1;
  const start = async () => {
    const worker = new Worker(new URL('${WORKER}'), { execArgv: [] });
    worker.counted = 0;
    worker.on('message', (message) => {
      if (message === 'open') return;
      worker.counted += message;
      say({ event: 'counts', counts: workers.map((each) => each.counted) });
    });
    await once(worker, 'message');
    return worker;
  };
  const workers = [];
`;

describe.skipIf(missing !== undefined)('a capture that nobody closes', { timeout: 180_000 }, () => {
  let namespace: NetworkNamespace;
  beforeEach(() => {
    namespace = new NetworkNamespace();
    namespace.addPair('near0', 'far0');
  });
  afterEach(() => namespace.remove());

  const start = (script: string) =>
    new LineProcess<Line>(namespace.start(process.execPath, '--input-type=module', '-e', script));

  test('is closed when its worker is terminated while it waits', async () => {
    const process_ = start(`${MAIN}
      for (let i = 0; i < 3; i++) {
        const worker = await start();
        say({ event: 'open', sockets: sockets() });
        await worker.terminate();
        say({ event: 'terminated', sockets: sockets() });
      }
    `);
    expect(await process_.ended).toEqual({ code: 0, signal: null, errors: '' });
    const rounds = [1, 2, 3].flatMap(() => [
      { event: 'open', sockets: 1 },
      { event: 'terminated', sockets: 0 },
    ]);
    expect(process_.lines).toEqual(rounds);
  });

  test('is one of three in three workers at once, each of which sees every packet', async () => {
    const process_ = start(`${MAIN}
      workers.push(...(await Promise.all([start(), start(), start()])));
      say({ event: 'open', sockets: sockets() });
      createInterface(process.stdin).on('close', async () => {
        await Promise.all(workers.map((worker) => worker.terminate()));
        say({ event: 'terminated', sockets: sockets() });
        process.exit();
      });
    `);
    await process_.until((lines) => lines.length > 0);
    expect(process_.lines[0]).toEqual({ event: 'open', sockets: 3 });
    namespace.sendDatagrams(500);
    await process_.until((lines) => lines.at(-1)?.counts?.every((count) => count === 500) === true);
    expect(await process_.stop()).toEqual({ code: 0, signal: null, errors: '' });
    expect(process_.lines.at(-1)).toEqual({ event: 'terminated', sockets: 0 });
  });

  test('does not disturb the end of the process, from a worker or from the main thread', async () => {
    for (const script of [
      `${MAIN} await start(); await start(); say({ event: 'open' }); process.exit(7);`,
      `${MAIN} const { openCapture } = await import('${WORKER}'); openCapture().read(1); say({ event: 'open' }); process.exit(7);`,
      `${MAIN} const { openCapture } = await import('${WORKER}'); openCapture().read(1); say({ event: 'open' }); process.exitCode = 7;`,
    ]) {
      const process_ = start(script);
      expect(await process_.ended).toEqual({ code: 7, signal: null, errors: '' });
      expect(process_.lines).toEqual([{ event: 'open' }]);
    }
  });
});
