/** From a port scan on the wire to a finding, and to the records behind it: with what `npm start` runs. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Finding } from '../../detect/finding.ts';
import { type CommandEnd, type RunningCommand, runCommand, startCommand, startProgram } from '../support/command.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { TwoHosts, twoHostsMissing } from '../support/two-hosts.ts';

const missing = twoHostsMissing();
if (missing !== undefined) process.stderr.write(`findings: ${missing}\n`);

/** Tries one port after the other, as connect(2) does: nobody listens. */
const SCANNER = `
  const net = require('node:net');
  const [first, last] = process.argv.slice(1).map(Number);
  const next = (port) => {
    if (port > last) return;
    const socket = net.connect(port, '10.9.0.1');
    socket.on('error', () => next(port + 1));
  };
  next(first);
`;

const RECEIVER_PORT = 8099;
/** Fails once, then prints what it is sent. */
const RECEIVER = `
  let asked = 0;
  require('node:http').createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => { body += chunk; });
    request.on('end', () => {
      response.writeHead(asked++ === 0 ? 500 : 200).end();
      if (asked > 1) console.log(body);
    });
  }).listen(${RECEIVER_PORT}, '127.0.0.1', () => console.log('listening'));
`;

describe.skipIf(missing !== undefined)('a port scan', { timeout: 120_000 }, () => {
  let hosts: TwoHosts;
  let folder: string;
  let agent: RunningCommand;
  let receiver: RunningCommand;

  beforeEach(async () => {
    hosts = new TwoHosts();
    hosts.observed.ip('route', 'add', 'default', 'via', '10.9.0.2');
    folder = temporaryFolder();
    receiver = startProgram([process.execPath, '-e', RECEIVER], { namespace: hosts.observed });
    await receiver.until(({ stdout }) => stdout.includes('listening'));
    const env = { npm_command: '', FLOWLOGD_FINDINGS_WEBHOOK_URL: `http://127.0.0.1:${RECEIVER_PORT}/hook` };
    agent = startCommand(['run'], { namespace: hosts.observed, folder, env });
    await agent.until(({ stdout }) => stdout.includes('log service  http'));
  });
  afterEach(() => hosts.remove());

  const store = () => join(folder, '.flowlogd/logservice');

  function flowlogd(...words: string[]): Promise<CommandEnd> {
    return runCommand(words, { namespace: hosts.observed, folder, env: { npm_command: '' } });
  }

  async function scan(first: number, last: number): Promise<void> {
    const words = [process.execPath, '-e', SCANNER, String(first), String(last)];
    expect(await startProgram(words, { namespace: hosts.peer }).ended).toMatchObject({ code: 0 });
  }

  async function scans(): Promise<readonly Finding[]> {
    const { code, stdout } = await flowlogd('findings', '--since', '1h', '--rule', 'scan-ports', '-o', 'json');
    // The log service is being restarted.
    if (code === 69) return [];
    return (JSON.parse(stdout) as { readonly findings: readonly Finding[] }).findings;
  }

  async function untilFound(isFound: (findings: readonly Finding[]) => boolean): Promise<Finding> {
    for (;;) {
      const found = await scans();
      if (isFound(found)) return found[0]!;
    }
  }

  test('is one finding within a window, with its records, over a kill of the log service, until it worsens', async () => {
    await scan(1, 40);
    const seen = Date.now();
    const found = await untilFound(({ length }) => length > 0);
    expect(Date.now() - seen).toBeLessThan(60_000);
    expect(found).toMatchObject({
      rule: 'scan-ports',
      state: 'open',
      subject: { srcaddr: '10.9.0.2', dstaddr: '10.9.0.1' },
      figures: { ports: 40 },
    });

    const shown = await flowlogd('findings', 'show', found.id);
    const { records, completeness } = JSON.parse(shown.stdout);
    expect(completeness).toMatchObject({ incompleteWindows: 0, lostPackets: 0 });
    const queried = await startProgram(['sh', '-c', `${records} -o ndjson`], { namespace: hosts.observed, folder })
      .ended;
    const flows = queried.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(new Set(flows.map((flow) => flow['dstport']))).toEqual(
      new Set(Array.from({ length: 40 }, (_, index) => index + 1)),
    );
    for (const flow of flows) expect(flow).toMatchObject({ srcaddr: '10.9.0.2', dstaddr: '10.9.0.1', 'tcp-flags': 2 });

    const { pid } = JSON.parse(readFileSync(join(store(), 'service.json'), 'utf8')) as { readonly pid: number };
    process.kill(pid, 'SIGKILL');
    await scan(41, 320);
    const more = await untilFound(([first]) => first?.worstSeverity === 'high');
    expect(more).toMatchObject({ id: found.id, state: 'open', times: 1 });

    await receiver.until(({ stdout }) => stdout.includes('"change":"worsened"'));
    const told = receiver.stdout
      .split('\n')
      .filter((line) => line.includes(found.id))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(told.map(({ change }) => change)).toEqual(['opened', 'worsened']);
    expect(agent.stderr).toContain('finding opened: scan-ports 10.9.0.2 10.9.0.1');
    const { stdout: status } = await flowlogd('status', '--json');
    expect(JSON.parse(status).findings).toMatchObject({
      opened: 1,
      looked: { ahead: 0, invalidAddresses: 0, invalidNumbers: 0, invalidTimes: 0 },
      webhook: { failedAttempts: 1, droppedEvents: 0 },
    });
    expect(await agent.stop()).toMatchObject({ code: 0 });
  });
});
