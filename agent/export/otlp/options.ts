/** The options of a sink of type `otlp`, and what they become. */
import { BOOLEAN, choice, type Kind } from '../../options/kinds.ts';
import { option, required, secretOrFile, section, type ValueOf } from '../../options/option.ts';
import type { SectionFindings } from '../../options/sink-options.ts';
import { ATTRIBUTE_NAMES, type AttributeNames } from '../../record/otel-attributes.ts';
import { CONNECTION_FIELDS, checkClientCertificate, type TlsFiles, warnUnencrypted } from '../connection-options.ts';

export type Headers = Readonly<Record<string, string>>;

export interface OtlpOptions {
  /** Where logs are posted, path included. */
  readonly endpoint: URL;
  readonly headers: Headers;
  readonly names: AttributeNames;
  readonly compression: 'gzip' | 'none';
  readonly tls?: TlsFiles | undefined;
  /** Undefined: as the environment says. */
  readonly proxy: URL | 'none' | undefined;
  readonly requestTimeoutSeconds: number;
  readonly ledgerLog: boolean;
}

const LOGS_PATH = '/v1/logs';
const HEADERS_MAX = 32;

/** What the sink says itself, or what would change how a request is read. */
const OWN_HEADERS = new Set([
  ...['accept-encoding', 'connection', 'content-encoding', 'content-length', 'content-type', 'expect', 'host'],
  ...['proxy-authorization', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'user-agent'],
]);

const ENDPOINT: Kind<URL> = {
  expected: 'a URL such as http://collector.example.net:4318, without user, query or fragment',
  parse: (text) =>
    /^https?:\/\/[^/\\?#@\s]+(?:\/[^\\?#@\s]*)?$/.test(text) && URL.canParse(text) ? logsUrl(new URL(text)) : undefined,
};

/** Headers as HTTP writes them, one a line. */
export const HEADERS: Kind<Headers> = {
  expected: `lines such as 'Authorization: Bearer TOKEN', ${HEADERS_MAX} at most, none twice and none of flowlogd's own (Content-Type, Host, ...)`,
  parse(text) {
    const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '');
    const pairs = lines.map((line) =>
      /^\s*([\w!#$%&'*+.^`|~-]+):[ \t]*([\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?)\s*$/.exec(line),
    );
    const names = pairs.map((pair) => pair?.[1]?.toLowerCase());
    const isValid = names.every((name) => name !== undefined && !OWN_HEADERS.has(name));
    if (!isValid || lines.length === 0 || lines.length > HEADERS_MAX || new Set(names).size < names.length)
      return undefined;
    return Object.fromEntries(pairs.map((pair) => [pair![1]!, pair![2]!]));
  },
};

/** The base of a receiver, as OTEL_EXPORTER_OTLP_ENDPOINT is one, or the whole URL. */
export function logsUrl(url: URL): URL {
  const path = url.pathname.replace(/\/+$/, '');
  return new URL(path.endsWith(LOGS_PATH) ? path : `${path}${LOGS_PATH}`, url);
}

export const OTLP_SECTION = section(
  'A receiver of OpenTelemetry logs over HTTP (OTLP/HTTP, protobuf), such as a collector: see otlp.md.',
  {
    endpoint: required(ENDPOINT, {
      description:
        'Where the receiver is; `/v1/logs` is appended unless the URL ends so. Plain `http` is for loopback and trusted networks.',
      example: 'http://collector.example.net:4318',
    }),
    ...secretOrFile(
      'headers',
      {
        description: 'Headers of each request, one a line: credentials, a tenant. Shown nowhere.',
        example: 'Authorization: Bearer xxxxxxxx',
      },
      { description: 'A file that holds them.', example: 'otlp-headers' },
      HEADERS,
    ),
    names: option(choice(ATTRIBUTE_NAMES), 'otel', {
      description:
        'How the attributes are called: as the conventions of OpenTelemetry, or (`aws`) as collectors name the flow logs of AWS: see otlp.md.',
    }),
    compression: option(choice(['gzip', 'none']), 'gzip', { description: 'Of requests.' }),
    ...CONNECTION_FIELDS,
    ledgerLog: option(BOOLEAN, 'true', {
      description: 'Send the ledger of each window (offered, metered, excluded, dropped ...) as a record of its own.',
    }),
  },
);

/** @param text what the file holds that an option names */
export function readOtlpOptions(
  values: ValueOf<typeof OTLP_SECTION>,
  text: (option: 'caFile' | 'certFile' | 'keyFile') => string | undefined,
): OtlpOptions {
  const { endpoint, headers = {}, names, compression, proxy, requestTimeoutSeconds, ledgerLog } = values;
  const tls = { ca: text('caFile'), cert: text('certFile'), key: text('keyFile') };
  return { endpoint, headers, names, compression, tls, proxy, requestTimeoutSeconds, ledgerLog };
}

export function checkOtlpOptions(section: SectionFindings): void {
  checkClientCertificate(section);
  const endpoint = section.value('endpoint');
  if (endpoint instanceof URL) warnUnencrypted(section, endpoint);
}
