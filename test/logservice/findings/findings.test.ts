/** What the log service finds in uploads, over its own HTTP interface: a real service, a real database, real requests. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { NumberedEvent } from '../../../detect/event-log.ts';
import type { Finding } from '../../../detect/finding.ts';
import {
  call,
  removeFolder,
  signedBody,
  startTestService,
  type TestLog,
  type TestService,
  temporaryFolder,
  upload,
} from '../harness.ts';
import { FindingsCaller, ledger, record, SCAN, scan, windowAgo } from './scan-traffic.ts';

let folder: string;
let service: TestService;
let caller: FindingsCaller;

async function start(options: Parameters<typeof startTestService>[1] = {}): Promise<void> {
  service = await startTestService(folder, { logFindings: true, ...options });
  caller = new FindingsCaller(service);
}

beforeEach(async () => {
  folder = temporaryFolder();
  await start();
});
afterEach(async () => {
  await service.stop();
  removeFolder(folder);
});

async function restart(options: Parameters<typeof startTestService>[1] = {}): Promise<void> {
  await service.stop();
  await start(options);
}

const summary = ({ change, finding: { rule, subject } }: NumberedEvent) => [change, rule, subject];

describe('a port scan in the uploads', () => {
  test('is one finding, told to who waits for it, and in the log', async () => {
    const waiting = caller.eventsAfter(0, 1);
    await caller.send(...scan(windowAgo(1)), ledger(windowAgo(1)));
    expect((await waiting).map(summary)).toEqual([['opened', 'scan-ports', SCAN]]);
    const [finding, ...others] = await caller.list();
    expect(others).toEqual([]);
    const { start: firstSeen, end: lastSeen } = windowAgo(1);
    expect(finding).toMatchObject({ state: 'open', severity: 'medium', figures: { ports: 30 }, firstSeen, lastSeen });
    expect(service.lines.filter((line) => line.startsWith('finding '))).toEqual([
      `finding opened: scan-ports (medium) srcaddr=10.0.0.9 dstaddr=10.0.0.1, ports 30; flowlogd findings show ${finding!.id}`,
    ]);
    expect((await caller.get(`/finding?id=${finding!.id}`)).json['finding']).toEqual(finding);
  });

  test('stays one finding over windows, and worsens', async () => {
    await caller.send(...scan(windowAgo(3)), ledger(windowAgo(3)));
    await caller.eventsAfter(0, 1);
    await caller.send(...scan(windowAgo(2), { ports: 300 }), ledger(windowAgo(2)));
    expect((await caller.eventsAfter(0, 2)).map(({ change }) => change)).toEqual(['opened', 'worsened']);
    expect(await caller.list()).toMatchObject([{ severity: 'high', windows: 2 }]);
  });

  test('is closed after it was quiet for the time that its rule names', async () => {
    await caller.send(...scan(windowAgo(200)), ledger(windowAgo(200)));
    await caller.eventsAfter(0, 1);
    await caller.send(ledger(windowAgo(100)));
    expect((await caller.eventsAfter(1, 1)).map(summary)).toEqual([['closed', 'scan-ports', SCAN]]);
    expect(await caller.list('?state=open,repeated')).toEqual([]);
    expect(await caller.list('?state=closed')).toHaveLength(1);
  });

  test('is known after a restart, which finds it no second time', async () => {
    await caller.send(...scan(windowAgo(1)), ledger(windowAgo(1)));
    await caller.eventsAfter(0, 1);
    const before = await caller.list();
    await restart();
    await caller.send(...scan(windowAgo(0), { source: '10.0.0.8' }), ledger(windowAgo(0)));
    expect((await caller.eventsAfter(1, 1)).map(summary)).toEqual([
      ['opened', 'scan-ports', { ...SCAN, srcaddr: '10.0.0.8' }],
    ]);
    expect((await caller.list()).find(({ id }) => id === before[0]!.id)).toEqual(before[0]);
  });

  test('is found over a restart in the middle of it: the records of the last minutes count', async () => {
    await caller.send(...scan(windowAgo(1), { ports: 10 }), ledger(windowAgo(1)));
    await restart();
    await caller.send(...scan(windowAgo(0), { ports: 10, first: 100 }), ledger(windowAgo(0)));
    expect((await caller.eventsAfter(0, 1)).map(({ finding }) => finding.figures)).toEqual([{ ports: 20 }]);
  });

  test('is found only in the topic that is searched by default', async () => {
    await restart({ topics: [{ id: 'other' }] });
    await upload(service, [{ logs: scan(windowAgo(1)) }], 'other');
    await caller.send(...scan(windowAgo(1), { source: '10.0.0.8' }), ledger(windowAgo(1)));
    expect((await caller.eventsAfter(0, 1)).map(({ finding }) => finding.subject['srcaddr'])).toEqual(['10.0.0.8']);
  });

  test('is found where its rule runs, and rules that do not run by default find what they are asked for', async () => {
    await restart({ rules: ['new-peer'] });
    const peer = { srcaddr: '10.0.0.8', dstaddr: '10.0.0.1', dstport: '443', packets: '50', 'tcp-flags': '27' };
    await caller.send(...scan(windowAgo(1)), record(windowAgo(1), peer), ledger(windowAgo(1)));
    const events = await caller.eventsAfter(0, 1);
    expect(new Set(events.map(({ finding }) => finding.rule))).toEqual(new Set(['new-peer']));
  });

  test('is not hidden by records that claim to be from the future', async () => {
    const ahead = { start: 4_000_000_000, end: 4_000_000_010 };
    const forged = scan(ahead, { source: '10.0.0.8' });
    await caller.send(...forged, ledger(ahead), ...scan(windowAgo(1)), ledger(windowAgo(1)));
    expect((await caller.eventsAfter(0, 1)).map(summary)).toEqual([['opened', 'scan-ports', SCAN]]);
    expect(await caller.list()).toHaveLength(1);
  });
});

describe('a sender that has the key, and writes what no agent writes, is not looked at, and counted:', () => {
  const looked = async () => (await caller.get('/findings?limit=0')).json['looked'];
  /** The one that is sent behind it is found, and nothing else, also after a restart. */
  async function onlyTheScanIsFound(...hostile: readonly TestLog[]): Promise<unknown> {
    await caller.send(...hostile);
    await caller.send(...scan(windowAgo(1)), ledger(windowAgo(1)));
    expect((await caller.eventsAfter(0, 1)).map(summary)).toEqual([['opened', 'scan-ports', SCAN]]);
    const counts = await looked();
    await restart();
    expect((await caller.list()).map(({ subject }) => subject)).toEqual([SCAN]);
    expect(service.lines).toEqual([]);
    return counts;
  }

  test('addresses that are none', async () => {
    const hostile = ['9'.repeat(400), 'x'.repeat(100_000), '10.0.0.8 10.0.0.1', ''].flatMap((source) =>
      scan(windowAgo(1), { source, ports: 20 }),
    );
    expect(await onlyTheScanIsFound(...hostile)).toMatchObject({ records: 30, invalidAddresses: 80 });
  });

  test('ports and numbers out of range', async () => {
    const hostile = [{ srcport: '65536' }, { protocol: '300' }, { packets: '-1' }, { 'tcp-flags': '512' }].map(
      (fields) => record(windowAgo(1), { srcaddr: '10.0.0.8', dstaddr: '10.0.0.1', dstport: '1', ...fields }),
    );
    expect(await onlyTheScanIsFound(...hostile)).toMatchObject({ records: 30, invalidNumbers: 4 });
  });

  test('windows that begin after their end, or are longer than any', async () => {
    const { end } = windowAgo(1);
    const hostile = [
      { start: 4_000_000_000, end },
      { start: end - 601, end },
    ].flatMap((window) => [...scan(window, { source: '10.0.0.8', ports: 20 }), ledger(window)]);
    expect(await onlyTheScanIsFound(...hostile)).toMatchObject({ records: 30, invalidTimes: 40 });
  });

  test('windows of a clock that is more than two minutes ahead', async () => {
    const end = Math.floor(Date.now() / 1000) + 1000;
    const window = { start: end - 10, end };
    await caller.send(...scan(windowAgo(1)), ledger(windowAgo(1)));
    expect((await caller.eventsAfter(0, 1)).map(summary)).toEqual([['opened', 'scan-ports', SCAN]]);
    await caller.send(...scan(window, { source: '10.0.0.8' }), ledger(window));
    await caller.send(...scan(windowAgo(0), { source: '10.0.0.7' }), ledger(windowAgo(0)));
    await caller.eventsAfter(1, 1);
    expect(await looked()).toMatchObject({ records: 60, ahead: 30 });
    expect((await caller.list()).map(({ state, subject }) => [state, subject['srcaddr']]).toSorted()).toEqual([
      ['open', '10.0.0.7'],
      ['open', '10.0.0.9'],
    ]);
  });
});

