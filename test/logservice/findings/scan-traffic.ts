/** A port scan as records of windows, and a client that asks for what is found. */
import { expect } from 'vitest';
import type { NumberedEvent } from '../../../detect/event-log.ts';
import type { Finding } from '../../../detect/finding.ts';
import { call, type Reply, signedBody, type TestLog, type TestService, upload } from '../harness.ts';

const SCANNER = '10.0.0.9';
const VICTIM = '10.0.0.1';
/** Its subject. */
export const SCAN = { srcaddr: SCANNER, dstaddr: VICTIM };

/** Unix seconds. */
export interface Window {
  readonly start: number;
  readonly end: number;
}

const SPAN_SECONDS = 300;

/** Ten seconds, so many windows before the last one of the last five minutes that rules look at as one time. */
export function windowAgo(count: number): Window {
  const end = Math.floor(Date.now() / 1000 / SPAN_SECONDS) * SPAN_SECONDS - 10 * count;
  return { start: end - 10, end };
}

export function record({ start, end }: Window, fields: Readonly<Record<string, string>>): TestLog {
  const contents = {
    version: '2',
    'account-id': '-',
    'interface-id': 'eni-1',
    srcport: '40000',
    protocol: '6',
    packets: '1',
    bytes: '60',
    start: String(start),
    end: String(end),
    action: 'ACCEPT',
    'log-status': 'OK',
    ...fields,
  };
  return { time: end * 1000, contents };
}

/** @param first port that is tried */
export function scan(
  window: Window,
  { ports = 30, first = 1, source = SCANNER, destination = VICTIM } = {},
): readonly TestLog[] {
  return Array.from({ length: ports }, (_, index) =>
    record(window, { srcaddr: source, dstaddr: destination, dstport: String(first + index), 'tcp-flags': '2' }),
  );
}

export function ledger({ start, end }: Window): TestLog {
  const about = { version: '2', 'interface-id': 'eni-1', start: String(start), end: String(end) };
  return { time: end * 1000, contents: { ...about, 'ledger-status': 'OK' } };
}

export class FindingsCaller {
  readonly #service: TestService;

  constructor(service: TestService) {
    this.#service = service;
  }

  async send(...logs: readonly TestLog[]): Promise<void> {
    expect((await upload(this.#service, [{ logs }])).status).toBe(200);
  }

  get(path: string): Promise<Reply> {
    const { url, keys } = this.#service;
    return call(url, path, { keys });
  }

  post(path: string, body: object | string): Promise<Reply> {
    const { url, keys } = this.#service;
    return call(url, path, { ...signedBody(typeof body === 'string' ? body : JSON.stringify(body)), keys });
  }

  async list(query = ''): Promise<readonly Finding[]> {
    return (await this.get(`/findings${query}`)).json['findings'] as readonly Finding[];
  }

  /** Waits for so many. */
  async eventsAfter(cursor: number, count: number): Promise<readonly NumberedEvent[]> {
    const events: NumberedEvent[] = [];
    for (let after = cursor; events.length < count; ) {
      const { json, text } = await this.get(`/findings/events?after=${after}&wait=20`);
      expect(json['cursor'], text).toBeTypeOf('number');
      events.push(...(json['events'] as readonly NumberedEvent[]));
      after = Number(json['cursor']);
    }
    return events;
  }
}
