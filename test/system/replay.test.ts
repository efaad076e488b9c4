import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  type CapturedPacket,
  type PcapngInterface,
  pcapFile,
  pcapHeader,
  pcapngFile,
} from '../support/capture-file.ts';
import { FLOWLOGD, type RunningCommand, runCommand, startCommand, startProgram } from '../support/command.ts';
import { decodeDelimitedBatches, plainRecords } from '../support/flow-batch-schema.ts';
import { runInProcess } from '../support/in-process.ts';
import { ledgerPackets } from '../support/ledger-lines.ts';
import { freePort, LogServiceProcess, type StoredLog } from '../support/log-service-process.ts';
import { canonicalAddress, type PlainRecord, parseRecords, recordLines } from '../support/ndjson-records.ts';
import { commandMissing } from '../support/network-namespace.ts';
import {
  ethernet,
  icmpEcho,
  ipv4,
  ipv6,
  LINK_TYPE,
  linuxSll2,
  PROTOCOL,
  TCP_FLAG,
  tcp,
  udp,
} from '../support/packet-builder.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const scriptMissing = commandMissing('script');
if (scriptMissing !== undefined) process.stderr.write(`replay: ${scriptMissing}\n`);

const WINDOW_START = 1_700_000_040;
const V4 = { source: '10.1.0.1', destination: '10.1.0.2' };
const V6 = { source: 'fd00::1', destination: 'fd00::2' };
const HTTPS = { sourcePort: 40_000, destinationPort: 443 };

const httpsFrame = ethernet({}, ipv4({ ...V4, protocol: PROTOCOL.tcp }, tcp(HTTPS, new Uint8Array(100))));
const dnsFrame = ethernet(
  {},
  ipv6({ ...V6, nextHeader: PROTOCOL.udp }, udp({ sourcePort: 5353, destinationPort: 53 }, new Uint8Array(20))),
);
const pingFrame = ethernet({}, ipv4({ ...V4, protocol: PROTOCOL.icmp }, icmpEcho(8)));
const dhcpFrame = ethernet({}, ipv4({ ...V4, protocol: PROTOCOL.udp }, udp({ sourcePort: 68, destinationPort: 67 })));
const activationFrame = ethernet(
  {},
  ipv4({ ...V4, protocol: PROTOCOL.tcp }, tcp({ sourcePort: 50_000, destinationPort: 1688 })),
);
const at = (second: number, bytes: Uint8Array): CapturedPacket => ({ bytes, seconds: WINDOW_START + second });

function write(folder: string, name: string, packets: readonly CapturedPacket[]): string {
  const path = join(folder, name);
  writeFileSync(path, pcapFile(packets));
  return path;
}

/** Two flows over two windows, and both kinds of packets that are excluded. */
function mixedCapture(): string {
  return write(temporaryFolder(), 'mixed.pcap', [
    at(0, httpsFrame),
    at(1, dnsFrame),
    at(2, dhcpFrame),
    at(3, activationFrame),
    at(59, httpsFrame),
    at(60, pingFrame),
    at(61, httpsFrame),
  ]);
}

/** As many flows as packets, in one window. */
function manyFlows(count: number): CapturedPacket[] {
  return Array.from({ length: count }, (_, index) => {
    const source = `10.${index >>> 16}.${(index >>> 8) & 255}.${index & 255}`;
    return at(0, ethernet({}, ipv4({ ...V4, source, protocol: PROTOCOL.tcp }, tcp(HTTPS))));
  });
}

/** A connection that begins in the file: SYN, SYN-ACK 30 ms later, ACK. */
function connectionCapture(): string {
  const answer = { sourcePort: HTTPS.destinationPort, destinationPort: HTTPS.sourcePort };
  const back = { source: V4.destination, destination: V4.source };
  const segment = (addresses: typeof V4, ports: typeof HTTPS, flags: number) =>
    ethernet({}, ipv4({ ...addresses, protocol: PROTOCOL.tcp }, tcp({ ...ports, flags })));
  return write(temporaryFolder(), 'connection.pcap', [
    at(1, segment(V4, HTTPS, TCP_FLAG.syn)),
    { ...at(1, segment(back, answer, TCP_FLAG.syn | TCP_FLAG.ack)), nanoseconds: 30_000_000 },
    at(2, segment(V4, HTTPS, TCP_FLAG.ack)),
  ]);
}

const ENI_HEADER =
  'version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status';
const SENTENCE = /^flowlogd: [^\n]*\.$/m;
const NO_STACK = /^ {4}at |this is a bug/m;

