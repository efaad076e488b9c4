import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { loadCaptureAddon } from '../../agent/native/addon.ts';
import type { AgentStatus } from '../../agent/telemetry/agent-status.ts';
import { askAgent } from '../support/agent-socket.ts';
import { pcapFile } from '../support/capture-file.ts';
import { FLOWLOGD, type RunningCommand, startCommand, startProgram } from '../support/command.ts';
import { compiled } from '../support/compiled.ts';
import { type EscapeTargets, escapesOf, intruding } from '../support/escapes.ts';
import { NetworkNamespace, namespacesMissing } from '../support/network-namespace.ts';
import { arp } from '../support/packet-builder.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** As from a clone in /root: then root stays root, which the other tests see. */
const isHidden = spawnSync('setpriv', ['--reuid=65534', '--clear-groups', 'test', '-r', FLOWLOGD]).status !== 0;
if (isHidden) process.stderr.write('sandbox: change of user skipped, other users cannot read the program\n');

const missing = namespacesMissing();
if (missing !== undefined) process.stderr.write(`sandbox: ${missing}\n`);

const LANDLOCK = loadCaptureAddon().landlockVersion();
const limitsFiles = LANDLOCK >= 2;
if (!limitsFiles) process.stderr.write(`sandbox: limits of files skipped, the kernel has Landlock ${LANDLOCK}\n`);

/** What foreign code in any run of flowlogd is refused. */
const REFUSED = {
  'socket-bluetooth': 'EAFNOSUPPORT',
  'socket-alg': 'EAFNOSUPPORT',
  'socket-vsock': 'EAFNOSUPPORT',
  'socket-audit': 'EPROTONOSUPPORT',
  'socket-uevent': 'EPROTONOSUPPORT',
  'socket-inet': 'done',
  mount: 'EPERM',
  fsopen: 'EPERM',
  chroot: 'EPERM',
  unshare: 'EPERM',
  setns: 'EPERM',
  'clone-namespace': 'EPERM',
  clone3: 'ENOSYS',
  bpf: 'EPERM',
  perf_event_open: 'EPERM',
  init_module: 'EPERM',
  keyctl: 'EPERM',
  userfaultfd: 'EPERM',
  io_uring_setup: 'ENOSYS',
  io_uring_enter: 'ENOSYS',
  sethostname: 'EPERM',
  open_by_handle_at: 'EPERM',
  terminal: 'EPERM',
  ptrace: 'EPERM',
  process_vm_readv: 'EPERM',
  pidfd_getfd: 'EPERM',
  setuid: 'EPERM',
};
/** Of what does not start anew: libuv of Node.js 22 has made rings by then. */
const IN_PLACE = { ...REFUSED, io_uring_enter: Number.parseInt(process.versions.node, 10) < 22 ? 'ENOSYS' : 'EBADF' };
const NO_PROGRAMS = { execve: 'EPERM', spawn: 'EPERM', kill: 'EPERM' };
const NO_FILES = limitsFiles ? { read: 'EACCES', write: 'EACCES' } : { read: 'done', write: 'done' };
/** Landlock 6 keeps signals from all that is not in the sandbox. */
const PROGRAMS = { execve: 'ENOENT', spawn: 'done', kill: LANDLOCK < 6 ? 'done' : 'EPERM' };

/** A log service that nobody runs: what is delivered there is another test's. */
const SINKS = `sinks: { cls: { type: cls, endpoint: 'http://127.0.0.1:9', topicId: t, secretId: i, secretKey: k } }`;

function secretFile(): string {
  const path = join(temporaryFolder(), 'secret');
  writeFileSync(path, 'of root', { mode: 0o600 });
  return path;
}

