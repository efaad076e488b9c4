import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { findingsRoutes } from '../../../agent/control/findings-routes.ts';
import { AgentFindings, FOLLOWERS_MAX } from '../../../agent/findings/agent-findings.ts';
import { FINDINGS_FILE, FindingsFile } from '../../../agent/findings/findings-file.ts';
import type { Log } from '../../../agent/telemetry/log.ts';
import { EventLog } from '../../../detect/event-log.ts';
import type { Signal } from '../../../detect/signal.ts';
import { CATALOGUE } from '../../detect/catalogue.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const T = 1_700_000_000;
const scan = (until: number, source = '203.0.113.66'): Signal => ({
  rule: 'scan-ports',
  severity: 'medium',
  subject: { srcaddr: source, dstaddr: '10.0.1.1' },
  figures: { ports: 15 },
  since: until - 60,
  until,
  isCoarse: false,
});

let folder: string;
let lines: string[];
let now: number;
beforeEach(() => {
  folder = temporaryFolder();
  lines = [];
  now = T;
});

function open(): AgentFindings {
  const say = (level: string) => (message: string) => lines.push(`${level} ${message}`);
  const log = { error: say('error'), warn: say('warn'), info: say('info'), debug: say('debug') } as unknown as Log;
  return new AgentFindings(new FindingsFile(folder, log), CATALOGUE, () => now);
}

const ALL = { states: [], rule: undefined, severity: undefined, since: 0, limit: 100 } as const;
const signal = () => new AbortController().signal;

describe('what was found', () => {
  test('survives a restart, with its events, its acknowledgements and suppressions', async () => {
    const findings = open();
    findings.take({ windowEnd: T, signals: [scan(T)] });
    const { id } = findings.list(ALL).findings[0]!;
    await findings.acknowledge(id, 'ours');
    await findings.suppress({ peer: '198.18.0.0/15', comment: 'lab' });
    await findings.stop();
    const restarted = open();
    expect(restarted.list(ALL)).toMatchObject({ findings: [{ id, acknowledgement: { comment: 'ours' } }], cursor: 1 });
    expect(restarted.suppressions).toMatchObject([{ peer: '198.18.0.0/15' }]);
    expect(await restarted.follow({ after: 0, waitMs: 0, signal: signal() })).toMatchObject({
      events: [{ sequence: 1, change: 'opened' }],
    });
    now = T + 60;
    restarted.take({ windowEnd: now, signals: [scan(now), scan(now, '198.18.0.1')] });
    expect(restarted.list(ALL)).toMatchObject({ findings: [{ windows: 2 }], counts: { opened: 1, suppressed: 1 } });
    await restarted.stop();
    expect(lines).toEqual([]);
    expect(statSync(join(folder, FINDINGS_FILE)).mode & 0o777).toBe(0o600);
  });

  test('is written once for all that happens while it is written', async () => {
    const findings = open();
    const snapshots = vi.spyOn(EventLog.prototype, 'snapshot');
    for (let window = 0; window < 100; window++)
      findings.take({ windowEnd: T + window, signals: [scan(T + window, `203.0.113.${window}`)] });
    await findings.stop();
    expect(snapshots.mock.calls.length).toBeLessThanOrEqual(2);
    snapshots.mockRestore();
    expect(open().list(ALL).findings).toHaveLength(100);
  });

  test('has another log of events where it began anew, and the same one over a restart', async () => {
    const findings = open();
    findings.take({ windowEnd: T, signals: [scan(T)] });
    const { log } = await findings.after(0, signal());
    await findings.stop();
    expect((await open().after(0, signal())).log).toBe(log);
    rmSync(join(folder, FINDINGS_FILE));
    const anew = open();
    anew.take({ windowEnd: T, signals: [scan(T)] });
    expect((await anew.after(0, signal())).log).not.toBe(log);
    await anew.stop();
  });

  test.each(['', '{', '{"version":2}', '{"version":1,"book":{},"events":{}}', 'null'])(
    'in a corrupt file %j is moved out of the way, and logged',
    (text) => {
      const path = join(folder, FINDINGS_FILE);
      writeFileSync(path, text);
      expect(open().list(ALL).findings).toEqual([]);
      expect(existsSync(path)).toBe(false);
      expect(readFileSync(`${path}.damaged`, 'utf8')).toBe(text);
      expect(lines).toEqual(['error corrupt file of findings moved; findings begin anew']);
    },
  );

  test('stays in memory where the disk refuses it, which is logged once for each change', async () => {
    const findings = open();
    const obstacle = join(folder, `${FINDINGS_FILE}.new`);
    mkdirSync(obstacle);
    findings.take({ windowEnd: T, signals: [scan(T)] });
    await findings.suppress({ rule: 'refused' });
    expect(findings.list(ALL).findings).toHaveLength(1);
    rmSync(obstacle, { recursive: true });
    await findings.stop();
    expect(lines).toEqual([
      'warn findings not persisted: disk write failed; a restart would lose them',
      'warn findings persisted again',
    ]);
    expect(open().list(ALL).findings).toHaveLength(1);
  });
});

