import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createLibpcapSavefileEngine } from '../../agent/capture/libpcap/libpcap.ts';
import { Classifier } from '../../agent/explain/classifier.ts';
import { visitPackets } from '../../agent/explain/packets.ts';
import { traceFrame } from '../../agent/explain/trace.ts';
import { loadCaptureAddon } from '../../agent/native/addon.ts';
import { EXCLUDE_DEFAULTS, Exclusion } from '../../agent/packet/exclusion.ts';
import { pcapFile } from '../support/capture-file.ts';
import { runCommand } from '../support/command.ts';
import { parseRecords } from '../support/ndjson-records.ts';
import { arp, ethernet, ipv4, PROTOCOL, tcp, udp } from '../support/packet-builder.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const CORPUS = join(resolve(process.env['FLOWLOGD_CORPUS'] ?? '../shared/corpus'), 'captures');
const captures = existsSync(CORPUS) ? readdirSync(CORPUS) : [];
if (captures.length === 0) process.stderr.write(`explain: skipped: there is no capture corpus in ${CORPUS}\n`);

describe.skipIf(captures.length === 0)('the trace of every packet of the corpus', () => {
  test.each(captures)('%s ends as the decoder does', async (file) => {
    const classifier = new Classifier(new Exclusion(EXCLUDE_DEFAULTS));
    const source = await createLibpcapSavefileEngine(loadCaptureAddon()).open({ path: join(CORPUS, file), filter: '' });
    const seen = visitPackets(source, (packet) => {
      const decision = classifier.classify(packet);
      const { linkType, view, at, captured, wire, number } = packet;
      const trace = traceFrame(linkType, new Uint8Array(view.buffer, at, captured), wire);
      expect(trace === undefined, `packet ${number}`).toBe(decision === undefined);
      if (trace !== undefined) expect(classifier.agreesWith(trace.ending), `packet ${number}`).toBe(true);
      return true;
    });
    await seen.catch((error) => expect(error).toBe(source.failure));
    source.close();
  });
});

const client = { source: '10.0.0.1', destination: '10.0.0.2', protocol: PROTOCOL.tcp };
const syn = ethernet({}, ipv4(client, tcp({ sourcePort: 51_000, destinationPort: 443, flags: 2 })));
const data = ethernet(
  {},
  ipv4(client, tcp({ sourcePort: 51_000, destinationPort: 443, flags: 24 }, new Uint8Array(60))),
);
const dhcp = ethernet({}, ipv4({ ...client, protocol: PROTOCOL.udp }, udp({ sourcePort: 68, destinationPort: 67 })));

/** Three packets of one flow in two windows, one that is excluded, one that is not IP, and half a packet. */
function writeCapture(): string {
  const path = join(temporaryFolder(), 'capture.pcap');
  const packets = [
    { seconds: 60, bytes: arp() },
    { seconds: 61, bytes: syn },
    { seconds: 62, bytes: dhcp },
    { seconds: 63, nanoseconds: 500_000_000, bytes: data },
    { seconds: 125, bytes: data },
    { seconds: 126, bytes: syn.subarray(0, 30), wireLength: syn.length },
  ];
  writeFileSync(path, pcapFile(packets));
  return path;
}

describe('explain', () => {
  test('gives the record of a packet with the totals that replay gives', async () => {
    const path = writeCapture();
    const { code, stdout } = await runCommand(['explain', path, '--packet', '4', '--json']);
    expect(code).toBe(0);
    const replayed = await runCommand(['replay', path]);
    const [record] = parseRecords(replayed.stdout).filter(({ start }) => start === 61);
    expect(JSON.parse(stdout)).toMatchObject({
      schema: 1,
      packet: 4,
      time: '1970-01-01T00:01:03.500000Z',
      decision: 'record',
      refusal: null,
      key: { srcaddr: '10.0.0.1', dstaddr: '10.0.0.2', srcport: 51_000, dstport: 443, protocol: 6, bytes: 100 },
      window: { start: 60, seconds: 60 },
      record: { packets: record!.packets, bytes: record!.bytes, first: 61, last: 63.5, tcp_flags: 26 },
      in_file: { packets: 3, bytes: 240, windows: 2, numbers: [2, 4, 5] },
    });
  });

  test('tells it in words, by the flow as well as by the number', async () => {
    const path = writeCapture();
    const flow = '10.0.0.1:51000 > 10.0.0.2:443/tcp';
    const byNumber = await runCommand(['explain', path, '-p', '2']);
    const byFlow = await runCommand(['explain', path, '--flow', flow]);
    expect(byFlow).toEqual(byNumber);
    expect(byNumber).toMatchObject({ code: 0, stderr: '' });
    for (const line of [
      'Packet 2 of ',
      '  @14   IPv4      10.0.0.1 > 10.0.0.2, protocol 6 (TCP), header length 20, TTL 64',
      '  @34   TCP       port 51000 > 443, flags S',
      `  key          ${flow}, 40 bytes, flags S`,
      '  record       2 packets, 140 B in this flow and window, over 2.500000 s, flags SP',
    ]) {
      expect(byNumber.stdout).toContain(line);
    }
  });

  test.each([
    ['1', /refused +not IP, at byte 12: EtherType 0x0806 \(ARP\)/],
    ['3', /exclusion +excluded by rule dhcp/],
    ['6', /refused +malformed, at byte 14: truncated IPv4 header: 16 of 20 bytes captured/],
  ])('says why packet %s is in no record', async (number, reason) => {
    const { code, stdout } = await runCommand(['explain', writeCapture(), '--packet', number]);
    expect(code).toBe(0);
    expect(stdout).toMatch(reason);
  });

  test('takes the exclusion rules of a configuration', async () => {
    const config = join(temporaryFolder(), 'flowlogd.yaml');
    writeFileSync(
      config,
      'flowLogs: [{name: a, interfaces: [eth0]}]\nexclude:\n  rules: [{name: web, protocol: tcp, ports: [443]}]\n',
    );
    const { stdout } = await runCommand(['explain', writeCapture(), '-p', '2', '--config', config, '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ decision: 'excluded', exclusion: { matched: 'web' }, record: null });
  });

  test.each([
    ['a packet behind the end', ['-p', '7'], 64, /no packet 7 in .*, which has 6 packets/],
    ['a flow that is not there', ['--flow', '10.0.0.9 > 10.0.0.2/icmp'], 64, /no packet of that flow/],
    ['what is no flow', ['--flow', 'port 53'], 64, /invalid --flow 'port 53': expected/],
    ['both at once', ['-p', '1', '--flow', '10.0.0.9 > 10.0.0.2/icmp'], 64, /exactly one of/],
    ['neither', [], 64, /exactly one of --packet N and --flow FLOW/],
  ])('refuses %s in a sentence', async (_what, words, exitCode, message) => {
    const { code, stdout, stderr } = await runCommand(['explain', writeCapture(), ...words]);
    expect({ code, stdout }).toEqual({ code: exitCode, stdout: '' });
    expect(stderr).toMatch(message);
  });
});
