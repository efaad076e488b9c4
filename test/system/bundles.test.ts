/** What is shipped: a bundle for each command, thread and process, and the code that V8 made of it. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Script } from 'node:vm';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { COMMANDS } from '../../agent/commands/registry.ts';
import { FLOWLOGD } from '../support/command.ts';
import { commandMissing } from '../support/network-namespace.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

interface BundleTable {
  readonly COMMAND_BUNDLES: readonly { readonly commands: readonly string[] }[];
}
const script = (name: string): Promise<unknown> =>
  import(new URL(`../../scripts/bundle/${name}`, import.meta.url).href);
const { COMMAND_BUNDLES } = (await script('bundles.mjs')) as BundleTable;
const { writeSamples } = (await script('samples.mjs')) as { readonly writeSamples: (folder: string) => void };

const noTrace = commandMissing('strace');
if (noTrace !== undefined) process.stderr.write(`bundles: ${noTrace}\n`);

const BUNDLES = join(dirname(FLOWLOGD), 'bundles');
const caches = readdirSync(BUNDLES).filter((name) => name.endsWith('.cache'));

let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
  writeSamples(folder);
});

function flowlogd(words: readonly string[], { main = FLOWLOGD } = {}): string {
  return execFileSync(process.execPath, [main, ...words], { cwd: folder, encoding: 'utf8', stdio: 'pipe' });
}

/** Records come in no order. */
function records({ main = FLOWLOGD } = {}): readonly string[] {
  return flowlogd(['replay', '--quiet', 'sample.pcap'], { main }).split('\n').toSorted();
}

/** The built command in a folder of its own, with what it has beside it. */
function copied(): { readonly main: string; readonly bundles: string } {
  const root = temporaryFolder();
  cpSync(dirname(FLOWLOGD), join(root, 'dist/agent'), { recursive: true });
  for (const name of ['agent', 'node_modules', 'package.json', 'proto']) {
    symlinkSync(join(dirname(FLOWLOGD), '../..', name), join(root, name));
  }
  return { main: join(root, 'dist/agent/main.js'), bundles: join(root, 'dist/agent/bundles') };
}

describe('commands', () => {
  test('are each in one bundle', () => {
    expect(COMMAND_BUNDLES.flatMap(({ commands }) => commands).toSorted()).toEqual([...COMMANDS.keys()].toSorted());
  });

  test.each([...COMMANDS.keys()])('%s has its help', (name) => {
    expect(flowlogd([name, '--help'])).toContain(`Usage: flowlogd ${name}`);
  });

  test('without one there is the overview, which has all', () => {
    const overview = flowlogd(['--help']);
    for (const name of COMMANDS.keys()) expect(overview).toContain(`  ${name} `);
    expect(flowlogd(['help', 'run'])).toBe(flowlogd(['run', '--help']));
  });

  test('a word that is none has the nearest one', () => {
    expect(() => flowlogd(['replya'])).toThrow(/did you mean.*replay/);
    expect(() => flowlogd(['constructor'])).toThrow(/constructor/);
  });
});

describe('a replay', () => {
  /** What of Node.js is loaded at its end. */
  function loaded(words: string): readonly string[] {
    const probe = join(folder, 'probe.cjs');
    const list = join(folder, 'loaded');
    // Opened at once: a replay limits the files of its process.
    const probing = `const fs = require('node:fs');
const list = fs.openSync(${JSON.stringify(list)}, 'w');
process.on('exit', () => fs.writeFileSync(list, process.moduleLoadList.join('\\n')));`;
    writeFileSync(probe, probing);
    execFileSync('sh', ['-c', `'${process.execPath}' --require '${probe}' '${FLOWLOGD}' ${words}`], { cwd: folder });
    return readFileSync(list, 'utf8').split('\n');
  }

  test.each(['>records', '| cat', '--format batch | cat', '-o records', '--format table >/dev/null'])(
    'loads neither cryptography nor streams: replay sample.pcap %s',
    (words) => {
      const modules = loaded(`replay sample.pcap 2>ledger ${words}`);
      expect(modules).toContain('NativeModule fs');
      expect(
        modules.filter((name) => /crypto|stream|net$|http|zlib|worker/.test(name) && !IN_EACH_START.has(name)),
      ).toEqual([]);
    },
  );

  /** What Node.js loads for any script. */
  const IN_EACH_START = new Set(
    execFileSync(process.execPath, ['--print', 'process.moduleLoadList.join("\\n")'], { encoding: 'utf8' }).split('\n'),
  );
});

