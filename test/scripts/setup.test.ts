import { spawn } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const ROOT = new URL('../../', import.meta.url).pathname;
const TOOLS = ['sh', 'dirname', 'mkdir', 'cksum', 'cat', 'find', 'touch', 'mv', 'tail', 'flock', 'rm', 'sleep'];
const ADDON = 'agent/native/build/Release/capture.node';

const KERNEL = 'compiling the kernel';
const ENCODER = 'compiling the encoder';
/** What WebAssembly is compiled of. */
const ASSEMBLY_FOLDERS = [
  'agent/kernel/assembly',
  'agent/encoder/assembly',
  'agent/flow',
  'agent/model',
  'agent/packet',
];
const ASSEMBLY_FILES = [
  'agent/kernel/assembly/kernel.ts',
  'agent/kernel/layout.ts',
  'agent/kernel/asconfig.json',
  'agent/encoder/assembly/encoder.ts',
  'agent/encoder/layout.ts',
  'agent/encoder/asconfig.json',
  'agent/flow/slot-layout.ts',
  'agent/model/packet-batch-layout.ts',
  'agent/packet/key-row.ts',
];

/** What the stub npm does for each of its commands: what the real one leaves behind. */
const NPM = `
case "$*" in
  ci*) sleep 0.2; mkdir -p node_modules ;;
  *build:native*) mkdir -p ${ADDON.slice(0, ADDON.lastIndexOf('/'))}; touch ${ADDON} ;;
  *build:ts*) mkdir -p dist/agent; touch dist/agent/main.js ;;
  *build:kernel*) mkdir -p dist/agent/kernel; touch dist/agent/kernel/kernel.wasm ;;
  *build:encoder*) mkdir -p dist/agent/encoder; touch dist/agent/encoder/encoder.wasm ;;
esac`;

interface Ended {
  readonly code: number | null;
  readonly says: string;
}

