/**
 * Records to a real OpenTelemetry collector, read back from the file that it writes: all of them, with the same sums as those of flowlogd
 * and of a log service beside it, whoever is killed in between. FLOWLOGD_SOAK_ROUNDS makes it longer: `scripts/soak.sh --sink otlp 50`.
 */
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { AgentProcess, INTERFACE_ID } from '../support/agent-process.ts';
import { pcapFile } from '../support/capture-file.ts';
import { Authority } from '../support/certificates.ts';
import {
  asStored,
  type CollectorOptions,
  CollectorProcess,
  collectorMissing,
  once,
} from '../support/collector-process.ts';
import { runCommand } from '../support/command.ts';
import { freePort } from '../support/log-service-process.ts';
import { ObservedHost } from '../support/observed-host.ts';
import { countsOf, ledgerSum, storedTwice } from '../support/stored-flows.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { storedTicks, TickSender, ticksOf, total } from '../support/ticks.ts';
import { Burst, countLines } from '../support/traffic.ts';
import { twoHostsMissing } from '../support/two-hosts.ts';

const noCollector = collectorMissing();
const noHosts = noCollector ?? twoHostsMissing();
for (const reason of new Set([noCollector, noHosts])) {
  if (reason !== undefined) process.stderr.write(`otlp: ${reason}\n`);
}

const ROUNDS = Number(process.env['FLOWLOGD_SOAK_ROUNDS'] ?? 2);
const WINDOW_SECONDS = 2;
const PACKETS_PER_TICK = 20;
const PORTS = { gateway: 4318, store: 4319 };

async function collector(options: Omit<CollectorOptions, 'port' | 'name'>): Promise<CollectorProcess> {
  const made = new CollectorProcess({ name: 'collector', port: await freePort(), ...options });
  await made.start();
  return made;
}

