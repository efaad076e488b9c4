/**
 * Keeps the code of a bundle: runs command lines one after the other in this process, and writes what V8 compiled for them.
 *
 *     node make-cache.cjs BUNDLE CACHE ROOT RUNS        RUNS is JSON: [["--version"], ["help", "run"]]
 */
const { openSync, readFileSync, writeFileSync } = require('node:fs');
const { basename, join } = require('node:path');
const { pathToFileURL } = require('node:url');
const { Script } = require('node:vm');

const [node, , file, cache, root, runs] = process.argv;
/** Of a command that failed by a fault of its own, and not of what it was given. */
const EXIT_BUG = 70;

// Its name is in what V8 compiled, and some versions put that into stack traces: the folder of the build is nobody's business. A
// copy of the name, because V8 keeps a part of a text with the whole of it.
const filename = Buffer.from(basename(file)).toString();
const script = new Script(readFileSync(file, 'latin1'), { filename });
const bundle = script.runInThisContext();
// Opened now: commands limit the files of the process that they run in.
const output = openSync(cache, 'w');

/** Answers the exit code, with which a command would end the process. */
function run(words) {
  return new Promise((resolve) => {
    process.exit = resolve;
    process.argv = [node, join(root, 'agent/main.js'), ...words];
    bundle(require, (module) => pathToFileURL(join(root, module)).href);
  });
}

async function runAll() {
  const { exit } = process;
  for (const words of JSON.parse(runs)) {
    if ((await run(words)) === EXIT_BUG) exit(EXIT_BUG);
  }
  writeFileSync(output, script.createCachedData());
  exit(0);
}

void runAll();
