import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readTextFile } from '../../../agent/config/files.ts';
import { loadConfiguration } from '../../../agent/config/load.ts';
import { SinkRenewal } from '../../../agent/daemon/sink-renewal.ts';
import { openTargets } from '../../../agent/daemon/sink-targets.ts';
import { SINKS } from '../../../agent/export/sinks.ts';
import type { Sink } from '../../../agent/model/sink.ts';
import type { SinkContext, SinkPlan } from '../../../agent/model/sink-plan.ts';
import type { Log } from '../../../agent/telemetry/log.ts';
import { checkSignature } from '../../../logservice/http/signature.ts';
import { httpServer } from '../../support/loopback.ts';
import { batchOf } from '../../support/spool-batches.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const SIGNAL = new AbortController().signal;
const SINK = { close: async () => undefined } as unknown as Sink;

/** Two sinks, one of them with a proxy in a file, and what their service was sent. */
async function opened(endpoint: string) {
  const folder = temporaryFolder();
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text, { mode: 0o600 });
  write('key', 'the-first-key');
  write('ca', 'the-first-authority');
  const sink = (name: string, topic: string, more: string) =>
    `${name}: { type: cls, endpoint: "${endpoint}", topicId: ${topic}, secretId: AKID, ${more} }`;
  const filed = sink('filed', 'a', 'secretKeyFile: key, caFile: ca');
  write('f.yaml', `flowLogs: []\nsinks: { ${filed}, ${sink('plain', 'b', 'secretKey: inline-key')} }\n`);
  const loaded = loadConfiguration({
    path: join(folder, 'f.yaml'),
    environment: {},
    readTextFile,
    sinkKinds: SINKS,
    zstd: false,
    readNamedFiles: true,
  });
  const lines: string[] = [];
  const say = (message: string, facts?: object) => lines.push(message + JSON.stringify(facts ?? {}));
  const log = { debug() {}, info: say, warn: say, error: say } as unknown as Log;
  const plan = {
    ...loaded.configuration,
    ...{ hostId: 'host', sinkFiles: loaded.sinkFiles, findingRecords: true, stateDirectory: folder },
  };
  const { sinks, renewal } = await openTargets(plan, {}, log);
  return { write, lines, renewal, sinks };
}

describe('the files that sinks name', () => {
  test('are read again when one of them is another, and only the sink that names it has another key', async () => {
    const keys: Record<string, string> = { a: 'the-first-key', b: 'inline-key' };
    const server = await httpServer(({ method = '', url = '', headers }, response) => {
      const { pathname: path, searchParams: parameters } = new URL(url, 'http://service');
      const credentials = { secretId: 'AKID', secretKey: keys[parameters.get('topic_id')!]! };
      const refusal = checkSignature({ method, path, parameters, headers }, credentials, Date.now());
      response.writeHead(refusal?.status ?? 200).end(refusal && JSON.stringify(refusal));
    });
    const { write, lines, renewal, sinks } = await opened(server.url.origin);
    let renewed = 0;
    renewal.start(() => renewed++);
    const send = () => Promise.all(sinks.map(async ({ sink }) => (await sink.send(batchOf(0), SIGNAL)).kind));
    expect(await send()).toEqual(['accepted', 'accepted']);
    await renewal.look();
    expect([renewed, lines]).toEqual([0, []]);
    write('key', 'the-second-key');
    await Promise.all([renewal.look(), renewal.look()]);
    expect([renewed, lines]).toEqual([1, ['credentials of sink filed reloaded{}']]);
    write('ca', 'the-second-authority');
    await renewal.look();
    expect(renewed).toBe(2);
    expect(await send()).toEqual(['blocked', 'accepted']);
    keys['a'] = 'the-second-key';
    expect(await send()).toEqual(['accepted', 'accepted']);
    keys['a'] = 'the-third-key';
    write('key', 'the-third-key');
    expect(await send()).toEqual(['accepted', 'accepted']);
    renewal.stop();
    for (const { sink } of sinks) await sink.close();
    await server.close();
  });

  test('leave the sinks as they are where they cannot be used, which is said once, until they can', async () => {
    const { write, lines, renewal, sinks } = await opened('http://127.0.0.1:1');
    write('key', '');
    await renewal.look();
    await renewal.look();
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^reloading credentials failed; keeping the current ones: .*key is empty/s);
    write('key', 'the-third-key');
    await renewal.look();
    expect(lines[1]).toBe('credentials of sink filed reloaded{}');
    expect(lines.join()).not.toContain('third');
    for (const { sink } of sinks) await sink.close();
  });

  test('are tried again though none of them changed, and what fails again is said once', async () => {
    const lines: string[] = [];
    const say = (message: string) => void lines.push(message);
    let nowMs = 0;
    let failing = 3;
    const create = async () => {
      if (failing-- > 0) throw new Error('too many open files');
      return SINK;
    };
    const plan = { name: 'filed', create, contents: 'old' } as unknown as SinkPlan;
    const renewal = new SinkRenewal({
      files: { paths: [], readAgain: () => [{ ...plan, contents: 'new' }] },
      context: { environment: {}, nowMs: () => nowMs } as SinkContext,
      log: { info: say, error: say } as unknown as Log,
    });
    renewal.add(plan, SINK);
    await renewal.look();
    await renewal.look();
    expect([failing, lines]).toEqual([
      2,
      ['reloading credentials failed; keeping the current ones: too many open files'],
    ]);
    for (let look = 0; failing >= 0; look++) {
      expect(look).toBeLessThan(100);
      nowMs += 2000;
      await renewal.look();
    }
    expect(lines.slice(1)).toEqual(['credentials of sink filed reloaded']);
    await renewal.look();
    nowMs += 600_000;
    await renewal.look();
    expect([failing, lines.length]).toEqual([-1, 2]);
  });
});
