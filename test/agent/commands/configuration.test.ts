import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { runInProcess } from '../../support/in-process.ts';

const flowlogd = (words: readonly string[], env: Readonly<Record<string, string>> = {}) => runInProcess(words, { env });

const folder = mkdtempSync(join(tmpdir(), 'flowlogd-config-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string, text: string, mode = 0o600): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
};

describe('flowlogd check', () => {
  test('names the fields that incident analysis misses in documented rows, and how to have them', async () => {
    const path = file(
      'rows.yaml',
      `flowLogs:
  - { name: web, interfaces: [eth0] }
  - { name: vpn, interfaces: [wg0] }
  - { name: edge, interfaces: [eth1], resourceType: NAT, rejects: { nflog: 5 } }
  - { name: own, interfaces: [eth2], fields: [srcaddr, dstaddr] }
`,
    );
    const { code, stdout } = await flowlogd(['check', '--config', path]);
    expect(code).toBe(0);
    const lines = stdout.split('\n');
    expect(lines.filter((line) => !line.startsWith('Packet rings: ')).slice(1)).toEqual([
      'Hint for web, vpn: the documented row lacks direction, tcp-flags, initiator, initiator-evidence, handshake-rtt, required ' +
        'for incident analysis. Set fields: [eni, direction, tcp-flags, initiator, initiator-evidence, handshake-rtt] before ' +
        'the flow log is created: fields are immutable.',
      expect.stringMatching(/^Hint for edge: .* Set fields: \[nat, .*, handshake-rtt, reject-rule\] before/),
      '',
    ]);
  });

  test('says what a valid file is for', async () => {
    const path = file(
      'good.yaml',
      'flowLogs: [{name: web, interfaces: [no-such0], fields: [srcaddr]}, {name: vpn, interfaces: [no-such*, tun0], fields: [eni]}]\n' +
        'capture: {memoryMax: 256MiB}\n',
    );
    expect(await flowlogd(['check', '--config', path])).toEqual({
      code: 0,
      stdout:
        `${path} is valid: 2 flow logs (web on no-such0; vpn on no-such*, tun0), to the embedded log service\n` +
        'Packet rings: 0 interfaces now, 0 MiB of 256 MiB (capture.memoryMax)\n',
      stderr: '',
    });
  });

  test('reports all problems on standard error with exit code 78', async () => {
    const path = file('bad.yaml', 'capture:\n  snapByte: 1\n  engine: pcap\nflowLogs: []\n');
    expect(await flowlogd(['check', '--config', path])).toEqual({
      code: 78,
      stdout: '',
      stderr:
        'flowlogd: The configuration has 2 problems:\n' +
        `  ${path}:2:3: capture.snapByte: unknown option; did you mean snapBytes?\n` +
        `  ${path}:3:11: capture.engine: invalid value 'pcap': expected one of auto, libpcap, ring, cap\n`,
    });
  });

  test('needs a file, and one that is there', async () => {
    expect(await flowlogd(['check'])).toMatchObject({
      code: 64,
      stderr: expect.stringMatching(/missing option --config FILE/),
    });
    expect(await flowlogd(['check', '-c', join(folder, 'no.yaml')])).toMatchObject({
      code: 66,
      stderr: expect.stringMatching(/no such file or directory \(ENOENT\)\.\n$/),
    });
  });

  test('does without the credentials of a service when it is told so', async () => {
    expect(await flowlogd(['check', '-c', 'docs/examples/flowlogd.yaml'])).toMatchObject({ code: 78 });
    expect(await flowlogd(['check', '-c', 'docs/examples/flowlogd.yaml', '--skip-files'])).toMatchObject({ code: 0 });
  });

  test('refuses a file with a key that everybody may read, by its real mode', async () => {
    const text = 'cls: {endpoint: "https://x.example", topicId: t, secretId: AKID, secretKey: hush}\nflowLogs: [{}]\n';
    const refused = await flowlogd(['check', '-c', file('open.yaml', text, 0o644)]);
    expect(refused).toMatchObject({ code: 78, stderr: expect.stringMatching(/\(mode 0644\): run chmod 600/) });
    expect(refused.stderr).not.toContain('hush');
    expect(await flowlogd(['check', '-c', file('closed.yaml', text)])).toMatchObject({ code: 0 });
  });
});

describe('flowlogd config', () => {
  test('prints each option with its value and where that came from', async () => {
    const path = file(
      'some.yaml',
      'log:\n  level: debug\ncls: {endpoint: "https://x.example", topicId: t, secretId: AKID, secretKey: hush}\nflowLogs: [{}]\n',
    );
    const { code, stdout } = await flowlogd(['config', '--config', path], { FLOWLOGD_CAPTURE_SNAP_BYTES: '96' });
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`^log\\.level +debug +${path}:2:10$`, 'm'));
    expect(stdout).toMatch(/^capture\.snapBytes +96 +FLOWLOGD_CAPTURE_SNAP_BYTES$/m);
    expect(stdout).toMatch(/^capture\.engine +auto +default$/m);
    expect(stdout).toMatch(/^cls\.secretKey +\(hidden\) +/m);
    expect(stdout).not.toMatch(/hush|AKID/);
  });

  test('prints the same for programs', async () => {
    const { stdout } = await flowlogd(['config', '--json'], { FLOWLOGD_CAPTURE_PROMISCUOUS: 'true' });
    const options = JSON.parse(stdout);
    expect(options['capture.promiscuous']).toEqual({ value: true, from: 'FLOWLOGD_CAPTURE_PROMISCUOUS' });
    expect(options['capture.bufferBytes']).toEqual({ value: 67_108_864, from: 'default' });
  });

  test('prints a reference that check accepts', async () => {
    const { stdout } = await flowlogd(['config', '--reference']);
    expect(await flowlogd(['check', '-c', file('reference.yaml', stdout)])).toMatchObject({ code: 0 });
  });
});

describe('flowlogd interfaces', () => {
  test('lists the loopback of this machine, for people and for programs', async () => {
    expect((await flowlogd(['interfaces'])).stdout).toMatch(
      /^NAME +STATE +MAC +INTERFACE-ID +ADDRESSES\n(?:.*\n)*lo +\S*loopback/,
    );
    const listed: { name: string; loopback: boolean }[] = JSON.parse((await flowlogd(['interfaces', '--json'])).stdout);
    expect(listed.find(({ name }) => name === 'lo')).toMatchObject({ loopback: true });
  });
});