describe('who follows', () => {
  test('gets an event as soon as there is one, and nothing when the time is over', async () => {
    const findings = open();
    const following = findings.after(undefined, signal());
    findings.take({ windowEnd: T, signals: [] });
    findings.take({ windowEnd: T, signals: [scan(T)] });
    expect(await following).toMatchObject({ events: [{ change: 'opened' }], cursor: 1, open: { medium: 1 } });
    expect(await findings.follow({ after: 1, waitMs: 1, signal: signal() })).toMatchObject({ events: [], cursor: 1 });
  });

  test('gets an event once it is in the file, so that no other ever has its number', async () => {
    const findings = open();
    findings.take({ windowEnd: T, signals: [scan(T)] });
    expect(await findings.follow({ after: 0, waitMs: 0, signal: signal() })).toMatchObject({ events: [], cursor: 0 });
    expect(await findings.after(0, signal())).toMatchObject({ events: [{ sequence: 1 }] });
    expect(readFileSync(join(folder, FINDINGS_FILE), 'utf8')).toContain('"sequence":1');
  });

  test('is let go when it goes away, and when the agent ends', async () => {
    const findings = open();
    const controller = new AbortController();
    const [first, second] = [findings.after(0, controller.signal), findings.after(0, signal())];
    controller.abort();
    expect((await first).events).toEqual([]);
    await findings.stop();
    expect((await second).events).toEqual([]);
    expect((await findings.follow({ after: 0, waitMs: 60_000, signal: AbortSignal.abort() })).events).toEqual([]);
  });

  test('gets an answer at once where too many do', async () => {
    const findings = open();
    const asked = () => ({ after: 0, waitMs: 60_000, signal: signal() });
    const following = Array.from({ length: FOLLOWERS_MAX }, () => findings.follow(asked()));
    expect((await findings.follow(asked())).events).toEqual([]);
    findings.take({ windowEnd: T, signals: [scan(T)] });
    expect((await Promise.all(following)).map(({ events }) => events.length)).toEqual(following.map(() => 1));
  });

  test('leaves the agent itself its place, however many do', async () => {
    const findings = open();
    const controller = new AbortController();
    const asked = { after: 0, waitMs: 60_000, signal: controller.signal };
    const following = Array.from({ length: FOLLOWERS_MAX }, () => findings.follow(asked));
    let isAnswered = false;
    const own = findings.after(0, signal()).finally(() => {
      isAnswered = true;
    });
    await new Promise((later) => setTimeout(later, 10));
    expect(isAnswered).toBe(false);
    findings.take({ windowEnd: T, signals: [scan(T)] });
    expect((await own).events).toHaveLength(1);
    controller.abort();
    await Promise.all(following);
  });
});

