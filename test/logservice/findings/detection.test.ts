import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readCatalogue } from '../../../analyses/catalogue.ts';
import { Detector } from '../../../detect/detector.ts';
import type { FindingEvent } from '../../../detect/finding.ts';
import { Detection, type DetectionOptions } from '../../../logservice/findings/detection.ts';
import { FindingsFile } from '../../../logservice/findings/findings-file.ts';
import { FreshRecords } from '../../../logservice/findings/fresh-records.ts';
import { Store } from '../../../logservice/store/store.ts';
import { Writer } from '../../../logservice/store/writer.ts';
import { encodeGroups, removeFolder, type TestLog, temporaryFolder } from '../harness.ts';
import { ledger, record, scan, windowAgo } from './scan-traffic.ts';

let folder: string;
let store: Store;
let writer: Writer;
const events: FindingEvent[] = [];
const lines: string[] = [];
/** Stands still, and is in the last minute of a time that rules look at as one. */
let nowMs: number;

beforeEach(async () => {
  nowMs = (windowAgo(0).end - 10) * 1000;
  folder = temporaryFolder();
  store = await Store.open(folder);
  writer = await Writer.open(store, { now: () => nowMs, onFailure: (error) => lines.push(error.message) });
  events.length = 0;
  lines.length = 0;
});
afterEach(async () => {
  await store.close();
  removeFolder(folder);
});

const RULES = readCatalogue().filter(({ finding }) => finding !== undefined);
const log = (line: string) => lines.push(line);
const fileOf = () => new FindingsFile(folder, log);

async function detectionOf(options: Partial<DetectionOptions> = {}): Promise<Detection> {
  const file = fileOf();
  return new Detection({
    found: file.read(RULES),
    file,
    detector: new Detector(RULES),
    fresh: new FreshRecords(await store.connect(), 'flowlog'),
    reading: (work) => store.gate.within(work),
    now: () => nowMs,
    onEvents: (news) => events.push(...news),
    log,
    ...options,
  });
}

const TOPIC = { id: 'flowlog', index: true, closed: false };
const write = (logs: readonly TestLog[], topic = TOPIC) => writer.write(topic, encodeGroups([{ logs }]));
/** A window that ended so many seconds ago by the clock of the log service. */
const ended = (seconds: number, length = 10) => {
  const end = nowMs / 1000 - seconds;
  return { start: end - length, end };
};
const subjects = () => events.map(({ finding }) => finding.subject['srcaddr']).sort();

test('reads on from where it was, however many packages there are', async () => {
  const detection = await detectionOf();
  for (let source = 1; source <= 80; source++)
    await write(scan(windowAgo(1), { source: `10.0.1.${source}`, ports: 1 }));
  detection.look();
  await expect.poll(() => detection.counts.records).toBe(80);
  await write(scan(windowAgo(1), { ports: 20 }));
  detection.look();
  await expect.poll(subjects, { timeout: 20_000 }).toEqual(['10.0.0.9']);
  expect(detection.counts).toMatchObject({ records: 100, ahead: 0, skipped: 0 });
  await detection.stop();
});

test('leaves out the older half of what it is too far behind with, and says how much', async () => {
  for (const source of ['10.0.0.1', '10.0.0.2', '10.0.0.3'])
    await write(scan(windowAgo(1), { source, destination: '10.9.9.9', ports: 20 }));
  const detection = await detectionOf({ behindMax: 50 });
  detection.look();
  await expect.poll(subjects, { timeout: 20_000 }).toEqual(['10.0.0.3']);
  expect(detection.counts).toMatchObject({ records: 20, ahead: 0, skipped: 40 });
  expect(lines).toEqual([
    'log service: records come faster than findings are looked for; 40 of them were not looked at',
  ]);
  await detection.stop();
});

test('does not look at what is stored without an index', async () => {
  await write(scan(windowAgo(1)), { ...TOPIC, index: false });
  await write(scan(windowAgo(1), { source: '10.0.0.8' }));
  const detection = await detectionOf();
  detection.look();
  await expect.poll(subjects, { timeout: 20_000 }).toEqual(['10.0.0.8']);
  await detection.stop();
});

test('a host whose clock is ahead neither begins nor ends what others see', async () => {
  const detection = await detectionOf();
  await write(scan(ended(60), { ports: 10 }));
  // Ten seconds later the rules begin anew.
  const ahead = { start: ended(-10).end, end: ended(-120).end };
  await write([...scan(ahead, { source: '10.0.0.8', ports: 1 }), ledger(ahead)]);
  await write(scan(ended(50), { ports: 10, first: 100 }));
  detection.look();
  await expect.poll(subjects, { timeout: 20_000 }).toEqual(['10.0.0.9']);
  expect([events[0]!.finding.figures, detection.counts.late]).toEqual([{ ports: 20 }, 0]);
  expect(detection.windowEnd).toBe(nowMs / 1000);
  await detection.stop();
});

