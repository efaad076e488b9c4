import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { LogServiceRun } from '../../../agent/daemon/embedded-service.ts';
import { LogServiceKeeper } from '../../../agent/daemon/log-service-keeper.ts';
import { FakeTimers, settled } from '../../support/fake-timers.ts';
import { recordedLog } from '../../support/recorded-log.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

/** A process of the log service whose course a test decides. */
class FakeRun implements LogServiceRun {
  readonly ready: LogServiceRun['ready'];
  readonly ended: Promise<string>;
  readonly say: (line: string) => void;
  isStopped = false;
  listens: () => void = () => undefined;
  babbles: () => void = () => undefined;
  dies: (reason: string) => void = () => undefined;

  constructor(socketPath: string, say: (line: string) => void) {
    this.say = say;
    this.ended = new Promise((resolve) => {
      this.dies = resolve;
    });
    this.ready = new Promise((resolve, reject) => {
      this.listens = () => resolve({ url: 'http://127.0.0.1:9000', socketPath });
      this.babbles = () => reject(new SyntaxError('Unexpected token'));
      void this.ended.then(() => resolve(undefined));
    });
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    this.dies('exit code 0');
  }
}

function keeping(random = () => 0.5) {
  const storeFolder = temporaryFolder();
  writeFileSync(join(storeFolder, 'credentials.json'), '{"secretId":"id","secretKey":"key"}');
  const timers = new FakeTimers();
  const log = recordedLog();
  const runs: FakeRun[] = [];
  const heard: string[] = [];
  const keeper = new LogServiceKeeper({
    ...{ storeFolder, log, timers, random },
    nowSeconds: () => 1000 + Math.floor(timers.now() / 1000),
    launch: (folder, say) => {
      const run = new FakeRun(join(folder, 'service.sock'), say);
      runs.push(run);
      return run;
    },
  });
  const started = keeper.start(() => heard.push(`ready ${runs.length}`)).then(() => heard.push('started'));
  const newest = (): FakeRun => runs.at(-1)!;
  const delays: number[] = [];
  /** It ends, and after its pause another one is started. */
  const diesAndReturns = async (reason: string): Promise<void> => {
    newest().dies(reason);
    await settled();
    delays.push(timers.nextMs!);
    await timers.advance(timers.nextMs!);
  };
  return { keeper, timers, log, runs, heard, started, storeFolder, newest, diesAndReturns, delays };
}