describe('over the control socket', () => {
  const get = (findings: AgentFindings | undefined, path: string, query = '') =>
    findingsRoutes(findings)('GET', path, undefined, new URLSearchParams(query));
  const post = (findings: AgentFindings, path: string, body: unknown) => findingsRoutes(findings)('POST', path, body);

  test('findings are listed by state, rule, severity and time', async () => {
    const findings = open();
    findings.take({
      windowEnd: T,
      signals: [scan(T), { ...scan(T), rule: 'refused', severity: 'high', subject: { server: '10.0.0.1', port: 80 } }],
    });
    await findings.after(0, signal());
    const rules = async (query: string) => {
      const { code, body } = await get(findings, '/findings', query);
      expect(code).toBe(200);
      return (body as { findings: { rule: string }[] }).findings.map(({ rule }) => rule);
    };
    expect(await rules('')).toEqual(['refused', 'scan-ports']);
    expect(await rules('state=closed')).toEqual([]);
    expect(await rules('state=open,repeated&rule=scan-ports')).toEqual(['scan-ports']);
    expect(await rules('severity=high')).toEqual(['refused']);
    expect(await rules(`since=${T + 1}`)).toEqual([]);
    expect(await rules('limit=1')).toEqual(['refused']);
    expect((await get(findings, '/findings')).body).toMatchObject({
      schema: 'flowlogd.findings.v1',
      windowEnd: T,
      cursor: 2,
      truncated: false,
    });
  });

  test('one is shown, acknowledged, suppressed and released', async () => {
    const findings = open();
    findings.take({ windowEnd: T, signals: [scan(T)] });
    const { id } = findings.list(ALL).findings[0]!;
    expect(await get(findings, '/finding', `id=${id}`)).toMatchObject({ code: 200, body: { finding: { id } } });
    expect(await post(findings, '/findings/acknowledge', { id, comment: 'ours' })).toMatchObject({
      body: { finding: { acknowledgement: { comment: 'ours' } } },
    });
    expect(await post(findings, '/findings/suppress', { rule: 'scan-ports', until: T + 60 })).toMatchObject({
      body: { suppression: { id: '1', until: T + 60 } },
    });
    expect(await get(findings, '/findings/suppressions')).toMatchObject({ body: { suppressions: [{ id: '1' }] } });
    expect(await post(findings, '/findings/release', { id: '1' })).toEqual({ code: 200, body: {} });
    expect(await get(findings, '/findings/events', 'after=0&wait=0')).toMatchObject({
      body: { events: [{ sequence: 1 }] },
    });
  });

  test.each([
    ['GET', '/findings', 'state=ajar', undefined, 400, 'state: expected one of open, repeated, closed.'],
    ['GET', '/findings', 'severity=bad', undefined, 400, 'severity: expected one of low, medium, high, critical.'],
    ['GET', '/findings', 'limit=5000', undefined, 400, 'limit: expected a whole number up to 1000.'],
    ['GET', '/findings', 'since=-1', undefined, 400, 'since: expected a whole number'],
    ['GET', '/finding', 'id=nothing', undefined, 404, 'There is no such finding.'],
    ['POST', '/findings/acknowledge', '', { id: 5 }, 400, 'id: expected a text.'],
    ['POST', '/findings/acknowledge', '', { id: 'nothing' }, 404, 'There is no such finding.'],
    ['POST', '/findings/suppress', '', {}, 400, 'expected a rule, a peer, or both.'],
    ['POST', '/findings/suppress', '', { rule: 5 }, 400, 'rule, peer and comment: expected texts.'],
    ['POST', '/findings/suppress', '', { rule: 'refused', until: 1.5 }, 400, 'until: expected a Unix time in seconds.'],
    ['POST', '/findings/suppress', '', { peer: 'host' }, 400, "invalid value 'host': expected an address or a prefix"],
    ['POST', '/findings/release', '', { id: '9' }, 404, 'There is no such suppression.'],
    ['POST', '/findings/release', '', [], 400, 'expected a JSON object.'],
    ['DELETE', '/findings', '', undefined, 404, 'No such endpoint: DELETE /findings.'],
  ])('%s %s?%s %j is refused', async (method, path, query, body, code, message) => {
    const answer = await findingsRoutes(open())(method, path, body, new URLSearchParams(query));
    expect(answer).toMatchObject({ code, body: { error: { message: expect.stringContaining(message) } } });
  });

  test('an agent that does not detect says so', async () => {
    expect(await get(undefined, '/findings')).toMatchObject({
      code: 404,
      body: { error: { message: expect.stringContaining('findings.enabled') } },
    });
  });
});