describe('a list of fields', () => {
  test('is printed in its order, with what the packets tell about the connection', async () => {
    const fields = `srcaddr \${dstport} tcp-flags,initiator initiator-evidence handshake-rtt start-ns vpc-id`;
    const words = ['replay', '--fields', fields, connectionCapture()];
    const text = await runCommand([...words, '--format', 'text']);
    expect(text.code).toBe(0);
    expect(text.stdout).toMatch(
      /^srcaddr dstport tcp-flags initiator initiator-evidence handshake-rtt start-ns vpc-id\n/,
    );
    expect(text.stdout.trim().split('\n').slice(1).toSorted()).toEqual([
      '10.1.0.1 443 18 source syn 30000 1700000041000000000 -',
      '10.1.0.2 40000 18 destination syn 30000 1700000041030000000 -',
    ]);
    const [line = ''] = (await runCommand(words)).stdout.split('\n').toSorted().slice(1);
    expect(line).toContain('"initiator-evidence":"syn","handshake-rtt":30000,"start-ns":"1700000041');
    expect(line).not.toContain('vpc-id');
  });

  test('goes with its batches to a log service, under the same names', async () => {
    const service = new LogServiceProcess({ folder: temporaryFolder(), port: await freePort() });
    await service.start();
    const { secretId, secretKey } = service.keys;
    const env = { FLOWLOGD_CLS_SECRET_ID: secretId, FLOWLOGD_CLS_SECRET_KEY: secretKey };
    const to = `${service.url}?topic_id=flowlog`;
    const words = ['replay', '--to', to, '--fields', 'srcaddr dstport initiator flow-direction', connectionCapture()];
    expect((await runCommand(words, { env })).code).toBe(0);
    const stored = await service.query('initiator:source');
    expect(stored).toMatchObject([{ srcaddr: '10.1.0.1', dstport: 443, initiator: 'source' }]);
    expect(stored[0]?.['packets'] ?? null).toBeNull();
    await service.stop();
  });

  test.each([
    ['a name that is none', ['--fields', 'srcadr'], /unknown field 'srcadr'; did you mean srcaddr\?/],
    ['a name said twice', ['--fields', 'eni srcaddr'], /duplicate field 'srcaddr'/],
    ['nothing', ['--fields', ' '], /expected at least one field/],
    ['a table', ['--fields', 'eni', '--format', 'table'], /cannot be combined with the table format/],
  ])('refuses %s in a sentence', async (_what, words, message) => {
    const { code, stdout, stderr } = await runCommand(['replay', ...words, mixedCapture()]);
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
    expect(stderr).toMatch(message);
  });
});

test('writes a report instead of the records, and beside them when asked for both', async () => {
  const folder = temporaryFolder();
  const page = join(folder, 'report.html');
  const capture = mixedCapture();
  const alone = await runCommand(['replay', capture, '--html', page]);
  expect({ code: alone.code, stdout: alone.stdout }).toEqual({ code: 0, stdout: '' });
  const report = readFileSync(page, 'utf8');
  expect(report).toContain('<title>Flows of mixed.pcap</title>');
  expect(report).toContain('10.1.0.1:40000 → 10.1.0.2:443 TCP');
  expect(report).toContain('<th scope="row">excluded by dhcp</th><td>1</td>');
  const both = await runCommand(['replay', capture, '--html', page, '--format', 'ndjson']);
  expect(recordLines(parseRecords(both.stdout))).toEqual(
    recordLines(parseRecords((await runCommand(['replay', capture])).stdout)),
  );
  expect(readFileSync(page, 'utf8')).toBe(report);
});

test('reports captures that lie years apart with their own times, and an average of the time that they lasted', async () => {
  const folder = temporaryFolder();
  const years = 5 * 365 * 86_400;
  const later = write(folder, 'later.pcap', [at(years + 5, httpsFrame), at(years + 9, httpsFrame)]);
  const earlier = write(folder, 'earlier.pcap', [at(0, httpsFrame), at(8, httpsFrame)]);
  const page = join(folder, 'report.html');
  expect((await runCommand(['replay', later, earlier, '--html', page])).code).toBe(0);
  const report = readFileSync(page, 'utf8');
  expect(report).toContain('first to last packet: 2023-11-14 22:14:00 to 2028-11-12 22:14:09 UTC');
  expect(report).toContain('<b>373 bit/s</b><span>on average over 12 s, pauses excluded</span>');
  expect(report).toContain('each bar 1 min, empty times longer than 12 min omitted');
  expect(report).toContain('aria-label="2028-11-12 22:14:00: 280 B, 2 packets"');
});

