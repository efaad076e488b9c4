import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const ROOT = new URL('../../', import.meta.url).pathname;

/** One probe: a file that imports one thing, and whether the drawing of the layers forbids it. */
type Probe = readonly [file: string, imported: string, verdict: 'forbidden' | 'allowed'];

const PROBES: readonly Probe[] = [
  ['agent/model/x.ts', './y.ts', 'allowed'],
  ['agent/model/x.ts', '../packet/y.ts', 'forbidden'],
  ['agent/model/x.ts', 'node:fs', 'forbidden'],
  ['agent/model/x.ts', 'pino', 'forbidden'],
  ['agent/terminal/x.ts', './y.ts', 'allowed'],
  ['agent/terminal/x.ts', '../model/y.ts', 'forbidden'],
  ['agent/record/x.ts', '../terminal/y.ts', 'allowed'],
  ['agent/packet/x.ts', '../model/y.ts', 'allowed'],
  ['agent/packet/x.ts', '../flow/y.ts', 'forbidden'],
  ['agent/packet/x.ts', 'node:fs/promises', 'forbidden'],
  ['agent/flow/x.ts', '../packet/y.ts', 'allowed'],
  ['agent/flow/x.ts', '../meter/y.ts', 'forbidden'],
  ['agent/flow/x.ts', 'node:crypto', 'forbidden'],
  ['agent/record/x.ts', '../model/y.ts', 'allowed'],
  ['agent/kernel/x.ts', '../flow/y.ts', 'allowed'],
  ['agent/kernel/x.ts', '../meter/y.ts', 'forbidden'],
  ['agent/kernel/assembly/x.ts', '../../packet/key-row', 'allowed'],
  ['agent/kernel/assembly/x.ts', '../../packet/decode', 'forbidden'],
  ['agent/encoder/x.ts', '../record/y.ts', 'allowed'],
  ['agent/encoder/x.ts', '../export/y.ts', 'forbidden'],
  ['agent/encoder/assembly/x.ts', '../layout', 'allowed'],
  ['agent/encoder/assembly/x.ts', '../writers', 'forbidden'],
  ['agent/meter/x.ts', '../kernel/y.ts', 'allowed'],
  ['agent/record/x.ts', '../wire/y.ts', 'forbidden'],
  ['agent/record/x.ts', 'node:os', 'forbidden'],
  ['agent/wire/x.ts', '../record/y.ts', 'allowed'],
  ['agent/wire/x.ts', 'lz4-napi', 'allowed'],
  ['agent/wire/x.ts', 'node:zlib', 'allowed'],
  ['agent/wire/x.ts', 'node:fs', 'forbidden'],
  ['agent/wire/x.ts', 'node:http', 'forbidden'],
  ['agent/annotation/x.ts', '../packet/y.ts', 'allowed'],
  ['agent/annotation/x.ts', '../flow/y.ts', 'forbidden'],
  ['agent/privacy/x.ts', 'node:crypto', 'allowed'],
  ['agent/privacy/x.ts', '../spool/y.ts', 'forbidden'],
  ['agent/conntrack/x.ts', 'node:fs', 'allowed'],
  ['agent/conntrack/x.ts', '../capture/y.ts', 'forbidden'],
  ['agent/analysis/x.ts', '../../analyses/y.ts', 'allowed'],
  ['agent/analysis/x.ts', '../commands/y.ts', 'forbidden'],
  ['agent/analysis/x.ts', 'node:http', 'forbidden'],
  ['analyses/x.ts', '../agent/model/y.ts', 'forbidden'],
  ['detect/x.ts', './rules/y.ts', 'allowed'],
  ['detect/x.ts', '../analyses/y.ts', 'allowed'],
  ['detect/x.ts', '../analyses/catalogue.ts', 'forbidden'],
  ['detect/rules/x.ts', '../distinct.ts', 'allowed'],
  ['detect/rules/x.ts', '../../analyses/y.ts', 'allowed'],
  ['detect/x.ts', '../agent/model/y.ts', 'forbidden'],
  ['detect/rules/x.ts', '../../logservice/model/y.ts', 'forbidden'],
  ['detect/x.ts', 'node:fs', 'forbidden'],
  ['agent/explain/x.ts', '../record/y.ts', 'allowed'],
  ['agent/explain/x.ts', '../meter/y.ts', 'forbidden'],
  ['agent/explain/x.ts', 'node:fs', 'forbidden'],
  ['agent/report/x.ts', '../record/y.ts', 'allowed'],
  ['agent/report/x.ts', '../debug/y.ts', 'forbidden'],
  ['agent/report/x.ts', 'node:fs', 'forbidden'],
  ['agent/capture/x.ts', 'node:fs/promises', 'allowed'],
  ['agent/capture/x.ts', '../meter/y.ts', 'forbidden'],
  ['agent/capture/x.ts', '../config/y.ts', 'forbidden'],
  ['agent/meter/x.ts', '../flow/y.ts', 'allowed'],
  ['agent/meter/x.ts', '../capture/y.ts', 'forbidden'],
  ['agent/meter/x.ts', '../spool/y.ts', 'forbidden'],
  ['agent/spool/x.ts', '../wire/y.ts', 'allowed'],
  ['agent/spool/x.ts', '../export/y.ts', 'forbidden'],
  ['agent/spool/x.ts', '../daemon/y.ts', 'forbidden'],
  ['agent/export/x.ts', './cls/y.ts', 'allowed'],
  ['agent/export/x.ts', '../spool/y.ts', 'forbidden'],
  ['agent/export/x.ts', '../telemetry/y.ts', 'forbidden'],
  ['agent/export/cls/x.ts', '../timers.ts', 'allowed'],
  ['agent/export/cls/x.ts', '../http/y.ts', 'allowed'],
  ['agent/export/cls/x.ts', '../../wire/y.ts', 'allowed'],
  ['agent/export/cls/x.ts', '../../spool/y.ts', 'forbidden'],
  ['agent/export/cls/x.ts', '../kafka/y.ts', 'forbidden'],
  ['agent/telemetry/x.ts', 'pino', 'allowed'],
  ['agent/telemetry/x.ts', '../meter/y.ts', 'forbidden'],
  ['agent/flow-logs/x.ts', '../model/y.ts', 'allowed'],
  ['agent/flow-logs/x.ts', '../config/y.ts', 'forbidden'],
  ['agent/flow-logs/x.ts', 'node:fs', 'forbidden'],
  ['agent/config/x.ts', 'yaml', 'allowed'],
  ['agent/config/x.ts', '../capture/engines.ts', 'allowed'],
  ['agent/config/x.ts', '../options/y.ts', 'allowed'],
  ['agent/config/x.ts', '../export/y.ts', 'forbidden'],
  ['agent/options/x.ts', '../record/y.ts', 'forbidden'],
  ['agent/options/x.ts', 'node:fs', 'forbidden'],
  ['agent/export/cls/x.ts', '../../options/y.ts', 'allowed'],
  ['agent/export/cls/x.ts', '../../config/y.ts', 'forbidden'],
  ['agent/threads/x.ts', '../capture/y.ts', 'allowed'],
  ['agent/threads/x.ts', '../config/y.ts', 'forbidden'],
  ['agent/conversations/x.ts', '../model/y.ts', 'allowed'],
  ['agent/conversations/x.ts', '../observe/y.ts', 'forbidden'],
  ['agent/conversations/x.ts', 'node:fs', 'forbidden'],
  ['agent/live-table/x.ts', '../conversations/y.ts', 'allowed'],
  ['agent/live-table/x.ts', '../debug/y.ts', 'forbidden'],
  ['agent/live-table/x.ts', '../terminal/text-output.ts', 'forbidden'],
  ['agent/live-table/x.ts', 'node:stream', 'forbidden'],
  ['agent/observe/x.ts', '../conversations/y.ts', 'allowed'],
  ['agent/observe/x.ts', '../../logservice/query/y.ts', 'allowed'],
  ['agent/observe/x.ts', '../../logservice/store/y.ts', 'forbidden'],
  ['agent/observe/x.ts', '../commands/y.ts', 'forbidden'],
  ['agent/debug/x.ts', '../threads/y.ts', 'allowed'],
  ['agent/debug/x.ts', '../spool/y.ts', 'forbidden'],
  ['agent/debug/x.ts', '../config/y.ts', 'forbidden'],
  ['agent/sandbox/x.ts', '../native/y.ts', 'allowed'],
  ['agent/sandbox/x.ts', '../config/y.ts', 'forbidden'],
  ['agent/native/x.ts', '../model/y.ts', 'allowed'],
  ['agent/native/x.ts', '../capture/y.ts', 'forbidden'],
  ['agent/capture/x.ts', '../native/y.ts', 'allowed'],
  ['agent/capture/libpcap/x.ts', '../../native/y.ts', 'allowed'],
  ['agent/capture/libpcap/x.ts', '../cap/y.ts', 'forbidden'],
  ['agent/capture/libpcap/x.ts', '../../meter/y.ts', 'forbidden'],
  ['agent/cli/x.ts', '../record/y.ts', 'allowed'],
  ['agent/cli/x.ts', '../commands/y.ts', 'forbidden'],
  ['agent/cli/x.ts', '../config/load.ts', 'forbidden'],
  ['agent/output/x.ts', '../record/y.ts', 'allowed'],
  ['agent/output/x.ts', '../replay/y.ts', 'forbidden'],
  ['agent/control/x.ts', '../flow-logs/y.ts', 'allowed'],
  ['agent/control/x.ts', '../daemon/y.ts', 'forbidden'],
  ['agent/daemon/x.ts', '../meter/y.ts', 'allowed'],
  ['agent/daemon/x.ts', '../config/y.ts', 'forbidden'],
  ['agent/daemon/x.ts', '../../logservice/y.ts', 'forbidden'],
  ['agent/replay/x.ts', '../meter/y.ts', 'allowed'],
  ['agent/replay/x.ts', '../daemon/y.ts', 'forbidden'],
  ['agent/explain/run.ts', '../capture/y.ts', 'allowed'],
  ['agent/commands/x.ts', '../daemon/y.ts', 'allowed'],
  ['agent/commands/x.ts', '../main.ts', 'forbidden'],
  ['agent/bundles/x.ts', 'node:vm', 'allowed'],
  ['agent/bundles/x.ts', '../commands/y.ts', 'forbidden'],
  ['agent/main.ts', './daemon/y.ts', 'forbidden'],
  ['logservice/x.ts', 'node:http', 'allowed'],
  ['logservice/x.ts', '../agent/model/y.ts', 'forbidden'],
  ['logservice/model/x.ts', '../../schema/y.ts', 'allowed'],
  ['logservice/model/x.ts', '../store/y.ts', 'forbidden'],
  ['logservice/query/x.ts', '../model/y.ts', 'allowed'],
  ['logservice/query/x.ts', 'node:fs', 'forbidden'],
  ['logservice/query/x.ts', '../store/y.ts', 'forbidden'],
  ['logservice/upload/x.ts', 'protobufjs', 'allowed'],
  ['logservice/upload/x.ts', '../store/y.ts', 'forbidden'],
  ['logservice/store/x.ts', '../upload/y.ts', 'allowed'],
  ['logservice/store/x.ts', '../http/y.ts', 'forbidden'],
  ['logservice/store/x.ts', '../search/y.ts', 'forbidden'],
  ['logservice/search/x.ts', '../query/y.ts', 'allowed'],
  ['logservice/search/x.ts', '../store/writer.ts', 'forbidden'],
  ['logservice/search/x.ts', '../http/y.ts', 'forbidden'],
  ['logservice/findings/x.ts', '../store/store.ts', 'allowed'],
  ['logservice/findings/x.ts', '../../detect/y.ts', 'allowed'],
  ['logservice/findings/x.ts', '../http/y.ts', 'forbidden'],
  ['logservice/findings/x.ts', '../../agent/model/y.ts', 'forbidden'],
  ['logservice/http/x.ts', '../store/y.ts', 'allowed'],
  ['logservice/http/x.ts', '../query/y.ts', 'forbidden'],
  ['logservice/http/x.ts', '../service.ts', 'forbidden'],
  ['logservice/http/x.ts', '../../agent/model/y.ts', 'forbidden'],
];