describe('setup', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'flowlogd-setup-'));
    for (const path of ['bin', 'scripts', 'agent/native', ...ASSEMBLY_FOLDERS])
      mkdirSync(join(folder, path), { recursive: true });
    copyFileSync(join(ROOT, 'scripts/setup.sh'), join(folder, 'scripts/setup.sh'));
    const files = ['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json', 'agent/main.ts'];
    for (const path of [...files, 'agent/native/capture.c', ...ASSEMBLY_FILES]) writeFileSync(join(folder, path), '');
    for (const tool of TOOLS) symlinkSync(toolPath(tool), join(folder, 'bin', tool));
    symlinkSync(process.execPath, join(folder, 'bin/node'));
    stub('npm', NPM);
    stub('id', 'echo 0');
    for (const tool of ['make', 'g++', 'python3', 'cc']) stub(tool, 'exit 0');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** A command that writes down how it was called, then runs `body`. */
  function stub(name: string, body: string): void {
    const path = join(folder, 'bin', name);
    rmSync(path, { force: true });
    writeFileSync(path, `#!/bin/sh\necho "${name} $*" >>"${folder}/calls"\n${body}\n`);
    chmodSync(path, 0o755);
  }

  function setup(): Promise<Ended> {
    const child = spawn('/bin/sh', [join(folder, 'scripts/setup.sh')], {
      env: { PATH: join(folder, 'bin') },
      cwd: '/',
    });
    let says = '';
    child.stderr.on('data', (chunk) => {
      says += chunk;
    });
    child.stdout.on('data', (chunk) => {
      says += chunk;
    });
    return new Promise((done) => child.on('close', (code) => done({ code, says })));
  }

  /** The calls of npm and apt-get since the last time this was asked. */
  function calls(): string[] {
    const path = join(folder, 'calls');
    const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n') : [];
    rmSync(path, { force: true });
    return lines.filter((line) => /^(?:npm|apt-get) /.test(line)).map((line) => line.split(' --')[0] ?? '');
  }

  /** As if it were edited in a moment from now. */
  function edit(path: string): void {
    appendFileSync(join(folder, path), ' ');
    const soon = Date.now() / 1000 + 5;
    utimesSync(join(folder, path), soon, soon);
  }

  test('does everything once, and is silent afterwards', async () => {
    const first = await setup();
    expect(first).toEqual({
      code: 0,
      says: `${['installing npm packages', 'building the libpcap addon', KERNEL, ENCODER, 'compiling']
        .map((line) => `setup: ${line}`)
        .join('\n')}\n`,
    });
    expect(calls()).toEqual(['npm ci', 'npm run', 'npm run', 'npm run', 'npm run']);
    expect(await setup()).toEqual({ code: 0, says: '' });
    expect(calls()).toEqual([]);
  });

  test.each([
    ['package-lock.json', ['installing npm packages', KERNEL, ENCODER, 'compiling']],
    ['agent/native/capture.c', ['building the libpcap addon']],
    ['agent/main.ts', ['compiling']],
    ['agent/packet/key-row.ts', [KERNEL, 'compiling']],
    ['agent/encoder/layout.ts', [ENCODER, 'compiling']],
  ])('does again only what a change of %s asks for', async (path, lines) => {
    await setup();
    edit(path);
    expect(await setup()).toEqual({ code: 0, says: lines.map((line) => `setup: ${line}\n`).join('') });
  });

  test('run twice at once does the work once', async () => {
    const ended = await Promise.all([setup(), setup(), setup()]);
    expect(ended.map(({ code }) => code)).toEqual([0, 0, 0]);
    expect(calls()).toEqual(['npm ci', 'npm run', 'npm run', 'npm run', 'npm run']);
  });

  test('installs missing packages when it is root', async () => {
    rmSync(join(folder, 'bin/make'));
    stub('cc', 'exit 1');
    stub('apt-get', 'exit 0');
    const { code, says } = await setup();
    expect(code).toBe(0);
    expect(says).toMatch(/^setup: installing make libpcap-dev\n/);
    expect(calls().slice(0, 2)).toEqual([
      'apt-get -o DPkg::Lock::Timeout=300 update',
      'apt-get -o DPkg::Lock::Timeout=300 install -y',
    ]);
  });

  test('prints the command when it is not root', async () => {
    rmSync(join(folder, 'bin/g++'));
    stub('apt-get', 'exit 0');
    stub('id', 'echo 1000');
    expect(await setup()).toEqual({
      code: 77,
      says: 'setup: flowlogd needs packages that only root can install. Run: sudo apt-get install -y --no-install-recommends g++\n',
    });
    expect(calls()).toEqual([]);
  });

  test('names the packages where there is no apt', async () => {
    rmSync(join(folder, 'bin/python3'));
    const { code, says } = await setup();
    expect(code).toBe(69);
    expect(says).toMatch(/needs these to be built \(by their names in Debian\): python3\. Install them/);
  });

  test('shows why apt failed', async () => {
    rmSync(join(folder, 'bin/make'));
    stub('apt-get', 'echo "E: no network"; exit 100');
    const { code, says } = await setup();
    expect(code).toBe(69);
    expect(says).toMatch(/E: no network\nsetup: installing make failed, see above/);
  });

  test('refuses an old Node with a sentence', async () => {
    stub('node', 'echo 18.19.0');
    expect(await setup()).toEqual({
      code: 69,
      says: 'setup: flowlogd needs Node.js 20 or newer, and this is 18.19.0.\n',
    });
  });

  test.each([
    ['ci*', 69, /npm ci failed/],
    ['*build:native*', 69, /building the libpcap addon failed/],
    ['*build:ts*', 70, /compiling failed/],
    ['*build:kernel*', 70, /compiling the kernel failed/],
  ])('ends when npm fails at %s, and does it again next time', async (words, exitCode, sentence) => {
    stub('npm', `case "$*" in ${words}) exit 1 ;; esac\n${NPM}`);
    const failed = await setup();
    expect(failed.code).toBe(exitCode);
    expect(failed.says).toMatch(sentence);
    stub('npm', NPM);
    expect((await setup()).code).toBe(0);
    expect(existsSync(join(folder, ADDON))).toBe(true);
    expect(existsSync(join(folder, 'dist/agent/main.js'))).toBe(true);
    expect(await setup()).toEqual({ code: 0, says: '' });
  });
});

function toolPath(tool: string): string {
  for (const place of (process.env['PATH'] ?? '').split(delimiter)) {
    if (existsSync(join(place, tool))) return join(place, tool);
  }
  throw new Error(`no ${tool} on this machine`);
}
