import { afterEach, beforeEach, expect, test } from 'vitest';
import { readCatalogue } from '../../../analyses/catalogue.ts';
import { Detector } from '../../../detect/detector.ts';
import type { FindingEvent } from '../../../detect/finding.ts';
import { Detection } from '../../../logservice/findings/detection.ts';
import { FindingsFile } from '../../../logservice/findings/findings-file.ts';
import { FreshRecords } from '../../../logservice/findings/fresh-records.ts';
import { Store } from '../../../logservice/store/store.ts';
import { Writer } from '../../../logservice/store/writer.ts';
import { encodeGroups, removeFolder, type TestLog, temporaryFolder } from '../harness.ts';
import { scan, windowAgo } from './scan-traffic.ts';

let folder: string;
let store: Store;
let writer: Writer;
const events: FindingEvent[] = [];
const lines: string[] = [];

beforeEach(async () => {
  folder = temporaryFolder();
  store = await Store.open(folder);
  writer = await Writer.open(store, { now: Date.now, onFailure: (error) => lines.push(error.message) });
  events.length = 0;
  lines.length = 0;
});
afterEach(async () => {
  await store.close();
  removeFolder(folder);
});

async function detectionOf(behindMax?: number): Promise<Detection> {
  const rules = readCatalogue().filter(({ finding }) => finding !== undefined);
  const file = new FindingsFile(folder, (line) => lines.push(line));
  return new Detection({
    found: file.read(rules),
    file,
    detector: new Detector(rules),
    fresh: new FreshRecords(await store.connect(), 'flowlog'),
    reading: (work) => store.gate.within(work),
    now: Date.now,
    ...(behindMax === undefined ? {} : { behindMax }),
    onEvents: (news) => events.push(...news),
    log: (line) => lines.push(line),
  });
}

const TOPIC = { id: 'flowlog', index: true, closed: false };
const write = (logs: readonly TestLog[], topic = TOPIC) => writer.write(topic, encodeGroups([{ logs }]));
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
  expect(detection.counts).toEqual({ records: 100, ahead: 0, skipped: 0 });
  await detection.stop();
});

test('leaves out the older half of what it is too far behind with, and says how much', async () => {
  for (const source of ['10.0.0.1', '10.0.0.2', '10.0.0.3'])
    await write(scan(windowAgo(1), { source, destination: '10.9.9.9', ports: 20 }));
  const detection = await detectionOf(50);
  detection.look();
  await expect.poll(subjects, { timeout: 20_000 }).toEqual(['10.0.0.3']);
  expect(detection.counts).toEqual({ records: 20, ahead: 0, skipped: 40 });
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