describe('who knows a finding', () => {
  let id: string;
  beforeEach(async () => {
    await caller.send(...scan(windowAgo(1)), ledger(windowAgo(1)));
    id = (await caller.eventsAfter(0, 1))[0]!.finding.id;
  });

  test('acknowledges it with a comment, which outlives a restart', async () => {
    const { json } = await caller.post('/findings/acknowledge', { id, comment: 'our own \u001b[2J' });
    expect((json['finding'] as Finding).acknowledgement).toMatchObject({ comment: 'our own  [2J' });
    await restart();
    expect(await caller.list()).toMatchObject([{ id, acknowledgement: { comment: 'our own  [2J' } }]);
  });

  test('suppresses it by rule and prefix, and releases that again', async () => {
    const request = { rule: 'scan-ports', peer: '10.0.0.0/24', comment: 'ours' };
    const { json } = await caller.post('/findings/suppress', request);
    const suppression = json['suppression'] as { readonly id: string };
    expect((await caller.get('/findings/suppressions')).json).toEqual({ suppressions: [suppression] });
    expect(await caller.list('?state=open')).toEqual([]);
    const outside = { source: '10.0.1.8', destination: '10.0.1.1' };
    await caller.send(
      ...scan(windowAgo(0), { source: '10.0.0.8' }),
      ...scan(windowAgo(0), outside),
      ledger(windowAgo(0)),
    );
    expect((await caller.eventsAfter(1, 1)).map(({ finding }) => finding.subject['srcaddr'])).toEqual(['10.0.1.8']);
    expect((await caller.post('/findings/release', { id: suppression.id })).status).toBe(200);
    expect((await caller.get('/findings/suppressions')).json).toEqual({ suppressions: [] });
  });

  test('filters by rule, severity, state and time', async () => {
    const fitting = ['rule=scan-ports', 'severity=medium', 'state=open', `since=${windowAgo(1).end}`, 'limit=1'];
    for (const query of fitting)
      expect([query, await caller.list(`?${query}`)]).toEqual([query, [expect.objectContaining({ id })]]);
    for (const query of ['rule=beacon', 'severity=high', 'state=closed', `since=${windowAgo(-1).end}`])
      expect([query, await caller.list(`?${query}`)]).toEqual([query, []]);
    expect((await caller.get('/findings?limit=0')).json).toMatchObject({ findings: [], truncated: true });
  });
});

