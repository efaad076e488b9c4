/**
 * Records to real collectors of IPFIX, read back from the files that they write: all of them, with the same sums, and no gap in the sequence numbers
 * as the collectors count them. FLOWLOGD_SOAK_ROUNDS makes it longer: `scripts/soak.sh --sink ipfix 50`.
 */
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { AgentProcess } from '../support/agent-process.ts';
import { pcapFile } from '../support/capture-file.ts';
import { Authority } from '../support/certificates.ts';
import { runCommand, startProgram } from '../support/command.ts';
import { Ipfixcol2, Nfacctd, Nfcapd, programMissing } from '../support/ipfix-collectors.ts';
import { freePort } from '../support/log-service-process.ts';
import { ObservedHost } from '../support/observed-host.ts';
import { countsOf, storedTwice } from '../support/stored-flows.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { storedTicks, TickSender, ticksOf, total } from '../support/ticks.ts';
import { Burst, countLines } from '../support/traffic.ts';
import { twoHostsMissing } from '../support/two-hosts.ts';

const noNfdump = programMissing('nfcapd', 'Debian package nfdump');
const noPmacct = programMissing('nfacctd', 'Debian package pmacct');
const noIpfixcol2 = programMissing('ipfixcol2', 'Debian package ipfixcol2, from sid on');
const noSocat = programMissing('socat', 'Debian package socat');
const noHosts = noNfdump ?? twoHostsMissing();
for (const reason of new Set([noNfdump, noPmacct, noIpfixcol2, noSocat, noHosts])) {
  if (reason !== undefined) process.stderr.write(`ipfix: ${reason}\n`);
}

const ROUNDS = Number(process.env['FLOWLOGD_SOAK_ROUNDS'] ?? 2);
const WINDOW_SECONDS = 2;
const PACKETS_PER_TICK = 20;
const PORT = 4739;

interface Sums {
  readonly packets: number;
  readonly bytes: number;
}

function sumsOf(records: readonly { readonly packets?: unknown; readonly bytes?: unknown }[]): Sums {
  const sum = (name: 'packets' | 'bytes') => records.reduce((total, record) => total + Number(record[name] ?? 0), 0);
  return { packets: sum('packets'), bytes: sum('bytes') };
}

/** A capture of many flows in several windows, and its records as flowlogd prints them. */
async function captured(folder: string) {
  const path = join(folder, 'capture.pcap');
  const bursts = Array.from({ length: 20 }, (_, number) => new Burst(number));
  const packets = bursts.flatMap(({ frames }, second) =>
    frames.map((bytes) => ({ bytes, seconds: 1_700_000_000 + 7 * second })),
  );
  writeFileSync(path, pcapFile(packets));
  const { stdout, stderr } = await runCommand(['replay', path, '--format', 'ndjson', '--window', '30s']);
  const records = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  return { path, records, report: stderr };
}

async function replayTo(url: string, path: string) {
  const end = await runCommand(['replay', path, '--to', url, '--window', '30s']);
  expect(end.code, end.stderr).toBe(0);
  return end;
}

