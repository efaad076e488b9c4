import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type RunningCommand, startCommand } from '../support/command.ts';
import { NetworkNamespace, namespacesMissing } from '../support/network-namespace.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const missing = namespacesMissing();
if (missing !== undefined) process.stderr.write(`service manager: ${missing}\n`);

/** Two seconds: the test waits for one of its quarters. */
const WATCHDOG_USEC = '2000000';

/** systemd's end of $NOTIFY_SOCKET: prints every message on a line. */
const MANAGER = `
import socket, sys
receiving = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiving.bind(sys.argv[1])
print('bound', flush=True)
while True: print(receiving.recv(65536).decode().replace('\\n', ' '), flush=True)
`;

class Manager {
  readonly heard: string[] = [];
  readonly #lines: AsyncIterator<string>;

  constructor(path: string) {
    const child = spawn('python3', ['-c', MANAGER, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void child.kill('SIGKILL'));
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  /** Waits for the next message that holds this text; the test's timeout bounds it. */
  async hear(text: string): Promise<void> {
    for (;;) {
      const { value } = await this.#lines.next();
      this.heard.push(String(value));
      if (String(value).includes(text)) return;
    }
  }
}

interface Started {
  readonly command: RunningCommand;
  readonly manager: Manager;
  readonly configPath: string;
  readonly text: string;
}

async function start(namespace: NetworkNamespace): Promise<Started> {
  const folder = temporaryFolder();
  const configPath = join(folder, 'flowlogd.yaml');
  const text = `stateDirectory: ${join(folder, 'state')}\nflowLogs: [{ interfaces: [lo] }]\n`;
  writeFileSync(configPath, text);
  const manager = new Manager(join(folder, 'notify'));
  await manager.hear('bound');
  const env = { NOTIFY_SOCKET: join(folder, 'notify'), WATCHDOG_USEC };
  const command = startCommand(['run', '--config', configPath], { namespace, env });
  await manager.hear('READY=1');
  return { command, manager, configPath, text };
}

function statusOf(path: string, field: string): string | undefined {
  return new RegExp(`^${field}:\\s*(\\S+)`, 'm').exec(readFileSync(path, 'utf8'))?.[1];
}

/** Processes that this one has started. */
function childrenOf(pid: number): number[] {
  const threads = readdirSync(`/proc/${pid}/task`);
  return threads.flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );
}

describe.skipIf(missing !== undefined)('a service that root has started', { timeout: 180_000 }, () => {
  function inNamespace(): NetworkNamespace {
    const namespace = new NetworkNamespace();
    onTestFinished(() => namespace.remove());
    return namespace;
  }

  test('keeps CAP_NET_RAW in all of its threads and nothing else, and gives nothing to its log service', async () => {
    const { command } = await start(inNamespace());
    const pid = command.child.pid!;
    const threads = readdirSync(`/proc/${pid}/task`).map((thread) => `/proc/${pid}/task/${thread}/status`);
    expect(threads.length).toBeGreaterThan(3);
    const fields = (path: string) =>
      ['CapPrm', 'CapEff', 'CapAmb'].map((field) => Number.parseInt(statusOf(path, field)!, 16));
    for (const path of threads) {
      expect(fields(path).slice(0, 2)).toEqual([0x2000, 0x2000]);
      expect(statusOf(path, 'CapBnd')).toBe('0000000000002000');
    }
    expect(statusOf(`/proc/${pid}/status`, 'NoNewPrivs')).toBe('1');
    const [service] = childrenOf(pid);
    expect(fields(`/proc/${service}/status`)).toEqual([0, 0, 0]);
    expect(await command.stop()).toMatchObject({ code: 0 });
  });

  test('tells the service manager when it captures, that it gets on, that it reloads, and that it stops', async () => {
    const { command, manager } = await start(inNamespace());
    await manager.hear('STATUS=capturing lo: 0 packets');
    await manager.hear('WATCHDOG=1');
    command.child.kill('SIGHUP');
    await manager.hear('RELOADING=1 MONOTONIC_USEC=');
    await manager.hear('READY=1');
    command.child.kill('SIGTERM');
    await manager.hear('STOPPING=1');
    expect(await command.ended).toMatchObject({ code: 0 });
    expect(manager.heard.indexOf('READY=1')).toBe(1);
  });

  test('reloads on SIGHUP: says what is wrong, or what counts from the next start', async () => {
    const { command, configPath, text } = await start(inNamespace());
    writeFileSync(configPath, `${text}hostID: web-1\n`);
    command.child.kill('SIGHUP');
    await command.until(({ stderr }) => /reload failed; keeping the current one.*hostID/.test(stderr));
    writeFileSync(configPath, `${text}hostId: web-1\n`);
    command.child.kill('SIGHUP');
    await command.until(({ stderr }) => stderr.includes('"options":["hostId"]'));
    expect(await command.stop()).toMatchObject({ code: 0 });
  });

  /** What a crash, a full disk or a slip leaves where the configuration was. */
  const DAMAGES: readonly (readonly [what: string, damage: (path: string) => void, reason: RegExp])[] = [
    ['no byte', (path) => truncateSync(path, 0), /empty file; restore it/],
    ['NUL bytes', (path) => writeFileSync(path, Buffer.alloc(100)), /corrupt file \(NUL bytes/],
    ['comments', (path) => writeFileSync(path, '# nothing\n'), /flowLogs: missing required option: write flowLogs: /],
    ['a folder', (path) => replaced(path, mkdirSync), /a directory, expected a regular file/],
    ['a FIFO', (path) => replaced(path, (at) => execFileSync('mkfifo', [at])), /a FIFO, expected a regular file/],
  ];

  function replaced(path: string, make: (path: string) => unknown): void {
    rmSync(path, { recursive: true });
    make(path);
  }

  test('keeps its flow logs when the file that it reloads is none, and refuses to start with that', async () => {
    const namespace = inNamespace();
    const { command, configPath, text } = await start(namespace);
    const state = join(configPath, '..', 'state');
    const capturing = async () => {
      const { stdout } = await startCommand(['status', '--json', '--state-directory', state], { namespace }).ended;
      const { healthy, interfaces, problems } = JSON.parse(stdout);
      return { healthy, captured: interfaces.length, problems: problems.map(({ code }: { code: string }) => code) };
    };
    for (const [, damage, reason] of DAMAGES) {
      const before = command.stderr.length;
      damage(configPath);
      command.child.kill('SIGHUP');
      await command.until(({ stderr }) => reason.test(stderr.slice(before)));
      expect(await capturing()).toMatchObject({ healthy: true, captured: 1 });
      const again = await startCommand(['run', '--config', configPath], { namespace }).ended;
      expect([66, 78]).toContain(again.code);
      expect(again.stderr).toMatch(reason);
    }
    replaced(configPath, (path) => writeFileSync(path, text.replace(/flowLogs: .*/, 'flowLogs: []')));
    command.child.kill('SIGHUP');
    await command.until(({ stderr }) => /flow logs deleted/.test(stderr));
    expect(await capturing()).toEqual({ healthy: false, captured: 0, problems: ['nothing-captured'] });
    expect(await command.stop()).toMatchObject({ code: 0 });
  });

  test('starts with no flow logs where the file says so, and captures those that come later', async () => {
    const namespace = inNamespace();
    const folder = temporaryFolder();
    const configPath = join(folder, 'flowlogd.yaml');
    const state = join(folder, 'state');
    writeFileSync(configPath, `stateDirectory: ${state}\nflowLogs: []\n`);
    const command = startCommand(['run', '--config', configPath], { namespace });
    const ask = (...words: string[]) => startCommand([...words, '--state-directory', state], { namespace }).ended;
    let asked = await ask('status');
    while (asked.code === 69) asked = await ask('status');
    expect(asked.stdout).toMatch(/No interface captured/);
    const created = await ask('flow-logs', 'create', '--name', 'later', '--interface', 'lo');
    expect(created).toMatchObject({ code: 0 });
    await command.until(({ stderr }) => stderr.includes('"capturing"'));
    expect(await command.stop()).toMatchObject({ code: 0 });
  });
});
