/**
 * Makes what of dist/ is shipped (`npm run build:ts`): one file for each group of commands, each thread and each process, as
 * bundles.mjs lists them, with the code that V8 makes of it. The rest of dist/, the modules by themselves, is for tests, benches and docs.
 *
 *     dist/agent/main.js                                      chooses the bundle of a command: agent/bundles/entry.ts
 *     dist/agent/bundles/offline-7KQ2M4XV.js                  the bundle; its name changes with its text
 *     dist/agent/bundles/offline-7KQ2M4XV.v20.20.2-x64.cache  its code, for one Node.js: agent/bundles/run-bundle.ts
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { COMMAND, COMMAND_BUNDLES, OTHER_BUNDLES } from './bundles.mjs';
import { writeSamples } from './samples.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const DIST = join(ROOT, 'dist');
const CACHE_MAKER = fileURLToPath(new URL('make-cache.cjs', import.meta.url));
/** What the build had there before there were bundles. */
const FORMER = ['analyses', 'bench', 'schema'];

const COMMON = {
  absWorkingDir: ROOT,
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  packages: 'external',
  // A script has no import(); what is imported late is evaluated late in a bundle, too.
  supported: { 'dynamic-import': false },
  logLevel: 'warning',
};

/** `import.meta.url` as if the module lay in dist/ by itself: what it looks for beside itself is there. */
const moduleUrls = {
  name: 'module-urls',
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, ({ path }) => {
      const url = `moduleUrl(${JSON.stringify(relative(ROOT, path).replace(/\.ts$/, '.js'))})`;
      return { loader: 'ts', contents: readFileSync(path, 'utf8').replaceAll('import.meta.url', url) };
    });
  },
};

/** Without the commands of other bundles; in the bundle of words, which shows their help alone, without what they do. */
function onlyCommands(commands, isOfWords) {
  return {
    name: 'only-commands',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^\.\.?\// }, ({ kind, importer, path }) => {
        if (kind !== 'dynamic-import' || !importer.includes('/agent/commands/')) return undefined;
        const isListed = importer.endsWith('/registry.ts');
        const isLeftOut = isOfWords ? !isListed && !importer.endsWith('/dispatch.ts') : isListed && !commands.has(path);
        return isLeftOut ? { path, namespace: 'left-out' } : undefined;
      });
      onLoad({ filter: /.*/, namespace: 'left-out' }, ({ path }) => ({
        contents: `throw new Error(${JSON.stringify(`${path} is in another bundle`)});`,
      }));
    },
  };
}

/** Answers its file. */
async function makeBundle({ name, entry, path, plugins = [] }) {
  const { outputFiles } = await build({
    ...COMMON,
    plugins: [...plugins, moduleUrls],
    entryPoints: [entry],
    entryNames: `${name}-[hash]`,
    outdir: join(DIST, dirname(path), 'bundles'),
    banner: { js: '(function (require, moduleUrl) {' },
    footer: { js: '})' },
    write: false,
  });
  const [{ path: file, contents }] = outputFiles;
  write(file, contents);
  return file;
}

async function makeEntry(path, bundleOfWord, bundle) {
  const file = join(DIST, path);
  const { outputFiles } = await build({
    ...COMMON,
    entryPoints: ['agent/bundles/entry.ts'],
    define: {
      BUNDLE_OF_WORD: JSON.stringify(bundleOfWord),
      BUNDLE: JSON.stringify(bundle),
      TO_ROOT: JSON.stringify(relative(dirname(file), DIST)),
    },
    write: false,
  });
  write(file, outputFiles[0].contents);
  chmodSync(file, 0o755);
}

/** The code of what the runs of a bundle take of it. */
function makeCache(file, runs) {
  const folder = mkdtempSync(join(tmpdir(), 'flowlogd-bundle-'));
  try {
    writeSamples(folder);
    const cache = file.replace(/\.js$/, `.${process.version}-${process.arch}.cache`);
    // Predictable: the same text makes the same code.
    const words = ['--predictable', CACHE_MAKER, file, cache, DIST, JSON.stringify(runs)];
    const { status, stderr } = spawnSync(process.execPath, words, {
      cwd: folder,
      env: { PATH: process.env.PATH, HOME: folder },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    if (status !== 0) throw new Error(`the code of ${file} could not be made:\n${stderr}`);
    written.add(cache);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const written = new Set();

function write(file, contents) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, contents);
  written.add(file);
}

/** What earlier builds left; the meter's kernel is made by a compiler of its own. */
function removeOthers(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) removeOthers(path);
    else if (!written.has(path) && !entry.name.endsWith('.wasm')) rmSync(path);
  }
  if (readdirSync(folder).length === 0) rmSync(folder, { recursive: true });
}

async function makeCommand() {
  const [words, ...groups] = await Promise.all(
    COMMAND_BUNDLES.map(async ({ name, commands, runs }, index) => {
      const modules = new Set(['./help.ts', ...commands.map((command) => `./${command}.ts`)]);
      const file = await makeBundle({ ...COMMAND, name, plugins: [onlyCommands(modules, index === 0)] });
      makeCache(file, runs);
      return { name: basename(file, '.js'), commands };
    }),
  );
  const ofWord = groups.flatMap(({ name, commands }) => commands.map((command) => [command, name]));
  await makeEntry(COMMAND.path, ofWord, words.name);
}

async function makeOther({ name, entry, path }) {
  const file = await makeBundle({ name, entry, path });
  await makeEntry(path, [], basename(file, '.js'));
}

await Promise.all([makeCommand(), ...OTHER_BUNDLES.map(makeOther)]);
// The rest of the package is of modules.
for (const folder of ['agent', 'logservice']) write(join(DIST, folder, 'package.json'), '{ "type": "commonjs" }\n');
for (const folder of ['agent', 'logservice']) removeOthers(join(DIST, folder));
for (const folder of FORMER) rmSync(join(DIST, folder), { recursive: true, force: true });