test('closes what is quiet by its own clock, where nobody sends any more', async () => {
  const detection = await detectionOf({ quietMs: 10 });
  await write(scan(ended(5)));
  detection.look();
  await expect.poll(() => events.map(({ change }) => change), { timeout: 20_000 }).toEqual(['opened']);
  const later = () => {
    nowMs += 20_000;
    return events.map(({ change }) => change);
  };
  await expect.poll(later, { timeout: 20_000 }).toEqual(['opened', 'closed']);
  expect(fileOf().read(RULES).book.list()[0]).toMatchObject({ state: 'closed' });
  await detection.stop();
});

test('tells what it finds before it has read all that is there', async () => {
  await write(scan(ended(40)));
  for (let source = 1; source <= 130; source++) await write(scan(ended(20), { source: `10.0.1.${source}`, ports: 1 }));
  const seen: number[] = [];
  const detection = await detectionOf({ onEvents: () => seen.push(detection.counts.records) });
  detection.look();
  await expect.poll(() => detection.counts.records, { timeout: 20_000 }).toBe(160);
  await detection.stop();
  expect(seen[0]).toBeLessThan(160);
});

test('reads the minutes before its end again, however long ago that was', async () => {
  const before = await detectionOf();
  await write(scan(ended(20), { ports: 10 }));
  before.look();
  await expect.poll(() => before.counts.records).toBe(10);
  await before.stop();
  expect(events).toEqual([]);
  const open = ended(20);
  nowMs += 3_600_000;
  await write(scan(open, { ports: 10, first: 100 }));
  const after = await detectionOf();
  after.look();
  await expect.poll(() => after.counts.records, { timeout: 20_000 }).toBe(20);
  await after.stop();
  expect(after.counts.late).toBe(0);
});

test('an event is in the file with its finding, whoever writes that', async () => {
  const file = fileOf();
  const found = file.read(RULES);
  const writeNothing = () => (found.book.list().length === 0 ? Promise.resolve() : new Promise<void>(() => undefined));
  const never = Object.assign(fileOf(), { write: writeNothing });
  const detection = await detectionOf({ found, file: never });
  await write(scan(ended(20)));
  detection.look();
  await expect.poll(() => found.book.list(), { timeout: 20_000 }).toHaveLength(1);
  expect(found.events.after(0).events).toEqual([]);
  await file.write(found);
  const { book, events: persisted } = fileOf().read(RULES);
  expect(book.list()).toHaveLength(1);
  expect(persisted.after(0).events.map(({ change }) => change)).toEqual(['opened']);
});

test('leaves out what cannot be looked at, says so, and reads on', async () => {
  const fresh = new FreshRecords(await store.connect(), 'flowlog');
  const visit = fresh.visit.bind(fresh);
  let isFirst = true;
  fresh.visit = async (read, visitor) => {
    if (!isFirst) return await visit(read, visitor);
    isFirst = false;
    throw new Error('unreadable');
  };
  const detection = await detectionOf({ fresh });
  await write(scan(ended(20), { source: '10.0.0.8' }));
  detection.look();
  await expect
    .poll(() => lines)
    .toEqual(['log service: looking for findings in uploads failed, and they are left out: unreadable']);
  await write(scan(ended(20)));
  detection.look();
  await expect.poll(subjects, { timeout: 20_000 }).toEqual(['10.0.0.9']);
  await detection.stop();
});

describe('of a day before a restart', () => {
  const rejected = { srcaddr: '10.0.0.8', dstaddr: '10.0.0.1', dstport: '443', packets: '50', action: 'REJECT' };
  const other = { ...rejected, srcaddr: '10.0.0.7' };
  const rules = () => events.map(({ finding }) => finding.rule);

  /** A rejection of forty minutes ago, and what was accepted since. */
  async function restarted(againMax: number): Promise<Detection> {
    nowMs = Math.floor(nowMs / 86_400_000) * 86_400_000 + 43_200_000;
    await write(Array.from({ length: 30 }, () => record(ended(5), rejected)));
    nowMs += 2_400_000;
    await write([record(ended(5), other)]);
    // As an earlier run wrote it.
    const found = fileOf().read(RULES);
    found.cursor = 2n;
    await fileOf().write(found);
    nowMs += 60_000;
    await write([record(ended(5), { ...rejected, action: 'ACCEPT', 'tcp-flags': '27' })]);
    const after = await detectionOf({ againMax });
    after.look();
    await expect.poll(() => after.windowEnd, { timeout: 20_000 }).toBe(ended(5).end);
    await after.stop();
    return after;
  }

  test('as much is read again as is not too much', async () => {
    expect((await restarted(200_000)).counts.records).toBe(32);
    expect(rules()).toEqual(['rejected-then-accepted']);
  });

  test('no more than the last minutes where it is', async () => {
    expect((await restarted(10)).counts.records).toBe(2);
    expect(rules()).toEqual([]);
  });
});
