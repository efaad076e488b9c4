import { readFileSync } from 'node:fs';

let version: string | undefined;

/** The package's own version, read once: later there may be no file descriptor left. */
export function readVersion(): string {
  version ??= manifestVersion();
  return version;
}

/** Read, not imported: importing JSON warns on Node 20. */
function manifestVersion(): string {
  // This file is in agent/cli/ in the sources, in dist/agent/cli/ of the package, and in dist/modules/agent/cli/ for tests.
  for (const path of ['../../package.json', '../../../package.json', '../../../../package.json']) {
    try {
      const manifest: unknown = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
      if (isFlowlogdManifest(manifest)) return manifest.version;
    } catch {}
  }
  throw new Error('package.json of flowlogd is not where the build puts it');
}

function isFlowlogdManifest(value: unknown): value is { version: string } {
  return (
    typeof value === 'object' &&
    value !== null &&
    'name' in value &&
    value.name === 'flowlogd' &&
    'version' in value &&
    typeof value.version === 'string'
  );
}
