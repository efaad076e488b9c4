/** Asks the log service that runs on a store folder: its address and its key are in files of that folder. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import * as http from 'node:http';
import * as https from 'node:https';
import { join } from 'node:path';
import { ownCommand, quoted } from '../cli/own-command.ts';
import { shortSocketPath } from '../daemon/short-socket-path.ts';
import { signRequest } from '../export/cls/signature.ts';
import { connectingAgent } from '../export/http/connecting-agent.ts';
import { Connector } from '../export/http/connector.ts';
import { DEFAULT_TIMEOUTS } from '../export/http/exchange.ts';
import { OperationalError } from '../model/operational-error.ts';
import type { SearchAnswer, SearchQuestion } from '../model/search.ts';
import { EMBEDDED_FOLDER } from './embedded-folder.ts';
import { searchStopped } from './stopped-store.ts';

/** The folder of the store when none is named, below the current folder. */
export const DEFAULT_STORE_FOLDER = `${EMBEDDED_FOLDER}/logservice`;

export interface LogServiceLocation {
  readonly url: URL;
  /** Where only the user of the service can listen; undefined where the user named the URL. */
  readonly socketPath?: string | undefined;
  readonly credentials: { readonly secretId: string; readonly secretKey: string };
  /** The topic that is searched when none is named. */
  readonly topicId: string;
  readonly storeFolder: string;
  /** No service has the store: it is read in place. */
  readonly isStopped?: boolean;
}

/** The service ends a search after 30 seconds itself. */
const ANSWER_TIMEOUT_MS = 45_000;
/** The service answers at most 49 MB of rows. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;

/**
 * Where the log service of a store listens, and its key.
 * @param overrides what the user named instead
 * @throws OperationalError `logservice.unreachable`
 */
export function locateLogService(
  storeFolder: string,
  overrides: {
    readonly url?: URL | undefined;
    readonly topicId?: string | undefined;
    readonly credentials?: LogServiceLocation['credentials'] | undefined;
  } = {},
): LogServiceLocation {
  if (overrides.url === undefined && isStopped(storeFolder)) return stoppedStore(storeFolder, overrides.topicId);
  const running = overrides.url === undefined ? readStore(storeFolder, 'service.json') : {};
  const { secretId, secretKey } = overrides.credentials ?? readStore(storeFolder, 'credentials.json');
  const url = overrides.url ?? (URL.canParse(String(running['url'])) ? new URL(String(running['url'])) : undefined);
  if (url === undefined || typeof secretId !== 'string' || typeof secretKey !== 'string') {
    throw new OperationalError(
      'logservice.unreachable',
      `Locating the log service of ${storeFolder} failed: corrupt files. Restart it: ${startLine(storeFolder)}.`,
    );
  }
  const topicId = overrides.topicId ?? (typeof running['topic'] === 'string' ? running['topic'] : 'flowlog');
  const socketPath = typeof running['socketPath'] === 'string' ? shortSocketPath(running['socketPath']) : undefined;
  return { url, socketPath, credentials: { secretId, secretKey }, topicId, storeFolder };
}

function isStopped(storeFolder: string): boolean {
  return existsSync(join(storeFolder, 'logs.duckdb')) && !existsSync(join(storeFolder, 'service.json'));
}

function stoppedStore(storeFolder: string, topicId = ''): LogServiceLocation {
  const credentials = { secretId: '', secretKey: '' };
  return { url: new URL('http://127.0.0.1'), credentials, topicId, storeFolder, isStopped: true };
}

function notRunning(storeFolder: string, error?: unknown): OperationalError {
  return new OperationalError(
    'logservice.unreachable',
    `Locating the log service of ${storeFolder} failed: no log service is running. Start one: ${startLine(storeFolder)}.`,
    error,
  );
}

function readStore(storeFolder: string, name: string): Readonly<Record<string, unknown>> {
  const path = join(storeFolder, name);
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw notRunning(storeFolder, error);
    const why = code === 'EACCES' ? `permission denied on ${path}. Run as the user of the log service` : message;
    throw new OperationalError(
      'logservice.unreachable',
      `Locating the log service of ${storeFolder} failed: ${why}.`,
      error,
    );
  }
}

function startLine(storeFolder: string): string {
  const own = ownCommand();
  return storeFolder === DEFAULT_STORE_FOLDER
    ? `${own} logservice (or ${own} run)`
    : `${own} logservice --store ${quoted(storeFolder)}`;
}

export interface ServiceQuestion {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** Of the URL. */
  readonly parameters?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: object;
  readonly signal?: AbortSignal | undefined;
}

export class LogServiceClient {
  readonly #location: LogServiceLocation;
  readonly #now: () => number;

