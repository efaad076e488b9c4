import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { analyse } from '../../../agent/commands/analyse.ts';
import { runCommand } from '../../../agent/commands/dispatch.ts';
import { BEGIN, Traffic } from '../../analyses/traffic.ts';
import { TRUTHS } from '../../analyses/truth.ts';
import { removeFolder, startTestService, type TestService, temporaryFolder, upload } from '../../logservice/harness.ts';
import { collecting } from '../../support/in-process.ts';

const folder = temporaryFolder();
let service: TestService;

beforeAll(async () => {
  service = await startTestService(folder, {
    topics: [{ id: 'flowlog' }, { id: 'bare' }, { id: 'lossy' }, { id: 'far' }],
  });
  const traffic = new Traffic();
  traffic.everyday();
  TRUTHS['scan-ports']!.add(traffic, true);
  await upload(service, [{ logs: traffic.logs }]);
  const bare = {
    time: BEGIN * 1000,
    contents: { srcaddr: '10.0.0.1', dstaddr: '10.0.0.2', bytes: '5', 'log-status': 'OK' },
  };
  await upload(service, [{ logs: [bare] }], 'bare');
  const far = { time: BEGIN * 1000, contents: { ...bare.contents, start: '900000000000000' } };
  await upload(service, [{ logs: [far] }], 'far');
  const lossy = new Traffic();
  lossy.ledger(0, 1000, 0);
  lossy.ledger(60, 1000, 50);
  await upload(service, [{ logs: lossy.logs }], 'lossy');
});
afterAll(async () => {
  await service.stop();
  removeFolder(folder);
});

async function run(words: readonly string[], terminal: { readonly columns?: number } = {}) {
  const around = collecting(terminal);
  const period =
    words.length === 0 ? [] : ['--store', folder, '--since', String(BEGIN), '--until', String(BEGIN + 3660)];
  const exitCode = await runCommand(analyse, [...words, ...period], around);
  return { exitCode, out: around.stdout.text, err: around.stderr.text };
}

