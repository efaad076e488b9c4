/**
 * What the body of an answer says, read as what it may be: the log service's own document, that of the cloud's management
 * API, which answers 200 to everything that it handled, or that of a stranger.
 */
export interface NamedError {
  /** Where the code stood: in the service's own document, in that of the management API, elsewhere. */
  readonly from: 'service' | 'management' | 'stranger';
  readonly code: string;
  readonly message: string | undefined;
}

type JsonObject = Readonly<Record<string, unknown>>;

/** Of the objects of a stranger's document that are searched for a code, the outer ones first. */
const OBJECTS_MAX = 64;

const REQUEST_ID = String.raw`"request[_-]?id"[ \t\r\n]*:[ \t\r\n]*"[\w.:/+=-]{0,256}"[ \t\r\n]*`;
/**
 * Held against the text and not against parsed JSON, where the later of two equal keys would hide the earlier one.
 */
const NOTHING_BUT_REQUEST_IDS = new RegExp(
  String.raw`^[ \t\r\n]*(?:\{[ \t\r\n]*(?:${REQUEST_ID}(?:,[ \t\r\n]*${REQUEST_ID})*)?\}[ \t\r\n]*)?$`,
  'i',
);

/** Whether the body is empty or a JSON object of nothing but request ids. */
export function isOnlyRequestIds(body: string): boolean {
  return NOTHING_BUT_REQUEST_IDS.test(body);
}

/** The error that a body names; undefined where it names none, or is no JSON. */
export function namedError(body: string): NamedError | undefined {
  const document = parse(body);
  if (document === undefined) return undefined;
  if (isObject(document)) {
    const { errorcode, errormessage, Response: response } = document;
    if (typeof errorcode === 'string' && errorcode !== '') {
      return { from: 'service', code: errorcode, message: textOf(errormessage) };
    }
    const error = isObject(response) ? response['Error'] : undefined;
    if (isObject(error)) {
      return { from: 'management', code: textOf(error['Code']) ?? 'no code', message: textOf(error['Message']) };
    }
  }
  return strangersError(document);
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body.replace(/^\ufeff/, ''));
  } catch {
    return undefined;
  }
}

function strangersError(document: unknown): NamedError | undefined {
  const objects: unknown[] = [document];
  for (let next = 0; next < objects.length && next < OBJECTS_MAX; next++) {
    const object = objects[next];
    if (typeof object !== 'object' || object === null) continue;
    const code = wordOf(object as JsonObject, /^(?:err(?:or)?)?(?:code|no)$|^err(?:or)?$/);
    const message = wordOf(object as JsonObject, /^(?:err(?:or)?)?(?:message|msg)$/);
    if (code !== undefined) return { from: 'stranger', code, message };
    for (const inner of Object.values(object)) if (objects.length < OBJECTS_MAX) objects.push(inner);
  }
  return undefined;
}

/** The first value under a name, in whatever spelling, that is a text or a number. */
function wordOf(object: JsonObject, name: RegExp): string | undefined {
  for (const [key, value] of Object.entries(object)) {
    if (name.test(key.toLowerCase().replace(/[^a-z]/g, ''))) {
      const text = textOf(value);
      if (text !== undefined && text !== '') return text;
    }
  }
  return undefined;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
