/**
 * What a request must be before anybody looks at what it wants: of one meaning. What a proxy on the way, the signature and the
 * service could read in two ways is refused.
 */
import type { IncomingMessage } from 'node:http';
import { Refusal } from '../model/refusal.ts';

/** An upload of an SDK has about ten. */
export const HEADERS_MAX = 100;

/** The headers that decide something: one of each. */
const SINGLE = /^(?:authorization|host|content-(?:type|md5|encoding)|transfer-encoding|x-cls-.*)$/;

/** The URL that it names, or why it is refused. */
export function parseRequest(request: IncomingMessage): URL | Refusal {
  const problem = headerProblem(request);
  if (problem !== undefined) return new Refusal('InvalidParam', problem);
  const coding = request.headers['content-encoding'];
  if (coding !== undefined && coding !== 'identity') {
    return new Refusal('InvalidCompressType', 'Content-Encoding is not supported; x-cls-compress-type is.');
  }
  return parseTarget(request.url ?? '');
}

function headerProblem({ httpVersion, headers, rawHeaders }: IncomingMessage): string | undefined {
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return 'The request is neither HTTP/1.1 nor HTTP/1.0.';
  if (rawHeaders.length > 2 * HEADERS_MAX) return `The request has more than ${HEADERS_MAX} headers.`;
  if (httpVersion === '1.1' && headers.host === undefined) return 'The header host is missing.';
  const names = rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
  const twice = names.find((name, index) => SINGLE.test(name) && names.indexOf(name) < index);
  if (twice !== undefined) return `The header ${twice} came twice.`;
  const transfer = headers['transfer-encoding'];
  if (transfer !== undefined && transfer.toLowerCase() !== 'chunked') return 'Transfer-Encoding is not chunked.';
  const expected = headers.expect ?? '100-continue';
  if (expected.toLowerCase() !== '100-continue') return 'The service meets no expectation but 100-continue.';
  return undefined;
}

function parseTarget(text: string): URL | Refusal {
  // Only the path and the query matter, and never a host that the client put there.
  const url =
    text.startsWith('/') && URL.canParse(`http://service${text}`) ? new URL(`http://service${text}`) : undefined;
  if (url === undefined) return new Refusal('InvalidParam', 'The URL is not understood: it is no path.');
  if (`${url.pathname}${url.search === '' ? '' : '?'}` !== text.slice(0, text.indexOf('?') + 1 || undefined)) {
    return new Refusal('InvalidParam', 'The URL is not in its simplest form.');
  }
  const names = [...url.searchParams.keys()].map((name) => name.toLowerCase());
  // The signature does not tell upper and lower case apart.
  if (new Set(names).size < names.length) return new Refusal('InvalidParam', 'A parameter of the URL came twice.');
  return url;
}
