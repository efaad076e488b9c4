import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadConfiguration } from '../../agent/config/load.ts';
import { SINKS } from '../../agent/export/sinks.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const FOLDER = resolve('systemd');
const DROP_INS = 'flowlogd.service.d';
/** In tenths: 1.5 is the least that an agent can have which captures from the host's network and ships over it. */
const EXPOSURE_MAX = { 'flowlogd.service': 16, 'verdicts.conf': 18 } as const;

const isMissing = spawnSync('systemd-analyze', ['--version']).error !== undefined;
if (isMissing) process.stderr.write('systemd unit: skipped, there is no systemd-analyze here\n');

/** The unit in a folder of its own, with a program that exists here, and with a drop-in when one is named. */
function installed(dropIn?: string): string {
  const folder = temporaryFolder();
  const unit = join(folder, 'flowlogd.service');
  const text = readFileSync(join(FOLDER, 'flowlogd.service'), 'utf8');
  expect(text).toContain('ExecStart=/usr/bin/flowlogd ');
  writeFileSync(unit, text.replace('ExecStart=/usr/bin/flowlogd ', `ExecStart=${process.execPath} `));
  if (dropIn === undefined) return unit;
  mkdirSync(join(folder, DROP_INS));
  cpSync(join(FOLDER, DROP_INS, dropIn), join(folder, DROP_INS, dropIn));
  return unit;
}

function analyze(...words: readonly string[]) {
  const { status, stdout, stderr } = spawnSync('systemd-analyze', words, { encoding: 'utf8' });
  return { status, stdout, stderr };
}

describe.skipIf(isMissing)('the unit', () => {
  test.each([undefined, ...readdirSync(join(FOLDER, DROP_INS))])('is one that systemd understands (%s)', (dropIn) => {
    // An unknown key is a warning and no more, so silence is what counts.
    expect(analyze('verify', '--man=no', installed(dropIn))).toEqual({ status: 0, stdout: '', stderr: '' });
  });

  test.each([
    [undefined, EXPOSURE_MAX['flowlogd.service']],
    ['verdicts.conf', EXPOSURE_MAX['verdicts.conf']],
  ])('is as hardened as its page says (%s)', (dropIn, tenths) => {
    const unit = installed(dropIn);
    // Offline, systemd-analyze reads one file: a drop-in's lines count when they stand at the end of its section.
    if (dropIn !== undefined) {
      const lines = readFileSync(join(FOLDER, DROP_INS, dropIn), 'utf8').replace('[Service]', '');
      writeFileSync(unit, readFileSync(unit, 'utf8').replace('[Install]', `${lines}\n[Install]`));
    }
    const { status, stdout } = analyze('security', '--offline=yes', '--no-pager', `--threshold=${tenths}`, unit);
    expect({ status, verdict: stdout.trim().split('\n').at(-1) }).toMatchObject({ status: 0 });
  });

  test('costs what its page says, line by line', () => {
    const { stdout } = analyze('security', '--offline=yes', '--no-pager', installed());
    const costs = [...stdout.matchAll(/^✗ (\S+).* (\d\.\d) *$/gm)].map(([, line = '', cost]) => `${line} ${cost}`);
    const rows = [...readFileSync('docs/systemd.md', 'utf8').matchAll(/^\| `(\S+)` \| (\d\.\d) \|/gm)];
    expect(costs.length).toBeGreaterThan(8);
    expect(rows.map(([, line = '', cost]) => `${line.replaceAll('\\|', '|')} ${cost}`).sort()).toEqual(costs.sort());
  });
});

test('the limits of the unit are the ones that its comment adds up', () => {
  const text = readFileSync(join(FOLDER, 'flowlogd.service'), 'utf8');
  const parts = [...text.matchAll(/^# {3,}(\d+) MiB /gm)].map(([, mebibytes]) => Number(mebibytes));
  const [, limit] = /^MemoryMax=(\d+)M$/m.exec(text) ?? [];
  expect(parts.length).toBeGreaterThan(2);
  const sum = parts.reduce((total, mebibytes) => total + mebibytes, 0);
  expect(Number(limit)).toBeGreaterThanOrEqual(sum);
  expect(Number(limit)).toBeLessThan(sum + 64);
});

test('a search that is killed for its memory does not stop the agent', () => {
  expect(readFileSync(join(FOLDER, 'flowlogd.service'), 'utf8')).toMatch(/^OOMPolicy=continue$/m);
});

test('the configuration that is installed with it is right, as it stands and with its log service', () => {
  const text = readFileSync(join(FOLDER, 'flowlogd.yaml'), 'utf8');
  const check = (yaml: string) => {
    const readTextFile = (path: string) => ({ text: path.endsWith('.yaml') ? yaml : 'key', mode: 0o644 });
    const path = '/etc/flowlogd/flowlogd.yaml';
    const environment = {
      CREDENTIALS_DIRECTORY: '/run/credentials/flowlogd.service',
      STATE_DIRECTORY: '/var/lib/flowlogd',
    };
    return loadConfiguration({ path, environment, readTextFile, sinkKinds: SINKS, zstd: false, readNamedFiles: true })
      .configuration;
  };
  expect(check(text)).toMatchObject({ sinks: [], stateDirectory: '/var/lib/flowlogd' });
  expect(check(text.replace(/^#(?=sinks:| +\w+:)/gm, '')).sinks[0]?.options).toMatchObject({
    credentials: { secretId: 'key' },
  });
});
