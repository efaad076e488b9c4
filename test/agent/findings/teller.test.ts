import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemTimers, type Timers } from '../../../agent/export/timers.ts';
import { FindingShipping, PENDING_MAX } from '../../../agent/findings/finding-shipping.ts';
import type { FindingsSource, ReadEvents } from '../../../agent/findings/source.ts';
import { Teller, type TellerOptions } from '../../../agent/findings/teller.ts';
import { TOLD_FILE, ToldFile } from '../../../agent/findings/told-file.ts';
import { Webhook } from '../../../agent/findings/webhook.ts';
import type { FindingRecord } from '../../../agent/model/finding-record.ts';
import type { Facts, Log } from '../../../agent/telemetry/log.ts';
import { EventLog } from '../../../detect/event-log.ts';
import type { Finding, FindingChange, FindingEvent } from '../../../detect/finding.ts';
import { type LookedAt, sumOfUse } from '../../../detect/looked-at.ts';

let folder: string;
let lines: string[];
/** The numbers that the receiver got, and what it answers. */
let received: number[];
let status: number;
const running: Teller[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flowlogd-told-'));
  lines = [];
  received = [];
  status = 200;
});
afterEach(async () => {
  for (const teller of running.splice(0)) await teller.stop();
  rmSync(folder, { recursive: true });
});

const NONE = {
  skipped: 0,
  skippedWindows: 0,
  ahead: 0,
  invalidAddresses: 0,
  invalidNumbers: 0,
  invalidTimes: 0,
};

/** A book in this process, as the log service answers of its own. */
class Book implements FindingsSource {
  events = new EventLog();
  skipped = 0;
  looked: LookedAt | undefined;
  isAway = false;
  #wake: () => void = () => undefined;

  add(...events: readonly FindingEvent[]): void {
    this.events.add(events);
    this.#wake();
  }

  async after(cursor: number | undefined, signal: AbortSignal): Promise<ReadEvents> {
    if (this.isAway) throw new Error('away');
    if (cursor !== undefined && this.events.after(cursor).events.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        signal.addEventListener('abort', () => resolve());
      });
    }
    const open = { low: 0, medium: 1, high: 0, critical: 0 };
    const counts = { opened: 3, repeated: 0, closed: 2, suppressed: 0, evictedOpen: 0, evictedClosed: 0 };
    return {
      ...this.events.after(cursor ?? this.events.cursor),
      log: this.events.id,
      open,
      counts,
      looked: this.looked,
      skipped: this.skipped,
    };
  }
}

function happened(change: FindingChange, worstSeverity = 'medium', id = 'a'): FindingEvent {
  const finding = {
    id,
    rule: 'scan-ports',
    worstSeverity,
    subject: { srcaddr: '10.0.0.9' },
    figures: { ports: 30 },
    explainedBy: [],
  };
  return { change, at: 100, finding: finding as unknown as Finding };
}

const HASTY: Timers = { now: () => performance.now(), after: (_, call) => systemTimers.after(1, call) };

function start(source: FindingsSource, options: Partial<TellerOptions> = {}): Teller {
  const told = new ToldFile(folder);
  const say = (level: string) => (message: string, facts?: Facts) =>
    lines.push(`${level} ${message} ${JSON.stringify(facts)}`);
  const log = { error: say('error'), warn: say('warn'), info: say('info'), debug: say('debug') } as Log;
  const http = {
    async exchange({ headers }: { readonly headers: Readonly<Record<string, string>> }) {
      if (status === 200) received.push(Number(headers['x-flowlogd-delivery']!.split('-')[1]));
      return { kind: 'answer' as const, status, headers: {}, body: '', bytes: new Uint8Array(0) };
    },
    close: () => undefined,
  };
  const webhook = new Webhook({
    http,
    path: '/',
    secret: 'x',
    version: '1',
    nowMs: Date.now,
    timers: HASTY,
    random: () => 0,
    onSettled: (message) => told.settle(message),
    onTrouble: () => undefined,
  });
  const base = {
    source,
    told,
    webhook,
    shipping: undefined,
    severityMin: 'low',
    hostId: 'host',
    catalogue: [],
    log,
    timers: HASTY,
    random: () => 0,
  } as const;
  const teller = new Teller({ ...base, ...options });
  running.push(teller);
  teller.start();
  return teller;
}

