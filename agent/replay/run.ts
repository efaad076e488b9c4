/** `flowlogd replay`: from its options to a replay with its output, ledger and exit code. */
import { randomInt } from 'node:crypto';
import { statSync } from 'node:fs';
import { hostname } from 'node:os';
import { basename } from 'node:path';
import { SAVEFILE_ENGINE_NAMES, savefileEngine } from '../capture/engines.ts';
import { linkTypeName } from '../capture/link-type-name.ts';
import { chosenFields } from '../cli/chosen-fields.ts';
import type { Invocation } from '../cli/command.ts';
import { HASH_SEED_WORDS } from '../flow/hash.ts';
import { type Kernel, loadKernel } from '../kernel/kernel.ts';
import { privateTableMemory } from '../meter/table-memory.ts';
import { headerOf } from '../model/batch-id.ts';
import { FLOW_LOG_DEFAULTS, keysIcmp, type ObservationPoint, wireFieldsOf } from '../model/flow-log.ts';
import { EXIT, type ExitCode, OperationalError } from '../model/operational-error.ts';
import { WINDOW_SECONDS_MAX } from '../model/window-bounds.ts';
import type { WindowOutput } from '../model/window-output.ts';
import { type CaptureAddon, captureAddonIfBuilt } from '../native/addon.ts';
import { fillRandomly } from '../native/random.ts';
import { AnnotatedOutput } from '../output/annotated-output.ts';
import { BatchOutput, type ReplayHeader } from '../output/batch-output.ts';
import { binaryDestination, fileDestination, isNewFile, textDestination } from '../output/byte-destination.ts';
import { createPrinter, PrintedOutput } from '../output/printed-output.ts';
import { createProgress } from '../output/progress.ts';
import { outputToAll, ReportOutput } from '../output/report-output.ts';
import { TableOutput } from '../output/table-output.ts';
import { EXCLUDE_DEFAULTS, EXCLUDE_NOTHING, Exclusion } from '../packet/exclusion.ts';
import { counted } from '../record/human.ts';
import { formatLedger } from '../record/ledger-text.ts';
import { createAnnotators } from '../threads/annotators.ts';
import { HELD_MAX, type ReplayReport, replay } from './replay.ts';

const FORMATS = ['ndjson', 'text', 'table', 'batch'] as const;
/** By window and address family: half a gigabyte of IPv4 slots. */
const FLOWS_MAX = 8 * 1024 * 1024;
/** In the title of a report. */
const FILES_NAMED_MAX = 3;
/** The flow log and the interface that savefiles stand for. */
const REPLAYED = { id: 'replay', accountId: '-' } as const;
const TABLE_ROWS = 40;
const TABLE_WIDTH = 120;

export async function runReplay(invocation: Invocation): Promise<ExitCode> {
  const windowSeconds = invocation.seconds('window', { min: 1, max: WINDOW_SECONDS_MAX });
  const engine = savefileEngine(invocation.choice('engine', SAVEFILE_ENGINE_NAMES));
  const files = invocation.positionals;
  const addon = captureAddonIfBuilt();
  const kernel = kernelFor(invocation, addon);
  refuseWireFields(invocation);
  const mayRemove = ['output', 'html'].some((name) => invocation.has(name) && isNewFile(invocation.required(name)));
  const output = outputToAll(await createOutputs(invocation, windowSeconds));
  if (!mayRemove && !makesFiles(invocation)) await invocation.limitFiles(files);
  const progress = createProgress(invocation.flag('quiet') ? undefined : invocation.stderr, totalBytes(files));
  const report = await replay({
    files,
    engine: await engine.create(),
    filter: invocation.required('filter'),
    meter: {
      windowSeconds,
      exclusion: new Exclusion(invocation.flag('no-exclude') ? EXCLUDE_NOTHING : EXCLUDE_DEFAULTS),
      keysIcmp: keysIcmp(chosenFields(invocation, 'replay')),
      hashSeed: fillRandomly(new Int32Array(HASH_SEED_WORDS)),
      kernel,
      allocate: privateTableMemory(addon, kernel),
      flowsMax: FLOWS_MAX,
      ...HELD_MAX,
    },
    output,
    onProgress: progress.show,
    linkTypeName,
    signal: invocation.signal,
  });
  progress.clear();
  return conclude(invocation, report);
}

/** A sink of files makes new ones while it runs. */
function makesFiles(invocation: Invocation): boolean {
  return invocation.has('to') && invocation.required('to').startsWith('file:');
}

/** Undefined where TypeScript meters: as asked, or because WebAssembly cannot run here. */
function kernelFor(invocation: Invocation, addon: CaptureAddon | undefined): Kernel | undefined {
  if (invocation.flag('no-wasm')) return undefined;
  const kernel = loadKernel(addon?.hugePageOffset);
  if (typeof kernel !== 'string') return kernel;
  if (!invocation.flag('quiet')) invocation.stderr.writeMessage(kernel);
  return undefined;
}

