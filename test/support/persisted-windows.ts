/** Windows persisted in files, and what is found of them after the process that counted them is gone. */
import { randomFillSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { HASH_SEED_WORDS } from '../../agent/flow/hash.ts';
import { tableBytes } from '../../agent/flow/table-parts.ts';
import { decodeHeader } from '../../agent/meter/header-block.ts';
import type { PageMapper } from '../../agent/meter/table-memory.ts';
import { sharedTableMemory } from '../../agent/meter/table-memory.ts';
import type { PersistedTable } from '../../agent/meter/window-file.ts';
import { type JournalEvent, WindowJournal } from '../../agent/meter/window-journal.ts';
import type { ObservationPoint } from '../../agent/model/flow-log.ts';
import { createFlowRecord, type FlowRecord } from '../../agent/model/flow-record.ts';
import { loadCaptureAddon } from '../../agent/native/addon.ts';
import { type Disk, nodeDisk } from '../../agent/spool/disk.ts';
import type { RecordedWindow } from '../../agent/spool/recorder.ts';
import { WindowRecovery } from '../../agent/threads/window-recovery.ts';
import { POINT } from './closed-windows.ts';

export const RULES = ['dhcp', 'dhcpv6'];
export const SEED = randomFillSync(new Int32Array(HASH_SEED_WORDS));

export interface JournalParts {
  readonly folder: string;
  readonly copyFolder?: string;
  readonly runId?: string;
  readonly bootId?: string;
  readonly ruleNames?: readonly string[];
  readonly point?: ObservationPoint;
  readonly mapper?: PageMapper;
  readonly onEvent?: (event: JournalEvent) => void;
}

/** A journal for `POINT`, or another, with the pages of the addon. */
export function journalIn(parts: JournalParts): WindowJournal {
  const {
    folder,
    copyFolder,
    runId = 'run1',
    bootId = 'boot-1',
    ruleNames = RULES,
    point = POINT,
    mapper = loadCaptureAddon(),
  } = parts;
  return new WindowJournal({
    persist: { folder, copyFolder, hostId: 'host-1', runId, bootId },
    point,
    ruleNames,
    mapper,
    fallback: sharedTableMemory(mapper),
    onEvent: parts.onEvent ?? (() => undefined),
  });
}

export interface Found {
  readonly windows: readonly RecordedWindow[];
  readonly recovery: WindowRecovery;
  /** `file: reason` */
  readonly quarantined: readonly string[];
  /** Likewise. */
  readonly newer: readonly string[];
}

/** What the run `run9` finds; nothing of it is removed. */
export function findLeftWindows(
  folder: string | readonly string[],
  disk: Disk = nodeDisk,
  points: readonly ObservationPoint[] = [],
): Found {
  const quarantined: string[] = [];
  const newer: string[] = [];
  const onQuarantined = (file: string, reason: string) => void quarantined.push(`${file}: ${reason}`);
  const onNewer = (file: string, reason: string) => void newer.push(`${file}: ${reason}`);
  const recovery = new WindowRecovery({
    disk,
    folders: [folder].flat(),
    runId: 'run9',
    hostId: 'host-1',
    points,
    hashSeed: new Int32Array(19),
    onQuarantined,
    onNewer,
  });
  const windows: RecordedWindow[] = [];
  for (let window = recovery.next(); window !== undefined; window = recovery.next()) windows.push(window);
  return { windows, recovery, quarantined, newer };
}

export function recordsOf(window: RecordedWindow): FlowRecord[] {
  const cursor = window.records();
  const records: FlowRecord[] = [];
  for (let record = createFlowRecord(); cursor.next(record); record = createFlowRecord()) records.push(record);
  return records;
}

export function packetsIn(windows: readonly RecordedWindow[]): number {
  return windows.flatMap(recordsOf).reduce((sum, { packets }) => sum + packets, 0);
}

export interface TablePlace extends PersistedTable {
  /** Of its header block. */
  readonly headerAt: number;
  readonly slotsAt: number;
  readonly end: number;
}

/** Where the tables of a whole file are. */
export function tablePlaces(path: string): TablePlace[] {
  const file = readFileSync(path);
  const places: TablePlace[] = [];
  for (let at = 0; at < file.length; at += 4096) {
    const header = decodeHeader(file.subarray(at));
    if (header.kind !== 'header' || at === 0) continue;
    const table = header.value as PersistedTable;
    const slotsAt = at + header.bytes;
    places.push({
      ...table,
      headerAt: at,
      slotsAt,
      end: slotsAt + tableBytes(table.family, table.slots, table.notesWire === true),
    });
  }
  return places;
}
