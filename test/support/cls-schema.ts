/** The published CLS messages, decoded with protobufjs: the oracle for what the agent writes by hand. */
import protobuf from 'protobufjs';

const schema = protobuf.loadSync(new URL('../../proto/cls.proto', import.meta.url).pathname);
export const LogGroupList = schema.lookupType('cls.LogGroupList');

export interface DecodedLog {
  /** Milliseconds. */
  readonly time: number;
  readonly contents: readonly (readonly [key: string, value: string])[];
}
export interface DecodedGroup {
  readonly logs: readonly DecodedLog[];
  readonly contextFlow: string | undefined;
  readonly filename: string | undefined;
  readonly source: string | undefined;
  readonly tags: readonly (readonly [key: string, value: string])[];
}

interface PlainPair {
  readonly key: string;
  readonly value: string;
}
interface PlainGroup {
  readonly logs?: readonly { readonly time: number; readonly contents?: readonly PlainPair[] }[];
  readonly contextFlow?: string;
  readonly filename?: string;
  readonly source?: string;
  readonly logTags?: readonly PlainPair[];
}

const pairs = (plain: readonly PlainPair[] | undefined) => (plain ?? []).map(({ key, value }) => [key, value] as const);

export function decodeLogGroups(bytes: Uint8Array): DecodedGroup[] {
  const message = LogGroupList.decode(bytes);
  const plain = LogGroupList.toObject(message, { longs: Number }) as { logGroupList?: readonly PlainGroup[] };
  return (plain.logGroupList ?? []).map((group) => ({
    logs: (group.logs ?? []).map((log) => ({ time: log.time, contents: pairs(log.contents) })),
    contextFlow: group.contextFlow,
    filename: group.filename,
    source: group.source,
    tags: pairs(group.logTags),
  }));
}

/** Encodes what was decoded again, in the schema's order. */
export function reencode(bytes: Uint8Array): Uint8Array {
  return LogGroupList.encode(LogGroupList.decode(bytes)).finish();
}