describe.skipIf(missing !== undefined)('foreign code in the process', { timeout: 180_000 }, () => {
  function inNamespace(): NetworkNamespace {
    const namespace = new NetworkNamespace();
    onTestFinished(() => namespace.remove());
    return namespace;
  }

  function startAgent(
    folder: string,
    configuration: string,
    targets: EscapeTargets = {},
    mode = 0o600,
    through: readonly string[] = [],
  ): RunningCommand {
    const path = join(folder, 'flowlogd.yaml');
    const own = `stateDirectory: ${join(folder, 'state')}\nflowLogs: [{ interfaces: [lo], windowSeconds: 1 }]\n`;
    writeFileSync(path, `${own}${configuration}\n`, { mode });
    return startCommand(['run', '--config', path], { namespace: inNamespace(), env: intruding(targets), through });
  }

  async function statusOf(
    folder: string,
    holds: (status: AgentStatus) => boolean,
    state = 'state',
  ): Promise<AgentStatus> {
    let status: AgentStatus | undefined;
    await expect
      .poll(async () => {
        status = await askAgent<AgentStatus>(join(folder, state), '/status');
        return status !== undefined && holds(status);
      })
      .toBe(true);
    return status!;
  }

  test('of an agent is refused what capture and delivery do not take, in each thread, while it captures and ships', async () => {
    const folder = temporaryFolder();
    const command = startAgent(folder, SINKS);
    expect(await escapesOf(command)).toEqual({ ...REFUSED, ...NO_PROGRAMS });
    const pid = command.child.pid!;
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      expect(readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8')).toMatch(/^NoNewPrivs:\t1\nSeccomp:\t2$/m);
    }
    const status = await statusOf(folder, ({ recorder, exporter }) => recorder.windows > 0 && exporter.attempts > 0);
    expect(status.interfaces[0]).toMatchObject({ state: 'capturing' });
    expect(status.sandbox).toEqual({
      user: { uid: 0, name: 'root', reason: expect.stringContaining('cannot'), handedOver: 0 },
      capabilities: ['CAP_NET_RAW'],
      files: expect.objectContaining({ limited: limitsFiles, landlock: LANDLOCK }),
      systemCalls: { limited: true, programs: false, reason: null },
    });
    expect(command.stderr).toMatch(/"sandbox":"user root, CAP_NET_RAW, files .*, system calls limited"/);
  });

  test('of an agent with the embedded log service may start programs, because that is started again', async () => {
    const folder = temporaryFolder();
    const command = startAgent(folder, '');
    expect(await escapesOf(command)).toEqual({ ...REFUSED, ...PROGRAMS });
    const status = await statusOf(folder, ({ sinks }) => sinks[0]!.deliveredBatches > 0);
    expect(status.sandbox.systemCalls).toEqual({ limited: true, programs: true, reason: null });
    expect(await command.stop()).toMatchObject({ code: 0 });
  });

  describe('of a run without a configuration', () => {
    /** As `sudo npm start` in a folder: that of root, or of the user. */
    function startIn(folder: string, targets: EscapeTargets = {}): RunningCommand {
      return startCommand(['run'], { namespace: inNamespace(), env: intruding(targets), folder });
    }

    /** Of a folder that is that user's, below one of root's. */
    function folderOf(uid: number): string {
      const folder = join(temporaryFolder(), 'clone');
      mkdirSync(folder, { mode: 0o700 });
      chownSync(folder, uid, uid);
      return folder;
    }

    /** Of one that captures, and has a log service. */
    async function capabilitiesIn(folder: string, command: RunningCommand): Promise<readonly string[]> {
      await command.until(({ stdout }) => stdout.includes('log service  http'));
      const isCapturing = ({ interfaces }: AgentStatus) => interfaces[0]?.state === 'capturing';
      const { sandbox } = await statusOf(folder, isCapturing, '.flowlogd');
      expect(sandbox).toMatchObject({
        user: { uid: 0, reason: null, handedOver: 0 },
        files: { limited: limitsFiles, landlock: LANDLOCK },
        systemCalls: { limited: true, programs: true },
      });
      return sandbox.capabilities;
    }

    test('is refused the same, and reads and writes nothing but what it needs, as a root that has one capability', async () => {
      const folder = temporaryFolder();
      const secret = join(temporaryFolder(), 'secret');
      writeFileSync(secret, 'of root', { mode: 0o600 });
      const command = startIn(folder, { read: secret, write: join(folder, 'made') });
      const files = limitsFiles ? { read: 'EACCES', write: 'EACCES' } : {};
      expect(await escapesOf(command)).toMatchObject({ ...REFUSED, ...PROGRAMS, ...files });
      expect(await capabilitiesIn(folder, command)).toEqual(['CAP_NET_RAW']);
      for (const thread of readdirSync(`/proc/${command.child.pid}/task`)) {
        const text = readFileSync(`/proc/${command.child.pid}/task/${thread}/status`, 'utf8');
        expect(text).toMatch(/^CapPrm:\t0000000000002000$/m);
      }
      expect(await command.stop()).toMatchObject({ code: 0 });
    });

    const USER = 1000;

    test('reaches the folder of the user who called sudo, by one more capability', async () => {
      const folder = folderOf(USER);
      const command = startIn(folder);
      expect(await capabilitiesIn(folder, command)).toEqual(['CAP_DAC_READ_SEARCH', 'CAP_NET_RAW']);
      expect(lstatSync(join(folder, '.flowlogd'))).toMatchObject({ uid: 0 });
      expect(await command.stop()).toMatchObject({ code: 0 });
    });

    test('writes the state that a user without root made, by another', async () => {
      const folder = folderOf(USER);
      const first = startIn(folder);
      await capabilitiesIn(folder, first);
      expect(await first.stop()).toMatchObject({ code: 0 });
      execFileSync('chown', ['-R', `${USER}:${USER}`, folder]);
      const again = startIn(folder);
      expect(await capabilitiesIn(folder, again)).toContain('CAP_DAC_OVERRIDE');
      expect(await again.stop()).toMatchObject({ code: 0 });
    });
  });

  describe.skipIf(!limitsFiles)('of an agent that stays root', () => {
    test.each(['/root', '/var/log', '/tmp', 'a secret'])(
      'reads nothing but what the agent needs: not %s',
      async (place) => {
        const secret = join(temporaryFolder(), 'secret');
        writeFileSync(secret, 'of root', { mode: 0o600 });
        const command = startAgent(temporaryFolder(), SINKS, { read: place.startsWith('/') ? place : secret });
        expect(await escapesOf(command)).toMatchObject({ ...REFUSED, read: 'EACCES' });
      },
    );

    test('writes its state and nothing else', async () => {
      const folder = temporaryFolder();
      const outside = join(folder, 'made');
      const command = startAgent(folder, SINKS, { write: outside });
      expect(await escapesOf(command)).toMatchObject({ ...REFUSED, write: 'EACCES' });
      expect(existsSync(outside)).toBe(false);
      const within = temporaryFolder();
      const other = startAgent(within, SINKS, { write: join(within, 'state/made') });
      expect(await escapesOf(other)).toMatchObject({ write: 'done' });
    });
  });

  test.each([
    ['a replay', ['replay'], []],
    ['an explanation', ['explain'], ['--packet', '1']],
  ])('of %s is refused the same', async (_, command, options) => {
    const path = join(temporaryFolder(), 'capture.pcap');
    writeFileSync(path, pcapFile([{ bytes: arp() }]));
    const targets = { read: secretFile(), write: join(temporaryFolder(), 'made') };
    const running = startCommand([...command, path, ...options], { env: intruding(targets) });
    expect(await escapesOf(running)).toEqual({ ...IN_PLACE, ...NO_PROGRAMS, ...NO_FILES });
    expect(await running.ended).toMatchObject({ code: 0 });
  });

  test('of a debug run is refused the same, but for one that starts a program for its user', async () => {
    const namespace = inNamespace();
    const targets = { read: secretFile(), write: join(temporaryFolder(), 'made') };
    const alone = startCommand(['debug', '-i', 'lo', '--duration', '1s'], { namespace, env: intruding(targets) });
    expect(await escapesOf(alone)).toEqual({ ...IN_PLACE, ...NO_PROGRAMS, ...NO_FILES });
    expect(await alone.ended).toMatchObject({ code: 0 });
    const words = ['debug', '-i', 'lo', '--', 'grep', 'Seccomp:', '/proc/self/status'];
    const { stdout } = await startCommand(words, { namespace, env: intruding() }).ended;
    expect(stdout).toContain('Seccomp:\t0');
  });

  describe.skipIf(isHidden)('of an agent that was never root', () => {
    const NOBODY = 65_534;
    const AS_NOBODY = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];
    const WITH_CAPABILITY = [...AS_NOBODY, '--inh-caps=+net_raw', '--ambient-caps=+net_raw'];

    function startAsNobody(words: readonly string[]) {
      const folder = temporaryFolder();
      chownSync(folder, NOBODY, NOBODY);
      const path = join(folder, 'flowlogd.yaml');
      writeFileSync(path, `stateDirectory: ${join(folder, 'state')}\nflowLogs: [{ interfaces: [lo] }]\n`);
      const command = startProgram([...words, FLOWLOGD, 'run', '--config', path], { namespace: inNamespace() });
      return { folder, command };
    }

    async function capturesLimited(folder: string): Promise<void> {
      const { sandbox } = await statusOf(folder, ({ interfaces }) => interfaces[0]?.state === 'capturing');
      expect(sandbox).toMatchObject({
        user: { uid: NOBODY, reason: null, handedOver: 0 },
        capabilities: ['CAP_NET_RAW'],
        files: { limited: limitsFiles },
        systemCalls: { limited: true },
      });
    }

    test('is limited the same, with the capability that it was started with', async () => {
      // Not before: the C library ends a setpriv with another thread.
      const env = intruding({ read: '/etc/passwd', write: '/tmp/flowlogd-escaped' });
      const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
      const { folder, command } = startAsNobody([...WITH_CAPABILITY, 'env', ...variables, process.execPath]);
      const expected = limitsFiles ? { read: 'done', write: 'EACCES' } : {};
      expect(await escapesOf(command)).toMatchObject({ ...REFUSED, ...expected });
      await capturesLimited(folder);
    });

    test.skipIf(spawnSync('setcap', ['-v']).error !== undefined)(
      'keeps the capability that the file of Node.js brings',
      async () => {
        const node = join(temporaryFolder(), 'node');
        chmodSync(dirname(node), 0o755);
        copyFileSync(process.execPath, node);
        execFileSync('setcap', ['cap_net_raw+ep', node]);
        const { folder } = startAsNobody([...AS_NOBODY, node]);
        await capturesLimited(folder);
      },
    );
  });

  test('of an agent on a kernel without Landlock is refused system calls, and the status says what is missing', async () => {
    const folder = temporaryFolder();
    const through = [compiled('without-landlock.c')];
    const command = startAgent(folder, SINKS, {}, 0o600, through);
    expect(await escapesOf(command)).toEqual({ ...REFUSED, ...NO_PROGRAMS });
    const { sandbox } = await statusOf(folder, ({ interfaces }) => interfaces[0]?.state === 'capturing');
    expect(sandbox.files).toEqual({ limited: false, landlock: 0, reason: 'the kernel has no Landlock' });
  });

  describe.skipIf(isHidden)('of an agent of root', () => {
    /** Which other users reach, as /etc and /var/lib are. */
    function openFolder(): string {
      const folder = temporaryFolder();
      chmodSync(folder, 0o755);
      return folder;
    }

    test('is another user, who gets the state of earlier runs and reaches no file of root', async () => {
      const folder = openFolder();
      const secret = join(folder, 'secret');
      writeFileSync(secret, 'of root', { mode: 0o600 });
      const state = join(folder, 'state');
      mkdirSync(join(state, 'spool'), { recursive: true, mode: 0o700 });
      const targets = { read: secret, write: join(folder, 'made') };
      const command = startAgent(folder, '', targets, 0o644);
      expect(await escapesOf(command)).toMatchObject({ ...REFUSED, read: 'EACCES', write: 'EACCES' });
      const status = await statusOf(folder, ({ sinks }) => sinks[0]!.deliveredBatches > 0);
      const { uid } = lstatSync(state);
      expect(uid).not.toBe(0);
      expect(status.sandbox.user).toMatchObject({ uid, reason: null, handedOver: 2 });
      expect(command.stderr).toMatch(/"files":2,"message":"state handed over from root"/);
      for (const thread of readdirSync(`/proc/${command.child.pid}/task`)) {
        const text = readFileSync(`/proc/${command.child.pid}/task/${thread}/status`, 'utf8');
        expect(text).toContain(`\nUid:\t${uid}\t${uid}\t${uid}\t${uid}\n`);
        expect(text).toMatch(/^CapPrm:\t0000000000002000$/m);
        expect(text).toMatch(/^Groups:\s*$/m);
      }
      command.child.kill('SIGHUP');
      await command.until(({ stderr }) => stderr.includes('configuration reloaded'));
      expect(await command.stop()).toMatchObject({ code: 0 });
      const again = startAgent(folder, '', targets, 0o644);
      await again.until(({ stderr }) => stderr.includes('flowlogd started'));
      expect((await statusOf(folder, () => true)).sandbox.user).toMatchObject({ uid, handedOver: 0 });
      expect(await again.stop()).toMatchObject({ code: 0 });
      const back = startAgent(folder, 'user: root', targets, 0o644);
      await back.until(({ stderr }) => stderr.includes('flowlogd started'));
      expect((await statusOf(folder, () => true)).sandbox).toMatchObject({
        user: { uid: 0, reason: null },
        capabilities: ['CAP_DAC_OVERRIDE', 'CAP_NET_RAW'],
      });
    });

    test('is root where the other user cannot read the configuration, which is said once', async () => {
      const folder = openFolder();
      const command = startAgent(folder, SINKS);
      await escapesOf(command);
      const reason = `cannot read ${join(folder, 'flowlogd.yaml')}`;
      await command.until(({ stderr }) => stderr.includes('still root'));
      expect((await statusOf(folder, () => true)).sandbox.user.reason).toContain(reason);
      expect(command.stderr.match(/still root: user \S+ cannot read/g)).toHaveLength(1);
      expect(lstatSync(join(folder, 'state')).uid).toBe(0);
    });

    test('does not begin where the configuration names a user that cannot run it', async () => {
      const folder = openFolder();
      const unknown = await startAgent(folder, 'user: no-such-user').ended;
      expect(unknown).toMatchObject({ code: 78 });
      expect(unknown.stderr).toContain("user: unknown user 'no-such-user'");
      rmSync(join(folder, 'flowlogd.yaml'));
      const blind = await startAgent(folder, 'user: nobody').ended;
      expect(blind).toMatchObject({ code: 78 });
      expect(blind.stderr).toMatch(/user: cannot run as nobody: user nobody cannot read .*flowlogd\.yaml\.$/m);
    });
  });
});
