/** From the options of `flowlogd debug` to what a run is to do. */
import { randomFillSync } from 'node:crypto';
import { type ChosenEngine, chooseEngine } from '../capture/choose-engine.ts';
import { LIVE_ENGINE_CHOICES } from '../capture/engines.ts';
import { ringBytesMaxOf } from '../capture/host-memory.ts';
import { RecordingProgress } from '../capture/recording.ts';
import { chosenFields } from '../cli/chosen-fields.ts';
import type { Invocation } from '../cli/command.ts';
import { HASH_SEED_WORDS } from '../flow/hash.ts';
import { asksSegments, COUNTS, FLOW_LOG_DEFAULTS, type FlowLog } from '../model/flow-log.ts';
import { OperationalError } from '../model/operational-error.ts';
import { FRAME_BYTES_MAX } from '../model/packet-batch.ts';
import { NFLOG_GROUP_MAX } from '../model/packet-source.ts';
import { WINDOW_SECONDS_MAX } from '../model/window-bounds.ts';
import { EXCLUDE_DEFAULTS, EXCLUDE_NOTHING } from '../packet/exclusion.ts';
import type { DataPlaneSetup } from '../threads/data-plane.ts';

const DAY_SECONDS = 86_400;
const SNAP_BYTES = 128;
const BUFFER_BYTES = 64 * 1024 * 1024;
const FLOWS_MAX = 1_000_000;
/** A screen wants to move; lines are read at leisure. */
const SCREEN_WINDOW_SECONDS = 2;
const LINES_WINDOW_SECONDS = 10;
const WRITE_BYTES_MIN = 1024;

export type DebugFormat = 'live' | 'table' | 'json' | 'ndjson' | 'text';

export interface DebugPlan extends ChosenEngine {
  readonly interfaceNames: readonly string[];
  readonly windowSeconds: number;
  readonly durationSeconds: number;
  readonly format: DebugFormat;
  readonly countsWire: boolean;
  /** What records say. */
  readonly row: Pick<FlowLog, 'resourceType' | 'fields'>;
  /** Whether text rows come under a line of field names. */
  readonly hasHeader: boolean;
  readonly color: boolean;
  readonly filter: string;
  /** The NFLOG group of what the packet filter rejects. */
  readonly rejectGroup: number | undefined;
  readonly excludes: boolean;
  readonly noWasm: boolean;
  /** The file for packets, and how far it is. */
  readonly recording:
    | { readonly path: string; readonly bytesMax: number; readonly progress: RecordingProgress }
    | undefined;
  /** Where the report goes; undefined without one. */
  readonly htmlPath: string | undefined;
  /** The program whose traffic is watched, with its arguments; empty without one. */
  readonly program: readonly string[];
}

/** @throws OperationalError `usage.invalid` */
export function readPlan(invocation: Invocation, interfaceNames: readonly string[]): DebugPlan {
  const { env, stdout, program } = invocation;
  const format = formatOf(invocation);
  const isScreen = format === 'live' || format === 'json';
  return {
    interfaceNames,
    windowSeconds: invocation.has('window')
      ? invocation.seconds('window', { min: 1, max: WINDOW_SECONDS_MAX })
      : isScreen
        ? SCREEN_WINDOW_SECONDS
        : LINES_WINDOW_SECONDS,
    durationSeconds: invocation.seconds('duration', { min: 1, max: DAY_SECONDS }),
    ...chooseEngine(invocation.choice('engine', LIVE_ENGINE_CHOICES)),
    countsWire: invocation.choice('count', COUNTS) === 'wire',
    format,
    row: chosenFields(invocation, 'debug'),
    hasHeader: !invocation.flag('no-header'),
    color: stdout.isTTY === true && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb',
    filter: invocation.required('filter'),
    rejectGroup: rejectGroupOf(invocation),
    excludes: !invocation.flag('no-exclude'),
    noWasm: invocation.flag('no-wasm'),
    recording: invocation.has('write')
      ? {
          path: invocation.required('write'),
          bytesMax: invocation.bytes('write-max', { min: WRITE_BYTES_MIN }),
          progress: new RecordingProgress(),
        }
      : undefined,
    htmlPath: invocation.string('html'),
    program,
  };
}

/** What is rejected comes as NFLOG has it: without the filter, and without the frame that a pcap file would hold. */
function rejectGroupOf(invocation: Invocation): number | undefined {
  return invocation.has('rejects') ? invocation.integer('rejects', { min: 0, max: NFLOG_GROUP_MAX }) : undefined;
}

function refused(problem: string): OperationalError {
  return new OperationalError('usage.invalid', `debug: ${problem} (see flowlogd debug --help)`);
}

function formatOf(invocation: Invocation): DebugFormat {
  const { stdout, env, program } = invocation;
  if (invocation.flag('json')) return 'json';
  const isTerminal = stdout.isTTY === true;
  const chosen = invocation.has('format')
    ? invocation.choice('format', ['table', 'ndjson', 'text'])
    : (isTerminal || program.length > 0) && !invocation.has('fields')
      ? 'table'
      : 'text';
  if (chosen === 'table' && invocation.has('fields'))
    throw refused('--fields cannot be combined with the table format');
  // The screen belongs to the program, and a terminal that cannot be drawn on gets one table after the other.
  return chosen === 'table' && isTerminal && program.length === 0 && env['TERM'] !== 'dumb' ? 'live' : chosen;
}

export function createSetup(plan: DebugPlan): Omit<DataPlaneSetup, 'control' | 'wake'> {
  const { windowSeconds, recording, filter, row, countsWire } = plan;
  const flowLog = {
    ...{ ...FLOW_LOG_DEFAULTS, ...row, id: 'debug', accountId: '-', windowSeconds },
    ...(countsWire ? { count: 'wire' as const } : {}),
  };
  const snapBytes = recording === undefined ? SNAP_BYTES : FRAME_BYTES_MAX;
  return {
    taps: plan.interfaceNames.map((name) => ({
      point: { flowLog, interfaceId: name, interfaceName: name },
      capture: {
        interfaceName: name,
        snapBytes,
        bufferBytes: BUFFER_BYTES,
        promiscuous: false,
        filter,
        tellsSegments: asksSegments(flowLog),
      },
      rejectGroup: plan.rejectGroup,
    })),
    exclusion: plan.excludes ? EXCLUDE_DEFAULTS : EXCLUDE_NOTHING,
    flowsMax: FLOWS_MAX,
    noWasm: plan.noWasm,
    ringBytesMax: ringBytesMaxOf(undefined),
    hashSeed: randomFillSync(new Int32Array(HASH_SEED_WORDS)),
    recording: recording && {
      path: recording.path,
      bytesMax: recording.bytesMax,
      snapBytes,
      shared: recording.progress.shared,
    },
  };
}
