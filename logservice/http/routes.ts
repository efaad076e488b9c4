import type { Findings } from '../findings/findings.ts';
import { Refusal } from '../model/refusal.ts';
import type { Searches } from '../search/searches.ts';
import type { Store } from '../store/store.ts';
import type { Topic } from '../store/topics.ts';
import { COMMIT_UPLOADS_MAX, type Writer } from '../store/writer.ts';
import { decompress } from '../upload/compression.ts';
import { checkDigests, DIGEST_HEADER } from './body-digest.ts';
import { FINDINGS_ROUTES } from './findings-routes.ts';
import type { Answer, Exchange, Handler } from './http-server.ts';
import { readBody } from './request-body.ts';
import { parseSearch } from './search-body.ts';
import { type Credentials, checkSignature, type SignatureDemands } from './signature.ts';

/**
 * What each path does:
 *
 *     POST /structuredlog?topic_id=ID   one upload, as Cloud Log Service takes it
 *     POST /search                      {topic_id, query, exclude, from, to, limit} -> {columns, rows, ...}
 *     GET  /topics                      the topics, and what they hold
 *     GET  /health                      alive; the only one without a signature
 *     ...  /findings ...                findings-routes.ts
 */
export interface Service {
  readonly store: Store;
  readonly writer: Writer;
  readonly searches: Searches;
  readonly topics: ReadonlyMap<string, Topic>;
  readonly credentials: Credentials;
  readonly findings: Findings;
  readonly now: () => number;
}

/** Bodies held at a time: 16 times 6 MB is what uploads may cost in memory. Four of them are for the owner's socket. */
const UPLOADS_MAX = COMMIT_UPLOADS_MAX;
const PORT_UPLOADS_MAX = UPLOADS_MAX - 4;
const QUERY_BODY_BYTES_MAX = 64 * 1024;

/** A request that was overheard can be sent again for so long; uploads are as the SDKs sign them. */
const READ_DEMANDS: SignatureDemands = { secondsMax: 900, headers: [] };
const SEARCH_DEMANDS: SignatureDemands = { ...READ_DEMANDS, headers: [DIGEST_HEADER] };

/** Uploads under way, of the owner and of others. */
interface Uploads {
  running: number;
  byPort: number;
}

export function createHandler(service: Service): Handler {
  const uploads: Uploads = { running: 0, byPort: 0 };
  return async (exchange) => {
    const { request, url } = exchange;
    switch (`${request.method} ${url.pathname}`) {
      case 'GET /health':
        return { status: 'ok' };
      case 'POST /structuredlog':
        return authorized(service, exchange) ?? (await admitUpload(service, exchange, uploads));
      case 'POST /search':
        return authorized(service, exchange, SEARCH_DEMANDS) ?? (await search(service, exchange));
      case 'GET /topics':
        return authorized(service, exchange, READ_DEMANDS) ?? { topics: await listTopics(service) };
      default:
        return await other(service, exchange);
    }
  };
}

async function other(service: Service, exchange: Exchange): Promise<Answer | Refusal> {
  const { request, url } = exchange;
  const route = FINDINGS_ROUTES.get(`${request.method} ${url.pathname}`);
  if (route === undefined) return new Refusal('NotSupported', `No such endpoint: ${request.method} ${url.pathname}`);
  const demands = request.method === 'POST' ? SEARCH_DEMANDS : READ_DEMANDS;
  return authorized(service, exchange, demands) ?? (await route(service.findings, exchange));
}

function authorized(
  service: Service,
  { request, url, keepConnection }: Exchange,
  demands?: SignatureDemands,
): Refusal | undefined {
  const { method = '', headers } = request;
  const signed = { method, path: url.pathname, parameters: url.searchParams, headers };
  const refusal = checkSignature(signed, service.credentials, service.now(), demands);
  if (refusal === undefined) keepConnection();
  return refusal;
}

async function admitUpload(service: Service, exchange: Exchange, uploads: Uploads): Promise<Answer | Refusal> {
  const byPort = exchange.isOwners ? 0 : 1;
  if (uploads.running >= UPLOADS_MAX || uploads.byPort + byPort > PORT_UPLOADS_MAX) {
    const max = exchange.isOwners ? UPLOADS_MAX : PORT_UPLOADS_MAX;
    return new Refusal('SpeedQuotaExceed', `${max} uploads are under way already; try again later.`);
  }
  uploads.running += 1;
  uploads.byPort += byPort;
  try {
    return await upload(service, exchange);
  } finally {
    uploads.running -= 1;
    uploads.byPort -= byPort;
  }
}

async function upload(service: Service, { request, url }: Exchange): Promise<Answer | Refusal> {
  const topic = topicOf(service, url.searchParams.get('topic_id'));
  if (topic instanceof Refusal) return topic;
  if (topic.closed) return new Refusal('TopicClosed', `The collection of the topic ${topic.id} is switched off.`);
  const type = request.headers['content-type'];
  if (type === undefined || type === '') return new Refusal('MissingContentType', 'Content-Type is missing.');
  if (type.split(';', 1)[0]!.trim().toLowerCase() !== 'application/x-protobuf') {
    return new Refusal('InvalidContentType', 'Content-Type is not application/x-protobuf.');
  }
  const sent = await readBody(request);
  if (sent instanceof Refusal) return sent;
  if (sent.length === 0) return new Refusal('MissingContent', 'The body is empty.');
  const altered = checkDigests(request.headers, sent);
  if (altered !== undefined) return altered;
  const compressType = request.headers['x-cls-compress-type'];
  const body = await decompress(typeof compressType === 'string' ? compressType : undefined, sent);
  if (body instanceof Refusal) return body;
  const written = await service.writer.write(topic, body);
  return written instanceof Refusal ? written : undefined;
}

function topicOf(service: Service, id: unknown): Topic | Refusal {
  if (typeof id !== 'string' || id === '') return new Refusal('InvalidParam', 'topic_id is missing.');
  const shown = id.slice(0, 100);
  return (
    service.topics.get(id) ??
    new Refusal('TopicNotExist', `There is no topic '${shown}'; start the service with --topic ${shown} to make it.`)
  );
}

async function search(service: Service, { request, signal }: Exchange): Promise<Answer | Refusal> {
  const body = await readBody(request, QUERY_BODY_BYTES_MAX);
  if (body instanceof Refusal) return new Refusal('InvalidParam', 'The query is too long.');
  const altered = checkDigests(request.headers, body);
  if (altered !== undefined) return altered;
  const asked = parseSearch(body, service.now());
  if (asked instanceof Refusal) return asked;
  const topic = topicOf(service, asked.topicId);
  if (topic instanceof Refusal) return topic;
  return await service.searches.run({ ...asked, topic, otherKeys: [...service.writer.otherKeys(topic.id)], signal });
}

async function listTopics(service: Service): Promise<readonly object[]> {
  const held = await service.store.read(
    `SELECT p.topic, count(*), count(*) FILTER (NOT p.indexed), min(l.time), max(l.time)
     FROM logs l JOIN packages p ON p.id = l.package GROUP BY p.topic`,
  );
  const byTopic = new Map(held.map(([topic, ...counts]) => [topic, counts.map((count) => Number(count))]));
  return [...service.topics.values()].map((topic) => {
    const [logs = 0, notIndexed = 0, firstMs, lastMs] = byTopic.get(topic.id) ?? [];
    const { writer } = service;
    const counted = { duplicatesDropped: writer.duplicates(topic.id), keysBeyond: writer.keysBeyond(topic.id) };
    return { ...topic, logs, notIndexed, firstMs, lastMs, ...counted };
  });
}
