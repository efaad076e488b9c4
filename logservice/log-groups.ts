import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import protobuf from 'protobufjs';
import { Refusal } from './refusal.ts';

/**
 * The body of an upload, decoded by the published schema and held against the documented limits (614/87660). Values are
 * measured in UTF-8 bytes; a value cannot be longer than the body, so only long texts are measured at all.
 */
export const LIMITS = {
  groups: 10,
  logsPerGroup: 10_000,
  valueBytes: 1024 * 1024,
  valuesBytes: 5 * 1024 * 1024,
} as const;

/** Refused as keys of a log, beside every key that begins with `_`. */
const FORBIDDEN_KEYS: ReadonlySet<string> = new Set(['__FILENAME__', '__TIMESTAMP__', '__LOGSETID__', '__TOPICID__']);

/** The end of year 9999; also the other way round. */
const TIME_MS_MAX = 253_402_300_799_999;

export interface Pair {
  readonly key: string;
  readonly value: string;
}
export interface Log {
  /** Seconds or milliseconds: a Long as protobufjs has it, or a number. */
  readonly time: number | { toNumber(): number };
  readonly contents: readonly Pair[];
}
export interface LogGroup {
  readonly logs: readonly Log[];
  readonly contextFlow: string;
  readonly filename: string;
  readonly source: string;
  readonly hostname: string;
  readonly logTags: readonly Pair[];
}

const LogGroupList = protobuf.loadSync(join(packageRoot(), 'proto', 'cls.proto')).lookupType('cls.LogGroupList');

/** The sources run from `logservice/`, the built service from `dist/logservice/`; `proto/` is beside either. */
function packageRoot(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'proto', 'cls.proto'))) {
    if (dirname(folder) === folder) throw new Error(`proto/cls.proto is not found above ${import.meta.dirname}`);
    folder = dirname(folder);
  }
  return folder;
}

export function decodeLogGroups(body: Uint8Array): readonly LogGroup[] | Refusal {
  if (body.length === 0) return new Refusal('MissingContent', 'The body is empty.');
  let groups: readonly LogGroup[];
  try {
    groups = (LogGroupList.decode(body) as unknown as { logGroupList: readonly LogGroup[] }).logGroupList;
  } catch (error) {
    return new Refusal('InvalidContent', `The body is not a LogGroupList: ${(error as Error).message}.`);
  }
  if (groups.length === 0) return new Refusal('MissingContent', 'The LogGroupList holds no LogGroup.');
  return checkLimits(groups) ?? groups;
}

function checkLimits(groups: readonly LogGroup[]): Refusal | undefined {
  if (groups.length > LIMITS.groups) {
    return new Refusal('LogSizeExceed', `${groups.length} LogGroups came at once, and ${LIMITS.groups} are taken.`);
  }
  let valuesBytes = 0;
  for (const { logs } of groups) {
    if (logs.length === 0) return new Refusal('InvalidContent', 'A LogGroup holds no log.');
    if (logs.length > LIMITS.logsPerGroup) {
      return new Refusal(
        'LogSizeExceed',
        `A LogGroup holds ${logs.length} logs, and ${LIMITS.logsPerGroup} are taken at once.`,
      );
    }
    for (const log of logs) {
      if (Math.abs(timeMs(log.time)) > TIME_MS_MAX)
        return new Refusal('InvalidContent', 'A log is later than year 9999.');
      for (const { key, value } of log.contents) {
        // Most keys and values are short: one comparison each.
        if (key.charCodeAt(0) === 95 /* _ */ || key === '') return forbiddenKey(key);
        const bytes = value.length * 3 > LIMITS.valueBytes ? Buffer.byteLength(value) : byteLength(value);
        if (bytes > LIMITS.valueBytes) {
          return new Refusal(
            'LogSizeExceed',
            `The value of '${key.slice(0, 100)}' has ${bytes} bytes, and ${LIMITS.valueBytes} are taken.`,
          );
        }
        valuesBytes += bytes;
      }
    }
  }
  if (valuesBytes <= LIMITS.valuesBytes) return undefined;
  return new Refusal('LogSizeExceed', `The values have ${valuesBytes} bytes, and ${LIMITS.valuesBytes} are taken.`);
}

/** UTF-8 bytes; written out because a call into C++ for every short value costs more than decoding it. */
function byteLength(value: string): number {
  for (let i = 0; i < value.length; i++) {
    if (value.charCodeAt(i) > 0x7f) return Buffer.byteLength(value);
  }
  return value.length;
}

function forbiddenKey(key: string): Refusal {
  if (key === '') return new Refusal('InvalidContent', 'A log has a content with an empty key.');
  const why = FORBIDDEN_KEYS.has(key)
    ? 'is the name of an internal field'
    : "begins with '_', which internal fields do";
  return new Refusal('InvalidContent', `The key '${key.slice(0, 100)}' ${why}.`);
}

/**
 * A log's time in milliseconds. The protocol takes seconds and milliseconds and does not say which: what would be before
 * 1973 as milliseconds (and before 5138 as seconds) is seconds; what is beyond that by a thousand is microseconds.
 */
export function timeMs(time: Log['time']): number {
  const value = typeof time === 'number' ? time : time.toNumber();
  if (Math.abs(value) < 1e11) return value * 1000;
  return Math.abs(value) < 1e14 ? value : Math.trunc(value / 1000);
}