test('writes no file where nothing could be read, and leaves one that is there', async () => {
  const folder = temporaryFolder();
  const file = (name: string, content?: string) => {
    if (content !== undefined) writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const captures = [file('missing.pcap'), file('empty.pcap', ''), file('foreign.pcap', 'no capture'), folder];
  const outputs = [['--html'], ['--output'], ['--format', 'batch', '--output'], ['--format', 'table', '--output']];
  for (const capture of captures) {
    for (const words of outputs) {
      const old = file('old', 'from the run before');
      expect((await runInProcess(['replay', capture, ...words, old])).code).not.toBe(0);
      expect((await runInProcess(['replay', capture, ...words, file('new')])).code).not.toBe(0);
      expect(readFileSync(old, 'utf8')).toBe('from the run before');
    }
  }
  expect((await runInProcess(['replay', folder, '--html', file('new'), '--format', 'parquet'])).code).toBe(64);
  expect(readdirSync(folder).sort()).toEqual(['empty.pcap', 'foreign.pcap', 'old']);
}, 60_000);

/** Whether this Node.js wants more address space around a memory than the memory itself; since version 26 it does without. */
function needsGuardRegion([program, ...words]: readonly string[]): boolean {
  const script = 'try { new WebAssembly.Memory({ initial: 1, maximum: 1 }) } catch { console.log("refused") }';
  return execFileSync(program!, [...words, process.execPath, '-e', script], { encoding: 'utf8' }) === 'refused\n';
}

test('meters without WebAssembly where there is no address space for it, and says so', async () => {
  const path = write(temporaryFolder(), 'one.pcap', [at(0, httpsFrame), at(1, dnsFrame), at(2, dhcpFrame)]);
  const plain = await runCommand(['replay', '--no-wasm', path]);
  expect(plain.stderr).not.toContain('WebAssembly');
  const through = ['prlimit', `--as=${8 * 1024 ** 3}`];
  const limited = await runCommand(['replay', path], { through });
  const sentence =
    'flowlogd: WebAssembly unavailable (no address space for its memory: ulimit -v): metering takes longer, records are the same.';
  expect(limited.stderr.includes(sentence)).toBe(needsGuardRegion(through));
  expect(limited).toMatchObject({ code: 0, stdout: plain.stdout });
});

test('empties the file that it writes where a capture has no packet', async () => {
  const folder = temporaryFolder();
  const [capture, output] = ['none.pcap', 'records'].map((name) => join(folder, name));
  writeFileSync(capture!, pcapFile([]));
  writeFileSync(output!, 'from the run before');
  expect((await runInProcess(['replay', capture!, '--output', output!])).code).toBe(0);
  expect(readFileSync(output!, 'utf8')).toBe('');
});

test('adds several files up into one record for each window and flow', async () => {
  const folder = temporaryFolder();
  const first = write(folder, 'first.pcap', [at(5, httpsFrame), at(6, httpsFrame), at(60, pingFrame)]);
  const second = write(folder, 'second.pcap', [at(4, httpsFrame), at(7, dnsFrame)]);
  const { code, stdout, stderr } = await runCommand(['replay', first, second]);
  expect(recordLines(parseRecords(stdout))).toEqual(
    [
      `${WINDOW_START} 10.1.0.1 10.1.0.2 40000 443 6: 3 packets, 420 bytes, ${WINDOW_START + 4} to ${WINDOW_START + 6}, flags 16`,
      `${WINDOW_START} fd00::1 fd00::2 5353 53 17: 1 packets, 68 bytes, ${WINDOW_START + 7} to ${WINDOW_START + 7}, flags 0`,
      `${WINDOW_START + 60} 10.1.0.1 10.1.0.2 0 0 1: 1 packets, 28 bytes, ${WINDOW_START + 60} to ${WINDOW_START + 60}, flags 0`,
    ].sort(),
  );
  expect(ledgerPackets(stderr)).toMatchObject({ offered: 5, metered: 5 });
  expect(code).toBe(0);
});

test('writes to the file that -o names what it would print', async () => {
  const capture = mixedCapture();
  const path = join(temporaryFolder(), 'records.ndjson');
  const printed = await runCommand(['replay', capture]);
  const written = await runCommand(['replay', '-o', path, capture]);
  expect(printed.stdout).not.toBe('');
  expect(recordLines(parseRecords(readFileSync(path, 'utf8')))).toEqual(recordLines(parseRecords(printed.stdout)));
  expect(written).toMatchObject({ code: 0, stdout: '' });
});

test('says the same records in every format', async () => {
  const capture = mixedCapture();
  const path = join(temporaryFolder(), 'records.batch');
  const records = parseRecords((await runCommand(['replay', capture])).stdout);
  expect(records).toHaveLength(4);

  const text = await runCommand(['replay', '--format', 'text', capture]);
  const [header, ...rows] = text.stdout.trim().split('\n');
  expect(header).toBe(ENI_HEADER);
  const bare = await runCommand(['replay', '--format', 'text', '--no-header', capture]);
  expect(bare.stdout.trim().split('\n').sort()).toEqual(rows.toSorted());
  expect(rows.sort()).toEqual(
    records
      .map(({ window_start, srcaddr, dstaddr, srcport, dstport, protocol, packets, bytes }) => {
        const flow = `${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} ${bytes}`;
        return `2 - - ${flow} ${window_start} ${window_start + 60} ACCEPT OK`;
      })
      .sort(),
  );

  const table = await runCommand(['replay', '--format', 'table', capture]);
  expect(table.stdout.match(/^Window /gm)).toHaveLength(2);
  expect(table.stdout).toMatch(/TCP\s+10\.1\.0\.1:40000\s+10\.1\.0\.2:443\s+2\s+280 B/);

  const batch = await runCommand(['replay', '--format', 'batch', '-o', path, capture]);
  const batches = decodeDelimitedBatches(readFileSync(path));
  expect(recordLines(plainRecords(batches))).toEqual(recordLines(records));
  expect(batches.map(({ windowStartSeconds, ledger }) => [windowStartSeconds, ledger?.metered?.packets])).toEqual([
    [WINDOW_START, 3],
    [WINDOW_START + 60, 2],
  ]);
  for (const { code } of [text, table, batch]) expect(code).toBe(0);
});

test('excludes DHCP and licence activation and counts them, unless told not to', async () => {
  const capture = mixedCapture();
  const usual = await runCommand(['replay', capture]);
  const all = await runCommand(['replay', '--no-exclude', capture]);
  const ports = (stdout: string) => new Set(parseRecords(stdout).map(({ dstport }) => dstport));
  expect([...ports(usual.stdout)].sort()).toEqual([0, 443, 53]);
  expect(ledgerPackets(usual.stderr)).toMatchObject({
    offered: 7,
    metered: 5,
    excluded: 2,
    dhcp: 1,
    'windows-activation': 1,
  });
  expect([...ports(all.stdout)].sort()).toEqual([0, 1688, 443, 53, 67]);
  expect(ledgerPackets(all.stderr)).toMatchObject({ offered: 7, metered: 7, excluded: 0 });
});

test('records what touches the port of licence activation and is no client’s', async () => {
  const tcpFrame = (source: string, destination: string, sourcePort: number, destinationPort: number) =>
    ethernet({}, ipv4({ source, destination, protocol: PROTOCOL.tcp }, tcp({ sourcePort, destinationPort })));
  const [host, server, stranger] = ['10.1.0.1', '10.1.0.9', '203.0.113.9'];
  const capture = write(temporaryFolder(), 'kms.pcap', [
    at(0, tcpFrame(host, server, 50_000, 1688)),
    at(1, tcpFrame(server, host, 1688, 50_000)),
    at(2, tcpFrame(host, stranger, 1688, 443)),
    at(3, tcpFrame(stranger, host, 22, 1688)),
    at(4, tcpFrame(host, stranger, 50_000, 1688)),
    at(5, tcpFrame(host, server, 443, 1688)),
  ]);
  const { stdout, stderr } = await runCommand(['replay', capture]);
  const seconds = parseRecords(stdout).map(({ start }) => start - WINDOW_START);
  expect(seconds.sort()).toEqual([2, 3, 5]);
  expect(stderr).toMatch(
    /windows-activation +3 packets +120 B {2}10\.1\.0\.\d+ > [\d.]+ tcp\/1688 \(40 B\), .*, and 1 more$/m,
  );
});

test('reads only what the filter lets through, in windows of the length asked for', async () => {
  const { code, stdout } = await runCommand([
    'replay',
    '--filter',
    'tcp port 443',
    '--window',
    '10s',
    '-q',
    mixedCapture(),
  ]);
  expect(parseRecords(stdout).map(({ window_start, dstport }) => [window_start - WINDOW_START, dstport])).toEqual([
    [0, 443],
    [50, 443],
    [60, 443],
  ]);
  expect(code).toBe(0);
});

describe('a pcapng of several interfaces', () => {
  const ping = ipv4({ ...V4, protocol: PROTOCOL.icmp }, icmpEcho(8));
  const dns = ipv6(
    { ...V6, nextHeader: PROTOCOL.udp },
    udp({ sourcePort: 5353, destinationPort: 53 }, new Uint8Array(20)),
  );
  const interfaces: PcapngInterface[] = [
    { linkType: LINK_TYPE.ethernet, snapshot: 65_535 },
    { linkType: LINK_TYPE.raw, resolution: 9, snapshot: 100 },
    { linkType: LINK_TYPE.linuxSll2, resolution: 128 + 20, offsetSeconds: 1_600_000_000n },
    { linkType: 127 },
  ];
  const packets: CapturedPacket[] = [
    { ...at(0, httpsFrame), interfaceIndex: 0 },
    { ...at(1, ping), interfaceIndex: 1 },
    { ...at(59, linuxSll2(0x86dd, dns)), nanoseconds: 999_999_000, interfaceIndex: 2 },
    { ...at(5, httpsFrame), interfaceIndex: 0, block: 'obsolete' },
    { ...at(60, ping), interfaceIndex: 1 },
    { bytes: httpsFrame, block: 'simple' },
  ];
  const records = [
    `0 10.1.0.1 10.1.0.2 40000 443 6: 1 packets, 140 bytes, 0 to 0, flags 16`,
    `${WINDOW_START} 10.1.0.1 10.1.0.2 0 0 1: 1 packets, 28 bytes, ${WINDOW_START + 1} to ${WINDOW_START + 1}, flags 0`,
    `${WINDOW_START} 10.1.0.1 10.1.0.2 40000 443 6: 2 packets, 280 bytes, ${WINDOW_START} to ${WINDOW_START + 5}, flags 16`,
    `${WINDOW_START} fd00::1 fd00::2 5353 53 17: 1 packets, 68 bytes, ${WINDOW_START + 59} to ${WINDOW_START + 59}, flags 0`,
    `${WINDOW_START + 60} 10.1.0.1 10.1.0.2 0 0 1: 1 packets, 28 bytes, ${WINDOW_START + 60} to ${WINDOW_START + 60}, flags 0`,
  ].sort();
  const file = (more: readonly CapturedPacket[] = []) => {
    const path = join(temporaryFolder(), 'several.pcapng');
    writeFileSync(path, pcapngFile([...packets, ...more], { interfaces }));
    return path;
  };

  test.each(['libpcap', 'savefile'])('gives exact records through the %s engine', async (engine) => {
    const path = file();
    const named = await runCommand(['replay', '--engine', engine, path]);
    const piped = await runCommand(['replay', '--engine', engine, '-'], { input: readFileSync(path) });
    for (const { code, stdout, stderr } of [named, piped]) {
      expect(recordLines(parseRecords(stdout))).toEqual(records);
      expect(ledgerPackets(stderr)).toMatchObject({ offered: 6, metered: 6 });
      expect(code).toBe(0);
    }
  });

  test('gives the records before a packet of a link type it does not know, then refuses it by name', async () => {
    const wireless = { ...at(2, new Uint8Array(60)), interfaceIndex: 3 };
    const { code, stdout, stderr } = await runCommand(['replay', file([wireless, packets[0]!])]);
    expect(recordLines(parseRecords(stdout))).toEqual(records);
    expect(stderr).toMatch(
      /^flowlogd: .*failed after the packets before, .*: unsupported link type IEEE802_11_RADIO.*\.$/m,
    );
    expect(code).toBe(65);
  });

  test('gives the records that a filter accepts, compiled for each of them', async () => {
    const { code, stdout, stderr } = await runCommand(['replay', '--filter', 'icmp', file()]);
    expect(recordLines(parseRecords(stdout))).toEqual(records.filter((line) => line.includes(' 0 0 1: ')));
    expect(ledgerPackets(stderr)).toMatchObject({ offered: 2, metered: 2 });
    expect(code).toBe(0);
  });

  test('is refused by libpcap with a filter, in a sentence', async () => {
    const { code, stderr } = await runCommand(['replay', '--engine', 'libpcap', '--filter', 'ip', file()]);
    expect(stderr).toMatch(/^flowlogd: .*read it without --filter\.$/m);
    expect(code).toBe(65);
  });
});

describe('a compressed capture file', () => {
  test('gives the records of what is in it, as a file and from standard input, with a filter too', async () => {
    const path = join(temporaryFolder(), 'archived');
    const mixed = mixedCapture();
    const bytes = gzipSync(readFileSync(mixed));
    writeFileSync(path, bytes);
    const plain = await runCommand(['replay', mixed]);
    for (const { code, stdout, stderr } of [
      await runCommand(['replay', path]),
      await runCommand(['replay', '-'], { input: bytes }),
    ]) {
      expect(recordLines(parseRecords(stdout))).toEqual(recordLines(parseRecords(plain.stdout)));
      expect(ledgerPackets(stderr)).toEqual(ledgerPackets(plain.stderr));
      expect(code).toBe(0);
    }
    const filtered = await runCommand(['replay', '--filter', 'tcp port 443', path]);
    expect(parseRecords(filtered.stdout).map(({ packets }) => packets)).toEqual([2, 1]);
    const explained = await runCommand(['explain', path, '--packet', '7', '--json']);
    expect(JSON.parse(explained.stdout)).toMatchObject(
      JSON.parse((await runCommand(['explain', mixed, '--packet', '7', '--json'])).stdout.replaceAll(mixed, path)),
    );
  });

  test('takes no more memory for what it becomes', async () => {
    const path = join(temporaryFolder(), 'bomb');
    const record = pcapFile([{ bytes: new Uint8Array(60_000), seconds: WINDOW_START }]).subarray(pcapHeader().length);
    const member = gzipSync(Buffer.concat(new Array(200).fill(record)));
    const members = 60;
    writeFileSync(path, Buffer.concat([gzipSync(pcapHeader()), ...new Array<Buffer>(members).fill(member)]));
    const atExit = 'process.on("exit",()=>console.error("KiB",process.resourceUsage().maxRSS))';
    const env = { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(atExit)}` };
    const { code, stderr } = await runCommand(['replay', path], { env });
    expect(ledgerPackets(stderr)).toMatchObject({ offered: members * 200 });
    expect(Number(/KiB (\d+)/.exec(stderr)![1])).toBeLessThan(300 * 1024);
    expect(code).toBe(0);
  });

  test('that is cut gives the records before the cut and exit code 65', async () => {
    const path = join(temporaryFolder(), 'cut');
    const packets = Array.from({ length: 500 }, (_, second) => at(second % 60, httpsFrame));
    const bytes = gzipSync(pcapFile(packets), { level: 1 });
    writeFileSync(path, bytes.subarray(0, bytes.length / 2));
    const { code, stdout, stderr } = await runCommand(['replay', path]);
    const [record] = parseRecords(stdout);
    expect(record!.packets).toBeGreaterThan(0);
    expect(record!.packets).toBeLessThan(packets.length);
    expect(stderr).toContain(
      `flowlogd: ${path} is damaged after packet ${record!.packets}; those ${record!.packets} were processed: its gzip data is truncated.`,
    );
    expect(code).toBe(65);
  });
});

test.each([
  ['an option that is not there', ['--formt', 'text'], /unknown option --formt/],
  ['a format that is not there', ['--format', 'json'], /--format 'json'/],
  ['a window of no length', ['--window', '0'], /--window '0'/],
  ['a filter that is none', ['--filter', 'tcp prot 5'], /tcp prot 5/],
  ['a log service without a topic', ['--to', 'http://127.0.0.1:1'], /--to 'http:\/\/127\.0\.0\.1:1'/],
  ['an engine that is not there', ['--engine', 'pcap'], /--engine 'pcap'/],
])('refuses %s with exit code 64 and a sentence', async (_what, words, message) => {
  const { code, stdout, stderr } = await runCommand(['replay', ...words, mixedCapture()]);
  expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
  expect(stderr).toMatch(message);
  expect(stderr).not.toMatch(NO_STACK);
});

test('goes on after a file that is not there, and ends with exit code 66', async () => {
  const { code, stdout, stderr } = await runCommand(['replay', '/nowhere/a.pcap', mixedCapture()]);
  expect(code).toBe(66);
  expect(parseRecords(stdout)).toHaveLength(4);
  expect(stderr).toMatch(/^flowlogd: .*\/nowhere\/a\.pcap.*No such file or directory\.$/m);
});

test.each([
  ['a file that is not there', '/nowhere/a.pcap', 66],
  ['a file of another kind', resolve('package.json'), 65],
])('says nothing of %s but what is wrong', async (_what, path, exitCode) => {
  for (const format of ['ndjson', 'text', 'table']) {
    const { code, stdout, stderr } = await runCommand(['replay', '--format', format, path]);
    expect({ code, stdout }).toEqual({ code: exitCode, stdout: '' });
    expect(stderr).toMatch(/^flowlogd: [^\n]*\.\n$/);
  }
});

test('has a ledger of what it read before and after a file that is not there', async () => {
  const { stderr } = await runCommand(['replay', '/nowhere/a.pcap', mixedCapture()]);
  expect(stderr).toMatch(/^ {2}offered +7 packets\n= metered +5 packets/m);
  expect(stderr).not.toMatch(/ 0 packets/);
});

test.skipIf(scriptMissing !== undefined)('does not write batches to a terminal', async () => {
  const line = [process.execPath, FLOWLOGD, 'replay', '--format', 'batch', mixedCapture()].join(' ');
  const { code, stdout } = await startProgram(['script', '-qefc', line, '/dev/null']).ended;
  expect(code).toBe(64);
  expect(stdout).toMatch(/^flowlogd: replay: --format batch is binary: [^\n]*--output[^\n]*\r\n$/);
});

test('ends quietly when its reader goes away', async () => {
  const capture = write(temporaryFolder(), 'many.pcap', manyFlows(30_000));
  const command = startCommand(['replay', capture]);
  await command.until(({ stdout }) => stdout !== '');
  command.child.stdout!.destroy();
  const { code, stderr } = await command.ended;
  expect(code).toBe(0);
  expect(stderr).not.toMatch(NO_STACK);
  expect(stderr).not.toMatch(/EPIPE/);
});

describe('a full disk', () => {
  const capture = () => write(temporaryFolder(), 'many.pcap', manyFlows(3000));

  test('ends it with exit code 74 and a sentence, in a file', async () => {
    const { code, stderr } = await runCommand(['replay', '-q', '-o', '/dev/full', capture()]);
    expect(stderr).toMatch(/^flowlogd: Writing records to \/dev\/full failed: ENOSPC: no space left on device.*\.$/m);
    expect(code).toBe(74);
  });

  test('ends it with exit code 74 and a sentence, on standard output', async () => {
    const shell = startProgram(['sh', '-c', '"$0" "$@" > /dev/full', process.execPath, FLOWLOGD, 'replay', capture()]);
    const { code, stderr } = await shell.ended;
    expect(stderr).toMatch(/^flowlogd: Writing to standard output failed: ENOSPC.*\.$/m);
    expect(stderr).not.toMatch(NO_STACK);
    expect(code).toBe(74);
  });

  test.skipIf(process.getuid?.() !== 0)('is met in the middle of the records, too', async () => {
    const folder = temporaryFolder();
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'flowlogd-test', folder]);
    onTestFinished(() => {
      execFileSync('umount', [folder]);
    });
    const path = join(folder, 'records.ndjson');
    const { code, stderr } = await runCommand(['replay', '-q', '-o', path, capture()]);
    expect(stderr).toMatch(SENTENCE);
    expect(code).toBe(74);
  });
});

describe('to a log service', () => {
  function environment(service: LogServiceProcess): Record<string, string> {
    const { secretId, secretKey } = service.keys;
    return { FLOWLOGD_CLS_SECRET_ID: secretId, FLOWLOGD_CLS_SECRET_KEY: secretKey };
  }

  const flowLine = (start: unknown, flow: readonly unknown[]) => `${start} ${flow.join(' ')}`;
  const storedLine = (log: StoredLog) =>
    flowLine(log['start'], [
      canonicalAddress(String(log['srcaddr'])),
      canonicalAddress(String(log['dstaddr'])),
      log['srcport'],
      log['dstport'],
      log['protocol'],
      log['packets'],
      log['bytes'],
      Number(log['end']) - Number(log['start']),
    ]);
  const printedLine = (record: PlainRecord) =>
    flowLine(record.window_start, [
      canonicalAddress(record.srcaddr),
      canonicalAddress(record.dstaddr),
      record.srcport,
      record.dstport,
      record.protocol,
      record.packets,
      record.bytes,
      60,
    ]);

  async function expectStored(service: LogServiceProcess, capture: string): Promise<void> {
    const printed = parseRecords((await runCommand(['replay', capture])).stdout);
    const stored = await service.query('srcaddr:*');
    expect(stored.map(storedLine).sort()).toEqual(printed.map(printedLine).sort());
  }

  test('stores exactly the records that it would print', async () => {
    const service = new LogServiceProcess({ folder: temporaryFolder(), port: await freePort() });
    await service.start();
    const capture = mixedCapture();
    const to = `${service.url}?topic_id=flowlog`;
    const { code, stdout, stderr } = await runCommand(['replay', '--to', to, capture], { env: environment(service) });
    expect(stderr).not.toMatch(SENTENCE);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    await expectStored(service, capture);
    await service.stop();
  });

  test('waits for a log service that is down at first', async () => {
    const service = new LogServiceProcess({ folder: temporaryFolder(), port: await freePort() });
    await service.start();
    const env = environment(service);
    await service.stop('SIGKILL');
    const capture = mixedCapture();
    const command = startCommand(['replay', '--to', `${service.url}?topic_id=flowlog`, capture], { env });
    // Long enough for the first attempts to fail.
    await new Promise((go) => setTimeout(go, 1000));
    expect(command.child.exitCode).toBeNull();
    await service.start();
    expect(await command.ended).toMatchObject({ code: 0 });
    await expectStored(service, capture);
    await service.stop();
  });

  test('ends with exit code 69 and a sentence when the log service refuses the key', async () => {
    const service = new LogServiceProcess({ folder: temporaryFolder(), port: await freePort() });
    await service.start();
    const env = { ...environment(service), FLOWLOGD_CLS_SECRET_KEY: 'wrong' };
    const to = `${service.url}?topic_id=flowlog`;
    const { code, stderr } = await runCommand(['replay', '-q', '--to', to, mixedCapture()], { env });
    expect(stderr).toMatch(SENTENCE);
    expect(stderr).not.toMatch(NO_STACK);
    expect(code).toBe(69);
    await service.stop();
  });
});

/** A capture without end: pieces of packets of one flow, one second further each. */
class CaptureStream {
  readonly packetsPerPiece = 10_000;
  readonly #piece: Buffer;
  readonly #bytesPerPacket: number;
  #second = WINDOW_START;

  constructor() {
    const packet = pcapFile([at(0, httpsFrame)]).subarray(pcapHeader().length);
    this.#bytesPerPacket = packet.length;
    this.#piece = Buffer.concat(new Array<Uint8Array>(this.packetsPerPiece).fill(packet));
  }

  get header(): Uint8Array {
    return pcapHeader();
  }

  /** The same buffer every time: it must be written before the next one is asked for. */
  next(): Buffer {
    for (let at = 0; at < this.#piece.length; at += this.#bytesPerPacket) this.#piece.writeUInt32LE(this.#second, at);
    this.#second += 1;
    return this.#piece;
  }
}

function give(command: RunningCommand, bytes: Uint8Array): Promise<void> {
  return new Promise((done) => command.child.stdin!.write(bytes, () => done()));
}

test('gives the records so far when it is interrupted', async () => {
  const capture = new CaptureStream();
  const command = startCommand(['replay', '-'], { openInput: true });
  await give(command, capture.header);
  let given = 0;
  for (; given < 20; given++) await give(command, capture.next());
  command.child.kill('SIGINT');
  while (command.child.exitCode === null && given < 10_000) {
    await give(command, capture.next());
    given += 1;
  }
  const { code, stdout, stderr } = await command.ended;
  const packets = parseRecords(stdout).reduce((sum, record) => sum + record.packets, 0);
  expect(packets).toBeGreaterThan(0);
  expect(packets).toBeLessThan(given * capture.packetsPerPiece);
  expect(ledgerPackets(stderr)).toMatchObject({ offered: packets, metered: packets });
  expect(code).toBe(0);
});

test('needs no more memory for a long capture than for a short one', async () => {
  const folder = temporaryFolder();
  const preload = resolve('test/support/report-memory.mjs');
  const peakKib = async (pieces: number): Promise<number> => {
    const report = join(folder, `${pieces}.status`);
    const env = { MEMORY_REPORT: report, NODE_OPTIONS: `--import=${preload}` };
    const command = startCommand(['replay', '-'], { openInput: true, env });
    const capture = new CaptureStream();
    await give(command, capture.header);
    for (let piece = 0; piece < pieces; piece++) await give(command, capture.next());
    command.child.stdin!.end();
    const { code, stdout } = await command.ended;
    expect(code).toBe(0);
    const packets = parseRecords(stdout).reduce((sum, record) => sum + record.packets, 0);
    expect(packets).toBe(pieces * capture.packetsPerPiece);
    return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(report, 'utf8'))?.[1]);
  };
  const short = await peakKib(10);
  const long = await peakKib(200);
  expect(short).toBeGreaterThan(10_000);
  // The long one brings 300 MB more.
  expect(long - short).toBeLessThan(32 * 1024);
});