describe('a replay', () => {
  test.skipIf(noNfdump !== undefined)('is in the files of nfcapd, flow by flow, without a gap', async () => {
    const folder = temporaryFolder();
    const { path, records, report } = await captured(folder);
    const collector = new Nfcapd({ folder, port: await freePort() });
    await collector.start();
    expect((await replayTo(collector.url, path)).stderr).toBe(report);
    await collector.stop();
    expect(countLines(countsOf(collector.records))).toEqual(countLines(countsOf(records)));
    expect(storedTwice(collector.records.map((record) => ({ ...record, start: record['first']! })))).toEqual([]);
    expect(collector.sequenceErrors).toBe(0);
  });

  test.skipIf(noPmacct !== undefined)('adds up in nfacctd to the same, without a gap', async () => {
    const folder = temporaryFolder();
    const { path, records } = await captured(folder);
    const port = await freePort();
    const collector = new Nfacctd({ folder, port });
    await collector.start();
    await replayTo(`ipfix+udp://127.0.0.1:${port}`, path);
    expect(sumsOf(await collector.stop())).toEqual(sumsOf(records));
    expect(collector.log).not.toMatch(/expecting|WARN|ERROR/);
  });

  test.skipIf(noIpfixcol2 !== undefined)(
    'is in the files of ipfixcol2 over UDP, TCP and TLS, with the ledger',
    async () => {
      const folder = temporaryFolder();
      const { path, records } = await captured(folder);
      const port = await freePort();
      const collector = new Ipfixcol2({ folder, port });
      await collector.start();
      for (const scheme of ['ipfix', 'ipfix+tcp']) await replayTo(`${scheme}://127.0.0.1:${port}`, path);
      const { stdout, stderr } = await collector.stop();
      expect(`${stdout}${stderr}`).not.toMatch(/unexpected|sequence number.*expected|WARNING|ERROR/i);
      const flows = collector.records.filter((record) => record['iana:packetDeltaCount'] !== undefined);
      const { packets, bytes } = sumsOf(records);
      const sums = flows.map((flow) => ({
        packets: flow['iana:packetDeltaCount'],
        bytes: flow['iana:octetDeltaCount'],
      }));
      expect(sumsOf(sums)).toEqual({ packets: 2 * packets, bytes: 2 * bytes });
      const ledgers = collector.records.filter((record) => record['iana:exportedFlowRecordTotalCount'] !== undefined);
      expect(Math.max(...ledgers.map((ledger) => Number(ledger['iana:exportedFlowRecordTotalCount'])))).toBe(
        records.length,
      );
    },
  );

  test.skipIf(noSocat !== undefined)('goes over TLS to who shows a certificate of a known authority', async () => {
    const folder = temporaryFolder();
    const { path } = await captured(folder);
    const authority = new Authority('test');
    const { cert, key } = authority.sign('DNS:localhost');
    const [ca, leaf, received] = ['ca.pem', 'leaf.pem', 'received'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(ca, authority.cert);
    writeFileSync(leaf, `${cert}${key}`);
    authority.remove();
    const port = await freePort();
    const listening = `OPENSSL-LISTEN:${port},bind=127.0.0.1,fork,reuseaddr,verify=0,cert=${leaf}`;
    const server = startProgram(['socat', '-d', '-d', '-u', listening, `OPEN:${received},creat,append`], {});
    await server.until(({ stderr }) => stderr.includes('listening on'));
    const url = `ipfix+tls://localhost:${port}`;
    const config = join(folder, 'flowlogd.yaml');
    const checked = async (options: string) => {
      const text = `flowLogs: [{ interfaces: [lo] }]\nsinks: { collector: { type: ipfix, ${options} } }\n`;
      writeFileSync(config, text, { mode: 0o600 });
      return (await runCommand(['check', '--config', config, '--connect'])).stdout;
    };
    expect(await checked(`endpoint: 'tls://localhost:${port}', caFile: ${ca}`)).toMatch(
      /tls:\/\/localhost:\d+: takes the connection; IPFIX acknowledges nothing, so only sending/,
    );
    expect(await checked(`endpoint: 'tls://localhost:${port}'`)).toMatch(
      /unreachable: TLS handshake with .* failed: .*; set caFile of the sink/,
    );
    expect(await checked(`endpoint: 'tls://127.0.0.1:${port}', caFile: ${ca}`)).toMatch(
      /unreachable: TLS handshake with .* failed: .*; set endpoint of the sink to a name/,
    );
    const end = await runCommand(['replay', path, '--to', url, '--window', '30s'], {
      env: { NODE_EXTRA_CA_CERTS: ca },
    });
    expect(end.code, end.stderr).toBe(0);
    await server.stop();
  });
});

describe.skipIf(noNfdump !== undefined)('check --connect', () => {
  test('says of each collector what can be known', async () => {
    const folder = temporaryFolder();
    const collector = new Nfcapd({ folder, port: await freePort() });
    await collector.start();
    const [closed, closedTcp] = [await freePort(), await freePort()];
    const config = join(folder, 'flowlogd.yaml');
    writeFileSync(
      config,
      `
flowLogs: [{ interfaces: [lo] }]
sinks:
  open: { type: ipfix, endpoint: '${collector.url.replace('ipfix', 'udp')}' }
  closed: { type: ipfix, endpoint: 'udp://127.0.0.1:${closed}' }
  closedtcp: { type: ipfix, endpoint: 'tcp://127.0.0.1:${closedTcp}' }
  nameless: { type: ipfix, endpoint: 'tcp://collector.invalid' }
`,
      { mode: 0o600 },
    );
    const { code, stdout } = await runCommand(['check', '--config', config, '--connect']);
    expect(code).toBe(69);
    const line = (name: string) =>
      stdout
        .split('\n')
        .filter((each) => each.startsWith(`sink ${name}, `))
        .join();
    expect(line('open')).toMatch(
      /: nothing refused a message; IPFIX over UDP acknowledges nothing, so only sending can be tried$/,
    );
    expect(line('closed')).toMatch(
      /unreachable: nothing listens at UDP 127\.0\.0\.1:\d+ \(ICMP port unreachable\): start the coll/,
    );
    expect(line('closedtcp')).toMatch(/unreachable: TCP connection failed: .*ECONNREFUSED/);
    expect(line('nameless')).toMatch(/unreachable: name look-up of collector\.invalid failed/);
    await collector.stop();
  });
});

describe.skipIf(noHosts !== undefined)('an agent', { timeout: 120_000 + ROUNDS * 30_000 }, () => {
  test(`brings every record to nfcapd, over ${ROUNDS} kills and as many times without a collector`, async ({
    onTestFinished,
  }) => {
    const host = await ObservedHost.start(WINDOW_SECONDS);
    onTestFinished(() => host.hosts.remove());
    const folder = dirname(host.agent.stateFolder);
    const { observed: namespace } = host.hosts;
    const collector = new Nfcapd({ folder: temporaryFolder(), port: PORT, namespace });
    const sinks = { cls: host.service, collector: `type: ipfix, endpoint: 'udp://127.0.0.1:${PORT}'` };
    const agent = new AgentProcess({ namespace, folder, service: host.service, windowSeconds: WINDOW_SECONDS, sinks });
    await collector.start();
    await agent.start();
    const sender = new TickSender(host.hosts, PACKETS_PER_TICK);
    for (let round = 0; round < ROUNDS; round++) {
      await sleep(Math.random() * 1.5 * WINDOW_SECONDS * 1000);
      await agent.stop('SIGKILL');
      // With nobody who sends it reads what is there: what it would lose with its own end, nobody could know.
      await collector.stop();
      await agent.start();
      if (round === 0) await seesThatNothingListens(agent);
      await sleep(Math.random() * WINDOW_SECONDS * 1000);
      await collector.start();
      await runCommand(['spool', 'retry', '--state-directory', agent.stateFolder]);
    }
    const sent = await sender.stop();
    await host.windowBegin();
    await host.windowBegin();
    await agent.untilDelivered();
    const { sinks: states } = await agent.untilStatus();
    expect(states.find(({ name }) => name === 'collector')).toMatchObject({ deliveredBatches: 0 });
    expect((await agent.stop()).code).toBe(0);
    await collector.stop();
    const records = collector.records;
    const once = [...new Map(records.map((record) => [JSON.stringify(record), record])).values()];
    process.stderr.write(`ipfix: ${records.length} records received, ${once.length} of them once\n`);
    const stored = await storedTicks(host.service, sent.length);
    expect([...stored.values()].reduce((sum, packets) => sum + total(packets), 0)).toBeGreaterThan(0);
    expect(ticksOf(once)).toEqual(stored);
    await host.service.stop();
  });
});

/** Status, log and the flow log's own view have the sentence. */
async function seesThatNothingListens(agent: AgentProcess): Promise<void> {
  const sentence = new RegExp(
    `nothing listens at UDP 127\\.0\\.0\\.1:${PORT} .*: start the collector, or check endpoint`,
  );
  const { sinks } = await agent.untilStatus(({ sinks: all }) => all.some(({ state }) => state === 'backing-off'));
  expect(sinks.find(({ name }) => name === 'collector')?.lastError).toMatch(sentence);
  const words = ['--state-directory', agent.stateFolder];
  const { stdout: list } = await runCommand(['flow-logs', 'list', '--json', ...words]);
  const [{ id }] = JSON.parse(list).flowLogs ?? JSON.parse(list);
  expect((await runCommand(['flow-logs', 'describe', id, ...words])).stdout).toMatch(sentence);
}