describe('flowlogd analyse', () => {
  test('without a name lists the catalogue by use case', async () => {
    const { exitCode, out } = await run([]);
    expect(exitCode).toBe(0);
    const lines = out.split('\n');
    expect(lines[0]).toBe('Identify network issues');
    expect(lines).toContain('Detect threats');
    expect(lines.find((line) => line.startsWith('  scan-ports'))).toMatch(/Which host tried many ports/);
  });

  describe('--dialect prints the query and asks no service', () => {
    const print = async (...words: readonly string[]) => {
      const around = collecting({});
      const period = ['--since', String(BEGIN), '--until', String(BEGIN + 3660), '--store', '/nonexistent'];
      const exitCode = await runCommand(analyse, [...words, ...period], around);
      return { exitCode, out: around.stdout.text, err: around.stderr.text };
    };

    test('for Cloud Log Service as it stands, with its parameters', async () => {
      const { exitCode, out } = await print('scan-ports', '--dialect', 'cls', '--set', 'ports=50');
      expect([exitCode, out.split('|')[0]]).toEqual([0, 'log-status:OK AND protocol:6 ']);
      expect(out).toContain('having max(ports) >= 50\n');
    });

    test('for a table of a database, within its time', async () => {
      const { exitCode, out } = await print('scan-ports', '--dialect', 'clickhouse', '--table', 'flows.all');
      expect(exitCode).toBe(0);
      expect(out.split('\n').slice(0, 4)).toEqual([
        'with log as (',
        '  select * from flows.all',
        `  where "end" > ${BEGIN} and "end" <= ${BEGIN + 3660} and log_status = 'OK' and "protocol" = 6`,
        ')',
      ]);
      expect(out.trimEnd().split('\n').at(-1)).toBe('settings prefer_column_name_to_alias = 1');
    });

    test('refuses a dialect that it does not know, and ledgers where there are none', async () => {
      await expect(print('scan-ports', '--dialect', 'oracle')).rejects.toMatchObject({
        exitCode: 64,
        message: expect.stringContaining('expected one of cls, clickhouse, trino, duckdb'),
      });
      await expect(print('completeness', '--dialect', 'duckdb')).rejects.toMatchObject({
        exitCode: 64,
        message: expect.stringContaining('which only log services have: use --dialect cls'),
      });
    });
  });

  test('prints the rows, how complete the records are, and the query of the records behind the first', async () => {
    const { out, err } = await run(['scan-ports'], { columns: 120 });
    expect(err).toBe('');
    const lines = out.trimEnd().split('\n');
    expect(lines.slice(0, 5)).toEqual([
      'Port scans: Which host tried many ports of another without ever completing a connection?',
      '2023-11-14T23:00:00Z to 2023-11-15T00:01:00Z',
      '',
      'severity  srcaddr       dstaddr   ports  since                 until',
      'medium    203.0.113.66  10.0.1.1     15  2023-11-14T23:10:00Z  2023-11-14T23:13:00Z',
    ]);
    expect(lines.slice(6)).toEqual([
      'Complete: 60 windows with 60,000 packets, none lost.',
      expect.stringContaining(
        `query --since ${BEGIN} --until ${BEGIN + 3660} --store ${folder} 'srcaddr:203.0.113.66 AND dstaddr:10.0.1.1 AND protocol:6 AND tcp-flags:2'`,
      ),
      'MITRE ATT&CK T1046.',
    ]);
  });

  test('says with which parameters nothing was found', async () => {
    const { out } = await run(['scan-ports', '--set', 'ports=16', '-o', 'table']);
    expect(out).toContain('Nothing found (ports=16, within=300).\nComplete: ');
  });

  test('as JSON is one object of a stable schema', async () => {
    const { out } = await run(['scan-ports', '-o', 'json']);
    expect(JSON.parse(out)).toMatchObject({
      schema: 'flowlogd.analysis.v1',
      analysis: 'scan-ports',
      useCase: 'threats',
      mitre: 'T1046',
      parameters: { ports: 15, within: 300 },
      from: '2023-11-14T23:00:00Z',
      completeness: { windows: 60, incompleteWindows: 0, offeredPackets: 60_000, lostPackets: 0, gapSeconds: 0 },
      truncated: false,
      truncatedBy: null,
      rows: [
        {
          severity: 'medium',
          values: { srcaddr: '203.0.113.66', ports: 15 },
          records: 'srcaddr:203.0.113.66 AND dstaddr:10.0.1.1 AND protocol:6 AND tcp-flags:2',
        },
      ],
    });
  });

  test.each([
    ['ndjson', /^\{"severity":"medium","srcaddr":"203.0.113.66".*"records":"srcaddr:203.0.113.66 AND .*"\}\n$/],
    ['csv', /^severity,srcaddr,dstaddr,ports,since,until,records\r\nmedium,203.0.113.66,10.0.1.1,15,/],
    ['text', /^severity srcaddr dstaddr ports since until\nmedium 203.0.113.66 10.0.1.1 15 1700003400 1700003580\n$/],
  ])('as %s has rows alone on standard output', async (format, expected) => {
    const { out, err } = await run(['scan-ports', '-o', format]);
    expect(out).toMatch(expected);
    expect(err).toContain('Complete: 60 windows');
  });

  test('prints a time that no calendar has as its number', async () => {
    const { out } = await run(['timeline', '--topic', 'far', '-o', 'table']);
    expect(out).toMatch(/^900000000000000 /m);
  });

  test('says what its rows cannot show', async () => {
    const { out } = await run(['unusual-upload', '-o', 'table']);
    expect(out).toContain('Nothing found');
    expect(out).toContain('The newest hour may have just begun');
  });

  test('says what was lost', async () => {
    const { out } = await run(['completeness', '--topic', 'lossy', '-o', 'table']);
    expect(out).toContain('Incomplete: 1 of 2 windows with 2,000 packets; 50 packets lost (2.50 %).');
    expect(out).toMatch(/medium\s+eth0/);
  });

  test('refuses to answer from records that lack what it needs', async () => {
    await expect(run(['scan-ports', '--topic', 'bare'])).rejects.toMatchObject({
      code: 'analysis.unanswerable',
      exitCode: 65,
      message:
        'scan-ports needs the field tcp-flags, which none of the 1 records of that time has: add it to flowLogs[].fields.',
    });
  });

  test.each([
    [['scan-port'], "unknown analysis 'scan-port': did you mean scan-ports?"],
    [['nonsense'], "unknown analysis 'nonsense': flowlogd analyse lists them"],
    [['scan-ports', '--set', 'port=5'], 'expected one of ports, within, as in ports=10'],
    [['scan-ports', '--set', 'ports=many'], "invalid --set 'ports=many': expected a number such as 10 or 0.5"],
    [['scan-ports', '--set', 'ports=1; drop table log'], 'expected a number'],
    [['top-talkers', '--set', 'x=1'], 'top-talkers has no parameters'],
  ])('%j: %s', async (words, message) => {
    await expect(run(words)).rejects.toMatchObject({ exitCode: 64, message: expect.stringContaining(message) });
  });
});