function listening(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

function smallCapture(folder: string): string {
  const path = join(folder, 'small.pcap');
  writeFileSync(path, pcapFile(new Burst(0).frames.map((bytes) => ({ bytes, seconds: 1_700_000_000 }))));
  return path;
}

const otlpUrl = ({ url }: CollectorProcess): string => `otlp+${url}`;

describe.skipIf(noCollector !== undefined)('a collector', () => {
  test('has every record of a replay, once, and the ledger', async () => {
    const folder = temporaryFolder();
    const made = await collector({ folder });
    const capture = join(folder, 'capture.pcap');
    const bursts = Array.from({ length: 20 }, (_, number) => new Burst(number));
    const packets = bursts.flatMap(({ frames }, second) =>
      frames.map((bytes) => ({ bytes, seconds: 1_700_000_000 + 7 * second })),
    );
    writeFileSync(capture, pcapFile(packets));
    const own = await runCommand(['replay', capture, '--format', 'ndjson', '--window', '30s']);
    const sent = await runCommand(['replay', capture, '--to', otlpUrl(made), '--window', '30s']);
    expect(sent.stderr).toBe(own.stderr);
    expect(sent.code).toBe(0);
    const { records } = made;
    expect(once(records)).toHaveLength(records.length);
    const logs = asStored(records);
    const lines = own.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(countLines(countsOf(logs))).toEqual(countLines(countsOf(lines)));
    expect(storedTwice(logs)).toEqual([]);
    const packetsOf = (rows: readonly { packets?: unknown }[]) =>
      rows.reduce((sum, row) => sum + Number(row.packets ?? 0), 0);
    expect(ledgerSum(logs, 'ledger-metered-packets')).toBe(packetsOf(lines));
    expect(ledgerSum(logs, 'ledger-offered-packets')).toBe(packets.length);
    expect(new Set(records.map(({ event }) => event))).toContain('network.flow.ledger');
    expect((await made.stop()).stderr).toContain('"log records"');
  });

  test('that wants a token gets none without the right, and check says of each sink what is in the way', async () => {
    const folder = temporaryFolder();
    const tokenFile = join(folder, 'token');
    writeFileSync(tokenFile, 'the-right-token');
    const made = await collector({ folder, tokenFile });
    const port = new URL(made.url).port;
    const closed = await freePort();
    const config = join(folder, 'flowlogd.yaml');
    writeFileSync(
      config,
      `
flowLogs: [{ interfaces: [lo] }]
sinks:
  open: { type: otlp, endpoint: '${made.url}', headers: 'Authorization: Bearer the-right-token' }
  unauthorised: { type: otlp, endpoint: 'http://localhost:${port}', headers: 'Authorization: Bearer stolen' }
  elsewhere: { type: otlp, endpoint: '${made.url}/elsewhere', headers: 'Authorization: Bearer the-right-token' }
  plain: { type: otlp, endpoint: 'https://127.0.0.1:${port}/plain' }
  closed: { type: otlp, endpoint: 'http://127.0.0.1:${closed}' }
  nameless: { type: otlp, endpoint: 'http://collector.invalid:4318' }
`,
      { mode: 0o600 },
    );
    const { code, stdout } = await runCommand(['check', '--config', config, '--connect']);
    expect(code).toBe(69);
    const line = (name: string) => stdout.split('\n').filter((each) => each.startsWith(`sink ${name}, `));
    expect(line('open')).toEqual([`sink open, the OTLP receiver at ${made.url}/v1/logs: accepts records`]);
    expect(line('unauthorised').join()).toMatch(/rejects records; operator action required: 401.*wrong: check headers/);
    expect(line('elsewhere').join()).toMatch(
      /rejects records; operator action required: 404.*at this path: check endpoint/,
    );
    expect(line('plain').join()).toMatch(/unreachable: TLS handshake with 127\.0\.0\.1:\d+ failed/);
    expect(line('closed').join()).toMatch(/unreachable: TCP connection failed: .*ECONNREFUSED/);
    expect(line('nameless').join()).toMatch(/unreachable: name look-up of collector\.invalid failed/);
    expect(made.records).toEqual([]);
    await made.stop();
  });

  test('whose next hop denies the right to write logs says so, and the records are nowhere', async ({
    onTestFinished,
  }) => {
    const folder = temporaryFolder();
    const next = createServer((request, response) => {
      request.resume().on('end', () => response.writeHead(403).end());
    });
    const port = await listening(next);
    onTestFinished(() => void next.close());
    const made = await collector({ folder, next: port });
    const { code, stderr } = await runCommand(['replay', smallCapture(folder), '--to', otlpUrl(made)]);
    expect(code).toBe(69);
    expect(stderr).toMatch(
      /403: .*the credentials lack the right to write logs: grant it, or check headers of the sink/,
    );
    await made.stop();
  });
});

test('a replay trusts an authority of its own that NODE_EXTRA_CA_CERTS names, and no other', async ({
  onTestFinished,
}) => {
  const folder = temporaryFolder();
  const authority = new Authority('own');
  onTestFinished(() => authority.remove());
  const receiver = createTlsServer(authority.sign('IP:127.0.0.1'), (request, response) => {
    request.resume().on('end', () => response.writeHead(200).end());
  });
  const port = await listening(receiver);
  onTestFinished(() => void receiver.close());
  const caFile = join(folder, 'ca.pem');
  writeFileSync(caFile, authority.cert);
  const words = ['replay', smallCapture(folder), '--to', `otlp+https://127.0.0.1:${port}`];
  const trusting = await runCommand(words, { env: { NODE_EXTRA_CA_CERTS: caFile } });
  expect(trusting.code, trusting.stderr).toBe(0);
  const config = join(folder, 'flowlogd.yaml');
  writeFileSync(
    config,
    `{ flowLogs: [{ interfaces: [lo] }], sinks: { own: { type: otlp, endpoint: 'https://127.0.0.1:${port}' } } }`,
  );
  const untrusting = await runCommand(['check', '--config', config, '--connect']);
  expect(untrusting).toMatchObject({ code: 69, stdout: expect.stringMatching(/unreachable: TLS handshake .* failed/) });
});

describe.skipIf(noHosts !== undefined)('an agent', { timeout: 120_000 + ROUNDS * 30_000 }, () => {
  /** An agent whose records go to a log service, too, which has the account that the collector's file is held against. */
  async function withSinks(host: ObservedHost, options: string): Promise<AgentProcess> {
    const folder = dirname(host.agent.stateFolder);
    const { observed: namespace } = host.hosts;
    const sinks = { cls: host.service, collector: `type: otlp, ${options}` };
    return new AgentProcess({ namespace, folder, service: host.service, windowSeconds: WINDOW_SECONDS, sinks });
  }

  test(`brings every record to the store behind a collector, over ${ROUNDS} kills of each`, async ({
    onTestFinished,
  }) => {
    const host = await ObservedHost.start(WINDOW_SECONDS);
    onTestFinished(() => host.hosts.remove());
    const folder = temporaryFolder();
    const { observed: namespace } = host.hosts;
    const store = new CollectorProcess({ name: 'store', folder, namespace, port: PORTS.store });
    const gateway = new CollectorProcess({
      name: 'gateway',
      folder,
      namespace,
      port: PORTS.gateway,
      next: PORTS.store,
    });
    await Promise.all([store.start(), gateway.start()]);
    const agent = await withSinks(host, `endpoint: '${gateway.url}'`);
    await agent.start();
    const sender = new TickSender(host.hosts, PACKETS_PER_TICK);
    for (let round = 0; round < ROUNDS; round++) {
      const away = round % 2 === 0 ? store : gateway;
      await sleep(Math.random() * WINDOW_SECONDS * 1000);
      await away.stop('SIGKILL');
      await sleep(Math.random() * 1.5 * WINDOW_SECONDS * 1000);
      await agent.stop('SIGKILL');
      await away.start();
      await agent.start();
    }
    await host.windowBegin();
    const sent = await sender.stop();
    await host.windowBegin();
    await host.windowBegin();
    await runCommand(['spool', 'retry', '--state-directory', agent.stateFolder]);
    await agent.untilDelivered();
    expect((await agent.stop()).code).toBe(0);
    await agent.start();
    await agent.untilDelivered();
    expect((await agent.stop()).code).toBe(0);
    const records = once(store.records);
    process.stderr.write(`otlp: ${store.records.length} records received, ${records.length} of them once\n`);
    const stored = await storedTicks(host.service, sent.length);
    expect([...stored.values()].reduce((sum, packets) => sum + total(packets), 0)).toBeGreaterThan(0);
    expect(ticksOf(asStored(records))).toEqual(stored);
    const ledgers = await host.service.query('ledger-status:*');
    for (const sum of ['ledger-offered-packets', 'ledger-metered-packets']) {
      expect(ledgerSum(asStored(records), sum)).toBe(ledgerSum(ledgers, sum));
    }
    await Promise.all([store.stop(), gateway.stop(), host.service.stop()]);
  });

  test('gives a collector that is added later what begins then, of the flow logs that name it, and waits for it with no other', async ({
    onTestFinished,
  }) => {
    const ofLoopback = `{ name: own, interfaces: [lo], interfaceId: eni-own, windowSeconds: ${WINDOW_SECONDS}, sinks: [cls] }`;
    const host = await ObservedHost.start(WINDOW_SECONDS, '', ofLoopback);
    onTestFinished(() => host.hosts.remove());
    await host.agent.start();
    await host.windowBegin();
    host.sendBurst();
    await host.untilArrived();
    expect((await host.agent.stop()).code).toBe(0);
    await host.agent.untilDelivered();
    const folder = dirname(host.agent.stateFolder);
    const { observed: namespace } = host.hosts;
    const made = new CollectorProcess({ name: 'collector', folder, namespace, port: PORTS.gateway });
    const sinks = { cls: host.service, collector: `type: otlp, endpoint: '${made.url}'` };
    const of = { namespace, folder, service: host.service, windowSeconds: WINDOW_SECONDS, sinks };
    const agent = new AgentProcess({ ...of, furtherFlowLogs: ofLoopback });
    await agent.start();
    await host.windowBegin();
    host.sendBurst();
    await host.service.until((logs) => logs.filter(({ srcport }) => srcport === 10_001).length > 0, 'srcaddr:*');
    await expect.poll(() => agent.spooledFor('cls')).toEqual([]);
    expect(agent.spooledFor('collector').length).toBeGreaterThan(0);
    await made.start();
    await runCommand(['spool', 'retry', '--state-directory', agent.stateFolder]);
    await agent.untilDelivered();
    expect((await agent.stop()).code).toBe(0);
    const logs = asStored(once(made.records));
    expect(new Set(logs.map((log) => log['interface-id']))).toEqual(new Set([INTERFACE_ID]));
    expect(countLines(countsOf(logs))).toEqual(countLines(host.sent[1]!.burst.counts));
    await Promise.all([made.stop(), host.service.stop()]);
  });

  test('says which right is missing when it is taken away, loses nothing, and delivers when it is back', async ({
    onTestFinished,
  }) => {
    const host = await ObservedHost.start(WINDOW_SECONDS);
    onTestFinished(() => host.hosts.remove());
    const folder = temporaryFolder();
    const tokenFile = join(folder, 'token');
    const headersFile = join(folder, 'headers');
    writeFileSync(tokenFile, 'first-token');
    writeFileSync(headersFile, 'Authorization: Bearer first-token\n', { mode: 0o600 });
    const { observed: namespace } = host.hosts;
    const made = new CollectorProcess({ name: 'collector', folder, namespace, port: PORTS.gateway, tokenFile });
    await made.start();
    const agent = await withSinks(host, `endpoint: '${made.url}', headersFile: ${headersFile}`);
    const running = await agent.start();
    await host.windowBegin();
    host.sendBurst();
    await expect.poll(() => made.records.length).toBeGreaterThan(0);
    writeFileSync(tokenFile, 'second-token');
    host.sendBurst();
    const { problems } = await agent.untilStatus(({ sinks }) => sinks.some(({ state }) => state === 'blocked'));
    const sentence = /401.*the credentials are missing or wrong: check headers of the sink/;
    expect(problems.find(({ code }) => code === 'exporter-blocked')).toMatchObject({
      sink: 'collector',
      message: expect.stringMatching(sentence),
    });
    expect(running.stderr).toMatch(sentence);
    const words = ['--state-directory', agent.stateFolder];
    const { stdout: list } = await runCommand(['flow-logs', 'list', '--json', ...words]);
    const [{ id }] = JSON.parse(list).flowLogs ?? JSON.parse(list);
    expect((await runCommand(['flow-logs', 'describe', id, ...words])).stdout).toMatch(sentence);
    expect(agent.spooledFor('collector').length).toBeGreaterThan(0);
    writeFileSync(headersFile, 'Authorization: Bearer second-token\n', { mode: 0o600 });
    await host.untilArrived();
    await agent.untilDelivered();
    expect((await agent.stop()).code).toBe(0);
    expect(countLines(countsOf(asStored(once(made.records))))).toEqual(countLines(host.counts));
    await Promise.all([made.stop(), host.service.stop()]);
  });
});
