import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { commandMissing, namespacesMissing } from '../support/network-namespace.ts';

/** The sanitizers come with gcc, in packages of their own. */
function sanitizersMissing(): string | undefined {
  const missing = commandMissing('gcc') ?? namespacesMissing();
  if (missing !== undefined) return missing;
  // What gcc does not find it names as it was asked.
  const found = execFileSync('gcc', ['-print-file-name=libasan.so'], { encoding: 'utf8' }).trim();
  return found.startsWith('/')
    ? undefined
    : 'skipped: needs the sanitizer libraries of gcc (apt install libasan8 libubsan1)';
}

const missing = sanitizersMissing();
if (missing !== undefined) process.stderr.write(`sanitized-addon: ${missing}\n`);

describe.skipIf(missing !== undefined)('the native addon under the address and undefined-behaviour sanitizers', () => {
  test('takes damaged savefiles, hostile frames and every misuse without a finding', { timeout: 120_000 }, () => {
    const said = execFileSync('sh', ['scripts/sanitize-addon.sh', 'test/fuzz/seeds/savefile', '20', '500'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    expect(said).toMatch(/^sanitize-addon: \d+ opened, \d+ packets read, nothing found$/m);
    expect(said).toMatch(/^sanitize-live: \d+ hostile frames captured in \d ways, nothing found$/m);
  });
});
