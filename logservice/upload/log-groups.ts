import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';
import { Refusal } from '../model/refusal.ts';
import { LogView, type Pair } from './log-view.ts';

/**
 * The body of an upload by the published schema, held against the documented limits (614/87660).
 *
 * Two passes. The first walks over the bytes, checks all there is to check, and makes no object for a log; it is what makes
 * a refusal leave nothing behind. The second reads one log after the other, in place.
 */
export const LIMITS = {
  groups: 10,
  logsPerGroup: 10_000,
  /** UTF-8 bytes. */
  valueBytes: 1024 * 1024,
  valuesBytes: 5 * 1024 * 1024,
} as const;

/** The text of a log that was not taken apart: the only key with `_` in front that senders use, among them the official SDKs. */
const CONTENT_KEY = '__CONTENT__';

/** The end of year 9999; also the other way round. */
const TIME_MS_MAX = 253_402_300_799_999;

export interface Log {
  /** Seconds or milliseconds: a Long as protobufjs has it, or a number. */
  readonly time: number | { toNumber(): number };
  readonly contents: readonly Pair[];
}
/** What the logs of a group have in common. */
interface GroupHead {
  readonly contextFlow: string;
  readonly filename: string;
  readonly source: string;
  readonly hostname: string;
  readonly logTags: readonly Pair[];
}
export interface LogGroup extends GroupHead {
  readonly logCount: number;
  /** Reads the logs in their order; the view is good until the next one. */
  readonly forEachLog: (visit: (log: LogView, index: number) => void) => void;
}

const schema = protobuf.loadSync(join(packageRoot(), 'proto', 'cls.proto'));
const LogType = schema.lookupType('cls.Log');
const LogGroupType = schema.lookupType('cls.LogGroup');
const tag = (type: string, field: string, wireType: number): number =>
  (schema.lookupType(`cls.${type}`).fields[field]!.id << 3) | wireType;
const VARINT = 0;
const LENGTH_DELIMITED = 2;
const TAG = {
  group: tag('LogGroupList', 'logGroupList', LENGTH_DELIMITED),
  log: tag('LogGroup', 'logs', LENGTH_DELIMITED),
  time: tag('Log', 'time', VARINT),
  content: tag('Log', 'contents', LENGTH_DELIMITED),
  key: tag('Log.Content', 'key', LENGTH_DELIMITED),
  value: tag('Log.Content', 'value', LENGTH_DELIMITED),
} as const;

/** The sources run from `logservice/`, what is built from `dist/`; `proto/` is beside either. */
function packageRoot(): string {
  const start = dirname(fileURLToPath(import.meta.url));
  let folder = start;
  while (!existsSync(join(folder, 'proto', 'cls.proto'))) {
    if (dirname(folder) === folder) throw new Error(`proto/cls.proto is not found above ${start}`);
    folder = dirname(folder);
  }
  return folder;
}

export function decodeLogGroups(body: Uint8Array): readonly LogGroup[] | Refusal {
  if (body.length === 0) return new Refusal('MissingContent', 'The body is empty.');
  try {
    return new BodyScan(body).groups();
  } catch (error) {
    if (error instanceof Refused) return error.refusal;
    return new Refusal('InvalidContent', `The body is not a LogGroupList: ${(error as Error).message}.`);
  }
}

/** Unwinds the scan; everything else that is thrown there is protobufjs' word about the bytes. */
class Refused extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.errormessage);
    this.refusal = refusal;
  }
}

function refuse(code: 'InvalidContent' | 'LogSizeExceed' | 'MissingContent', message: string): never {
  throw new Refused(new Refusal(code, message));
}

class BodyScan {
  readonly #body: Uint8Array;
  readonly #reader: protobuf.Reader;
  #valuesBytes = 0;

  constructor(body: Uint8Array) {
    this.#body = body;
    this.#reader = readerOf(body, 0, body.length);
  }

