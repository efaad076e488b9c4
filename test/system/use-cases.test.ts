import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CommandEnd, FLOWLOGD, type RunningCommand, startCommand, startProgram } from '../support/command.ts';
import { commandMissing } from '../support/network-namespace.ts';
import { ethernet, icmp, ipv4, PROTOCOL, TCP_FLAG, tcp, udp } from '../support/packet-builder.ts';
import { TwoHosts, twoHostsMissing } from '../support/two-hosts.ts';

const missing = twoHostsMissing() ?? commandMissing('nft');
if (missing !== undefined) process.stderr.write(`use-cases: ${missing}\n`);

const PAGE = new URL('../../docs/use-cases.md', import.meta.url);
const EXAMPLE = new URL('../../docs/examples/use-cases.yaml', import.meta.url);
/** A command of the page and what it prints there. */
const STORY = /```sh\n(?<line>[^\n]*)\n```\n\n```text\n(?<output>.*?)```/gs;

const HOST = '10.9.0.1';
const MACS = { destination: Uint8Array.of(2, 0, 0, 0, 0, 10), source: Uint8Array.of(2, 0, 0, 0, 0, 11) };
const WINDOW_SECONDS = 10;

const times = <Thing>(count: number, make: (index: number) => Thing) =>
  Array.from({ length: count }, (_, index) => make(index));

interface Segment {
  readonly source: string;
  readonly destination?: string;
  readonly sourcePort?: number;
  readonly port: number;
  readonly flags: number;
}

function segment({ source, destination = HOST, sourcePort = 40_000, port, flags }: Segment): Uint8Array {
  const payload = tcp({ sourcePort, destinationPort: port, flags });
  return ethernet(MACS, ipv4({ source, destination, protocol: PROTOCOL.tcp }, payload));
}

function datagram(source: string, destination: string, port: number): Uint8Array {
  const payload = udp({ sourcePort: 5000, destinationPort: port }, new Uint8Array(1000));
  return ethernet(MACS, ipv4({ source, destination, protocol: PROTOCOL.udp }, payload));
}

const SCAN = times(40, (index) => segment({ source: '203.0.113.66', port: 7000 + index, flags: TCP_FLAG.syn }));
const FLOOD = times(3000, (index) =>
  segment({
    source: `198.51.100.${1 + (index % 250)}`,
    sourcePort: 20_000 + index,
    port: 443,
    flags: TCP_FLAG.syn,
  }),
);
const ONE_WAY = times(72, (index) =>
  segment({
    source: '10.20.0.5',
    destination: '10.30.0.7',
    sourcePort: 50_000 + (index % 6),
    port: 5432,
    flags: TCP_FLAG.ack,
  }),
);
const TOO_LARGE = times(12, () =>
  ethernet(
    MACS,
    ipv4({ source: '10.9.0.254', destination: HOST, protocol: PROTOCOL.icmp }, icmp(3, 4, new Uint8Array(32))),
  ),
);
const REPLICATION = [
  ...times(2000, () => datagram('10.1.0.5', '10.2.0.9', 6000)),
  ...times(1000, () => datagram('10.2.0.9', '10.1.0.5', 6000)),
];

/** Opens connections one after the other, whatever becomes of them. */
const CLIENT = `
  const [port, count] = process.argv.slice(1).map(Number);
  let done = 0;
  const next = () => {
    if (done++ === count) return;
    require('node:net').connect(port, '${HOST}').on('error', () => {}).on('close', next);
  };
  next();
`;

/** Without what differs from run to run: times, how many windows had ended, and what else the host sent. */
function steady(output: string): string {
  return output
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, 'TIME')
    .replace(/--since \d+/g, '--since TIME')
    .replace(/^Complete: .*? packets/gm, 'Complete: packets');
}