async function stop(): Promise<void> {
  for (const teller of running.splice(0)) await teller.stop();
}

describe('findings are told', () => {
  test('in the log and to the webhook, from now on where nothing was told before', async () => {
    const book = new Book();
    book.add(happened('opened'));
    const teller = start(book);
    await expect.poll(() => teller.numbers).toBeDefined();
    book.add(happened('worsened', 'high'), happened('closed', 'high'));
    await expect.poll(() => received).toEqual([2, 3]);
    expect(lines).toEqual([
      'warn finding worsened: scan-ports 10.0.0.9 {"id":"a","severity":"high","srcaddr":"10.0.0.9","ports":30}',
      'info finding closed: scan-ports 10.0.0.9 {"id":"a","severity":"high","srcaddr":"10.0.0.9","ports":30}',
    ]);
    expect(teller.numbers).toMatchObject({
      open: { medium: 1 },
      counts: { opened: 3 },
      webhook: { deliveredEvents: 2 },
    });
  });

  test('with what the rules looked at, as far as that is known', async () => {
    const book = new Book();
    const teller = start(book);
    await expect.poll(() => teller.numbers).toMatchObject({ looked: null });
    book.looked = { ...sumOfUse([]), ...NONE, records: 9 };
    book.add(happened('opened'));
    await expect.poll(() => teller.numbers).toMatchObject({ looked: { records: 9, late: 0 } });
  });

  test('once over a restart, and again to a webhook that had not accepted them', async () => {
    const book = new Book();
    start(book);
    await expect.poll(() => running[0]!.numbers).toBeDefined();
    book.add(happened('opened'));
    await expect.poll(() => received).toEqual([1]);
    status = 500;
    book.add(happened('worsened', 'high'));
    await expect.poll(() => lines).toHaveLength(2);
    await stop();
    expect(JSON.parse(readFileSync(join(folder, TOLD_FILE), 'utf8'))).toEqual({
      ...{ log: '', logged: 2, sent: 1, shipped: 2 },
    });
    book.add(happened('closed', 'high'));
    status = 200;
    start(book);
    await expect.poll(() => received).toEqual([1, 2, 3]);
    expect(lines.map((line) => line.split(' ')[2])).toEqual(['opened:', 'worsened:', 'closed:']);
  });

  test('to the webhook from a severity on', async () => {
    const book = new Book();
    start(book, { severityMin: 'high' });
    await expect.poll(() => running[0]!.numbers).toBeDefined();
    book.add(happened('opened'), happened('worsened', 'high'));
    await expect.poll(() => received).toEqual([2]);
    expect(lines).toHaveLength(2);
  });

  test('anew where the book is another one than before', async () => {
    writeFileSync(join(folder, TOLD_FILE), '{"logged":50,"sent":50}');
    const book = new Book();
    book.add(happened('opened'));
    start(book);
    await expect.poll(() => received).toEqual([1]);
    expect(lines).toHaveLength(1);
  });

  test('from its first event on where another book grew beyond the place of the one before', async () => {
    const book = new Book();
    book.events = new EventLog('one');
    start(book);
    await expect.poll(() => running[0]!.numbers).toBeDefined();
    book.add(...Array.from({ length: 3 }, () => happened('opened')));
    await expect.poll(() => received).toEqual([1, 2, 3]);
    await stop();
    received = [];
    book.events = new EventLog('another');
    book.add(...Array.from({ length: 5 }, () => happened('opened')));
    start(book);
    await expect.poll(() => received).toEqual([1, 2, 3, 4, 5]);
    expect(lines).toHaveLength(8);
  });

  test('of the book that began anew, whatever of the one before the webhook accepts later', async () => {
    const book = new Book();
    book.events = new EventLog('one');
    const teller = start(book);
    await expect.poll(() => teller.numbers).toBeDefined();
    status = 500;
    book.add(...Array.from({ length: 4 }, () => happened('opened')));
    await expect.poll(() => teller.numbers?.webhook?.pendingEvents).toBe(4);
    book.events = new EventLog('another');
    book.add(happened('opened'));
    await expect.poll(() => teller.numbers?.webhook?.pendingEvents).toBe(5);
    status = 200;
    await expect.poll(() => received).toEqual([1, 2, 3, 4, 1]);
    book.add(happened('closed'));
    await expect.poll(() => received).toEqual([1, 2, 3, 4, 1, 2]);
    await stop();
    expect(JSON.parse(readFileSync(join(folder, TOLD_FILE), 'utf8'))).toEqual({
      log: 'another',
      logged: 2,
      sent: 2,
      shipped: 2,
    });
  });

  test('to the sinks: each until it is durable, also over a restart', async () => {
    const posted: string[][] = [];
    const shipping = () =>
      new FindingShipping({
        postMessage: (records: FindingRecord[]) => void posted.push(records.map(({ uid }) => uid)),
      });
    const book = new Book();
    book.events = new EventLog('one');
    const teller = start(book, { shipping: shipping() });
    await expect.poll(() => teller.numbers).toBeDefined();
    book.add(happened('opened'), happened('worsened', 'high'));
    await expect.poll(() => posted).toEqual([['one-1'], ['one-2']]);
    teller.shipped(['one-1']);
    await stop();
    expect(JSON.parse(readFileSync(join(folder, TOLD_FILE), 'utf8'))).toMatchObject({ logged: 2, shipped: 1 });
    const again = start(book, { shipping: shipping() });
    await expect.poll(() => posted.slice(2)).toEqual([['one-2']]);
    again.shipped(['one-2', 'unknown']);
    await stop();
    start(book, { shipping: shipping() });
    book.add(happened('closed', 'high'));
    await expect.poll(() => posted.slice(3)).toEqual([['one-3']]);
    expect(lines).toHaveLength(3);
  });

  test('to the sinks as many as may be pending, and counts the others', () => {
    const shipping = new FindingShipping({ postMessage: () => undefined });
    for (let sequence = 1; sequence <= PENDING_MAX + 3; sequence++)
      shipping.send({ ...happened('opened'), sequence }, 'one', undefined);
    expect([shipping.pending, shipping.droppedRecords]).toEqual([PENDING_MAX, 3]);
  });

  test('as far as a version told that knew no names of books', async () => {
    writeFileSync(join(folder, TOLD_FILE), '{"logged":1,"sent":1}');
    const book = new Book();
    book.events = new EventLog('one');
    book.add(happened('opened'), happened('closed'));
    start(book);
    await expect.poll(() => received).toEqual([2]);
    expect(lines).toHaveLength(1);
  });

  test('whatever the file says of how far they were told', async () => {
    for (const damaged of ['', '{}', '{"logged":"x","sent":1}', 'null']) {
      writeFileSync(join(folder, TOLD_FILE), damaged);
      const book = new Book();
      start(book);
      await expect.poll(() => running[0]?.numbers).toBeDefined();
      book.add(happened('opened'));
      await expect.poll(() => received.splice(0)).toEqual([1]);
      await stop();
    }
  });

  test('when the book is there again', async () => {
    const book = new Book();
    book.isAway = true;
    const teller = start(book);
    expect(teller.numbers).toBeUndefined();
    book.isAway = false;
    await expect.poll(() => teller.numbers).toBeDefined();
  });

  test('when the book answers again; that it does not is logged once', async () => {
    const book = new Book();
    book.isAway = true;
    start(book);
    await expect.poll(() => lines).toHaveLength(1);
    book.isAway = false;
    await expect.poll(() => lines).toHaveLength(2);
    expect(lines).toEqual([
      'warn findings cannot be followed; retried automatically {"reason":"away"}',
      'info findings are followed again undefined',
    ]);
  });

  test('as skipped where one is too long to be read', async () => {
    const book = new Book();
    book.skipped = 2;
    book.add(happened('opened'));
    writeFileSync(join(folder, TOLD_FILE), '{"logged":0,"sent":0}');
    const teller = start(book);
    await expect.poll(() => teller.numbers?.skippedEvents).toBe(2);
    expect(lines[0]).toBe('warn events of findings skipped: too long to be read; see flowlogd findings {"events":2}');
  });

  test('as missing where too much happened at once', async () => {
    const book = new Book();
    writeFileSync(join(folder, TOLD_FILE), '{"logged":0,"sent":0}');
    book.add(...Array.from({ length: 1100 }, () => happened('opened', 'low')));
    const teller = start(book);
    await expect.poll(() => teller.numbers?.missedEvents).toBe(100);
    expect(lines[0]).toBe('warn events of findings evicted before they were reported {"events":100}');
    await expect.poll(() => received.at(-1)).toBe(1100);
  });
});
