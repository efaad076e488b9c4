/** A real log service on a port and in a folder of its own, and a client that signs. */
import { createHash, createHmac } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type RunningService, type ServiceOptions, startService } from '../../logservice/service.ts';
import { LogGroupList } from '../support/cls-schema.ts';

export interface Keys {
  readonly secretId: string;
  readonly secretKey: string;
}

export interface TestService extends RunningService {
  readonly keys: Keys;
  /** What the service wrote to its log. */
  readonly lines: string[];
}

export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), 'flowlogd-logservice-'));
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

export async function startTestService(folder: string, options: Partial<ServiceOptions> = {}): Promise<TestService> {
  const lines: string[] = [];
  const service = await startService({
    folder,
    host: '127.0.0.1',
    port: 0,
    topics: [],
    now: Date.now,
    retentionMs: 7 * 86_400_000,
    storeBytesMax: 1024 ** 3,
    log: (line) => lines.push(line),
    onFailure: (error) => lines.push(error.message),
    // A process of its own runs what is built.
    searchWorker: resolve('dist/logservice/search/search-worker.js'),
    ...options,
  });
  return { ...service, keys: readKeys(folder), lines };
}

export function readKeys(folder: string): Keys {
  return JSON.parse(readFileSync(join(folder, 'credentials.json'), 'utf8')) as Keys;
}

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly text: string;
  readonly json: Record<string, unknown>;
}

export interface CallOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  /** Undefined sends no signature. */
  readonly keys?: Keys | undefined;
  readonly signedHeaders?: readonly string[];
  readonly signedParameters?: readonly string[];
  readonly nowSeconds?: number;
  /** For how long the signature is valid. */
  readonly seconds?: number;
  /** Instead of the port. */
  readonly socketPath?: string;
}

export function call(base: string, pathAndQuery: string, options: CallOptions = {}): Promise<Reply> {
  const url = new URL(pathAndQuery, base);
  const { method = 'GET', body = '', keys } = options;
  const headers: Record<string, string> = { host: url.host, ...options.headers };
  if (keys !== undefined) headers['authorization'] = sign(method, url, headers, { ...options, keys });
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, agent: false, socketPath: options.socketPath }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        const json = text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {};
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json });
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** The seven steps once more, so that neither the agent's nor the service's code judges itself. */
export function sign(
  method: string,
  url: URL,
  headers: Readonly<Record<string, string>>,
  options: CallOptions & { keys: Keys },
): string {
  const now = options.nowSeconds ?? Math.floor(Date.now() / 1000);
  const time = `${now - 60};${now - 60 + (options.seconds ?? 360)}`;
  const encode = (text: string) =>
    encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  const parameterNames = [...(options.signedParameters ?? url.searchParams.keys())].sort();
  const headerNames = [...(options.signedHeaders ?? ['host'])].sort();
  const parameters = parameterNames.map((name) => `${name}=${encode(url.searchParams.get(name) ?? '')}`).join('&');
  const values = headerNames.map((name) => `${name}=${encode(headers[name] ?? '')}`).join('&');
  const info = `${method.toLowerCase()}\n${url.pathname}\n${parameters}\n${values}\n`;
  const text = `sha1\n${time}\n${createHash('sha1').update(info).digest('hex')}\n`;
  const key = createHmac('sha1', options.keys.secretKey).update(time).digest('hex');
  const signature = createHmac('sha1', key).update(text).digest('hex');
  return (
    `q-sign-algorithm=sha1&q-ak=${options.keys.secretId}&q-sign-time=${time}&q-key-time=${time}` +
    `&q-header-list=${headerNames.join(';')}&q-url-param-list=${parameterNames.join(';')}&q-signature=${signature}`
  );
}

export interface TestLog {
  readonly time?: number;
  readonly contents: Readonly<Record<string, string>>;
}
export interface TestGroup {
  readonly logs: readonly TestLog[];
  readonly contextFlow?: string;
  readonly source?: string;
  readonly filename?: string;
  readonly tags?: Readonly<Record<string, string>>;
}

export function encodeGroups(groups: readonly TestGroup[]): Uint8Array {
  const pairs = (record: Readonly<Record<string, string>> = {}) =>
    Object.entries(record).map(([key, value]) => ({ key, value }));
  const plain = groups.map(({ logs, tags, ...rest }) => ({
    ...rest,
    logTags: pairs(tags),
    logs: logs.map(({ time = Date.now(), contents }) => ({ time, contents: pairs(contents) })),
  }));
  return LogGroupList.encode(LogGroupList.fromObject({ logGroupList: plain })).finish();
}

export const PROTOBUF = { 'content-type': 'application/x-protobuf' } as const;

export function upload(
  service: Pick<TestService, 'url' | 'keys'>,
  groups: readonly TestGroup[],
  topic = 'flowlog',
): Promise<Reply> {
  return call(service.url, `/structuredlog?topic_id=${topic}`, {
    method: 'POST',
    headers: PROTOBUF,
    body: encodeGroups(groups),
    keys: service.keys,
  });
}

/** A body with its digest, covered by the signature, as every search must have it. */
export function signedBody(body: string): CallOptions {
  const digest = createHash('sha256').update(body).digest('hex');
  return {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-cls-content-sha256': digest },
    signedHeaders: ['host', 'x-cls-content-sha256'],
    body,
  };
}

export interface Found {
  readonly status: number;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly unknown[])[];
  readonly json: Record<string, unknown>;
}

export async function search(
  service: Pick<TestService, 'url' | 'keys'>,
  query: string,
  more: Readonly<Record<string, unknown>> = {},
): Promise<Found> {
  const body = JSON.stringify({ topic_id: 'flowlog', query, from: 0, ...more });
  const { status, json } = await call(service.url, '/search', { ...signedBody(body), keys: service.keys });
  const columns = ((json['columns'] ?? []) as { name: string }[]).map(({ name }) => name);
  return { status, columns, rows: (json['rows'] ?? []) as unknown[][], json };
}

/** One column of what was found. */
export function column(found: Found, name: string): readonly unknown[] {
  const index = found.columns.indexOf(name);
  if (index < 0)
    throw new Error(`there is no column ${name} among ${found.columns.join(', ')}: ${JSON.stringify(found.json)}`);
  return found.rows.map((row) => row[index]);
}
