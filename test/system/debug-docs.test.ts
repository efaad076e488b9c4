import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FLOWLOGD, startProgram } from '../support/command.ts';
import { Burst } from '../support/traffic.ts';
import { TwoHosts, twoHostsMissing } from '../support/two-hosts.ts';

const missing = twoHostsMissing();
if (missing !== undefined) process.stderr.write(`debug-docs: ${missing}\n`);

const PAGE = readFileSync(new URL('../../docs/debug.md', import.meta.url), 'utf8');
const lines = [...PAGE.matchAll(/```sh\n(.*?)```/gs)].flatMap(([, block = '']) => block.trim().split('\n'));

/** As the page has it, on the interface that is here and for no longer than a test has time. */
function runnable(line: string): string {
  return line
    .replace(/ --duration \S+/, '')
    .replace(/-i eth0/, '-i obs0')
    .replace(/^flowlogd debug(?! -i)/, 'flowlogd debug -i obs0')
    .replace(/^flowlogd debug/, 'flowlogd debug --duration 1s');
}

describe.skipIf(missing !== undefined)('the commands of docs/debug.md', { timeout: 180_000 }, () => {
  let hosts: TwoHosts;
  let folder: string;
  beforeAll(() => {
    hosts = new TwoHosts();
    folder = mkdtempSync(join(tmpdir(), 'flowlogd-'));
    mkdirSync(join(folder, 'bin'));
    writeFileSync(join(folder, 'bin/flowlogd'), `#!/bin/sh\nexec ${process.execPath} ${FLOWLOGD} "$@"\n`, {
      mode: 0o755,
    });
  });
  afterAll(() => {
    hosts.remove();
    rmSync(folder, { recursive: true });
  });

  test.each(lines)('%s', async (line) => {
    const running = startProgram(['sh', '-c', runnable(line)], {
      namespace: hosts.observed,
      folder,
      env: { PATH: `${join(folder, 'bin')}:${process.env['PATH']}`, HOME: folder },
    });
    if (line.startsWith('flowlogd debug')) {
      await running.until(({ stderr }) => stderr.includes('Capturing on '));
      hosts.send(new Burst(0).frames);
    }
    const { code, stdout, stderr } = await running.ended;
    // What a program of the page answers without a network is its own affair.
    if (!line.includes(' -- ')) expect(code, stderr).toBe(0);
    expect(stdout + stderr).toMatch(/offered +[\d,]+ packets|^Packet 1 of/m);
  });

  test('are some', () => {
    expect(lines.length).toBeGreaterThan(8);
  });
});
