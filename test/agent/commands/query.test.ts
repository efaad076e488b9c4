import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ownCommand } from '../../../agent/cli/own-command.ts';
import { runCommand } from '../../../agent/commands/dispatch.ts';
import { LogServiceClient, locateLogService } from '../../../agent/commands/logservice-client.ts';
import { query } from '../../../agent/commands/query.ts';
import { parseTime } from '../../../agent/commands/search-time.ts';
import { OperationalError } from '../../../agent/model/operational-error.ts';
import { removeFolder, startTestService, type TestService, temporaryFolder, upload } from '../../logservice/harness.ts';
import { collecting } from '../../support/in-process.ts';

const folder = temporaryFolder();
let service: TestService;
beforeAll(async () => {
  service = await startTestService(folder);
  const logs = [1, 2, 3].map((n) => ({
    contents: { srcaddr: `10.0.0.${n}`, dstport: '443', bytes: String(n * 1000) },
  }));
  await upload(service, [{ logs }]);
});
afterAll(async () => {
  await service.stop();
  removeFolder(folder);
});

async function run(words: readonly string[], terminal: { readonly columns?: number } = {}) {
  const around = collecting(terminal);
  const exitCode = await runCommand(query, ['--store', folder, ...words], around);
  return { exitCode, out: around.stdout.text, err: around.stderr.text };
}

describe('flowlogd query', () => {
  test('prints NDJSON when piped', async () => {
    const { exitCode, out, err } = await run(['srcaddr:10.0.0.2']);
    expect(exitCode).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ srcaddr: '10.0.0.2', dstport: 443, bytes: 2000 });
    expect(err).toBe('');
  });

  test('prints a table on a terminal, and how many rows there were', async () => {
    const { out, err } = await run(['--limit', '2'], { columns: 80 });
    expect(out.split('\n')).toHaveLength(4);
    expect(err).toMatch(/^2 rows \(limit reached, raise --limit\), \d+ ms\n$/);
  });

  test('says which limit an answer met, and what helps', async () => {
    const tall = await run(['* | select * from range(10001)', '-n', '10000', '-o', 'table']);
    expect(tall.err).toMatch(/^10000 rows \(limit reached: narrow the time or the condition\), /);
    const wide = await run(["* | select repeat('x', 9000000) as text from range(6)", '-o', 'table'], { columns: 80 });
    expect(wide.err).toMatch(
      /^5 rows \(limit of bytes reached: narrow the time or the condition, or select fewer columns\), /,
    );
  });

  test('prints CSV of what SQL made', async () => {
    const { out } = await run(['dstport:443 | select dstport, sum(bytes) as total group by 1', '--format', 'csv']);
    expect(out).toBe('dstport,total\r\n443,6000\r\n');
  });

  test.each([
    ['--last', '1m', 1],
    ['--since', '2h', 1],
    ['--from', '2h', 1],
  ])('takes %s as the earliest time', async (option, age, rows) => {
    const { out } = await run(['srcaddr:10.0.0.1', option, age, '-o', 'ndjson']);
    expect(out.trim().split('\n')).toHaveLength(rows);
  });

  test('says of which time the logs are when none is of the time asked for', async () => {
    const { out, err } = await run(['--from', '2h', '--to', '1h']);
    expect(out).toBe('');
    expect(err).toMatch(/^0 rows, \d+ ms\nNo log is of that time: those of the topic flowlog are from .*\.\n$/);
  });

  test('passes the service’s own sentence on when it refuses', async () => {
    const refused = run(['dstport:http']);
    await expect(refused).rejects.toMatchObject({
      code: 'logservice.refused',
      exitCode: 65,
      message:
        "The query is not understood at character 9 ('http'): 'http' is no integer of at most 15 digits, and dstport is numeric.",
    });
    await expect(run(['--topic', 'nowhere'])).rejects.toMatchObject({ code: 'logservice.refused' });
  });

  test('says how to start a service where none runs', async () => {
    const empty = temporaryFolder();
    await expect(run(['--store', empty])).rejects.toMatchObject({
      code: 'logservice.unreachable',
      exitCode: 69,
      message: `Locating the log service of ${empty} failed: no log service is running. Start one: ${ownCommand()} logservice --store ${empty}.`,
    });
    await expect(run(['--url', 'http://127.0.0.1:1'])).rejects.toMatchObject({ code: 'logservice.unreachable' });
    removeFolder(empty);
  });

  test('takes no URL with a user, and does not repeat the password', async () => {
    await expect(run(['--url', 'http://user:hush@127.0.0.1:1'])).rejects.toThrow(
      "query: invalid --url 'http://(hidden)@127.0.0.1:1': expected a URL such as http://127.0.0.1:9514, without user",
    );
  });

  test.each(['--from=yesterday', '--to=5x', '--limit=0', '--limit=10001', '--format=xml', '--url=ftp://x'])(
    'refuses %s as usage',
    async (word) => {
      await expect(run([word])).rejects.toMatchObject({ code: 'usage.invalid' });
    },
  );
});

test('the client asks with the service’s key, which a file of the store holds', async () => {
  const location = locateLogService(folder);
  const now = Date.now();
  const question = { query: 'srcaddr:10.0.0.1', fromMs: now - 60_000, toMs: now, limit: 10 };
  const answer = await new LogServiceClient(location, () => now).search(question);
  expect(answer.rows).toHaveLength(1);
  const another = { ...location, credentials: { ...location.credentials, secretKey: 'another' } };
  const refused = new LogServiceClient(another, () => now).search(question);
  await expect(refused).rejects.toThrow(OperationalError);
});

test.each([
  ['now', 1_700_000_000_000],
  ['15m', 1_699_999_100_000],
  ['-15m', 1_699_999_100_000],
  ['60', 1_699_999_940_000],
  ['0', 0],
  ['1600000000', 1_600_000_000_000],
  ['1600000000000', 1_600_000_000_000],
  ['2023-11-14T00:00:00Z', 1_699_920_000_000],
  ['2023-11-14', 1_699_920_000_000],
  ['12', 1_699_999_988_000],
  ['99999999999999999999', undefined],
  ['', undefined],
  ['Tuesday', undefined],
  ['2023-99-99', undefined],
])('the time %j is %s', (text, expected) => {
  expect(parseTime(text, 1_700_000_000_000)).toBe(expected);
});
