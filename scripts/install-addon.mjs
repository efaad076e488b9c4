/**
 * npm's install step of the packed flowlogd. The package holds the libpcap addon of the machine that packed it; where that does
 * not load (another architecture, an older C library) it is built here, with the node-gyp that npm brings along. A clone has
 * the sources of everything and builds with scripts/setup.sh.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const ADDON = join(ROOT, 'agent/native');

function loads() {
  try {
    createRequire(import.meta.url)(join(ADDON, 'build/Release/capture.node'));
    return true;
  } catch {
    return false;
  }
}

/** Node's own headers, where it came with them: then nothing is downloaded. */
function withOwnHeaders(environment) {
  const prefix = resolve(process.execPath, '../..');
  if (!existsSync(join(prefix, 'include/node/node_api.h'))) return environment;
  return { ...environment, npm_config_nodedir: prefix };
}

/** Debian's names of what is missing. */
function missingPackages() {
  const needed = { make: ['make', '--version'], 'g++': ['c++', '--version'], python3: ['python3', '--version'] };
  const missing = Object.keys(needed).filter((name) => {
    const [program, ...words] = needed[name];
    return spawnSync(program, words).error !== undefined;
  });
  const header = spawnSync('cc', ['-E', '-x', 'c', '-'], { input: '#include <pcap/pcap.h>\n' });
  return header.status === 0 ? missing : [...missing, 'libpcap-dev'];
}

function refuse(sentence) {
  process.stderr.write(`flowlogd: ${sentence}\n`);
  process.exit(1);
}

if (!existsSync(join(ROOT, 'agent/main.ts')) && !loads()) {
  const missing = missingPackages();
  if (missing.length > 0) {
    refuse(
      `building the libpcap addon needs ${missing.join(' ')} (by their names in Debian). Run: ` +
        `apt-get install -y --no-install-recommends ${missing.join(' ')}; then install flowlogd again.`,
    );
  }
  const words = ['rebuild', '--directory', ADDON, '--silent'];
  const { status, error } = spawnSync('node-gyp', words, { stdio: 'inherit', env: withOwnHeaders(process.env) });
  if (status !== 0) refuse(`building the libpcap addon failed${error ? `: ${error.message}` : ', see above'}.`);
}
