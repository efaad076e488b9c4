/** What the signals do that Node has defaults of its own for: SIGHUP ends nothing without its records, SIGUSR1 opens nothing. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { pcapFile } from '../support/capture-file.ts';
import { FLOWLOGD, type RunningCommand, startCommand, startProgram } from '../support/command.ts';
import { ledgerPackets } from '../support/ledger-lines.ts';
import { parseRecords } from '../support/ndjson-records.ts';
import { commandMissing } from '../support/network-namespace.ts';
import { ethernet, ipv4, PROTOCOL, udp } from '../support/packet-builder.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { Burst } from '../support/traffic.ts';
import { TwoHosts, twoHostsMissing } from '../support/two-hosts.ts';

const missing = twoHostsMissing() ?? commandMissing('python3');
if (missing !== undefined) process.stderr.write(`signals: ${missing}\n`);

/** Runs a command on a terminal, which it closes when its own input ends; then says how the command ended. */
const TERMINAL = `
import os, pty, select, sys
pid, master = pty.fork()
if pid == 0: os.execvp(sys.argv[1], sys.argv[1:])
while True:
    for ready in select.select([master, 0], [], [])[0]:
        data = os.read(ready, 65536)
        if ready == 0 and not data:
            os.close(master)
            print('ended with', os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
            sys.exit()
        if ready == master: os.write(1, data)
`;

const INSPECTOR_PORT = '9229';

/** TCP ports that something listens on in the namespace of a process. */
function listeningPorts(pid: number): string[] {
  const lines = readFileSync(`/proc/${pid}/net/tcp`, 'utf8').trim().split('\n').slice(1);
  const fields = lines.map((line) => line.trim().split(/\s+/));
  return fields
    .filter(([, , , state]) => state === '0A')
    .map(([, local = '']) => String(Number.parseInt(local.split(':')[1]!, 16)));
}

describe.skipIf(missing !== undefined)('a hang-up', { timeout: 180_000 }, () => {
  let hosts: TwoHosts;
  let folder: string;
  beforeEach(() => {
    hosts = new TwoHosts();
    folder = temporaryFolder();
  });
  afterEach(() => hosts.remove());

  const here = () => ({ namespace: hosts.observed, folder });
  const debug = ['debug', '-i', 'obs0', '--duration', '1h', '--html', 'report.html'];

  test('ends debug with its last window, its ledger and its report, as SIGINT does', async () => {
    const running = startCommand([...debug, '--format', 'ndjson'], here());
    await running.until(({ stderr }) => stderr.includes('Capturing on '));
    const burst = new Burst(0);
    hosts.send(burst.frames);
    const { code, signal, stdout, stderr } = await running.stop('SIGHUP');
    expect({ code, signal }).toEqual({ code: 0, signal: null });
    const sum = [...burst.counts.values()].reduce((total, { packets }) => total + packets, 0);
    expect(parseRecords(stdout).reduce((total, { packets }) => total + packets, 0)).toBe(sum);
    expect(ledgerPackets(stderr)).toMatchObject({ offered: burst.frames.length, metered: sum });
    expect(readFileSync(join(folder, 'report.html'), 'utf8')).toContain('</html>');
  });

  test('of a terminal that is closed leaves the report of a live screen behind', async () => {
    const words = ['python3', '-c', TERMINAL, process.execPath, FLOWLOGD, ...debug];
    const running = startProgram(words, { ...here(), openInput: true });
    await running.until(({ stdout }) => stdout.includes('flowlogd debug'));
    hosts.send(new Burst(0).frames);
    await running.until(({ stdout }) => stdout.includes('198.51.100.2'));
    running.child.stdin!.end();
    const { stdout } = await running.ended;
    expect(stdout).toMatch(/ended with 0\n$/);
    expect(readFileSync(join(folder, 'report.html'), 'utf8')).toContain('198.51.100.2');
  });

  test('reloads a service as soon as it can, and neither that nor SIGUSR2 ends it', async () => {
    const { command } = startService();
    await command.until(({ stderr }) => stderr.includes('"capturing"'));
    for (const signal of ['SIGUSR2', 'SIGHUP'] as const) command.child.kill(signal);
    await command.until(({ stderr }) =>
      /configuration was (?:read again|reloaded)|configuration reloaded/.test(stderr),
    );
    expect(await command.stop()).toMatchObject({ code: 0 });
  });

  test('SIGUSR1 has a service log its status, and opens no inspector in it nor in its log service', async () => {
    const { command } = startService();
    await command.until(({ stderr }) =>
      ['"capturing"', 'embedded log service ready"'].every((said) => stderr.includes(said)),
    );
    const pid = command.child.pid!;
    for (const each of [pid, ...childrenOf(pid)]) process.kill(each, 'SIGUSR1');
    await command.until(({ stderr }) =>
      /"message":"status: \d+ windows written, .* pending, 0 packets lost"/.test(stderr),
    );
    expect(listeningPorts(pid)).not.toContain(INSPECTOR_PORT);
    const { code, stderr } = await command.stop();
    expect(code).toBe(0);
    expect(stderr).not.toContain('Debugger listening');
  });

  function startService(): { readonly command: RunningCommand } {
    const path = join(folder, 'flowlogd.yaml');
    writeFileSync(path, `stateDirectory: ${join(folder, 'state')}\nflowLogs: [{ interfaces: [obs0] }]\n`);
    return { command: startCommand(['run', '--config', path], here()) };
  }

  function childrenOf(pid: number): number[] {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  }
});

describe('replay of a pipe that is silent', { timeout: 180_000 }, () => {
  const addresses = { source: '10.0.0.1', destination: '10.0.0.2', protocol: PROTOCOL.udp };
  const packet = ethernet({}, ipv4(addresses, udp({ sourcePort: 5353, destinationPort: 53 })));
  /** More than a pipe holds: when all of it is written, most of it was read. */
  const packets = 40_000;
  const capture = pcapFile(new Array(packets).fill({ bytes: packet }));
  const cases = ['libpcap', 'savefile'].flatMap((engine) =>
    (['SIGHUP', 'SIGINT'] as const).map((signal) => [engine, signal] as const),
  );

  test.each(cases)('with the engine %s gives its records and its ledger on %s', async (engine, signal) => {
    const running = startCommand(['replay', '-', '--engine', engine], { openInput: true });
    await new Promise<void>((done) => running.child.stdin!.write(capture, () => done()));
    await expectRecords(running, signal);
  });

  test('with a name gives its records and its ledger on SIGINT', async () => {
    const path = join(temporaryFolder(), 'pipe');
    execFileSync('mkfifo', [path]);
    const running = startCommand(['replay', path]);
    const pipe = await open(path, 'w');
    onTestFinished(() => pipe.close());
    await pipe.writeFile(capture);
    await expectRecords(running, 'SIGINT');
  });

  async function expectRecords(running: RunningCommand, signal: NodeJS.Signals): Promise<void> {
    const { code, stdout, stderr } = await running.stop(signal);
    const [record, ...others] = parseRecords(stdout);
    expect(others).toEqual([]);
    expect(record!.packets).toBeGreaterThan(packets / 2);
    expect(ledgerPackets(stderr)).toMatchObject({ offered: record!.packets, metered: record!.packets });
    expect(code).toBe(0);
  }
});