const REFUSED = expect.objectContaining({ errorcode: 'InvalidParam' });
const WRONG = [
  '/findings?state=opne',
  '/findings?severity=bad',
  '/findings?since=yesterday',
  '/findings?limit=1001',
  '/findings/events?wait=31',
  '/findings/events?after=-1',
  '/findings/events?limit=201',
  '/finding?id=0123456789abcdef',
  '/finding',
];
const WRONG_CHANGES: readonly (readonly [path: string, body: object | string])[] = [
  ['/findings/acknowledge', { id: 'x' }],
  ['/findings/acknowledge', { id: 1 }],
  ['/findings/acknowledge', 'no JSON'],
  ['/findings/acknowledge', 'null'],
  ['/findings/acknowledge', { id: 'x', comment: 'y'.repeat(20_000) }],
  ['/findings/suppress', {}],
  ['/findings/suppress', { peer: '10.0.0.0/33' }],
  ['/findings/suppress', { rule: 'no-such' }],
  ['/findings/suppress', { rule: 'scan-ports', until: 'tomorrow' }],
  ['/findings/suppress', { rule: ['scan-ports'] }],
  ['/findings/release', { id: '4711' }],
];

describe('a request about findings', () => {
  test('that is wrong is refused', async () => {
    for (const path of WRONG) expect([path, (await caller.get(path)).json]).toEqual([path, REFUSED]);
  });

  test('that would change something and is wrong is refused', async () => {
    for (const [path, body] of WRONG_CHANGES)
      expect([path, body, (await caller.post(path, body)).json]).toEqual([path, body, REFUSED]);
    expect((await caller.get('/findings/suppressions')).json).toEqual({ suppressions: [] });
  });

  test('needs the key, and a signed body to change something', async () => {
    expect((await call(service.url, '/findings')).status).toBe(400);
    expect((await call(service.url, '/findings', { keys: { ...service.keys, secretKey: 'x' } })).status).toBe(401);
    const { headers: _, signedHeaders: __, ...unsigned } = signedBody('{"rule":"scan-ports"}');
    const { json } = await call(service.url, '/findings/suppress', { ...unsigned, keys: service.keys });
    expect(json['errorcode']).toMatch(/Authorization|Signature/);
    expect((await caller.get('/findings/suppressions')).json).toEqual({ suppressions: [] });
  });

  test('waits no longer than it says, and answers nothing then', async () => {
    expect((await caller.get('/findings/events?after=0&wait=1')).json).toMatchObject({
      events: [],
      cursor: 0,
      missed: 0,
      open: { low: 0, medium: 0, high: 0, critical: 0 },
      counts: { opened: 0 },
    });
  });

  test('of one too many who wait is refused at once', async () => {
    const ended: number[] = [];
    const waiting = Array.from({ length: 33 }, async () => {
      ended.push((await caller.get('/findings/events?wait=5')).status);
    });
    await Promise.race(waiting);
    expect(ended).toEqual([429]);
    await restart();
    await Promise.all(waiting);
    expect(ended.filter((status) => status === 200)).toHaveLength(32);
  });
});

