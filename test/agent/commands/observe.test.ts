/** `flowlogd observe` without -f, against a log service of its own. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCommand } from '../../../agent/commands/dispatch.ts';
import { observe } from '../../../agent/commands/observe.ts';
import { removeFolder, startTestService, type TestService, temporaryFolder, upload } from '../../logservice/harness.ts';
import { collecting } from '../../support/in-process.ts';

const CONVERSATIONS = 5050;
const folder = temporaryFolder();
const second = Math.floor(Date.now() / 1000) - 60;
let service: TestService;
beforeAll(async () => {
  service = await startTestService(folder);
  const ports = Array.from({ length: CONVERSATIONS }, (_, index) => 1025 + index);
  const [client, server] = ['10.0.0.1', '10.0.0.2'];
  const seen = { protocol: '6', 'tcp-flags': '19', packets: '2', bytes: '99', start: `${second}`, end: `${second}` };
  const logs = ports.flatMap((port) => [
    { contents: { srcaddr: client, srcport: `${port}`, dstaddr: server, dstport: '443', ...seen } },
    { contents: { srcaddr: server, srcport: '443', dstaddr: client, dstport: `${port}`, ...seen } },
  ]);
  await upload(service, [{ logs: logs.slice(0, 5000) }]);
  await upload(service, [{ logs: logs.slice(5000) }]);
});
afterAll(async () => {
  await service.stop();
  removeFolder(folder);
});

async function run(...words: readonly string[]) {
  const around = collecting({});
  const exitCode = await runCommand(observe, ['--store', folder, '-o', 'ndjson', ...words], around);
  const lines = around.stdout.text.trim().split('\n');
  return {
    exitCode,
    lines: lines.filter((line) => line !== '').map((line) => JSON.parse(line)),
    err: around.stderr.text,
  };
}

describe('flowlogd observe', () => {
  test('shows as many conversations as asked for, none of them a half', async () => {
    const { exitCode, lines, err } = await run(
      '-n',
      '20',
      '--port',
      '443',
      '(srcport>1024 AND srcport<2000) OR (dstport>1024 AND dstport<2000)',
    );
    expect(exitCode).toBe(0);
    expect(lines).toHaveLength(20);
    for (const line of lines) expect(line).toMatchObject({ packets_sent: 2, packets_received: 2, state: 'closed' });
    expect(err).toMatch(
      /^20 conversations of 1,950 records\nThe newest 20 of 975 conversations are shown: raise --limit/,
    );
  });

  test('says from when on it is whole where there are more records than a search reads', async () => {
    const { err } = await run('-n', '1');
    expect(err).toMatch(
      /Only the newest 10,000 records were read, the limit of a search\. Before 20\d\d-\d\d-\d\dT[\d:.]+Z conversations are missing or incomplete/,
    );
  });

  test.each([['--last'], ['--since'], ['--from']])('takes %s with --until, as flowlogd query does', async (option) => {
    expect((await run(option, '2h', '--to', '1h')).lines).toEqual([]);
    expect((await run(option, '2h', '--until', 'now', '--port', '1025')).lines).toHaveLength(1);
  });

  test('refuses what it cannot answer', async () => {
    await expect(run('--process', 'nginx')).rejects.toThrow(/unknown option --process/);
    await expect(run('-f', '--last', '1h')).rejects.toThrow('--follow cannot be combined with --since');
  });
});
