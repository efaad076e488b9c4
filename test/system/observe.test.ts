/** Conversations of every kind over a veth pair, as `flowlogd observe` shows them beside what the store has in the end. */
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type RunningCommand, runCommand, startCommand } from '../support/command.ts';
import type { StoredLog } from '../support/log-service-process.ts';
import { type Observation, observe } from '../support/observation.ts';
import { ethernet, icmp, icmpEcho, ipv4 } from '../support/packet-builder.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { sendFrames, TwoHosts, twoHostsMissing } from '../support/two-hosts.ts';

const missing = twoHostsMissing();
if (missing !== undefined) process.stderr.write(`observe: ${missing}\n`);

const SERVER = '10.9.0.2';
/** Nobody has it. */
const SILENT = '10.9.0.3';
const PORTS = { closed: 8001, reset: 8002, refused: 8003, unanswered: 8004, answered: 8005 };

/** Answers on one port, resets on another, and answers datagrams. */
const SERVE = `
  const net = require('node:net');
  const udp = require('node:dgram').createSocket('udp4');
  net.createServer((socket) => socket.on('error', () => {}).end('bye')).listen(${PORTS.closed}, '${SERVER}');
  net.createServer((socket) => socket.on('error', () => {}).once('data', () => socket.resetAndDestroy())).listen(${PORTS.reset}, '${SERVER}');
  udp.on('message', (data, { port, address }) => udp.send(data, port, address));
  udp.bind(${PORTS.answered}, '${SERVER}', () => console.log('{}'));
`;
/** Ends when every attempt has come to something; the silent one is left where it is. */
const ASK = `
  const net = require('node:net');
  const udp = require('node:dgram').createSocket('udp4');
  const over = (socket) => new Promise((resolve) => socket.on('error', () => {}).on('close', resolve).resume());
  const silent = net.connect(${PORTS.unanswered}, '${SILENT}').on('error', () => {});
  const asked = new Promise((resolve) => udp.once('message', resolve));
  udp.send('question', ${PORTS.answered}, '${SERVER}');
  const reset = net.connect(${PORTS.reset}, '${SERVER}');
  reset.write('hello');
  Promise.all([over(net.connect(${PORTS.closed}, '${SERVER}')), over(reset), over(net.connect(${PORTS.refused}, '${SERVER}')), asked])
    .then(() => process.exit());
`;

interface Line {
  readonly protocol: string;
  readonly initiator: string;
  readonly responder: string;
  readonly responder_port: number;
  readonly packets_sent: number;
  readonly bytes_sent: number;
  readonly packets_received: number;
  readonly bytes_received: number;
  readonly handshake_us: number | null;
  readonly state: string;
}

const linesOf = (stdout: string): Line[] =>
  stdout
    .split('\n')
    .filter((line) => line.endsWith('}'))
    .map((line) => JSON.parse(line) as Line);

const keyOf = ({ protocol, responder_port }: Line) => (protocol === 'icmp' ? 'icmp' : String(responder_port));
const statesOf = (stdout: string) => Object.fromEntries(linesOf(stdout).map((line) => [keyOf(line), line.state]));

const STATES = {
  ...Object.fromEntries(Object.entries(PORTS).map(([state, port]) => [String(port), state])),
  icmp: 'answered',
};

/** Packets and bytes in both directions, by the port that serves. */
function totals(lines: readonly Line[]): Record<string, [packets: number, bytes: number]> {
  const sums: Record<string, [number, number]> = {};
  for (const line of lines) {
    const [packets, bytes] = sums[keyOf(line)] ?? [0, 0];
    sums[keyOf(line)] = [
      packets + line.packets_sent + line.packets_received,
      bytes + line.bytes_sent + line.bytes_received,
    ];
  }
  return sums;
}

function storedTotals(logs: readonly StoredLog[]): Record<string, [packets: number, bytes: number]> {
  const sums: Record<string, [number, number]> = {};
  for (const log of logs) {
    if (log['srcaddr'] === undefined) continue;
    const ports = [Number(log['srcport']), Number(log['dstport'])];
    const served = Object.values(PORTS).find((port) => ports.includes(port));
    const key = Number(log['protocol']) === 1 ? 'icmp' : String(served);
    const [packets, bytes] = sums[key] ?? [0, 0];
    sums[key] = [packets + Number(log['packets']), bytes + Number(log['bytes'])];
  }
  return sums;
}

