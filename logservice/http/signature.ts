import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { Refusal } from '../model/refusal.ts';

/**
 * Checks the `Authorization` header of Cloud Log Service (614/12445): HMAC-SHA1 over method, path and whichever parameters
 * and headers the client lists in it. Both lists may be empty. The body is covered only through a header that is a digest of it.
 */
export interface SignedRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** Decoded URL parameters; names in any case. */
  readonly parameters: Iterable<readonly [name: string, value: string]>;
  /** As node:http gives them: names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

export interface Credentials {
  readonly secretId: string;
  readonly secretKey: string;
}

/** What a request must have signed beyond what its client chose. */
export interface SignatureDemands {
  /** The longest time for which it may be valid. */
  readonly secondsMax: number;
  /** In lower case. */
  readonly headers: readonly string[];
}

const NO_DEMANDS: SignatureDemands = { secondsMax: Number.POSITIVE_INFINITY, headers: [] };

/** Undefined when the request carries a good signature. `nowMs` is the service's clock. */
export function checkSignature(
  request: SignedRequest,
  credentials: Credentials,
  nowMs: number,
  demands: SignatureDemands = NO_DEMANDS,
): Refusal | undefined {
  const header = request.headers['authorization'];
  if (typeof header !== 'string' || header === '') {
    return new Refusal('MissingAuthorization', 'The request carries no Authorization header.');
  }
  const claim = parseAuthorization(header);
  if (claim instanceof Refusal) return claim;
  if (claim.secretId !== credentials.secretId) {
    return new Refusal('AuthFailure.SecretIdNotFound', 'There is no such SecretId; see credentials.json in the store.');
  }
  const late = [claim.keyTime, claim.signTime].map((window) => outsideTime(window, nowMs)).find((text) => text);
  if (late !== undefined) return new Refusal('AuthFailure.SignatureExpire', late);
  const expected = hostVariants(request).map((variant) => signatureOf(variant, claim, credentials.secretKey));
  if (expected.some((signature) => equalText(signature, claim.signature))) return unmet(request, claim, demands);
  return new Refusal(
    'AuthFailure.SignatureFailure',
    'The signature is wrong: another SecretKey, or a proxy changed what was signed.',
  );
}

function unmet(
  { headers }: SignedRequest,
  { signTime: { begin, end }, headerNames }: Claim,
  demands: SignatureDemands,
): Refusal | undefined {
  const missing = demands.headers.find((name) => !headerNames.includes(name) || !headers[name]);
  if (missing !== undefined) {
    return new Refusal(
      'InvalidAuthorization',
      `The signature does not cover the header ${missing}, which is required.`,
    );
  }
  if (end - begin <= demands.secondsMax) return undefined;
  return new Refusal(
    'InvalidAuthorization',
    `The signature is valid for ${end - begin} seconds, and ${demands.secondsMax} are the most.`,
  );
}

interface TimeWindow {
  readonly text: string;
  readonly begin: number;
  readonly end: number;
}

interface Claim {
  readonly secretId: string;
  readonly signTime: TimeWindow;
  readonly keyTime: TimeWindow;
  readonly headerNames: readonly string[];
  readonly parameterNames: readonly string[];
  readonly signature: string;
}

const FIELDS = [
  'q-sign-algorithm',
  'q-ak',
  'q-sign-time',
  'q-key-time',
  'q-header-list',
  'q-url-param-list',
  'q-signature',
] as const;

function parseAuthorization(header: string): Claim | Refusal {
  const fields = new Map<string, string>();
  for (const part of header.split('&')) {
    const equals = part.indexOf('=');
    if (equals < 0) return malformed('it is not a list of name=value joined by &');
    fields.set(part.slice(0, equals).trim(), part.slice(equals + 1).trim());
  }
  const missing = FIELDS.find((name) => !fields.has(name));
  if (missing !== undefined) return malformed(`${missing} is missing`);
  const field = (name: (typeof FIELDS)[number]): string => fields.get(name) ?? '';
  if (field('q-sign-algorithm') !== 'sha1') return malformed('q-sign-algorithm is not sha1');
  const signTime = parseTime(field('q-sign-time'));
  const keyTime = parseTime(field('q-key-time'));
  if (signTime === undefined) return malformed('q-sign-time is not <begin>;<end> in Unix seconds');
  if (keyTime === undefined) return malformed('q-key-time is not <begin>;<end> in Unix seconds');
  if (!/^[0-9a-fA-F]{40}$/.test(field('q-signature'))) return malformed('q-signature is not 40 hexadecimal digits');
  return {
    secretId: field('q-ak'),
    signTime,
    keyTime,
    headerNames: nameList(field('q-header-list')),
    parameterNames: nameList(field('q-url-param-list')),
    signature: field('q-signature').toLowerCase(),
  };
}

function malformed(why: string): Refusal {
  return new Refusal('InvalidAuthorization', `The Authorization header is not understood: ${why}.`);
}

function parseTime(text: string): TimeWindow | undefined {
  const match = /^(\d{1,12});(\d{1,12})$/.exec(text);
  return match === null ? undefined : { text, begin: Number(match[1]), end: Number(match[2]) };
}

function nameList(text: string): readonly string[] {
  return text === '' ? [] : text.split(';').map((name) => name.toLowerCase());
}

function outsideTime({ begin, end }: TimeWindow, nowMs: number): string | undefined {
  const now = Math.floor(nowMs / 1000);
  if (now > end) return `The signature expired ${now - end} seconds ago by this service's clock.`;
  if (now < begin) return `The signature is valid only in ${begin - now} seconds by this service's clock.`;
  return undefined;
}

/** One SDK signs the host without its port and sends it with: both readings are the same host. */
function hostVariants(request: SignedRequest): readonly SignedRequest[] {
  const host = request.headers['host'];
  const bare = typeof host === 'string' ? host.replace(/:\d+$/, '') : host;
  return bare === host ? [request] : [request, { ...request, headers: { ...request.headers, host: bare } }];
}

function signatureOf(request: SignedRequest, claim: Claim, secretKey: string): string {
  const parameters = new Map<string, string>();
  for (const [name, value] of request.parameters) parameters.set(name.toLowerCase(), value);
  const parameterText = listed(claim.parameterNames, (name) => parameters.get(name) ?? '');
  const headerText = listed(claim.headerNames, (name) => {
    const value = request.headers[name] ?? '';
    return typeof value === 'string' ? value : value.join(', ');
  });
  const httpInfo = `${request.method.toLowerCase()}\n${request.path}\n${parameterText}\n${headerText}\n`;
  const stringToSign = `sha1\n${claim.signTime.text}\n${createHash('sha1').update(httpInfo).digest('hex')}\n`;
  // The key of the second step is the hex text of the first, as the published samples have it.
  const signKey = createHmac('sha1', secretKey).update(claim.keyTime.text).digest('hex');
  return createHmac('sha1', signKey).update(stringToSign).digest('hex');
}

function listed(names: readonly string[], value: (name: string) => string): string {
  return [...names]
    .sort()
    .map((name) => `${name}=${escapeValue(value(name))}`)
    .join('&');
}

/** Every UTF-8 byte outside `A-Za-z0-9-_.~` as % and two upper-case hex digits. */
function escapeValue(value: string): string {
  let escaped = '';
  for (const byte of Buffer.from(value)) {
    const character = String.fromCharCode(byte);
    escaped += /[A-Za-z0-9\-_.~]/.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return escaped;
}

function equalText(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
