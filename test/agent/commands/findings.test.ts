/** The command against a real log service that found port scans. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCommand } from '../../../agent/commands/dispatch.ts';
import { findings } from '../../../agent/commands/findings.ts';
import { query } from '../../../agent/commands/query.ts';
import type { NumberedEvent } from '../../../detect/event-log.ts';
import type { Finding } from '../../../detect/finding.ts';
import { FindingsCaller, ledger, scan, windowAgo } from '../../logservice/findings/scan-traffic.ts';
import { removeFolder, startTestService, type TestService, temporaryFolder } from '../../logservice/harness.ts';
import { collecting } from '../../support/in-process.ts';

const folder = temporaryFolder();
let service: TestService;
let caller: FindingsCaller;
let id: string;

const SEVERE = { source: '10.0.0.7', destination: '10.0.0.2', ports: 300 };

beforeAll(async () => {
  service = await startTestService(folder);
  caller = new FindingsCaller(service);
  await caller.send(...scan(windowAgo(3)), ...scan(windowAgo(3), SEVERE), ledger(windowAgo(3)));
  const events = await caller.eventsAfter(0, 2);
  id = events.find(({ finding }) => finding.subject['srcaddr'] === '10.0.0.9')!.finding.id;
});
afterAll(async () => {
  await service.stop();
  removeFolder(folder);
});

async function run(words: readonly string[], terminal: { readonly columns?: number } = {}) {
  const around = collecting(terminal);
  const exitCode = await runCommand(findings, [...words, '--store', folder], around);
  return { exitCode, out: around.stdout.text, err: around.stderr.text };
}

describe('flowlogd findings', () => {
  test('lists what is open on a terminal, the most severe first, and how to see more', async () => {
    const { out, exitCode } = await run([], { columns: 300 });
    const [heading, first, second, last] = out.trim().split('\n');
    expect(exitCode).toBe(0);
    expect(heading).toMatch(/^id +severity +state +rule +subject +figures +first-seen +last-seen +windows/);
    expect(first).toMatch(/ high +open +scan-ports +srcaddr=10\.0\.0\.7 dstaddr=10\.0\.0\.2 +ports=300 /);
    expect(second).toMatch(/ medium +open +scan-ports +srcaddr=10\.0\.0\.9 dstaddr=10\.0\.0\.1 +ports=30 /);
    expect(last).toMatch(/findings show [0-9a-f]{16} shows the records behind the first\.$/);
  });

  test('filters, and answers programs', async () => {
    const { out } = await run(['--severity', 'high', '-o', 'ndjson']);
    expect(JSON.parse(out)).toMatchObject({ severity: 'high', rule: 'scan-ports', state: 'open' });
    expect((await run(['--rule', 'beacon', '-o', 'ndjson'])).out).toBe('');
    expect((await run(['--state', 'closed'], { columns: 80 })).out).toMatch(/^No findings \(windows up to .+Z\)\.\n$/);
    const all = JSON.parse((await run(['--since', '1h', '-o', 'json'])).out) as { findings: readonly Finding[] };
    expect(all.findings).toHaveLength(2);
    expect((await run(['-o', 'csv'])).out.split('\r\n')).toHaveLength(4);
    expect((await run(['-o', 'text', '-n', '1'])).err).toContain('Only the first 1; raise --limit for more.');
  });

  test('shows one with its meaning, how complete the windows are, and a query that finds its records', async () => {
    const { out } = await run(['show', id], { columns: 100 });
    const { start, end } = windowAgo(3);
    const time = (seconds: number) => new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');
    expect(out).toContain(`Finding       ${id}, open\nRule          scan-ports: Port scans. Which host tried many`);
    expect(out).toMatch(/^Severity {6}medium$/m);
    expect(out).toMatch(/^MITRE ATT&CK {2}T1046$/m);
    expect(out).toMatch(/^ports {9}30 {2}\(Ports that were tried/m);
    expect(out).toContain(`Seen          ${time(start)} to ${time(end)}, in 1 windows`);
    expect(out).toMatch(/^Completeness {2}Complete: 1 window /m);
    expect(await recordsOf(out)).toHaveLength(30);
  });

  /** What the printed command finds. */
  async function recordsOf(shown: string): Promise<readonly object[]> {
    const [, line = ''] = /^Records +\S.*? query (.*)$/m.exec(shown) ?? [];
    const words = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, word]) => quoted ?? word!);
    const around = collecting({});
    expect(await runCommand(query, [...words, '-o', 'ndjson'], around)).toBe(0);
    return around.stdout.text
      .trim()
      .split('\n')
      .map((record) => JSON.parse(record) as object);
  }

  test('shows one to programs', async () => {
    const shown = JSON.parse((await run(['show', id, '-o', 'json'])).out) as Record<string, unknown>;
    expect(shown).toMatchObject({ finding: { id, state: 'open' }, mitre: 'T1046', completeness: { windows: 1 } });
    expect(shown['records']).toMatch(/ query --since \d+ --until \d+ --store .* 'srcaddr:10\.0\.0\.9 AND /);
  });

  test('acknowledges with a comment, which a terminal does not obey', async () => {
    expect((await run(['acknowledge', id, '--comment', 'ours\u001b[2J\u202e'])).out).toBe(`Acknowledged ${id}.\n`);
    expect((await run(['show', id], { columns: 100 })).out).toMatch(/^Acknowledged {2}\S+Z ours \[2J\\u202e$/m);
    expect((await run([], { columns: 300 })).out).toContain('ours [2J\\u202e');
  });

  test('suppresses for a time, lists that and ends it', async () => {
    expect((await run(['suppressions'], { columns: 80 })).out).toBe('No suppressions.\n');
    const words = ['suppress', '--rule', 'scan-ports', '--peer', '10.9.0.0/16', '--for', '7d', '--comment', 'a test'];
    const [, suppression = ''] = /^Suppressed as (\S+); /.exec((await run(words)).out) ?? [];
    const [listed] = JSON.parse((await run(['suppressions', '-o', 'json'])).out).suppressions;
    expect(listed).toMatchObject({ id: suppression, rule: 'scan-ports', peer: '10.9.0.0/16', comment: 'a test' });
    expect(Math.abs(listed.until - Date.now() / 1000 - 7 * 86_400)).toBeLessThan(60);
    expect((await run(['suppressions', '--remove', suppression])).out).toBe(`Suppression ${suppression} removed.\n`);
    expect(JSON.parse((await run(['suppressions', '-o', 'json'])).out)).toEqual({ suppressions: [] });
  });

  test('follows from now on, with the filters of the list', async () => {
    const around = collecting({});
    const ended = new AbortController();
    const words = ['--follow', '--rule', 'scan-ports', '--severity', 'high', '-o', 'ndjson', '--store', folder];
    const running = runCommand(findings, words, { ...around, signal: ended.signal });
    const severe = (source: number) => ({ source: `10.0.0.${source}`, destination: '10.0.0.3', ports: 300 });
    // What happens before it follows it does not print.
    for (let source = 20; around.stdout.text === ''; source += 2) {
      const mild = { ...severe(source + 1), ports: 30 };
      const before = Number((await caller.get('/findings/events')).json['cursor']);
      await caller.send(...scan(windowAgo(1), severe(source)), ...scan(windowAgo(1), mild), ledger(windowAgo(1)));
      await caller.eventsAfter(before, 2);
    }
    ended.abort();
    expect(await running).toBe(0);
    const events = around.stdout.text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as NumberedEvent);
    for (const { change, finding } of events) expect([change, finding.severity]).toEqual(['opened', 'high']);
  });

  test.each([
    [['shwo', 'x'], "unknown action 'shwo'; did you mean show?"],
    [['show'], 'unexpected arguments; expected show ID'],
    [['list', '--comment', 'x'], 'unexpected option --comment; expected list'],
    [['suppress'], 'expected suppress --rule NAME and --peer ADDRESS, or one of them'],
    [['--severity', 'bad'], '--severity'],
    [['--since', 'yesterday'], "invalid --since 'yesterday'"],
  ])('refuses %j with exit code 64', async (words, message) => {
    const around = collecting({});
    await expect(runCommand(findings, [...words, '--store', folder], around)).rejects.toMatchObject({
      exitCode: 64,
      message: expect.stringContaining(message),
    });
  });

  test.each([
    [['show', '0123456789abcdef'], "There is no finding '0123456789abcdef'."],
    [['acknowledge', 'x'], "There is no finding 'x'."],
    [['suppress', '--peer', '10.0.0.0/99'], "invalid value '10.0.0.0/99'"],
    [['suppressions', '--remove', '99'], "There is no suppression '99'."],
    [['--state', 'opne'], "invalid state 'opne': expected open, repeated, closed."],
  ])('says with exit code 65 what the service refuses: %j', async (words, message) => {
    const around = collecting({});
    await expect(runCommand(findings, [...words, '--store', folder], around)).rejects.toMatchObject({
      exitCode: 65,
      message: expect.stringContaining(message),
    });
  });
});