describe('the layers', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'flowlogd-layers-'));
  let refused: ReadonlySet<string>;

  beforeAll(() => {
    copyFileSync(join(ROOT, 'biome.json'), join(scratch, 'biome.json'));
    for (const [index, [file, imported]] of PROBES.entries()) {
      const path = join(scratch, rename(file, index));
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, `import '${imported}';\n`);
    }
    refused = restrictedImports(scratch);
  }, 60_000);
  afterAll(() => rmSync(scratch, { recursive: true }));

  test.each(PROBES.map((probe, index) => [...probe, index] as const))(
    '%s importing %s is %s',
    (file, _, verdict, index) => {
      expect(refused.has(rename(file, index)) ? 'forbidden' : 'allowed').toBe(verdict);
    },
  );

  test('are stated for every folder of the agent', () => {
    const folders = readdirSync(join(ROOT, 'agent'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const probed = new Set(PROBES.map(([file]) => file.split('/')[1]));
    expect(folders.map(({ name }) => name).filter((name) => !probed.has(name))).toEqual([]);
  });
});

/** One file per probe, in the same folder; only `main.ts` and `run.ts` are known to the rules by their names. */
function rename(file: string, index: number): string {
  return /(main|run)\.ts$/.test(file) ? file : file.replace(/[^/]+\.ts$/, `probe${index}.ts`);
}

/** The files in which Biome refuses an import by the layer rules. */
function restrictedImports(folder: string): ReadonlySet<string> {
  const biome = join(ROOT, 'node_modules/.bin/biome');
  const args = [
    'lint',
    '--only=style/noRestrictedImports',
    '--reporter=json',
    '--max-diagnostics=none',
    '--vcs-enabled=false',
    '.',
  ];
  let output: string;
  try {
    output = execFileSync(biome, args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  } catch (error) {
    output = (error as { stdout: string }).stdout;
  }
  const { diagnostics } = JSON.parse(output) as { diagnostics: { location: { path: string | { file: string } } }[] };
  return new Set(
    diagnostics.map(({ location: { path } }) => (typeof path === 'string' ? path : path.file).replace(/^\.\//, '')),
  );
}