describe.skipIf(missing !== undefined)('the stories of docs/use-cases.md', { timeout: 180_000 }, () => {
  const page = readFileSync(PAGE, 'utf8');
  const stories = [...page.matchAll(STORY)].map(({ groups }) => ({
    line: groups!['line']!,
    output: groups!['output']!,
  }));
  const printed = new Map<string, string>();
  let hosts: TwoHosts;
  let agent: RunningCommand;
  let folder: string;
  let environment: Record<string, string>;

  beforeAll(async () => {
    hosts = new TwoHosts();
    folder = mkdtempSync(join(tmpdir(), 'flowlogd-test-'));
    mkdirSync(join(folder, 'bin'));
    writeFileSync(join(folder, 'bin/flowlogd'), `#!/bin/sh\nexec ${process.execPath} ${FLOWLOGD} "$@"\n`, {
      mode: 0o755,
    });
    environment = { PATH: `${join(folder, 'bin')}:${process.env['PATH']}`, HOME: folder };
    const state = join(folder, '.flowlogd');
    const example = readFileSync(EXAMPLE, 'utf8').replaceAll('eth0', 'obs0').replaceAll('/var/lib/flowlogd', state);
    writeFileSync(join(folder, 'flowlogd.yaml'), example, { mode: 0o600 });
    hosts.observed.run(
      'nft',
      'add table inet f; add chain inet f c { type filter hook input priority 0; }; ' +
        'add rule inet f c tcp dport 9090 log prefix "deny-9090" group 5 snaplen 128 reject with tcp reset',
    );
    agent = startCommand(['run', '--config', 'flowlogd.yaml'], {
      namespace: hosts.observed,
      folder,
      env: environment,
      killAtEnd: false,
    });
    await agent.until(({ stderr }) => stderr.includes('"capturing"'));
    await trouble();
    await untilFound('icmp-type:3', 1);
    await untilFound('dstport:443', 1);
    await untilFound('action:REJECT', 1);
  }, 180_000);

  afterAll(async () => {
    await agent.stop();
    hosts.remove();
    rmSync(folder, { recursive: true });
    if (process.env['UPDATE_DOCS'] === '1')
      writeFileSync(
        PAGE,
        page.replace(STORY, (block, line: string, output: string) =>
          block.replace(`text\n${output}`, `text\n${printed.get(line) ?? output}`),
        ),
      );
  });

  /** All of it within one window, so that what is counted by window is the same at each run. */
  async function trouble(): Promise<void> {
    const into = (Date.now() / 1000) % WINDOW_SECONDS;
    if (into > WINDOW_SECONDS / 2) await sleep((WINDOW_SECONDS - into) * 1000);
    hosts.send([...SCAN, ...FLOOD, ...ONE_WAY, ...TOO_LARGE, ...REPLICATION]);
    hosts.peer.run(process.execPath, '-e', CLIENT, '8080', '60');
    hosts.peer.run(process.execPath, '-e', CLIENT, '9090', '8');
  }

  function run(line: string): Promise<CommandEnd> {
    return startProgram(['sh', '-c', line], {
      namespace: hosts.observed,
      folder,
      env: environment,
      killAtEnd: false,
    }).ended;
  }

  /** The test's own timeout bounds it. */
  async function untilFound(condition: string, rows: number): Promise<void> {
    for (;;) {
      const { stdout } = await run(`flowlogd query '${condition}' -o ndjson`);
      if (stdout.split('\n').length > rows) return;
      await sleep(200);
    }
  }

  test.each(stories)('$line', async ({ line, output }) => {
    const { code, stdout, stderr } = await run(`${line} -o table`);
    expect(code, stderr).toBe(0);
    printed.set(line, stdout.replaceAll('npx flowlogd', 'flowlogd'));
    expect(steady(printed.get(line)!)).toBe(steady(output));
  });

  test('are seven', () => {
    expect(page.match(/^### /gm)).toHaveLength(7);
    expect(stories.length).toBeGreaterThanOrEqual(7);
  });
});
