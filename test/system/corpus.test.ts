import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { type CommandEnd, runCommand } from '../support/command.ts';
import { ledgerPackets } from '../support/ledger-lines.ts';
import { parseRecords, recordLines } from '../support/ndjson-records.ts';

/** A capture of the corpus and what its manifest says of it. */
interface Capture {
  readonly file: string;
  readonly tier: 'core' | 'extended' | 'damaged' | 'unsupported';
  readonly counts: Readonly<Record<string, number>>;
}

const CORPUS = resolve(process.env['FLOWLOGD_CORPUS'] ?? '../shared/corpus');
const TIERS = ['core', 'extended', 'damaged', 'unsupported'] as const;
const captures = existsSync(CORPUS) ? readManifest() : [];
if (captures.length === 0) process.stderr.write(`corpus: skipped: there is no capture corpus in ${CORPUS}\n`);

function readManifest(): Capture[] {
  const [head = '', ...lines] = readFileSync(join(CORPUS, 'MANIFEST.tsv'), 'utf8').trim().split('\n');
  const names = head.split('\t');
  return lines.map((line) => {
    const cells = line.split('\t');
    const cell = (name: string) => cells[names.indexOf(name)] ?? '';
    return {
      file: cell('file'),
      tier: cell('tier') as Capture['tier'],
      counts: {
        offered: Number(cell('packets')),
        metered: Number(cell('recorded')),
        excluded: Number(cell('excluded')),
        'not IP': Number(cell('not_ip')),
        malformed: Number(cell('malformed')),
      },
    };
  });
}

const pathOf = ({ file }: Capture) => join(CORPUS, 'captures', file);

function expectedLines({ file }: Capture): string[] {
  const ndjson = gunzipSync(readFileSync(join(CORPUS, 'expected', `${file}.ndjson.gz`))).toString();
  return recordLines(parseRecords(ndjson));
}

/** A sentence on standard error, of the program itself and not of Node.js. */
const SENTENCE = /^flowlogd: .*[a-z].*\.$/m;

function expectRefusal({ code, stdout, stderr }: CommandEnd): void {
  expect(stderr).toMatch(SENTENCE);
  expect({ code, stdout }).toEqual({ code: 65, stdout: '' });
}

function expectTier(capture: Capture, end: CommandEnd): void {
  expect(end.stderr).not.toContain('WebAssembly unavailable');
  const isRefused = capture.tier === 'unsupported' || (capture.tier === 'extended' && end.code === 65);
  if (isRefused) {
    expectRefusal(end);
    expect(end.stderr).toMatch(/unsupported link type \S/);
    return;
  }
  expect(recordLines(parseRecords(end.stdout))).toEqual(expectedLines(capture));
  expect(ledgerPackets(end.stderr)).toMatchObject(capture.counts);
  expect(end.code).toBe(capture.tier === 'damaged' ? 65 : 0);
  if (capture.tier === 'damaged') expect(end.stderr).toMatch(SENTENCE);
}

describe.skipIf(captures.length === 0).concurrent('the capture corpus through the command', () => {
  for (const tier of TIERS) {
    const ofTier = captures.filter((capture) => capture.tier === tier);
    const does = {
      core: 'gives exactly its records',
      extended: 'gives exactly its records, or is refused in a sentence',
      damaged: 'gives exactly the records before the damage, and exit code 65',
      unsupported: 'is refused by the name of its link type',
    }[tier];
    for (const capture of ofTier) {
      test(`${capture.file} ${does}`, async () => {
        expectTier(capture, await runCommand(['replay', pathOf(capture)]));
      });
      test(`${capture.file} ${does} from standard input, metered without WebAssembly`, async () => {
        expectTier(capture, await runCommand(['replay', '--no-wasm', '-'], { input: readFileSync(pathOf(capture)) }));
      });
      test(`${capture.file} ${does} through libpcap`, async () => {
        expectTier(capture, await runCommand(['replay', '--engine', 'libpcap', pathOf(capture)]));
      });
    }
  }
});
