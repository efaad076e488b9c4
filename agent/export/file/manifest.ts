/**
 * What is durable of the files of a sink, as lines of JSON behind one that names the version; each is on the disk before the batches that
 * it names are acknowledged, and after their bytes:
 *
 *     {"flowlogd-files":1}
 *     {"batches":["5D3F0A9C27E1B640-0"],"pairs":[{"stem":"...","format":"ndjson","flows":81920,"ledger":512}]}
 *     {"complete":"..."}
 *
 * A last line without its end was not acknowledged and is cut off. Whatever else is unreadable stops the sink: to go on would cut files
 * back behind what was acknowledged.
 */
import { OperationalError } from '../../model/operational-error.ts';
import { FILE_FORMATS, type FileFormat } from './file-names.ts';

/** Bytes of the files of one flow log that are acknowledged. */
export interface PairState {
  readonly stem: string;
  readonly format: FileFormat;
  readonly flows: number;
  readonly ledger: number;
}

export interface ManifestState {
  /** Open pairs by stem, and those that were complete but may lack their last name. */
  readonly open: Map<string, PairState>;
  readonly complete: Map<string, PairState>;
  /** The latest batches, oldest first. */
  readonly batches: Set<string>;
}

interface Line {
  readonly batches?: readonly string[];
  readonly pairs?: readonly PairState[];
  readonly complete?: string;
}

/** A batch that goes again was accepted a moment ago; a disk that loses power may bring back a few thousand names. */
export const BATCHES_REMEMBERED = 8192;
const FIRST_LINE = '{"flowlogd-files":1}';
/** That of the version and the state, which are on the disk before the manifest has its name. */
const LINES_MIN = 2;

export function emptyState(): ManifestState {
  return { open: new Map(), complete: new Map(), batches: new Set() };
}

/** Undefined for one without what each has from its beginning: nothing says then what was acknowledged. @throws OperationalError `sink.refused` */
export function readManifest(text: string): ManifestState | undefined {
  const state = emptyState();
  const lines = text.split('\n');
  // Behind the last line feed stands nothing, or what was not acknowledged.
  lines.pop();
  if (lines.length > 0 && lines[0] !== FIRST_LINE) throw invalid('its first line is not that of this version');
  if (lines.length < LINES_MIN) return undefined;
  for (const [index, line] of lines.slice(1).entries()) apply(state, parsed(line, index + 2));
  return state;
}

export function apply(state: ManifestState, { batches = [], pairs = [], complete }: Line): void {
  for (const pair of pairs) state.open.set(pair.stem, pair);
  for (const batch of batches) state.batches.add(batch);
  for (const batch of state.batches) {
    if (state.batches.size <= BATCHES_REMEMBERED) break;
    state.batches.delete(batch);
  }
  const pair = complete === undefined ? undefined : state.open.get(complete);
  if (pair === undefined) return;
  state.open.delete(pair.stem);
  state.complete.set(pair.stem, pair);
}

export function lineOf(line: Line): string {
  return `${JSON.stringify(line)}\n`;
}

/** The shortest text of the same state; pairs that are complete and named so are left out by who calls. */
export function manifestOf({ open, batches }: Pick<ManifestState, 'open' | 'batches'>): string {
  return `${FIRST_LINE}\n${lineOf({ batches: [...batches], pairs: [...open.values()] })}`;
}

function parsed(text: string, number: number): Line {
  let line: Line;
  try {
    line = JSON.parse(text);
  } catch {
    throw invalid(`line ${number} is no JSON`);
  }
  const { batches = [], pairs = [], complete = '' } = line ?? { complete: 0 };
  if (!isTexts(batches) || !Array.isArray(pairs) || !pairs.every(isPair) || typeof complete !== 'string') {
    throw invalid(`line ${number} is not of this version`);
  }
  return line;
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
}

/** A stem is part of a name, so it may not lead elsewhere. */
function isPair(value: unknown): boolean {
  const { stem, format, flows, ledger } = (value ?? {}) as Partial<PairState>;
  const isName = typeof stem === 'string' && /^\w[\w-]*$/.test(stem);
  return isName && FILE_FORMATS.some((known) => known === format) && isOffset(flows) && isOffset(ledger);
}

function isOffset(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function invalid(what: string): OperationalError {
  return new OperationalError(
    'sink.refused',
    `the manifest .flowlogd.manifest is invalid (${what}): restore it, or move it and the *.partial files away`,
  );
}
