import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ANSWER_BYTES_MAX } from '../../../agent/export/http/exchange.ts';
import { LogServiceSource } from '../../../agent/findings/log-service-source.ts';
import { EventLog } from '../../../detect/event-log.ts';
import type { FindingEvent } from '../../../detect/finding.ts';

const credentials = { secretId: 'id', secretKey: 'key' };

test('whoever stops while the log service still starts waits for it no longer', async () => {
  const started = new Promise<void>(() => undefined);
  const source = new LogServiceSource(
    { storeFolder: '/store', socketPath: '/store/socket', credentials, started },
    Date.now,
  );
  const controller = new AbortController();
  const following = source.after(undefined, controller.signal);
  controller.abort();
  await expect(following).rejects.toThrow('stopped before the log service started');
  await expect(source.after(undefined, controller.signal)).rejects.toThrow('stopped before');
  source.close();
});

describe('events whose answers are longer than what is read of one', () => {
  let folder: string;
  let events: EventLog;
  let server: Server;
  let source: LogServiceSource;
  let asked: number;
  let status: number;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'flowlogd-source-'));
    events = new EventLog('a');
    [asked, status] = [0, 200];
    server = createServer(({ url = '' }, answer) => {
      asked++;
      const { searchParams } = new URL(url, 'http://localhost');
      const limit = searchParams.has('limit') ? Number(searchParams.get('limit')) : undefined;
      const body = events.after(Number(searchParams.get('after') ?? events.cursor), limit);
      answer.writeHead(status).end(JSON.stringify(body));
    });
    const socketPath = join(folder, 'socket');
    await new Promise<void>((listening) => server.listen({ path: socketPath }, listening));
    source = new LogServiceSource(
      { storeFolder: folder, socketPath, credentials, started: Promise.resolve() },
      () => 0,
    );
  });
  afterEach(async () => {
    source.close();
    await new Promise((closed) => server.close(closed));
    rmSync(folder, { recursive: true });
  });

  const signal = new AbortController().signal;
  const event = (bytes: number): FindingEvent =>
    ({ change: 'opened', at: 1, finding: { acknowledgement: { comment: '\u0000'.repeat(bytes / 6) } } }) as never;

  async function readAll(): Promise<{ readonly numbers: readonly number[]; readonly skipped: number }> {
    const numbers: number[] = [];
    let skipped = 0;
    for (let cursor = 0; cursor < events.cursor; ) {
      const answer = await source.after(cursor, signal);
      expect(answer.cursor).toBeGreaterThan(cursor);
      numbers.push(...answer.events.map(({ sequence }) => sequence));
      skipped += answer.skipped ?? 0;
      cursor = answer.cursor;
    }
    return { numbers, skipped };
  }

  test('are read in shorter ones', async () => {
    events.add(Array.from({ length: 12 }, () => event(12_000)));
    expect(await readAll()).toEqual({ numbers: Array.from({ length: 12 }, (_, index) => index + 1), skipped: 0 });
  });

  test('are skipped where one is too long alone', async () => {
    events.add([event(60), event(2 * ANSWER_BYTES_MAX), event(2 * ANSWER_BYTES_MAX), event(60), event(60)]);
    expect(await readAll()).toEqual({ numbers: [1, 4, 5], skipped: 2 });
    expect(asked).toBeLessThan(40);
  });

  test('are refused as any other', async () => {
    status = 503;
    await expect(source.after(0, signal)).rejects.toThrow('answer 503');
  });
});
