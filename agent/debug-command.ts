/** `flowlogd debug`: the data plane without recorder, spool and log service; its windows are printed and forgotten. */
import { randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import { loadCaptureAddon } from './capture/addon.ts';
import type { Invocation } from './commands/command.ts';
import { DebugScreen } from './debug-screen.ts';
import { HASH_SEED_WORDS } from './flow/hash.ts';
import { startRotation } from './meter/rotation.ts';
import type { TapEvent } from './meter/tap.ts';
import type { ClosedWindow, ClosedWindowMessage } from './model/closed-window.ts';
import { FLOW_LOG_DEFAULTS, type ObservationPoint } from './model/flow-log.ts';
import { addLedger, createLedger } from './model/ledger.ts';
import { EXIT, type ExitCode } from './model/operational-error.ts';
import { WINDOW_SECONDS_MAX } from './model/window-bounds.ts';
import { PrintedOutput, streamDestination } from './output.ts';
import { EXCLUDE_DEFAULTS, EXCLUDE_NOTHING } from './packet/exclusion.ts';
import { formatLedger } from './record/ledger-text.ts';
import { NdjsonPrinter } from './record/ndjson.ts';
import { TextPrinter } from './record/text.ts';
import type { OutputWindow } from './replay.ts';
import type { DataPlaneSetup } from './threads/data-plane.ts';
import { mapWindow } from './threads/mapped-window.ts';
import { type RunningDataPlane, startDataPlane } from './threads/start-data-plane.ts';

const DAY_SECONDS = 86_400;
const SNAP_BYTES = 128;
const BUFFER_BYTES = 64 * 1024 * 1024;
const FLOWS_MAX = 1_000_000;

type Show = (point: ObservationPoint, window: OutputWindow) => Promise<void>;

/** @param interfaceNames the interfaces to capture on, which are there */
export async function runDebug(invocation: Invocation, interfaceNames: readonly string[]): Promise<ExitCode> {
  // Asked for before anything starts: from then on Ctrl-C ends it in good order.
  const { signal } = invocation;
  const windowSeconds = invocation.seconds('window', { min: 1, max: WINDOW_SECONDS_MAX });
  const durationSeconds = invocation.seconds('duration', { min: 1, max: DAY_SECONDS });
  const engine = invocation.choice('engine', ['libpcap', 'cap']);
  const show = createShow(invocation, windowSeconds, durationSeconds);
  const setup = createSetup(invocation, interfaceNames, windowSeconds);
  const plane = startDataPlane(setup, engine, (point, event) => invocation.stderr.write(describeEvent(point, event)));
  const printed = printWindows(plane, show);
  for (const limit of await plane.ready) invocation.stderr.write(`flowlogd: ${limit}\n`);
  invocation.stderr.write(`Capturing on ${interfaceNames.join(', ')} for ${durationSeconds} s; Ctrl-C ends it.\n`);
  const endRotation = startRotation(plane.control, Date.now);
  await untilOver(signal, durationSeconds);
  endRotation();
  plane.control.requestStop();
  const totals = await printed;
  await plane.ended;
  invocation.stderr.write(formatLedger(totals.ledger, totals, invocation.stderr.isTTY === true));
  return EXIT.ok;
}

function createSetup(
  invocation: Invocation,
  interfaceNames: readonly string[],
  windowSeconds: number,
): Omit<DataPlaneSetup, 'control'> {
  const flowLog = { ...FLOW_LOG_DEFAULTS, id: 'debug', accountId: '-', windowSeconds };
  return {
    taps: interfaceNames.map((name) => ({
      point: { flowLog, interfaceId: name, interfaceName: name },
      capture: {
        interfaceName: name,
        snapBytes: SNAP_BYTES,
        bufferBytes: BUFFER_BYTES,
        promiscuous: false,
        filter: invocation.required('filter'),
      },
    })),
    exclusion: invocation.flag('no-exclude') ? EXCLUDE_NOTHING : EXCLUDE_DEFAULTS,
    flowsMax: FLOWS_MAX,
    hashSeed: randomFillSync(new Int32Array(HASH_SEED_WORDS)),
  };
}

function createShow(invocation: Invocation, windowSeconds: number, durationSeconds: number): Show {
  const { stdout } = invocation;
  const format = invocation.has('format')
    ? invocation.choice('format', ['table', 'ndjson', 'text'])
    : stdout.isTTY === true
      ? 'table'
      : 'text';
  if (format === 'table') {
    const screen = new DebugScreen(stdout, windowSeconds, Date.now() + durationSeconds * 1000);
    return (point, window) => screen.show(point, window);
  }
  const printer = format === 'ndjson' ? new NdjsonPrinter() : new TextPrinter();
  const destination = streamDestination(stdout);
  return (point, window) =>
    new PrintedOutput(printer, { windowSeconds, interfaceId: point.interfaceId }, destination).write(window);
}

/** Shows every window as it comes, and adds up the ledgers. */
async function printWindows(plane: RunningDataPlane, show: Show) {
  const addon = loadCaptureAddon();
  const totals = { ledger: createLedger([]), windows: 0, records: 0 };
  const print = async (closed: ClosedWindow) => {
    const { records, unmap } = mapWindow(closed, addon);
    await show(closed.point, { start: closed.windowStart, ledger: closed.ledger, records });
    unmap();
    plane.windows.postMessage({ id: closed.id });
    addLedger(totals.ledger, closed.ledger);
    totals.windows += 1;
    totals.records += closed.flows;
  };
  let last = Promise.resolve();
  const over = new Promise<void>((resolve) => {
    plane.windows.on('message', (message: ClosedWindowMessage) => {
      if (message.kind === 'end') resolve();
      else last = last.then(() => print(message.window));
    });
    plane.windows.once('close', resolve);
  });
  await over;
  await last;
  plane.windows.close();
  return totals;
}

async function untilOver(signal: AbortSignal, seconds: number): Promise<void> {
  if (signal.aborted) return;
  const timer = new AbortController();
  const timeout = setTimeout(() => timer.abort(), seconds * 1000);
  await once(AbortSignal.any([signal, timer.signal]), 'abort');
  clearTimeout(timeout);
}

function describeEvent(point: ObservationPoint, event: TapEvent): string {
  switch (event.kind) {
    case 'attached':
    case 'resumed':
    case 'volatile':
    case 'kept':
      return '';
    case 'detached':
      return `flowlogd: ${event.reason} Waiting for ${point.interfaceName} to come back.\n`;
    case 'jumped':
      return `flowlogd: ${event.gapSeconds.toFixed(1)} s passed on the clock without capture: ${event.reason}.\n`;
    case 're-attached':
      return `flowlogd: Capturing on ${point.interfaceName} again, after ${event.gapSeconds.toFixed(1)} s without.\n`;
  }
}