describe('a service that', () => {
  test('stops answers who waits, and does not wait for them', async () => {
    const waiting = caller.get('/findings/events?after=0&wait=30');
    await caller.get('/findings');
    await service.stop();
    expect(await waiting).toMatchObject({ status: 200, json: { events: [], cursor: 0 } });
  });

  test('cannot write a change says so and what to do, and has it until it ends', async () => {
    const path = join(folder, 'findings.json');
    rmSync(path, { force: true });
    mkdirSync(path);
    const { status, json } = await caller.post('/findings/suppress', { rule: 'scan-ports' });
    expect([status, json['errorcode']]).toEqual([500, 'InternalError']);
    expect(json['errormessage']).toMatch(/It applies until .*writing .*findings\.json failed: EISDIR.* Make room/);
    expect((await caller.get('/findings/suppressions')).json).toMatchObject({ suppressions: [{ id: '1' }] });
    rmSync(path, { recursive: true });
    await restart();
    expect((await caller.get('/findings/suppressions')).json).toMatchObject({ suppressions: [{ id: '1' }] });
  });

  test('cannot start ends all that had started before it closes the store', async () => {
    await caller.send(...scan(windowAgo(1)), ledger(windowAgo(1)));
    await service.stop();
    const lines: string[] = [];
    const other = await startTestService(temporaryFolder());
    const port = Number(new URL(other.url).port);
    await expect(startTestService(folder, { port, log: (line) => lines.push(line) })).rejects.toThrow('in use');
    await other.stop();
    removeFolder(other.folder);
    expect(lines).toEqual([]);
    await start();
    expect(await caller.eventsAfter(0, 1)).toHaveLength(1);
  });
});

test('what is invalid of a file of findings is left out, and all else kept', async () => {
  await caller.send(...scan(windowAgo(1)), ...scan(windowAgo(1), { source: '10.0.0.8' }), ledger(windowAgo(1)));
  await caller.eventsAfter(0, 2);
  await service.stop();
  const path = join(folder, 'findings.json');
  const written = JSON.parse(readFileSync(path, 'utf8'));
  written.book.findings[0].subject.srcaddr = null;
  written.events.events[0].finding = null;
  writeFileSync(path, JSON.stringify(written));
  await start();
  expect(await caller.list()).toHaveLength(1);
  expect((await caller.get('/findings/events?after=0')).json).toMatchObject({ cursor: 2, missed: 1 });
  expect(service.lines.join('\n')).toMatch(
    /findings\[0\] of .*findings\.json is invalid and left out; .*\n.*1 of the events of .* is invalid/,
  );
});

test('a damaged file of findings is set aside, and said', async () => {
  await service.stop();
  const events = '"events":{"last":0,"events":[]}';
  for (const damaged of [
    '',
    '{',
    'null',
    '{"version":2}',
    `{"version":1,"cursor":"x",${events}}`,
    `{"version":1,"book":{},${events}}`,
  ]) {
    writeFileSync(join(folder, 'findings.json'), damaged);
    await start();
    expect(service.lines.join('\n')).toMatch(
      /findings begin anew: .*findings\.json is damaged \(.+\) and was moved to/,
    );
    expect(readFileSync(join(folder, 'findings.json.damaged'), 'utf8')).toBe(damaged);
    await service.stop();
  }
  await start();
  await caller.send(...scan(windowAgo(1)), ledger(windowAgo(1)));
  expect(await caller.eventsAfter(0, 1)).toHaveLength(1);
});