/** A report alone is enough: records are printed beside it when asked for. */
async function createOutputs(invocation: Invocation, windowSeconds: number): Promise<readonly WindowOutput[]> {
  const printsRecords = ['format', 'fields', 'output', 'to'].some((name) => invocation.has(name));
  if (!invocation.has('html')) return [await createOutput(invocation, windowSeconds)];
  const filter = invocation.required('filter');
  const names = invocation.positionals.map((path) => (path === '-' ? 'standard input' : basename(path)));
  const more = names.length > FILES_NAMED_MAX ? ` and ${names.length - FILES_NAMED_MAX} more` : '';
  const subject = {
    subject: names.slice(0, FILES_NAMED_MAX).join(', ') + more,
    details: filter === '' ? [] : [`filter: ${filter}`],
  };
  const report = new ReportOutput(invocation.required('html'), windowSeconds, subject);
  if (!printsRecords) return [report];
  try {
    return [await createOutput(invocation, windowSeconds), report];
  } catch (error) {
    await report.abandon();
    throw error;
  }
}

/** Records with the fields that are asked for, and annotated where one of those needs it. */
async function createOutput(invocation: Invocation, windowSeconds: number): Promise<WindowOutput> {
  const flowLog = { ...FLOW_LOG_DEFAULTS, ...chosenFields(invocation, 'replay'), ...REPLAYED, windowSeconds };
  const point = { flowLog, interfaceId: REPLAYED.id, interfaceName: REPLAYED.id };
  const output = await createPlainOutput(invocation, point);
  const annotators = createAnnotators({ regions: [], interfaces: () => [], seed: () => randomInt(2 ** 32) })(point);
  return annotators.length === 0 ? output : new AnnotatedOutput(output, point, annotators);
}

async function createPlainOutput(invocation: Invocation, point: ObservationPoint): Promise<WindowOutput> {
  const format = invocation.choice('format', FORMATS);
  const path = invocation.required('output');
  if (invocation.has('to')) return createDelivery(invocation, replayHeader(point));
  const problem = formatProblem(invocation, format, path);
  if (problem !== undefined) {
    throw new OperationalError('usage.invalid', `replay: ${problem} (see flowlogd replay --help)`);
  }
  const standardDestination = format === 'batch' ? binaryDestination : textDestination;
  const destination = path === '-' ? standardDestination(invocation.stdout) : fileDestination(path);
  switch (format) {
    case 'ndjson':
    case 'text': {
      const { windowSeconds } = point.flowLog;
      const printer = createPrinter(format, point.flowLog);
      const header = invocation.flag('no-header') ? '' : printer.header;
      return new PrintedOutput(printer, { windowSeconds }, destination, header);
    }
    case 'table':
      return new TableOutput(TABLE_ROWS, invocation.stdout.columns || TABLE_WIDTH, destination);
    case 'batch':
      return new BatchOutput(replayHeader(point), destination);
  }
}

/** @throws OperationalError `usage.invalid` */
function refuseWireFields(invocation: Invocation): void {
  const [field] = wireFieldsOf(chosenFields(invocation, 'replay').fields);
  if (field === undefined) return;
  throw new OperationalError(
    'usage.invalid',
    `replay: --fields: '${field}' is not supported, capture files do not tell the segments of a frame: leave it out (see flowlogd replay --help)`,
  );
}

function formatProblem({ has, stdout }: Pick<Invocation, 'has' | 'stdout'>, format: string, path: string) {
  if (format === 'table' && has('fields')) return '--fields cannot be combined with the table format';
  if (format === 'batch' && path === '-' && stdout.isTTY) {
    return '--format batch is binary: set a file with --output, or use a pipe';
  }
  return undefined;
}

async function createDelivery(invocation: Invocation, header: ReplayHeader): Promise<WindowOutput> {
  const { deliverTo } = await import('./delivery.ts');
  return deliverTo(invocation, header);
}

/** Each replay is a run of its own: sending a file twice stores it twice, as a reader expects who asked for it twice. */
function replayHeader(point: ObservationPoint): ReplayHeader {
  return headerOf({ hostId: hostname(), runId: fillRandomly(Buffer.alloc(8)).toString('hex') }, point, 0);
}

/** Bytes of all files, or undefined when one of them (a pipe) has no size, or cannot be asked: who reads it says why. */
function totalBytes(files: readonly string[]): number | undefined {
  try {
    const sizes = files.filter((file) => file !== '-').map((file) => statSync(file));
    const areFiles = sizes.length === files.length && sizes.every((status) => status.isFile());
    return areFiles ? sizes.reduce((bytes, { size }) => bytes + size, 0) : undefined;
  } catch {
    return undefined;
  }
}

function conclude(invocation: Invocation, report: ReplayReport): ExitCode {
  const { stderr } = invocation;
  for (const failure of report.failures) stderr.writeMessage(failure.message);
  if (!invocation.flag('quiet') && !report.hasReadNothing) {
    stderr.write(formatLedger(report.ledger, report, stderr.isTTY));
  }
  if (report.splitWindows > 0) {
    stderr.writeMessage(
      `${counted(report.splitWindows, 'window')} written in several parts, because packets were further out of order than ` +
        'windows stay open: a flow may have several records per window. Sums are exact.',
    );
  }
  if (report.failures.length > 0) return worstExit(report.failures);
  return EXIT.ok;
}

/** Bad data says more than a missing file when there are several files. */
function worstExit(failures: readonly OperationalError[]): ExitCode {
  return failures.find((failure) => failure.exitCode === EXIT.badData)?.exitCode ?? failures[0]!.exitCode;
}