describe('the embedded log service of an agent', () => {
  test('is used when it listens, with what its store holds', async () => {
    const { keeper, newest, started, storeFolder, log, heard } = keeping();
    expect(keeper.status).toEqual({
      ...{ state: 'starting', url: null, storeFolder, sinceSeconds: 1000, restarts: 0, lastError: null },
    });
    expect(keeper.socketPath).toBe(join(storeFolder, 'service.sock'));
    newest().listens();
    await started;
    expect(keeper.status).toMatchObject({ state: 'running', url: 'http://127.0.0.1:9000', restarts: 0 });
    expect(keeper.credentials).toEqual({ secretId: 'id', secretKey: 'key' });
    expect(heard).toEqual(['ready 1', 'started']);
    expect(log.lines).toEqual([
      `info: embedded log service ready ${JSON.stringify({ url: 'http://127.0.0.1:9000', store: storeFolder })}`,
    ]);
  });

  test('has what it says in the log of the agent', async () => {
    const { newest, log } = keeping();
    newest().say('the disk is nearly full');
    expect(log.lines).toEqual(['warn: embedded log service: the disk is nearly full']);
  });

  test('is started again when it ends, with credentials that may be new', async () => {
    const { keeper, newest, runs, diesAndReturns, storeFolder, log, heard } = keeping();
    newest().listens();
    await settled();
    writeFileSync(join(storeFolder, 'credentials.json'), '{"secretId":"new","secretKey":"key"}');
    newest().dies('terminated by SIGKILL');
    await settled();
    expect(keeper.status).toMatchObject({ state: 'down', url: null, lastError: 'terminated by SIGKILL' });
    await diesAndReturns('terminated by SIGKILL');
    newest().listens();
    await settled();
    expect(runs).toHaveLength(2);
    expect(keeper.status).toMatchObject({ state: 'running', restarts: 1, lastError: 'terminated by SIGKILL' });
    expect(keeper.credentials).toEqual({ secretId: 'new', secretKey: 'key' });
    expect(heard).toEqual(['ready 1', 'started', 'ready 2']);
    expect(log.lines[1]).toMatch(
      /^error: embedded log service down; batches are pending on disk {"reason":"terminated by SIGKILL","retrySeconds":[\d.]+}$/,
    );
    expect(log.lines[2]).toMatch(/^info: embedded log service ready after 1 restarts /);
  });

  test('is tried ever more slowly while it cannot start, and never more slowly than every 30 s', async () => {
    const { diesAndReturns, delays, started, keeper } = keeping();
    for (let attempt = 0; attempt < 10; attempt++) await diesAndReturns('no such module');
    await started;
    expect(delays[0]).toBeLessThanOrEqual(1000);
    for (const [index, delay] of delays.entries()) {
      expect(delay).toBeGreaterThan(0);
      expect(delay).toBeLessThanOrEqual(30_000);
      if (index > 0) expect(delay).toBeGreaterThanOrEqual(delays[index - 1]!);
    }
    expect(keeper.status.restarts).toBe(10);
  });

  test('that ran for a while and dies is tried again at once, as at first', async () => {
    const { newest, diesAndReturns, delays, timers } = keeping();
    for (let attempt = 0; attempt < 5; attempt++) await diesAndReturns('no such module');
    newest().listens();
    await timers.advance(61_000);
    await diesAndReturns('terminated by SIGKILL');
    expect(delays[4]).toBeGreaterThan(delays[0]!);
    expect(delays[5]).toBe(delays[0]);
  });

  test.each<[string, (folder: string) => void, RegExp]>([
    ['credentials that are gone', (folder) => rmSync(join(folder, 'credentials.json')), /ENOENT/],
    ['credentials that were cut', (folder) => writeFileSync(join(folder, 'credentials.json'), '{"secr'), /JSON/],
  ])('with %s is stopped, and tried again', async (_what, spoil, reason) => {
    const { keeper, newest, runs, timers, storeFolder, heard } = keeping();
    spoil(storeFolder);
    newest().listens();
    await settled();
    expect(runs[0]!.isStopped).toBe(true);
    expect(keeper.status.state).toBe('down');
    expect(keeper.status.lastError).toMatch(reason);
    writeFileSync(join(storeFolder, 'credentials.json'), '{"secretId":"id","secretKey":"key"}');
    await timers.advance(timers.nextMs!);
    newest().listens();
    await settled();
    expect(keeper.status).toMatchObject({ state: 'running', restarts: 1 });
    expect(heard).toEqual(['started', 'ready 2']);
  });

  test('that says something else than where it listens is stopped, and tried again', async () => {
    const { keeper, newest, runs, timers } = keeping();
    newest().babbles();
    await settled();
    expect(runs[0]!.isStopped).toBe(true);
    expect(keeper.status).toMatchObject({ state: 'down', lastError: 'Unexpected token' });
    await timers.advance(timers.nextMs!);
    expect(runs).toHaveLength(2);
  });

  test.each<[string, (run: FakeRun) => void]>([
    ['while it starts', () => undefined],
    ['while it runs', (run) => run.listens()],
    ['while it is down', (run) => run.dies('exit code 1')],
  ])('is not started again once the agent stops: %s', async (_when, course) => {
    const { keeper, newest, runs, started, timers } = keeping();
    course(newest());
    await settled();
    await keeper.stop();
    await started;
    await timers.advance(60_000);
    expect(runs).toHaveLength(1);
    expect(runs[0]!.isStopped).toBe(true);
    expect(timers.nextMs).toBeUndefined();
  });
});
