import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { pcapFile } from '../../support/capture-file.ts';
import { runInProcess } from '../../support/in-process.ts';
import { arp, ethernet, ipv4, PROTOCOL, tcp, udp } from '../../support/packet-builder.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const CLIENT = { source: '10.0.0.1', destination: '10.0.0.2', protocol: PROTOCOL.tcp };
const SYN = ethernet({}, ipv4(CLIENT, tcp({ sourcePort: 51_000, destinationPort: 443, flags: 2 })));
const DHCP = ethernet({}, ipv4({ ...CLIENT, protocol: PROTOCOL.udp }, udp({ sourcePort: 68, destinationPort: 67 })));
const FLOW = '10.0.0.1:51000 > 10.0.0.2:443/tcp';

function written(file: Uint8Array): string {
  const path = join(temporaryFolder(), 'x.pcap');
  writeFileSync(path, file);
  return path;
}

const capture = (linkType = 1) =>
  pcapFile(
    [
      { seconds: 60, bytes: arp() },
      { seconds: 61, bytes: SYN },
      { seconds: 62, bytes: DHCP },
    ],
    { linkType },
  );

const explain = async (...words: readonly string[]) => runInProcess(['explain', ...words]);
const objectOf = ({ stdout }: { readonly stdout: string }) => JSON.parse(stdout);

describe('explain', () => {
  test('finds a packet by its number or by its flow, and says the same of both', async () => {
    const path = written(capture());
    const byNumber = await explain(path, '--packet', '2', '--json');
    expect(byNumber).toMatchObject({ code: 0, stderr: '' });
    expect(objectOf(byNumber)).toMatchObject({ file: path, packet: 2, decision: 'record', window: { start: 60 } });
    expect(await explain(path, '--flow', FLOW, '--json')).toEqual(byNumber);
  });

  test('names the link type, and the rules that were asked', async () => {
    const { stdout } = await explain(written(capture()), '--packet', '3');
    expect(stdout).toContain('link type EN10MB (1)\n');
    expect(stdout).toContain('excluded by rule dhcp\n');
    const { exclusion } = objectOf(await explain(written(capture()), '--packet', '3', '--json'));
    expect(exclusion.rules).toContain(exclusion.matched);
  });

  test('has windows of the length asked for', async () => {
    const { window } = objectOf(await explain(written(capture()), '--packet', '3', '--window', '7s', '--json'));
    expect(window).toEqual({ start: 56, seconds: 7 });
  });

  test('explains what is there of a file that was cut, then says what is wrong with it', async () => {
    const { code, stdout, stderr } = await explain(written(capture().subarray(0, -3)), '--flow', FLOW);
    expect(code).toBe(65);
    expect(stdout).toContain(`key          ${FLOW}`);
    expect(stderr).toMatch(/^flowlogd: .*x\.pcap.*\n$/);
    expect((await explain(written(capture().subarray(0, -3)), '--packet', '3')).code).toBe(65);
  });

  test.each<[string, readonly string[], number, string]>([
    ['neither packet nor flow', [], 64, 'expected exactly one of --packet N and --flow FLOW'],
    ['both', ['--packet', '1', '--flow', FLOW], 64, 'expected exactly one of --packet N and --flow FLOW'],
    ['no flow', ['--flow', '10.0.0.1'], 64, "invalid --flow '10.0.0.1': expected '10.0.0.1:51000 >"],
    ['a packet behind the last', ['--packet', '4'], 64, 'no packet 4 in '],
    ['a flow that is not there', ['--flow', FLOW.replace('443', '80')], 64, 'no packet of that flow in '],
    ['packet 0', ['--packet', '0'], 64, '--packet'],
  ])('refuses %s', async (_what, words, code, sentence) => {
    const answer = await explain(written(capture()), ...words);
    expect(answer).toMatchObject({ code, stdout: '' });
    expect(answer.stderr).toContain(sentence);
  });

  test('counts the packets of a file that lacks the one asked for', async () => {
    const one = written(pcapFile([{ seconds: 60, bytes: arp() }]));
    expect((await explain(one, '--packet', '2')).stderr).toContain('which has 1 packet (see');
    expect((await explain(written(capture()), '--packet', '9')).stderr).toContain('which has 3 packets (see');
  });

  test('refuses standard input, which cannot be read twice, a link type that nobody knows, and a file that is not there', async () => {
    expect(await explain('-', '--packet', '1')).toMatchObject({
      code: 64,
      stderr: expect.stringContaining('read twice'),
    });
    const unknown = await explain(written(capture(105)), '--packet', '1');
    expect(unknown).toMatchObject({ code: 65, stderr: expect.stringMatching(/unsupported link type .*105/) });
    expect((await explain('/nonexistent/x.pcap', '--packet', '1')).code).toBe(66);
  });
});