const isFollowing = ({ stderr }: RunningCommand) => stderr.includes('Following flowlogd');

describe.skipIf(missing !== undefined)('observe', { timeout: 180_000 }, () => {
  let hosts: TwoHosts;
  let observation: Observation;
  beforeEach(async () => {
    hosts = new TwoHosts();
    hosts.observed.ip('neighbour', 'replace', SILENT, 'lladdr', '02:00:00:00:00:0b', 'nud', 'permanent', 'dev', 'obs0');
    observation = await observe(hosts.observed, { windowSeconds: 600 });
  });
  afterEach(async () => {
    await observation.service.stop();
    hosts.remove();
  });

  const follow = (...words: string[]) =>
    startCommand(['observe', '-f', '--state-directory', observation.agent.stateFolder, ...words], {
      namespace: hosts.observed,
    });

  async function talk(): Promise<void> {
    const server = hosts.peer.start(process.execPath, '-e', SERVE);
    await new Promise((resolve) => server.stdout!.once('data', resolve));
    hosts.observed.run(process.execPath, '-e', ASK);
    echo();
    server.kill();
  }

  /** A request and its answer. */
  function echo(): void {
    const frame = (source: string, destination: string, message: Uint8Array) =>
      ethernet({}, ipv4({ source, destination, protocol: 1 }, message));
    sendFrames(hosts.observed, 'obs0', [frame('10.9.0.1', SERVER, icmpEcho(8))]);
    hosts.send([frame(SERVER, '10.9.0.1', icmp(0, 0))]);
  }

  test('shows every conversation while its window is open, to each follower, also after a restart, and what the store then has', async () => {
    const { agent, service } = observation;
    await agent.start();
    const all = follow('-o', 'ndjson');
    const some = follow('-o', 'csv', '--port', String(PORTS.refused), 'action:ACCEPT');
    const killed = follow();
    for (const one of [all, some, killed]) await one.until(isFollowing);
    await killed.stop('SIGKILL');

    await talk();
    await all.until(({ stdout }) => Object.keys(statesOf(stdout)).length >= Object.keys(STATES).length);
    await all.until(({ stdout }) => statesOf(stdout)[PORTS.closed] === 'closed');
    expect(statesOf(all.stdout)).toEqual(STATES);
    for (const { initiator, handshake_us: handshake, responder_port: port } of linesOf(all.stdout)) {
      expect(initiator).toBe('10.9.0.1');
      expect(handshake === null).toBe(port !== PORTS.closed && port !== PORTS.reset);
    }
    await some.until(({ stdout }) => stdout.includes('refused'));
    const [header, ...rows] = some.stdout.trim().split('\n');
    expect(header).toMatch(/^time,interface_id,protocol,initiator,/);
    expect(rows.every((row) => row.includes(`,${PORTS.refused},`))).toBe(true);

    await agent.stop();
    await all.until(({ stderr }) => stderr.includes('has ended or restarts'));
    await agent.start();
    await all.until(({ stderr }) => stderr.includes('is back'));
    echo();
    // This one and the one before, with their answers.
    await all.until(({ stdout }) => totals(linesOf(stdout))['icmp']![0] === 4);
    await agent.stop();
    await agent.untilDelivered();
    const logs = await service.query();
    expect(totals(linesOf(all.stdout))).toEqual(storedTotals(logs));
    for (const one of [all, some]) expect((await one.stop('SIGINT')).code).toBe(0);

    const store = ['--store', join(dirname(agent.stateFolder), 'store'), '-o', 'ndjson'];
    const back = await runCommand(
      ['observe', '--last', '1h', ...store, `dstport:${PORTS.closed} OR srcport:${PORTS.closed}`],
      {
        namespace: hosts.observed,
      },
    );
    expect(linesOf(back.stdout)).toMatchObject([
      { initiator: '10.9.0.1', responder: SERVER, responder_port: PORTS.closed },
    ]);
    expect(totals(linesOf(back.stdout))).toEqual({ [PORTS.closed]: storedTotals(logs)[PORTS.closed] });
  });

  test('says what to do where no agent runs', async () => {
    const folder = temporaryFolder();
    const { code, stderr } = await runCommand(['observe', '-f', '--state-directory', folder]);
    expect(code).toBe(69);
    expect(stderr).toMatch(/No running flowlogd found.*flowlogd run \(or npm start\).*flowlogd debug/s);
  });
});