  groups(): readonly LogGroup[] {
    const groups: LogGroup[] = [];
    this.#fields(this.#body.length, (tag) => {
      if (tag !== TAG.group) return false;
      groups.push(this.#group());
      return true;
    });
    if (groups.length === 0) refuse('MissingContent', 'The LogGroupList holds no LogGroup.');
    if (groups.length > LIMITS.groups) {
      refuse('LogSizeExceed', `${groups.length} LogGroups came at once, and ${LIMITS.groups} are taken.`);
    }
    if (this.#valuesBytes > LIMITS.valuesBytes) {
      refuse('LogSizeExceed', `The values have ${this.#valuesBytes} bytes, and ${LIMITS.valuesBytes} are taken.`);
    }
    return groups;
  }

  #group(): LogGroup {
    const reader = this.#reader;
    const end = reader.size() + reader.pos;
    const start = reader.pos;
    const rest: Uint8Array[] = [];
    let logCount = 0;
    this.#fields(end, (tag, at) => {
      if (tag === TAG.log) {
        this.#log();
        logCount += 1;
      } else {
        skipField(reader, tag);
        rest.push(this.#body.subarray(at, reader.pos));
      }
      return true;
    });
    if (logCount === 0) refuse('InvalidContent', 'A LogGroup holds no log.');
    if (logCount > LIMITS.logsPerGroup) {
      refuse('LogSizeExceed', `A LogGroup holds ${logCount} logs, and ${LIMITS.logsPerGroup} are taken at once.`);
    }
    const head = LogGroupType.decode(Buffer.concat(rest)) as unknown as GroupHead;
    const { contextFlow, filename, source, hostname, logTags } = head;
    const forEachLog: LogGroup['forEachLog'] = (visit) => readLogs(this.#body, start, end, visit);
    return { contextFlow, filename, source, hostname, logTags, logCount, forEachLog };
  }

  #log(): void {
    const reader = this.#reader;
    let timed = false;
    this.#fields(reader.size() + reader.pos, (tag) => {
      if (tag === TAG.content) this.#content();
      else if (tag === TAG.time) {
        timed = true;
        const time = timeMs(reader.int64() as unknown as Log['time']);
        if (Math.abs(time) > TIME_MS_MAX) refuse('InvalidContent', 'A log has a time beyond year 9999.');
      } else return false;
      return true;
    });
    if (!timed) refuse('InvalidContent', 'The body is not a LogGroupList: a log has no time.');
  }

  #content(): void {
    const reader = this.#reader;
    let keyAt = -1;
    let keyBytes = 0;
    let valueBytes = -1;
    this.#fields(reader.size() + reader.pos, (tag) => {
      if (tag !== TAG.key && tag !== TAG.value) return false;
      const length = reader.size();
      if (tag === TAG.key) {
        keyAt = reader.pos;
        keyBytes = length;
      } else valueBytes = length;
      if (length > 0) reader.skip(length);
      return true;
    });
    if (keyAt < 0 || valueBytes < 0) {
      refuse('InvalidContent', 'The body is not a LogGroupList: a content has no key or no value.');
    }
    if (keyBytes === 0) refuse('InvalidContent', 'A log has a content with an empty key.');
    const shown = (): string => Buffer.from(this.#body.subarray(keyAt, keyAt + Math.min(keyBytes, 100))).toString();
    if (this.#body[keyAt] === 0x5f /* _ */ && shown() !== CONTENT_KEY) {
      refuse(
        'InvalidContent',
        `The key '${shown()}' begins with '_', which is reserved for internal fields (except ${CONTENT_KEY}).`,
      );
    }
    if (valueBytes > LIMITS.valueBytes) {
      refuse('LogSizeExceed', `The value of '${shown()}' has ${valueBytes} bytes, and ${LIMITS.valueBytes} are taken.`);
    }
    this.#valuesBytes += valueBytes;
  }

  /** Visits the fields of the message that ends at `end`; the visitor reads one that it knows and answers true. */
  #fields(end: number, visit: (tag: number, at: number) => boolean): void {
    const reader = this.#reader;
    const outer = reader.len;
    if (end > outer) throw new RangeError('a message is longer than what it is in');
    reader.len = end;
    while (reader.pos < end) {
      const at = reader.pos;
      const tag = reader.tag();
      if (!visit(tag, at)) skipField(reader, tag);
    }
    if (reader.pos !== end) throw new RangeError('a field is longer than its message');
    reader.len = outer;
  }
}

/** Groups within groups count as deep as below the whole body, so that what this skips the second pass skips, too. */
const DEPTH_OF_CONTENT = 3;

function skipField(reader: protobuf.Reader, tag: number): void {
  reader.skipType(tag & 7, DEPTH_OF_CONTENT, tag >>> 3);
}

function readerOf(body: Uint8Array, start: number, end: number): protobuf.Reader {
  const reader = protobuf.Reader.create(body);
  // Strangers' fields are skipped, not kept.
  reader.discardUnknown = true;
  reader.pos = start;
  reader.len = end;
  return reader;
}

/** The second pass over a group whose first pass found it whole. */
function readLogs(body: Uint8Array, start: number, end: number, visit: (log: LogView, index: number) => void): void {
  const reader = readerOf(body, start, end);
  const view = new LogView(body);
  for (let index = 0; reader.pos < end; ) {
    const tag = reader.tag();
    if (tag !== TAG.log) {
      skipField(reader, tag);
      continue;
    }
    const logEnd = reader.size() + reader.pos;
    visit(view.read(reader.pos, logEnd) ? view : rewritten(body, reader.pos, logEnd), index++);
    reader.pos = logEnd;
  }
}

/** A log that its sender wrote in another way than most, by reflection. */
function rewritten(body: Uint8Array, start: number, end: number): LogView {
  const log = LogType.decode(readerOf(body, start, end)) as unknown as Log;
  const bytes = LogType.encode({ time: 0, contents: log.contents }).finish();
  const view = new LogView(bytes);
  if (!view.read(0, bytes.length)) throw new Error('a log that was written here is not as it should be');
  view.time = typeof log.time === 'number' ? log.time : log.time.toNumber();
  return view;
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