  /** @param now Unix milliseconds, for signatures */
  constructor(location: LogServiceLocation, now: () => number) {
    this.#location = location;
    this.#now = now;
  }

  /** @throws OperationalError `logservice.unreachable`, or `logservice.refused` with the service's own sentence */
  async search(question: SearchQuestion): Promise<SearchAnswer> {
    const { query, exclude, fromMs, toMs, limit, topicId = this.#location.topicId, signal } = question;
    const body = { topic_id: topicId, query, exclude, from: fromMs, to: toMs, limit };
    if (this.#location.isStopped === true) return await this.#searchStopped(body, signal);
    try {
      return (await this.ask({ method: 'POST', path: '/search', body, signal })) as unknown as SearchAnswer;
    } catch (error) {
      // A service that was killed leaves its address behind.
      if (this.#location.socketPath === undefined || !(error instanceof Error && isRefused(error.cause))) throw error;
      return await this.#searchStopped(body, signal);
    }
  }

  async #searchStopped(question: object, signal: AbortSignal | undefined): Promise<SearchAnswer> {
    const text = await searchStopped(this.#location.storeFolder, question, signal);
    return answerIn(200, text, this.#location.storeFolder) as unknown as SearchAnswer;
  }

  /** One request and its answer, an object. @throws OperationalError as `search` does */
  async ask(question: ServiceQuestion): Promise<Readonly<Record<string, unknown>>> {
    if (this.#location.isStopped === true) throw notRunning(this.#location.storeFolder);
    const { status, text } = await this.#exchange(question);
    return answerIn(status, text, this.#location.url.origin);
  }

  async #exchange(question: ServiceQuestion): Promise<{ readonly status: number; readonly text: string }> {
    const { method, path, parameters = {}, signal } = question;
    const { url, socketPath, credentials } = this.#location;
    const isSecure = url.protocol === 'https:';
    const seconds = Math.floor(this.#now() / 1000);
    const body = question.body === undefined ? '' : JSON.stringify(question.body);
    const digest = createHash('sha256').update(body).digest('hex');
    const headers = { 'content-type': 'application/json', host: url.host, 'x-cls-content-sha256': digest };
    const authorization = signRequest({
      ...credentials,
      method,
      path,
      parameters,
      headers,
      beginSeconds: seconds - 60,
      endSeconds: seconds + 300,
    });
    const target = new URL(path, url);
    target.search = new URLSearchParams(parameters).toString();
    const connector = new Connector({ endpoint: url, timeouts: DEFAULT_TIMEOUTS });
    const agent = socketPath === undefined ? connectingAgent(connector, isSecure, {}) : new http.Agent();
    const request = (isSecure ? https : http).request(target, {
      method,
      ...(socketPath === undefined ? {} : { socketPath }),
      headers: { ...headers, authorization, 'content-length': Buffer.byteLength(body) },
      timeout: ANSWER_TIMEOUT_MS,
      agent,
      signal,
    });
    try {
      return await exchange(request, body);
    } catch (error) {
      throw this.#unreachable(error as NodeJS.ErrnoException);
    } finally {
      agent.destroy();
    }
  }

  #unreachable(error: NodeJS.ErrnoException): OperationalError {
    const { url, storeFolder } = this.#location;
    const why = isRefused(error) ? `it is not running. Start it: ${startLine(storeFolder)}` : error.message;
    return new OperationalError(
      'logservice.unreachable',
      `Request to the log service at ${url.origin} failed: ${why}.`,
      error,
    );
  }
}

/** @throws OperationalError with what the service refused it for */
function answerIn(status: number, text: string, asked: string): Readonly<Record<string, unknown>> {
  const answer = parseObject(text);
  const { errormessage, errorcode } = answer ?? {};
  if (status === 200 && answer !== undefined && errorcode === undefined) return answer;
  throw new OperationalError(
    'logservice.refused',
    typeof errormessage === 'string'
      ? errormessage
      : `Asking ${asked} failed: answer ${status} is not from a log service.`,
  );
}

/** No address has a listener. */
function isRefused(error: unknown): boolean {
  return error instanceof Error && /ECONNREFUSED|ENOENT/.test(error.message);
}

function exchange(request: http.ClientRequest, body: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    request.on('error', reject);
    request.on('timeout', () => request.destroy(new Error(`no answer within ${ANSWER_TIMEOUT_MS / 1000} seconds`)));
    request.on('response', (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        chunks.push(chunk);
        if (bytes > ANSWER_BYTES_MAX) request.destroy(new Error(`answer longer than ${ANSWER_BYTES_MAX} bytes`));
      });
      response.on('error', reject);
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }),
      );
    });
    request.end(body);
  });
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