describe('the code of a bundle', () => {
  test('is there for each command, and is taken by this Node.js', () => {
    expect(caches).toHaveLength(COMMAND_BUNDLES.length);
    for (const name of caches) {
      const text = readFileSync(join(BUNDLES, name.replace(/\.v[^/]*$/, '.js')), 'latin1');
      const script = new Script(text, { cachedData: readFileSync(join(BUNDLES, name)) });
      expect([name, script.cachedDataRejected]).toEqual([name, false]);
    }
  });

  test.each<[what: string, change: (path: string) => void]>([
    ['none', (path) => rmSync(path)],
    ['of something else', (path) => writeFileSync(path, 'no code')],
    ['cut off', (path) => writeFileSync(path, readFileSync(path).subarray(0, 10_000))],
    ['of another version', (path) => writeFileSync(path, readFileSync(path).fill(0x55, 4, 8))],
    ['of other flags', (path) => writeFileSync(path, readFileSync(path).fill(0x55, 12, 16))],
  ])('changes nothing where it is %s', (_, change) => {
    const { main, bundles } = copied();
    for (const name of caches) change(join(bundles, name));
    expect(records({ main })).toEqual(records());
    expect(flowlogd(['--version'], { main })).toBe(flowlogd(['--version']));
  });

  test.skipIf(noTrace !== undefined)('is not looked for outside of the package', () => {
    const calls = join(folder, 'calls');
    execFileSync('strace', ['-f', '-e', 'trace=open,openat', '-o', calls, process.execPath, FLOWLOGD, '--version']);
    const opened = readFileSync(calls, 'utf8')
      .split('\n')
      .filter((line) => line.includes(`-${process.arch}.cache"`));
    expect(opened.length).toBeGreaterThan(0);
    for (const line of opened) expect(line).toContain(`"${BUNDLES}/`);
  });
});

test('a fault has a stack with the names of functions and modules', () => {
  const { main, bundles } = copied();
  const [words] = readdirSync(bundles).filter((name) => /^words-.*\.js$/.test(name));
  const path = join(bundles, words!);
  const text = readFileSync(path, 'utf8');
  expect(text).toMatch(/^\/\/ agent\/commands\/help\.ts$/m);
  writeFileSync(path, text.replace(/^( *)async function renderOverview\(.*\{$/m, "$&\n throw new Error('a fault');"));
  expect(() => flowlogd(['--help'], { main })).toThrow(
    /a fault\n\s+at renderOverview \(.*bundles\/words-.*\.js:\d+:\d+\)/,
  );
});

describe('the npm package', () => {
  interface Packed {
    readonly files: readonly { readonly path: string }[];
  }
  const root = join(dirname(FLOWLOGD), '../..');
  let files: readonly string[];
  beforeAll(() => {
    const words = ['pack', '--dry-run', '--json', '--ignore-scripts'];
    const [packed] = JSON.parse(execFileSync('npm', words, { cwd: root, encoding: 'utf8' })) as [Packed];
    files = packed.files.map(({ path }) => path);
  });

  test('has the bundles with their code, and no module by itself', () => {
    const built = files.filter((path) => path.startsWith('dist/'));
    expect(built).toContain('dist/agent/main.js');
    for (const name of readdirSync(BUNDLES)) expect(built).toContain(`dist/agent/bundles/${name}`);
    const isBundled =
      /^dist\/(?:agent|logservice)\/(?:[a-z]+\/)?(?:bundles\/[\w-]+\.(?:js|v[\w.-]+\.cache)|[a-z-]+\.js|package\.json)$/;
    expect(built.filter((path) => !isBundled.test(path))).toEqual([
      'dist/agent/encoder/encoder.wasm',
      'dist/agent/kernel/kernel.wasm',
    ]);
  });

  test('is all that its commands need, beside the packages that it depends on', () => {
    const installed = temporaryFolder();
    for (const path of files) {
      mkdirSync(dirname(join(installed, path)), { recursive: true });
      cpSync(join(root, path), join(installed, path));
    }
    symlinkSync(join(root, 'node_modules'), join(installed, 'node_modules'));
    const main = join(installed, 'dist/agent/main.js');
    for (const name of COMMANDS.keys()) expect(flowlogd([name, '--help'], { main })).toContain('Usage:');
    expect(flowlogd(['--version'], { main })).toBe(flowlogd(['--version']));
    expect(flowlogd(['--version'], { main: join(installed, 'bin/flowlogd.js') })).toBe(flowlogd(['--version']));
    expect(records({ main })).toEqual(records());
  });
});
